//! What all sessions have in common: reach the endpoint, start the sound, show, drive.

use std::io::{self, IsTerminal, Write};

use tokio::sync::mpsc;

use crate::audio::api::StreamCounters;
use crate::audio::error::AudioError;
use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::audio::{self, Audio};
use crate::call::caption_output::CaptionOutput;
use crate::call::clock::Clock;
use crate::call::connect::{EndpointConnection, connect};
use crate::call::connections::Connections;
use crate::call::device_memory::DeviceMemory;
use crate::call::driver::{CallDriver, Consumer};
use crate::call::file_feed::{FileFeed, FileFeedOptions};
use crate::call::presenter::{
    CaptionedFile, LevelMeters, Lines, PresentationMode, Presenter, PresenterConfig, PromptingPresenter,
};
use crate::call::setup::prices;
use crate::call::setup::target::Target;
use crate::call::signals::Signals;
use crate::call::streams::standard::cannot_write_stdout;
use crate::call::streams::standard::{stdin_is_piped, stdout};
use crate::call::streams::stderr::StderrSilencer;
use crate::call::streams::typed_lines::{self, LineMode};
use crate::call::trace::{ExistingTrace, TraceFile};
use crate::captions::chinese::Script;
use crate::cli::DisplayArgs;
use crate::error::{Error, Kind};
use crate::session::Session;
use crate::session::io::{ConnectionState, EndReason, Failure, Handshake, Notice, UserCommand};
use crate::session::plan::{InputEndAction, Mode, Plan, TurnControl};
use crate::ui::model::CallInfo;
use crate::ui::output::plain::PlainStyle;

/// How many commands may wait. A person types slower than this.
const COMMANDS: usize = 32;

/// A session to be held.
pub(crate) struct Call<'a> {
    pub(crate) target: Target,
    pub(crate) plan: Plan,
    pub(crate) style: PlainStyle,
    pub(crate) way: PresentationMode,
    pub(crate) showing: &'a DisplayArgs,
    pub(crate) position: RunPosition,
    pub(crate) file: Option<CaptionedFile>,
    /// Captions as a file, if that was asked for.
    pub(crate) captions: Option<CaptionOutput>,
    /// The script of Chinese captions, if one was asked for.
    pub(crate) script: Option<Script>,
    pub(crate) sound: Option<AudioOptions>,
    /// A file to feed at a pace of its own, in place of `sound`.
    pub(crate) feed: Option<FileFeedOptions>,
    pub(crate) typing: StdinMode,
    pub(crate) remember: DeviceMemory,
    /// What the user is told before anything is dialled or opened.
    pub(crate) notes: Vec<String>,
}

/// Where a session stands among those of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunPosition {
    /// Nothing has been told or traced before it.
    First,
    /// It continues what another one began.
    Later,
}

impl RunPosition {
    fn before(self) -> ExistingTrace {
        match self {
            Self::First => ExistingTrace::Replaced,
            Self::Later => ExistingTrace::Kept,
        }
    }
}

/// What a user of the demo has to know to make sense of its captions.
const DEMO_CAPTIONS: &str = "this is the demo: it knows no words and tells how long and how loud speech was";

/// Whether lines of standard input take part in the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StdinMode {
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
struct PresenterInputs<'a> {
    commands: mpsc::Sender<UserCommand>,
    clock: Clock,
    levels: &'a LevelMeters,
}

impl Call<'_> {
    /// Holds the session and returns why it ended.
    ///
    /// # Errors
    ///
    /// When it cannot begin, or when what comes of it cannot be written.
    pub(crate) async fn hold(mut self, clock: Clock, signals: &Signals) -> Result<EndReason, Error> {
        // Sound libraries write to standard error, and so must not find it where the user does.
        let quiet = StderrSilencer::start().map_err(|error| Error::new(Kind::Internal, error))?;
        let (commands, mut commands_rx) = mpsc::channel(COMMANDS);
        signals.listen(&commands);
        let feed = self.feed.as_ref().map(FileFeed::open).transpose().map_err(no_sound)?;
        let trace = match &self.showing.trace {
            Some(path) => Some(TraceFile::create(path, self.position.before(), self.target.redactor())?),
            None => None,
        };
        let levels = LevelMeters::default();
        let ears = PresenterInputs { commands: commands.clone(), clock, levels: &levels };
        let mut face = self.face(&quiet, ears)?;
        show(&mut face, clock, &Notice::Connection(ConnectionState::Connecting))?;
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
        let (EndpointConnection { link, told }, audio) = match reached {
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
        if self.target.is_demo()
            && (self.style, self.position) == (PlainStyle::Transcribe, RunPosition::First)
        {
            show(&mut face, clock, &Notice::Info(DEMO_CAPTIONS.to_owned()))?;
        }
        if self.position == RunPosition::First {
            let prices = prices::described(self.plan.prices.as_ref());
            show(&mut face, clock, &Notice::Debug(format!("prices: {prices}")))?;
        }
        let piped = self.listen_to_lines(&face, commands);
        let drive = CallDriver {
            session: Session::new(Plan { unix_start: clock.unix_start(), ..self.plan }),
            piped,
            phone: Connections::new(self.target, link),
            audio,
            feed,
            face,
            trace,
            commands: commands_rx,
            clock,
            counts: StreamCounters::default(),
            reader: Consumer::default(),
            remember: self.remember,
            trace_failure: None,
        };
        drive.run().await
    }

    fn face(&mut self, quiet: &StderrSilencer, ears: PresenterInputs<'_>) -> Result<Presenter, Error> {
        // Whether sound or lines go there: nobody would get them.
        stdout().check().map_err(cannot_write_stdout)?;
        let no_more_files = |error| Error::new(Kind::Internal, anyhow::Error::new(error));
        let status: Box<dyn Write + Send> = Box::new(quiet.writer().map_err(no_more_files)?);
        // Sound has standard output for itself; what is said goes to the other stream then.
        let data: Box<dyn Write + Send> = match self.sound.as_ref().map(|sound| &sound.output) {
            Some(AudioSink::Stdout) => Box::new(quiet.writer().map_err(no_more_files)?),
            Some(_) | None => Box::new(stdout()),
        };
        let prompting = match self.typing {
            StdinMode::Prompted => PromptingPresenter::Asked,
            StdinMode::Lines | StdinMode::Piped | StdinMode::Not => PromptingPresenter::Not,
        };
        let about = CallInfo {
            endpoint: self.target.name.clone(),
            demo: self.target.is_demo(),
            manual_turns: self.makes_turns_by_hand(),
        };
        let PresenterInputs { commands, clock, levels } = ears;
        let (showing, way, style, file) = (self.showing, self.way, self.style, self.file.clone());
        let lines = Lines { data, status, prompting };
        let captions = self.captions.take();
        Presenter::make(PresenterConfig {
            showing,
            way,
            style,
            file,
            captions,
            script: self.script,
            about,
            commands,
            clock,
            levels,
            lines,
        })
    }

    /// Starts the sound while the endpoint is being reached: both take their time.
    async fn reach(&self, levels: &LevelMeters) -> Result<(EndpointConnection, Option<Audio>), Error> {
        let (reached, audio) =
            tokio::join!(connect(&self.target, Handshake::Default), start_sound(self.sound.clone()));
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
        face: &Presenter,
        commands: mpsc::Sender<UserCommand>,
    ) -> Option<mpsc::Receiver<UserCommand>> {
        let mut terminal = face.status()?;
        let (commands, at_end, piped) = match self.typing {
            StdinMode::Not => return None,
            StdinMode::Lines | StdinMode::Prompted => (commands, UserCommand::HangUp(EndReason::User), None),
            StdinMode::Piped => {
                // One line waits here, the others in the pipe.
                let (lines, piped) = mpsc::channel(1);
                (lines, UserCommand::LinesEnded, Some(piped))
            }
        };
        let into = match (&self.sound, self.makes_turns_by_hand()) {
            (None, _) => LineMode::Chat,
            (Some(_), false) => LineMode::Call,
            (Some(_), true) => LineMode::CallByHand,
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
pub(crate) fn typing_in_a_call(way: PresentationMode, input: &AudioSource, plain: bool) -> StdinMode {
    match (way, input) {
        (PresentationMode::Plain | PresentationMode::Json, AudioSource::Stdin)
        | (PresentationMode::Screen, _) => StdinMode::Not,
        (PresentationMode::Plain | PresentationMode::Json, _) if io::stdin().is_terminal() => {
            StdinMode::Lines
        }
        (PresentationMode::Plain, _) if plain && stdin_is_piped() => StdinMode::Piped,
        (PresentationMode::Plain | PresentationMode::Json, _) => StdinMode::Not,
    }
}

/// Returns what the end of `input` means: a file or a pipe has one, a microphone has none.
pub(crate) fn at_end_of(input: &AudioSource) -> InputEndAction {
    match input {
        AudioSource::File(_) | AudioSource::Stdin => InputEndAction::End,
        AudioSource::Device(_) | AudioSource::Null => InputEndAction::GoOn,
    }
}

fn show(face: &mut Presenter, clock: Clock, notice: &Notice) -> Result<(), Error> {
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
async fn hung_up(commands: &mut mpsc::Receiver<UserCommand>) -> EndReason {
    loop {
        match commands.recv().await {
            Some(UserCommand::HangUp(reason)) => return reason,
            Some(
                UserCommand::Say(_)
                | UserCommand::SetMuted(_)
                | UserCommand::Interrupt
                | UserCommand::BeginTurn
                | UserCommand::EndTurn
                | UserCommand::ListDevices
                | UserCommand::UseDevice(..)
                | UserCommand::SwitchTurn
                | UserCommand::LinesEnded,
            ) => {}
            None => std::future::pending().await,
        }
    }
}

pub(crate) async fn start_sound(options: Option<AudioOptions>) -> Result<Option<Audio>, Error> {
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
