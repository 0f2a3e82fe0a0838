//! Microphone audio: what is sent, kept or pending.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dsp::codec::Codec;
use crate::dsp::frame::{Frame, SampleRate};
use crate::session::plan::{InputEndAction, Plan, TurnControl};
use crate::session::turn::unacked_audio::{TurnBoundary, UnackedAudio};

/// Maximum audio kept while the session opens, so that the first words are not lost.
const KEPT_BEFORE_LIVE: Duration = Duration::from_secs(10);

/// State of the microphone.
#[derive(Debug)]
pub(crate) struct MicrophoneState {
    codec: Codec,
    pub(super) rate: SampleRate,
    pub(super) muted: bool,
    pub(super) speech: SpeechPhase,
    /// Sent audio that the next server would need.
    pub(super) unacked: UnackedAudio,
    /// Audio that the previous server lost; sent before anything else.
    resend: VecDeque<Frame>,
    kept: VecDeque<Frame>,
    kept_samples: u64,
    /// Number of samples dropped while disconnected.
    lost_samples: u64,
    /// Number of samples since the last commit.
    pub(super) uncommitted: u64,
    /// When the input ended or the last event after that.
    quiet_since: Option<Duration>,
}

/// Phase of the user's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpeechPhase {
    Silent,
    /// The server detects speech.
    Detected,
    /// The turn is open and will be committed here.
    Held,
    /// The turn ended while disconnected; it is committed later.
    PendingCommit,
}

impl MicrophoneState {
    pub(crate) fn new(plan: &Plan) -> Self {
        let rate = plan.input_rate();
        let boundary = match plan.turn_control() {
            TurnControl::Server => TurnBoundary::Detected,
            TurnControl::Manual | TurnControl::Local => TurnBoundary::Exact,
        };
        Self {
            codec: plan.settings.input_format.as_ref().map_or(Codec::Pcm16, |format| format.codec()),
            rate,
            muted: false,
            speech: first_phase(plan),
            unacked: UnackedAudio::new(rate, boundary),
            resend: VecDeque::new(),
            kept: VecDeque::new(),
            kept_samples: 0,
            lost_samples: 0,
            uncommitted: 0,
            quiet_since: None,
        }
    }

    pub(super) fn user_speaks(&self) -> bool {
        match self.speech {
            SpeechPhase::Detected | SpeechPhase::Held => true,
            SpeechPhase::Silent | SpeechPhase::PendingCommit => false,
        }
    }

    pub(super) fn end_input(&mut self, now: Duration) {
        self.quiet_since = Some(now);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.quiet_since.is_some()
    }

    /// Notes an event after the end of the input.
    pub(super) fn note_activity(&mut self, now: Duration) {
        if let Some(quiet_since) = &mut self.quiet_since {
            *quiet_since = now;
        }
    }

    /// Returns the time of the last event after the end of the input.
    pub(super) fn quiet_since(&self) -> Option<Duration> {
        self.quiet_since
    }

    /// Prepares for the next server: a held turn continues, unacknowledged audio is sent again.
    pub(super) fn server_gone(&mut self, control: TurnControl) {
        match (control, self.speech) {
            (TurnControl::Server, _) => self.speech = SpeechPhase::Silent,
            (TurnControl::Manual | TurnControl::Local, SpeechPhase::Silent)
                if self.unacked.has_unacked_turn() =>
            {
                self.speech = SpeechPhase::PendingCommit;
            }
            (TurnControl::Manual | TurnControl::Local, _) => {}
        }
        self.resend.append(&mut self.unacked.take());
        self.uncommitted = 0;
        self.lost_samples = 0;
    }

    /// Forgets all audio, because the input is read again; its end follows again.
    pub(super) fn forget_audio(&mut self, plan: &Plan) {
        self.speech = first_phase(plan);
        self.resend.clear();
        self.kept.clear();
        (self.kept_samples, self.lost_samples, self.quiet_since) = (0, 0, None);
    }

    /// Takes the number of milliseconds of audio that were dropped while disconnected.
    pub(super) fn take_lost_ms(&mut self) -> u64 {
        let lost = std::mem::take(&mut self.lost_samples);
        u64::try_from(self.rate.duration(lost).as_millis()).unwrap_or(u64::MAX)
    }

    /// Keeps a frame until the session is live.
    pub(super) fn keep(&mut self, frame: Frame) {
        self.kept_samples += frame.samples.len() as u64;
        self.kept.push_back(frame);
        while self.kept_samples > self.rate.samples(KEPT_BEFORE_LIVE) {
            let Some(oldest) = self.kept.pop_front() else { return };
            self.kept_samples -= oldest.samples.len() as u64;
            self.lost_samples += oldest.samples.len() as u64;
        }
    }

    /// Takes the frames that the previous server lost.
    pub(super) fn take_resend(&mut self) -> VecDeque<Frame> {
        std::mem::take(&mut self.resend)
    }

    /// Takes the frames to send when the session becomes live, after those that are sent again.
    pub(super) fn take_kept(&mut self) -> VecDeque<Frame> {
        self.kept_samples = 0;
        std::mem::take(&mut self.kept)
    }

    /// Returns the frame to send: silence while muted, since the server measures time by the audio it gets.
    pub(super) fn apply_mute(&self, frame: &Frame) -> Frame {
        if self.muted { Frame::new(frame.rate, vec![0; frame.samples.len()]) } else { frame.clone() }
    }

    /// Encodes a frame to be sent and keeps it until it is acknowledged.
    pub(super) fn encode(&mut self, frame: Frame) -> Vec<u8> {
        let audio = self.codec.encode(&frame.samples);
        self.uncommitted += frame.samples.len() as u64;
        self.unacked.push(frame);
        audio
    }

    /// Opens a turn that is committed here.
    pub(super) fn hold(&mut self) {
        if self.speech == SpeechPhase::Silent {
            self.uncommitted = 0;
        }
        self.unacked.begin_turn();
        self.speech = SpeechPhase::Held;
    }

    /// Ends the turn; its audio stays unacknowledged.
    pub(super) fn end_turn(&mut self) {
        self.speech = SpeechPhase::Silent;
        self.unacked.end_turn();
    }
}

fn first_phase(plan: &Plan) -> SpeechPhase {
    if is_one_turn(plan) { SpeechPhase::Held } else { SpeechPhase::Silent }
}

/// Returns whether the whole input is one turn: a file without turn detection.
pub(super) fn is_one_turn(plan: &Plan) -> bool {
    plan.turn_control() == TurnControl::Manual && plan.at_input_end == InputEndAction::End
}
