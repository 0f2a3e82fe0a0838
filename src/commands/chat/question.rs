//! The question of a one-shot chat: typed words, standard input and files as one text.

use crate::call::local::attachments::{LONGEST_TEXT, TextFile, fenced};
use crate::error::{Error, Kind};

/// What a question is made of.
#[derive(Debug, Default)]
pub(super) struct QuestionParts {
    /// What was typed on the command line.
    pub(super) words: String,
    /// What standard input held.
    pub(super) piped: String,
    /// The files that go with it.
    pub(super) files: Vec<TextFile>,
}

impl QuestionParts {
    /// Returns the question as it is sent; nothing if all parts are empty. Typed words are the question and
    /// piped text its material, in a fence; without words the piped text is the question.
    ///
    /// # Errors
    ///
    /// When it is longer than servers take.
    pub(super) fn question(&self) -> Result<Option<String>, Error> {
        let (words, piped) = (self.words.trim(), self.piped.trim());
        let mut parts = Vec::new();
        match (words.is_empty(), piped.is_empty()) {
            (true, true) => {}
            (true, false) => parts.push(piped.to_owned()),
            (false, true) => parts.push(words.to_owned()),
            // Spaces at the beginning of a line may matter in material.
            (false, false) => parts.extend([words.to_owned(), fenced(&self.piped)]),
        }
        parts.extend(self.files.iter().map(TextFile::material));
        let question = parts.join("\n\n");
        let length = question.chars().count();
        if length > LONGEST_TEXT {
            let error = format!("the question has {length} characters; the limit is {LONGEST_TEXT}");
            return Err(Error::say(Kind::Usage, error).hint("send a part of it"));
        }
        Ok(Some(question).filter(|question| !question.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn question(words: &str, piped: &str) -> String {
        let parts = QuestionParts { words: words.to_owned(), piped: piped.to_owned(), files: Vec::new() };
        parts.question().unwrap().unwrap_or_default()
    }

    #[test]
    fn words_are_the_question_and_piped_text_is_its_material() {
        assert_eq!(question("why?", ""), "why?");
        assert_eq!(question("", " what is this?\n"), "what is this?");
        assert_eq!(question("explain", "  a\nb\n"), "explain\n\n```\n  a\nb\n```");
        assert_eq!(question(" \n", "\n"), "");
    }

    #[test]
    fn a_fence_is_longer_than_those_in_the_text() {
        assert_eq!(question("q", "```sh\nls\n```"), "q\n\n````\n```sh\nls\n```\n````");
    }

    #[test]
    fn a_file_goes_in_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        fs::write(&path, "\u{feff}one\ntwo\n").unwrap();
        let files = vec![TextFile::read(&path).unwrap()];
        let parts = QuestionParts { words: "sum up".to_owned(), piped: String::new(), files };
        let expected = format!("sum up\n\n{}:\n```\none\ntwo\n```", path.display());
        assert_eq!(parts.question().unwrap(), Some(expected));
    }

    #[test]
    fn a_question_over_the_limit_is_refused_with_both_numbers() {
        let parts = QuestionParts { words: "é".repeat(LONGEST_TEXT + 1), ..QuestionParts::default() };
        let error = parts.question().unwrap_err();
        assert_eq!(error.source.to_string(), "the question has 256001 characters; the limit is 256000");
    }
}
