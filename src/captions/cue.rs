//! Turns of speech, and the cues that show them.

use std::time::Duration;

/// The shortest time a cue is shown: 5/6 s.
pub const MIN_DURATION: Duration = Duration::from_millis(833);
/// The longest time a cue is shown.
pub const MAX_DURATION: Duration = Duration::from_secs(7);
/// A gap between cues that is shorter than this is closed.
pub const MIN_GAP: Duration = Duration::from_millis(500);
/// How long a cue may stay on the screen after its speech has ended.
pub const MAX_LINGER: Duration = Duration::from_millis(500);
/// The width of a line in columns.
pub const LINE_COLUMNS: usize = 42;
/// The width of a line of mostly full-width characters in columns: 16 characters.
pub const FULL_WIDTH_LINE_COLUMNS: usize = 32;

/// A stretch of media time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CueSpan {
    /// Its beginning.
    pub start: Duration,
    /// Its end.
    pub end: Duration,
}

impl CueSpan {
    /// Makes a span from milliseconds.
    pub const fn from_millis(start: u64, end: u64) -> Self {
        Self { start: Duration::from_millis(start), end: Duration::from_millis(end) }
    }

    /// Returns how long it lasts.
    pub fn duration(self) -> Duration {
        self.end.saturating_sub(self.start)
    }
}

/// Where a time comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timing {
    /// The server reported it.
    Server,
    /// Local voice activity detection found it.
    Local,
    /// It is estimated from the amount of text.
    #[default]
    Estimated,
}

/// A word or segment whose time the server reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedText {
    /// When it is spoken.
    pub span: CueSpan,
    /// Its text.
    pub text: String,
}

/// A token of a transcript.
#[derive(Clone, Debug, PartialEq)]
pub struct CaptionToken {
    /// Its text.
    pub text: String,
    /// Natural logarithm of its probability.
    pub logprob: f64,
}

/// One turn of speech and its transcript.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    /// The conversation item.
    pub item_id: String,
    /// When it is spoken.
    pub span: CueSpan,
    /// Where `span` comes from.
    pub timing: Timing,
    /// The transcript, on one line.
    pub text: String,
    /// Words or segments of the transcript with their times; empty if the server reports none.
    pub parts: Vec<TimedText>,
    /// The stretches of speech that were detected within the turn; empty if nothing was detected.
    pub speech: Vec<CueSpan>,
    /// Who speaks, if the model tells speakers apart.
    pub speaker: Option<String>,
    /// The language as a BCP 47 tag, if known.
    pub language: Option<String>,
    /// Tokens of the transcript, if they were requested.
    pub tokens: Vec<CaptionToken>,
    /// Whether the server failed to transcribe it.
    pub has_failed: bool,
}

/// A caption as a player shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When it is shown; whole milliseconds.
    pub span: CueSpan,
    /// Where `span` comes from.
    pub timing: Timing,
    /// One or two lines, none of them empty.
    pub lines: Vec<String>,
    /// The items it shows.
    pub item_ids: Vec<String>,
    /// Who speaks.
    pub speaker: Option<String>,
    /// Whether the cue before it has another speaker.
    pub is_new_speaker: bool,
}

impl Cue {
    /// Returns its text on one line.
    pub fn text(&self) -> String {
        let is_wide = |character: Option<char>| {
            character.is_some_and(|character| {
                let is_hangul = matches!(character, '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7af}');
                !is_hangul && unicode_width::UnicodeWidthChar::width(character) == Some(2)
            })
        };
        self.lines.iter().fold(String::new(), |text, line| {
            let is_joined =
                text.is_empty() || is_wide(text.chars().next_back()) || is_wide(line.chars().next());
            text + if is_joined { "" } else { " " } + line
        })
    }
}

/// Turns whose cues are final, in the order of time: one turn, or short ones that share a cue.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// The turns.
    pub turns: Vec<Turn>,
    /// Their cues; none if nothing was said or understood.
    pub cues: Vec<Cue>,
}

/// Rounds to the nearest millisecond.
pub(super) fn rounded(time: Duration) -> Duration {
    let ms = (time.as_nanos() + 500_000) / 1_000_000;
    Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
}
