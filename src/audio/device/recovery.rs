//! Decides when a device is lost and when to try it again. Pure.

use std::time::Duration;

/// A device that has not called back for this long is lost.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Timeout after a first loss without a reported error, in case the device only has long blocks: a virtual
/// speaker takes two seconds at a time.
const SECOND_TIMEOUT: Duration = Duration::from_secs(3);
/// Timeout of the first callback: a headset has to wake up.
const FIRST_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of a device that reported an error.
const FAULT_TIMEOUT: Duration = Duration::from_millis(200);
/// A poll this late means that the machine was suspended, and perhaps the device with it.
const SUSPENDED: Duration = Duration::from_millis(500);
/// After running this long the retry pauses start over.
const STABLE: Duration = Duration::from_secs(3);
/// Duration of an attempt before another one starts in parallel.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses before the attempts in milliseconds; the last one repeats. Each attempt at a hung sound system
/// leaves a thread behind.
const PAUSES_MS: [u64; 11] = [0, 250, 500, 1_000, 2_000, 2_000, 2_000, 2_000, 5_000, 5_000, 10_000];

/// State of a device.
#[derive(Debug, PartialEq, Eq)]
enum RecoveryState {
    /// Running.
    Running { since: Duration, last_blocks: u64, last_block_at: Duration },
    /// Lost; the next attempt is due at `until`.
    Waiting { until: Duration },
    /// Being opened.
    Opening { since: Duration },
    /// Closed on request.
    Closed,
}

/// Signs of life of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeviceHealth {
    /// Blocks transferred since it was opened.
    pub(crate) blocks: u64,
    /// Whether it reported a final error.
    pub(crate) fault: DeviceFault,
    /// Whether blocks are expected.
    pub(crate) flow: BlockFlow,
}

/// Whether a device reported a final error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(not(feature = "device"), allow(dead_code, reason = "only real devices use all of it"))]
pub(crate) enum DeviceFault {
    /// It did not.
    #[default]
    None,
    /// It did.
    Final,
}

/// Whether a device is expected to transfer blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BlockFlow {
    /// It is.
    #[default]
    Running,
    /// It is paused.
    Paused,
}

/// The action due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecoveryAction {
    /// Nothing.
    Nothing,
    /// Treat the device as lost.
    GiveUp,
    /// Try to open it.
    Open,
}

/// Watches a device and schedules its recovery.
#[derive(Debug)]
pub(crate) struct Recovery {
    state: RecoveryState,
    attempts: usize,
    polled_at: Duration,
    /// Timeout of a device that reports no error.
    timeout: Duration,
}

impl Recovery {
    /// Starts with an open device.
    pub(crate) fn running(now: Duration) -> Self {
        let state = RecoveryState::Running { since: now, last_blocks: 0, last_block_at: now };
        Self { state, attempts: 0, polled_at: now, timeout: TIMEOUT }
    }

    /// Checks the device. To be called often.
    pub(crate) fn update(&mut self, now: Duration, health: DeviceHealth) -> RecoveryAction {
        let was_suspended = now.saturating_sub(self.polled_at) >= SUSPENDED;
        self.polled_at = now;
        match &mut self.state {
            RecoveryState::Running { since, last_blocks, last_block_at } => {
                if health.blocks != *last_blocks || was_suspended {
                    (*last_blocks, *last_block_at) = (health.blocks, now);
                }
                let timeout = match (health.fault, health.flow, health.blocks) {
                    (DeviceFault::Final, BlockFlow::Paused, _) => Duration::ZERO,
                    (DeviceFault::Final, BlockFlow::Running, _) => FAULT_TIMEOUT,
                    (DeviceFault::None, BlockFlow::Paused, _) => {
                        *last_block_at = now;
                        self.timeout
                    }
                    (DeviceFault::None, BlockFlow::Running, 0) => FIRST_TIMEOUT,
                    (DeviceFault::None, BlockFlow::Running, _) => self.timeout,
                };
                if now.saturating_sub(*last_block_at) < timeout {
                    return RecoveryAction::Nothing;
                }
                if last_block_at.saturating_sub(*since) >= STABLE {
                    self.attempts = 0;
                }
                if health.fault == DeviceFault::None {
                    self.timeout = SECOND_TIMEOUT;
                }
                self.schedule_attempt(now);
                RecoveryAction::GiveUp
            }
            RecoveryState::Waiting { until } if now >= *until => {
                self.state = RecoveryState::Opening { since: now };
                RecoveryAction::Open
            }
            RecoveryState::Opening { since } if now.saturating_sub(*since) >= ATTEMPT_TIMEOUT => {
                self.schedule_attempt(now);
                RecoveryAction::Nothing
            }
            RecoveryState::Waiting { .. } | RecoveryState::Opening { .. } | RecoveryState::Closed => {
                RecoveryAction::Nothing
            }
        }
    }

    /// Records that the device was opened.
    pub(crate) fn opened(&mut self, now: Duration) {
        self.state = RecoveryState::Running { since: now, last_blocks: 0, last_block_at: now };
    }

    /// Records that an attempt failed.
    pub(crate) fn failed(&mut self, now: Duration) {
        match self.state {
            RecoveryState::Opening { .. } => self.schedule_attempt(now),
            RecoveryState::Running { .. } | RecoveryState::Waiting { .. } | RecoveryState::Closed => {}
        }
    }

    /// Records that the device is known to be lost.
    pub(crate) fn lose(&mut self, now: Duration) {
        self.schedule_attempt(now);
    }

    /// Returns whether it was closed on request.
    pub(crate) fn is_closed(&self) -> bool {
        self.state == RecoveryState::Closed
    }

    /// Closes it until [`Recovery::reopen`].
    pub(crate) fn close(&mut self) {
        self.state = RecoveryState::Closed;
    }

    /// Schedules an immediate attempt unless it is running.
    pub(crate) fn reopen(&mut self, now: Duration) {
        match self.state {
            RecoveryState::Running { .. } => {}
            RecoveryState::Waiting { .. } | RecoveryState::Opening { .. } | RecoveryState::Closed => {
                self.attempts = 0;
                self.state = RecoveryState::Waiting { until: now };
            }
        }
    }

    fn schedule_attempt(&mut self, now: Duration) {
        let pause = PAUSES_MS.get(self.attempts).or(PAUSES_MS.last()).copied().unwrap_or_default();
        self.attempts += 1;
        self.state = RecoveryState::Waiting { until: now + Duration::from_millis(pause) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK_MS: u64 = 10;

    /// A simulated device, polled every 10 ms.
    struct Device {
        recovery: Recovery,
        now: Duration,
        health: DeviceHealth,
        orders: Vec<(u64, RecoveryAction)>,
    }

    impl Device {
        fn new() -> Self {
            let (now, health) = (Duration::ZERO, DeviceHealth::default());
            Self { recovery: Recovery::running(now), now, health, orders: Vec::new() }
        }

        fn update(&mut self) -> RecoveryAction {
            let order = self.recovery.update(self.now, self.health);
            if order != RecoveryAction::Nothing {
                self.orders.push((ms(self.now), order));
            }
            order
        }

        /// Lets it run, with a block at each poll.
        fn run(&mut self, time_ms: u64) {
            for _ in 0..time_ms / TICK_MS {
                self.health.blocks += 1;
                self.pass(TICK_MS);
            }
        }

        /// Lets time pass without a block; all attempts fail at once.
        fn pass(&mut self, time_ms: u64) {
            for _ in 0..time_ms / TICK_MS {
                self.now += Duration::from_millis(TICK_MS);
                if self.update() == RecoveryAction::Open {
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
    fn each_fault_has_its_own_timeout() {
        let (none, last) = (DeviceFault::None, DeviceFault::Final);
        // Blocks before it stops, fault, flow, and the expected time to give up in ms.
        for (blocks, fault, flow, expected) in [
            (100, none, BlockFlow::Running, Some(1_000)),
            (0, none, BlockFlow::Running, Some(5_000)),
            (100, last, BlockFlow::Running, Some(200)),
            (0, last, BlockFlow::Running, Some(200)),
            (100, none, BlockFlow::Paused, None),
            (100, last, BlockFlow::Paused, Some(10)),
        ] {
            let mut device = Device::new();
            device.run(blocks * TICK_MS);
            let begin = ms(device.now);
            device.health = DeviceHealth { fault, flow, ..device.health };
            device.pass(20_000);
            let given_up = device.orders.iter().find(|(_, order)| *order == RecoveryAction::GiveUp);
            let after = given_up.map(|(at, _)| at - begin);
            assert_eq!(after, expected, "{blocks} blocks, {fault:?}, {flow:?}");
        }
    }

    #[test]
    fn attempts_back_off_and_never_end() {
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
    fn an_unstable_device_is_not_retried_without_backoff() {
        let mut device = Device::new();
        device.run(100);
        for _ in 0..10 {
            device.pass(1_500);
            device.recovery.opened(device.now);
            device.health.blocks = 0;
            device.run(200);
        }
        assert!(device.attempts().len() < 12, "{:?}", device.orders);
        // After a long run the first attempt is immediate again.
        device.run(11_000);
        device.orders.clear();
        device.pass(4_000);
        assert_eq!(device.attempts().len(), 3, "{:?}", device.orders);
    }

    #[test]
    fn a_suspended_machine_does_not_lose_the_device() {
        let mut device = Device::new();
        device.run(1_000);
        device.now += Duration::from_secs(3_600);
        assert_eq!(device.update(), RecoveryAction::Nothing);
        device.run(2_000);
        assert_eq!(device.orders, []);
        device.now += Duration::from_secs(3_600);
        device.pass(1_500);
        assert_eq!(
            device.orders.first().map(|(_, order)| *order),
            Some(RecoveryAction::GiveUp),
            "the device did not resume"
        );
    }

    #[test]
    fn a_device_with_long_blocks_is_given_up_once() {
        let mut device = Device::new();
        for _ in 0..10 {
            device.health.blocks += 100;
            device.pass(2_000);
            if device.orders.last().is_some_and(|(_, order)| *order == RecoveryAction::Open) {
                device.recovery.opened(device.now);
                device.health.blocks = 0;
            }
        }
        let given_up = device.orders.iter().filter(|(_, order)| *order == RecoveryAction::GiveUp).count();
        assert_eq!(given_up, 1, "{:?}", device.orders);
    }

    #[test]
    fn a_hanging_attempt_is_followed_by_another() {
        let mut device = Device::new();
        device.run(1_000);
        let mut begun = 0;
        for _ in 0..6_000 {
            device.now += Duration::from_millis(TICK_MS);
            begun += u32::from(device.update() == RecoveryAction::Open);
        }
        assert!((3..=6).contains(&begun), "{begun} in a minute");
    }

    #[test]
    fn a_closed_device_stays_closed_and_reopens_at_once() {
        let mut device = Device::new();
        device.run(1_000);
        device.recovery.close();
        device.pass(60_000);
        assert_eq!(device.orders, []);
        device.recovery.reopen(device.now);
        assert_eq!(device.update(), RecoveryAction::Open);
        device.recovery.opened(device.now);
        device.health.blocks = 0;
        device.run(1_000);
        assert_eq!(device.orders.len(), 1);
    }
}
