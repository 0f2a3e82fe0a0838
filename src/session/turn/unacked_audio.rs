//! The user's speech that was sent and is not settled: were the server gone now, the next one would have
//! to hear it again.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dsp::frame::{Frame, SampleRate};

/// How much is kept while nobody speaks: servers notice speech late, and want some sound before it.
const BEFORE_SPEECH: Duration = Duration::from_secs(1);

/// How much of a turn is kept. A longer one is heard again without its beginning.
const LONGEST_TURN: Duration = Duration::from_secs(30);

/// The sound since the beginning of the turn that is not settled, or since shortly before now.
#[derive(Debug)]
pub(crate) struct UnackedAudio {
    frames: VecDeque<Frame>,
    samples: u64,
    turn: UnackedTurn,
    before_speech: u64,
    longest: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnackedTurn {
    /// Nobody speaks, and what was said is known or answered.
    None,
    /// The user speaks.
    Spoken,
    /// The turn is over, and the server has neither captioned nor answered it.
    Unsettled,
}

/// How turns are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnBoundary {
    /// By the server, some time after they have begun.
    Late,
    /// By hand: nothing belongs to a turn that was said before it.
    AtOnce,
}

impl UnackedAudio {
    pub(crate) fn new(rate: SampleRate, found: TurnBoundary) -> Self {
        Self {
            frames: VecDeque::new(),
            samples: 0,
            turn: UnackedTurn::None,
            before_speech: match found {
                TurnBoundary::Late => rate.samples(BEFORE_SPEECH),
                TurnBoundary::AtOnce => 0,
            },
            longest: rate.samples(LONGEST_TURN),
        }
    }

    /// Notes what was sent.
    pub(crate) fn sent(&mut self, frame: Frame) {
        self.samples += frame.samples.len() as u64;
        self.frames.push_back(frame);
        self.trim();
    }

    /// A turn begins.
    pub(crate) fn begin(&mut self) {
        self.turn = UnackedTurn::Spoken;
    }

    /// The turn is over.
    pub(crate) fn end(&mut self) {
        if self.turn == UnackedTurn::Spoken {
            self.turn = UnackedTurn::Unsettled;
        }
    }

    /// The turn that is over is known to this side, or is being answered.
    pub(crate) fn acknowledge(&mut self) {
        if self.turn == UnackedTurn::Unsettled {
            self.turn = UnackedTurn::None;
            self.trim();
        }
    }

    /// What was said is not to be heard at all.
    pub(crate) fn discard(&mut self) {
        self.turn = UnackedTurn::None;
        self.frames.clear();
        self.samples = 0;
    }

    /// Returns whether a turn is over and not settled.
    pub(crate) fn has_unsettled(&self) -> bool {
        self.turn == UnackedTurn::Unsettled
    }

    /// Takes what the next server has to hear.
    pub(crate) fn take(&mut self) -> VecDeque<Frame> {
        self.turn = UnackedTurn::None;
        self.samples = 0;
        std::mem::take(&mut self.frames)
    }

    fn trim(&mut self) {
        let most = match self.turn {
            UnackedTurn::None => self.before_speech,
            UnackedTurn::Spoken | UnackedTurn::Unsettled => self.longest,
        };
        while self.samples > most {
            let Some(oldest) = self.frames.pop_front() else { return };
            self.samples -= oldest.samples.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(recent: &mut UnackedAudio, ms: usize) {
        for _ in 0..ms / 10 {
            recent.sent(Frame::new(SampleRate::HZ_24000, vec![1; 240]));
        }
    }

    fn taken_ms(mut recent: UnackedAudio) -> usize {
        recent.take().len() * 10
    }

    #[test]
    fn silence_is_forgotten_and_speech_is_kept() {
        let mut recent = UnackedAudio::new(SampleRate::HZ_24000, TurnBoundary::Late);
        send(&mut recent, 5_000);
        recent.begin();
        send(&mut recent, 3_000);
        recent.end();
        send(&mut recent, 500);
        assert!(recent.has_unsettled());
        assert_eq!(taken_ms(recent), 4_500);
    }

    #[test]
    fn what_is_settled_is_forgotten_but_not_what_is_being_said() {
        let mut recent = UnackedAudio::new(SampleRate::HZ_24000, TurnBoundary::Late);
        recent.begin();
        send(&mut recent, 3_000);
        recent.acknowledge();
        assert_eq!(recent.frames.len(), 300, "it is still being said");
        recent.end();
        recent.acknowledge();
        assert_eq!(taken_ms(recent), 1_000);
    }

    #[test]
    fn a_turn_has_a_longest_length() {
        let mut recent = UnackedAudio::new(SampleRate::HZ_24000, TurnBoundary::AtOnce);
        recent.begin();
        send(&mut recent, 40_000);
        assert_eq!(taken_ms(recent), 30_000);
    }

    #[test]
    fn a_turn_by_hand_leaves_nothing_behind() {
        let mut recent = UnackedAudio::new(SampleRate::HZ_24000, TurnBoundary::AtOnce);
        recent.begin();
        send(&mut recent, 300);
        recent.end();
        recent.acknowledge();
        assert_eq!(taken_ms(recent), 0);
    }
}
