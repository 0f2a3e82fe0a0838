//! The user's text editor, from `VISUAL` or `EDITOR`.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus};

use crate::files;

/// Hint after a failure.
pub(crate) const HINT: &str = "set VISUAL or EDITOR to an editor that waits until the file is closed";

/// Returns the command line of the editor. A variable of `.env` must not choose what is run.
pub(crate) fn command() -> String {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| env::var(name).ok());
    let fallback = if cfg!(windows) { "notepad" } else { "vi" };
    named.into_iter().find(|editor| !editor.trim().is_empty()).unwrap_or_else(|| fallback.to_owned())
}

/// Runs an editor with its arguments, as in `code --wait`. As for git, the shell splits the command line.
///
/// # Errors
///
/// When it cannot be run.
#[cfg(unix)]
pub(crate) fn run(editor: &str, path: &Path) -> io::Result<ExitStatus> {
    Command::new("sh").arg("-c").arg(format!("{editor} \"$@\"")).arg(editor).arg(path).status()
}

/// Runs an editor with its arguments, as in `code --wait`.
///
/// # Errors
///
/// When it cannot be run.
#[cfg(not(unix))]
pub(crate) fn run(editor: &str, path: &Path) -> io::Result<ExitStatus> {
    let mut words = editor.split_whitespace();
    Command::new(words.next().unwrap_or_default()).args(words).arg(path).status()
}

/// Edits a text in the user's editor, by a private temporary file.
///
/// # Errors
///
/// One sentence when the editor cannot be run or fails, or its text cannot be read.
pub(crate) fn edit_text(text: &str) -> Result<String, String> {
    let editor = command();
    let path = env::temp_dir().join(format!("rtvoice-{}.md", std::process::id()));
    let edited = edit_file(&editor, &path, text);
    // It may hold something private.
    let _ = fs::remove_file(&path);
    edited
}

fn edit_file(editor: &str, path: &Path, text: &str) -> Result<String, String> {
    let name = path.display();
    // The file of an earlier process with this number may have been left behind.
    let _ = fs::remove_file(path);
    files::create_private(path, text).map_err(|error| format!("cannot write {name}: {error}"))?;
    match run(editor, path) {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("the editor {editor:?} failed ({status}); the text is unchanged")),
        Err(error) => return Err(format!("cannot run the editor {editor:?}: {error}; {HINT}")),
    }
    let edited = files::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    // Editors end the last line.
    Ok(edited.strip_suffix('\n').unwrap_or(&edited).to_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_edited_in_a_private_file_that_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text.md");
        let edited =
            edit_file("sh -c 'stat -c %a \"$0\" > \"$0\".mode; echo more >> \"$0\"'", &path, "one\n");
        assert_eq!(edited.as_deref(), Ok("one\nmore"));
        assert_eq!(fs::read_to_string(folder.path().join("text.md.mode")).unwrap(), "600\n");
    }

    #[test]
    fn an_editor_that_fails_leaves_the_text_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let error = edit_file("false", &folder.path().join("text.md"), "one").unwrap_err();
        assert!(error.contains("\"false\" failed") && error.ends_with("the text is unchanged"), "{error}");
    }
}
