//! What the parts of a line of code are.

use super::*;

/// Long enough for grammars without optimization on a busy machine.
const ENOUGH: Duration = Duration::from_secs(120);

/// Returns the highlighted parts of a block as text.
fn parts(language: &str, code: &str) -> Vec<(Token, String)> {
    let mut highlighter = Highlighter::new(ENOUGH);
    highlighter.begin(language);
    let mut all = Vec::new();
    for line in code.lines() {
        let mut rest = line;
        for (token, length) in highlighter.line(line) {
            let (part, after) = rest.split_at(length);
            all.push((token, part.trim().to_owned()));
            rest = after;
        }
    }
    all.retain(|(token, _)| *token != Token::Plain);
    all
}

#[test]
#[cfg(feature = "highlight")]
fn code_is_highlighted_by_its_language() {
    let is = |token, text: &str| (token, text.to_owned());
    assert_eq!(
        parts("rust", "/* a\nb */ fn main() { let x = \"s\"; } // c"),
        [
            is(Token::Comment, "/* a"),
            is(Token::Comment, "b */"),
            is(Token::Keyword, "fn"),
            is(Token::Function, "main"),
            is(Token::Keyword, "let"),
            is(Token::String, "\"s\""),
            is(Token::Comment, "// c"),
        ]
    );
    assert_eq!(parts("py", "n = 42"), [is(Token::Constant, "42")]);
    assert_eq!(parts("diff", "+a\n-b"), [is(Token::Inserted, "+a"), is(Token::Deleted, "-b")]);
}

#[test]
#[cfg(feature = "highlight")]
fn the_parts_of_a_line_make_up_the_line() {
    let mut highlighter = Highlighter::new(ENOUGH);
    highlighter.begin("rust");
    for line in ["fn push(&mut self, item: T) -> Result<(), T> {", "", "\"中文\" // 註解", "\tx"] {
        let lengths = highlighter.line(line).iter().map(|(_, length)| *length).sum::<usize>();
        assert_eq!(lengths, line.len(), "{line}");
    }
}

#[test]
fn code_in_an_unknown_language_is_plain() {
    assert_eq!(parts("no such language", "fn main() {}"), []);
    assert_eq!(parts("", "fn main() {}"), []);
}

#[test]
fn the_thread_starts_with_the_first_block_in_a_language() {
    let mut highlighter = Highlighter::new(ENOUGH);
    assert!(highlighter.worker.is_none());
    highlighter.begin("");
    assert!(highlighter.worker.is_none());
    highlighter.begin("rust");
    assert_eq!(highlighter.worker.is_some(), grammar::AVAILABLE);
}

#[test]
fn a_very_long_line_is_plain_and_the_next_one_is_not() {
    let mut highlighter = Highlighter::new(ENOUGH);
    highlighter.begin("rust");
    assert_eq!(highlighter.line(&"x".repeat(LONGEST_LINE + 1)), []);
    assert_eq!(highlighter.line("let").is_empty(), !grammar::AVAILABLE);
}

#[test]
#[cfg(feature = "highlight")]
fn a_block_that_takes_too_long_is_plain_and_the_next_one_is_not() {
    let mut highlighter = Highlighter::new(Duration::ZERO);
    highlighter.begin("rust");
    assert_eq!(highlighter.line("let"), []);
    highlighter.patience = ENOUGH;
    assert_eq!(highlighter.line("let"), [], "a block does not change its look half-way");
    highlighter.begin("rust");
    assert_eq!(highlighter.line("// a"), [(Token::Comment, 4)]);
}
