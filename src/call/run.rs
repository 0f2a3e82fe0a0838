//! Runs a call: connects, starts audio, presents and drives the session.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;

use tokio::sync::mpsc;

use crate::audio::Audio;
use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::call::captions::caption_output::CaptionOutput;
use crate::call::captions::file_feed::{FileFeed, FileFeedOptions};
use crate::call::captions::progress::FileProgress;
use crate::call::clock::Clock;
use crate::call::connect::{EndpointConnection, connect};
use crate::call::connections::Connections;
use crate::call::connections::event_tap::EventTap;
use crate::call::connections::wire::Wire;
use crate::call::driver::CallDriver;
use crate::call::driver::audio_start::{audio_error, start_audio};
use crate::call::driver::level_meters::LevelMeters;
use crate::call::kept::recorder::ConversationRecorder;
use crate::call::local::question_file::QuestionFile;
use crate::call::memory::CallMemory;
use crate::call::modes::session_link::SessionLink;
use crate::call::presenter::{
    CaptionedFile, Lines, PresentationMode, Presenter, PresenterConfig, PromptMode,
};
use crate::call::setup::prices;
use crate::call::setup::target::Target;
use crate::call::setup::theme;
use crate::call::signals::Signals;
use crate::call::streams::answers::AnswerOutput;
use crate::call::streams::standard::{cannot_write_stdout, stderr_can_erase, stdin_is_piped, stdout};
use crate::call::streams::stderr::StderrSilencer;
use crate::call::streams::typed_lines::{self, LineMode};
use crate::call::trace::{ExistingTrace, SharedTrace, TraceFile};
use crate::captions::chinese::ChineseScript;
use crate::cli::display::DisplayArgs;
use crate::error::{Error, Kind};
use crate::protocol::settings::TurnMethod;
use crate::session::Session;
use crate::session::io::{ConnectionState, EndReason, Failure, Handshake, Input, Notice, UserCommand};
use crate::session::plan::{ConnectionPolicy, InputEndAction, Mode, Plan, TurnControl};
use crate::ui::event_log::WireEvent;
use crate::ui::model::settings::CallSettings;
use crate::ui::model::{CallInfo, TurnDetectionKind};
use crate::ui::output::plain::PlainStyle;
use crate::ui::terminal::ScreenPane;

/// Capacity of the command channel. A person types slower than this.
pub(crate) const COMMANDS: usize = 32;

/// A call to run.
pub(crate) struct Call<'a> {
    pub(crate) target: Target,
    pub(crate) plan: Plan,
    pub(crate) style: PlainStyle,
    pub(crate) mode: PresentationMode,
    pub(crate) display: &'a DisplayArgs,
    pub(crate) position: RunPosition,
    pub(crate) file: Option<CaptionedFile>,
    /// Captions in a format of their own, if requested.
    pub(crate) captions: Option<CaptionOutput>,
    /// Requested script of Chinese captions.
    pub(crate) script: Option<ChineseScript>,
    pub(crate) audio_options: Option<AudioOptions>,
    /// A file to send at its own pace, instead of `audio_options`.
    pub(crate) feed: Option<FileFeedOptions>,
    pub(crate) stdin: StdinMode,
    pub(crate) memory: CallMemory,
    /// Texts sent on a screen.
    pub(crate) questions: QuestionFile,
    /// Keeps the conversation in a file.
    pub(crate) recorder: Option<ConversationRecorder>,
    /// Opened when answers are first to be spoken, in writing.
    pub(crate) speaker: Option<AudioOptions>,
    /// Format of written answers.
    pub(crate) answers: AnswerOutput,
    /// Whether plain lines end with the usage.
    pub(crate) shows_usage: bool,
    /// Notes shown before anything is dialled or opened.
    pub(crate) notes: Vec<String>,
}

/// A call that is presented and not connected yet.
pub(crate) struct BegunCall {
    presenter: Presenter,
    commands: mpsc::Sender<UserCommand>,
    pub(crate) commands_rx: mpsc::Receiver<UserCommand>,
    clock: Clock,
    levels: LevelMeters,
    pub(crate) trace: Option<SharedTrace>,
    pub(crate) tap: Option<EventTap>,
    feed: Option<FileFeed>,
    stops_answer: Option<Arc<AtomicBool>>,
}

/// Result of starting a call.
pub(crate) enum CallStart {
    /// Connected.
    Live(Box<CallDriver>),
    /// Ended by the user before it was connected.
    Ended(EndReason),
}

/// Position of a session among those of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunPosition {
    /// The first, which shows notes and starts the trace.
    First,
    /// A later one, which continues the trace.
    Later,
}

impl RunPosition {
    fn existing_trace(self) -> ExistingTrace {
        match self {
            Self::First => ExistingTrace::Replace,
            Self::Later => ExistingTrace::Keep,
        }
    }
}

/// Explains the captions of the demo.
const DEMO_CAPTIONS: &str = "this is the demo: captions show the length and level of speech, not its words";

/// How lines of standard input take part in the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StdinMode {
    /// As they are typed.
    Lines,
    /// As they are typed, with a prompt.
    Prompted,
    /// From a pipe: each waits for the previous answer, and the last answer ends the call.
    Piped,
    /// Not at all: the screen reads keys, or standard input is used otherwise.
    Unused,
}

/// Inputs shared with the presenter.
struct PresenterInputs<'a> {
    commands: mpsc::Sender<UserCommand>,
    clock: Clock,
    levels: &'a LevelMeters,
    text: Option<ScreenPane>,
    events: Option<Receiver<WireEvent>>,
}

impl Call<'_> {
    /// Runs the call and returns why it ended.
    ///
    /// # Errors
    ///
    /// If it cannot begin, or its output cannot be written.
    pub(crate) async fn run(mut self, clock: Clock, signals: &Signals) -> Result<EndReason, Error> {
        let (begun, _stderr) = self.begin((clock, signals), None)?;
        match self.start(begun, None).await? {
            CallStart::Ended(reason) => Ok(reason),
            CallStart::Live(mut driver) => {
                let reason = driver.drive(Input::Opened).await?;
                driver.finish(reason, None).await
            }
        }
    }

    /// Presents the call, which is not connected yet. `text` is a conversation in writing on the same screen.
    ///
    /// # Errors
    ///
    /// If a file, standard output or the terminal cannot be used.
    pub(crate) fn begin(
        &mut self,
        (clock, signals): (Clock, &Signals),
        text: Option<ScreenPane>,
    ) -> Result<(BegunCall, StderrSilencer), Error> {
        // Audio libraries write to standard error, so it is redirected while devices are in use.
        let stderr = StderrSilencer::start().map_err(|error| Error::new(Kind::Internal, error))?;
        let (commands, commands_rx) = mpsc::channel(COMMANDS);
        let stops_answer = self.takes_ctrl_c().then(Arc::<AtomicBool>::default);
        signals.listen(&commands, stops_answer.clone());
        let feed = self.feed.as_ref().map(FileFeed::open).transpose().map_err(audio_error)?;
        let trace = match &self.display.trace {
            Some(path) => {
                let trace = TraceFile::create(path, self.position.existing_trace(), self.target.redactor())?;
                Some(SharedTrace::new(trace))
            }
            None => None,
        };
        let levels = LevelMeters::default();
        let (tap, events) = match self.mode {
            PresentationMode::Screen => Some(EventTap::new()).unzip(),
            PresentationMode::Plain | PresentationMode::Json => (None, None),
        };
        let inputs = PresenterInputs { commands: commands.clone(), clock, levels: &levels, text, events };
        self.recorder.as_ref().map_or(Ok(()), ConversationRecorder::prepare)?;
        let presenter = self.presenter(&stderr, inputs)?;
        let begun =
            BegunCall { presenter, commands, commands_rx, clock, levels, trace, tap, feed, stops_answer };
        Ok((begun, stderr))
    }

    /// Connects and starts audio. `other` is another session of this program.
    ///
    /// # Errors
    ///
    /// If the call cannot begin.
    pub(crate) async fn start(
        mut self,
        begun: BegunCall,
        other: Option<SessionLink>,
    ) -> Result<CallStart, Error> {
        let BegunCall {
            mut presenter,
            commands,
            mut commands_rx,
            clock,
            levels,
            trace,
            tap,
            feed,
            stops_answer,
        } = begun;
        presenter.show_history(&self.plan.history);
        if let (Some(feed), true) = (&feed, stderr_can_erase()) {
            let name = self.file.as_ref().map_or("", |file| &file.name);
            presenter.track(FileProgress::new(name, feed.total()));
        }
        show(&mut presenter, clock, &Notice::Connection(ConnectionState::Connecting))?;
        for note in &self.notes {
            show(&mut presenter, clock, &Notice::Info(note.clone().into()))?;
        }
        let mut early = Vec::new();
        let connected = tokio::select! {
            connected = self.connect_and_start_audio(&levels) => connected,
            reason = wait_for_hang_up(&mut commands_rx, &mut early) => {
                show(&mut presenter, clock, &Notice::End(reason.clone()))?;
                presenter.close(&reason, &[]).await?;
                return Ok(CallStart::Ended(reason));
            }
        };
        let (EndpointConnection { link, note }, audio) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                let reason = start_failure(&error);
                show(&mut presenter, clock, &Notice::End(reason.clone()))?;
                presenter.close(&reason, &[]).await?;
                return Err(error);
            }
        };
        if let Some(note) = note {
            show(&mut presenter, clock, &Notice::Info(note.into()))?;
        }
        if self.target.is_demo()
            && (self.style, self.position) == (PlainStyle::Transcribe, RunPosition::First)
        {
            show(&mut presenter, clock, &Notice::Info(DEMO_CAPTIONS.into()))?;
        }
        if self.position == RunPosition::First {
            let prices = prices::described(self.plan.prices.as_ref());
            show(&mut presenter, clock, &Notice::Debug(format!("prices: {prices}")))?;
        }
        // Messages typed while connecting.
        self.plan.opening.extend(early);
        let piped = self.read_lines(&presenter, commands);
        let to_open = match self.plan.connecting {
            ConnectionPolicy::Resumable => self.audio_options,
            ConnectionPolicy::Once | ConnectionPolicy::OnDemand { .. } => self.speaker,
        };
        let session = Session::new(Plan { unix_start: clock.unix_start(), ..self.plan });
        let wire = Wire { connections: Connections::new(self.target, link), trace, tap, clock };
        let driver = CallDriver {
            openings: u32::from(audio.is_some()),
            audio,
            feed,
            piped,
            recorder: self.recorder,
            to_open,
            stops_answer,
            levels,
            other,
            ..CallDriver::new((session, wire), presenter, commands_rx, self.memory)
        };
        Ok(CallStart::Live(Box::new(driver)))
    }

    fn presenter(
        &mut self,
        stderr: &StderrSilencer,
        inputs: PresenterInputs<'_>,
    ) -> Result<Presenter, Error> {
        // Also needed when audio or the screen goes there.
        stdout().check().map_err(cannot_write_stdout)?;
        let out_of_files = |error| Error::new(Kind::Internal, anyhow::Error::new(error));
        let status: Box<dyn Write + Send> = Box::new(stderr.writer().map_err(out_of_files)?);
        // With audio on standard output, text goes to standard error.
        let answers = self.answers.clone();
        let data = match self.audio_options.as_ref().map(|audio_options| &audio_options.output) {
            Some(AudioSink::Stdout) => answers.writer(stderr.writer().map_err(out_of_files)?),
            Some(_) | None => answers.writer(stdout()),
        };
        let prompting = match self.stdin {
            StdinMode::Prompted => PromptMode::OnTurn,
            StdinMode::Lines | StdinMode::Piped | StdinMode::Unused => PromptMode::Never,
        };
        let info = CallInfo {
            has_modes: inputs.text.is_some(),
            endpoint: self.target.name.clone(),
            profile: self.memory.profile.clone(),
            turn_detection: self.turn_detection(),
            demo: self.target.is_demo(),
            manual_turns: self.has_manual_turns(),
            text_only: matches!(self.plan.mode, Mode::Chat | Mode::Ask),
            volume: self
                .audio_options
                .as_ref()
                .or(self.speaker.as_ref())
                .and_then(AudioOptions::speaker_volume),
            captions: self.plan.mode == Mode::Transcribe,
            settings: CallSettings {
                speed_percent: self.plan.settings.speed.map_or(100, |speed| (speed * 100.0).round() as u32),
                instructions: self.plan.settings.instructions.clone().unwrap_or_default(),
                vad_preset: self.memory.vad_preset.clone(),
                theme: theme::name(self.display),
            },
            language: theme::language(self.display),
        };
        let PresenterInputs { commands, clock, levels, text, events } = inputs;
        let (display, mode, style, file) = (self.display, self.mode, self.style, self.file.clone());
        let keeps_conversation = match self.stdin {
            StdinMode::Lines | StdinMode::Prompted => true,
            StdinMode::Piped | StdinMode::Unused => false,
        };
        let lines = Lines { data, status, prompting, shows_usage: self.shows_usage, keeps_conversation };
        let (captions, script) = (self.captions.take(), self.script);
        Presenter::start(PresenterConfig {
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
            questions: self.questions.clone(),
            text,
            events,
            redactor: self.target.redactor(),
        })
    }

    /// Returns what ends the user's turns; none in writing.
    fn turn_detection(&self) -> Option<TurnDetectionKind> {
        let method = self.plan.settings.turn_detection.get().map(|detection| &detection.method);
        let kind = match (self.plan.turn_control(), method) {
            (TurnControl::Manual, _) => TurnDetectionKind::Manual,
            (TurnControl::Local, _) => TurnDetectionKind::Local,
            (TurnControl::Server, Some(TurnMethod::SemanticVad { .. })) => TurnDetectionKind::Semantic,
            (TurnControl::Server, Some(TurnMethod::ServerVad { .. } | TurnMethod::Other(_)) | None) => {
                TurnDetectionKind::Server
            }
        };
        (self.plan.mode == Mode::Talk).then_some(kind)
    }

    /// Starts audio while connecting, because both take time.
    async fn connect_and_start_audio(
        &self,
        levels: &LevelMeters,
    ) -> Result<(EndpointConnection, Option<Audio>), Error> {
        let (connected, audio) =
            tokio::join!(connect(&self.target, Handshake::Default), start_audio(self.audio_options.clone()));
        let audio = audio?;
        if let Some(audio) = &audio {
            levels.connect(audio);
        }
        Ok((connected?, audio))
    }

    /// Returns whether Ctrl-C stops an answer first: in a text conversation in lines on a terminal.
    fn takes_ctrl_c(&self) -> bool {
        self.plan.mode == Mode::Chat && self.stdin == StdinMode::Prompted
    }

    fn has_manual_turns(&self) -> bool {
        self.plan.mode == Mode::Talk && self.plan.turn_control() == TurnControl::Manual
    }

    /// Starts reading lines of standard input; returns those from a pipe.
    fn read_lines(
        &self,
        presenter: &Presenter,
        commands: mpsc::Sender<UserCommand>,
    ) -> Option<mpsc::Receiver<UserCommand>> {
        let mut terminal = presenter.status()?;
        let (commands, at_end, piped) = match self.stdin {
            StdinMode::Unused => return None,
            StdinMode::Lines | StdinMode::Prompted => (commands, UserCommand::HangUp(EndReason::User), None),
            StdinMode::Piped => {
                // One line waits in the channel, the others in the pipe.
                let (lines, piped) = mpsc::channel(1);
                (lines, UserCommand::LinesEnded, Some(piped))
            }
        };
        let line_mode = match (self.plan.mode, self.has_manual_turns()) {
            (Mode::Chat | Mode::Ask, _) => LineMode::Chat,
            (Mode::Talk | Mode::Transcribe, false) => LineMode::Call,
            (Mode::Talk | Mode::Transcribe, true) => LineMode::ManualTurns,
        };
        typed_lines::start_reader(
            commands,
            (line_mode, theme::language(self.display), at_end),
            move |text| {
                // A failure to print help does not end the input.
                let _ = writeln!(terminal, "{text}").and_then(|()| terminal.flush());
            },
        );
        piped
    }
}

/// Returns how typed lines take part in a call. Piped lines need `--plain`, and are never taken from a script
/// that only runs the program.
pub(crate) fn stdin_mode(mode: PresentationMode, input: &AudioSource, plain: bool) -> StdinMode {
    match (mode, input) {
        (PresentationMode::Plain | PresentationMode::Json, AudioSource::Stdin)
        | (PresentationMode::Screen, _) => StdinMode::Unused,
        (PresentationMode::Plain | PresentationMode::Json, _) if io::stdin().is_terminal() => {
            StdinMode::Lines
        }
        (PresentationMode::Plain, _) if plain && stdin_is_piped() => StdinMode::Piped,
        (PresentationMode::Plain | PresentationMode::Json, _) => StdinMode::Unused,
    }
}

/// Returns what the end of `input` does: a file or pipe ends the call, a microphone has no end.
pub(crate) fn input_end_action(input: &AudioSource) -> InputEndAction {
    match input {
        AudioSource::File(_) | AudioSource::Stdin => InputEndAction::End,
        AudioSource::Device(_) | AudioSource::Null => InputEndAction::GoOn,
    }
}

fn show(presenter: &mut Presenter, clock: Clock, notice: &Notice) -> Result<(), Error> {
    match presenter.notice(clock.now(), notice) {
        // The driver handles a closed pipe.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(cannot_write_stdout),
    }
}

/// Returns the end reason of a call that did not begin, for JSON output.
fn start_failure(error: &Error) -> EndReason {
    let failure = Failure { message: format!("{:#}", error.source), code: None };
    match error.kind {
        Kind::Network => EndReason::Lost(failure),
        Kind::Internal | Kind::Usage | Kind::Config | Kind::Device | Kind::Server => {
            EndReason::Refused(failure)
        }
    }
}

/// Waits for a hang-up and collects messages; other commands come too early.
async fn wait_for_hang_up(
    commands: &mut mpsc::Receiver<UserCommand>,
    messages: &mut Vec<String>,
) -> EndReason {
    loop {
        match commands.recv().await {
            Some(UserCommand::HangUp(reason)) => return reason,
            Some(UserCommand::Say(text)) => messages.push(text),
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}
