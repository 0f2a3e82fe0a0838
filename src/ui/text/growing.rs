//! A text that grows: sanitizing it again costs only what was appended.

use crate::ui::text::sanitize::{Sanitizer, TAB};

/// Displayable form of a text that is given again and again, with more at its end.
#[derive(Clone, Debug, Default)]
pub struct GrowingText {
    source: String,
    sanitizer: Sanitizer,
    displayable: String,
}

impl GrowingText {
    /// Returns the displayable form of a text, which usually begins with the one before it.
    pub fn update(&mut self, text: &str) -> &str {
        if !text.starts_with(&self.source) {
            *self = Self::default();
        }
        let more = &text[self.source.len()..];
        self.source.push_str(more);
        self.displayable.push_str(&self.sanitizer.push(more).replace('\t', TAB));
        &self.displayable
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ui::text::sanitize::displayable;

    proptest! {
        #[test]
        fn a_growing_text_is_displayed_as_the_whole(
            pieces in prop::collection::vec("([a-z ]|中|\t|\n|\u{1b}\\[1m|\u{1b}|e\u{301}|\u{202e}){0,8}", 0..8),
            other in "[a-z\t]{0,4}",
        ) {
            let (mut growing, mut whole) = (GrowingText::default(), String::new());
            for piece in pieces {
                whole.push_str(&piece);
                prop_assert_eq!(growing.update(&whole), displayable(&whole));
            }
            prop_assert_eq!(growing.update(&other), displayable(&other));
        }
    }
}
