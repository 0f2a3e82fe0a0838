//! Text that arrives in deltas and again as a whole.

/// Text of one content part, assembled from its deltas and `done` events.
#[derive(Debug, Default)]
pub(crate) struct PartText {
    /// Some servers send one `done` event per sentence; each ends a segment.
    segments: Vec<TextSegment>,
}

#[derive(Debug)]
struct TextSegment {
    text: String,
    /// Number of bytes received in deltas; the complete text may arrive before them.
    in_deltas: usize,
    is_done: bool,
}

impl TextSegment {
    fn done(text: &str, in_deltas: usize) -> Self {
        Self { text: text.to_owned(), in_deltas, is_done: true }
    }

    /// Absorbs a delta that repeats the text of a `done` event; returns whether it did.
    fn absorb(&mut self, delta: &str) -> bool {
        let rest = &self.text[self.in_deltas..];
        match match_prefix(rest, delta) {
            Some(length) if !rest.is_empty() => {
                self.in_deltas += length;
                true
            }
            Some(_) | None => false,
        }
    }
}

impl PartText {
    /// Returns the text so far.
    pub(crate) fn text(&self) -> String {
        self.segments.iter().fold(String::new(), |text, segment| joined(text, &segment.text))
    }

    /// Appends a delta; returns whether the text changed.
    pub(crate) fn push(&mut self, delta: &str) -> bool {
        if self.segments.last_mut().is_some_and(|last| last.absorb(delta)) {
            return false;
        }
        match self.segments.last_mut().filter(|last| !last.is_done || last.in_deltas < last.text.len()) {
            Some(open) => {
                open.text.push_str(delta);
                open.in_deltas = open.text.len();
            }
            None => {
                let (text, in_deltas) = (delta.to_owned(), delta.len());
                self.segments.push(TextSegment { text, in_deltas, is_done: false });
            }
        }
        !delta.is_empty()
    }

    /// Sets the text of a `done` event: the complete part, or its next sentence. Returns whether the text
    /// changed.
    pub(crate) fn finish(&mut self, whole: &str) -> bool {
        if is_blank(whole) {
            return false;
        }
        let all = self.text();
        let all_of_it = match_prefix(whole, &all).filter(|_| !is_blank(&all));
        match self.segments.last_mut().filter(|segment| !segment.is_done) {
            Some(open) => {
                if same_text(&open.text, whole) {
                    open.is_done = true;
                    return improve(open, whole);
                }
                if let Some(end) = match_prefix(&open.text, whole) {
                    self.split_open(end);
                    return false;
                }
                if let Some(in_deltas) = all_of_it {
                    self.segments = vec![TextSegment::done(whole, in_deltas)];
                } else {
                    // Longer than its deltas, or spelled differently.
                    let in_deltas = match_prefix(whole, &open.text).unwrap_or(whole.len());
                    *open = TextSegment::done(whole, in_deltas);
                }
                true
            }
            None => {
                if let Some(known) = self.segments.iter_mut().find(|known| same_text(&known.text, whole)) {
                    return improve(known, whole);
                }
                match all_of_it {
                    Some(_) if same_text(&all, whole) => return false,
                    Some(in_deltas) => self.segments = vec![TextSegment::done(whole, in_deltas)],
                    None => self.segments.push(TextSegment::done(whole, 0)),
                }
                true
            }
        }
    }

    /// Splits the open segment after the sentence of a `done` event.
    fn split_open(&mut self, end: usize) {
        let Some(open) = self.segments.last_mut() else { return };
        let rest = open.text.split_off(end);
        open.is_done = true;
        open.in_deltas = end;
        self.segments.push(TextSegment { in_deltas: rest.len(), text: rest, is_done: false });
    }

    /// Replaces the text by that of the finished item. Returns whether the text changed.
    pub(crate) fn replace(&mut self, whole: &str) -> bool {
        if is_blank(whole) {
            return false;
        }
        let all = self.text();
        if let [only] = &mut self.segments[..]
            && same_text(&only.text, whole)
        {
            only.is_done = true;
            return improve(only, whole);
        }
        // Servers shorten the items of truncated responses.
        if !is_blank(&all) && match_prefix(&all, whole).is_some() && damage(&all) <= damage(whole) {
            return false;
        }
        let in_deltas = match_prefix(whole, &all).unwrap_or(whole.len());
        self.segments = vec![TextSegment::done(whole, in_deltas)];
        true
    }
}

/// Replaces the text if the new one has fewer damaged characters; returns whether it did.
fn improve(segment: &mut TextSegment, whole: &str) -> bool {
    if damage(whole) >= damage(&segment.text) {
        return false;
    }
    *segment = TextSegment::done(whole, whole.len());
    true
}

fn damage(text: &str) -> usize {
    text.chars().filter(|letter| *letter == char::REPLACEMENT_CHARACTER).count()
}

/// Returns whether two texts are equal apart from white space and damaged characters.
pub fn same_text(one: &str, other: &str) -> bool {
    let lenient = damage(one) + damage(other) > 0;
    letters(one, lenient).map(|(_, letter)| letter).eq(letters(other, lenient).map(|(_, letter)| letter))
}

/// Returns whether the text starts with `prefix`, apart from white space and damaged characters.
pub(crate) fn begins_with(text: &str, prefix: &str) -> bool {
    match_prefix(text, prefix).is_some()
}

/// Returns the length of the part of `text` that matches `prefix`.
fn match_prefix(text: &str, prefix: &str) -> Option<usize> {
    if text.starts_with(prefix) {
        return Some(prefix.len());
    }
    let lenient = damage(text) + damage(prefix) > 0;
    let mut text = letters(text, lenient);
    let mut end = 0;
    for (_, letter) in letters(prefix, lenient) {
        let (found_end, found) = text.next()?;
        if found != letter {
            return None;
        }
        end = found_end;
    }
    Some(end)
}

/// Returns the significant characters of a text with their ends. Surrogate pairs split over two deltas become
/// U+FFFD; in a lenient comparison, characters that need a pair are not significant.
fn letters(text: &str, lenient: bool) -> impl Iterator<Item = (usize, char)> {
    let counts = move |letter: char| {
        let fragile = letter == char::REPLACEMENT_CHARACTER || letter.len_utf16() == 2;
        !(letter.is_whitespace() || lenient && fragile)
    };
    text.char_indices()
        .filter(move |(_, letter)| counts(*letter))
        .map(|(start, letter)| (start + letter.len_utf8(), letter))
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Joins two texts, with a space between sentences in scripts that use one.
pub(crate) fn joined(mut text: String, next: &str) -> String {
    if let (Some(last), Some(first)) = (text.chars().next_back(), next.chars().next())
        && !last.is_whitespace()
        && !first.is_whitespace()
        && !is_written_without_spaces(last)
    {
        text.push(' ');
    }
    text.push_str(next);
    text
}

/// Returns whether a character is Chinese or Japanese, punctuation and full-width forms included.
fn is_written_without_spaces(letter: char) -> bool {
    matches!(letter, '\u{2e80}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}'
        | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    enum TextEvent {
        Delta(&'static str),
        Done(&'static str),
        Item(&'static str),
    }
    use TextEvent::{Delta, Done, Item};

    fn check(events: &[TextEvent], expected: &str) {
        let mut part = PartText::default();
        for event in events {
            match event {
                Delta(text) => part.push(text),
                Done(text) => part.finish(text),
                Item(text) => part.replace(text),
            };
        }
        assert_eq!(part.text().trim(), expected);
    }

    #[test]
    fn a_done_text_that_differs_in_white_space_is_the_same_text() {
        check(
            &[Delta(" Hello"), Delta(" there.\n"), Done("Hello there."), Item("Hello there.")],
            "Hello there.",
        );
        check(&[Delta("Hello"), Delta("  there."), Done("Hello there.")], "Hello  there.");
        check(&[Delta("Hello there."), Done("Hello there.\n\n"), Item(" Hello\nthere.")], "Hello there.");
    }

    #[test]
    fn a_replaced_half_surrogate_is_the_same_text_and_the_undamaged_one_is_kept() {
        check(&[Delta("Hi \u{fffd}"), Delta("\u{fffd}!"), Done("Hi 😀!")], "Hi 😀!");
        check(&[Delta("Hi 😀!"), Done("Hi \u{fffd}\u{fffd}!"), Item("Hi \u{fffd}!")], "Hi 😀!");
        check(&[Delta("\u{fffd}"), Delta("\u{fffd}"), Item("😀")], "😀");
    }

    #[test]
    fn done_texts_per_sentence_are_joined() {
        let whole = "First sentence. Second sentence. Third sentence.";
        let done = [Done("First sentence."), Done("Second sentence."), Done("Third sentence.")];
        check(&done, whole);
        check(
            &[Done("First sentence."), Done("First sentence."), Done("Second one.")],
            "First sentence. Second one.",
        );
        check(
            &[Delta(whole), Done("First sentence."), Done("Second sentence."), Done("Third sentence.")],
            whole,
        );
        check(
            &[
                Delta("First "),
                Delta("one."),
                Done("First one."),
                Delta("Second"),
                Delta(" one."),
                Done("Second one."),
            ],
            "First one. Second one.",
        );
        check(
            &[Done("First one."), Done("First one. Second one."), Item("First one. Second one.")],
            "First one. Second one.",
        );
        check(&[Done("你好。"), Done("世界。")], "你好。世界。");
    }

    #[test]
    fn a_complete_text_may_arrive_before_or_between_its_deltas() {
        let (one, two, three) = (Delta("One "), Delta("two "), Delta("three."));
        check(&[Done("One two three."), one, two, three], "One two three.");
        check(&[Delta("One "), Done("One two three."), Delta("two "), Delta("three.")], "One two three.");
        check(&[Item("One two three."), Delta(" One"), Delta(" two three.")], "One two three.");
    }

    #[test]
    fn a_corrected_text_replaces_the_streamed_one() {
        check(&[Delta("Helo wrld"), Done("Hello world")], "Hello world");
        check(&[Done("Hello"), Item("Bye")], "Bye");
        check(&[Delta("Hello there"), Item("Hello")], "Hello there");
    }

    proptest! {
        #[test]
        fn any_split_into_deltas_and_any_white_space_gives_the_same_text(
            words in proptest::collection::vec("[a-z]{1,5}[.😀]?", 1..8),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
            spaces in "[ \n\t]{0,3}",
            done_first in any::<bool>(),
        ) {
            let text = words.join(" ");
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len()))).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut part = PartText::default();
            if done_first {
                part.finish(&text);
            }
            for pair in cuts.windows(2) {
                part.push(&text[pair[0]..pair[1]]);
            }
            part.finish(&format!("{spaces}{text}{spaces}"));
            part.replace(&format!("{text}{spaces}"));
            prop_assert_eq!(part.text(), text);
        }
    }
}
