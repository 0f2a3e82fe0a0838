//! How many tests may play sound at a time: a machine that plays for all at once leaves gaps.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use super::watched::Watched;

/// How many tests play at the same time: each is a sound server, a call and what records them, in real time.
const SEATS: usize = 4;
/// Longer than all tests take: who waits for so long waits for ever.
const LIMIT: Duration = Duration::from_secs(1_800);

static HALL: LazyLock<Watched<Hall>> =
    LazyLock::new(|| Watched::new(Hall { free: SEATS, ..Hall::default() }));

/// How long a test plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Length {
    /// Longer than most: it goes before all that wait, so that all end soon.
    Long,
    /// Not for long.
    Usual,
}

#[derive(Debug, Default)]
struct Hall {
    free: usize,
    came: u64,
    waiting: BTreeSet<(Length, u64)>,
}

/// The right to play sound; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Seat(());

impl Seat {
    /// Waits until one is free. A test that has one must not wait for a second: all might.
    pub(crate) fn take(length: Length) -> Self {
        let ticket = HALL.with(|hall| {
            hall.came += 1;
            hall.waiting.insert((length, hall.came));
            (length, hall.came)
        });
        let taken = HALL.wait_for(LIMIT, |hall| {
            let is_next = hall.free > 0 && hall.waiting.first() == Some(&ticket);
            is_next.then(|| {
                hall.waiting.remove(&ticket);
                hall.free -= 1;
            })
        });
        taken.expect("the tests that play end before long");
        // There may be one for who is next, too.
        HALL.with(|_| ());
        Self(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        HALL.with(|hall| hall.free += 1);
    }
}
