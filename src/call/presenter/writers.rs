//! Writers of notices: the model of a screen, plain lines with details, prompts, captions in a format.

use std::io::{self, Write};
use std::time::Duration;

use tokio::sync::watch;

use crate::call::captions::caption_output::{CaptionOutput, CaptionTarget};
use crate::call::streams::console::Console;
use crate::captions::format::CaptionWriter;
use crate::session::io::{ConnectionState, Notice, TurnState};
use crate::ui::model::Model;
use crate::ui::output::captions::CaptionLines;
use crate::ui::output::json::JsonDetail;
use crate::ui::output::presenter::NoticeWriter;
use crate::ui::text::language::strings::Strings;
use crate::ui::text::wording;

/// Adds a writer of captions in a format, if requested. A screen has no console.
pub(super) fn with_captions(
    writer: Box<dyn NoticeWriter>,
    captions: Option<CaptionOutput>,
    console: Option<&Console>,
) -> Box<dyn NoticeWriter> {
    let Some(CaptionOutput { format, target, release }) = captions else { return writer };
    match (target, console) {
        (CaptionTarget::Stdout, Some(console)) => {
            Box::new(CaptionLines::new(writer, console.data(), CaptionWriter::new(format), release))
        }
        (CaptionTarget::Stdout, None) => writer,
        (CaptionTarget::File(file), _) => {
            let (format_writer, whole) = (file.writer(format), file.whole);
            Box::new(CaptionLines::new(writer, file, format_writer, release).resumed_at(whole))
        }
    }
}

/// Updates the model that a screen draws.
pub(super) struct ModelWriter(pub(super) watch::Sender<Model>);

impl NoticeWriter for ModelWriter {
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        self.0.send_modify(|model| model.apply(at, notice));
        Ok(())
    }
}

/// Plain lines with debugging details if requested.
pub(super) struct VerbosePlain<F> {
    pub(super) plain: F,
    pub(super) detail: JsonDetail,
    pub(super) strings: &'static Strings,
}

impl<F: NoticeWriter> NoticeWriter for VerbosePlain<F> {
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        match (notice, self.detail) {
            (Notice::Debug(text), JsonDetail::Debug) => {
                self.plain.notice(at, &Notice::Info(format!("debug: {text}").into()))
            }
            (Notice::Delay(report), JsonDetail::Debug) => {
                let latency = wording::latency(self.strings, &report.last);
                self.plain.notice(at, &Notice::Info(latency.into()))?;
                self.plain.notice(at, notice)
            }
            (notice, _) => self.plain.notice(at, notice),
        }
    }
}

/// Prompts for the next line when it is the user's turn.
pub(super) struct PromptingInput<W> {
    pub(super) writer: Box<dyn NoticeWriter>,
    pub(super) terminal: W,
}

impl<W: Write> NoticeWriter for PromptingInput<W> {
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        self.writer.notice(at, notice)?;
        if matches!(notice, Notice::Connection(ConnectionState::Live) | Notice::Turn(TurnState::Listening)) {
            // A failed prompt does not prevent input.
            let _ = self.terminal.write_all(b"> ").and_then(|()| self.terminal.flush());
        }
        Ok(())
    }
}
