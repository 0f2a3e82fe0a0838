//! How often devices ask for or give blocks. Pure.
//!
//! A microphone gives them often while anything is to be heard, seldom in a long silence; a speaker takes them
//! often unless this machine is too busy for that.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::engine::SpeakerDemand;

/// How long a block is while anything is to be heard: every word waits for one.
const BRISK: Duration = Duration::from_millis(10);
/// How long a block is in a long silence: each costs a sound server and its client several wake-ups.
const CALM: Duration = Duration::from_millis(40);
/// After so long a silence blocks become long. Longer than the pauses of a conversation, because what is
/// said first after it waits for a long one.
const CALM_AFTER: Duration = Duration::from_secs(15);
/// By so many dB sound is above the noise of a room.
const ABOVE_NOISE: f32 = 10.0;
/// Below this it is noise of the device, in dB of full scale.
const INAUDIBLE: f32 = -70.0;
/// How fast steady sound becomes noise, in dB a second.
const RISE: f32 = 1.0;

/// A speaker that waited for so many blocks within [`BUSY_WITHIN`] gets longer ones: each such wait is a gap.
const MOST_LATE: usize = 2;
const BUSY_WITHIN: Duration = Duration::from_secs(60);
/// How long a block is then.
const STEADY: Duration = Duration::from_millis(20);

/// How often a device gives or takes blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockSize {
    /// Often.
    Brisk,
    /// Less often: a machine that is busy has the time for that.
    Steady,
    /// Seldom.
    Calm,
}

impl BlockSize {
    /// Returns how long a block is.
    pub(crate) fn block(self) -> Duration {
        match self {
            Self::Brisk => BRISK,
            Self::Steady => STEADY,
            Self::Calm => CALM,
        }
    }
}

/// What can be heard at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AudibleState {
    /// The microphone's level, in dB of full scale.
    pub(crate) level: f32,
    /// What the speaker is wanted for.
    pub(crate) speaker: SpeakerDemand,
}

/// Decides on the pace of a microphone.
#[derive(Debug)]
pub(crate) struct CaptureBlockSizer {
    pace: BlockSize,
    /// When anything was last to be heard.
    sound_at: Duration,
    looked_at: Duration,
    /// How loud the room is by itself, in dB of full scale; nothing before the first look.
    noise: Option<f32>,
}

impl CaptureBlockSizer {
    /// Begins with a microphone that was opened at `now`, at the brisk pace.
    pub(crate) fn new(now: Duration) -> Self {
        Self { pace: BlockSize::Brisk, sound_at: now, looked_at: now, noise: None }
    }

    /// Looks at what can be heard at `now`, and returns the pace where it changes.
    pub(crate) fn look(&mut self, now: Duration, scene: AudibleState) -> Option<BlockSize> {
        let passed = now.saturating_sub(self.looked_at).as_secs_f32();
        self.looked_at = now;
        let noise = self.noise.map_or(scene.level, |noise| scene.level.min(noise + RISE * passed));
        self.noise = Some(noise);
        if scene.speaker == SpeakerDemand::Sound || scene.level > INAUDIBLE.max(noise + ABOVE_NOISE) {
            self.sound_at = now;
        }
        let quiet = now.saturating_sub(self.sound_at) >= CALM_AFTER;
        let pace = if quiet { BlockSize::Calm } else { BlockSize::Brisk };
        (std::mem::replace(&mut self.pace, pace) != pace).then_some(pace)
    }
}

/// Decides on the pace of a speaker.
#[derive(Debug, Default)]
pub(crate) struct PlaybackBlockSizer {
    /// When the last late blocks were.
    late: VecDeque<Duration>,
    told: LongBlocks,
}

/// Whether a speaker was given longer blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LongBlocks {
    #[default]
    No,
    Yes,
}

impl PlaybackBlockSizer {
    /// Takes note of how many more blocks were late until `now`, and returns the pace where it is to change, which
    /// is only while the speaker has nothing to play.
    pub(crate) fn look(&mut self, now: Duration, late: u64, speaker: SpeakerDemand) -> Option<BlockSize> {
        for _ in 0..late {
            self.late.push_back(now);
        }
        while self.late.len() > MOST_LATE {
            self.late.pop_front();
        }
        let is_busy = self.late.len() == MOST_LATE
            && self.late.front().is_some_and(|first| now.saturating_sub(*first) <= BUSY_WITHIN);
        if !is_busy || self.told == LongBlocks::Yes || speaker == SpeakerDemand::Sound {
            return None;
        }
        self.told = LongBlocks::Yes;
        Some(BlockSize::Steady)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks every 10 ms for so many seconds, and returns when the pace changed, in milliseconds.
    fn look(
        pacer: &mut CaptureBlockSizer,
        (from, to): (u64, u64),
        scene: AudibleState,
    ) -> Vec<(u64, BlockSize)> {
        (from * 100..to * 100)
            .filter_map(|tick| Some((tick * 10, pacer.look(Duration::from_millis(tick * 10), scene)?)))
            .collect()
    }

    fn silent(level: f32) -> AudibleState {
        AudibleState { level, speaker: SpeakerDemand::Nothing }
    }

    #[test]
    fn a_long_silence_is_calm_and_a_sound_ends_it_at_once() {
        for noise in [-96.0, -60.0, -30.0] {
            let mut pacer = CaptureBlockSizer::new(Duration::ZERO);
            assert_eq!(look(&mut pacer, (0, 20), silent(noise)), [(15_000, BlockSize::Calm)], "{noise}");
            assert_eq!(
                look(&mut pacer, (20, 21), silent(noise + 30.0)),
                [(20_000, BlockSize::Brisk)],
                "{noise}"
            );
            assert_eq!(look(&mut pacer, (21, 50), silent(noise)), [(35_990, BlockSize::Calm)], "{noise}");
        }
    }

    #[test]
    fn the_speaker_counts_as_sound() {
        let mut pacer = CaptureBlockSizer::new(Duration::ZERO);
        let answering = AudibleState { level: -96.0, speaker: SpeakerDemand::Sound };
        assert_eq!(look(&mut pacer, (0, 60), answering), []);
        assert_eq!(look(&mut pacer, (60, 80), silent(-96.0)), [(74_990, BlockSize::Calm)]);
        assert_eq!(look(&mut pacer, (80, 81), answering), [(80_000, BlockSize::Brisk)]);
    }

    #[test]
    fn a_fan_that_starts_is_noise_after_a_while() {
        let mut pacer = CaptureBlockSizer::new(Duration::ZERO);
        look(&mut pacer, (0, 20), silent(-80.0));
        let changes = look(&mut pacer, (20, 120), silent(-45.0));
        assert_eq!(changes[0], (20_000, BlockSize::Brisk));
        assert!(
            matches!(changes[1..], [(at, BlockSize::Calm)] if (55_000..65_000).contains(&at)),
            "{changes:?}"
        );
    }

    #[test]
    fn the_last_bits_of_a_converter_are_no_sound() {
        let mut pacer = CaptureBlockSizer::new(Duration::ZERO);
        look(&mut pacer, (0, 20), silent(-96.0));
        assert_eq!(look(&mut pacer, (20, 21), silent(-71.0)), []);
    }

    #[test]
    fn speech_is_no_noise_however_long_it_lasts() {
        let mut pacer = CaptureBlockSizer::new(Duration::ZERO);
        for second in 0..120 {
            let level = if second % 3 == 2 { -60.0 } else { -25.0 };
            assert_eq!(look(&mut pacer, (second, second + 1), silent(level)), [], "{second}");
        }
    }

    #[test]
    fn a_speaker_that_is_late_twice_is_steady_from_its_next_pause_on() {
        let second = Duration::from_secs;
        let mut steadier = PlaybackBlockSizer::default();
        assert_eq!(steadier.look(second(1), 1, SpeakerDemand::Nothing), None, "once is chance");
        assert_eq!(
            steadier.look(second(90), 1, SpeakerDemand::Nothing),
            None,
            "and again after long is, too"
        );
        assert_eq!(steadier.look(second(91), 1, SpeakerDemand::Sound), None, "not while it sounds");
        assert_eq!(steadier.look(second(92), 0, SpeakerDemand::Nothing), Some(BlockSize::Steady));
        assert_eq!(steadier.look(second(93), 6, SpeakerDemand::Nothing), None, "it is told once");
    }
}
