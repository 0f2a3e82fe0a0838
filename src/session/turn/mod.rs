//! Turns of the user: microphone, voice activity detection, interruption, ducking, unacknowledged audio.

pub(super) mod microphone;
pub(super) mod media_time;
mod capture;
mod server_turns;
mod manual_turns;
pub(super) mod local_vad;
mod local_turns;
mod silence_gate;
mod interruption;
pub(super) mod flushing;
pub(super) mod ducking;
pub(super) mod unacked_audio;

use std::time::Duration;

use crate::session::context::Peers;
use crate::session::io::{Deadline, Notice, TurnState};
use crate::session::outputs::Outputs;
use crate::session::plan::{Plan, TurnControl};
use crate::session::response::Responses;
use crate::session::turn::ducking::Ducking;
use crate::session::turn::flushing::Flushing;
use crate::session::turn::local_vad::{LocalVad, VoiceState};
use crate::session::turn::microphone::MicrophoneState;
use crate::session::turn::silence_gate::SilenceGate;

/// The user's side of the turn taking.
#[derive(Debug)]
pub(crate) struct Turns {
    microphone: MicrophoneState,
    /// Local turn detection, if planned.
    local: Option<LocalVad>,
    silence: SilenceGate,
    flushing: Option<Flushing>,
    ducking: Ducking,
    ready_prompt: ReadyPrompt,
    state: TurnState,
}

/// Prompt that the user may speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ReadyPrompt {
    /// The device has delivered no samples.
    #[default]
    NoInput,
    /// Samples arrive, and the session is not live.
    Due,
    Shown,
}

impl Turns {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            microphone: MicrophoneState::new(plan),
            local: plan.local_turns.as_ref().map(|turns| LocalVad::new(plan.input_rate(), turns)),
            silence: SilenceGate::default(),
            flushing: None,
            ducking: Ducking::default(),
            ready_prompt: ReadyPrompt::default(),
            state: TurnState::default(),
        }
    }

    pub(crate) fn is_user_speaking(&self) -> bool {
        self.microphone.user_speaks()
    }

    /// Returns whether a finished turn has neither a caption nor a response.
    pub(crate) fn has_unacked_turn(&self) -> bool {
        self.microphone.unacked.has_unacked_turn()
    }

    /// Notes that the last turn has a caption or a response.
    pub(crate) fn acknowledge_audio(&mut self) {
        self.microphone.unacked.acknowledge();
    }

    #[cfg(test)]
    pub(crate) fn state(&self) -> TurnState {
        self.state
    }

    pub(crate) fn is_flushing(&self) -> bool {
        self.flushing.is_some()
    }

    /// Stops waiting for a flush report.
    pub(crate) fn abandon_flush(&mut self) {
        self.flushing = None;
    }

    /// Returns the time of the last event after the end of the input.
    pub(crate) fn quiet_since(&self) -> Option<Duration> {
        self.microphone.quiet_since()
    }

    /// Prepares for the next server, which needs the unacknowledged audio.
    pub(crate) fn server_gone(&mut self, control: TurnControl) {
        self.microphone.server_gone(control);
    }

    /// Forgets all audio, because the input is read again.
    pub(crate) fn forget_audio(&mut self, plan: &Plan) {
        self.microphone.forget_audio(plan);
        self.silence.clear();
        if let Some(local) = &mut self.local {
            local.set_voice(VoiceState::Silent);
            local.take();
        }
    }

    /// Begins anew after the user has hung up; only the mute stays.
    pub(crate) fn hang_up(&mut self, plan: &Plan, outputs: &mut Outputs) {
        self.flushing = None;
        self.ducking.clear();
        self.microphone.forget_audio(plan);
        self.ready_prompt = ReadyPrompt::NoInput;
        if std::mem::take(&mut self.state) != TurnState::default() {
            outputs.show(Notice::Turn(TurnState::default()));
        }
    }

    /// Takes the number of milliseconds of audio that were dropped while disconnected.
    pub(crate) fn take_lost_ms(&mut self) -> u64 {
        self.microphone.take_lost_ms()
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let flushing = self.flushing.as_ref().map(Flushing::deadline);
        [flushing, self.ducking.deadline()].into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    pub(crate) fn tick(&mut self, peers: &mut Peers<'_, '_>) {
        if self.flushing.as_ref().is_some_and(|flushing| peers.cx.now >= flushing.deadline().at) {
            self.flushed(peers, &[]);
        }
        if self.ducking.deadline().is_some_and(|deadline| peers.cx.now >= deadline.at) {
            self.ducking.end(peers.cx.outputs);
        }
    }

    /// Notes the first samples of the microphone.
    pub(crate) fn input_started(&mut self, is_live: bool, outputs: &mut Outputs) {
        if self.ready_prompt == ReadyPrompt::NoInput {
            self.ready_prompt = ReadyPrompt::Due;
        }
        if is_live {
            self.show_ready_prompt(outputs);
        }
    }

    /// Prompts the user to speak, once, as soon as device and session are ready.
    pub(crate) fn show_ready_prompt(&mut self, outputs: &mut Outputs) {
        if self.ready_prompt == ReadyPrompt::Due {
            self.ready_prompt = ReadyPrompt::Shown;
            outputs.show(Notice::SpeakNow);
        }
    }

    /// Shows whose turn it is if that has changed.
    /// `is_writing` says whether the text of a written answer arrives.
    pub(crate) fn update_state(&mut self, responses: &Responses, is_writing: bool, outputs: &mut Outputs) {
        let state = if self.is_user_speaking() {
            TurnState::User
        } else if responses.is_playing() || is_writing {
            TurnState::Assistant
        } else if responses.is_active() {
            TurnState::Thinking
        } else {
            TurnState::Listening
        };
        if state != self.state {
            self.state = state;
            outputs.show(Notice::Turn(state));
        }
    }
}
