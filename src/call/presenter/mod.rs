//! Presenter: chooses and runs the screen, plain lines or JSON lines.

mod writers;

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::call::captions::caption_output::CaptionOutput;
use crate::call::captions::progress::FileProgress;
use crate::call::clock::Clock;
use crate::call::driver::level_meters::LevelMeters;
use crate::call::kept::continuing;
use crate::call::local::question_file::{self, QuestionFile};
use crate::call::local::text_editor;
use crate::call::presenter::writers::{ModelWriter, PromptingInput, VerbosePlain, with_captions};
use crate::call::setup::theme;
use crate::call::streams::console::{Console, ConsoleWriter};
use crate::call::streams::standard::{Localized, cannot_write_stdout, charset, columns};
use crate::captions::chinese::ChineseScript;
use crate::cli::display::DisplayArgs;
use crate::error::{Error, Kind};
use crate::net::endpoint::redaction::Redactor;
use crate::session::io::message::PastTurn;
use crate::session::io::{EndReason, Notice, UserCommand};
use crate::test_hooks;
use crate::ui::event_log::WireEvent;
use crate::ui::model::{CallInfo, Model};
use crate::ui::output::captions::ScriptConverter;
use crate::ui::output::json::{JsonDetail, JsonLines};
use crate::ui::output::plain::{PlainLines, PlainStyle};
use crate::ui::output::presenter::{AnswerWriter, NoticeWriter, Verbatim};
use crate::ui::output::summary;
use crate::ui::terminal::{Screen, ScreenError, ScreenPane, ScreenSetup, ScreenTimeout};
use crate::ui::text::sanitize::one_line;

/// Limit for writing pending lines after a signal.
const SIGNALLED_DRAIN: Duration = Duration::from_millis(200);

/// Presentation of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PresentationMode {
    /// Full-screen.
    Screen,
    /// Plain lines.
    Plain,
    /// JSON lines.
    Json,
}

impl PresentationMode {
    /// Chooses by the flags and the kind of standard output.
    pub(crate) fn choose(args: &DisplayArgs) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        match (args.json, args.plain) {
            (true, _) => Self::Json,
            (false, true) => Self::Plain,
            (false, false) if io::stdout().is_terminal() && !dumb => Self::Screen,
            (false, false) => Self::Plain,
        }
    }
}

/// Presentation of a running session.
pub(crate) enum Presenter {
    /// The screen, and the model it draws.
    Screen {
        writer: Box<dyn NoticeWriter>,
        model: watch::Sender<Model>,
        /// The conversation in writing on the same screen.
        text: Option<watch::Receiver<Model>>,
        /// Absent if another presenter owns it.
        screen: Option<Screen>,
    },
    /// Lines, and the thread that writes them.
    Lines {
        writer: Box<dyn NoticeWriter>,
        console: Console,
        progress: Option<FileProgress>,
        model: Option<Box<Model>>,
    },
}

/// A file to transcribe.
#[derive(Clone, Debug)]
pub(crate) struct CaptionedFile {
    /// Name as given by the user.
    pub(crate) name: String,
    pub(crate) place: FilePosition,
}

/// Position of a file among those of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilePosition {
    /// The only file.
    Only,
    /// Followed by others.
    First,
    /// Not the first of several.
    Later,
}

impl CaptionedFile {
    /// Returns the heading of its captions, formatted as by `head` and `tail`; none for a single file.
    fn heading(&self) -> Option<String> {
        let name = one_line(&self.name);
        match self.place {
            FilePosition::Only => None,
            FilePosition::First => Some(format!("==> {name} <==")),
            FilePosition::Later => Some(format!("\n==> {name} <==")),
        }
    }
}

/// Inputs of a presenter.
pub(crate) struct PresenterConfig<'a> {
    pub(crate) display: &'a DisplayArgs,
    pub(crate) mode: PresentationMode,
    pub(crate) style: PlainStyle,
    pub(crate) file: Option<CaptionedFile>,
    pub(crate) captions: Option<CaptionOutput>,
    /// Requested script of Chinese captions.
    pub(crate) script: Option<ChineseScript>,
    pub(crate) info: CallInfo,
    pub(crate) commands: mpsc::Sender<UserCommand>,
    pub(crate) clock: Clock,
    pub(crate) levels: &'a LevelMeters,
    /// Writers for lines, unused by the screen.
    pub(crate) lines: Lines,
    /// Sent texts, for the screen.
    pub(crate) questions: QuestionFile,
    /// The conversation in writing on the same screen.
    pub(crate) text: Option<ScreenPane>,
    /// Protocol events, for the screen.
    pub(crate) events: Option<Receiver<WireEvent>>,
    /// Removes keys from them.
    pub(crate) redactor: Redactor,
}

/// Writers for lines.
pub(crate) struct Lines {
    /// Data: standard output, unless audio goes there.
    pub(crate) data: Box<dyn AnswerWriter + Send>,
    /// Status: standard error.
    pub(crate) status: Box<dyn Write + Send>,
    /// Whether the user is prompted for lines.
    pub(crate) prompting: PromptMode,
    /// Whether plain lines end with the usage.
    pub(crate) shows_usage: bool,
    /// Whether the conversation is kept for commands.
    pub(crate) keeps_conversation: bool,
}

/// When a chat prompts for the next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PromptMode {
    /// On the terminal, when it is the user's turn.
    OnTurn,
    /// Never.
    Never,
}

impl Presenter {
    /// Starts the presentation; the screen acquires the terminal.
    ///
    /// # Errors
    ///
    /// If the terminal cannot be used.
    pub(crate) fn start(config: PresenterConfig<'_>) -> Result<Self, Error> {
        let PresenterConfig {
            display,
            mode,
            style,
            file,
            captions,
            script,
            info,
            commands,
            clock,
            levels,
            lines,
            questions,
            text,
            events,
            redactor,
        } = config;
        let Lines { data, status, prompting, shows_usage, keeps_conversation } = lines;
        let strings = info.language.strings();
        let kept = keeps_conversation.then(|| Box::new(Model::new(info.clone())));
        let detail = if display.verbose { JsonDetail::Debug } else { JsonDetail::Call };
        let presenter = match mode {
            PresentationMode::Json => {
                let console = start_console(data, status)?;
                let lines = JsonLines::new(console.data(), detail);
                let writer = Box::new(lines.with_file(file.as_ref().map(|file| file.name.as_str())));
                let writer = with_captions(writer, captions, Some(&console));
                Self::lines(writer, console, (prompting, kept))
            }
            PresentationMode::Plain => {
                let console = start_console(data, status)?;
                let heading = file.as_ref().and_then(CaptionedFile::heading);
                // A caption file replaces the lines, unless standard output is a terminal.
                let data: Box<dyn AnswerWriter> = match &captions {
                    None => Box::new(console.data()),
                    Some(captions) if captions.leaves_stdout() && io::stdout().is_terminal() => {
                        Box::new(console.data())
                    }
                    Some(_) => Box::new(Verbatim(io::sink())),
                };
                let plain = PlainLines::new(style, data, console.status());
                let plain = plain.with_heading(heading).with_info(&info);
                let plain = if shows_usage { plain.with_usage() } else { plain };
                let plain = Box::new(VerbosePlain { plain, detail, strings });
                let writer = with_captions(plain, captions, Some(&console));
                Self::lines(writer, console, (prompting, kept))
            }
            PresentationMode::Screen => {
                let (model, watched) = watch::channel(Model::new(info));
                let written = text.as_ref().map(|text| text.model.clone());
                let screen = Screen::start(ScreenSetup {
                    pane: ScreenPane { model: watched, commands },
                    other: text,
                    input_level: levels.input(),
                    output_level: levels.output(),
                    clock: Box::new(move || {
                        let now = clock.now();
                        test_hooks::maybe_panic("ui", now);
                        now
                    }),
                    theme: theme::by_name(display),
                    events,
                    redact: Box::new(move |text| redactor.redact_json(text).into_owned()),
                    keys: Arc::clone(&display.keys),
                    history: questions.read(),
                    record: Box::new(move |text| questions.record(text)),
                    edit: text_editor::edit_text,
                    list_files: question_file::files_beginning_with,
                });
                let writer = with_captions(Box::new(ModelWriter(model.clone())), captions, None);
                Self::Screen { writer, model, text: written, screen: Some(screen.map_err(screen_error)?) }
            }
        };
        Ok(presenter.in_script(script))
    }

    /// Presents on a screen that another presenter owns.
    pub(crate) fn on_shared_screen(model: watch::Sender<Model>) -> Self {
        Self::Screen { writer: Box::new(ModelWriter(model.clone())), model, text: None, screen: None }
    }

    /// Shows captions in a script of Chinese.
    fn in_script(self, script: Option<ChineseScript>) -> Self {
        let Some(script) = script else { return self };
        match self {
            Self::Lines { writer, console, progress, model } => {
                let writer = Box::new(ScriptConverter::new(writer, script));
                Self::Lines { writer, console, progress, model }
            }
            Self::Screen { writer, model, text, screen } => {
                let writer = Box::new(ScriptConverter::new(writer, script));
                Self::Screen { writer, model, text, screen }
            }
        }
    }

    fn lines(
        writer: Box<dyn NoticeWriter>,
        console: Console,
        (prompting, model): (PromptMode, Option<Box<Model>>),
    ) -> Self {
        let writer = match prompting {
            PromptMode::OnTurn => Box::new(PromptingInput { writer, terminal: console.status() }),
            PromptMode::Never => writer,
        };
        Self::Lines { writer, console, progress: None, model }
    }

    /// Returns the conversation so far, if it is kept.
    pub(crate) fn model(&self) -> Option<Model> {
        match self {
            Self::Screen { model, .. } => Some(model.borrow().clone()),
            Self::Lines { model, .. } => model.as_deref().cloned(),
        }
    }

    /// Adds the turns of the conversation that is continued: to the screen, and to what commands work on.
    pub(crate) fn show_history(&mut self, turns: &[PastTurn]) {
        let apply = |model: &mut Model| {
            turns.iter().for_each(|turn| model.apply(Duration::ZERO, &continuing::notice(turn)));
        };
        match self {
            Self::Screen { model, .. } => model.send_modify(apply),
            Self::Lines { model: Some(model), .. } => apply(model),
            Self::Lines { model: None, .. } => {}
        }
    }

    /// Shows the progress of a file, unless there is a screen.
    pub(crate) fn track(&mut self, file: FileProgress) {
        if let Self::Lines { progress, .. } = self {
            *progress = Some(file);
        }
    }

    /// Updates the progress.
    pub(crate) fn advance(&mut self, now: Duration, position: Duration) {
        let Self::Lines { console, progress: Some(progress), .. } = self else { return };
        if let Some(line) = progress.line(now, position, columns().saturating_sub(1)) {
            let mut writer = console.progress();
            // A line that cannot be shown is replaced by the next.
            let _ = writer.write_all(line.as_bytes()).and_then(|()| writer.flush());
        }
    }

    /// Returns a writer for status lines; none for a screen.
    pub(crate) fn status(&self) -> Option<ConsoleWriter> {
        match self {
            Self::Screen { .. } => None,
            Self::Lines { console, .. } => Some(console.status()),
        }
    }

    /// Presents one notice.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::BrokenPipe`] if the reader has closed the pipe, and other errors of this or an earlier
    /// write.
    pub(crate) fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        match self {
            Self::Screen { writer, .. } => writer.notice(at, notice),
            Self::Lines { writer, progress, model, .. } => {
                if let Some(progress) = progress {
                    progress.observe(notice);
                }
                if let Some(model) = model {
                    model.apply(at, notice);
                }
                writer.notice(at, notice)
            }
        }
    }

    /// Returns whether new input should wait until pending lines are written.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            // The screen draws the latest model and queues nothing.
            Self::Screen { .. } => false,
            Self::Lines { console, .. } => console.is_full(),
        }
    }

    /// Waits until [`Self::is_full`] is false. Cancel-safe like [`Console::room`].
    pub(crate) async fn room(&mut self) {
        match self {
            Self::Screen { .. } => {}
            Self::Lines { console, .. } => console.room().await,
        }
    }

    /// Waits for a write error. Cancel-safe like [`Console::failure`].
    pub(crate) async fn failure(&mut self) -> io::Error {
        match self {
            Self::Screen { .. } => std::future::pending().await,
            Self::Lines { console, .. } => console.failure().await,
        }
    }

    /// Restores the terminal, or waits until all lines are written; only briefly after a signal. `kept` are the
    /// files of conversations, named below what the screen leaves.
    ///
    /// # Errors
    ///
    /// If the screen failed or lines cannot be written.
    pub(crate) async fn close(&mut self, reason: &EndReason, kept: &[String]) -> Result<(), Error> {
        let is_signalled = matches!(reason, EndReason::Signal(_));
        match self {
            Self::Screen { model, text, screen, .. } => {
                let Some(screen) = screen.take() else { return Ok(()) };
                let timeout = if is_signalled { ScreenTimeout::Signalled } else { ScreenTimeout::Normal };
                match screen.close(timeout) {
                    Ok(()) => {}
                    // A terminal that accepts no output is often the reason for the signal.
                    Err(ScreenError::Stuck | ScreenError::Terminal(_)) if is_signalled => return Ok(()),
                    Err(error) => return Err(screen_error(error)),
                }
                // The conversation stays in the terminal; write errors of a lost terminal are ignored.
                let written = text.as_ref().map(|text| text.borrow().clone());
                let model = model.borrow();
                let _ = summary::write(&model, written.as_ref(), columns(), &mut io::stdout());
                for path in kept {
                    let _ = writeln!(io::stdout(), "{}", (model.strings().notes.kept)(&one_line(path)));
                }
                Ok(())
            }
            Self::Lines { console, .. } if is_signalled => {
                // After a signal, the end must not wait for a stalled reader.
                let _ = tokio::time::timeout(SIGNALLED_DRAIN, console.drain()).await;
                Ok(())
            }
            Self::Lines { console, .. } => match console.drain().await {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(cannot_write_stdout(error)),
                Ok(()) | Err(_) => Ok(()),
            },
        }
    }
}

/// Starts the thread that writes lines.
///
/// # Errors
///
/// If the system refuses a thread.
pub(crate) fn start_console(
    data: impl AnswerWriter + Send + 'static,
    status: impl Write + Send + 'static,
) -> Result<Console, Error> {
    Console::start(data, Localized::new(status, charset())).map_err(|error| Error::new(Kind::Internal, error))
}

pub(crate) fn screen_error(error: ScreenError) -> Error {
    let kind = match error {
        ScreenError::NoTerminal => Kind::Usage,
        ScreenError::Terminal(_) | ScreenError::Stuck => Kind::Device,
        ScreenError::Thread(_) | ScreenError::Panicked => Kind::Internal,
    };
    Error::new(kind, error).hint("use --plain or --json")
}
