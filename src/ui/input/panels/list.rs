//! Position in the list of a panel.

use crate::ui::input::panels::key::PanelKey;

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
        let (row, last) = (self.row(count), count.saturating_sub(1));
        self.0 = match key {
            PanelKey::Up => row.saturating_sub(1),
            PanelKey::Down => (row + 1).min(last),
            PanelKey::PageUp => row.saturating_sub(PAGE),
            PanelKey::PageDown => (row + PAGE).min(last),
            PanelKey::Home => 0,
            PanelKey::End => last,
            PanelKey::Left
            | PanelKey::Right
            | PanelKey::Enter
            | PanelKey::Esc
            | PanelKey::Backspace
            | PanelKey::Type(_) => return false,
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
        let mut rows = |keys: &[PanelKey], count| {
            keys.iter().for_each(|key| assert!(list.step(*key, count)));
            list.row(count)
        };
        assert_eq!(rows(&[PanelKey::Down, PanelKey::Down], 3), 2);
        assert_eq!(rows(&[PanelKey::Down], 3), 2);
        assert_eq!(rows(&[], 1), 0, "the list became shorter");
        assert_eq!(rows(&[PanelKey::End, PanelKey::Up], 20), 18);
        assert_eq!(rows(&[PanelKey::PageUp, PanelKey::PageUp, PanelKey::PageUp], 20), 0);
        assert_eq!(rows(&[PanelKey::Down], 0), 0);
    }
}
