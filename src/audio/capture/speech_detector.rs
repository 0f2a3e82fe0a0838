//! The speech detector: a fast guess, then confirmation.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::echo::activity::FarEnd;
use crate::audio::echo::activity::{NearEnd, SpeechGate};
use crate::audio::echo::block::Block;
use crate::audio::echo::residual::ResidualSignal;
use crate::audio::options::SpeechRule;
use crate::dsp::vad::{VadFrame, VoiceActivityDetector, score_threshold};

/// VAD threshold during far-end activity, measured to pass speech and no residual echo.
const FAR_END_THRESHOLD: f32 = 0.6;
/// Hysteresis within speech; words end softly.
const HYSTERESIS: f32 = 0.1;
/// Voiced frames for a guess: 48 ms of 128 ms. A false guess only ducks playback briefly, and each additional
/// frame costs 16 ms.
const GUESS: usize = 3;
const GUESS_WINDOW: usize = 8;
/// Voiced frames for confirmation during far-end activity: 176 ms of 256 ms, longer than a cough.
const CONFIRM: usize = 11;
/// Voiced frames for confirmation otherwise: 128 ms. Short fast words ("hi", "up", 200 ms) have at least 10,
/// clicks, knocks and bursts of noise none, and an error interrupts nothing.
const CONFIRM_IN_SILENCE: usize = 8;
const CONFIRM_WINDOW: usize = 16;
/// Frames among them that must be voiced after the canceller. A wrong echo estimate, as after a movement, may
/// duck an answer but not stop it.
const CONFIRM_UNDISTORTED: usize = 3;

/// Context of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DetectionContext {
    pub(crate) gate: SpeechGate,
    pub(crate) far_end: FarEnd,
}

/// Detects speech in the microphone signal.
#[derive(Debug)]
pub(crate) struct SpeechDetector {
    detector: VoiceActivityDetector,
    /// Detector for the residual, the class of its last frame, and whether the next stands out.
    residual_detector: VoiceActivityDetector,
    residual_class: FrameClass,
    residual_stands_out: bool,
    /// Far-end activity at the last frame.
    far_end: FarEnd,
    /// VAD threshold without far-end activity.
    threshold: f32,
    /// Unvoiced frames that end speech.
    end_frames: u32,
    /// Recent frames, the newest first.
    recent: VecDeque<FrameClass>,
    state: DetectorState,
}

/// Class of a frame of 16 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameClass {
    Voiced,
    /// Voiced only in the residual: distorted by the canceller.
    DistortedByAec,
    Unvoiced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DetectorState {
    Silent,
    Speaking(SpeechState),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SpeechState {
    /// Unvoiced frames so far.
    silent: u32,
    confidence: SpeechConfidence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SpeechConfidence {
    Guess,
    Confirmed,
}

/// A change of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpeechTransition {
    /// Possible speech.
    Started,
    /// Confirmed speech; once per possible speech.
    Confirmed,
    /// The speech ended.
    Stopped {
        /// The silence before the end.
        silent: Duration,
    },
}

impl SpeechDetector {
    pub(crate) fn new(rule: SpeechRule) -> Self {
        let frames = rule.silence.as_millis() as f64 / VadFrame::TIME.as_millis() as f64;
        Self {
            detector: VoiceActivityDetector::default(),
            residual_detector: VoiceActivityDetector::default(),
            residual_class: FrameClass::Unvoiced,
            residual_stands_out: false,
            far_end: FarEnd::Silent,
            threshold: score_threshold(rule.threshold),
            end_frames: (frames.round() as u32).max(1),
            recent: VecDeque::with_capacity(CONFIRM_WINDOW + 1),
            state: DetectorState::Silent,
        }
    }

    pub(crate) fn near_end(&self) -> NearEnd {
        match self.state {
            DetectorState::Silent => NearEnd::Silent,
            DetectorState::Speaking(SpeechState { confidence: SpeechConfidence::Guess, .. }) => {
                NearEnd::Suspected
            }
            DetectorState::Speaking(SpeechState { confidence: SpeechConfidence::Confirmed, .. }) => {
                NearEnd::Speaks
            }
        }
    }

    /// Processes a block, and its residual if estimated. A block masked by echo is not speech.
    pub(crate) fn process(
        &mut self,
        block: &Block,
        context: DetectionContext,
        residual: Option<&ResidualSignal>,
    ) -> Option<SpeechTransition> {
        if let Some(residual) = residual {
            self.process_residual(residual);
        }
        // A block is shorter than a frame, so at most one is complete.
        let frame = self.detector.process(block).pop()?;
        let residual_class = std::mem::replace(&mut self.residual_class, FrameClass::Unvoiced);
        self.classify(frame.score, context, residual_class)
    }

    /// Both detectors complete frames at the same rate, so that each frame has a counterpart.
    fn process_residual(&mut self, residual: &ResidualSignal) {
        self.residual_stands_out |= residual.stands_out;
        let Some(frame) = self.residual_detector.process(&residual.block).pop() else { return };
        // Residual echo also sounds like a voice: that of the assistant.
        if std::mem::take(&mut self.residual_stands_out) && frame.score >= FAR_END_THRESHOLD {
            self.residual_class = FrameClass::DistortedByAec;
        }
    }

    fn classify(
        &mut self,
        score: f32,
        context: DetectionContext,
        residual_class: FrameClass,
    ) -> Option<SpeechTransition> {
        let DetectionContext { gate, far_end } = context;
        self.update_far_end(far_end);
        let (threshold, sure) = match far_end {
            FarEnd::Silent => (self.threshold, CONFIRM_IN_SILENCE),
            FarEnd::Active => (self.threshold.max(FAR_END_THRESHOLD), CONFIRM),
        };
        let threshold = match self.state {
            DetectorState::Silent => threshold,
            DetectorState::Speaking(_) => threshold - HYSTERESIS,
        };
        let voiced = score >= threshold && gate == SpeechGate::Open;
        let sound = if voiced { FrameClass::Voiced } else { residual_class };
        self.recent.push_front(sound);
        self.recent.truncate(CONFIRM_WINDOW);
        let is_voiced = |sound| sound != FrameClass::Unvoiced;
        let voiced = self.count(GUESS_WINDOW, is_voiced);
        let is_word = self.count(CONFIRM_WINDOW, is_voiced) >= sure
            && self.count(CONFIRM_WINDOW, |sound| sound == FrameClass::Voiced) >= CONFIRM_UNDISTORTED;
        match &mut self.state {
            DetectorState::Silent if voiced < GUESS => None,
            DetectorState::Silent => {
                self.state =
                    DetectorState::Speaking(SpeechState { silent: 0, confidence: SpeechConfidence::Guess });
                Some(SpeechTransition::Started)
            }
            DetectorState::Speaking(speech) => {
                speech.silent = if is_voiced(sound) { 0 } else { speech.silent + 1 };
                if speech.silent >= self.end_frames {
                    return self.end();
                }
                if speech.confidence == SpeechConfidence::Confirmed || !is_word {
                    return None;
                }
                speech.confidence = SpeechConfidence::Confirmed;
                Some(SpeechTransition::Confirmed)
            }
        }
    }

    /// The user's last word is not speech over the answer that follows it.
    fn update_far_end(&mut self, far_end: FarEnd) {
        let before = std::mem::replace(&mut self.far_end, far_end);
        if (before, far_end, self.state) == (FarEnd::Silent, FarEnd::Active, DetectorState::Silent) {
            self.recent.clear();
        }
    }

    /// Returns the number of matching frames in the window.
    fn count(&self, window: usize, matches: impl Fn(FrameClass) -> bool) -> usize {
        self.recent.iter().take(window).filter(|sound| matches(**sound)).count()
    }

    /// Ends detected speech.
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

    /// Half a second in frames.
    const END_FRAMES: usize = 31;
    const STOPPED: SpeechTransition = SpeechTransition::Stopped { silent: Duration::from_millis(496) };

    fn voice() -> SpeechDetector {
        SpeechDetector::new(SpeechRule::default())
    }

    fn classify(voice: &mut SpeechDetector, scores: &[f32], gate: SpeechGate) -> Vec<SpeechTransition> {
        scores
            .iter()
            .filter_map(|score| {
                voice.classify(
                    *score,
                    DetectionContext { gate, far_end: FarEnd::Active },
                    FrameClass::Unvoiced,
                )
            })
            .collect()
    }

    fn classify_in_silence(voice: &mut SpeechDetector, scores: &[f32]) -> Vec<SpeechTransition> {
        scores
            .iter()
            .filter_map(|score| {
                voice.classify(
                    *score,
                    DetectionContext { gate: SpeechGate::Open, far_end: FarEnd::Silent },
                    FrameClass::Unvoiced,
                )
            })
            .collect()
    }

    #[test]
    fn a_click_is_not_speech_and_a_word_is() {
        let mut voice = voice();
        assert_eq!(
            classify(&mut voice, &[0.9, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9], SpeechGate::Open),
            []
        );
        assert_eq!(
            classify(&mut voice, &[0.59, 0.7, 0.0, 0.6], SpeechGate::Open),
            [SpeechTransition::Started]
        );
        assert_eq!(voice.near_end(), NearEnd::Suspected);
        assert_eq!(classify(&mut voice, &[0.5; 9], SpeechGate::Open), [SpeechTransition::Confirmed]);
        assert_eq!(voice.near_end(), NearEnd::Speaks);
        assert_eq!(classify(&mut voice, &[0.9; 100], SpeechGate::Open), [], "reported once");
    }

    #[test]
    fn a_cough_during_an_answer_is_not_confirmed_and_a_word_in_silence_is() {
        let mut voice = voice();
        assert_eq!(classify(&mut voice, &[0.9; CONFIRM - 1], SpeechGate::Open), [SpeechTransition::Started]);
        assert_eq!(classify(&mut voice, &[0.0; END_FRAMES], SpeechGate::Open), [STOPPED]);
        assert_eq!(voice.near_end(), NearEnd::Silent);
        assert_eq!(
            classify_in_silence(&mut voice, &[0.9; CONFIRM - 1]),
            [SpeechTransition::Started, SpeechTransition::Confirmed]
        );
        assert_eq!(classify_in_silence(&mut voice, &[0.0; END_FRAMES]), [STOPPED]);
        assert_eq!(
            classify_in_silence(&mut voice, &[0.9; CONFIRM_IN_SILENCE - 1]),
            [SpeechTransition::Started]
        );
    }

    #[test]
    fn a_pause_does_not_end_speech() {
        let mut voice = voice();
        classify(&mut voice, &[0.9; 30], SpeechGate::Open);
        assert_eq!(classify(&mut voice, &[0.0; END_FRAMES - 1], SpeechGate::Open), []);
        assert_eq!(classify(&mut voice, &[0.55], SpeechGate::Open), []);
        assert_eq!(classify(&mut voice, &[0.0; END_FRAMES], SpeechGate::Open), [STOPPED]);
    }

    #[test]
    fn the_configured_silence_ends_a_turn() {
        for (ms, frames, silent_ms) in [(100, 6, 96), (200, 13, 208), (800, 50, 800), (10_000, 625, 10_000)] {
            let mut voice = SpeechDetector::new(SpeechRule {
                silence: Duration::from_millis(ms),
                ..SpeechRule::default()
            });
            classify_in_silence(&mut voice, &[0.9; 30]);
            assert_eq!(classify_in_silence(&mut voice, &vec![0.0; frames - 1]), [], "{ms} ms");
            let silent = Duration::from_millis(silent_ms);
            assert_eq!(
                classify_in_silence(&mut voice, &[0.0]),
                [SpeechTransition::Stopped { silent }],
                "{ms} ms"
            );
        }
    }

    #[test]
    fn the_configured_threshold_applies_but_never_admits_echo() {
        let with = |threshold| SpeechDetector::new(SpeechRule { threshold, ..SpeechRule::default() });
        let both = [SpeechTransition::Started, SpeechTransition::Confirmed];
        assert_eq!(classify_in_silence(&mut with(0.4), &[0.54; 20]), both, "quiet");
        assert_eq!(classify(&mut with(0.4), &[0.54; 20], SpeechGate::Open), []);
        assert_eq!(classify_in_silence(&mut with(0.75), &[0.77; 20]), [], "noisy");
        assert_eq!(classify(&mut with(0.75), &[0.77; 20], SpeechGate::Open), []);
        assert_eq!(classify_in_silence(&mut with(0.75), &[0.78; 20]), both);
    }

    fn classify_distorted(voice: &mut SpeechDetector, frames: usize) -> Vec<SpeechTransition> {
        let frame = |_| {
            voice.classify(
                0.2,
                DetectionContext { gate: SpeechGate::Open, far_end: FarEnd::Active },
                FrameClass::DistortedByAec,
            )
        };
        (0..frames).filter_map(frame).collect()
    }

    #[test]
    fn distorted_speech_is_a_guess_until_some_frames_are_undistorted() {
        let mut voice = voice();
        assert_eq!(classify_distorted(&mut voice, GUESS), [SpeechTransition::Started]);
        assert_eq!(voice.near_end(), NearEnd::Suspected);
        assert_eq!(classify_distorted(&mut voice, 100), [], "a wrong echo estimate stops no answer");
        assert_eq!(
            classify(&mut voice, &[0.9; CONFIRM_UNDISTORTED], SpeechGate::Open),
            [SpeechTransition::Confirmed]
        );
    }

    #[test]
    fn the_users_last_word_is_not_speech_over_the_answer() {
        let mut voice = voice();
        assert_eq!(classify_in_silence(&mut voice, &[0.9, 0.9]), []);
        assert_eq!(classify(&mut voice, &[0.9], SpeechGate::Open), []);
        assert_eq!(classify(&mut voice, &[0.9, 0.9], SpeechGate::Open), [SpeechTransition::Started]);
    }

    #[test]
    fn masked_blocks_are_not_speech() {
        assert_eq!(classify(&mut voice(), &[0.9; 100], SpeechGate::Masked), []);
    }

    #[test]
    fn ending_detection_ends_speech_once() {
        let mut voice = voice();
        assert_eq!(voice.end(), None);
        classify(&mut voice, &[0.9; 4], SpeechGate::Open);
        classify(&mut voice, &[0.0; 5], SpeechGate::Open);
        let silent = Duration::from_millis(80);
        assert_eq!((voice.end(), voice.end()), (Some(SpeechTransition::Stopped { silent }), None));
    }
}
