//! What the screen knows of a session: the sum of all notices so far.

use std::sync::Arc;
use std::time::Duration;

use crate::session::io::delay::DelayReport;
use crate::session::io::{
    AssistantLine, ConnectionState, DeviceEntry, DeviceState, EchoStatus, EndReason, Notice, Ready, Side,
    TurnState, UsageReport, UserUtterance,
};
use crate::ui::text::devices::{self, NoticeSeverity};
use crate::ui::text::sanitize;
use crate::ui::text::wording;
use crate::ui::text::wrap::word_start;

/// All that is drawn of a session. Cloning is cheap: the entries are shared.
#[derive(Clone, Debug)]
pub struct Model {
    /// What is known before the call begins.
    pub about: CallInfo,
    /// The state of the connection.
    pub connection: ConnectionState,
    /// What is known of the session once it is configured.
    pub ready: Option<Ready>,
    /// When the session was configured.
    pub ready_at: Option<Duration>,
    /// Whose turn it is.
    pub turn: TurnState,
    /// Whether the microphone is closed by the user.
    pub muted: bool,
    /// Whether real samples of the microphone reach the session.
    pub can_speak: bool,
    /// What keeps the microphone from being heard, besides the user.
    pub microphone: DeviceUnavailable,
    /// What keeps the speaker from playing.
    pub speaker: DeviceUnavailable,
    /// The devices that can be chosen, once they were asked for.
    pub devices: Option<Arc<[DeviceEntry]>>,
    /// What is known of the echo.
    pub echo: Option<EchoStatus>,
    /// The talk, in its order.
    pub entries: Vec<Arc<TurnEntry>>,
    /// What it cost so far.
    pub usage: Option<UsageReport>,
    /// How long the answers took.
    pub delay: Option<DelayReport>,
    /// The last thing worth telling beside the talk.
    pub remark: Option<StatusNote>,
    /// Why the session is over.
    pub ended: Option<EndReason>,
    /// When it ended.
    pub ended_at: Option<Duration>,
    /// Which entry was the last when the server last heard the user begin to speak.
    spoke_after: Option<EntryPosition>,
}

/// What is known of a call before it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallInfo {
    /// What is talked to, as the user may know it; shown until the server names its model.
    pub endpoint: String,
    /// Whether the endpoint is the one built into the program.
    pub demo: bool,
    /// Whether the user begins and ends turns by hand (`--vad off`).
    pub manual_turns: bool,
}

impl Default for Model {
    fn default() -> Self {
        Self::new(CallInfo::default())
    }
}

/// Why a device is not at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceUnavailable {
    /// It is at work.
    None,
    /// It is gone.
    Lost,
    /// It is closed as long as it is muted.
    Closed,
}

/// One side's part of one turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnEntry {
    /// The conversation item.
    pub item_id: String,
    /// Whose it is.
    pub speaker: SpeakerRole,
    /// All of it so far, displayable.
    pub text: String,
    /// How many bytes of `text` were heard; all of it where it is not spoken.
    pub heard: usize,
    /// Milliseconds heard; absent for what is not spoken to the user.
    pub heard_ms: Option<u64>,
    /// Whether it will change no more.
    pub is_final: bool,
    /// Whether it was cut off.
    pub interrupted: bool,
}

impl TurnEntry {
    /// Returns where the part begins that was generated and never heard; the text's length if there is none.
    pub fn unheard_from(&self) -> usize {
        let unheard = self.text[self.heard..].trim_start();
        let is_cut = self.interrupted && self.heard_ms.is_some() && !unheard.is_empty();
        self.text.len() - if is_cut { unheard.len() } else { 0 }
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeakerRole {
    /// The person at this end.
    User,
    /// The other end.
    Assistant,
}

/// Something worth telling beside the talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusNote {
    /// When it came.
    pub at: Duration,
    /// How bad it is.
    pub kind: StatusNoteKind,
    /// On one line, sanitised.
    pub text: String,
}

/// How bad a remark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusNoteKind {
    /// Something went wrong.
    Error,
    /// Good to know.
    Info,
    /// What holds a device back, as long as it does.
    Lasting,
}

/// Behind an entry, or before all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum EntryPosition {
    First,
    Behind(String),
}

impl Model {
    /// Returns the model of a call that is about to begin.
    pub fn new(about: CallInfo) -> Self {
        Self {
            about,
            connection: ConnectionState::Connecting,
            ready: None,
            ready_at: None,
            turn: TurnState::default(),
            muted: false,
            can_speak: false,
            microphone: DeviceUnavailable::None,
            speaker: DeviceUnavailable::None,
            devices: None,
            echo: None,
            entries: Vec::new(),
            usage: None,
            delay: None,
            remark: None,
            ended: None,
            ended_at: None,
            spoke_after: None,
        }
    }

    /// Takes in one notice; `at` is the time since the start.
    pub fn apply(&mut self, at: Duration, notice: &Notice) {
        match notice {
            Notice::Connection(connection) => self.connection = *connection,
            Notice::Ready(ready) => {
                self.ready = Some(ready.clone());
                self.ready_at.get_or_insert(at);
            }
            Notice::SpeechStarted { .. } => self.spoke_after = Some(self.last_place()),
            Notice::SpeechStopped { .. } | Notice::Debug(_) => {}
            Notice::Turn(turn) => self.turn = *turn,
            Notice::User(line) => self.user(line),
            Notice::Assistant(line) => self.assistant(line),
            Notice::Usage(report) => self.usage = Some(report.as_ref().clone()),
            Notice::Delay(report) => self.delay = Some(**report),
            Notice::Muted(muted) => self.muted = *muted,
            Notice::SpeakNow => self.can_speak = true,
            Notice::Device(side, state) => self.device(at, *side, state),
            Notice::Devices(entries) => self.devices = Some(entries.as_slice().into()),
            Notice::Echo(echo) => self.echo = Some(*echo),
            Notice::Error { code, message } => {
                self.remark(at, StatusNoteKind::Error, wording::error(code.as_deref(), message));
            }
            Notice::Info(message) => self.remark(at, StatusNoteKind::Info, sanitize::one_line(message)),
            Notice::End(reason) => {
                self.ended = Some(reason.clone());
                self.ended_at = Some(at);
            }
        }
    }

    /// Returns how long the session was in use; none while it is, or if it never was.
    pub fn lasted(&self) -> Option<Duration> {
        Some(self.ended_at?.saturating_sub(self.ready_at?))
    }

    fn device(&mut self, at: Duration, side: Side, state: &DeviceState) {
        let absence = match side {
            Side::Microphone => &mut self.microphone,
            Side::Speaker => &mut self.speaker,
        };
        match state {
            DeviceState::Open(_)
            | DeviceState::Instead(_)
            | DeviceState::Back(_)
            | DeviceState::Changed(_) => *absence = DeviceUnavailable::None,
            DeviceState::Lost(_) => *absence = DeviceUnavailable::Lost,
            DeviceState::Closed => *absence = DeviceUnavailable::Closed,
            DeviceState::Silent(_) | DeviceState::Sounds | DeviceState::Refused(_) => {}
        }
        match (side, state) {
            // A speaker, or a device that was not taken, changes nothing about the microphone.
            (Side::Speaker, _) | (Side::Microphone, DeviceState::Refused(_)) => {}
            (Side::Microphone, _) => {
                drop(self.remark.take_if(|remark| remark.kind == StatusNoteKind::Lasting))
            }
        }
        match devices::state(side, state) {
            (NoticeSeverity::Bad, text) => self.remark(at, StatusNoteKind::Error, text),
            (NoticeSeverity::News, text) => self.remark(at, StatusNoteKind::Info, text),
            (NoticeSeverity::Lasting, text) => self.remark(at, StatusNoteKind::Lasting, text),
            (NoticeSeverity::Usual, _) => {}
        }
    }

    fn remark(&mut self, at: Duration, kind: StatusNoteKind, text: String) {
        self.remark = Some(StatusNote { at, kind, text });
    }

    fn user(&mut self, line: &UserUtterance) {
        let text = sanitize::displayable(&line.text).into_owned();
        let entry = TurnEntry {
            item_id: line.item_id.clone(),
            speaker: SpeakerRole::User,
            heard: text.len(),
            text,
            heard_ms: None,
            is_final: line.is_final,
            interrupted: false,
        };
        match self.position(&line.item_id) {
            Some(position) => self.entries[position] = Arc::new(entry),
            None => {
                let place = self.place_of(line);
                self.entries.insert(place, Arc::new(entry));
            }
        }
    }

    fn assistant(&mut self, line: &AssistantLine) {
        let text = sanitize::displayable(&line.text).into_owned();
        // The beginning of a text is displayed as the beginning of the whole, so its length is the place.
        let heard_bytes = word_start(&line.text, line.heard_bytes);
        let heard = match line.heard_ms {
            Some(_) => sanitize::displayable(&line.text[..heard_bytes]).len(),
            None => text.len(),
        };
        let entry = TurnEntry {
            item_id: line.item_id.clone(),
            speaker: SpeakerRole::Assistant,
            text,
            heard,
            heard_ms: line.heard_ms,
            is_final: line.is_final,
            interrupted: line.interrupted,
        };
        match self.position(&line.item_id) {
            Some(position) => self.entries[position] = Arc::new(entry),
            None => self.entries.push(Arc::new(entry)),
        }
    }

    /// Returns where a line of the user belongs that comes for the first time.
    ///
    /// A transcript may come when its answer is already being given. Where the server does not say what it
    /// follows, or follows something that is not shown, it goes where the talk was when the user began to
    /// speak.
    fn place_of(&mut self, line: &UserUtterance) -> usize {
        let spoke_after = self.spoke_after.take();
        if let Some(position) = line.after.as_deref().and_then(|after| self.position(after)) {
            return position + 1;
        }
        match spoke_after {
            Some(EntryPosition::First) => 0,
            Some(EntryPosition::Behind(item_id)) => {
                self.position(&item_id).map_or(self.entries.len(), |position| position + 1)
            }
            None => self.entries.len(),
        }
    }

    fn last_place(&self) -> EntryPosition {
        self.entries.last().map_or(EntryPosition::First, |entry| EntryPosition::Behind(entry.item_id.clone()))
    }

    /// What changes is nearly always at the end.
    fn position(&self, item_id: &str) -> Option<usize> {
        self.entries.iter().rposition(|entry| entry.item_id == item_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    fn user(item_id: &str, text: &str, after: Option<&str>) -> Notice {
        Notice::User(UserUtterance {
            item_id: item_id.to_owned(),
            text: text.to_owned(),
            is_final: true,
            after: after.map(str::to_owned),
            spoken: None,
            has_failed: false,
        })
    }

    fn assistant(item_id: &str, text: &str) -> Notice {
        Notice::Assistant(AssistantLine {
            item_id: item_id.to_owned(),
            text: text.to_owned(),
            is_final: false,
            heard_ms: Some(0),
            heard_bytes: 0,
            interrupted: false,
        })
    }

    fn order_after(notices: &[Notice]) -> String {
        let mut model = Model::default();
        notices.iter().for_each(|notice| model.apply(NOW, notice));
        model.entries.iter().map(|entry| entry.item_id.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_late_transcript_stands_before_its_answer() {
        let order = order_after(&[
            assistant("hello", "Hi."),
            assistant("answer", "Yes."),
            user("q", "?", Some("hello")),
        ]);
        assert_eq!(order, "hello q answer");
    }

    #[test]
    fn a_late_transcript_without_a_place_stands_where_the_user_began_to_speak() {
        let started = Notice::SpeechStarted { audio_ms: None };
        let late = [started.clone(), assistant("answer", "Yes."), user("q", "?", None)];
        assert_eq!(order_after(&late), "q answer");
        let second = [
            assistant("hello", "Hi."),
            started,
            assistant("answer", "Yes."),
            user("q", "?", Some("nobody showed this")),
        ];
        assert_eq!(order_after(&second), "hello q answer");
    }

    #[test]
    fn a_typed_line_without_a_place_stands_at_the_end() {
        assert_eq!(order_after(&[assistant("hello", "Hi."), user("q", "?", None)]), "hello q");
    }

    #[test]
    fn a_line_that_comes_again_is_replaced_where_it_stands() {
        let mut model = Model::default();
        for notice in
            [user("q", "Wh", None), assistant("a", "So"), user("q", "What?", None), assistant("a", "So…")]
        {
            model.apply(NOW, &notice);
        }
        let texts: Vec<_> = model.entries.iter().map(|entry| entry.text.as_str()).collect();
        assert_eq!(texts, ["What?", "So…"]);
    }

    #[test]
    fn what_was_heard_is_measured_in_the_displayed_text() {
        let mut model = Model::default();
        let text = "\u{1b}[1mone\ttwo three";
        model.apply(
            NOW,
            &Notice::Assistant(AssistantLine {
                item_id: "a".to_owned(),
                text: text.to_owned(),
                is_final: true,
                heard_ms: Some(900),
                heard_bytes: text.find(" three").unwrap_or_default(),
                interrupted: true,
            }),
        );
        let entry = &model.entries[0];
        assert_eq!(entry.text.split_at(entry.unheard_from()), ("one    two ", "three"));
    }

    #[test]
    fn an_offset_inside_a_character_or_behind_the_end_is_no_panic() {
        for heard_bytes in [1, 2, 99] {
            let mut model = Model::default();
            let line = AssistantLine {
                item_id: "a".to_owned(),
                text: "中".to_owned(),
                is_final: true,
                heard_ms: Some(1),
                heard_bytes,
                interrupted: true,
            };
            model.apply(NOW, &Notice::Assistant(line));
            assert!(model.entries[0].unheard_from() <= 3);
        }
    }

    #[test]
    fn that_a_microphone_is_silent_is_told_until_it_sounds_or_is_another() {
        let silent = Notice::Device(Side::Microphone, DeviceState::Silent("it is muted".to_owned()));
        let told = |then: Option<Notice>| {
            let mut model = Model::default();
            model.apply(NOW, &silent);
            then.iter().for_each(|notice| model.apply(NOW, notice));
            model.remark.map(|remark| (remark.kind, remark.text))
        };
        let device = |side, state| told(Some(Notice::Device(side, state)));
        let silence = told(None);
        let said = silence.as_ref().map(|(kind, text)| (*kind, text.as_str()));
        assert_eq!(said, Some((StatusNoteKind::Lasting, "the microphone gives only zeros: it is muted")));
        assert_eq!(device(Side::Microphone, DeviceState::Closed), None);
        let usb = || DeviceState::Open("USB".to_owned());
        assert_eq!(device(Side::Microphone, usb()), None);
        assert_eq!(device(Side::Speaker, usb()), silence);
        let sounds = device(Side::Microphone, DeviceState::Sounds);
        assert_eq!(sounds, Some((StatusNoteKind::Info, "the microphone gives sound".to_owned())));
    }

    #[test]
    fn a_clone_is_not_changed_by_what_comes_later() {
        let mut model = Model::default();
        model.apply(NOW, &assistant("a", "One"));
        let before = model.clone();
        model.apply(NOW, &assistant("a", "One, two"));
        assert_eq!(before.entries[0].text, "One");
    }
}
