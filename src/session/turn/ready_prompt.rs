//! What the devices mean for the call: when to speak, and what becomes of an answer that nobody can hear.

use std::time::Duration;

use crate::session::io::Notice;
use crate::session::{Phase, Session};

/// Whether the user was told to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReadyPrompt {
    /// No real samples have come.
    #[default]
    TooEarly,
    /// They come, and are not sent yet.
    Due,
    /// The user knows.
    Told,
}

impl Session {
    pub(crate) fn input_started(&mut self) {
        if self.ready_prompt == ReadyPrompt::TooEarly {
            self.ready_prompt = ReadyPrompt::Due;
        }
    }

    /// Tells the user to speak once both ends hear.
    pub(crate) fn update_microphone(&mut self) {
        if self.ready_prompt == ReadyPrompt::Due && matches!(self.phase, Phase::Live) {
            self.ready_prompt = ReadyPrompt::Told;
            self.show(Notice::SpeakNow);
        }
    }

    /// An answer that finds no speaker is stopped where it was heard, as if the user had stopped it: the
    /// endpoint must not think that the rest was heard, and a later answer must not wait behind it.
    pub(crate) fn give_up_unheard(&mut self, now: Duration) {
        self.show(Notice::Info("the speaker stays away: the answer was stopped where it was heard".into()));
        self.interrupt_by_user(now);
    }
}
