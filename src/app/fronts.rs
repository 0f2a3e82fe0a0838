//! Chooses how a session is shown, and shows it.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::app::clock::Clock;
use crate::cli::ShowingArgs;
use crate::error::{Error, Kind};
use crate::mishap;
use crate::pcm::level::Meter;
use crate::session::io::{Command, Connection, Notice, Turn};
use crate::ui::front::Front;
use crate::ui::json::{Detail, JsonLines};
use crate::ui::minutes;
use crate::ui::model::{About, Model};
use crate::ui::plain::{Plain, PlainStyle};
use crate::ui::term::{Screen, ScreenError, Setup};
use crate::ui::text::one_line;
use crate::ui::view::theme::Theme;
use crate::ui::words;

/// The level that is shown before there is any sound.
const SILENCE_DBFS: f32 = -120.0;

/// How a session is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// On the whole terminal.
    Screen,
    /// In lines.
    Plain,
    /// In lines of JSON.
    Json,
}

impl Way {
    /// Chooses by the flags and by what standard output is.
    pub(super) fn choose(args: &ShowingArgs) -> Self {
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
pub(super) struct Levels {
    input: Arc<OnceLock<Arc<Meter>>>,
    output: Arc<OnceLock<Arc<Meter>>>,
}

impl Levels {
    /// Connects the meters of the sound that has started.
    pub(super) fn connect(&self, input: &Arc<Meter>, output: &Arc<Meter>) {
        // A session has one sound; a second one would not be shown.
        let _ = self.input.set(Arc::clone(input));
        let _ = self.output.set(Arc::clone(output));
    }
}

fn level(meter: &Arc<OnceLock<Arc<Meter>>>) -> Box<dyn Fn() -> f32 + Send> {
    let meter = Arc::clone(meter);
    Box::new(move || meter.get().map_or(SILENCE_DBFS, |meter| meter.dbfs()))
}

/// What shows a session.
pub(super) enum Face {
    /// The screen and the model it draws.
    Screen { model: watch::Sender<Model>, screen: Option<Screen> },
    /// Lines of some kind.
    Lines(Box<dyn Front>),
}

/// A file that is captioned.
#[derive(Clone, Debug)]
pub(super) struct Captioned {
    /// As the user named it.
    pub(super) name: String,
    pub(super) place: Place,
}

/// Where a file stands among those of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// There is no other.
    Alone,
    /// Others follow.
    First,
    /// Others went before.
    Later,
}

impl Captioned {
    /// Returns what stands above its captions, as `head` and `tail` have it; nothing where it is alone.
    fn heading(&self) -> Option<String> {
        let name = one_line(&self.name);
        match self.place {
            Place::Alone => None,
            Place::First => Some(format!("==> {name} <==")),
            Place::Later => Some(format!("\n==> {name} <==")),
        }
    }
}

/// What a face is made for.
pub(super) struct Occasion<'a> {
    pub(super) showing: &'a ShowingArgs,
    pub(super) way: Way,
    pub(super) style: PlainStyle,
    pub(super) file: Option<Captioned>,
    pub(super) about: About,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) clock: Clock,
    pub(super) levels: &'a Levels,
    /// Where lines that are not data go.
    pub(super) status: Box<dyn Write + Send>,
    /// Where lines that are data go.
    pub(super) data: Box<dyn Write + Send>,
}

impl Face {
    /// Makes the face; the screen takes the terminal here.
    ///
    /// # Errors
    ///
    /// When the terminal cannot be used.
    pub(super) fn make(occasion: Occasion<'_>) -> Result<Self, Error> {
        let Occasion { showing, way, style, file, about, commands, clock, levels, status, data } = occasion;
        let detail = if showing.verbose { Detail::Debug } else { Detail::Call };
        Ok(match way {
            Way::Json => {
                let name = file.as_ref().map(|file| file.name.as_str());
                Self::Lines(Box::new(JsonLines::new(data, detail).of_file(name)))
            }
            Way::Plain => {
                let heading = file.as_ref().and_then(Captioned::heading);
                let plain = Plain::new(style, data, status).headed(heading).about(&about);
                Self::Lines(Box::new(Talkative { plain, detail }))
            }
            Way::Screen => {
                let (model, watched) = watch::channel(Model::new(about));
                let screen = Screen::start(Setup {
                    model: watched,
                    commands,
                    input_level: level(&levels.input),
                    output_level: level(&levels.output),
                    clock: Box::new(move || {
                        let now = clock.now();
                        mishap::strike("ui", now);
                        now
                    }),
                    theme: Theme::for_no_color(std::env::var_os("NO_COLOR").as_deref()),
                });
                Self::Screen { model, screen: Some(screen.map_err(no_screen)?) }
            }
        })
    }

    /// Shows one notice.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::BrokenPipe`] when nobody reads any more; what else the writer says.
    pub(super) fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        match self {
            Self::Screen { model, .. } => {
                model.send_modify(|model| model.apply(at, notice));
                Ok(())
            }
            Self::Lines(front) => front.notice(at, notice),
        }
    }

    /// Gives the terminal back.
    ///
    /// # Errors
    ///
    /// When the screen broke on the way.
    pub(super) fn close(&mut self) -> Result<(), Error> {
        match self {
            Self::Screen { model, screen } => {
                let Some(screen) = screen.take() else { return Ok(()) };
                screen.close().map_err(no_screen)?;
                // What was said is not to vanish with the screen; a terminal that is gone takes no more.
                let _ = minutes::write(&model.borrow(), &mut io::stdout().lock());
                Ok(())
            }
            Self::Lines(_) => Ok(()),
        }
    }
}

/// Plain lines that tell what only a developer wants to know where that was asked for.
struct Talkative<F> {
    plain: F,
    detail: Detail,
}

impl<F: Front> Front for Talkative<F> {
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        match (notice, self.detail) {
            (Notice::Debug(text), Detail::Debug) => {
                self.plain.notice(at, &Notice::Info(format!("debug: {text}")))
            }
            (Notice::Delay(report), Detail::Debug) => {
                self.plain.notice(at, &Notice::Info(words::delay(&report.last)))?;
                self.plain.notice(at, notice)
            }
            (notice, _) => self.plain.notice(at, notice),
        }
    }
}

/// Asks for the next line of a conversation when it is the user's turn.
pub(super) struct Prompting<W> {
    front: Box<dyn Front>,
    terminal: W,
}

impl<W> Prompting<W> {
    /// Makes `front` ask on `terminal`.
    pub(super) fn new(front: Box<dyn Front>, terminal: W) -> Self {
        Self { front, terminal }
    }
}

impl<W: Write> Front for Prompting<W> {
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        self.front.notice(at, notice)?;
        if matches!(notice, Notice::Connection(Connection::Live) | Notice::Turn(Turn::Listening)) {
            // Who cannot be asked can still answer.
            let _ = self.terminal.write_all(b"> ").and_then(|()| self.terminal.flush());
        }
        Ok(())
    }
}

fn no_screen(error: ScreenError) -> Error {
    let kind = match error {
        ScreenError::NoTerminal | ScreenError::Terminal(_) => Kind::Usage,
        ScreenError::Thread(_) | ScreenError::Stuck | ScreenError::Panicked => Kind::Internal,
    };
    Error::new(kind, error).hint("use --plain or --json")
}
