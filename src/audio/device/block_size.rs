//! Block sizes of devices. Pure.
//!
//! Capture blocks are short, and long during a long silence. Playback blocks are short unless this machine is
//! too busy.

use std::collections::VecDeque;
use std::time::Duration;

/// Block duration while there is audio, since each block delays speech.
const SHORT: Duration = Duration::from_millis(10);
/// Block duration in a long silence. Each block costs several wake-ups of the sound server and its client.
const LONG: Duration = Duration::from_millis(40);
/// Silence after which blocks become long. Longer than the pauses of a conversation, because the first speech
/// afterwards waits for a long block.
const LONG_AFTER: Duration = Duration::from_secs(15);
/// Level of audio above the noise floor, in dB.
const ABOVE_NOISE: f32 = 10.0;
/// Noise of the device, in dBFS.
const INAUDIBLE: f32 = -70.0;
/// Rate at which the noise floor adapts upwards, in dB per second.
const RISE: f32 = 1.0;

/// Late blocks within [`BUSY_WITHIN`] that select longer blocks. Each is an audible gap.
const MAX_LATE: usize = 2;
const BUSY_WITHIN: Duration = Duration::from_secs(60);
/// Block duration on a busy machine.
const MEDIUM: Duration = Duration::from_millis(20);

/// Block size of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockSize {
    /// Often.
    Short,
    /// Less often: a machine that is busy has the time for that.
    Medium,
    /// Seldom.
    Long,
}

impl BlockSize {
    /// Returns how long a block is.
    pub(crate) fn duration(self) -> Duration {
        match self {
            Self::Short => SHORT,
            Self::Medium => MEDIUM,
            Self::Long => LONG,
        }
    }
}

/// Whether the speaker is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpeakerDemand {
    /// Audio is being played, flushed or waited for.
    Active,
    /// Nothing to play.
    Idle,
}

/// Audio activity of both directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AudibleState {
    /// Microphone level in dBFS.
    pub(crate) level: f32,
    /// Demand for the speaker.
    pub(crate) speaker: SpeakerDemand,
}

/// Selects the block size of a microphone.
#[derive(Debug)]
pub(crate) struct CaptureBlockSizer {
    block_size: BlockSize,
    /// When there was last any audio.
    active_at: Duration,
    updated_at: Duration,
    /// Noise floor in dBFS; none before the first update.
    noise: Option<f32>,
}

impl CaptureBlockSizer {
    /// Creates a sizer for a microphone opened at `now` with short blocks.
    pub(crate) fn new(now: Duration) -> Self {
        Self { block_size: BlockSize::Short, active_at: now, updated_at: now, noise: None }
    }

    /// Updates the activity, and returns the block size if it changes.
    pub(crate) fn update(&mut self, now: Duration, activity: AudibleState) -> Option<BlockSize> {
        let passed = now.saturating_sub(self.updated_at).as_secs_f32();
        self.updated_at = now;
        let noise = self.noise.map_or(activity.level, |noise| activity.level.min(noise + RISE * passed));
        self.noise = Some(noise);
        if activity.speaker == SpeakerDemand::Active || activity.level > INAUDIBLE.max(noise + ABOVE_NOISE) {
            self.active_at = now;
        }
        let quiet = now.saturating_sub(self.active_at) >= LONG_AFTER;
        let block_size = if quiet { BlockSize::Long } else { BlockSize::Short };
        (std::mem::replace(&mut self.block_size, block_size) != block_size).then_some(block_size)
    }
}

/// Selects the block size of a speaker.
#[derive(Debug, Default)]
pub(crate) struct PlaybackBlockSizer {
    /// Times of the last late blocks.
    late: VecDeque<Duration>,
    selected: LongBlocks,
}

/// Whether longer blocks were selected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LongBlocks {
    #[default]
    No,
    Yes,
}

impl PlaybackBlockSizer {
    /// Records `late` blocks, and returns the block size if it changes, which it does only while the speaker
    /// is idle.
    pub(crate) fn update(&mut self, now: Duration, late: u64, speaker: SpeakerDemand) -> Option<BlockSize> {
        for _ in 0..late {
            self.late.push_back(now);
        }
        while self.late.len() > MAX_LATE {
            self.late.pop_front();
        }
        let is_busy = self.late.len() == MAX_LATE
            && self.late.front().is_some_and(|first| now.saturating_sub(*first) <= BUSY_WITHIN);
        if !is_busy || self.selected == LongBlocks::Yes || speaker == SpeakerDemand::Active {
            return None;
        }
        self.selected = LongBlocks::Yes;
        Some(BlockSize::Medium)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Updates every 10 ms during these seconds, and returns the changes with their times in ms.
    fn update(
        sizer: &mut CaptureBlockSizer,
        (from, to): (u64, u64),
        activity: AudibleState,
    ) -> Vec<(u64, BlockSize)> {
        (from * 100..to * 100)
            .filter_map(|tick| Some((tick * 10, sizer.update(Duration::from_millis(tick * 10), activity)?)))
            .collect()
    }

    fn silent(level: f32) -> AudibleState {
        AudibleState { level, speaker: SpeakerDemand::Idle }
    }

    #[test]
    fn a_long_silence_selects_long_blocks_and_audio_ends_it_at_once() {
        for noise in [-96.0, -60.0, -30.0] {
            let mut sizer = CaptureBlockSizer::new(Duration::ZERO);
            assert_eq!(update(&mut sizer, (0, 20), silent(noise)), [(15_000, BlockSize::Long)], "{noise}");
            assert_eq!(
                update(&mut sizer, (20, 21), silent(noise + 30.0)),
                [(20_000, BlockSize::Short)],
                "{noise}"
            );
            assert_eq!(update(&mut sizer, (21, 50), silent(noise)), [(35_990, BlockSize::Long)], "{noise}");
        }
    }

    #[test]
    fn playback_counts_as_audio() {
        let mut sizer = CaptureBlockSizer::new(Duration::ZERO);
        let answering = AudibleState { level: -96.0, speaker: SpeakerDemand::Active };
        assert_eq!(update(&mut sizer, (0, 60), answering), []);
        assert_eq!(update(&mut sizer, (60, 80), silent(-96.0)), [(74_990, BlockSize::Long)]);
        assert_eq!(update(&mut sizer, (80, 81), answering), [(80_000, BlockSize::Short)]);
    }

    #[test]
    fn new_steady_noise_becomes_the_noise_floor() {
        let mut sizer = CaptureBlockSizer::new(Duration::ZERO);
        update(&mut sizer, (0, 20), silent(-80.0));
        let changes = update(&mut sizer, (20, 120), silent(-45.0));
        assert_eq!(changes[0], (20_000, BlockSize::Short));
        assert!(
            matches!(changes[1..], [(at, BlockSize::Long)] if (55_000..65_000).contains(&at)),
            "{changes:?}"
        );
    }

    #[test]
    fn converter_noise_is_not_audio() {
        let mut sizer = CaptureBlockSizer::new(Duration::ZERO);
        update(&mut sizer, (0, 20), silent(-96.0));
        assert_eq!(update(&mut sizer, (20, 21), silent(-71.0)), []);
    }

    #[test]
    fn long_speech_does_not_become_the_noise_floor() {
        let mut sizer = CaptureBlockSizer::new(Duration::ZERO);
        for second in 0..120 {
            let level = if second % 3 == 2 { -60.0 } else { -25.0 };
            assert_eq!(update(&mut sizer, (second, second + 1), silent(level)), [], "{second}");
        }
    }

    #[test]
    fn two_late_blocks_select_longer_ones_from_the_next_pause() {
        let second = Duration::from_secs;
        let mut sizer = PlaybackBlockSizer::default();
        assert_eq!(sizer.update(second(1), 1, SpeakerDemand::Idle), None, "once is accidental");
        assert_eq!(sizer.update(second(90), 1, SpeakerDemand::Idle), None, "and so is once more, much later");
        assert_eq!(sizer.update(second(91), 1, SpeakerDemand::Active), None, "not during playback");
        assert_eq!(sizer.update(second(92), 0, SpeakerDemand::Idle), Some(BlockSize::Medium));
        assert_eq!(sizer.update(second(93), 6, SpeakerDemand::Idle), None, "reported once");
    }
}
