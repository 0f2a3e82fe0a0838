//! Writes captions as files that are valid whenever writing stops: what is written is never changed.

pub(in crate::captions) mod time;
mod text;
mod srt;
mod vtt;
mod jsonl;
mod markdown;
mod lrc;

use std::time::Duration;

use crate::captions::cue::Passage;

/// A format of captions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A line for each turn.
    Text,
    /// SubRip.
    Srt,
    /// WebVTT.
    Vtt,
    /// A JSON object on a line for each turn and each cue.
    Jsonl,
    /// Markdown, a paragraph for each turn.
    Markdown,
    /// Lyrics, as music players show them.
    Lrc,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Text, Self::Srt, Self::Vtt, Self::Jsonl, Self::Markdown, Self::Lrc];

    /// Returns the extension of its files.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Srt => "srt",
            Self::Vtt => "vtt",
            Self::Jsonl => "jsonl",
            Self::Markdown => "md",
            Self::Lrc => "lrc",
        }
    }

    /// Returns the format of a file by its extension.
    pub fn of_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.extension().eq_ignore_ascii_case(extension))
    }
}

/// Turns passages into the text of a file, which is appended as it comes.
#[derive(Debug)]
pub struct CaptionWriter {
    format: Format,
    /// The number of the last cue.
    number: u64,
    /// The end of the last line of lyrics.
    lyrics: lrc::Lyrics,
    /// Who spoke last.
    speaker: Option<String>,
}

impl CaptionWriter {
    /// Begins a file.
    pub fn new(format: Format) -> Self {
        Self::resumed(format, 0)
    }

    /// Continues a file that holds `cues` cues.
    pub fn resumed(format: Format, cues: u64) -> Self {
        Self { format, number: cues, lyrics: lrc::Lyrics::default(), speaker: None }
    }

    /// Returns what stands at the beginning of a file.
    pub fn header(&self) -> &'static str {
        match self.format {
            Format::Vtt => "WEBVTT\n\n",
            Format::Text | Format::Srt | Format::Jsonl | Format::Markdown | Format::Lrc => "",
        }
    }

    /// Returns what a passage adds; all of it is to be written at once.
    pub fn passage(&mut self, passage: &Passage) -> String {
        let Passage { turns, cues } = passage;
        match self.format {
            Format::Text => turns.iter().map(|turn| text::turn(turn, &mut self.speaker)).collect(),
            Format::Markdown => turns.iter().map(|turn| markdown::turn(turn, &mut self.speaker)).collect(),
            Format::Jsonl => jsonl::passage(passage),
            Format::Srt => cues.iter().map(|cue| srt::cue(self.next_number(), cue)).collect(),
            Format::Vtt => cues.iter().map(vtt::cue).collect(),
            Format::Lrc => cues.iter().map(|cue| self.lyrics.cue(cue)).collect(),
        }
    }

    /// Returns what a place adds that the user marked; nothing in formats that show all of their text.
    pub fn mark(&self, number: u32, at: Duration) -> String {
        let clock = time::clock(at, '.');
        match self.format {
            Format::Text => format!("--- mark {number}, {clock}\n"),
            Format::Markdown => format!("---\n\n**[{}]** mark {number}\n\n", &clock[..clock.len() - 4]),
            Format::Jsonl => jsonl::mark(number, at),
            Format::Vtt => format!("NOTE mark {number}, {clock}\n\n"),
            Format::Srt | Format::Lrc => String::new(),
        }
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}

/// Returns the name of a turn's speaker if it is another one than before.
fn new_speaker<'a>(speaker: Option<&'a str>, last: &mut Option<String>) -> Option<&'a str> {
    let speaker = speaker?;
    if last.as_deref() == Some(speaker) {
        return None;
    }
    *last = Some(speaker.to_owned());
    Some(speaker)
}
