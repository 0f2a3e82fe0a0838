//! Captions as a file of cues, next to what is shown of the session.

use std::io::{self, Write};
use std::time::Duration;

use crate::captions::chinese::ChineseScript;
use crate::captions::cue::{CaptionToken, CueSpan, Passage, TimedText, Timing, Turn};
use crate::captions::format::CaptionWriter;
use crate::captions::resume::Whole;
use crate::captions::segmenter::Segmenter;
use crate::session::io::{EndReason, MediaSpan, Notice, TimeSource, UserUtterance};
use crate::ui::output::presenter::NoticeWriter;
use crate::ui::text::sanitize::{one_line, sanitize};
use crate::ui::text::speakers::{SpokenPart, spoken_parts};

/// Less detected speech than this says nothing about when words are spoken.
const MIN_SPEECH: Duration = Duration::from_millis(200);

/// When the cues of a turn are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CueRelease {
    /// At once, for live reading.
    AtOnce,
    /// When the time of the next turn is known, which decides how long the last cue is shown.
    BeforeNextTurn,
}

/// Writes final captions as cues to one writer, and passes all notices on to a presenter.
pub struct CaptionLines<F, W> {
    inner: F,
    output: W,
    writer: CaptionWriter,
    segmenter: Segmenter,
    release: CueRelease,
    /// The end of the captions that the file holds already.
    resumed_at: Duration,
    /// The end of the last turn.
    last_end: Duration,
    is_headed: bool,
}

impl<F: NoticeWriter, W: Write> CaptionLines<F, W> {
    /// Writes a new file.
    pub fn new(inner: F, output: W, writer: CaptionWriter, release: CueRelease) -> Self {
        Self {
            inner,
            output,
            writer,
            segmenter: Segmenter::default(),
            release,
            resumed_at: Duration::ZERO,
            last_end: Duration::ZERO,
            is_headed: false,
        }
    }

    /// Continues a file; turns that end before its last cue are not written again.
    pub fn resumed_at(self, Whole { bytes, end, .. }: Whole) -> Self {
        let segmenter = Segmenter::resumed_at(end);
        Self { segmenter, resumed_at: end, last_end: end, is_headed: bytes > 0, ..self }
    }

    fn user(&mut self, line: &UserUtterance) -> io::Result<()> {
        // The text is empty if nothing was said, or if another connection will caption the turn.
        if !line.is_final || line.text.trim().is_empty() && !line.has_failed {
            return Ok(());
        }
        let turn = self.turn(line);
        self.last_end = self.last_end.max(turn.span.end);
        let spoken = CueSpan {
            start: turn.speech.first().map_or(turn.span.start, |first| first.start),
            end: turn.speech.last().map_or(turn.span.end, |last| last.end),
        };
        // The audio begins before the end of the file; detected times differ by a little.
        if spoken.start + spoken.duration() / 2 < self.resumed_at {
            return Ok(());
        }
        for part in spoken_parts(line) {
            let passage = self.segmenter.push(part_of(&turn, part));
            self.write(passage)?;
        }
        match self.release {
            CueRelease::AtOnce => self.finish(),
            CueRelease::BeforeNextTurn => Ok(()),
        }
    }

    fn turn(&self, line: &UserUtterance) -> Turn {
        let at_end = CueSpan { start: self.last_end, end: self.last_end };
        let (span, timing, speech) = match &line.spoken {
            Some(spoken) => (span(spoken.span), timing(spoken.source), spoken.speech.as_slice()),
            None => (at_end, Timing::Estimated, [].as_slice()),
        };
        let detected: Duration = speech.iter().map(|speech| speech.end.saturating_sub(speech.start)).sum();
        let logprobs = line.spoken.iter().flat_map(|spoken| &spoken.logprobs);
        let tokens = logprobs
            .map(|token| CaptionToken { text: sanitize(&token.token).into_owned(), logprob: token.logprob });
        let speech = if detected < MIN_SPEECH { [].as_slice() } else { speech };
        Turn {
            item_id: line.item_id.clone(),
            span,
            timing,
            text: one_line(&line.text),
            speech: speech.iter().copied().map(self::span).collect(),
            language: line.spoken.as_ref().and_then(|spoken| spoken.language.as_deref()).map(one_line),
            tokens: tokens.collect(),
            has_failed: line.has_failed,
            ..Turn::default()
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        let passage = self.segmenter.finish();
        self.write(passage)
    }

    /// Writes a passage in one piece, so that the file ends with a whole one whenever the program is killed.
    fn write(&mut self, passage: Option<Passage>) -> io::Result<()> {
        let Some(passage) = passage else { return Ok(()) };
        let text = self.writer.passage(&passage);
        self.put(&text)
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        let header = if std::mem::replace(&mut self.is_headed, true) { "" } else { self.writer.header() };
        if header.is_empty() && text.is_empty() {
            return Ok(());
        }
        self.output.write_all(format!("{header}{text}").as_bytes())?;
        self.output.flush()
    }
}

impl<F: NoticeWriter, W: Write> NoticeWriter for CaptionLines<F, W> {
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        if let Notice::User(line) = notice {
            self.user(line)?;
        }
        if let Notice::Mark(mark) = notice {
            self.finish()?;
            let text = self.writer.mark(mark.number, mark.at);
            self.put(&text)?;
        }
        if let Notice::End(reason) = notice {
            self.finish()?;
            if is_orderly(reason) {
                self.put("")?;
            }
        }
        self.inner.notice(at, notice)
    }
}

/// Passes captions on in one script of Chinese.
pub struct ScriptConverter<F> {
    inner: F,
    script: ChineseScript,
}

impl<F: NoticeWriter> ScriptConverter<F> {
    /// Converts what `inner` shows.
    pub fn new(inner: F, script: ChineseScript) -> Self {
        Self { inner, script }
    }
}

impl<F: NoticeWriter> NoticeWriter for ScriptConverter<F> {
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        let Notice::User(line) = notice else { return self.inner.notice(at, notice) };
        let mut line = line.clone();
        line.text = self.script.convert(&line.text).into_owned();
        for segment in line.spoken.iter_mut().flat_map(|spoken| &mut spoken.segments) {
            segment.text = self.script.convert(&segment.text).into_owned();
        }
        self.inner.notice(at, &Notice::User(line))
    }
}

/// Returns what one speaker says of a turn.
fn part_of(turn: &Turn, part: SpokenPart) -> Turn {
    let SpokenPart { speaker, text, segments } = part;
    let times: Vec<TimedText> = segments
        .iter()
        .filter_map(|segment| Some(TimedText { span: span(segment.span?), text: one_line(&segment.text) }))
        .collect();
    let is_timed = !times.is_empty() && times.len() == segments.len();
    let span = match (times.first(), times.last()) {
        (Some(first), Some(last)) if is_timed => CueSpan { start: first.span.start, end: last.span.end },
        _ => turn.span,
    };
    Turn {
        text: one_line(&text),
        speaker: speaker.as_deref().map(one_line),
        parts: if is_timed { times } else { Vec::new() },
        span,
        ..turn.clone()
    }
}

/// Returns whether the input was captioned to its end, so that even no captions are a result.
fn is_orderly(reason: &EndReason) -> bool {
    match reason {
        EndReason::User
        | EndReason::Signal(_)
        | EndReason::InputEnded
        | EndReason::Answered
        | EndReason::Limit(_)
        | EndReason::ServerClosed(_) => true,
        EndReason::NoInput(_) | EndReason::Unanswered(_) | EndReason::Refused(_) | EndReason::Lost(_) => {
            false
        }
    }
}

fn span(span: MediaSpan) -> CueSpan {
    CueSpan { start: span.start, end: span.end }
}

fn timing(source: TimeSource) -> Timing {
    match source {
        TimeSource::Server => Timing::Server,
        TimeSource::Local => Timing::Local,
        TimeSource::Estimate => Timing::Estimated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::captions::format::Format;
    use crate::captions::resume::last_whole;
    use crate::session::io::{PlaceMark, SpokenSegment, SpokenTime};

    /// A presenter that shows nothing.
    struct Silent;

    impl NoticeWriter for Silent {
        fn notice(&mut self, _at: Duration, _notice: &Notice) -> io::Result<()> {
            Ok(())
        }
    }

    fn caption(text: &str, start: u64, end: u64) -> Notice {
        let span =
            |start, end| MediaSpan { start: Duration::from_millis(start), end: Duration::from_millis(end) };
        Notice::User(UserUtterance {
            item_id: format!("item_{start}"),
            text: text.to_owned(),
            is_final: true,
            after: None,
            spoken: Some(SpokenTime {
                span: span(start, end),
                source: TimeSource::Server,
                speech: vec![span(start + 300, end - 200)],
                segments: Vec::new(),
                logprobs: Vec::new(),
                language: None,
            }),
            has_failed: false,
        })
    }

    fn written(lines: CaptionLines<Silent, Vec<u8>>, notices: &[Notice]) -> String {
        let mut lines = lines;
        for notice in notices {
            lines.notice(Duration::ZERO, notice).unwrap();
        }
        String::from_utf8(lines.output).unwrap()
    }

    fn new(format: Format, release: CueRelease) -> CaptionLines<Silent, Vec<u8>> {
        CaptionLines::new(Silent, Vec::new(), CaptionWriter::new(format), release)
    }

    #[test]
    fn a_caption_is_shown_while_its_speech_is_heard() {
        let notices = [caption("Good evening.", 0, 2_000), Notice::End(EndReason::InputEnded)];
        let srt = written(new(Format::Srt, CueRelease::BeforeNextTurn), &notices);
        assert_eq!(srt, "1\n00:00:00,300 --> 00:00:01,800\nGood evening.\n\n");
    }

    #[test]
    fn captions_come_in_the_script_that_was_asked_for() {
        let mut lines = ScriptConverter::new(new(Format::Text, CueRelease::AtOnce), ChineseScript::Taiwan);
        lines.notice(Duration::ZERO, &caption("这里的头发", 0, 2_000)).unwrap();
        assert_eq!(String::from_utf8(lines.inner.output).unwrap(), "這裡的頭髮\n");
    }

    #[test]
    fn a_turn_that_is_captioned_by_another_connection_is_no_line() {
        let notices = [caption("", 0, 2_000), Notice::End(EndReason::InputEnded)];
        assert_eq!(written(new(Format::Jsonl, CueRelease::AtOnce), &notices), "");
    }

    #[test]
    fn a_caption_that_is_read_along_is_written_at_once() {
        let notices = [caption("Good evening.", 0, 2_000)];
        assert_eq!(written(new(Format::Srt, CueRelease::BeforeNextTurn), &notices), "");
        assert!(written(new(Format::Srt, CueRelease::AtOnce), &notices).ends_with("evening.\n\n"));
    }

    #[test]
    fn a_file_without_captions_is_valid() {
        let end = [Notice::End(EndReason::InputEnded)];
        assert_eq!(written(new(Format::Vtt, CueRelease::BeforeNextTurn), &end), "WEBVTT\n\n");
        assert_eq!(written(new(Format::Srt, CueRelease::BeforeNextTurn), &end), "");
    }

    #[test]
    fn turns_that_a_resumed_file_holds_are_not_written_again() {
        let resumed = CaptionLines::new(
            Silent,
            Vec::new(),
            CaptionWriter::resumed(Format::Srt, 7),
            CueRelease::BeforeNextTurn,
        )
        .resumed_at(Whole { bytes: 400, cues: 7, end: Duration::from_secs(10) });
        let notices = [
            caption("Old.", 8_000, 9_900),
            caption("New.", 11_000, 13_000),
            Notice::End(EndReason::InputEnded),
        ];
        assert_eq!(written(resumed, &notices), "8\n00:00:11,300 --> 00:00:12,800\nNew.\n\n");
    }

    #[test]
    fn a_mark_is_written_where_a_format_has_room_for_it() {
        let mark = Notice::Mark(PlaceMark { number: 1, at: Duration::from_millis(2_500) });
        let notices = [caption("Before.", 0, 2_000), mark, caption("After.", 3_000, 5_000)];
        let with = |format| written(new(format, CueRelease::AtOnce), &notices);
        assert_eq!(with(Format::Text), "Before.\n--- mark 1, 00:00:02.500\nAfter.\n");
        assert!(with(Format::Markdown).contains("Before.\n\n---\n\n**[00:00:02]** mark 1\n\n"));
        assert!(with(Format::Vtt).contains("Before.\n\nNOTE mark 1, 00:00:02.500\n\n00:00:03.300 -->"));
        assert!(with(Format::Jsonl).contains("\n{\"type\":\"mark\",\"number\":1,\"at_ms\":2500}\n"));
        for format in [Format::Srt, Format::Lrc] {
            assert!(!with(format).contains("mark"), "{format:?} shows all of its text");
        }
        for format in [Format::Vtt, Format::Jsonl] {
            let file = with(format);
            let whole = last_whole(format, file.as_bytes()).unwrap();
            assert_eq!(
                (whole.bytes, whole.cues),
                (file.len() as u64, 2),
                "{format:?} is continued after a mark"
            );
        }
    }

    #[test]
    fn speakers_are_named_as_each_format_does() {
        let segment = |speaker: &str, text: &str, (start, end)| SpokenSegment {
            speaker: Some(speaker.to_owned()),
            text: text.to_owned(),
            span: Some(MediaSpan { start: Duration::from_millis(start), end: Duration::from_millis(end) }),
        };
        let Notice::User(mut line) = caption("Hello, is it you? Yes.", 0, 5_000) else {
            panic!("it is a line")
        };
        line.spoken.as_mut().unwrap().segments =
            vec![segment("Ann", "Hello, is it you?", (300, 2_000)), segment("Bob", "Yes.", (3_000, 4_000))];
        let notices = [Notice::User(line), Notice::End(EndReason::InputEnded)];
        let with = |format| written(new(format, CueRelease::AtOnce), &notices);
        let cue = "1\n00:00:00,300 --> 00:00:02,000\nAnn: Hello, is it you?\n\n2\n00:00:03,000 --> ";
        assert!(with(Format::Srt).starts_with(cue), "{}", with(Format::Srt));
        assert!(with(Format::Srt).ends_with("\nBob: Yes.\n\n"));
        assert!(with(Format::Vtt).contains("\n<v Ann>Hello, is it you?\n\n"));
        assert_eq!(with(Format::Text), "Ann: Hello, is it you?\nBob: Yes.\n");
        assert!(with(Format::Jsonl).contains("\"text\":\"Yes.\",\"speaker\":\"Bob\",\"timing\":\"server\""));
    }

    #[test]
    fn text_of_a_server_cannot_end_a_cue_or_reach_the_terminal() {
        let notices = [caption("one\n\n2\n\u{1b}[31mtwo", 0, 2_000), Notice::End(EndReason::InputEnded)];
        let srt = written(new(Format::Srt, CueRelease::BeforeNextTurn), &notices);
        assert!(srt.ends_with("\none 2 two\n\n"), "{srt}");
    }
}
