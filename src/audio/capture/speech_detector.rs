//! Notices that somebody speaks: at first as a guess, then surely.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::echo::estimator::{FORECAST_RATE, Rest};
use crate::audio::echo::{Block, Talker, Trust};
use crate::dsp::vad::{Ear, Hop, score_threshold};

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
/// So many of them the canceller has let through as a voice: a forecast of the echo that is wrong, because
/// something was moved, may make an answer softer, but not stop it.
const SURE_WHOLE: usize = 3;

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

/// What is around a block of sound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around {
    pub(crate) trust: Trust,
    pub(crate) beside: Beside,
}

/// Listens to what goes to the endpoint.
#[derive(Debug)]
pub(crate) struct Voice {
    ear: Ear,
    /// For what is heard besides a foretold echo, what its last hop was, and whether the next stands out.
    fine_ear: Ear,
    finely: Sound,
    stood_out: bool,
    /// Beside what the last hop was heard.
    beside: Beside,
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
    /// Voiced, but heard besides the echo only: the canceller has torn it.
    Torn,
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
            fine_ear: Ear::for_rate(FORECAST_RATE),
            finely: Sound::Unvoiced,
            stood_out: false,
            beside: Beside::Silence,
            threshold: score_threshold(rule.threshold),
            closing: (hops.round() as u32).max(1),
            recent: VecDeque::with_capacity(SURE_WINDOW + 1),
            state: State::Silent,
        }
    }

    pub(crate) fn talker(&self) -> Talker {
        match self.state {
            State::Silent => Talker::Silent,
            State::Speaking(Speech { certainty: Certainty::Guess, .. }) => Talker::Seems,
            State::Speaking(Speech { certainty: Certainty::Sure, .. }) => Talker::Speaks,
        }
    }

    /// Takes the next block, and what it holds besides the echo where that is foretold; what is masked by the
    /// echo is nobody's voice.
    pub(crate) fn listen(&mut self, block: &Block, around: Around, rest: Option<&Rest>) -> Option<Change> {
        if let Some(rest) = rest {
            self.listen_finely(rest);
        }
        // A block is shorter than a hop, so that one at most is complete.
        let hop = self.ear.listen(block).pop()?;
        let finely = std::mem::replace(&mut self.finely, Sound::Unvoiced);
        self.hear(hop.score, around, finely)
    }

    /// Both ears have their hops equally often, so that each has one of the other's beside it.
    fn listen_finely(&mut self, rest: &Rest) {
        self.stood_out |= rest.stands_out;
        let Some(hop) = self.fine_ear.listen(&rest.piece).pop() else { return };
        // What does not stand out sounds like a voice, too: the assistant's.
        if std::mem::take(&mut self.stood_out) && hop.score >= VOICED {
            self.finely = Sound::Torn;
        }
    }

    fn hear(&mut self, score: f32, around: Around, finely: Sound) -> Option<Change> {
        let Around { trust, beside } = around;
        self.come_beside(beside);
        let (threshold, sure) = match beside {
            Beside::Silence => (self.threshold, SURE_IN_SILENCE),
            Beside::Speaker => (self.threshold.max(VOICED), SURE),
        };
        let threshold = match self.state {
            State::Silent => threshold,
            State::Speaking(_) => threshold - HYSTERESIS,
        };
        let voiced = score >= threshold && trust == Trust::Heard;
        let sound = if voiced { Sound::Voiced } else { finely };
        self.recent.push_front(sound);
        self.recent.truncate(SURE_WINDOW);
        let heard = |sound| sound != Sound::Unvoiced;
        let lately = self.count(GUESS_WINDOW, heard);
        let is_word = self.count(SURE_WINDOW, heard) >= sure
            && self.count(SURE_WINDOW, |sound| sound == Sound::Voiced) >= SURE_WHOLE;
        match &mut self.state {
            State::Silent if lately < GUESS => None,
            State::Silent => {
                self.state = State::Speaking(Speech { silent: 0, certainty: Certainty::Guess });
                Some(Change::Started)
            }
            State::Speaking(speech) => {
                speech.silent = if heard(sound) { 0 } else { speech.silent + 1 };
                if speech.silent >= self.closing {
                    return self.end();
                }
                if speech.certainty == Certainty::Sure || !is_word {
                    return None;
                }
                speech.certainty = Certainty::Sure;
                Some(Change::Confirmed)
            }
        }
    }

    /// The last word of whoever has fallen silent is no word over the answer that it brings.
    fn come_beside(&mut self, beside: Beside) {
        let before = std::mem::replace(&mut self.beside, beside);
        if (before, beside, self.state) == (Beside::Silence, Beside::Speaker, State::Silent) {
            self.recent.clear();
        }
    }

    /// Returns how many of the last hops were such.
    fn count(&self, window: usize, such: impl Fn(Sound) -> bool) -> usize {
        self.recent.iter().take(window).filter(|sound| such(**sound)).count()
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
        scores
            .iter()
            .filter_map(|score| {
                voice.hear(*score, Around { trust, beside: Beside::Speaker }, Sound::Unvoiced)
            })
            .collect()
    }

    fn hear_in_silence(voice: &mut Voice, scores: &[f32]) -> Vec<Change> {
        scores
            .iter()
            .filter_map(|score| {
                voice.hear(*score, Around { trust: Trust::Heard, beside: Beside::Silence }, Sound::Unvoiced)
            })
            .collect()
    }

    #[test]
    fn a_click_is_no_voice_and_a_word_is() {
        let mut voice = voice();
        assert_eq!(hear(&mut voice, &[0.9, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9], Trust::Heard), []);
        assert_eq!(hear(&mut voice, &[0.59, 0.7, 0.0, 0.6], Trust::Heard), [Change::Started]);
        assert_eq!(voice.talker(), Talker::Seems);
        assert_eq!(hear(&mut voice, &[0.5; 9], Trust::Heard), [Change::Confirmed]);
        assert_eq!(voice.talker(), Talker::Speaks);
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

    fn hear_torn(voice: &mut Voice, hops: usize) -> Vec<Change> {
        let hop = |_| voice.hear(0.2, Around { trust: Trust::Heard, beside: Beside::Speaker }, Sound::Torn);
        (0..hops).filter_map(hop).collect()
    }

    #[test]
    fn a_voice_that_the_canceller_has_torn_is_a_guess_and_sure_once_some_of_it_is_whole() {
        let mut voice = voice();
        assert_eq!(hear_torn(&mut voice, GUESS), [Change::Started]);
        assert_eq!(voice.talker(), Talker::Seems);
        assert_eq!(hear_torn(&mut voice, 100), [], "a wrong forecast stops no answer");
        assert_eq!(hear(&mut voice, &[0.9; SURE_WHOLE], Trust::Heard), [Change::Confirmed]);
    }

    #[test]
    fn the_users_own_last_word_is_none_over_the_answer() {
        let mut voice = voice();
        assert_eq!(hear_in_silence(&mut voice, &[0.9, 0.9]), []);
        assert_eq!(hear(&mut voice, &[0.9], Trust::Heard), []);
        assert_eq!(hear(&mut voice, &[0.9, 0.9], Trust::Heard), [Change::Started]);
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
