//! Plain output: labelled lines for pipes, dumb terminals and screen readers; no escape sequences, no
//! redrawing.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::time::Duration;

use crate::audio::api::{DeviceEntry, EchoMode, EchoStatus};
use crate::session::io::delay::Delays;
use crate::session::io::{
    AssistantLine, ConnectionState, EndReason, Notice, Ready, TurnState, UsageReport, UserUtterance,
    same_text,
};
use crate::ui::model::CallInfo;
use crate::ui::output::presenter::{AnswerWriter, NoticeWriter};
use crate::ui::text::devices::{self, NoticeSeverity};
use crate::ui::text::language::UiLanguage;
use crate::ui::text::language::strings::{ConversationStrings, Strings};
use crate::ui::text::sanitize::{Sanitizer, one_line, sanitize};
use crate::ui::text::speakers::{labelled, spoken_parts};
use crate::ui::text::wording;
use crate::ui::text::wrap::word_start;

/// Limit of notices that wait for the end of an answer's line.
const MAX_PENDING: usize = 64;

/// Purpose of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainStyle {
    /// Both sides of a call, each line once it is final.
    Talk,
    /// Only the answers, as they grow.
    Chat,
    /// Only captions, one per line.
    Transcribe,
}

impl PlainStyle {
    /// Returns what ends at the end.
    fn subject(self, strings: &Strings) -> &'static str {
        match self {
            Self::Talk | Self::Transcribe => strings.end.call,
            Self::Chat => strings.end.conversation,
        }
    }
}

/// Writes the conversation to one writer and status lines to another.
///
/// The failure of a call is omitted: `main` reports it with its hint.
#[derive(Debug)]
pub struct PlainLines<W, S> {
    style: PlainStyle,
    strings: &'static Strings,
    data: W,
    status: S,
    /// Answer being written, in chat.
    open: Option<OpenAnswer>,
    /// Answer being spoken, in a call.
    unfinished: Option<AssistantLine>,
    /// Echo mode last reported.
    echo: EchoMode,
    /// Latency so far.
    delays: Option<Delays>,
    /// Usage so far, if it is shown at the end.
    usage: UsageDisplay,
    /// Turns without a caption, in a call.
    captions: UncaptionedTurns,
    /// Items written in full; a server may repeat events.
    written: HashSet<String>,
    /// Line above all others, until it is written.
    heading: Option<String>,
    /// Current turn if turns are made by hand, else none.
    manual_turn: Option<TurnState>,
    /// Notices that arrived within an answer's line.
    pending: Vec<String>,
    /// Who spoke last in captions.
    speaker: Option<String>,
}

/// Spoken turns without a caption. A caption may arrive after the answer was written, and lines are never
/// moved.
#[derive(Debug, Default)]
struct UncaptionedTurns {
    /// Items of the user, in speaking order.
    awaited: Vec<String>,
    /// Items awaited when an answer began.
    before: HashMap<String, Vec<String>>,
    /// Items whose answer was written first.
    late: HashSet<String>,
}

impl UncaptionedTurns {
    fn add(&mut self, item_id: &str) {
        if !self.awaited.iter().any(|awaited| awaited == item_id) {
            self.awaited.push(item_id.to_owned());
        }
    }

    fn answer_started(&mut self, item_id: &str) {
        if !self.before.contains_key(item_id) {
            self.before.insert(item_id.to_owned(), self.awaited.clone());
        }
    }

    fn answer_written(&mut self, item_id: &str) {
        let before = self.before.remove(item_id).unwrap_or_default();
        self.late.extend(before.into_iter().filter(|item_id| self.awaited.contains(item_id)));
    }

    /// Removes an item and returns its label, which says whether its answer was written first.
    fn take_label(&mut self, item_id: &str, words: &ConversationStrings) -> &'static str {
        self.awaited.retain(|awaited| awaited != item_id);
        if self.late.remove(item_id) { words.you_earlier } else { words.you }
    }
}

/// Whether the usage is shown at the end.
#[derive(Debug)]
enum UsageDisplay {
    Hidden,
    /// It is; nothing is known of it at first.
    Shown(Option<Box<UsageReport>>),
}

/// An answer that is partly written.
#[derive(Debug, Default)]
struct OpenAnswer {
    item_id: String,
    /// The written part, as the server sent it.
    text: String,
    sanitizer: Sanitizer,
    /// The last character written.
    last: Option<char>,
}

impl OpenAnswer {
    /// Returns the text to write for the answer so far.
    fn progress(&mut self, text: &str) -> String {
        let new = match text.strip_prefix(self.text.as_str()) {
            Some(new) => {
                self.text.push_str(new);
                self.sanitizer.push(new)
            }
            // Equal apart from white space or damaged characters.
            None if same_text(text, &self.text) => String::new(),
            // Output cannot be taken back, so a corrected answer is written whole.
            None => {
                text.clone_into(&mut self.text);
                self.sanitizer = Sanitizer::default();
                format!("\n\n{}", self.sanitizer.push(text))
            }
        };
        self.last = new.chars().next_back().or(self.last);
        new
    }

    fn is_within_line(&self) -> bool {
        self.last.is_some_and(|last| last != '\n')
    }
}

impl<W: AnswerWriter, S: Write> PlainLines<W, S> {
    /// Returns a presenter that writes the conversation to `data` and status lines to `status`.
    pub fn new(style: PlainStyle, data: W, status: S) -> Self {
        Self {
            style,
            strings: UiLanguage::English.strings(),
            data,
            status,
            open: None,
            unfinished: None,
            echo: EchoMode::Off,
            delays: None,
            usage: UsageDisplay::Hidden,
            captions: UncaptionedTurns::default(),
            written: HashSet::new(),
            heading: None,
            manual_turn: None,
            pending: Vec::new(),
            speaker: None,
        }
    }

    /// Sets the facts known before the call.
    pub fn with_info(self, info: &CallInfo) -> Self {
        let manual_turn = info.manual_turns.then_some(TurnState::Listening);
        Self { manual_turn, strings: info.language.strings(), ..self }
    }

    /// Sets a line that is written above all others once the session is ready.
    pub fn with_heading(self, heading: Option<String>) -> Self {
        Self { heading, ..self }
    }

    /// Writes what was used at the end of the session.
    pub fn with_usage(self) -> Self {
        Self { usage: UsageDisplay::Shown(None), ..self }
    }

    /// Returns both writers.
    pub fn into_inner(self) -> (W, S) {
        (self.data, self.status)
    }

    /// Writes a status line. Both writers may be one terminal, so within an answer's line the status waits.
    fn status_line(&mut self, text: &str) {
        if self.is_within_line() && self.pending.len() < MAX_PENDING {
            self.pending.push(text.to_owned());
            return;
        }
        self.write_status(text);
    }

    /// Ignores errors: a closed stderr does not end a call.
    fn write_status(&mut self, text: &str) {
        let _ = writeln!(self.status, "{text}");
        let _ = self.status.flush();
    }

    fn is_within_line(&self) -> bool {
        self.open.as_ref().is_some_and(OpenAnswer::is_within_line)
    }

    /// Returns a text with the name of its speaker.
    fn labelled(&self, speaker: &str, text: &str) -> String {
        (self.strings.conversation.labelled)(speaker) + text
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.data, "{text}")?;
        self.data.flush()
    }

    fn user(&mut self, line: &UserUtterance) -> io::Result<()> {
        if !line.is_final {
            self.captions.add(&line.item_id);
            return Ok(());
        }
        let speaker = self.captions.take_label(&line.item_id, &self.strings.conversation);
        if line.text.trim().is_empty() {
            return Ok(());
        }
        match self.style {
            PlainStyle::Talk if self.written.insert(line.item_id.clone()) => {
                let text = self.labelled(speaker, &paragraphs(&line.text));
                self.line(&text)
            }
            PlainStyle::Transcribe if self.written.insert(line.item_id.clone()) => {
                for part in spoken_parts(line) {
                    let text = labelled(&part, &mut self.speaker);
                    self.line(&one_line(&text))?;
                }
                Ok(())
            }
            PlainStyle::Talk | PlainStyle::Chat | PlainStyle::Transcribe => Ok(()),
        }
    }

    fn assistant(&mut self, line: &AssistantLine) -> io::Result<()> {
        match self.style {
            PlainStyle::Talk => self.spoken_answer(line),
            PlainStyle::Chat => self.text_answer(line),
            PlainStyle::Transcribe => Ok(()),
        }
    }

    fn spoken_answer(&mut self, line: &AssistantLine) -> io::Result<()> {
        if self.written.contains(&line.item_id) {
            return Ok(());
        }
        self.captions.answer_started(&line.item_id);
        if !line.is_final {
            self.unfinished = Some(line.clone());
            return Ok(());
        }
        self.unfinished.take_if(|unfinished| unfinished.item_id == line.item_id);
        self.written.insert(line.item_id.clone());
        if line.text.trim().is_empty() && !line.interrupted {
            return Ok(());
        }
        self.captions.answer_written(&line.item_id);
        let words = &self.strings.conversation;
        let text = self.labelled(words.assistant, &spoken_text(line, words));
        self.line(&text)
    }

    /// Writes the answer that the end of the call cut off.
    fn finish(&mut self) -> io::Result<()> {
        self.close()?;
        let Some(line) = self.unfinished.take() else { return Ok(()) };
        match paragraphs(&line.text) {
            text if text.is_empty() => Ok(()),
            text => {
                let words = &self.strings.conversation;
                let text = self.labelled(words.assistant, &format!("{text} {}", words.unfinished));
                self.line(&text)
            }
        }
    }

    fn text_answer(&mut self, line: &AssistantLine) -> io::Result<()> {
        if self.written.contains(&line.item_id) {
            return Ok(());
        }
        if self.open.as_ref().is_some_and(|open| open.item_id != line.item_id) {
            self.close()?;
        }
        let open = self
            .open
            .get_or_insert_with(|| OpenAnswer { item_id: line.item_id.clone(), ..OpenAnswer::default() });
        self.data.write_all(open.progress(&line.text).as_bytes())?;
        self.data.flush()?;
        if line.is_final {
            self.close()?;
            if line.interrupted {
                self.status_line(self.strings.conversation.answer_interrupted);
            }
        }
        Ok(())
    }

    /// Ends the current answer with a newline.
    fn close(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let is_within_line = open.is_within_line();
        self.written.insert(open.item_id);
        let ended = if is_within_line { self.line("") } else { Ok(()) };
        let ended = ended.and_then(|()| self.data.end_answer());
        for notice in std::mem::take(&mut self.pending) {
            self.write_status(&notice);
        }
        ended
    }

    /// Writes a state that the screen would show; only in a call.
    fn call_state(&mut self, text: &str) {
        match self.style {
            PlainStyle::Talk => self.status_line(text),
            PlainStyle::Chat | PlainStyle::Transcribe => {}
        }
    }

    fn turn(&mut self, turn: TurnState) {
        let text = match &mut self.manual_turn {
            None => wording::turn(self.strings, turn),
            Some(last) => {
                *last = turn;
                wording::manual_turn(self.strings, turn)
            }
        };
        self.call_state(text);
    }

    fn devices(&mut self, entries: &[DeviceEntry]) {
        let words = &self.strings.devices;
        if entries.is_empty() {
            self.status_line(words.none_found);
        }
        for entry in entries {
            let marks = [(entry.in_use, words.in_use), (entry.is_default, words.system_default)];
            let marks: Vec<_> = marks.iter().filter(|(applies, _)| *applies).map(|(_, mark)| *mark).collect();
            let marks = match marks.join(self.strings.usage.separator) {
                marks if marks.is_empty() => marks,
                marks => (self.strings.plain.marks)(&marks),
            };
            let side = devices::side(self.strings, entry.direction);
            self.status_line(&((words.named)(side, &one_line(&entry.name)) + &marks));
        }
    }

    fn echo(&mut self, echo: &EchoStatus) {
        if std::mem::replace(&mut self.echo, echo.mode) != echo.mode {
            self.call_state(&wording::echo_sentence(self.strings, echo));
        }
    }

    fn end(&mut self, reason: &EndReason) {
        match reason {
            EndReason::User | EndReason::InputEnded | EndReason::Answered => {
                self.call_state(&wording::end(self.strings, reason, self.style.subject(self.strings)));
            }
            EndReason::Signal(_) | EndReason::ServerClosed(_) | EndReason::Limit(_) => {
                self.status_line(&wording::end(self.strings, reason, self.style.subject(self.strings)));
            }
            EndReason::NoInput(_) | EndReason::Unanswered(_) | EndReason::Refused(_) | EndReason::Lost(_) => {
            }
        }
    }
}

impl<W: AnswerWriter, S: Write> NoticeWriter for PlainLines<W, S> {
    fn notice(&mut self, _at: Duration, notice: &Notice) -> io::Result<()> {
        match notice {
            Notice::Connection(ConnectionState::Connecting) => {
                self.call_state(self.strings.states.connecting);
            }
            Notice::Connection(
                ConnectionState::Configuring
                | ConnectionState::Live
                | ConnectionState::Reconnecting
                | ConnectionState::Disconnected
                | ConnectionState::Closing
                | ConnectionState::Closed,
            )
            | Notice::SpeechStarted { .. }
            | Notice::SpeechStopped { .. }
            | Notice::Debug(_) => {}
            Notice::Usage(report) => match &mut self.usage {
                UsageDisplay::Hidden => {}
                UsageDisplay::Shown(usage) => *usage = Some(report.clone()),
            },
            Notice::Ready(ready) => {
                self.call_state(&ready_text(self.strings, ready));
                if let Some(heading) = self.heading.take() {
                    self.line(&heading)?;
                }
            }
            Notice::Turn(turn) => self.turn(*turn),
            Notice::User(line) => return self.user(line),
            Notice::Assistant(line) => return self.assistant(line),
            Notice::SpeakNow => self.call_state(match self.manual_turn {
                None | Some(TurnState::User) => self.strings.plain.speak_now,
                Some(TurnState::Listening | TurnState::Thinking | TurnState::Assistant) => {
                    self.strings.plain.not_your_turn
                }
            }),
            Notice::Device(side, state) => match devices::state(self.strings, *side, state) {
                (NoticeSeverity::Error, text) => self.status_line(&(self.strings.plain.error)(&text)),
                (NoticeSeverity::Info | NoticeSeverity::Ongoing, text) => self.status_line(&text),
                (NoticeSeverity::Quiet, _) => {}
            },
            // What was said stays on the terminal.
            Notice::Removed(_) => {}
            Notice::Mark(mark) => return self.line(&format!("--- {}", wording::mark(self.strings, *mark))),
            Notice::Devices(entries) => self.devices(entries),
            Notice::Echo(echo) => self.echo(echo),
            Notice::Delay(report) => self.delays = Some(report.all),
            Notice::Muted(true) => self.call_state(self.strings.plain.microphone_muted),
            Notice::Volume(volume) => self.call_state(&(self.strings.header.volume)(volume.percent())),
            Notice::Muted(false) => self.call_state(self.strings.plain.microphone_live),
            Notice::Error { code, message } => {
                let message = wording::error(code.as_deref(), message);
                self.status_line(&(self.strings.plain.error)(&message));
            }
            Notice::Info(message) => self.status_line(&wording::info(self.strings, message)),
            Notice::Setting(change) => self.status_line(&wording::setting(self.strings, change)),
            Notice::End(reason) => {
                self.finish()?;
                if let Some(delays) = self.delays {
                    self.call_state(&wording::latencies(self.strings, &delays));
                }
                if let UsageDisplay::Shown(usage) = &self.usage {
                    self.write_status(&wording::usage(self.strings, usage.as_deref()));
                }
                self.end(reason);
            }
        }
        Ok(())
    }
}

fn ready_text(strings: &Strings, ready: &Ready) -> String {
    let known = [ready.model.as_deref(), ready.voice.as_deref()].into_iter().flatten().map(one_line);
    let known: Vec<_> = known.filter(|name| !name.is_empty()).collect();
    match known.join(strings.usage.separator) {
        known if known.is_empty() => strings.states.connected.to_owned(),
        known => (strings.plain.connected_to)(&known),
    }
}

/// Returns the text of a spoken answer, with the unplayed part marked.
fn spoken_text(line: &AssistantLine, words: &ConversationStrings) -> String {
    let Some(heard_ms) = line.heard_ms.filter(|_| line.interrupted) else {
        let text = paragraphs(&line.text);
        return if line.interrupted { format!("{text} {}", words.interrupted) } else { text };
    };
    let (played, unplayed) = line.text.split_at(word_start(&line.text, line.heard_bytes));
    let (played, unplayed) = (paragraphs(played), one_line(unplayed));
    let after = wording::seconds(heard_ms);
    let suffix = match unplayed.as_str() {
        "" => (words.interrupted_after)(&after),
        unplayed => (words.interrupted_after_not_heard)(&after, unplayed),
    };
    if played.is_empty() { suffix } else { format!("{played} {suffix}") }
}

/// Returns sanitized text with continuation lines indented, so that no text can imitate a labelled line.
fn paragraphs(text: &str) -> String {
    sanitize(text).trim().replace('\n', "\n  ")
}

#[cfg(test)]
mod tests;
