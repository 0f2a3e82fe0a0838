//! What a block looks like.

use proptest::prelude::*;

use super::*;
use crate::markdown::fixture::{self, ANSWER, ANSWER_AT_28, ANSWER_AT_60, layout, plain};
use crate::markdown::layout::Glyphs;
use crate::markdown::style::Token;

fn lines(source: &str, columns: usize) -> Vec<Line> {
    let block = MarkdownBlock { kind: BlockKind::Markdown, source: source.to_owned() };
    MarkdownRenderer::default().render(&block, BlockPlace::First, &layout(columns)).lines
}

fn check(source: &str, expected: &str) {
    let text: Vec<String> = lines(source, 40).iter().map(Line::text).collect();
    assert_eq!(text.join("\n"), expected, "of {source:?}");
}

/// Returns the text that is drawn in a style.
fn styled(source: &str, is_wanted: impl Fn(Style) -> bool) -> String {
    let spans = lines(source, 200).into_iter().flat_map(|line| line.spans);
    spans.filter(|span| is_wanted(span.style)).map(|span| span.text).collect()
}

#[test]
fn an_answer_is_drawn_at_any_width() {
    assert_eq!(plain(ANSWER, 60), ANSWER_AT_60);
    assert_eq!(plain(ANSWER, 28), ANSWER_AT_28);
}

#[test]
fn emphasis_code_and_links_have_styles() {
    let source = "a **b** *c* ~~d~~ `e` [f](https://g)";
    assert_eq!(styled(source, |style| style.bold), "b");
    assert_eq!(styled(source, |style| style.italic), "c");
    assert_eq!(styled(source, |style| style.strikethrough), "d");
    assert_eq!(styled(source, |style| style.role == Role::InlineCode), "e");
    assert_eq!(styled(source, |style| style.role == Role::Link), "f");
    assert_eq!(styled(source, |style| style.role == Role::Secondary), " (https://g)");
    assert_eq!(styled("## Head *ing*", |style| style.role == Role::Heading(2)), "Head ing");
    assert_eq!(styled("    code", |style| style.role == Role::Code(Token::Plain)), "code");
}

#[test]
fn emphasis_next_to_cjk_text_is_recognized() {
    for line in fixture::CJK.lines() {
        let drawn = styled(line, |_| true);
        assert!(!drawn.contains(['*', '~']), "{line} is drawn as {drawn}");
        let is_emphasized = |style: Style| style.bold || style.italic || style.strikethrough;
        assert!(!styled(line, is_emphasized).is_empty(), "{line}");
    }
    assert_eq!(styled("他说**“你好”**然后", |style| style.bold), "“你好”");
    assert_eq!(styled("日本語**(強調)**です", |style| style.bold), "(強調)");
}

#[test]
fn emphasis_next_to_latin_text_is_as_commonmark_has_it() {
    for line in ["**Warning:**text", "a**a«**a", "a**»a**a", "a**∇a**a", "2 * 3 * 4", "a ** b **"] {
        check(line, line);
    }
}

#[test]
fn html_is_text() {
    check("<b>bold</b> &lt;i&gt;", "<b>bold</b> <i>");
    check("<div class=\"x\">\n  <p>hello</p>\n</div>", "<div class=\"x\">\n  <p>hello</p>\n</div>");
}

#[test]
fn the_address_of_a_link_is_always_visible() {
    check("[your bank](https://evil.example)", "your bank (https://evil.example)");
    check("<https://example.org>", "https://example.org");
    check("[](https://example.org)", "https://example.org");
    check("![a *cat*](cat.png)", "[image: a cat](cat.png)");
    check("see [a] or [b][A]\n\n[a]: https://x", "see a (https://x) or b (https://x)\n[a]: https://x");
}

#[test]
fn character_references_are_sanitized_too() {
    check("a&#27;[31mb&#0;&#x9b;c&#xd;d", "a[31mb\u{fffd}cd");
    check("[a](https://x/&#27;]52;c;&#7;)", "a (https://x/]52;c;)");
    check("~~~a&#27;b\nc\n~~~", "ab\nc");
}

#[test]
fn lists_hang_under_their_text() {
    check("9. nine\n10. ten", " 9. nine\n10. ten");
    check("- a\n\n- b", "• a\n\n• b");
    check("- a\n  - b\n    - c\n- d", "• a\n  • b\n    • c\n• d");
    check("- a\n\n  second paragraph", "• a\n\n  second paragraph");
    check("-\n- b", "•\n• b");
    check("1. a\n   ```sh\n   ls\n   ```", "1. a\n   sh\n   ls");
    check("- [ ] to do\n- [x] done", "[ ] to do\n[x] done");
    check(
        "- a line that is too long to fit into forty columns",
        "• a line that is too long to fit into\n  forty columns",
    );
}

#[test]
fn deep_nesting_leaves_room_for_text() {
    let deep = "> ".repeat(200) + "text";
    check(&deep, &("│ ".repeat(16) + "text"));
    let narrow: Vec<_> = lines("- a\n  - b\n    - c", 10).iter().map(Line::text).collect();
    assert_eq!(narrow, ["• a", "  • b", "    c"]);
}

#[test]
fn code_keeps_its_spaces_and_marks_a_wrapped_line() {
    check("```\na  b\n\tc\n ab\tc\n```", "a  b\n    c\n ab c");
    let long = "x".repeat(50);
    check(&format!("```\n{long}\n```"), &format!("{}↩\n{}", "x".repeat(39), "x".repeat(11)));
}

#[test]
fn a_formula_is_shown_as_its_source() {
    check(r"so \(a_1 * b_2 * c\) holds", r"so \(a_1 * b_2 * c\) holds");
    check("\\[\nx = 1\n- y\n\\]", "\\[\nx = 1\n- y\n\\]");
    check("$$x_1 < y_2$$", "$$x_1 < y_2$$");
    check("from $5 to $10", "from $5 to $10");
    check("`\\(` and `\\)`", "\\( and \\)");
    assert_eq!(styled(r"so \(a\) is", |style| style.role == Role::InlineCode), r"\(a\)");
}

#[test]
fn lines_of_chinese_source_are_joined_without_a_space() {
    check("今天\n天气很好", "今天天气很好");
    check("today\nthe weather", "today the weather");
    check("a  \nb", "a\nb");
}

#[test]
fn a_table_is_aligned_by_display_width() {
    check("|a|名|\n|--|-:|\n|bcd|中文|\n|e|f|", "a   │   名\n────┼─────\nbcd │ 中文\ne   │    f");
    check("|a|b|\n|-|-|\n|`c`|\\||", "a │ b\n──┼──\nc │ |");
}

#[test]
fn a_table_that_does_not_fit_shrinks_its_widest_column() {
    let source = "|n|text|\n|-|-|\n|1|a text that is wrapped within its cell of the table|";
    check(
        source,
        "n │ text\n──┼─────────────────────────────────────\n1 │ a text that is wrapped within its\n  │ cell of the table",
    );
}

#[test]
fn a_table_in_a_narrow_window_becomes_lines_of_header_and_value() {
    let source = "|name|text|\n|-|-|\n|one|some longer text|\n|two|more|";
    let drawn: Vec<_> = lines(source, 20).iter().map(Line::text).collect();
    assert_eq!(drawn, ["name: one", "text: some longer", "text", "", "name: two", "text: more"]);
}

#[test]
fn footnotes_stay_readable() {
    check("a claim[^1]", "a claim[^1]");
    check("[^1]: The source\n    of it.", "[^1]: The source of it.");
}

#[test]
fn borders_and_bullets_can_be_drawn_in_ascii() {
    let block =
        MarkdownBlock { kind: BlockKind::Markdown, source: "> - a\n\n---\n\n|b|c|\n|-|-|".to_owned() };
    let layout = TextLayout { glyphs: Glyphs::Ascii, ..layout(10) };
    let drawn: Vec<_> = MarkdownRenderer::default()
        .render(&block, BlockPlace::First, &layout)
        .lines
        .iter()
        .map(Line::text)
        .collect();
    assert_eq!(drawn, ["| - a", "", "----------", "", "b | c", "--+--"]);
}

proptest! {
    #[test]
    fn no_line_is_wider_than_the_width(source in fixture::markdown(), columns in 1usize..60) {
        for line in lines(&source, columns) {
            prop_assert!(line.width() <= columns, "{:?}", line.text());
        }
    }

    #[test]
    fn any_text_is_drawn_without_control_characters(source in "\\PC{0,40}|([&#0-9;x\\[\\](){}*_`~|<>!\\\\ \n-]{0,60})") {
        for line in lines(&source, 20) {
            prop_assert!(!line.text().contains(char::is_control));
        }
    }
}
