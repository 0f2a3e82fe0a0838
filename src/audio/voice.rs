//! Notices that somebody speaks: at first as a guess, then surely.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::echo::{Block, Talker, Trust};
use crate::pcm::voice::{Ear, Hop, score_threshold};

/// From this score on a hop is voiced while the speaker sounds: measured to find speech and no rest of an echo.
const VOICED: f32 = 0.6;
/// Within speech it may be so much lower; words end softly.
const HYSTERESIS: f32 = 0.1;
/// So many voiced hops of the last are taken for speech: 48 ms of 128 ms. A guess that is wrong only makes
/// an answer softer for a moment, and each hop more makes the right one 16 ms later.
const GUESS: usize = 3;
const GUESS_WINDOW: usize = 8;
/// So many are a word and no cough, while the speaker sounds: 176 ms of 256 ms.
const SURE: usize = 11;
/// So many are while it is silent: 128 ms. Of short words said fast ("hi", "up", 200 ms) 10 hops and more are
/// voiced, of clicks, knocks and bursts of noise none, and nothing is stopped by a mistake.
const SURE_IN_SILENCE: usize = 8;
const SURE_WINDOW: usize = 16;

/// What somebody's voice is listened for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Listening {
    /// Nothing that is told.
    #[default]
    Off,
    /// To tell when somebody speaks while the speaker sounds.
    Interruptions,
    /// To tell when somebody speaks, at any time: turns are made of it.
    Turns(TurnRule),
}

/// What is speech, and when it is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TurnRule {
    /// 0 to 1; the higher, the clearer speech has to be.
    pub threshold: f64,
    /// The silence that ends a turn.
    pub silence: Duration,
}

impl Default for TurnRule {
    fn default() -> Self {
        Self { threshold: 0.5, silence: Duration::from_millis(500) }
    }
}

/// Beside what somebody is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// The speaker is silent, and so is its echo.
    Silence,
    /// The speaker sounds, or its echo may still do.
    Speaker,
}

/// Listens to what goes to the endpoint.
#[derive(Debug)]
pub(crate) struct Voice {
    ear: Ear,
    /// From this score on a hop is voiced.
    threshold: f32,
    /// So many hops without voice end it.
    closing: u32,
    /// The last hops, the newest first.
    recent: VecDeque<Sound>,
    state: State,
}

/// What 16 ms were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sound {
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
    silent: u32,
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
    /// They are not heard any more.
    Stopped {
        /// For so long they have been silent.
        silent: Duration,
    },
}

impl Voice {
    pub(crate) fn new(rule: TurnRule) -> Self {
        let hops = rule.silence.as_millis() as f64 / Hop::TIME.as_millis() as f64;
        Self {
            ear: Ear::default(),
            threshold: score_threshold(rule.threshold),
            closing: (hops.round() as u32).max(1),
            recent: VecDeque::with_capacity(SURE_WINDOW + 1),
            state: State::Silent,
        }
    }

    pub(crate) fn talker(&self) -> Talker {
        match self.state {
            State::Silent => Talker::Silent,
            State::Speaking(_) => Talker::Speaks,
        }
    }

    /// Takes the next block; what is masked by the echo is nobody's voice.
    pub(crate) fn listen(&mut self, block: &Block, trust: Trust, beside: Beside) -> Option<Change> {
        // A block is shorter than a hop, so that one at most is complete.
        let hop = self.ear.listen(block).pop()?;
        self.hear(hop.score, trust, beside)
    }

    fn hear(&mut self, score: f32, trust: Trust, beside: Beside) -> Option<Change> {
        let (threshold, sure) = match beside {
            Beside::Silence => (self.threshold, SURE_IN_SILENCE),
            Beside::Speaker => (self.threshold.max(VOICED), SURE),
        };
        let threshold = match self.state {
            State::Silent => threshold,
            State::Speaking(_) => threshold - HYSTERESIS,
        };
        let voiced = score >= threshold && trust == Trust::Heard;
        self.recent.push_front(if voiced { Sound::Voiced } else { Sound::Unvoiced });
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
                if speech.silent >= self.closing {
                    return self.end();
                }
                if speech.certainty == Certainty::Sure || longer < sure {
                    return None;
                }
                speech.certainty = Certainty::Sure;
                Some(Change::Confirmed)
            }
        }
    }

    /// Returns how many of the last hops were voiced.
    fn voiced(&self, window: usize) -> usize {
        self.recent.iter().take(window).filter(|sound| **sound == Sound::Voiced).count()
    }

    /// Whoever speaks is not listened to any more.
    pub(crate) fn end(&mut self) -> Option<Change> {
        self.recent.clear();
        match std::mem::replace(&mut self.state, State::Silent) {
            State::Silent => None,
            State::Speaking(speech) => Some(Change::Stopped { silent: Hop::TIME * speech.silent }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half a second, in hops.
    const CLOSING: usize = 31;
    const STOPPED: Change = Change::Stopped { silent: Duration::from_millis(496) };

    fn voice() -> Voice {
        Voice::new(TurnRule::default())
    }

    fn hear(voice: &mut Voice, scores: &[f32], trust: Trust) -> Vec<Change> {
        scores.iter().filter_map(|score| voice.hear(*score, trust, Beside::Speaker)).collect()
    }

    fn hear_in_silence(voice: &mut Voice, scores: &[f32]) -> Vec<Change> {
        scores.iter().filter_map(|score| voice.hear(*score, Trust::Heard, Beside::Silence)).collect()
    }

    #[test]
    fn a_click_is_no_voice_and_a_word_is() {
        let mut voice = voice();
        assert_eq!(hear(&mut voice, &[0.9, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9], Trust::Heard), []);
        assert_eq!(hear(&mut voice, &[0.59, 0.7, 0.0, 0.6], Trust::Heard), [Change::Started]);
        assert_eq!(voice.talker(), Talker::Speaks);
        assert_eq!(hear(&mut voice, &[0.5; 9], Trust::Heard), [Change::Confirmed]);
        assert_eq!(hear(&mut voice, &[0.9; 100], Trust::Heard), [], "it is told once");
    }

    #[test]
    fn a_cough_over_an_answer_is_never_sure_and_as_long_a_word_in_silence_is() {
        let mut voice = voice();
        assert_eq!(hear(&mut voice, &[0.9; SURE - 1], Trust::Heard), [Change::Started]);
        assert_eq!(hear(&mut voice, &[0.0; CLOSING], Trust::Heard), [STOPPED]);
        assert_eq!(voice.talker(), Talker::Silent);
        assert_eq!(hear_in_silence(&mut voice, &[0.9; SURE - 1]), [Change::Started, Change::Confirmed]);
        assert_eq!(hear_in_silence(&mut voice, &[0.0; CLOSING]), [STOPPED]);
        assert_eq!(hear_in_silence(&mut voice, &[0.9; SURE_IN_SILENCE - 1]), [Change::Started]);
    }

    #[test]
    fn a_pause_is_no_end() {
        let mut voice = voice();
        hear(&mut voice, &[0.9; 30], Trust::Heard);
        assert_eq!(hear(&mut voice, &[0.0; CLOSING - 1], Trust::Heard), []);
        assert_eq!(hear(&mut voice, &[0.55], Trust::Heard), []);
        assert_eq!(hear(&mut voice, &[0.0; CLOSING], Trust::Heard), [STOPPED]);
    }

    #[test]
    fn the_silence_that_ends_a_turn_is_the_one_that_is_asked_for() {
        for (ms, hops, heard_ms) in [(100, 6, 96), (200, 13, 208), (800, 50, 800), (10_000, 625, 10_000)] {
            let mut voice =
                Voice::new(TurnRule { silence: Duration::from_millis(ms), ..TurnRule::default() });
            hear_in_silence(&mut voice, &[0.9; 30]);
            assert_eq!(hear_in_silence(&mut voice, &vec![0.0; hops - 1]), [], "{ms} ms");
            let silent = Duration::from_millis(heard_ms);
            assert_eq!(hear_in_silence(&mut voice, &[0.0]), [Change::Stopped { silent }], "{ms} ms");
        }
    }

    #[test]
    fn the_threshold_is_the_one_that_is_set_but_no_echo_is_a_voice_by_it() {
        let with = |threshold| Voice::new(TurnRule { threshold, ..TurnRule::default() });
        let both = [Change::Started, Change::Confirmed];
        assert_eq!(hear_in_silence(&mut with(0.4), &[0.54; 20]), both, "quiet");
        assert_eq!(hear(&mut with(0.4), &[0.54; 20], Trust::Heard), []);
        assert_eq!(hear_in_silence(&mut with(0.75), &[0.77; 20]), [], "noisy");
        assert_eq!(hear(&mut with(0.75), &[0.77; 20], Trust::Heard), []);
        assert_eq!(hear_in_silence(&mut with(0.75), &[0.78; 20]), both);
    }

    #[test]
    fn what_the_echo_masks_is_nobody() {
        assert_eq!(hear(&mut voice(), &[0.9; 100], Trust::Masked), []);
    }

    #[test]
    fn who_is_not_listened_to_any_more_has_stopped_just_then() {
        let mut voice = voice();
        assert_eq!(voice.end(), None);
        hear(&mut voice, &[0.9; 4], Trust::Heard);
        hear(&mut voice, &[0.0; 5], Trust::Heard);
        let silent = Duration::from_millis(80);
        assert_eq!((voice.end(), voice.end()), (Some(Change::Stopped { silent }), None));
    }
}
