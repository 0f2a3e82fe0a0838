//! Where there is speech in the client's sound, and where a turn begins and ends.
//!
//! Time is counted in samples of written sound at 24 kHz, never by a clock: a client may send
//! faster or slower than real time.

use std::collections::VecDeque;
use std::ops::Range;

use crate::dsp::vad::{VadFrame, score_threshold};
use crate::server::demo::effective::TurnRule;

/// A turn opens when so many of the last hops were voiced: 64 ms of 128 ms.
const OPENING_HOPS: usize = 4;
const OPENING_WINDOW: usize = 8;

/// Within a turn the score may be so much lower; words end softly.
const HYSTERESIS: f32 = 0.1;

/// What happens to a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TurnChange {
    /// Somebody began to speak, at this sample.
    Started(u64),
    /// The turn is over; speech was heard in this range.
    Stopped(Range<u64>),
}

/// Finds turns in a row of hops.
#[derive(Debug, Default)]
pub(crate) struct TurnDetector {
    recent: VecDeque<(VadFrame, bool)>,
    speech: Option<Range<u64>>,
}

impl TurnDetector {
    /// Returns what has been heard of the turn in progress.
    pub(crate) fn speech(&self) -> Option<Range<u64>> {
        self.speech.clone()
    }

    /// Forgets the turn in progress.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Takes the next hop under `rule`.
    pub(crate) fn hear(&mut self, hop: VadFrame, rule: &TurnRule) -> Option<TurnChange> {
        let threshold = score_threshold(rule.threshold);
        match &mut self.speech {
            Some(speech) => {
                if hop.score >= threshold - HYSTERESIS {
                    speech.end = hop.end;
                }
                if hop.end < speech.end + rule.silence.max(VadFrame::SAMPLES) {
                    return None;
                }
                let speech = speech.clone();
                self.reset();
                Some(TurnChange::Stopped(speech))
            }
            None => {
                self.recent.push_back((hop, hop.score >= threshold));
                if self.recent.len() > OPENING_WINDOW {
                    self.recent.pop_front();
                }
                let onset = opening(&self.recent)?;
                self.speech = Some(onset..hop.end);
                self.recent.clear();
                Some(TurnChange::Started(onset))
            }
        }
    }
}

/// Returns where speech began, if there is enough of it.
fn opening(recent: &VecDeque<(VadFrame, bool)>) -> Option<u64> {
    let mut voiced = recent.iter().filter(|(_, voiced)| *voiced).map(|(hop, _)| *hop);
    let first = voiced.next()?;
    (voiced.count() + 1 >= OPENING_HOPS).then(|| first.start())
}

/// Remembers where speech was since the last commit, whoever ends the turns.
#[derive(Debug, Default)]
pub(crate) struct SpeechHistory {
    turns: TurnDetector,
    heard: Option<Range<u64>>,
}

impl SpeechHistory {
    /// Takes the next hop.
    pub(crate) fn hear(&mut self, hop: VadFrame, rule: &TurnRule) {
        self.turns.hear(hop, rule);
        if let Some(speech) = self.turns.speech() {
            let start = self.heard.as_ref().map_or(speech.start, |heard| heard.start);
            self.heard = Some(start..speech.end);
        }
    }

    /// Returns from where to where there was speech, and forgets it.
    pub(crate) fn take(&mut self) -> Option<Range<u64>> {
        self.turns.reset();
        self.heard.take()
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

    fn hear(turns: &mut TurnDetector, scores: &[f32], from: u64) -> Vec<TurnChange> {
        let hops = scores
            .iter()
            .zip(from..)
            .map(|(score, index)| VadFrame { end: (index + 1) * HOP, score: *score });
        hops.filter_map(|hop| turns.hear(hop, &RULE)).collect()
    }

    #[test]
    fn a_click_opens_no_turn_and_speech_does() {
        let mut turns = TurnDetector::default();
        assert_eq!(hear(&mut turns, &[0.0, 0.9, 0.9, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0), []);
        assert_eq!(hear(&mut turns, &[0.9, 0.0, 0.9, 0.9, 0.9], 10), [TurnChange::Started(10 * HOP)]);
    }

    #[test]
    fn a_turn_ends_after_the_silence_of_the_session_and_not_in_a_pause() {
        let mut turns = TurnDetector::default();
        hear(&mut turns, &[0.9; 4], 0);
        assert_eq!(hear(&mut turns, &[0.0; 30], 4), [], "480 ms are a pause");
        assert_eq!(hear(&mut turns, &[0.9], 34), []);
        let ended = hear(&mut turns, &[0.0; 40], 35);
        assert_eq!(ended, [TurnChange::Stopped(0..35 * HOP)]);
        assert_eq!(turns.speech(), None);
    }
}
