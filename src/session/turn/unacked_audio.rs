//! Sent speech without a caption or response: a new server would need it again.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dsp::frame::{Frame, SampleRate};

/// Audio kept in silence: servers detect speech late, and need some audio from before it.
const BEFORE_SPEECH: Duration = Duration::from_secs(1);

/// Maximum audio kept of a turn. The beginning of a longer one is lost.
const MAX_TURN: Duration = Duration::from_secs(30);

/// Audio since the start of the unacknowledged turn, or of the last moments.
#[derive(Debug)]
pub(crate) struct UnackedAudio {
    frames: VecDeque<Frame>,
    samples: u64,
    turn: UnackedTurn,
    silent_capacity: u64,
    turn_capacity: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnackedTurn {
    /// All turns are acknowledged.
    None,
    /// The user speaks.
    Open,
    /// The turn ended and has neither a caption nor a response.
    Ended,
}

/// How turns are bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnBoundary {
    /// By the server, some time after they have begun.
    Detected,
    /// By the client: audio from before a turn does not belong to it.
    Exact,
}

impl UnackedAudio {
    pub(crate) fn new(rate: SampleRate, boundary: TurnBoundary) -> Self {
        Self {
            frames: VecDeque::new(),
            samples: 0,
            turn: UnackedTurn::None,
            silent_capacity: match boundary {
                TurnBoundary::Detected => rate.samples(BEFORE_SPEECH),
                TurnBoundary::Exact => 0,
            },
            turn_capacity: rate.samples(MAX_TURN),
        }
    }

    /// Adds a frame that was sent.
    pub(crate) fn push(&mut self, frame: Frame) {
        self.samples += frame.samples.len() as u64;
        self.frames.push_back(frame);
        self.trim();
    }

    pub(crate) fn begin_turn(&mut self) {
        self.turn = UnackedTurn::Open;
    }

    pub(crate) fn end_turn(&mut self) {
        if self.turn == UnackedTurn::Open {
            self.turn = UnackedTurn::Ended;
        }
    }

    /// Notes the caption of the last turn, or the response to it.
    pub(crate) fn acknowledge(&mut self) {
        if self.turn == UnackedTurn::Ended {
            self.turn = UnackedTurn::None;
            self.trim();
        }
    }

    /// Forgets everything.
    pub(crate) fn discard(&mut self) {
        self.turn = UnackedTurn::None;
        self.frames.clear();
        self.samples = 0;
    }

    /// Returns whether an ended turn is unacknowledged.
    pub(crate) fn has_unacked_turn(&self) -> bool {
        self.turn == UnackedTurn::Ended
    }

    /// Takes the audio for the next server.
    pub(crate) fn take(&mut self) -> VecDeque<Frame> {
        self.turn = UnackedTurn::None;
        self.samples = 0;
        std::mem::take(&mut self.frames)
    }

    fn trim(&mut self) {
        let capacity = match self.turn {
            UnackedTurn::None => self.silent_capacity,
            UnackedTurn::Open | UnackedTurn::Ended => self.turn_capacity,
        };
        while self.samples > capacity {
            let Some(oldest) = self.frames.pop_front() else { return };
            self.samples -= oldest.samples.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(audio: &mut UnackedAudio, ms: usize) {
        for _ in 0..ms / 10 {
            audio.push(Frame::new(SampleRate::HZ_24000, vec![1; 240]));
        }
    }

    fn take_ms(mut audio: UnackedAudio) -> usize {
        audio.take().len() * 10
    }

    #[test]
    fn silence_is_trimmed_and_a_turn_is_kept() {
        let mut audio = UnackedAudio::new(SampleRate::HZ_24000, TurnBoundary::Detected);
        send(&mut audio, 5_000);
        audio.begin_turn();
        send(&mut audio, 3_000);
        audio.end_turn();
        send(&mut audio, 500);
        assert!(audio.has_unacked_turn());
        assert_eq!(take_ms(audio), 4_500);
    }

    #[test]
    fn an_acknowledged_turn_is_trimmed_but_not_an_open_one() {
        let mut audio = UnackedAudio::new(SampleRate::HZ_24000, TurnBoundary::Detected);
        audio.begin_turn();
        send(&mut audio, 3_000);
        audio.acknowledge();
        assert_eq!(audio.frames.len(), 300, "the turn is open");
        audio.end_turn();
        audio.acknowledge();
        assert_eq!(take_ms(audio), 1_000);
    }

    #[test]
    fn a_turn_is_limited_to_its_capacity() {
        let mut audio = UnackedAudio::new(SampleRate::HZ_24000, TurnBoundary::Exact);
        audio.begin_turn();
        send(&mut audio, 40_000);
        assert_eq!(take_ms(audio), 30_000);
    }

    #[test]
    fn an_acknowledged_manual_turn_leaves_no_audio() {
        let mut audio = UnackedAudio::new(SampleRate::HZ_24000, TurnBoundary::Exact);
        audio.begin_turn();
        send(&mut audio, 300);
        audio.end_turn();
        audio.acknowledge();
        assert_eq!(take_ms(audio), 0);
    }
}
