//! Changes of the conversation so far: another answer, a message taken back, a new start, new settings.

use std::time::Duration;

use crate::protocol::events::client::ClientBody;
use crate::protocol::settings::{SessionSettings, Voice};
use crate::session::connection::reconnect::Reconnecting;
use crate::session::connection::requests::RequestKind;
use crate::session::context::Peers;
use crate::session::conversation::Conversation;
use crate::session::conversation::history::RemovedItem;
use crate::session::io::delay::DelayOrigin;
use crate::session::io::info::InfoMessage;
use crate::session::io::setting::SettingChange;
use crate::session::io::{ConnectionState, Failure, Notice, Output, Removal};
use crate::session::plan::{ConnectionPolicy, Mode};
use crate::session::{Parts, Session};

impl Session {
    /// Deletes what follows the last message of the user, and requests another answer.
    pub(super) fn retry(&mut self, now: Duration) {
        if !self.stop_for_revision(now) {
            return;
        }
        match self.conversation.take_answers() {
            Some(answers) => {
                let is_reopened = self.delete(now, answers);
                let Parts { responses, mut cx, .. } = self.parts(now);
                // A new connection requests the answer itself once it has the conversation.
                if cx.connection.is_disconnected() {
                    self.connect(now);
                } else if !is_reopened {
                    cx.metering.latency().turn_ended(now, DelayOrigin::Typed);
                    responses.request(&mut cx);
                }
            }
            None => self.outputs.info(InfoMessage::NothingToRepeat),
        }
    }

    /// Deletes the last message of the user and what follows it.
    pub(super) fn take_back(&mut self, now: Duration) {
        if !self.stop_for_revision(now) {
            return;
        }
        match self.conversation.take_last_message() {
            Some(items) => {
                self.delete(now, items);
            }
            None => self.outputs.info(InfoMessage::NothingToEdit),
        }
    }

    /// Forgets the conversation and starts a new session.
    pub(super) fn clear(&mut self, now: Duration) {
        self.outputs.show(Notice::Removed(Removal::Everything));
        match self.plan.connecting {
            // The next message opens the new session.
            ConnectionPolicy::OnDemand { .. } if !self.connection.is_disconnected() => self.disconnect(now),
            ConnectionPolicy::Once | ConnectionPolicy::Resumable if self.connection.is_live() => {
                self.reopen(now);
            }
            ConnectionPolicy::Once | ConnectionPolicy::Resumable | ConnectionPolicy::OnDemand { .. } => {}
        }
        (self.plan.history, self.plan.opening, self.plan.attachments) = (Vec::new(), Vec::new(), Vec::new());
        self.conversation = Conversation::new(&self.plan);
        // Lines of a stopped answer may have been shown in the meantime.
        self.outputs.show(Notice::Removed(Removal::Everything));
        self.outputs.info(InfoMessage::Cleared);
    }

    /// Changes the system instructions; without new ones, shows those in force.
    pub(super) fn instruct(&mut self, now: Duration, instructions: String) {
        if instructions.is_empty() {
            let shown = match &self.plan.settings.instructions {
                Some(instructions) => format!("instructions: {instructions}"),
                None => "no instructions were given: the endpoint's own apply".to_owned(),
            };
            self.outputs.info(shown);
            return;
        }
        self.plan.settings.instructions = Some(instructions.clone());
        self.update(
            now,
            SessionSettings { instructions: Some(instructions.clone()), ..SessionSettings::default() },
        );
        self.outputs.show(Notice::Setting(SettingChange::Instructions(instructions)));
    }

    /// Changes the speed of speech, which endpoints accept between responses only.
    pub(super) fn change_speed(&mut self, now: Duration, percent: u32) {
        if self.responses.is_active() {
            self.outputs.info(InfoMessage::AnswerInProgress);
            return;
        }
        let speed = Some(f64::from(percent) / 100.0);
        self.plan.settings.speed = speed;
        self.update(now, SessionSettings { speed, ..SessionSettings::default() });
        self.outputs.show(Notice::Setting(SettingChange::Speed(percent)));
    }

    /// Changes settings of the connection in use; the next one gets them from the plan.
    fn update(&mut self, now: Duration, settings: SessionSettings) {
        self.drop_standby();
        if self.connection.is_live() {
            let settings = SessionSettings { kind: self.plan.settings.kind, ..settings };
            let update = ClientBody::SessionUpdate(Box::new(settings));
            self.connection.send(now, update, RequestKind::SessionUpdate, &mut self.outputs);
        }
    }

    /// Continues with another model, which is fixed once a connection is open.
    pub(super) fn change_model(&mut self, now: Duration, model: String) {
        self.outputs.info(InfoMessage::Model(model.clone()));
        self.plan.model = Some(model.clone());
        self.outputs.push(Output::SetModel(model));
        self.continue_on_new_connection(now);
    }

    /// Continues with another voice, which is fixed after the first audio of a connection.
    pub(super) fn change_voice(&mut self, now: Duration, voice: &str) {
        let named = Voice::Named(voice.to_owned());
        if let Some(speech) = &mut self.plan.speech {
            speech.voice = Some(named.clone());
        }
        if self.plan.plays_answers() {
            self.outputs.info(InfoMessage::Voice(voice.to_owned()));
            self.plan.settings.voice = Some(named);
            self.continue_on_new_connection(now);
        } else {
            self.outputs.info(InfoMessage::LaterVoice(voice.to_owned()));
        }
    }

    /// Lets answers be spoken, or written only; without a value, the other way than now.
    pub(super) fn speak(&mut self, now: Duration, wanted: Option<bool>) {
        let is_spoken = self.plan.plays_answers();
        let wanted = wanted.unwrap_or(!is_spoken);
        match (self.plan.mode, wanted) {
            (Mode::Talk | Mode::Transcribe, _) => {
                self.outputs.info(InfoMessage::AlwaysSpoken);
                return;
            }
            (Mode::Chat | Mode::Ask, true) if self.plan.speech.is_none() => {
                self.outputs.info("answers are spoken in the call only");
                return;
            }
            (Mode::Chat | Mode::Ask, true) => {
                self.outputs.push(Output::OpenAudio);
                self.outputs.info(InfoMessage::AnswersSpoken);
            }
            (Mode::Chat | Mode::Ask, false) => self.outputs.info(InfoMessage::AnswersWritten),
        }
        if wanted == is_spoken {
            return;
        }
        let Parts { turns, responses, mut cx, .. } = self.parts(now);
        turns.stop_playback(&mut cx, responses);
        self.plan.set_spoken(wanted);
        if self.connection.is_live() {
            let SessionSettings { kind, output, output_format, voice, .. } = self.plan.settings.clone();
            let settings =
                SessionSettings { kind, output, output_format, voice, ..SessionSettings::default() };
            let update = ClientBody::SessionUpdate(Box::new(self.plan.without_omitted(settings)));
            self.drop_standby();
            self.connection.send(now, update, RequestKind::SessionUpdate, &mut self.outputs);
        }
    }

    /// Stops an answer in progress. Returns whether the conversation can be changed now.
    fn stop_for_revision(&mut self, now: Duration) -> bool {
        let refusal = if self.connection.is_disconnected() {
            None
        } else if !self.connection.is_live() {
            Some("not connected yet: try again in a moment")
        } else if self.responses.is_playing() {
            Some("stop the answer first")
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.outputs.info(refusal);
            return false;
        }
        let Parts { turns, responses, conversation, mut cx } = self.parts(now);
        turns.interrupt_by_user(&mut Peers { cx: &mut cx, responses, conversation });
        true
    }

    /// Deletes items. Ids belong to a connection, so items of an earlier one need a new connection, which gets
    /// what is left. Returns whether it was opened.
    fn delete(&mut self, now: Duration, items: Vec<RemovedItem>) -> bool {
        let is_reopened = items.iter().any(|item| item.was_replayed);
        for RemovedItem { item_id, is_on_server, .. } in items {
            self.outputs.show(Notice::Removed(Removal::Item(item_id.clone())));
            if is_on_server && !is_reopened {
                let delete = ClientBody::ItemDelete { item_id };
                self.connection.send(now, delete, RequestKind::ItemDelete, &mut self.outputs);
            }
        }
        if is_reopened {
            self.continue_on_new_connection(now);
        }
        is_reopened
    }

    /// Opens a new connection that gets the conversation so far.
    fn continue_on_new_connection(&mut self, now: Duration) {
        if self.connection.is_live() {
            self.connection.backoff().count_attempt();
            self.reopen(now);
        }
    }

    fn reopen(&mut self, now: Duration) {
        self.forget_server(now);
        self.drop_standby();
        self.outputs.show(Notice::Connection(ConnectionState::Connecting));
        let failure = Failure { message: "cannot open a new session".to_owned(), code: None };
        self.connection.reconnect(Reconnecting::immediately(failure));
        self.outputs.push(Output::Open(self.connection.handshake()));
    }
}
