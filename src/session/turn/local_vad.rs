//! State of local voice activity detection, and the audio before a turn is confirmed.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dsp::frame::{Frame, SampleRate};
use crate::session::plan::LocalTurnPlan;

/// Detection delay of the first stage.
const DETECTION_DELAY: Duration = Duration::from_millis(100);

/// Maximum time until speech is confirmed; older audio is not part of the turn.
const CONFIRMATION_TIMEOUT: Duration = Duration::from_secs(1);

/// Voice activity, and audio that may belong to the next turn.
#[derive(Debug)]
pub(crate) struct LocalVad {
    frames: VecDeque<Frame>,
    samples: u64,
    /// Maximum number of samples kept in silence.
    silent_capacity: u64,
    /// Maximum number of samples kept during possible speech.
    speech_capacity: u64,
    voice: VoiceState,
}

/// Stage of voice activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VoiceState {
    Silent,
    /// Possible speech.
    Suspected,
    /// Speech; the turn began at this media time.
    Confirmed(Duration),
    /// Speech continues; the part until this media time is committed.
    Continuing(Duration),
}

impl LocalVad {
    pub(crate) fn new(rate: SampleRate, turns: &LocalTurnPlan) -> Self {
        let silent = turns.prefix + DETECTION_DELAY;
        Self {
            frames: VecDeque::new(),
            samples: 0,
            silent_capacity: rate.samples(silent),
            speech_capacity: rate.samples(silent + CONFIRMATION_TIMEOUT),
            voice: VoiceState::Silent,
        }
    }

    pub(super) fn voice(&self) -> VoiceState {
        self.voice
    }

    pub(super) fn set_voice(&mut self, voice: VoiceState) {
        self.voice = voice;
        self.trim();
    }

    pub(super) fn keep(&mut self, frame: Frame) {
        self.samples += frame.samples.len() as u64;
        self.frames.push_back(frame);
        self.trim();
    }

    fn trim(&mut self) {
        let capacity = match self.voice {
            VoiceState::Silent => self.silent_capacity,
            VoiceState::Suspected | VoiceState::Confirmed(_) | VoiceState::Continuing(_) => {
                self.speech_capacity
            }
        };
        while self.samples > capacity {
            let Some(oldest) = self.frames.pop_front() else { return };
            self.samples -= oldest.samples.len() as u64;
        }
    }

    pub(super) fn take(&mut self) -> VecDeque<Frame> {
        self.samples = 0;
        std::mem::take(&mut self.frames)
    }
}
