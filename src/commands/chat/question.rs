//! The question of a one-shot chat: typed words, standard input and files as one text.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::call::streams::typed_lines::without_bom;
use crate::error::{Error, Kind};

/// The longest text that servers take in one item, in characters.
const LONGEST_TEXT: usize = 256_000;

/// No UTF-8 text of the longest length has more bytes.
const MOST_BYTES: u64 = 4 * LONGEST_TEXT as u64;

/// The shortest fence of a code block.
const FENCE: usize = 3;

/// What a question is made of.
#[derive(Debug, Default)]
pub(super) struct QuestionParts {
    /// What was typed on the command line.
    pub(super) words: String,
    /// What standard input held.
    pub(super) piped: String,
    /// The files that go with it.
    pub(super) files: Vec<Attachment>,
}

/// A text file by the name that the user gave it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attachment {
    name: String,
    text: String,
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
        parts.extend(self.files.iter().map(|file| format!("{}:\n{}", file.name, fenced(&file.text))));
        let question = parts.join("\n\n");
        let length = question.chars().count();
        if length > LONGEST_TEXT {
            let error = format!("the question has {length} characters; the limit is {LONGEST_TEXT}");
            return Err(Error::say(Kind::Usage, error).hint("send a part of it"));
        }
        Ok(Some(question).filter(|question| !question.is_empty()))
    }
}

/// Returns a text in a fence that is longer than any run of backticks in it.
fn fenced(text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(FENCE.max(longest + 1));
    format!("{fence}\n{}\n{fence}", text.trim_end_matches('\n'))
}

/// Reads the files that go with a question.
///
/// # Errors
///
/// When one cannot be read, is no text or is too large.
pub(super) fn read_files(paths: &[PathBuf]) -> Result<Vec<Attachment>, Error> {
    paths.iter().map(|path| read_file(path)).collect()
}

fn read_file(path: &Path) -> Result<Attachment, Error> {
    let name = path.display().to_string();
    let bytes = read_bounded(path).with_context(|| format!("cannot read {name}"));
    let bytes =
        bytes.map_err(|error| Error::new(Kind::Device, error).hint("check the path given to --file"))?;
    if bytes.len() as u64 > MOST_BYTES {
        let error = format!("{name} is too large; the limit of a question is {LONGEST_TEXT} characters");
        return Err(Error::say(Kind::Device, error).hint("attach a part of it"));
    }
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    match text {
        Some(text) => Ok(Attachment { name, text: without_bom(&text).to_owned() }),
        None => {
            Err(Error::say(Kind::Device, format!("{name} is not a text file"))
                .hint("--file takes text in UTF-8"))
        }
    }
}

/// Reads no more than one byte beyond the limit, because a device has no end.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
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
        let files = read_files(std::slice::from_ref(&path)).unwrap();
        let parts = QuestionParts { words: "sum up".to_owned(), piped: String::new(), files };
        let expected = format!("sum up\n\n{}:\n```\none\ntwo\n```", path.display());
        assert_eq!(parts.question().unwrap(), Some(expected));
    }

    #[test]
    fn a_file_that_cannot_be_sent_is_one_sentence_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("image.png"), b"\x89PNG\0").unwrap();
        fs::write(path("latin1"), b"caf\xe9").unwrap();
        fs::write(path("large"), vec![b'x'; usize::try_from(MOST_BYTES).unwrap() + 1]).unwrap();
        for (name, reason) in [
            ("missing", "cannot read "),
            ("image.png", "image.png is not a text file"),
            ("latin1", "latin1 is not a text file"),
            ("large", "large is too large; the limit of a question is 256000 characters"),
        ] {
            let error = read_files(&[path(name)]).unwrap_err();
            let text = error.source.to_string();
            assert!(text.contains(reason), "{text}");
            assert_eq!((error.kind, error.hint.is_some()), (Kind::Device, true), "{name}");
        }
        assert!(read_files(&[folder.path().to_owned()]).is_err(), "a folder is no file");
    }

    #[test]
    fn a_question_over_the_limit_is_refused_with_both_numbers() {
        let parts = QuestionParts { words: "é".repeat(LONGEST_TEXT + 1), ..QuestionParts::default() };
        let error = parts.question().unwrap_err();
        assert_eq!(error.source.to_string(), "the question has 256001 characters; the limit is 256000");
    }
}
