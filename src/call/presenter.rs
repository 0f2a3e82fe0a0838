//! Chooses how a session is shown, and shows it.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::call::caption_output::{CaptionOutput, CaptionTarget};
use crate::call::clock::Clock;
use crate::call::streams::console::{Console, ConsoleWriter};
use crate::call::streams::standard::cannot_write_stdout;
use crate::call::streams::standard::{Localized, charset};
use crate::captions::chinese::Script;
use crate::captions::format::Writer;
use crate::cli::DisplayArgs;
use crate::dsp::level::LevelMeter;
use crate::error::{Error, Kind};
use crate::mishap;
use crate::session::io::{ConnectionState, EndReason, Notice, TurnState, UserCommand};
use crate::ui::model::{CallInfo, Model};
use crate::ui::output::captions::{CaptionLines, ScriptConverter};
use crate::ui::output::json::{JsonDetail, JsonLines};
use crate::ui::output::plain::{PlainLines, PlainStyle};
use crate::ui::output::presenter::NoticeWriter;
use crate::ui::output::summary;
use crate::ui::terminal::{Screen, ScreenError, ScreenSetup, ScreenTimeout};
use crate::ui::text::sanitize::one_line;
use crate::ui::text::wording;
use crate::ui::view::theme::Theme;

/// How long lines that wait to be written delay the end by a signal.
const SIGNALLED_DRAIN: Duration = Duration::from_millis(200);

/// The level that is shown before there is any sound.
const SILENCE_DBFS: f32 = -120.0;

/// How a session is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PresentationMode {
    /// On the whole terminal.
    Screen,
    /// In lines.
    Plain,
    /// In lines of JSON.
    Json,
}

impl PresentationMode {
    /// Chooses by the flags and by what standard output is.
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

/// Levels for the screen, known only once the sound has started.
#[derive(Clone, Debug, Default)]
pub(crate) struct LevelMeters {
    input: Arc<OnceLock<Arc<LevelMeter>>>,
    output: Arc<OnceLock<Arc<LevelMeter>>>,
}

impl LevelMeters {
    /// Connects the meters of the sound that has started.
    pub(crate) fn connect(&self, input: &Arc<LevelMeter>, output: &Arc<LevelMeter>) {
        // A session has one sound; a second one would not be shown.
        let _ = self.input.set(Arc::clone(input));
        let _ = self.output.set(Arc::clone(output));
    }
}

fn level(meter: &Arc<OnceLock<Arc<LevelMeter>>>) -> Box<dyn Fn() -> f32 + Send> {
    let meter = Arc::clone(meter);
    Box::new(move || meter.get().map_or(SILENCE_DBFS, |meter| meter.dbfs()))
}

/// What shows a session.
pub(crate) enum Presenter {
    /// The screen and the model it draws.
    Screen { model: watch::Sender<Model>, screen: Option<Screen> },
    /// Lines of some kind, and the thread that writes them.
    Lines { front: Box<dyn NoticeWriter>, console: Console },
}

/// A file that is captioned.
#[derive(Clone, Debug)]
pub(crate) struct CaptionedFile {
    /// As the user named it.
    pub(crate) name: String,
    pub(crate) place: FilePosition,
}

/// Where a file stands among those of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilePosition {
    /// There is no other.
    Alone,
    /// Others follow.
    First,
    /// Others went before.
    Later,
}

impl CaptionedFile {
    /// Returns what stands above its captions, as `head` and `tail` have it; nothing where it is alone.
    fn heading(&self) -> Option<String> {
        let name = one_line(&self.name);
        match self.place {
            FilePosition::Alone => None,
            FilePosition::First => Some(format!("==> {name} <==")),
            FilePosition::Later => Some(format!("\n==> {name} <==")),
        }
    }
}

/// What a face is made for.
pub(crate) struct PresenterConfig<'a> {
    pub(crate) showing: &'a DisplayArgs,
    pub(crate) way: PresentationMode,
    pub(crate) style: PlainStyle,
    pub(crate) file: Option<CaptionedFile>,
    pub(crate) captions: Option<CaptionOutput>,
    /// The script of Chinese captions, if one was asked for.
    pub(crate) script: Option<Script>,
    pub(crate) about: CallInfo,
    pub(crate) commands: mpsc::Sender<UserCommand>,
    pub(crate) clock: Clock,
    pub(crate) levels: &'a LevelMeters,
    /// Where lines go, if they are not drawn on a screen.
    pub(crate) lines: Lines,
}

/// Where lines go.
pub(crate) struct Lines {
    /// Lines that are data: standard output, unless sound takes that.
    pub(crate) data: Box<dyn Write + Send>,
    /// All others: standard error.
    pub(crate) status: Box<dyn Write + Send>,
    /// Whether the next line is asked for.
    pub(crate) prompting: PromptingPresenter,
}

/// Whether a conversation asks for the next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PromptingPresenter {
    /// On the terminal, when it is the user's turn.
    Asked,
    /// Never.
    Not,
}

impl Presenter {
    /// Makes the face; the screen takes the terminal here.
    ///
    /// # Errors
    ///
    /// When the terminal cannot be used.
    pub(crate) fn make(occasion: PresenterConfig<'_>) -> Result<Self, Error> {
        let PresenterConfig {
            showing,
            way,
            style,
            file,
            captions,
            about,
            commands,
            clock,
            levels,
            lines,
            script,
        } = occasion;
        let Lines { data, status, prompting } = lines;
        let detail = if showing.verbose { JsonDetail::Debug } else { JsonDetail::Call };
        let presenter = match way {
            PresentationMode::Json => {
                let console = start_console(data, status)?;
                let name = file.as_ref().map(|file| file.name.as_str());
                let front = Box::new(JsonLines::new(console.data(), detail).of_file(name));
                Self::lines(with_captions(front, captions, &console), console, prompting)
            }
            PresentationMode::Plain => {
                let console = start_console(data, status)?;
                let heading = file.as_ref().and_then(CaptionedFile::heading);
                // A caption file takes the place of the lines, unless somebody watches.
                let data: Box<dyn Write> = match &captions {
                    None => Box::new(console.data()),
                    Some(captions) if captions.leaves_stdout() && io::stdout().is_terminal() => {
                        Box::new(console.data())
                    }
                    Some(_) => Box::new(io::sink()),
                };
                let plain = PlainLines::new(style, data, console.status()).headed(heading).about(&about);
                let front = Box::new(VerbosePlain { plain, detail });
                Self::lines(with_captions(front, captions, &console), console, prompting)
            }
            PresentationMode::Screen => {
                let (model, watched) = watch::channel(Model::new(about));
                let screen = Screen::start(ScreenSetup {
                    model: watched,
                    commands,
                    input_level: level(&levels.input),
                    output_level: level(&levels.output),
                    clock: Box::new(move || {
                        let now = clock.now();
                        mishap::strike("ui", now);
                        now
                    }),
                    theme: Theme {
                        charset: charset(),
                        ..Theme::for_no_color(std::env::var_os("NO_COLOR").as_deref())
                    },
                });
                Self::Screen { model, screen: Some(screen.map_err(no_screen)?) }
            }
        };
        Ok(presenter.in_script(script))
    }

    /// Shows captions in a script of Chinese.
    fn in_script(self, script: Option<Script>) -> Self {
        match (self, script) {
            (Self::Lines { front, console }, Some(script)) => {
                Self::Lines { front: Box::new(ScriptConverter::new(front, script)), console }
            }
            (presenter, _) => presenter,
        }
    }

    fn lines(front: Box<dyn NoticeWriter>, console: Console, prompting: PromptingPresenter) -> Self {
        let front = match prompting {
            PromptingPresenter::Asked => Box::new(PromptingInput { front, terminal: console.status() }),
            PromptingPresenter::Not => front,
        };
        Self::Lines { front, console }
    }

    /// Returns a writer for lines that are not data; nothing where a screen is drawn.
    pub(crate) fn status(&self) -> Option<ConsoleWriter> {
        match self {
            Self::Screen { .. } => None,
            Self::Lines { console, .. } => Some(console.status()),
        }
    }

    /// Shows one notice.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::BrokenPipe`] when nobody reads any more; what else the writer says of this notice or an
    /// earlier one.
    pub(crate) fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        match self {
            Self::Screen { model, .. } => {
                model.send_modify(|model| model.apply(at, notice));
                Ok(())
            }
            Self::Lines { front, .. } => front.notice(at, notice),
        }
    }

    /// Returns whether so much waits to be written that nothing new should be taken.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            // It shows the latest model and keeps no others.
            Self::Screen { .. } => false,
            Self::Lines { console, .. } => console.is_full(),
        }
    }

    /// Waits until something new can be taken. Cancel-safe as [`Console::room`] is.
    pub(crate) async fn room(&mut self) {
        match self {
            Self::Screen { .. } => {}
            Self::Lines { console, .. } => console.room().await,
        }
    }

    /// Waits until lines cannot be written any more, and returns why. Cancel-safe as [`Console::failure`] is.
    pub(crate) async fn failure(&mut self) -> io::Error {
        match self {
            Self::Screen { .. } => std::future::pending().await,
            Self::Lines { console, .. } => console.failure().await,
        }
    }

    /// Restores the terminal, or waits until all lines are written: as long as that takes, unless a signal ends
    /// the call.
    ///
    /// # Errors
    ///
    /// When the screen broke on the way, or when lines cannot be written.
    pub(crate) async fn close(&mut self, reason: &EndReason) -> Result<(), Error> {
        let is_signalled = matches!(reason, EndReason::Signal(_));
        match self {
            Self::Screen { model, screen } => {
                let Some(screen) = screen.take() else { return Ok(()) };
                let patience = if is_signalled { ScreenTimeout::Signalled } else { ScreenTimeout::Usual };
                match screen.close(patience) {
                    Ok(()) => {}
                    // A terminal that takes nothing any more is often why the signal came.
                    Err(ScreenError::Stuck | ScreenError::Terminal(_)) if is_signalled => return Ok(()),
                    Err(error) => return Err(no_screen(error)),
                }
                // What was said is not to vanish with the screen; a terminal that is gone takes no more.
                let _ = summary::write(&model.borrow(), &mut io::stdout());
                Ok(())
            }
            Self::Lines { console, .. } if is_signalled => {
                // Nobody who sends a signal waits for a reader that may never read.
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

/// Writes captions as a file, too, where that was asked for.
fn with_captions(
    front: Box<dyn NoticeWriter>,
    captions: Option<CaptionOutput>,
    console: &Console,
) -> Box<dyn NoticeWriter> {
    let Some(CaptionOutput { format, target, release }) = captions else { return front };
    match target {
        CaptionTarget::Stdout => {
            Box::new(CaptionLines::new(front, console.data(), Writer::new(format), release))
        }
        CaptionTarget::File(file) => {
            let (writer, end) = (file.writer(format), file.whole.end);
            Box::new(CaptionLines::new(front, file, writer, release).resumed_at(end))
        }
    }
}

/// Starts the thread that writes lines.
///
/// # Errors
///
/// When the system gives no thread.
pub(crate) fn start_console(
    data: impl Write + Send + 'static,
    status: impl Write + Send + 'static,
) -> Result<Console, Error> {
    Console::start(data, Localized::new(status, charset())).map_err(|error| Error::new(Kind::Internal, error))
}

/// Plain lines that tell what only a developer wants to know where that was asked for.
struct VerbosePlain<F> {
    plain: F,
    detail: JsonDetail,
}

impl<F: NoticeWriter> NoticeWriter for VerbosePlain<F> {
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        match (notice, self.detail) {
            (Notice::Debug(text), JsonDetail::Debug) => {
                self.plain.notice(at, &Notice::Info(format!("debug: {text}")))
            }
            (Notice::Delay(report), JsonDetail::Debug) => {
                self.plain.notice(at, &Notice::Info(wording::delay(&report.last)))?;
                self.plain.notice(at, notice)
            }
            (notice, _) => self.plain.notice(at, notice),
        }
    }
}

/// Asks for the next line of a conversation when it is the user's turn.
struct PromptingInput<W> {
    front: Box<dyn NoticeWriter>,
    terminal: W,
}

impl<W: Write> NoticeWriter for PromptingInput<W> {
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        self.front.notice(at, notice)?;
        if matches!(notice, Notice::Connection(ConnectionState::Live) | Notice::Turn(TurnState::Listening)) {
            // Who cannot be asked can still answer.
            let _ = self.terminal.write_all(b"> ").and_then(|()| self.terminal.flush());
        }
        Ok(())
    }
}

fn no_screen(error: ScreenError) -> Error {
    let kind = match error {
        ScreenError::NoTerminal => Kind::Usage,
        ScreenError::Terminal(_) | ScreenError::Stuck => Kind::Device,
        ScreenError::Thread(_) | ScreenError::Panicked => Kind::Internal,
    };
    Error::new(kind, error).hint("use --plain or --json")
}
