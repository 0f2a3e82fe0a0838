//! Text in pieces gives the same lines as text at once, and what is finished stays.

use proptest::prelude::*;

use super::*;
use crate::markdown::ansi::{ColorLevel, Printer};
use crate::markdown::fixture::{ANSWER, layout, markdown, plain, text_of};
use crate::markdown::split::BlockKind;

fn printed(pieces: &[&str], columns: usize) -> Vec<String> {
    let mut printer = Printer::new(ColorLevel::Monochrome);
    let mut outputs: Vec<String> = pieces.iter().map(|piece| printer.push(piece, &layout(columns))).collect();
    outputs.push(printer.finish(&layout(columns)));
    outputs
}

/// Returns the text in two pieces, cut at every character.
fn cuts(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.char_indices().map(|(at, _)| text.split_at(at))
}

#[test]
fn every_prefix_of_an_answer_ends_in_the_same_lines() {
    let whole = plain(ANSWER, 40);
    for (start, rest) in cuts(ANSWER) {
        let mut document = Document::default();
        document.push(start);
        document.lay_out(&layout(40));
        document.push(rest);
        document.lay_out(&layout(40));
        document.finish();
        assert_eq!(text_of(&mut document, 40), whole, "cut after {start:?}");
        assert_eq!(document.source(), ANSWER);
    }
}

#[test]
fn the_lines_from_any_row_are_the_rest_of_all_lines() {
    let mut document = Document::default();
    let check = |document: &Document| {
        let all: Vec<&Line> = document.lines_from(0).collect();
        assert_eq!(all.len(), document.line_count());
        for start in 0..all.len() + 2 {
            let rest: Vec<&Line> = document.lines_from(start).collect();
            assert_eq!(rest, all[start.min(all.len())..], "from {start}");
        }
    };
    for character in ANSWER.chars() {
        document.push(character.encode_utf8(&mut [0; 4]));
        document.lay_out(&layout(20));
        check(&document);
    }
    document.finish();
    document.lay_out(&layout(20));
    check(&document);
    document.lay_out(&layout(50));
    check(&document);
}

#[test]
fn what_is_printed_after_a_prefix_is_the_beginning_of_the_whole() {
    let whole = printed(&[ANSWER], 40).concat();
    for (start, rest) in cuts(ANSWER) {
        assert_eq!(printed(&[start, rest], 40).concat(), whole, "cut after {start:?}");
    }
    let characters: Vec<String> = ANSWER.chars().map(String::from).collect();
    let characters: Vec<&str> = characters.iter().map(String::as_str).collect();
    assert_eq!(printed(&characters, 40).concat(), whole);
}

#[test]
fn a_document_at_another_width_is_as_if_it_had_always_been_so_wide() {
    let mut document = Document::default();
    document.push(ANSWER);
    document.finish();
    for columns in [80, 20, 80] {
        assert_eq!(text_of(&mut document, columns), plain(ANSWER, columns));
    }
}

#[test]
fn a_definition_at_the_end_resolves_the_links_before_it() {
    let mut document = Document::default();
    document.push("see [the docs][1]\n\nmore\n\n");
    assert_eq!(text_of(&mut document, 40), "see [the docs][1]\n\nmore\n");
    document.push("[1]: https://x\n");
    document.finish();
    assert_eq!(text_of(&mut document, 40), "see the docs (https://x)\n\nmore\n\n[1]: https://x\n");
}

#[test]
fn an_open_block_shows_no_marks_that_may_still_begin_something() {
    for (open, shown) in [
        ("a **", "a\n"),
        ("a `", "a\n"),
        ("a [", "a\n"),
        ("a*", "a*\n"),
        ("|a|b|", "|a|b|\n"),
        ("|a|b|\n|-|-|\n|1|", "a │ b\n──┼──\n1 │\n"),
        ("```sh\nls", "sh\nls\n"),
    ] {
        let mut document = Document::default();
        document.push(open);
        assert_eq!(text_of(&mut document, 40), shown, "{open:?}");
    }
}

#[test]
fn finished_blocks_are_not_rendered_again() {
    let mut document = Document::default();
    document.push("first\n\nsecond\n\nthird");
    document.lay_out(&layout(40));
    assert_eq!((document.rendered.len(), document.finished.len()), (2, 2));
    let first = document.rendered[0].lines[0].spans.as_ptr();
    document.push(" and more\n\nfourth");
    document.lay_out(&layout(40));
    assert_eq!(document.rendered[0].lines[0].spans.as_ptr(), first);
    assert_eq!(document.rendered.len(), 3);
}

/// Returns the lines of a text that is parsed as one block.
fn unsplit(source: &str, columns: usize) -> Vec<String> {
    let block = MarkdownBlock { kind: BlockKind::Markdown, source: source.to_owned() };
    MarkdownRenderer::default()
        .render(&block, BlockPlace::First, &layout(columns))
        .lines
        .iter()
        .map(Line::text)
        .collect()
}

#[test]
fn an_answer_in_blocks_is_drawn_as_if_it_were_one() {
    for columns in [20, 40, 80] {
        assert_eq!(plain(ANSWER, columns), unsplit(ANSWER, columns).join("\n") + "\n");
    }
}

proptest! {
    #[test]
    fn pieces_make_no_difference(source in markdown(), at in 0usize..200, columns in 10usize..50) {
        let (start, rest) = source.split_at(source.floor_char_boundary(at));
        prop_assert_eq!(printed(&[start, rest], columns).concat(), printed(&[&source], columns).concat());
        let mut document = Document::default();
        document.push(start);
        document.lay_out(&layout(columns));
        document.push(rest);
        document.finish();
        prop_assert_eq!(text_of(&mut document, columns), plain(&source, columns));
    }
}
