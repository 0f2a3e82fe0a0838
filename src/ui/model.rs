//! Screen model: the accumulated state of a session's notices.

use std::sync::Arc;
use std::time::Duration;

use crate::audio::api::{DeviceEntry, DeviceState, Direction, EchoStatus};
use crate::session::io::delay::DelayReport;
use crate::session::io::{
    AssistantLine, ConnectionState, EndReason, Notice, Ready, Removal, TurnState, UsageReport, UserUtterance,
};
use crate::ui::text::devices::{self, NoticeSeverity};
use crate::ui::text::sanitize;
use crate::ui::text::wording;
use crate::ui::text::wrap::word_start;

/// State from which a screen is drawn. Cloning is cheap: the entries are shared.
#[derive(Clone, Debug)]
pub struct Model {
    /// Facts known before the call begins.
    pub info: CallInfo,
    /// State of the connection.
    pub connection: ConnectionState,
    /// Session facts reported by the server; none before it is configured.
    pub ready: Option<Ready>,
    /// Time when the session was configured.
    pub ready_at: Option<Duration>,
    /// Whose turn it is.
    pub turn: TurnState,
    /// Whether the user has muted the microphone.
    pub muted: bool,
    /// Whether microphone audio reaches the session.
    pub can_speak: bool,
    /// Availability of the microphone, apart from muting.
    pub microphone: DeviceUnavailable,
    /// Availability of the speaker.
    pub speaker: DeviceUnavailable,
    /// Available devices, once they have been listed.
    pub devices: Option<Arc<[DeviceEntry]>>,
    /// State of echo control.
    pub echo: Option<EchoStatus>,
    /// The conversation, in speaking order.
    pub entries: Vec<Arc<TurnEntry>>,
    /// Usage so far.
    pub usage: Option<UsageReport>,
    /// Latency of the responses.
    pub delay: Option<DelayReport>,
    /// Latest notice for the status row.
    pub note: Option<StatusNote>,
    /// Reason why the session ended.
    pub ended: Option<EndReason>,
    /// Time when it ended.
    pub ended_at: Option<Duration>,
    /// Last entry at the most recent start of speech.
    speech_after: Option<EntryPosition>,
}

/// Facts about a call that are known before it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallInfo {
    /// Endpoint name, shown until the server reports its model.
    pub endpoint: String,
    /// Whether the endpoint is the built-in demo.
    pub demo: bool,
    /// Whether the user begins and ends turns by hand (`--vad off`).
    pub manual_turns: bool,
    /// Whether both sides only write, so that there is no audio.
    pub text_only: bool,
}

impl Default for Model {
    fn default() -> Self {
        Self::new(CallInfo::default())
    }
}

/// Availability of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceUnavailable {
    /// Available.
    None,
    /// Disconnected or failed.
    Lost,
    /// Closed while muted.
    Closed,
}

/// One turn of one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnEntry {
    /// Conversation item.
    pub item_id: String,
    /// Side that speaks.
    pub speaker: SpeakerRole,
    /// Text so far, displayable.
    pub text: String,
    /// Bytes of `text` that were played; all of it for text that is not spoken.
    pub played_bytes: usize,
    /// Milliseconds played; none for text that is not spoken.
    pub played_ms: Option<u64>,
    /// Whether the text is complete.
    pub is_final: bool,
    /// Whether the turn was interrupted.
    pub interrupted: bool,
}

impl TurnEntry {
    /// Returns where the unplayed part of an interrupted answer begins, else the text's length.
    pub fn unplayed_from(&self) -> usize {
        let unplayed = self.text[self.played_bytes..].trim_start();
        let is_cut = self.interrupted && self.played_ms.is_some() && !unplayed.is_empty();
        self.text.len() - if is_cut { unplayed.len() } else { 0 }
    }
}

/// Speaker of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeakerRole {
    /// The user.
    User,
    /// The model.
    Assistant,
}

/// A notice for the status row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusNote {
    /// Time of arrival.
    pub at: Duration,
    /// Severity and lifetime.
    pub kind: StatusNoteKind,
    /// Sanitized, on one line.
    pub text: String,
}

/// Severity and lifetime of a status note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusNoteKind {
    /// An error.
    Error,
    /// Information.
    Info,
    /// A device problem, shown until it is resolved.
    Ongoing,
}

/// Position after an entry, or before all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum EntryPosition {
    Start,
    After(String),
}

impl Model {
    /// Returns the model of a call that is info to begin.
    pub fn new(info: CallInfo) -> Self {
        Self {
            info,
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
            note: None,
            ended: None,
            ended_at: None,
            speech_after: None,
        }
    }

    /// Applies one notice; `at` is the time since the start.
    pub fn apply(&mut self, at: Duration, notice: &Notice) {
        match notice {
            Notice::Connection(connection) => self.connection = *connection,
            Notice::Ready(ready) => {
                self.ready = Some(ready.clone());
                self.ready_at.get_or_insert(at);
            }
            Notice::SpeechStarted { .. } => self.speech_after = Some(self.end_position()),
            Notice::SpeechStopped { .. } | Notice::Debug(_) => {}
            Notice::Turn(turn) => self.turn = *turn,
            Notice::User(line) => self.update_user(line),
            Notice::Assistant(line) => self.update_assistant(line),
            Notice::Usage(report) => self.usage = Some(report.as_ref().clone()),
            Notice::Delay(report) => self.delay = Some(**report),
            Notice::Muted(muted) => self.muted = *muted,
            Notice::Removed(Removal::Item(item_id)) => self.entries.retain(|entry| entry.item_id != *item_id),
            Notice::Removed(Removal::Everything) => self.entries.clear(),
            Notice::SpeakNow => self.can_speak = true,
            Notice::Device(side, state) => self.update_device(at, *side, state),
            Notice::Devices(entries) => self.devices = Some(entries.as_slice().into()),
            Notice::Echo(echo) => self.echo = Some(*echo),
            Notice::Error { code, message } => {
                self.set_note(at, StatusNoteKind::Error, wording::error(code.as_deref(), message));
            }
            Notice::Info(message) => self.set_note(at, StatusNoteKind::Info, sanitize::one_line(message)),
            Notice::End(reason) => {
                self.ended = Some(reason.clone());
                self.ended_at = Some(at);
            }
        }
    }

    /// Returns the duration of an ended session.
    pub fn duration(&self) -> Option<Duration> {
        Some(self.ended_at?.saturating_sub(self.ready_at?))
    }

    fn update_device(&mut self, at: Duration, side: Direction, state: &DeviceState) {
        let availability = match side {
            Direction::Input => &mut self.microphone,
            Direction::Output => &mut self.speaker,
        };
        match state {
            DeviceState::Open(_)
            | DeviceState::Instead(_)
            | DeviceState::Back(_)
            | DeviceState::Changed(_) => *availability = DeviceUnavailable::None,
            DeviceState::Lost(_) => *availability = DeviceUnavailable::Lost,
            DeviceState::Closed => *availability = DeviceUnavailable::Closed,
            DeviceState::Silent(_) | DeviceState::Sounds | DeviceState::Refused(_) => {}
        }
        match (side, state) {
            // The speaker, or a refused device change, does not affect the note info the microphone.
            (Direction::Output, _) | (Direction::Input, DeviceState::Refused(_)) => {}
            (Direction::Input, _) => drop(self.note.take_if(|note| note.kind == StatusNoteKind::Ongoing)),
        }
        match devices::state(side, state) {
            (NoticeSeverity::Error, text) => self.set_note(at, StatusNoteKind::Error, text),
            (NoticeSeverity::Info, text) => self.set_note(at, StatusNoteKind::Info, text),
            (NoticeSeverity::Ongoing, text) => self.set_note(at, StatusNoteKind::Ongoing, text),
            (NoticeSeverity::Quiet, _) => {}
        }
    }

    fn set_note(&mut self, at: Duration, kind: StatusNoteKind, text: String) {
        self.note = Some(StatusNote { at, kind, text });
    }

    fn update_user(&mut self, line: &UserUtterance) {
        let text = sanitize::displayable(&line.text).into_owned();
        let entry = TurnEntry {
            item_id: line.item_id.clone(),
            speaker: SpeakerRole::User,
            played_bytes: text.len(),
            text,
            played_ms: None,
            is_final: line.is_final,
            interrupted: false,
        };
        match self.position(&line.item_id) {
            Some(position) => self.entries[position] = Arc::new(entry),
            None => {
                let position = self.insert_position(line);
                self.entries.insert(position, Arc::new(entry));
            }
        }
    }

    fn update_assistant(&mut self, line: &AssistantLine) {
        let text = sanitize::displayable(&line.text).into_owned();
        // Sanitizing a prefix gives a prefix of the sanitized text, so its length is the position.
        let heard_bytes = word_start(&line.text, line.heard_bytes);
        let played_bytes = match line.heard_ms {
            Some(_) => sanitize::displayable(&line.text[..heard_bytes]).len(),
            None => text.len(),
        };
        let entry = TurnEntry {
            item_id: line.item_id.clone(),
            speaker: SpeakerRole::Assistant,
            text,
            played_bytes,
            played_ms: line.heard_ms,
            is_final: line.is_final,
            interrupted: line.interrupted,
        };
        match self.position(&line.item_id) {
            Some(position) => self.entries[position] = Arc::new(entry),
            None => self.entries.push(Arc::new(entry)),
        }
    }

    /// Returns the position of a new line of the user.
    ///
    /// A transcript may arrive after its answer has started. If the server names no previous item, or an
    /// unknown one, the line goes to the position of the conversation when speech started.
    fn insert_position(&mut self, line: &UserUtterance) -> usize {
        let speech_after = self.speech_after.take();
        if let Some(position) = line.after.as_deref().and_then(|after| self.position(after)) {
            return position + 1;
        }
        match speech_after {
            Some(EntryPosition::Start) => 0,
            Some(EntryPosition::After(item_id)) => {
                self.position(&item_id).map_or(self.entries.len(), |position| position + 1)
            }
            None => self.entries.len(),
        }
    }

    fn end_position(&self) -> EntryPosition {
        self.entries.last().map_or(EntryPosition::Start, |entry| EntryPosition::After(entry.item_id.clone()))
    }

    /// Searches from the end, where nearly all updates are.
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
    fn a_late_transcript_is_placed_before_its_answer() {
        let order = order_after(&[
            assistant("hello", "Hi."),
            assistant("answer", "Yes."),
            user("q", "?", Some("hello")),
        ]);
        assert_eq!(order, "hello q answer");
    }

    #[test]
    fn a_late_transcript_without_a_previous_item_is_placed_at_the_start_of_speech() {
        let started = Notice::SpeechStarted { audio_ms: None };
        let late = [started.clone(), assistant("answer", "Yes."), user("q", "?", None)];
        assert_eq!(order_after(&late), "q answer");
        let second = [
            assistant("hello", "Hi."),
            started,
            assistant("answer", "Yes."),
            user("q", "?", Some("unknown")),
        ];
        assert_eq!(order_after(&second), "hello q answer");
    }

    #[test]
    fn a_typed_line_without_a_previous_item_is_placed_at_the_end() {
        assert_eq!(order_after(&[assistant("hello", "Hi."), user("q", "?", None)]), "hello q");
    }

    #[test]
    fn an_updated_line_replaces_the_old_one_in_place() {
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
    fn the_played_part_is_measured_in_the_displayed_text() {
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
        assert_eq!(entry.text.split_at(entry.unplayed_from()), ("one    two ", "three"));
    }

    #[test]
    fn an_offset_inside_a_character_or_past_the_end_does_not_panic() {
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
            assert!(model.entries[0].unplayed_from() <= 3);
        }
    }

    #[test]
    fn a_silent_microphone_is_shown_until_it_has_audio_or_is_changed() {
        let silent = Notice::Device(Direction::Input, DeviceState::Silent("it is muted".to_owned()));
        let note_after = |then: Option<Notice>| {
            let mut model = Model::default();
            model.apply(NOW, &silent);
            then.iter().for_each(|notice| model.apply(NOW, notice));
            model.note.map(|note| (note.kind, note.text))
        };
        let device = |side, state| note_after(Some(Notice::Device(side, state)));
        let silence = note_after(None);
        let note = silence.as_ref().map(|(kind, text)| (*kind, text.as_str()));
        assert_eq!(
            note,
            Some((
                StatusNoteKind::Ongoing,
                "the microphone sends only silence (all samples are zero): it is muted"
            ))
        );
        assert_eq!(device(Direction::Input, DeviceState::Closed), None);
        let usb = || DeviceState::Open("USB".to_owned());
        assert_eq!(device(Direction::Input, usb()), None);
        assert_eq!(device(Direction::Output, usb()), silence);
        let sounds = device(Direction::Input, DeviceState::Sounds);
        assert_eq!(sounds, Some((StatusNoteKind::Info, "microphone OK".to_owned())));
    }

    #[test]
    fn a_clone_is_not_affected_by_later_notices() {
        let mut model = Model::default();
        model.apply(NOW, &assistant("a", "One"));
        let before = model.clone();
        model.apply(NOW, &assistant("a", "One, two"));
        assert_eq!(before.entries[0].text, "One");
    }
}
