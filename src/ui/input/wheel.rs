//! The mouse wheel: terminals send it as bursts of arrow keys on the alternate screen.

use std::time::Duration;

/// Longest time between two arrow keys of a burst. Key repeat is slower.
const MAX_GAP: Duration = Duration::from_millis(5);

/// Arrow keys of the shortest burst that counts as the wheel. Most terminals send at least three per notch.
const MIN_BURST: u32 = 3;

/// Direction of an arrow key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrowDirection {
    /// Up.
    Up,
    /// Down.
    Down,
}

/// What an arrow key is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrowSource {
    /// A key press, as far as known.
    Key,
    /// The wheel, and the keys before in the burst were, too.
    WheelStart,
    /// The wheel.
    Wheel,
}

/// Distinguishes the wheel from the arrow keys by their pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WheelDetector {
    last: Option<(Duration, ArrowDirection)>,
    burst: u32,
}

impl WheelDetector {
    /// Classifies an arrow key.
    pub fn arrow(&mut self, now: Duration, direction: ArrowDirection) -> ArrowSource {
        let continues =
            self.last.is_some_and(|(at, before)| before == direction && now.saturating_sub(at) <= MAX_GAP);
        self.burst = if continues { self.burst + 1 } else { 1 };
        self.last = Some((now, direction));
        match self.burst {
            MIN_BURST => ArrowSource::WheelStart,
            burst if burst > MIN_BURST => ArrowSource::Wheel,
            _ => ArrowSource::Key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_arrow_keys_is_the_wheel() {
        let mut wheel = WheelDetector::default();
        let at = |ms| Duration::from_millis(ms);
        let burst = [0, 1, 2, 3].map(|ms| wheel.arrow(at(ms), ArrowDirection::Up));
        assert_eq!(burst, [ArrowSource::Key, ArrowSource::Key, ArrowSource::WheelStart, ArrowSource::Wheel]);
        let held = [30, 60, 90, 120].map(|ms| wheel.arrow(at(ms), ArrowDirection::Up));
        assert_eq!(held, [ArrowSource::Key; 4]);
        assert_eq!(wheel.arrow(at(121), ArrowDirection::Down), ArrowSource::Key);
    }
}
