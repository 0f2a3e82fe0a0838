//! Labelled lines for pipes, dumb terminals and screen readers: no escape sequence, no redrawing.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::time::Duration;

use crate::session::io::delay::Delays;
use crate::session::io::{
    AssistantLine, ConnectionState, DeviceEntry, EchoMode, EndReason, Notice, Ready, TurnState,
    UserUtterance, same_text,
};
use crate::ui::model::CallInfo;
use crate::ui::output::presenter::NoticeWriter;
use crate::ui::text::devices::{self, NoticeSeverity};
use crate::ui::text::sanitize::{one_line, sanitize};
use crate::ui::text::wording;
use crate::ui::text::wrap::word_start;

/// Said in place of an invitation to speak.
const NOT_YOUR_TURN: &str = "the microphone is ready: nothing of it is sent before you begin your turn";

/// How many notices wait for the end of an answer's line; a server that has more to say is not waited for.
const MOST_HELD: usize = 64;

/// What the lines are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainStyle {
    /// Both sides of a call, each line once it changes no more.
    Talk,
    /// Only the answers, as they are written.
    Chat,
    /// Only what was heard, one caption a line.
    Transcribe,
}

/// Writes what is said to one writer and everything else to another.
///
/// How a call failed is not written: that is said once, with its hint, by whoever ends the program.
#[derive(Debug)]
pub struct PlainLines<W, S> {
    style: PlainStyle,
    data: W,
    status: S,
    /// The answer being written, in chat.
    open: Option<OpenLine>,
    /// The answer being spoken, in a call.
    unfinished: Option<AssistantLine>,
    /// What is done against the echo, as it was told.
    echo: EchoMode,
    /// How long the answers took so far.
    delays: Option<Delays>,
    /// What waits for its caption, in a call.
    captions: UncaptionedTurns,
    /// Items that are written whole; a server may repeat itself.
    written: HashSet<String>,
    /// What stands above all lines, until it is written.
    heading: Option<String>,
    /// Whether turns are made by hand, and whose it is then.
    by_hand: Option<TurnState>,
    /// Notices that came in the middle of an answer's line.
    held: Vec<String>,
}

/// What was said and has no caption yet. A caption may come when the answer to it is written already, and
/// what is written stays where it is.
#[derive(Debug, Default)]
struct UncaptionedTurns {
    /// Items of the user, in the order in which they were spoken.
    awaited: Vec<String>,
    /// What was awaited when an answer began.
    before: HashMap<String, Vec<String>>,
    /// Items of the user that a written answer came after.
    late: HashSet<String>,
}

impl UncaptionedTurns {
    fn spoken(&mut self, item_id: &str) {
        if !self.awaited.iter().any(|awaited| awaited == item_id) {
            self.awaited.push(item_id.to_owned());
        }
    }

    fn answer_begins(&mut self, item_id: &str) {
        if !self.before.contains_key(item_id) {
            self.before.insert(item_id.to_owned(), self.awaited.clone());
        }
    }

    fn answer_written(&mut self, item_id: &str) {
        let before = self.before.remove(item_id).unwrap_or_default();
        self.late.extend(before.into_iter().filter(|item_id| self.awaited.contains(item_id)));
    }

    /// Takes an item out, and returns who said it and when, as seen from its place among the lines.
    fn speaker(&mut self, item_id: &str) -> &'static str {
        self.awaited.retain(|awaited| awaited != item_id);
        if self.late.remove(item_id) { "You (earlier)" } else { "You" }
    }
}

#[derive(Debug)]
struct OpenLine {
    item_id: String,
    text: String,
}

impl<W: Write, S: Write> PlainLines<W, S> {
    /// Returns a front that writes what is said to `data` and everything else to `status`.
    pub fn new(style: PlainStyle, data: W, status: S) -> Self {
        Self {
            style,
            data,
            status,
            open: None,
            unfinished: None,
            echo: EchoMode::Off,
            delays: None,
            captions: UncaptionedTurns::default(),
            written: HashSet::new(),
            heading: None,
            by_hand: None,
            held: Vec::new(),
        }
    }

    /// Takes note of what is known of the call.
    pub fn about(self, about: &CallInfo) -> Self {
        Self { by_hand: about.manual_turns.then_some(TurnState::Listening), ..self }
    }

    /// Writes a line above all others, once the session is there.
    pub fn headed(self, heading: Option<String>) -> Self {
        Self { heading, ..self }
    }

    /// Returns both writers.
    pub fn into_inner(self) -> (W, S) {
        (self.data, self.status)
    }

    /// Writes a notice on a line of its own. Both writers may be one terminal: in the middle of an answer's
    /// line a notice waits for its end.
    fn tell(&mut self, text: &str) {
        if self.is_within_line() && self.held.len() < MOST_HELD {
            self.held.push(text.to_owned());
            return;
        }
        self.write_status(text);
    }

    /// What cannot be told is not worth ending a call for: a closed stderr is ignored.
    fn write_status(&mut self, text: &str) {
        let _ = writeln!(self.status, "{text}");
        let _ = self.status.flush();
    }

    fn is_within_line(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.text.is_empty() && !open.text.ends_with('\n'))
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.data, "{text}")?;
        self.data.flush()
    }

    fn user(&mut self, line: &UserUtterance) -> io::Result<()> {
        if !line.is_final {
            self.captions.spoken(&line.item_id);
            return Ok(());
        }
        let speaker = self.captions.speaker(&line.item_id);
        if line.text.trim().is_empty() {
            return Ok(());
        }
        match self.style {
            PlainStyle::Talk if self.written.insert(line.item_id.clone()) => {
                self.line(&format!("{speaker}: {}", paragraphs(&line.text)))
            }
            PlainStyle::Transcribe if self.written.insert(line.item_id.clone()) => {
                self.line(&one_line(&line.text))
            }
            PlainStyle::Talk | PlainStyle::Chat | PlainStyle::Transcribe => Ok(()),
        }
    }

    fn assistant(&mut self, line: &AssistantLine) -> io::Result<()> {
        match self.style {
            PlainStyle::Talk => self.spoken(line),
            PlainStyle::Chat => self.answer(line),
            PlainStyle::Transcribe => Ok(()),
        }
    }

    fn spoken(&mut self, line: &AssistantLine) -> io::Result<()> {
        if self.written.contains(&line.item_id) {
            return Ok(());
        }
        self.captions.answer_begins(&line.item_id);
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
        self.line(&format!("Assistant: {}", spoken_text(line)))
    }

    /// Writes what the end of the call has left unfinished.
    fn finish(&mut self) -> io::Result<()> {
        self.close()?;
        let Some(line) = self.unfinished.take() else { return Ok(()) };
        match paragraphs(&line.text) {
            text if text.is_empty() => Ok(()),
            text => self.line(&format!("Assistant: {text} (unfinished)")),
        }
    }

    fn answer(&mut self, line: &AssistantLine) -> io::Result<()> {
        if self.written.contains(&line.item_id) {
            return Ok(());
        }
        if self.open.as_ref().is_some_and(|open| open.item_id != line.item_id) {
            self.close()?;
        }
        let text = sanitize(&line.text);
        let open =
            self.open.get_or_insert_with(|| OpenLine { item_id: line.item_id.clone(), text: String::new() });
        match text.strip_prefix(open.text.as_str()) {
            Some(new) => self.data.write_all(new.as_bytes())?,
            // Written already, apart from white space or damaged characters.
            None if same_text(&text, &open.text) => {}
            // What was written cannot be taken back: the corrected answer is written whole.
            None => write!(self.data, "\n\n{text}")?,
        }
        self.data.flush()?;
        open.text = text.into_owned();
        if line.is_final {
            self.close()?;
            if line.interrupted {
                self.tell("(the answer was interrupted)");
            }
        }
        Ok(())
    }

    /// Ends the answer that is being written with a newline.
    fn close(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.written.insert(open.item_id);
        let ended = if !open.text.is_empty() && !open.text.ends_with('\n') { self.line("") } else { Ok(()) };
        for notice in std::mem::take(&mut self.held) {
            self.write_status(&notice);
        }
        ended
    }

    /// Says what a sighted user sees on the screen; only in a call, where it cannot be heard otherwise.
    fn state(&mut self, text: &str) {
        match self.style {
            PlainStyle::Talk => self.tell(text),
            PlainStyle::Chat | PlainStyle::Transcribe => {}
        }
    }

    fn turn(&mut self, turn: TurnState) {
        let told = match &mut self.by_hand {
            None => wording::turn(turn),
            Some(last) => {
                *last = turn;
                wording::turn_by_hand(turn)
            }
        };
        self.state(told);
    }

    fn devices(&mut self, entries: &[DeviceEntry]) {
        if entries.is_empty() {
            self.tell("there is no device to choose");
        }
        for entry in entries {
            let marks = [(entry.in_use, "in use"), (entry.is_default, "the system's own choice")];
            let marks: Vec<_> = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
            let marks = if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) };
            self.tell(&format!("{}: {}{marks}", devices::side(entry.side), one_line(&entry.name)));
        }
    }

    fn echo(&mut self, mode: EchoMode) {
        if std::mem::replace(&mut self.echo, mode) != mode {
            self.state(wording::echo_in_full(mode));
        }
    }

    fn end(&mut self, reason: &EndReason) {
        match reason {
            EndReason::User | EndReason::InputEnded | EndReason::Answered => {
                self.state(&wording::end(reason));
            }
            EndReason::Signal(_) | EndReason::ServerClosed(_) | EndReason::Limit(_) => {
                self.tell(&wording::end(reason));
            }
            EndReason::NoInput(_) | EndReason::Unanswered(_) | EndReason::Refused(_) | EndReason::Lost(_) => {
            }
        }
    }
}

impl<W: Write, S: Write> NoticeWriter for PlainLines<W, S> {
    fn notice(&mut self, _at: Duration, notice: &Notice) -> io::Result<()> {
        match notice {
            Notice::Connection(ConnectionState::Connecting) => self.state("connecting…"),
            Notice::Connection(
                ConnectionState::Configuring
                | ConnectionState::Live
                | ConnectionState::Reconnecting
                | ConnectionState::Closing
                | ConnectionState::Closed,
            )
            | Notice::SpeechStarted { .. }
            | Notice::SpeechStopped { .. }
            | Notice::Usage(_)
            | Notice::Debug(_) => {}
            Notice::Ready(ready) => {
                self.state(&ready_text(ready));
                if let Some(heading) = self.heading.take() {
                    self.line(&heading)?;
                }
            }
            Notice::Turn(turn) => self.turn(*turn),
            Notice::User(line) => return self.user(line),
            Notice::Assistant(line) => return self.assistant(line),
            Notice::SpeakNow => self.state(match self.by_hand {
                None | Some(TurnState::User) => "speak now",
                Some(TurnState::Listening | TurnState::Thinking | TurnState::Assistant) => NOT_YOUR_TURN,
            }),
            Notice::Device(side, state) => match devices::state(*side, state) {
                (NoticeSeverity::Bad, text) => self.tell(&format!("error: {text}")),
                (NoticeSeverity::News | NoticeSeverity::Lasting, text) => self.tell(&text),
                (NoticeSeverity::Usual, _) => {}
            },
            Notice::Devices(entries) => self.devices(entries),
            Notice::Echo(echo) => self.echo(echo.mode),
            Notice::Delay(report) => self.delays = Some(report.all),
            Notice::Muted(true) => self.state("microphone MUTED"),
            Notice::Muted(false) => self.state("microphone LIVE"),
            Notice::Error { code, message } => {
                self.tell(&format!("error: {}", wording::error(code.as_deref(), message)));
            }
            Notice::Info(message) => self.tell(&one_line(message)),
            Notice::End(reason) => {
                self.finish()?;
                if let Some(delays) = self.delays {
                    self.state(&wording::delays(&delays));
                }
                self.end(reason);
            }
        }
        Ok(())
    }
}

fn ready_text(ready: &Ready) -> String {
    let known = [ready.model.as_deref(), ready.voice.as_deref()].into_iter().flatten().map(one_line);
    let known: Vec<_> = known.filter(|name| !name.is_empty()).collect();
    if known.is_empty() { "connected".to_owned() } else { format!("connected to {}", known.join(", ")) }
}

/// Returns what was said, with what was cut off named as such.
fn spoken_text(line: &AssistantLine) -> String {
    let Some(heard_ms) = line.heard_ms.filter(|_| line.interrupted) else {
        let text = paragraphs(&line.text);
        return if line.interrupted { format!("{text} (interrupted)") } else { text };
    };
    let (heard, unheard) = line.text.split_at(word_start(&line.text, line.heard_bytes));
    let (heard, unheard) = (paragraphs(heard), one_line(unheard));
    let after = wording::seconds(heard_ms);
    let remark = match unheard.as_str() {
        "" => format!("(interrupted after {after})"),
        unheard => format!("(interrupted after {after}, not heard: {unheard})"),
    };
    if heard.is_empty() { remark } else { format!("{heard} {remark}") }
}

/// Returns sanitised text whose further lines are indented, so that no text can pass for a labelled line.
fn paragraphs(text: &str) -> String {
    sanitize(text).trim().replace('\n', "\n  ")
}

#[cfg(test)]
mod tests;
