//! The file of sent texts, which the screens recall: one text per line, at most 1,000.

use std::fs;
use std::path::{Path, PathBuf};

use crate::files::{self, Permissions};

/// Number of remembered texts.
const MAX_ENTRIES: usize = 1_000;

/// Longest text that is recorded, in bytes; longer ones are pasted documents rather than questions.
const MAX_BYTES: usize = 16 << 10;

/// The recorded texts, and where they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct QuestionFile {
    /// None if nothing is recorded.
    pub(crate) path: Option<PathBuf>,
}

impl QuestionFile {
    /// Returns the recorded texts, oldest first; none if the file is absent or unreadable.
    pub(crate) fn read(&self) -> Vec<String> {
        let text = self.path.as_deref().and_then(|path| files::read_to_string(path).ok());
        let entries: Vec<String> = text.unwrap_or_default().lines().map(unescaped).collect();
        entries[entries.len().saturating_sub(MAX_ENTRIES)..].to_vec()
    }

    /// Adds a text. A failure is ignored: no conversation may end because of its history.
    pub(crate) fn record(&self, text: &str) {
        let Some(path) = self.path.as_deref().filter(|_| text.len() <= MAX_BYTES) else { return };
        let mut entries = self.read();
        if entries.last().is_some_and(|last| last == text) {
            return;
        }
        entries.push(text.to_owned());
        let kept = &entries[entries.len().saturating_sub(MAX_ENTRIES)..];
        let lines: String = kept.iter().map(|entry| escaped(entry) + "\n").collect();
        let _ = files::replace(path, &lines, Permissions::Private);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

fn unescaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, true) => text.extend(characters.next().map(|next| if next == 'n' { '\n' } else { next })),
            (character, false) => text.push(character),
        }
    }
    text
}

/// Returns the files whose names begin with `prefix`, folders with a slash.
pub(crate) fn files_beginning_with(prefix: &str) -> Vec<String> {
    let (folder, name) = prefix.rsplit_once('/').map_or(("", prefix), |(folder, name)| (folder, name));
    let shown = &prefix[..prefix.len() - name.len()];
    let folder = match (folder, shown) {
        ("", "") => Path::new("."),
        ("", _) => Path::new("/"),
        (folder, _) => Path::new(folder),
    };
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let is_hidden = file.starts_with('.') && !name.starts_with('.');
            let is_folder = entry.path().is_dir();
            (file.starts_with(name) && !is_hidden)
                .then(|| format!("{shown}{file}{}", if is_folder { "/" } else { "" }))
        })
        .collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_texts_are_read_back_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rtvoice/history");
        let file = QuestionFile { path: Some(path.clone()) };
        assert_eq!(file.read(), [""; 0]);
        let texts = ["one", "two\nlines", r"a \n that is no line break", "中文"];
        for text in texts.iter().chain(["中文"].iter()) {
            file.record(text);
        }
        assert_eq!(file.read(), texts);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;

            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        }
    }

    #[test]
    fn only_the_last_thousand_texts_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let lines: String = (0..1_500).map(|number| format!("question {number}\n")).collect();
        fs::write(&path, lines).unwrap();
        let file = QuestionFile { path: Some(path.clone()) };
        file.record("the last one");
        let kept = file.read();
        assert_eq!((kept.len(), kept[0].as_str()), (MAX_ENTRIES, "question 501"));
        assert_eq!(fs::read_to_string(path).unwrap().lines().count(), MAX_ENTRIES);
    }

    #[test]
    fn nothing_is_recorded_without_a_file() {
        let file = QuestionFile::default();
        file.record("secret");
        assert_eq!(file.read(), [""; 0]);
    }

    #[test]
    fn file_names_are_listed_by_their_beginning() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["talk.md", "tally.txt", ".hidden"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("tables")).unwrap();
        let at = folder.path().display();
        let names = files_beginning_with(&format!("{at}/ta"));
        assert_eq!(names, ["tables/", "talk.md", "tally.txt"].map(|name| format!("{at}/{name}")));
        assert_eq!(files_beginning_with(&format!("{at}/nothing/x")), [""; 0]);
    }
}
