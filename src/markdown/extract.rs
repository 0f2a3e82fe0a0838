//! The code blocks of an answer, as they were written.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Which code block is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The first.
    First,
    /// The last.
    Last,
}

/// Returns the source code of a code block, if the text has one. An unclosed block ends with the text.
pub fn code_block(text: &str, choice: Choice) -> Option<String> {
    let mut blocks = Vec::new();
    let mut is_open = false;
    for event in Parser::new_ext(text, Options::empty()) {
        if let Event::Start(Tag::CodeBlock(_)) = event {
            blocks.push(String::new());
            is_open = true;
        } else if let Event::End(TagEnd::CodeBlock) = event {
            is_open = false;
        } else if let (Event::Text(code), true, Some(block)) = (event, is_open, blocks.last_mut()) {
            block.push_str(&code);
        }
    }
    match choice {
        Choice::First => blocks.into_iter().next(),
        Choice::Last => blocks.pop(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_or_the_last_block_is_taken_as_it_was_written() {
        let text = "a\n\n```sh\nls  -l\n\n\tx\n```\n\n- item\n  ````md\n  ```\n  ````\n";
        assert_eq!(code_block(text, Choice::First).as_deref(), Some("ls  -l\n\n\tx\n"));
        assert_eq!(code_block(text, Choice::Last).as_deref(), Some("```\n"));
    }

    #[test]
    fn a_text_may_have_no_block_and_a_block_no_end() {
        assert_eq!(code_block("no `code` block", Choice::First), None);
        assert_eq!(code_block("```\nls\n", Choice::First).as_deref(), Some("ls\n"));
        assert_eq!(code_block("```\n```", Choice::Last).as_deref(), Some(""));
    }
}
