//! When a device counts as lost, and when it is tried again. Pure: the time is handed in.

use std::time::Duration;

/// A device that has not called back for so long is gone.
const SILENT: Duration = Duration::from_secs(1);
/// A device that was given up for nothing but silence may only have long blocks: a virtual speaker takes two
/// seconds at a time. From then on it is given this.
const PATIENT: Duration = Duration::from_secs(3);
/// The first call may take longer: a headset wakes up.
const WAKING: Duration = Duration::from_secs(5);
/// One that says so itself need not be waited for as long.
const BROKEN: Duration = Duration::from_millis(200);
/// Whoever looks after it so late was asleep, and so may the device have been.
const ASLEEP: Duration = Duration::from_millis(500);
/// A device that ran for so long was a good one: when it is lost after it, everything begins anew.
const GOOD: Duration = Duration::from_secs(3);
/// How long an attempt may take before another is made beside it.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The pauses before the attempts, in milliseconds; the last one is repeated. Each attempt at a sound
/// system that hangs leaves a thread waiting for it.
const PAUSES_MS: [u64; 11] = [0, 250, 500, 1_000, 2_000, 2_000, 2_000, 2_000, 5_000, 5_000, 10_000];

/// Where one device stands.
#[derive(Debug, PartialEq, Eq)]
enum RecoveryState {
    /// It runs, as far as is known.
    Running { since: Duration, seen: u64, seen_at: Duration },
    /// It is gone; the next attempt is then.
    Waiting { until: Duration },
    /// It is being opened.
    Opening { since: Duration },
    /// It is closed on purpose.
    Closed,
}

/// What can be seen of a device that runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeviceHealth {
    /// How many blocks it has given or taken since it was opened.
    pub(crate) blocks: u64,
    /// Whether it said that it will not go on.
    pub(crate) complaint: DeviceFault,
    /// Whether it has been asked for blocks.
    pub(crate) work: BlockFlow,
}

/// Whether a device said that it will not go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(not(feature = "device"), allow(dead_code, reason = "only real devices use all of it"))]
pub(crate) enum DeviceFault {
    /// It did not.
    #[default]
    None,
    /// It did.
    Final,
}

/// Whether a device is asked for blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BlockFlow {
    /// It is.
    #[default]
    Asked,
    /// It rests.
    Resting,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecoveryAction {
    /// Nothing.
    Nothing,
    /// Give it up: it is gone.
    GiveUp,
    /// Try to open it.
    Open,
}

/// Watches one device, and brings it back.
#[derive(Debug)]
pub(crate) struct Recovery {
    state: RecoveryState,
    attempts: usize,
    looked_at: Duration,
    /// How long a device may be silent that says nothing of being gone.
    silence: Duration,
}

impl Recovery {
    /// Begins with a device that was just opened.
    pub(crate) fn running(now: Duration) -> Self {
        let state = RecoveryState::Running { since: now, seen: 0, seen_at: now };
        Self { state, attempts: 0, looked_at: now, silence: SILENT }
    }

    /// Looks at the device; to be called often.
    pub(crate) fn look(&mut self, now: Duration, signs: DeviceHealth) -> RecoveryAction {
        let was_asleep = now.saturating_sub(self.looked_at) >= ASLEEP;
        self.looked_at = now;
        match &mut self.state {
            RecoveryState::Running { since, seen, seen_at } => {
                if signs.blocks != *seen || was_asleep {
                    (*seen, *seen_at) = (signs.blocks, now);
                }
                let patience = match (signs.complaint, signs.work, signs.blocks) {
                    (DeviceFault::Final, BlockFlow::Resting, _) => Duration::ZERO,
                    (DeviceFault::Final, BlockFlow::Asked, _) => BROKEN,
                    (DeviceFault::None, BlockFlow::Resting, _) => {
                        *seen_at = now;
                        self.silence
                    }
                    (DeviceFault::None, BlockFlow::Asked, 0) => WAKING,
                    (DeviceFault::None, BlockFlow::Asked, _) => self.silence,
                };
                if now.saturating_sub(*seen_at) < patience {
                    return RecoveryAction::Nothing;
                }
                if seen_at.saturating_sub(*since) >= GOOD {
                    self.attempts = 0;
                }
                if signs.complaint == DeviceFault::None {
                    self.silence = PATIENT;
                }
                self.wait(now);
                RecoveryAction::GiveUp
            }
            RecoveryState::Waiting { until } if now >= *until => {
                self.state = RecoveryState::Opening { since: now };
                RecoveryAction::Open
            }
            RecoveryState::Opening { since } if now.saturating_sub(*since) >= ATTEMPT => {
                self.wait(now);
                RecoveryAction::Nothing
            }
            RecoveryState::Waiting { .. } | RecoveryState::Opening { .. } | RecoveryState::Closed => {
                RecoveryAction::Nothing
            }
        }
    }

    /// Notes that a device was opened.
    pub(crate) fn opened(&mut self, now: Duration) {
        self.state = RecoveryState::Running { since: now, seen: 0, seen_at: now };
    }

    /// Notes that an attempt failed.
    pub(crate) fn failed(&mut self, now: Duration) {
        match self.state {
            RecoveryState::Opening { .. } => self.wait(now),
            RecoveryState::Running { .. } | RecoveryState::Waiting { .. } | RecoveryState::Closed => {}
        }
    }

    /// Notes that it is known to be gone.
    pub(crate) fn lose(&mut self, now: Duration) {
        self.wait(now);
    }

    /// Returns whether it is closed on purpose.
    pub(crate) fn is_closed(&self) -> bool {
        self.state == RecoveryState::Closed
    }

    /// Closes it until [`Recovery::reopen`].
    pub(crate) fn close(&mut self) {
        self.state = RecoveryState::Closed;
    }

    /// Opens it without a pause, where it does not run.
    pub(crate) fn reopen(&mut self, now: Duration) {
        match self.state {
            RecoveryState::Running { .. } => {}
            RecoveryState::Waiting { .. } | RecoveryState::Opening { .. } | RecoveryState::Closed => {
                self.attempts = 0;
                self.state = RecoveryState::Waiting { until: now };
            }
        }
    }

    fn wait(&mut self, now: Duration) {
        let pause = PAUSES_MS.get(self.attempts).or(PAUSES_MS.last()).copied().unwrap_or_default();
        self.attempts += 1;
        self.state = RecoveryState::Waiting { until: now + Duration::from_millis(pause) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK_MS: u64 = 10;

    /// A device whose life the test tells, looked after every 10 ms.
    struct Device {
        recovery: Recovery,
        now: Duration,
        signs: DeviceHealth,
        orders: Vec<(u64, RecoveryAction)>,
    }

    impl Device {
        fn new() -> Self {
            let (now, signs) = (Duration::ZERO, DeviceHealth::default());
            Self { recovery: Recovery::running(now), now, signs, orders: Vec::new() }
        }

        fn look(&mut self) -> RecoveryAction {
            let order = self.recovery.look(self.now, self.signs);
            if order != RecoveryAction::Nothing {
                self.orders.push((ms(self.now), order));
            }
            order
        }

        /// Lets it run, with a block at each look.
        fn run(&mut self, time_ms: u64) {
            for _ in 0..time_ms / TICK_MS {
                self.signs.blocks += 1;
                self.pass(TICK_MS);
            }
        }

        /// Lets time pass without a block; all attempts fail at once.
        fn pass(&mut self, time_ms: u64) {
            for _ in 0..time_ms / TICK_MS {
                self.now += Duration::from_millis(TICK_MS);
                if self.look() == RecoveryAction::Open {
                    self.recovery.failed(self.now);
                }
            }
        }

        fn attempts(&self) -> Vec<u64> {
            self.orders
                .iter()
                .filter(|(_, order)| *order == RecoveryAction::Open)
                .map(|(at, _)| *at)
                .collect()
        }
    }

    fn ms(time: Duration) -> u64 {
        u64::try_from(time.as_millis()).unwrap()
    }

    #[test]
    fn a_device_is_given_up_after_the_time_its_signs_allow() {
        let (none, last) = (DeviceFault::None, DeviceFault::Final);
        // blocks before it falls silent, what it says, whether it works, after how many ms it is given up
        for (blocks, complaint, work, expected) in [
            (100, none, BlockFlow::Asked, Some(1_000)),
            (0, none, BlockFlow::Asked, Some(5_000)),
            (100, last, BlockFlow::Asked, Some(200)),
            (0, last, BlockFlow::Asked, Some(200)),
            (100, none, BlockFlow::Resting, None),
            (100, last, BlockFlow::Resting, Some(10)),
        ] {
            let mut device = Device::new();
            device.run(blocks * TICK_MS);
            let begin = ms(device.now);
            device.signs = DeviceHealth { complaint, work, ..device.signs };
            device.pass(20_000);
            let given_up = device.orders.iter().find(|(_, order)| *order == RecoveryAction::GiveUp);
            let after = given_up.map(|(at, _)| at - begin);
            assert_eq!(after, expected, "{blocks} blocks, {complaint:?}, {work:?}");
        }
    }

    #[test]
    fn attempts_become_rarer_and_never_end() {
        let mut device = Device::new();
        device.run(1_000);
        device.pass(60_000);
        let attempts = device.attempts();
        let pauses: Vec<u64> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(attempts[0], 2_010, "the first one at once");
        assert_eq!(pauses[..4], [250, 500, 1_000, 2_000]);
        assert!(pauses.is_sorted(), "{pauses:?}");
        assert_eq!(pauses.last(), Some(&10_000));
    }

    #[test]
    fn a_device_that_comes_and_goes_is_not_opened_in_a_frenzy() {
        let mut device = Device::new();
        device.run(100);
        for _ in 0..10 {
            device.pass(1_500);
            device.recovery.opened(device.now);
            device.signs.blocks = 0;
            device.run(200);
        }
        assert!(device.attempts().len() < 12, "{:?}", device.orders);
        // One that then runs well is opened at once when it is lost again.
        device.run(11_000);
        device.orders.clear();
        device.pass(4_000);
        assert_eq!(device.attempts().len(), 3, "{:?}", device.orders);
    }

    #[test]
    fn who_was_asleep_does_not_blame_the_device() {
        let mut device = Device::new();
        device.run(1_000);
        device.now += Duration::from_secs(3_600);
        assert_eq!(device.look(), RecoveryAction::Nothing);
        device.run(2_000);
        assert_eq!(device.orders, []);
        device.now += Duration::from_secs(3_600);
        device.pass(1_500);
        assert_eq!(
            device.orders.first().map(|(_, order)| *order),
            Some(RecoveryAction::GiveUp),
            "it slept too well"
        );
    }

    #[test]
    fn a_device_of_long_blocks_is_suspected_once() {
        let mut device = Device::new();
        for _ in 0..10 {
            device.signs.blocks += 100;
            device.pass(2_000);
            if device.orders.last().is_some_and(|(_, order)| *order == RecoveryAction::Open) {
                device.recovery.opened(device.now);
                device.signs.blocks = 0;
            }
        }
        let given_up = device.orders.iter().filter(|(_, order)| *order == RecoveryAction::GiveUp).count();
        assert_eq!(given_up, 1, "{:?}", device.orders);
    }

    #[test]
    fn an_attempt_that_hangs_is_followed_by_another() {
        let mut device = Device::new();
        device.run(1_000);
        let mut begun = 0;
        for _ in 0..6_000 {
            device.now += Duration::from_millis(TICK_MS);
            begun += u32::from(device.look() == RecoveryAction::Open);
        }
        assert!((3..=6).contains(&begun), "{begun} in a minute");
    }

    #[test]
    fn what_is_closed_on_purpose_stays_closed_and_opens_at_once() {
        let mut device = Device::new();
        device.run(1_000);
        device.recovery.close();
        device.pass(60_000);
        assert_eq!(device.orders, []);
        device.recovery.reopen(device.now);
        assert_eq!(device.look(), RecoveryAction::Open);
        device.recovery.opened(device.now);
        device.signs.blocks = 0;
        device.run(1_000);
        assert_eq!(device.orders.len(), 1);
    }
}
