//! How many tests may play sound at a time: a machine that plays for all at once leaves gaps.

use std::sync::LazyLock;
use std::time::Duration;

use super::watched::Watched;

/// How many tests play at the same time: each is a sound server, a call and what records them, in real time.
const SEATS: usize = 4;
/// Longer than all tests take: who waits for so long waits for ever.
const LIMIT: Duration = Duration::from_secs(1_800);

static FREE: LazyLock<Watched<usize>> = LazyLock::new(|| Watched::new(SEATS));

/// The right to play sound; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Seat(());

impl Seat {
    /// Waits until one is free. A test that has one must not wait for a second: all might.
    pub(crate) fn take() -> Self {
        let taken = FREE.wait_for(LIMIT, |free| {
            *free = free.checked_sub(1)?;
            Some(Self(()))
        });
        taken.expect("the tests that play end before long")
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        FREE.with(|free| *free += 1);
    }
}
