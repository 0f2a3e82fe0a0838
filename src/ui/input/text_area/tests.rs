//! Editing by keys, by a model, and at the limits.

use proptest::prelude::*;

use super::*;
use crate::markdown::wrap::width;

fn typed(text: &str) -> TextArea {
    let mut area = TextArea::default();
    for cluster in text.graphemes(true) {
        area.insert(cluster).unwrap();
    }
    area
}

/// The text with `|` at the cursor.
fn shown(area: &TextArea) -> String {
    let (before, after) = area.text.split_at(area.cursor);
    format!("{before}|{after}")
}

fn go(area: &mut TextArea, motion: Motion) {
    area.move_cursor(motion, Selection::Drop);
}

fn select(area: &mut TextArea, motion: Motion) {
    area.move_cursor(motion, Selection::Extend);
}

#[test]
fn edits_and_their_undo_follow_the_table() {
    type TestEdit = fn(&mut TextArea);
    let table: [(&str, TestEdit, &str); 16] = [
        ("a👩\u{200d}👩\u{200d}👧", |area| area.delete(Motion::Left), "a|"),
        ("a👩\u{200d}👩\u{200d}👧", |area| go(area, Motion::Left), "a|👩\u{200d}👩\u{200d}👧"),
        ("e\u{301}x", |area| (go(area, Motion::Start), area.delete(Motion::Right)).1, "|x"),
        ("one two  ", |area| area.delete(Motion::WordLeft), "one |"),
        ("one two", |area| (go(area, Motion::Start), area.delete(Motion::WordRight)).1, "| two"),
        ("one\ntwo three", |area| area.kill(Motion::LineStart), "one\n|"),
        ("one\ntwo", |area| (go(area, Motion::LineStart), area.kill(Motion::LineEnd)).1, "one\n|"),
        ("one\ntwo", |area| (go(area, Motion::Up), area.kill(Motion::LineEnd)).1, "one|two"),
        (
            "one two",
            |area| (area.kill(Motion::WordLeft), area.kill(Motion::WordLeft), area.yank()).2,
            "one two|",
        ),
        ("abc\nde", |area| go(area, Motion::Up), "ab|c\nde"),
        (
            "abc\nd",
            |area| (go(area, Motion::Up), go(area, Motion::LineEnd), go(area, Motion::Down)).2,
            "abc\nd|",
        ),
        ("abcd\nx\nabcd", |area| (go(area, Motion::Up), go(area, Motion::Up)).1, "abcd|\nx\nabcd"),
        ("abcd", |area| (select(area, Motion::WordLeft), area.insert("x").unwrap()).1, "x|"),
        (
            "abcd",
            |area| (select(area, Motion::Left), select(area, Motion::Left), area.delete(Motion::Left)).2,
            "ab|",
        ),
        (
            "abcd",
            |area| (select(area, Motion::Left), go(area, Motion::Start), area.delete(Motion::Right)).2,
            "|bcd",
        ),
        ("abcd", |area| area.set("all new"), "all new|"),
    ];
    for (text, edit, expected) in table {
        let mut area = typed(text);
        let before = area.text();
        area.undo.close_group();
        edit(&mut area);
        assert_eq!(shown(&area), expected, "{text:?}");
        let after = area.text();
        while area.text() != before && area.undo() {}
        assert_eq!(area.text(), before);
        while area.redo() {}
        assert_eq!(area.text(), after);
    }
}

#[test]
fn typing_is_undone_by_the_word() {
    let mut area = typed("one two three");
    let mut steps = Vec::new();
    while area.undo() {
        steps.push(area.text());
    }
    assert_eq!(steps, ["one two ", "one ", ""]);
}

#[test]
fn emoji_and_words_survive_when_they_are_typed_one_character_at_a_time() {
    for text in
        ["👩\u{200d}👩\u{200d}👧", "می\u{200c}خواهم", "क्\u{200d}षि", "❤\u{fe0f}\u{200d}🔥", "e\u{301}"]
    {
        let mut area = TextArea::default();
        for character in text.chars() {
            area.insert(character.encode_utf8(&mut [0; 4])).unwrap();
        }
        assert_eq!(area.text(), text);
    }
}

#[test]
fn pasted_text_is_sanitised_and_may_have_lines() {
    let mut area = TextArea::default();
    area.paste_text("a\u{1b}[201~b\r\nc\rd\te\u{202e}").unwrap();
    assert_eq!(shown(&area), "ab\nc\nd    e|");
}

#[test]
fn a_long_paste_is_a_chip_and_is_sent_in_full() {
    let pasted = (1..=10_000).map(|line| format!("line {line}\n")).collect::<String>();
    let mut area = typed("See: ");
    area.paste_text(&pasted).unwrap();
    area.insert(".").unwrap();
    let rows = area.visible_rows(40, 5);
    let texts: Vec<String> = rows.rows[0].iter().map(|(text, _)| text.clone()).collect();
    assert_eq!(texts.concat(), "See: [pasted 10000 lines].");
    assert_eq!(rows.cursor, (0, 26));
    let mut sent = area.clone();
    assert_eq!(sent.take(), Some(format!("See: {pasted}.")));
    area.delete(Motion::Left);
    assert!(area.unfold() && !area.unfold());
    assert_eq!(area.text(), format!("See: {pasted}"));
    assert!(area.undo());
    area.delete(Motion::Left);
    assert_eq!(area.text(), "See: ");
}

#[test]
fn the_limit_counts_what_was_pasted_and_is_an_error() {
    let mut area = TextArea::default();
    area.paste_text(&"a".repeat(MAX_CHARS - 1)).unwrap();
    assert_eq!(area.insert("bcd"), Err(TextTooLong { left_out: 2 }));
    assert_eq!(area.text().chars().count(), MAX_CHARS);
    assert_eq!(area.take().map(|text| text.len()), Some(MAX_CHARS));
    assert_eq!(area.insert("again"), Ok(()));
}

#[test]
fn up_and_down_go_by_the_rows_that_are_shown() {
    let mut area = typed("0123456789abcdef");
    area.set_columns(6);
    go(&mut area, Motion::Up);
    assert_eq!(shown(&area), "0123456789|abcdef");
    go(&mut area, Motion::Up);
    assert!(!area.move_cursor(Motion::Up, Selection::Drop), "the first row");
    assert_eq!(shown(&area), "0123|456789abcdef");
}

#[test]
fn a_character_that_stands_for_a_chip_cannot_be_typed() {
    let mut area = TextArea::default();
    area.paste_text(&"x\n".repeat(20)).unwrap();
    area.insert("\u{f0000}\u{f0001}").unwrap();
    assert_eq!(area.text(), "x\n".repeat(20));
}

#[test]
fn white_space_is_not_sent() {
    assert_eq!(typed(" \n ").take(), None);
    assert_eq!(typed(" hi \n").take(), Some("hi".to_owned()));
}

#[test]
fn the_rows_around_the_cursor_are_shown() {
    let mut area = typed("one\ntwo\nthree\nfour");
    let texts = |area: &TextArea, height| -> (Vec<String>, (usize, usize)) {
        let rows = area.visible_rows(10, height);
        (
            rows.rows.iter().map(|row| row.iter().map(|(text, _)| text.as_str()).collect()).collect(),
            rows.cursor,
        )
    };
    assert_eq!(texts(&area, 2), (vec!["three".to_owned(), "four".to_owned()], (1, 4)));
    go(&mut area, Motion::Start);
    assert_eq!(texts(&area, 2), (vec!["one".to_owned(), "two".to_owned()], (0, 0)));
    assert_eq!(texts(&area, 9).0.len(), 4);
}

/// A text as clusters, the slow and obvious way.
#[derive(Default)]
struct ModelText {
    text: String,
    cursor: usize,
}

impl ModelText {
    fn clusters(&self) -> Vec<&str> {
        self.text.graphemes(true).collect()
    }

    /// Clusters merge where text changes, so that the cursor is found again by its byte.
    fn edit(&mut self, range: Range<usize>, with: &str) {
        let clusters = self.clusters();
        let start: usize = clusters[..range.start].iter().map(|cluster| cluster.len()).sum();
        let end: usize = clusters[..range.end].iter().map(|cluster| cluster.len()).sum();
        self.text.replace_range(start..end, with);
        let mut place = 0;
        let mut cursor = 0;
        for cluster in self.text.graphemes(true) {
            if place >= start + with.len() {
                break;
            }
            place += cluster.len();
            cursor += 1;
        }
        self.cursor = cursor;
    }
}

proptest! {
    #[test]
    fn the_text_area_equals_a_model(edits in prop::collection::vec((0usize..6, "[ab]|中|👩\u{200d}👧|e\u{301}|🇹🇼|\n"), 0..60)) {
        let (mut area, mut model) = (TextArea::default(), ModelText::default());
        for (edit, text) in edits {
            let count = model.clusters().len();
            match edit {
                0 => {
                    area.move_cursor(Motion::Left, Selection::Drop);
                    model.cursor = model.cursor.saturating_sub(1);
                }
                1 => {
                    area.move_cursor(Motion::Right, Selection::Drop);
                    model.cursor = (model.cursor + 1).min(count);
                }
                2 if model.cursor > 0 => {
                    area.delete(Motion::Left);
                    model.edit(model.cursor - 1..model.cursor, "");
                }
                3 if model.cursor < count => {
                    area.delete(Motion::Right);
                    model.edit(model.cursor..model.cursor + 1, "");
                }
                2 | 3 => {}
                _ => {
                    area.insert(&text).unwrap();
                    model.edit(model.cursor..model.cursor, &text);
                }
            }
            prop_assert_eq!(&area.text, &model.text);
            let before: usize = model.clusters()[..model.cursor].iter().map(|cluster| cluster.len()).sum();
            prop_assert_eq!(area.cursor, before);
        }
        let last = area.text();
        while area.undo() {}
        prop_assert_eq!(area.text(), "");
        while area.redo() {}
        prop_assert_eq!(area.text(), last);
    }

    #[test]
    fn no_row_is_wider_than_the_screen_and_nothing_is_lost(text in "([ab \n]|中|👩\u{200d}👧|e\u{301}){0,40}", columns in 2usize..12) {
        let area = typed(&text);
        let rows = area.visible_rows(columns, usize::MAX / 4).rows;
        let texts: Vec<String> = rows.iter().map(|row| row.iter().map(|(text, _)| text.as_str()).collect()).collect();
        for text in &texts {
            prop_assert!(width(text) <= columns, "{:?}", texts);
        }
        prop_assert_eq!(texts.concat(), area.text().replace('\n', ""));
    }
}
