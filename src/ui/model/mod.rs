//! Screen model: the accumulated state of a session's notices.

mod call_info;
mod duration;
pub mod settings;

use std::sync::Arc;
use std::time::Duration;

use crate::audio::api::{DeviceEntry, DeviceState, Direction, EchoStatus};
use crate::keys::action::KeyContext;
use crate::session::io::delay::{Delay, DelayReport};
use crate::session::io::setting::{Preference, SettingChange};
use crate::session::io::{
    AssistantLine, ConnectionState, EndReason, Notice, Ready, Removal, TurnState, UsageReport, UserUtterance,
};
pub use crate::ui::model::call_info::{CallInfo, TurnDetectionKind};
use crate::ui::text::devices::{self, NoticeSeverity};
use crate::ui::text::growing::GrowingText;
use crate::ui::text::language::UiLanguage;
use crate::ui::text::language::strings::Strings;
use crate::ui::text::sanitize;
use crate::ui::text::speakers::{labelled, spoken_parts};
use crate::ui::text::wording;
use crate::ui::text::wrap::word_start;

/// Delays that are kept.
const MAX_DELAYS: usize = 50;

/// State from which a screen is drawn. Cloning is cheap: the entries are shared.
#[derive(Clone, Debug)]
pub struct Model {
    /// Facts known before the call begins.
    pub info: CallInfo,
    /// State of the connection.
    pub connection: ConnectionState,
    /// Session facts reported by the server; none before it is configured.
    pub ready: Option<Ready>,
    /// Time when the session was configured; none while it is disconnected on purpose.
    pub ready_at: Option<Duration>,
    /// Time when it was configured first.
    pub began_at: Option<Duration>,
    /// Duration of the connections that were closed on purpose.
    pub connected_before: Duration,
    /// Whose turn it is.
    pub turn: TurnState,
    /// Time when that changed.
    pub turn_at: Duration,
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
    /// Delays of the last answers, oldest first.
    pub delays: Arc<[Delay]>,
    /// How often a device has changed.
    pub device_changes: u64,
    /// Latest notice for the status row.
    pub note: Option<StatusNote>,
    /// Reason why the session ended.
    pub ended: Option<EndReason>,
    /// Time when it ended.
    pub ended_at: Option<Duration>,
    /// Last entry at the most recent start of speech.
    speech_after: Option<EntryPosition>,
    /// Time of the most recent start of speech that has no entry yet.
    speech_at: Option<Duration>,
    /// Line of the last change of a setting.
    setting_entry: Option<u64>,
    /// Number of the next entry.
    next_number: u64,
    /// The answer that grows, and the part of it that was played.
    growing: [GrowingText; 2],
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

/// One turn of one side, or a notice between turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnEntry {
    /// Identifies the entry while its text changes; counts in order of arrival.
    pub number: u64,
    /// Conversation item; empty for a notice.
    pub item_id: String,
    /// Side that speaks.
    pub speaker: SpeakerRole,
    /// Time of arrival.
    pub at: Duration,
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
    /// The program: a notice.
    Program,
    /// The speaker of live captions.
    Captioned,
    /// The program: a place that the user marked in captions.
    Mark,
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
    /// A device problem, shown until it is resolved.
    Ongoing,
}

/// Position after an entry, by its number, or before all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntryPosition {
    Start,
    After(u64),
}

impl Model {
    /// Returns the model of a call that is about to begin.
    pub fn new(info: CallInfo) -> Self {
        Self {
            info,
            connection: ConnectionState::Connecting,
            ready: None,
            ready_at: None,
            began_at: None,
            connected_before: Duration::ZERO,
            turn: TurnState::default(),
            turn_at: Duration::ZERO,
            muted: false,
            can_speak: false,
            microphone: DeviceUnavailable::None,
            speaker: DeviceUnavailable::None,
            devices: None,
            echo: None,
            entries: Vec::new(),
            usage: None,
            delay: None,
            delays: [].into(),
            device_changes: 0,
            note: None,
            ended: None,
            ended_at: None,
            speech_after: None,
            speech_at: None,
            setting_entry: None,
            next_number: 0,
            growing: <[GrowingText; 2]>::default(),
        }
    }

    /// Applies one notice; `at` is the time since the start.
    pub fn apply(&mut self, at: Duration, notice: &Notice) {
        match notice {
            Notice::Connection(connection) => {
                self.connection = *connection;
                if *connection == ConnectionState::Disconnected {
                    self.disconnected(at);
                }
            }
            Notice::Ready(ready) => {
                self.ready = Some(ready.clone());
                self.ready_at.get_or_insert(at);
                self.began_at.get_or_insert(at);
            }
            Notice::SpeechStarted { .. } => {
                self.speech_after = Some(self.end_position());
                self.speech_at = Some(at);
            }
            Notice::SpeechStopped { .. } | Notice::Debug(_) => {}
            Notice::Turn(turn) => (self.turn, self.turn_at) = (*turn, at),
            Notice::User(line) => self.update_user(at, line),
            Notice::Assistant(line) => self.update_assistant(at, line),
            Notice::Usage(report) => self.usage = Some(report.as_ref().clone()),
            Notice::Delay(report) => {
                self.delay = Some(**report);
                let first = (self.delays.len() + 1).saturating_sub(MAX_DELAYS);
                self.delays = self.delays[first..].iter().copied().chain([report.last]).collect();
            }
            Notice::Muted(muted) => self.muted = *muted,
            Notice::Volume(volume) => self.info.volume = Some(*volume),
            Notice::Setting(change) => self.update_setting(at, change),
            Notice::Removed(Removal::Item(item_id)) => self.entries.retain(|entry| entry.item_id != *item_id),
            Notice::Removed(Removal::Everything) => self.entries.clear(),
            Notice::SpeakNow => self.can_speak = true,
            Notice::Device(side, state) => self.update_device(at, *side, state),
            Notice::Devices(entries) => self.devices = Some(entries.as_slice().into()),
            Notice::Echo(echo) => {
                if self.echo.replace(*echo).is_some_and(|before| before.mode != echo.mode) {
                    self.add_notice(at, wording::echo_sentence(self.strings(), echo));
                }
            }
            Notice::Error { code, message } => {
                self.report(at, StatusNoteKind::Error, wording::error(code.as_deref(), message));
            }
            Notice::Mark(mark) => {
                self.add_entry(at, SpeakerRole::Mark, wording::mark(self.strings(), *mark));
            }
            Notice::Info(message) => self.add_notice(at, wording::info(self.strings(), message)),
            Notice::End(reason) => {
                self.ended = Some(reason.clone());
                self.ended_at = Some(at);
            }
        }
    }

    /// Returns the texts of the interface.
    pub fn strings(&self) -> &'static Strings {
        self.info.language.strings()
    }

    /// Returns which keys act.
    pub fn key_context(&self) -> KeyContext {
        match &self.info {
            CallInfo { captions: true, .. } => KeyContext::Captions,
            CallInfo { text_only: true, .. } => KeyContext::Chat,
            CallInfo { manual_turns: true, .. } => KeyContext::ManualCall,
            CallInfo { .. } => KeyContext::Call,
        }
    }

    /// Returns how many entries were ever added.
    pub fn entries_added(&self) -> u64 {
        self.next_number
    }

    /// Applies a change of a setting. Further changes replace its line.
    fn update_setting(&mut self, at: Duration, change: &SettingChange) {
        self.info.settings.apply(change);
        if let SettingChange::Preference(Preference::Language, code) = change {
            self.info.language = UiLanguage::of_code(code).unwrap_or(self.info.language);
        }
        self.entries.pop_if(|entry| Some(entry.number) == self.setting_entry);
        self.setting_entry = Some(self.next_number);
        self.add_notice(at, wording::setting(self.strings(), change));
    }

    fn update_device(&mut self, at: Duration, side: Direction, state: &DeviceState) {
        self.device_changes += 1;
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
            // The speaker, or a refused device change, does not affect the note about the microphone.
            (Direction::Output, _) | (Direction::Input, DeviceState::Refused(_)) => {}
            (Direction::Input, _) => drop(self.note.take_if(|note| note.kind == StatusNoteKind::Ongoing)),
        }
        match devices::state(self.strings(), side, state) {
            (NoticeSeverity::Error, text) => self.report(at, StatusNoteKind::Error, text),
            (NoticeSeverity::Info, text) => self.add_notice(at, text),
            (NoticeSeverity::Ongoing, text) => self.report(at, StatusNoteKind::Ongoing, text),
            (NoticeSeverity::Quiet, _) => {}
        }
    }

    /// Shows a problem in the status row, and keeps it as a notice in the conversation.
    fn report(&mut self, at: Duration, kind: StatusNoteKind, text: String) {
        self.add_notice(at, text.clone());
        self.note = Some(StatusNote { at, kind, text });
    }

    /// Adds a notice at the end of the conversation, unless it repeats the one before it.
    fn add_notice(&mut self, at: Duration, text: String) {
        let is_repeated = |last: &Arc<TurnEntry>| last.speaker == SpeakerRole::Program && last.text == text;
        if self.entries.last().is_some_and(is_repeated) {
            return;
        }
        self.add_entry(at, SpeakerRole::Program, text);
    }

    fn add_entry(&mut self, at: Duration, speaker: SpeakerRole, text: String) {
        let entry = TurnEntry {
            number: self.next_number(),
            item_id: String::new(),
            speaker,
            at,
            played_bytes: text.len(),
            text,
            played_ms: None,
            is_final: true,
            interrupted: false,
        };
        self.entries.push(Arc::new(entry));
    }

    fn update_user(&mut self, at: Duration, line: &UserUtterance) {
        let text = sanitize::displayable(&spoken_text(line)).into_owned();
        let position = self.position(&line.item_id);
        // A transcript arrives after its speech; text that is typed does not end speech.
        let spoken_at = if position.is_none() { self.speech_at.take() } else { None };
        let (number, at) = self.identity(spoken_at.unwrap_or(at), position);
        let entry = TurnEntry {
            number,
            item_id: line.item_id.clone(),
            speaker: if self.info.captions { SpeakerRole::Captioned } else { SpeakerRole::User },
            at,
            played_bytes: text.len(),
            text,
            played_ms: None,
            is_final: line.is_final,
            interrupted: false,
        };
        match position {
            Some(position) => self.entries[position] = Arc::new(entry),
            None => {
                let position = self.insert_position(line);
                self.entries.insert(position, Arc::new(entry));
            }
        }
    }

    fn update_assistant(&mut self, at: Duration, line: &AssistantLine) {
        let [whole, heard] = &mut self.growing;
        let text = whole.update(&line.text).to_owned();
        // Sanitizing a prefix gives a prefix of the sanitized text, so its length is the position.
        let heard_bytes = word_start(&line.text, line.heard_bytes);
        let played_bytes = match line.heard_ms {
            Some(_) => heard.update(&line.text[..heard_bytes]).len(),
            None => text.len(),
        };
        let position = self.position(&line.item_id);
        let (number, at) = self.identity(at, position);
        let entry = TurnEntry {
            number,
            item_id: line.item_id.clone(),
            speaker: SpeakerRole::Assistant,
            at,
            text,
            played_bytes,
            played_ms: line.heard_ms,
            is_final: line.is_final,
            interrupted: line.interrupted,
        };
        match position {
            Some(position) => self.entries[position] = Arc::new(entry),
            None => self.entries.push(Arc::new(entry)),
        }
    }

    /// Returns the number and time of the entry at a position, or those of a new one.
    fn identity(&mut self, at: Duration, position: Option<usize>) -> (u64, Duration) {
        match position {
            Some(position) => (self.entries[position].number, self.entries[position].at),
            None => (self.next_number(), at),
        }
    }

    fn next_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// Returns the position of a new line of the user.
    ///
    /// A transcript may arrive after its answer has started. If the server names no previous item, or an
    /// unknown one, the line goes to the position of the conversation when speech started. It stays behind
    /// notices that arrived before it was spoken.
    fn insert_position(&mut self, line: &UserUtterance) -> usize {
        let speech_after = self.speech_after.take();
        let named = line.after.as_deref().and_then(|after| self.position(after));
        let position = match (named, speech_after) {
            (Some(position), _) => position + 1,
            (None, Some(EntryPosition::Start)) => return 0,
            (None, Some(EntryPosition::After(number))) => {
                let position = self.entries.iter().rposition(|entry| entry.number == number);
                return position.map_or(self.entries.len(), |position| position + 1);
            }
            (None, None) => return self.entries.len(),
        };
        let is_earlier = |entry: &&Arc<TurnEntry>| {
            matches!(entry.speaker, SpeakerRole::Program | SpeakerRole::Mark)
                && match speech_after {
                    Some(EntryPosition::After(number)) => entry.number <= number,
                    Some(EntryPosition::Start) => false,
                    None => true,
                }
        };
        position + self.entries[position..].iter().take_while(is_earlier).count()
    }

    fn end_position(&self) -> EntryPosition {
        self.entries.last().map_or(EntryPosition::Start, |entry| EntryPosition::After(entry.number))
    }

    /// Searches from the end, where nearly all updates are.
    fn position(&self, item_id: &str) -> Option<usize> {
        let is_item =
            |entry: &Arc<TurnEntry>| entry.item_id == item_id && entry.speaker != SpeakerRole::Program;
        self.entries.iter().rposition(is_item)
    }
}

/// Returns a text, divided by speakers if they are known.
fn spoken_text(line: &UserUtterance) -> String {
    let mut last = None;
    let parts = spoken_parts(line);
    parts.iter().map(|part| labelled(part, &mut last)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
