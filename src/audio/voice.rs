//! Notices that somebody speaks while the speaker sounds: at first as a guess, then surely.

use std::collections::VecDeque;

use crate::audio::echo::{Block, Talker, Trust};
use crate::pcm::voice::Ear;

/// From this score on a hop is voiced: measured to find speech and no noise.
const VOICED: f32 = 0.6;
/// Within speech it may be so much lower; words end softly.
const HYSTERESIS: f32 = 0.1;
/// So many voiced hops of the last are taken for speech: 48 ms of 128 ms. A guess that is wrong only makes
/// an answer softer for a moment, and each hop more makes the right one 16 ms later.
const GUESS: usize = 3;
const GUESS_WINDOW: usize = 8;
/// So many are a word and no cough: 176 ms of 256 ms.
const SURE: usize = 11;
const SURE_WINDOW: usize = 16;
/// So many hops without voice end it: half a second.
const CLOSING: usize = 31;

/// Listens to what goes to the endpoint.
#[derive(Debug)]
pub(crate) struct Voice {
    ear: Ear,
    /// The last hops, the newest first.
    recent: VecDeque<Hop>,
    state: State,
}

/// What 16 ms were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hop {
    Voiced,
    Unvoiced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Silent,
    Speaking(Speech),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Speech {
    /// For so many hops nothing was said.
    silent: usize,
    certainty: Certainty,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certainty {
    Guess,
    Sure,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Somebody seems to speak.
    Started,
    /// Somebody does speak; told once for each that seemed to.
    Confirmed,
    /// They have stopped.
    Stopped,
}

impl Default for Voice {
    fn default() -> Self {
        let recent = VecDeque::with_capacity(SURE_WINDOW + 1);
        Self { ear: Ear::default(), recent, state: State::Silent }
    }
}

impl Voice {
    pub(crate) fn talker(&self) -> Talker {
        match self.state {
            State::Silent => Talker::Silent,
            State::Speaking(_) => Talker::Speaks,
        }
    }

    /// Takes the next block; what is masked by the echo is nobody's voice.
    pub(crate) fn listen(&mut self, block: &Block, trust: Trust) -> Option<Change> {
        // A block is shorter than a hop, so that one at most is complete.
        let hop = self.ear.listen(block).pop()?;
        self.hear(hop.score, trust)
    }

    fn hear(&mut self, score: f32, trust: Trust) -> Option<Change> {
        let threshold = match self.state {
            State::Silent => VOICED,
            State::Speaking(_) => VOICED - HYSTERESIS,
        };
        let voiced = score >= threshold && trust == Trust::Heard;
        self.recent.push_front(if voiced { Hop::Voiced } else { Hop::Unvoiced });
        self.recent.truncate(SURE_WINDOW);
        let (lately, longer) = (self.voiced(GUESS_WINDOW), self.voiced(SURE_WINDOW));
        match &mut self.state {
            State::Silent if lately < GUESS => None,
            State::Silent => {
                self.state = State::Speaking(Speech { silent: 0, certainty: Certainty::Guess });
                Some(Change::Started)
            }
            State::Speaking(speech) => {
                speech.silent = if voiced { 0 } else { speech.silent + 1 };
                if speech.silent >= CLOSING {
                    return self.end();
                }
                if speech.certainty == Certainty::Sure || longer < SURE {
                    return None;
                }
                speech.certainty = Certainty::Sure;
                Some(Change::Confirmed)
            }
        }
    }

    /// Returns how many of the last hops were voiced.
    fn voiced(&self, window: usize) -> usize {
        self.recent.iter().take(window).filter(|hop| **hop == Hop::Voiced).count()
    }

    /// What is said from here on is no interruption: the speaker is silent.
    pub(crate) fn end(&mut self) -> Option<Change> {
        self.recent.clear();
        match std::mem::replace(&mut self.state, State::Silent) {
            State::Silent => None,
            State::Speaking(_) => Some(Change::Stopped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(voice: &mut Voice, scores: &[f32], trust: Trust) -> Vec<Change> {
        scores.iter().filter_map(|score| voice.hear(*score, trust)).collect()
    }

    #[test]
    fn a_click_is_no_voice_and_a_word_is() {
        let mut voice = Voice::default();
        assert_eq!(hear(&mut voice, &[0.9, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9], Trust::Heard), []);
        assert_eq!(hear(&mut voice, &[0.59, 0.7, 0.0, 0.6], Trust::Heard), [Change::Started]);
        assert_eq!(voice.talker(), Talker::Speaks);
        assert_eq!(hear(&mut voice, &[0.5; 9], Trust::Heard), [Change::Confirmed]);
        assert_eq!(hear(&mut voice, &[0.9; 100], Trust::Heard), [], "it is told once");
    }

    #[test]
    fn a_cough_is_never_sure() {
        let mut voice = Voice::default();
        assert_eq!(hear(&mut voice, &[0.9; SURE - 1], Trust::Heard), [Change::Started]);
        assert_eq!(hear(&mut voice, &[0.0; CLOSING], Trust::Heard), [Change::Stopped]);
        assert_eq!(voice.talker(), Talker::Silent);
    }

    #[test]
    fn a_pause_is_no_end() {
        let mut voice = Voice::default();
        hear(&mut voice, &[0.9; 30], Trust::Heard);
        assert_eq!(hear(&mut voice, &[0.0; CLOSING - 1], Trust::Heard), []);
        assert_eq!(hear(&mut voice, &[0.55], Trust::Heard), []);
        assert_eq!(hear(&mut voice, &[0.0; CLOSING], Trust::Heard), [Change::Stopped]);
    }

    #[test]
    fn what_the_echo_masks_is_nobody() {
        assert_eq!(hear(&mut Voice::default(), &[0.9; 100], Trust::Masked), []);
    }

    #[test]
    fn the_end_of_the_sound_is_the_end_of_speaking_over_it() {
        let mut voice = Voice::default();
        assert_eq!(voice.end(), None);
        hear(&mut voice, &[0.9; 4], Trust::Heard);
        assert_eq!((voice.end(), voice.end()), (Some(Change::Stopped), None));
    }
}
