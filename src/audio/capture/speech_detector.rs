//! Notices that somebody speaks: at first as a guess, then surely.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::echo::estimator::{FORECAST_RATE, ResidualSignal};
use crate::audio::echo::{Block, NearEnd, SpeechGate};
use crate::dsp::vad::{VadFrame, VoiceActivityDetector, score_threshold};

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
pub enum ListenMode {
    /// Nothing that is told.
    #[default]
    Off,
    /// To tell when somebody speaks while the speaker sounds.
    Interruptions,
    /// To tell when somebody speaks, at any time: turns are made of it.
    Turns(SpeechRule),
}

/// What is speech, and when it is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpeechRule {
    /// 0 to 1; the higher, the clearer speech has to be.
    pub threshold: f64,
    /// The silence that ends a turn.
    pub silence: Duration,
}

impl Default for SpeechRule {
    fn default() -> Self {
        Self { threshold: 0.5, silence: Duration::from_millis(500) }
    }
}

/// Beside what somebody is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FarEnd {
    /// The speaker is silent, and so is its echo.
    Silence,
    /// The speaker sounds, or its echo may still do.
    Speaker,
}

/// What is around a block of sound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DetectionContext {
    pub(crate) trust: SpeechGate,
    pub(crate) beside: FarEnd,
}

/// Listens to what goes to the endpoint.
#[derive(Debug)]
pub(crate) struct SpeechDetector {
    ear: VoiceActivityDetector,
    /// For what is heard besides a foretold echo, what its last hop was, and whether the next stands out.
    fine_ear: VoiceActivityDetector,
    finely: FrameClass,
    stood_out: bool,
    /// Beside what the last hop was heard.
    beside: FarEnd,
    /// From this score on a hop is voiced.
    threshold: f32,
    /// So many hops without voice end it.
    closing: u32,
    /// The last hops, the newest first.
    recent: VecDeque<FrameClass>,
    state: DetectorState,
}

/// What 16 ms were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameClass {
    Voiced,
    /// Voiced, but heard besides the echo only: the canceller has torn it.
    Torn,
    Unvoiced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DetectorState {
    Silent,
    Speaking(SpeechState),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SpeechState {
    /// For so many hops nothing was said.
    silent: u32,
    certainty: SpeechConfidence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SpeechConfidence {
    Guess,
    Sure,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpeechTransition {
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

impl SpeechDetector {
    pub(crate) fn new(rule: SpeechRule) -> Self {
        let hops = rule.silence.as_millis() as f64 / VadFrame::TIME.as_millis() as f64;
        Self {
            ear: VoiceActivityDetector::default(),
            fine_ear: VoiceActivityDetector::for_rate(FORECAST_RATE),
            finely: FrameClass::Unvoiced,
            stood_out: false,
            beside: FarEnd::Silence,
            threshold: score_threshold(rule.threshold),
            closing: (hops.round() as u32).max(1),
            recent: VecDeque::with_capacity(SURE_WINDOW + 1),
            state: DetectorState::Silent,
        }
    }

    pub(crate) fn talker(&self) -> NearEnd {
        match self.state {
            DetectorState::Silent => NearEnd::Silent,
            DetectorState::Speaking(SpeechState { certainty: SpeechConfidence::Guess, .. }) => {
                NearEnd::Suspected
            }
            DetectorState::Speaking(SpeechState { certainty: SpeechConfidence::Sure, .. }) => NearEnd::Speaks,
        }
    }

    /// Takes the next block, and what it holds besides the echo where that is foretold; what is masked by the
    /// echo is nobody's voice.
    pub(crate) fn listen(
        &mut self,
        block: &Block,
        around: DetectionContext,
        rest: Option<&ResidualSignal>,
    ) -> Option<SpeechTransition> {
        if let Some(rest) = rest {
            self.listen_finely(rest);
        }
        // A block is shorter than a hop, so that one at most is complete.
        let hop = self.ear.listen(block).pop()?;
        let finely = std::mem::replace(&mut self.finely, FrameClass::Unvoiced);
        self.hear(hop.score, around, finely)
    }

    /// Both ears have their hops equally often, so that each has one of the other's beside it.
    fn listen_finely(&mut self, rest: &ResidualSignal) {
        self.stood_out |= rest.stands_out;
        let Some(hop) = self.fine_ear.listen(&rest.piece).pop() else { return };
        // What does not stand out sounds like a voice, too: the assistant's.
        if std::mem::take(&mut self.stood_out) && hop.score >= VOICED {
            self.finely = FrameClass::Torn;
        }
    }

    fn hear(&mut self, score: f32, around: DetectionContext, finely: FrameClass) -> Option<SpeechTransition> {
        let DetectionContext { trust, beside } = around;
        self.come_beside(beside);
        let (threshold, sure) = match beside {
            FarEnd::Silence => (self.threshold, SURE_IN_SILENCE),
            FarEnd::Speaker => (self.threshold.max(VOICED), SURE),
        };
        let threshold = match self.state {
            DetectorState::Silent => threshold,
            DetectorState::Speaking(_) => threshold - HYSTERESIS,
        };
        let voiced = score >= threshold && trust == SpeechGate::Open;
        let sound = if voiced { FrameClass::Voiced } else { finely };
        self.recent.push_front(sound);
        self.recent.truncate(SURE_WINDOW);
        let heard = |sound| sound != FrameClass::Unvoiced;
        let lately = self.count(GUESS_WINDOW, heard);
        let is_word = self.count(SURE_WINDOW, heard) >= sure
            && self.count(SURE_WINDOW, |sound| sound == FrameClass::Voiced) >= SURE_WHOLE;
        match &mut self.state {
            DetectorState::Silent if lately < GUESS => None,
            DetectorState::Silent => {
                self.state =
                    DetectorState::Speaking(SpeechState { silent: 0, certainty: SpeechConfidence::Guess });
                Some(SpeechTransition::Started)
            }
            DetectorState::Speaking(speech) => {
                speech.silent = if heard(sound) { 0 } else { speech.silent + 1 };
                if speech.silent >= self.closing {
                    return self.end();
                }
                if speech.certainty == SpeechConfidence::Sure || !is_word {
                    return None;
                }
                speech.certainty = SpeechConfidence::Sure;
                Some(SpeechTransition::Confirmed)
            }
        }
    }

    /// The last word of whoever has fallen silent is no word over the answer that it brings.
    fn come_beside(&mut self, beside: FarEnd) {
        let before = std::mem::replace(&mut self.beside, beside);
        if (before, beside, self.state) == (FarEnd::Silence, FarEnd::Speaker, DetectorState::Silent) {
            self.recent.clear();
        }
    }

    /// Returns how many of the last hops were such.
    fn count(&self, window: usize, such: impl Fn(FrameClass) -> bool) -> usize {
        self.recent.iter().take(window).filter(|sound| such(**sound)).count()
    }

    /// Whoever speaks is not listened to any more.
    pub(crate) fn end(&mut self) -> Option<SpeechTransition> {
        self.recent.clear();
        match std::mem::replace(&mut self.state, DetectorState::Silent) {
            DetectorState::Silent => None,
            DetectorState::Speaking(speech) => {
                Some(SpeechTransition::Stopped { silent: VadFrame::TIME * speech.silent })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half a second, in hops.
    const CLOSING: usize = 31;
    const STOPPED: SpeechTransition = SpeechTransition::Stopped { silent: Duration::from_millis(496) };

    fn voice() -> SpeechDetector {
        SpeechDetector::new(SpeechRule::default())
    }

    fn hear(voice: &mut SpeechDetector, scores: &[f32], trust: SpeechGate) -> Vec<SpeechTransition> {
        scores
            .iter()
            .filter_map(|score| {
                voice.hear(*score, DetectionContext { trust, beside: FarEnd::Speaker }, FrameClass::Unvoiced)
            })
            .collect()
    }

    fn hear_in_silence(voice: &mut SpeechDetector, scores: &[f32]) -> Vec<SpeechTransition> {
        scores
            .iter()
            .filter_map(|score| {
                voice.hear(
                    *score,
                    DetectionContext { trust: SpeechGate::Open, beside: FarEnd::Silence },
                    FrameClass::Unvoiced,
                )
            })
            .collect()
    }

    #[test]
    fn a_click_is_no_voice_and_a_word_is() {
        let mut voice = voice();
        assert_eq!(hear(&mut voice, &[0.9, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9], SpeechGate::Open), []);
        assert_eq!(hear(&mut voice, &[0.59, 0.7, 0.0, 0.6], SpeechGate::Open), [SpeechTransition::Started]);
        assert_eq!(voice.talker(), NearEnd::Suspected);
        assert_eq!(hear(&mut voice, &[0.5; 9], SpeechGate::Open), [SpeechTransition::Confirmed]);
        assert_eq!(voice.talker(), NearEnd::Speaks);
        assert_eq!(hear(&mut voice, &[0.9; 100], SpeechGate::Open), [], "it is told once");
    }

    #[test]
    fn a_cough_over_an_answer_is_never_sure_and_as_long_a_word_in_silence_is() {
        let mut voice = voice();
        assert_eq!(hear(&mut voice, &[0.9; SURE - 1], SpeechGate::Open), [SpeechTransition::Started]);
        assert_eq!(hear(&mut voice, &[0.0; CLOSING], SpeechGate::Open), [STOPPED]);
        assert_eq!(voice.talker(), NearEnd::Silent);
        assert_eq!(
            hear_in_silence(&mut voice, &[0.9; SURE - 1]),
            [SpeechTransition::Started, SpeechTransition::Confirmed]
        );
        assert_eq!(hear_in_silence(&mut voice, &[0.0; CLOSING]), [STOPPED]);
        assert_eq!(hear_in_silence(&mut voice, &[0.9; SURE_IN_SILENCE - 1]), [SpeechTransition::Started]);
    }

    #[test]
    fn a_pause_is_no_end() {
        let mut voice = voice();
        hear(&mut voice, &[0.9; 30], SpeechGate::Open);
        assert_eq!(hear(&mut voice, &[0.0; CLOSING - 1], SpeechGate::Open), []);
        assert_eq!(hear(&mut voice, &[0.55], SpeechGate::Open), []);
        assert_eq!(hear(&mut voice, &[0.0; CLOSING], SpeechGate::Open), [STOPPED]);
    }

    #[test]
    fn the_silence_that_ends_a_turn_is_the_one_that_is_asked_for() {
        for (ms, hops, heard_ms) in [(100, 6, 96), (200, 13, 208), (800, 50, 800), (10_000, 625, 10_000)] {
            let mut voice = SpeechDetector::new(SpeechRule {
                silence: Duration::from_millis(ms),
                ..SpeechRule::default()
            });
            hear_in_silence(&mut voice, &[0.9; 30]);
            assert_eq!(hear_in_silence(&mut voice, &vec![0.0; hops - 1]), [], "{ms} ms");
            let silent = Duration::from_millis(heard_ms);
            assert_eq!(
                hear_in_silence(&mut voice, &[0.0]),
                [SpeechTransition::Stopped { silent }],
                "{ms} ms"
            );
        }
    }

    #[test]
    fn the_threshold_is_the_one_that_is_set_but_no_echo_is_a_voice_by_it() {
        let with = |threshold| SpeechDetector::new(SpeechRule { threshold, ..SpeechRule::default() });
        let both = [SpeechTransition::Started, SpeechTransition::Confirmed];
        assert_eq!(hear_in_silence(&mut with(0.4), &[0.54; 20]), both, "quiet");
        assert_eq!(hear(&mut with(0.4), &[0.54; 20], SpeechGate::Open), []);
        assert_eq!(hear_in_silence(&mut with(0.75), &[0.77; 20]), [], "noisy");
        assert_eq!(hear(&mut with(0.75), &[0.77; 20], SpeechGate::Open), []);
        assert_eq!(hear_in_silence(&mut with(0.75), &[0.78; 20]), both);
    }

    fn hear_torn(voice: &mut SpeechDetector, hops: usize) -> Vec<SpeechTransition> {
        let hop = |_| {
            voice.hear(
                0.2,
                DetectionContext { trust: SpeechGate::Open, beside: FarEnd::Speaker },
                FrameClass::Torn,
            )
        };
        (0..hops).filter_map(hop).collect()
    }

    #[test]
    fn a_voice_that_the_canceller_has_torn_is_a_guess_and_sure_once_some_of_it_is_whole() {
        let mut voice = voice();
        assert_eq!(hear_torn(&mut voice, GUESS), [SpeechTransition::Started]);
        assert_eq!(voice.talker(), NearEnd::Suspected);
        assert_eq!(hear_torn(&mut voice, 100), [], "a wrong forecast stops no answer");
        assert_eq!(hear(&mut voice, &[0.9; SURE_WHOLE], SpeechGate::Open), [SpeechTransition::Confirmed]);
    }

    #[test]
    fn the_users_own_last_word_is_none_over_the_answer() {
        let mut voice = voice();
        assert_eq!(hear_in_silence(&mut voice, &[0.9, 0.9]), []);
        assert_eq!(hear(&mut voice, &[0.9], SpeechGate::Open), []);
        assert_eq!(hear(&mut voice, &[0.9, 0.9], SpeechGate::Open), [SpeechTransition::Started]);
    }

    #[test]
    fn what_the_echo_masks_is_nobody() {
        assert_eq!(hear(&mut voice(), &[0.9; 100], SpeechGate::Masked), []);
    }

    #[test]
    fn who_is_not_listened_to_any_more_has_stopped_just_then() {
        let mut voice = voice();
        assert_eq!(voice.end(), None);
        hear(&mut voice, &[0.9; 4], SpeechGate::Open);
        hear(&mut voice, &[0.0; 5], SpeechGate::Open);
        let silent = Duration::from_millis(80);
        assert_eq!((voice.end(), voice.end()), (Some(SpeechTransition::Stopped { silent }), None));
    }
}
