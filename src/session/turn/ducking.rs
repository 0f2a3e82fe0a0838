//! Speaking over an answer in two stages: at the first guess it becomes softer, and only who is sure stops it.
//!
//! A guess that was wrong, a cough, costs nothing: the sound went on all the while and is loud again.

use std::time::Duration;

use crate::session::io::{Deadline, Notice, Output, Reason};
use crate::session::plan::{Interrupt, TurnControl};
use crate::session::{Phase, Session};

/// How long an answer stays soft for somebody whom nobody confirms. Servers need a few hundred milliseconds
/// of speech and the way there and back; one that judges by meaning needs longer.
const CONFIRMED_WITHIN: Duration = Duration::from_millis(1_500);

/// The answer is soft, because somebody seems to speak.
#[derive(Debug)]
pub(crate) struct Ducking {
    until: Duration,
}

impl Ducking {
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline { at: self.until, reason: Reason::NotConfirmed }
    }
}

impl Session {
    /// Somebody seems to speak over the answer.
    pub(crate) fn voice_started(&mut self, now: Duration) {
        if self.ducking.is_some() || self.flushing.is_some() || !self.may_be_interrupted() {
            return;
        }
        self.ducking = Some(Ducking { until: now + CONFIRMED_WITHIN });
        self.outputs.push(Output::Duck);
        self.show(Notice::Debug("somebody seems to speak: the answer is softer".into()));
    }

    /// Somebody does speak over the answer, as far as this machine can tell.
    pub(crate) fn voice_confirmed(&mut self, now: Duration) {
        match self.plan.interrupt {
            Interrupt::Local if self.may_be_interrupted() => self.interrupt_by_user(now),
            Interrupt::Local | Interrupt::Server | Interrupt::Off => {}
        }
    }

    /// Whoever seemed to speak is silent, and the server did not take it for speech.
    pub(crate) fn voice_stopped(&mut self) {
        if self.ducking.take().is_some() {
            self.outputs.push(Output::Unduck);
            self.show(Notice::Debug("nobody interrupts: the answer is as loud as before".into()));
        }
    }

    pub(crate) fn tick_ducked(&mut self, now: Duration) {
        if self.ducking.as_ref().is_some_and(|ducked| now >= ducked.until) {
            self.voice_stopped();
        }
    }

    /// Returns whether there is an answer to be heard that a voice may stop.
    fn may_be_interrupted(&self) -> bool {
        let by_voice =
            self.plan.interrupt != Interrupt::Off && self.plan.turn_control() != TurnControl::Manual;
        let live = matches!(self.phase, Phase::Live);
        live && by_voice && !self.microphone.is_muted() && self.playback.is_sounding()
    }
}
