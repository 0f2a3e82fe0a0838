//! Position in the list of a panel.

use crate::ui::input::panels::key::{ListMove, PanelKey};

/// Rows of a page.
const PAGE: usize = 8;

/// The chosen row of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListPosition(usize);

impl ListPosition {
    /// Returns the position at a row.
    pub fn at(row: usize) -> Self {
        Self(row)
    }

    /// Returns the chosen one of `count` rows.
    pub fn row(self, count: usize) -> usize {
        self.0.min(count.saturating_sub(1))
    }

    /// Moves within `count` rows. Returns whether the key moves.
    pub fn step(&mut self, key: PanelKey, count: usize) -> bool {
        let PanelKey::Move(step) = key else { return false };
        let (row, last) = (self.row(count), count.saturating_sub(1));
        self.0 = match step {
            ListMove::Up => row.saturating_sub(1),
            ListMove::Down => (row + 1).min(last),
            ListMove::PageUp => row.saturating_sub(PAGE),
            ListMove::PageDown => (row + PAGE).min(last),
            ListMove::First => 0,
            ListMove::Last => last,
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_stays_within_the_rows() {
        let mut list = ListPosition::default();
        let mut rows = |moves: &[ListMove], count| {
            moves.iter().for_each(|step| assert!(list.step(PanelKey::Move(*step), count)));
            list.row(count)
        };
        assert_eq!(rows(&[ListMove::Down, ListMove::Down], 3), 2);
        assert_eq!(rows(&[ListMove::Down], 3), 2);
        assert_eq!(rows(&[], 1), 0, "the list became shorter");
        assert_eq!(rows(&[ListMove::Last, ListMove::Up], 20), 18);
        assert_eq!(rows(&[ListMove::PageUp, ListMove::PageUp, ListMove::PageUp], 20), 0);
        assert_eq!(rows(&[ListMove::Down], 0), 0);
    }
}
