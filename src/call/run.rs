//! What all sessions have in common: reach the endpoint, start the sound, show, drive.

use std::io::{self, IsTerminal, Write};

use tokio::sync::mpsc;

use crate::audio::api::Counts;
use crate::audio::error::AudioError;
use crate::audio::options::{Options, Sink, Source};
use crate::audio::{self, Audio};
use crate::call::clock::Clock;
use crate::call::connect::{Reached, connect};
use crate::call::connections::Phone;
use crate::call::device_memory::Remember;
use crate::call::driver::{Drive, Reader};
use crate::call::presenter::{Captioned, Face, Levels, Lines, Occasion, Prompting, Way};
use crate::call::setup::prices;
use crate::call::setup::target::Target;
use crate::call::signals::Signals;
use crate::call::streams::standard::cannot_write_stdout;
use crate::call::streams::standard::{stdin_is_piped, stdout};
use crate::call::streams::stderr::Quiet;
use crate::call::streams::typed_lines::{self, Into};
use crate::call::trace::{Before, Trace};
use crate::cli::ShowingArgs;
use crate::error::{Error, Kind};
use crate::session::Session;
use crate::session::io::{Command, Connection, Door, EndReason, Failure, Notice};
use crate::session::plan::{AtInputEnd, Mode, Plan, TurnControl};
use crate::ui::model::About;
use crate::ui::output::plain::PlainStyle;

/// How many commands may wait. A person types slower than this.
const COMMANDS: usize = 32;

/// A session to be held.
pub(crate) struct Call<'a> {
    pub(crate) target: Target,
    pub(crate) plan: Plan,
    pub(crate) style: PlainStyle,
    pub(crate) way: Way,
    pub(crate) showing: &'a ShowingArgs,
    pub(crate) position: Position,
    pub(crate) file: Option<Captioned>,
    pub(crate) sound: Option<Options>,
    pub(crate) typing: Typing,
    pub(crate) remember: Remember,
    /// What the user is told before anything is dialled or opened.
    pub(crate) notes: Vec<String>,
}

/// Where a session stands among those of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// Nothing has been told or traced before it.
    First,
    /// It continues what another one began.
    Later,
}

impl Position {
    fn before(self) -> Before {
        match self {
            Self::First => Before::Replaced,
            Self::Later => Before::Kept,
        }
    }
}

/// What a user of the demo has to know to make sense of its captions.
const DEMO_CAPTIONS: &str = "this is the demo: it knows no words and tells how long and how loud speech was";

/// Whether lines of standard input take part in the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typing {
    /// They do.
    Lines,
    /// They do, and each is asked for.
    Prompted,
    /// They are piped in: each waits for the answer to the one before it, and the last answer ends the call.
    Piped,
    /// The screen reads the keys, or standard input is something else.
    Not,
}

/// What a face listens to and speaks to.
struct Ears<'a> {
    commands: mpsc::Sender<Command>,
    clock: Clock,
    levels: &'a Levels,
}

impl Call<'_> {
    /// Holds the session and returns why it ended.
    ///
    /// # Errors
    ///
    /// When it cannot begin, or when what comes of it cannot be written.
    pub(crate) async fn hold(self, clock: Clock, signals: &Signals) -> Result<EndReason, Error> {
        // Sound libraries write to standard error, and so must not find it where the user does.
        let quiet = Quiet::start().map_err(|error| Error::new(Kind::Internal, error))?;
        let (commands, mut commands_rx) = mpsc::channel(COMMANDS);
        signals.listen(&commands);
        let trace = match &self.showing.trace {
            Some(path) => Some(Trace::create(path, self.position.before(), self.target.redactor())?),
            None => None,
        };
        let levels = Levels::default();
        let ears = Ears { commands: commands.clone(), clock, levels: &levels };
        let mut face = self.face(&quiet, ears)?;
        show(&mut face, clock, &Notice::Connection(Connection::Connecting))?;
        for note in &self.notes {
            show(&mut face, clock, &Notice::Info(note.clone()))?;
        }
        let reached = tokio::select! {
            reached = self.reach(&levels) => reached,
            reason = hung_up(&mut commands_rx) => {
                show(&mut face, clock, &Notice::End(reason.clone()))?;
                face.close(&reason).await?;
                return Ok(reason);
            }
        };
        let (Reached { link, told }, audio) = match reached {
            Ok(reached) => reached,
            Err(error) => {
                let reason = never_began(&error);
                show(&mut face, clock, &Notice::End(reason.clone()))?;
                face.close(&reason).await?;
                return Err(error);
            }
        };
        if let Some(told) = told {
            show(&mut face, clock, &Notice::Info(told.to_owned()))?;
        }
        if self.target.is_demo() && (self.style, self.position) == (PlainStyle::Transcribe, Position::First) {
            show(&mut face, clock, &Notice::Info(DEMO_CAPTIONS.to_owned()))?;
        }
        if self.position == Position::First {
            let prices = prices::described(self.plan.prices.as_ref());
            show(&mut face, clock, &Notice::Debug(format!("prices: {prices}")))?;
        }
        let piped = self.listen_to_lines(&face, commands);
        let drive = Drive {
            session: Session::new(Plan { unix_start: clock.unix_start(), ..self.plan }),
            piped,
            phone: Phone::new(self.target, link),
            audio,
            face,
            trace,
            commands: commands_rx,
            clock,
            counts: Counts::default(),
            reader: Reader::default(),
            remember: self.remember,
            trace_failure: None,
        };
        drive.run().await
    }

    fn face(&self, quiet: &Quiet, ears: Ears<'_>) -> Result<Face, Error> {
        // Whether sound or lines go there: nobody would get them.
        stdout().check().map_err(cannot_write_stdout)?;
        let no_more_files = |error| Error::new(Kind::Internal, anyhow::Error::new(error));
        let status: Box<dyn Write + Send> = Box::new(quiet.writer().map_err(no_more_files)?);
        // Sound has standard output for itself; what is said goes to the other stream then.
        let data: Box<dyn Write + Send> = match self.sound.as_ref().map(|sound| &sound.output) {
            Some(Sink::Stdout) => Box::new(quiet.writer().map_err(no_more_files)?),
            Some(_) | None => Box::new(stdout()),
        };
        let prompting = match self.typing {
            Typing::Prompted => Prompting::Asked,
            Typing::Lines | Typing::Piped | Typing::Not => Prompting::Not,
        };
        let about = About {
            endpoint: self.target.name.clone(),
            demo: self.target.is_demo(),
            manual_turns: self.makes_turns_by_hand(),
        };
        let Ears { commands, clock, levels } = ears;
        let (showing, way, style, file) = (self.showing, self.way, self.style, self.file.clone());
        let lines = Lines { data, status, prompting };
        Face::make(Occasion { showing, way, style, file, about, commands, clock, levels, lines })
    }

    /// Starts the sound while the endpoint is being reached: both take their time.
    async fn reach(&self, levels: &Levels) -> Result<(Reached, Option<Audio>), Error> {
        let (reached, audio) =
            tokio::join!(connect(&self.target, Door::Usual), start_sound(self.sound.clone()));
        let audio = audio?;
        if let Some(audio) = &audio {
            levels.connect(&audio.input_meter, &audio.output_meter);
        }
        Ok((reached?, audio))
    }

    fn makes_turns_by_hand(&self) -> bool {
        self.plan.mode == Mode::Talk && self.plan.turn_control() == TurnControl::Manual
    }

    /// Reads lines of standard input, if they take part; returns those that are piped in.
    fn listen_to_lines(
        &self,
        face: &Face,
        commands: mpsc::Sender<Command>,
    ) -> Option<mpsc::Receiver<Command>> {
        let mut terminal = face.status()?;
        let (commands, at_end, piped) = match self.typing {
            Typing::Not => return None,
            Typing::Lines | Typing::Prompted => (commands, Command::HangUp(EndReason::User), None),
            Typing::Piped => {
                // One line waits here, the others in the pipe.
                let (lines, piped) = mpsc::channel(1);
                (lines, Command::LinesEnded, Some(piped))
            }
        };
        let into = match (&self.sound, self.makes_turns_by_hand()) {
            (None, _) => Into::Chat,
            (Some(_), false) => Into::Call,
            (Some(_), true) => Into::CallByHand,
        };
        typed_lines::listen(commands, (into, at_end), move |text| {
            // Help that cannot be shown does not end the input.
            let _ = writeln!(terminal, "{text}").and_then(|()| terminal.flush());
        });
        piped
    }
}

/// Returns how typed lines take part in a call that is shown in `way` and hears `input`. Lines are piped into
/// one that was asked to be `plain`, and never taken from a script that only runs the program.
pub(crate) fn typing_in_a_call(way: Way, input: &Source, plain: bool) -> Typing {
    match (way, input) {
        (Way::Plain | Way::Json, Source::Stdin) | (Way::Screen, _) => Typing::Not,
        (Way::Plain | Way::Json, _) if io::stdin().is_terminal() => Typing::Lines,
        (Way::Plain, _) if plain && stdin_is_piped() => Typing::Piped,
        (Way::Plain | Way::Json, _) => Typing::Not,
    }
}

/// Returns what the end of `input` means: a file or a pipe has one, a microphone has none.
pub(crate) fn at_end_of(input: &Source) -> AtInputEnd {
    match input {
        Source::File(_) | Source::Stdin => AtInputEnd::End,
        Source::Device(_) | Source::Null => AtInputEnd::GoOn,
    }
}

fn show(face: &mut Face, clock: Clock, notice: &Notice) -> Result<(), Error> {
    match face.notice(clock.now(), notice) {
        // The drive notices that nobody reads.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(cannot_write_stdout),
    }
}

/// Returns how a call ended that did not come about, for who reads only the lines of JSON.
fn never_began(error: &Error) -> EndReason {
    let failure = Failure { message: format!("{:#}", error.source), code: None };
    match error.kind {
        Kind::Network => EndReason::Lost(failure),
        Kind::Internal | Kind::Usage | Kind::Config | Kind::Device | Kind::Server => {
            EndReason::Refused(failure)
        }
    }
}

/// Waits for the user to give up; other commands come too early to mean anything.
async fn hung_up(commands: &mut mpsc::Receiver<Command>) -> EndReason {
    loop {
        match commands.recv().await {
            Some(Command::HangUp(reason)) => return reason,
            Some(
                Command::Say(_)
                | Command::SetMuted(_)
                | Command::Interrupt
                | Command::BeginTurn
                | Command::EndTurn
                | Command::ListDevices
                | Command::UseDevice(..)
                | Command::SwitchTurn
                | Command::LinesEnded,
            ) => {}
            None => std::future::pending().await,
        }
    }
}

pub(crate) async fn start_sound(options: Option<Options>) -> Result<Option<Audio>, Error> {
    let Some(options) = options else { return Ok(None) };
    // Opening a device blocks for tens of milliseconds.
    let started = tokio::task::spawn_blocking(|| audio::start(options)).await;
    let started = started.map_err(|error| Error::new(Kind::Internal, error))?;
    started.map(Some).map_err(no_sound)
}

pub(crate) fn no_sound(error: AudioError) -> Error {
    let hint = error.hint();
    let error = Error::new(Kind::Device, error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
