//! Where blocks end.

use super::*;

/// Returns the finished blocks of a text that is not at its end.
fn blocks(text: &str) -> Vec<(BlockKind, String)> {
    Splitter::default().push(text).into_iter().map(|block| (block.kind, block.source)).collect()
}

fn check(text: &str, expected: &[&str]) {
    let mut splitter = Splitter::default();
    let mut sources: Vec<String> = splitter.push(text).into_iter().map(|block| block.source).collect();
    sources.extend(splitter.finish().into_iter().map(|block| block.source));
    assert_eq!(sources, expected, "{text:?}");
}

#[test]
fn a_paragraph_ends_at_a_blank_line() {
    assert_eq!(blocks("a\nb\n\n"), [(BlockKind::Markdown, "a\nb\n".to_owned())]);
    assert_eq!(blocks("a\nb\n"), []);
    check("a\n \nb", &["a\n", "b\n"]);
}

#[test]
fn headings_and_rules_end_at_once() {
    assert_eq!(blocks("# a\n").len(), 1);
    assert_eq!(blocks("a\n---\n").len(), 1);
    assert_eq!(blocks("---\n").len(), 1);
    check("a\n# b\nc", &["a\n", "# b\n", "c\n"]);
    check("#tag\n####### seven", &["#tag\n####### seven\n"]);
}

#[test]
fn a_list_is_one_block_with_all_that_is_indented() {
    check("- a\n\n- b\n\n  c\n\nd", &["- a\n\n- b\n\n  c\n\n", "d\n"]);
    check("1. a\n   ```\n\n   x\n   ```\n2. b", &["1. a\n   ```\n\n   x\n   ```\n2. b\n"]);
    check("- a\nlazy\n\nb", &["- a\nlazy\n\n", "b\n"]);
    check("text\n14. is a number\n\n- list", &["text\n14. is a number\n", "- list\n"]);
}

#[test]
fn fenced_code_is_handed_out_line_by_line() {
    assert_eq!(
        blocks("```rust\nlet a;\n\nlet b"),
        [
            (BlockKind::CodeStart, "rust".to_owned()),
            (BlockKind::CodeLine, "let a;".to_owned()),
            (BlockKind::CodeLine, String::new()),
        ]
    );
    check("````md\n```\n````\na", &["md", "```", "a\n"]);
    check("  ~~~\n  a\n b\n  ~~~~  \nc", &["", "a", "b", "c\n"]);
    check("- a\n```\nx\n```", &["- a\n", "", "x"]);
    check("``` not `a` fence\n\nb", &["``` not `a` fence\n", "b\n"]);
}

#[test]
fn a_footnote_goes_on_where_it_is_indented() {
    check("[^1]: a\n\n    b\n\nc", &["[^1]: a\n\n    b\n\n", "c\n"]);
}

#[test]
fn a_block_without_an_end_is_cut() {
    let words = "word ".repeat(LIMIT / 2);
    let blocks = blocks(&words);
    assert!(blocks.iter().all(|(_, source)| source.len() <= 2 * LIMIT), "{}", blocks.len());
    assert_eq!(blocks[0].0, BlockKind::Markdown);
    let mut splitter = Splitter::default();
    let mut sizes = Vec::new();
    for word in words.split_inclusive(' ') {
        sizes.extend(splitter.push(word).into_iter().map(|block| (block.kind, block.source.len())));
    }
    assert!(sizes.len() >= 2 && sizes.iter().all(|(_, size)| *size <= LIMIT + 1), "{sizes:?}");
    assert!(sizes[1..].iter().all(|(kind, _)| *kind == BlockKind::Continuation));
}

#[test]
fn the_pieces_of_a_long_table_have_its_header() {
    let rows = "|a|b|\n|-|-|\n".to_owned() + &"|1|2|\n".repeat(LIMIT);
    let blocks = blocks(&rows);
    assert!(blocks.len() > 2 && blocks.iter().all(|(_, source)| source.starts_with("|a|b|\n|-|-|\n|1|2|\n")));
}

#[test]
fn a_long_list_is_cut_between_items() {
    let items = "- an item of a list\n".repeat(LIMIT / 10);
    let blocks = blocks(&items);
    assert!(!blocks.is_empty() && blocks.iter().all(|(_, source)| source.starts_with("- ")));
}
