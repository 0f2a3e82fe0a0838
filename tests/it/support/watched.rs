//! A value that one thread fills and another waits for, without sleeping.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Shared between the thread that reads and the test that waits.
#[derive(Debug, Default)]
pub(crate) struct Watched<T> {
    shared: Arc<(Mutex<T>, Condvar)>,
}

impl<T> Clone for Watched<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Watched<T> {
    /// Makes one that holds a first value.
    pub(crate) fn new(value: T) -> Self {
        Self { shared: Arc::new((Mutex::new(value), Condvar::new())) }
    }

    /// Looks at the value, or changes it and wakes who waits.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let result = work(&mut self.lock());
        self.shared.1.notify_all();
        result
    }

    /// Waits until a look at the value gives something; nothing if the time is up first.
    pub(crate) fn wait_for<R>(
        &self,
        limit: Duration,
        mut look: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        let end = Instant::now() + limit;
        let mut value = self.lock();
        loop {
            if let Some(result) = look(&mut value) {
                return Some(result);
            }
            let left = end.checked_duration_since(Instant::now())?;
            value =
                self.shared.1.wait_timeout(value, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.shared.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[test]
fn a_waiter_wakes_when_the_value_comes_and_gives_up_when_the_time_is_up() {
    let watched = Watched::new(0);
    let filler = watched.clone();
    let thread = std::thread::spawn(move || filler.with(|value| *value = 7));
    let found = watched.wait_for(Duration::from_secs(10), |value| (*value == 7).then_some("seven"));
    assert_eq!(found, Some("seven"));
    assert_eq!(watched.wait_for(Duration::from_millis(5), |value| (*value == 8).then_some(())), None);
    thread.join().expect("the filling thread does not panic");
}
