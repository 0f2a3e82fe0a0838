//! Turn detection in the client's audio.
//!
//! Time is counted in appended samples at 24 kHz, never by a clock: a client may send faster or slower than
//! real time.

use std::collections::VecDeque;
use std::ops::Range;

use crate::dsp::vad::{VadFrame, score_threshold};
use crate::server::demo::active_settings::TurnRule;

/// Voiced frames required in the window to start a turn: 64 ms of 128 ms.
const ONSET_FRAMES: usize = 4;
const ONSET_WINDOW: usize = 8;

/// Reduction of the threshold within a turn; words end softly.
const HYSTERESIS: f32 = 0.1;

/// Start or end of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TurnChange {
    /// Speech started at this sample.
    Started(u64),
    /// The turn ended, with speech in this range.
    Stopped(Range<u64>),
}

/// Detects turns in a sequence of frames.
#[derive(Debug, Default)]
pub(crate) struct TurnDetector {
    recent: VecDeque<(VadFrame, bool)>,
    speech: Option<Range<u64>>,
}

impl TurnDetector {
    /// Returns the speech of the turn in progress.
    pub(crate) fn speech(&self) -> Option<Range<u64>> {
        self.speech.clone()
    }

    /// Discards the turn in progress.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Processes the next frame under `rule`.
    pub(crate) fn process_frame(&mut self, frame: VadFrame, rule: &TurnRule) -> Option<TurnChange> {
        let threshold = score_threshold(rule.threshold);
        match &mut self.speech {
            Some(speech) => {
                if frame.score >= threshold - HYSTERESIS {
                    speech.end = frame.end;
                }
                if frame.end < speech.end + rule.silence.max(VadFrame::SAMPLES) {
                    return None;
                }
                let speech = speech.clone();
                self.reset();
                Some(TurnChange::Stopped(speech))
            }
            None => {
                self.recent.push_back((frame, frame.score >= threshold));
                if self.recent.len() > ONSET_WINDOW {
                    self.recent.pop_front();
                }
                let onset = opening(&self.recent)?;
                self.speech = Some(onset..frame.end);
                self.recent.clear();
                Some(TurnChange::Started(onset))
            }
        }
    }
}

/// Returns the start of speech, if there are enough voiced frames.
fn opening(recent: &VecDeque<(VadFrame, bool)>) -> Option<u64> {
    let mut voiced = recent.iter().filter(|(_, voiced)| *voiced).map(|(frame, _)| *frame);
    let first = voiced.next()?;
    (voiced.count() + 1 >= ONSET_FRAMES).then(|| first.start())
}

/// Tracks the range of speech since the last commit, regardless of turn detection.
#[derive(Debug, Default)]
pub(crate) struct SpeechHistory {
    turns: TurnDetector,
    range: Option<Range<u64>>,
}

impl SpeechHistory {
    /// Processes the next frame.
    pub(crate) fn process_frame(&mut self, frame: VadFrame, rule: &TurnRule) {
        self.turns.process_frame(frame, rule);
        if let Some(speech) = self.turns.speech() {
            let start = self.range.as_ref().map_or(speech.start, |range| range.start);
            self.range = Some(start..speech.end);
        }
    }

    /// Returns the range of speech and resets it.
    pub(crate) fn take(&mut self) -> Option<Range<u64>> {
        self.turns.reset();
        self.range.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOP: u64 = VadFrame::SAMPLES;

    const RULE: TurnRule = TurnRule {
        threshold: 0.5,
        padding: 0,
        silence: 24_000 / 2,
        answers: true,
        interrupts: true,
        idle: None,
    };

    fn process(turns: &mut TurnDetector, scores: &[f32], from: u64) -> Vec<TurnChange> {
        let frames = scores
            .iter()
            .zip(from..)
            .map(|(score, index)| VadFrame { end: (index + 1) * HOP, score: *score });
        frames.filter_map(|frame| turns.process_frame(frame, &RULE)).collect()
    }

    #[test]
    fn a_click_does_not_start_a_turn() {
        let mut turns = TurnDetector::default();
        assert_eq!(process(&mut turns, &[0.0, 0.9, 0.9, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0), []);
        assert_eq!(process(&mut turns, &[0.9, 0.0, 0.9, 0.9, 0.9], 10), [TurnChange::Started(10 * HOP)]);
    }

    #[test]
    fn a_turn_ends_after_the_sessions_silence_and_not_in_a_pause() {
        let mut turns = TurnDetector::default();
        process(&mut turns, &[0.9; 4], 0);
        assert_eq!(process(&mut turns, &[0.0; 30], 4), [], "480 ms are a pause");
        assert_eq!(process(&mut turns, &[0.9], 34), []);
        let ended = process(&mut turns, &[0.0; 40], 35);
        assert_eq!(ended, [TurnChange::Stopped(0..35 * HOP)]);
        assert_eq!(turns.speech(), None);
    }
}
