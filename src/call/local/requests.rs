//! Requests about the conversation that need no endpoint: usage, saving, copying.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::call::local::attachments::{TextFile, read_image};
use crate::call::presenter::Presenter;
use crate::files;
use crate::session::io::message::Attachment;
use crate::session::io::{LocalRequest, Notice};
use crate::ui::output::copy;
use crate::ui::output::export::{ExportFormat, export};
use crate::ui::text::wording;

/// Result of a request.
pub(crate) enum LocalResult {
    /// Something to show.
    Show(Notice),
    /// Something that goes with the next message.
    Attach(Attachment),
}

/// Performs a request.
pub(crate) fn perform(presenter: &Presenter, request: LocalRequest) -> LocalResult {
    answer(presenter, request)
        .unwrap_or_else(|message| LocalResult::Show(Notice::Error { code: None, message }))
}

fn answer(presenter: &Presenter, request: LocalRequest) -> Result<LocalResult, String> {
    let model = || presenter.model().ok_or("the conversation is not kept in this mode");
    let text = match request {
        LocalRequest::AttachText(path) => {
            let file = TextFile::read(&in_home(&path)).map_err(|error| format!("{:#}", error.source))?;
            return Ok(LocalResult::Attach(Attachment::Text(file.material())));
        }
        LocalRequest::AttachImage(path) => {
            let image = read_image(&in_home(&path)).map_err(|error| format!("{:#}", error.source))?;
            return Ok(LocalResult::Attach(Attachment::Image(image)));
        }
        LocalRequest::Usage => {
            let model = model()?;
            wording::usage(model.strings(), model.usage.as_ref())
        }
        LocalRequest::Save(path) => {
            let path = in_home(&path);
            let name = path.display();
            let format = ExportFormat::of(&path).ok_or_else(|| {
                format!("cannot save to {name}: the name must end in .md, .txt, .jsonl, .srt or .vtt")
            })?;
            let model = model()?;
            let (text, words) = (export(&model, format), &model.strings().notes);
            if text.is_empty() {
                return Err(words.nothing_to_save.to_owned());
            }
            save(&path, &text)?;
            (words.saved)(&name.to_string())
        }
        LocalRequest::Copy(part) => {
            let model = model()?;
            let text = copy::text(&model, part)?;
            let mut terminal = presenter.status().filter(|_| io::stderr().is_terminal());
            let terminal = terminal.as_mut().ok_or("standard error is no terminal")?;
            let written = write!(terminal, "{}", copy::sequence(&text)).and_then(|()| terminal.flush());
            written.map_err(|error| format!("cannot copy: {error}"))?;
            model.strings().notes.copied.to_owned()
        }
    };
    Ok(LocalResult::Show(Notice::Info(text.into())))
}

/// Creates a private file; an existing one is never replaced.
fn save(path: &Path, text: &str) -> Result<(), String> {
    files::create_private(path, text).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            format!("{} already exists; choose another name", path.display())
        } else {
            format!("cannot save to {}: {error}", path.display())
        }
    })
}

/// Returns a path with `~` replaced by the home folder, as in a shell.
fn in_home(path: &str) -> PathBuf {
    let home = env::var_os("HOME").filter(|_| path.starts_with("~/"));
    home.map_or_else(|| PathBuf::from(path), |home| Path::new(&home).join(&path[2..]))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_conversation_is_saved_to_a_new_private_file_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("talk.md");
        assert_eq!(save(&path, "text"), Ok(()));
        let error = save(&path, "other").unwrap_err();
        assert!(error.ends_with("talk.md already exists; choose another name"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    }
}
