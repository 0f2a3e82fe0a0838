//! `rtvoice` without a command, on a terminal: shows what it found and starts what a key chooses.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::time::Duration;

use ratatui::Frame;
use tokio::sync::{mpsc, oneshot, watch};

use crate::audio::Audio;
use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::call::clock::Clock;
use crate::call::driver::audio_start::open_audio;
use crate::call::presenter::{PresentationMode, screen_error};
use crate::call::setup::settings::{Flags, ResolvedSettings};
use crate::call::setup::target::Target;
use crate::call::setup::theme;
use crate::call::signals::Signals;
use crate::call::streams::stderr::StderrSilencer;
use crate::cli::display::DisplayArgs;
use crate::cli::endpoint::EndpointArgs;
use crate::cli::{self, Cli, Command};
use crate::dsp::level::LevelReading;
use crate::error::{Error, Kind};
use crate::protocol::settings::SessionKind;
use crate::session::io::{EndReason, UserCommand};
use crate::ui::terminal::menu::{self, LEAVE, Menu};
use crate::ui::text::language::UiLanguage;
use crate::ui::view::meter::ballistics::MeterBallistics;
use crate::ui::view::start::{self, DeviceFinding, StartChoice, StartEndpoint, StartState};
use crate::ui::view::theme::Theme;

/// Interval of the microphone's level.
const LEVEL_INTERVAL: Duration = Duration::from_millis(100);

/// What the screen shows, from the search to the drawing thread.
#[derive(Clone)]
struct Shown {
    state: StartState,
    level: LevelReading,
}

/// Returns whether there is a screen to show.
pub(super) fn has_screen() -> bool {
    PresentationMode::choose(&DisplayArgs::default()) == PresentationMode::Screen && io::stdin().is_terminal()
}

/// How the start screen ended.
pub(super) enum StartEnd {
    /// A command was chosen.
    Command(Box<Command>),
    /// The help text was chosen.
    Answer(clap::Error),
    /// Nothing was chosen.
    Left(EndReason),
}

/// Shows the start screen.
///
/// # Errors
///
/// If the settings are invalid, or the terminal cannot be used.
pub(super) async fn run(signals: &Signals) -> Result<StartEnd, Error> {
    let clock = Clock::start();
    // Audio libraries write to standard error.
    let _quiet = StderrSilencer::start().map_err(internal)?;
    let settings = ResolvedSettings::load(&EndpointArgs::default(), SessionKind::Realtime, Flags::default())?;
    let display = settings.showing(&DisplayArgs::default());
    let language = theme::language(&display);
    let (shown, watched) =
        watch::channel(Shown { state: state(&settings, language), level: LevelReading::SILENCE });
    let (chosen_tx, mut chosen) = oneshot::channel();
    let theme = theme::theme(&display);
    let mut screen =
        StartScreen { shown: watched, clock, meter: MeterBallistics::default(), theme, language };
    let drawing = tokio::task::spawn_blocking(move || drop(chosen_tx.send(menu::show(&mut screen))));
    let (commands, mut hang_up) = mpsc::channel(1);
    signals.listen(&commands, None);
    let mut reason = EndReason::User;
    let searching = search(&settings, shown, clock);
    let choice = tokio::select! {
        choice = &mut chosen => choice.map_err(internal)?.map_err(screen_error)?,
        command = hang_up.recv() => {
            if let Some(UserCommand::HangUp(signal)) = command {
                reason = signal;
            }
            None
        },
        never = searching => match never {},
    };
    // The end of the search has closed the screen.
    drawing.await.map_err(internal)?;
    Ok(match choice {
        Some(choice) => command(choice),
        None => StartEnd::Left(reason),
    })
}

fn internal(error: impl Into<anyhow::Error>) -> Error {
    Error::new(Kind::Internal, error)
}

/// Returns what is known before devices are looked for.
fn state(settings: &ResolvedSettings, language: UiLanguage) -> StartState {
    let words = &language.strings().start;
    let endpoint = Target::find(settings).map(|target| {
        let model = target.model().map(|model| (words.model)(&model)).unwrap_or_default();
        format!("{}{model}{}", target.name, (words.profile)(&settings.in_force.profile))
    });
    let endpoint = endpoint.map_err(|error| (format!("{:#}", error.source), error.hint.unwrap_or_default()));
    StartState { endpoint, microphone: DeviceFinding::Searching, speaker: DeviceFinding::Searching }
}

/// Looks for the devices, then follows the level of the microphone.
async fn search(settings: &ResolvedSettings, shown: watch::Sender<Shown>, clock: Clock) -> Infallible {
    let options =
        AudioOptions { input: AudioSource::Null, output: AudioSink::Null, ..AudioOptions::default() };
    let microphone = AudioOptions { input: settings.input(), ..options.clone() };
    let speaker = AudioOptions { output: settings.output(), ..options };
    let (never, ()) = tokio::join!(
        async {
            let opened = match &microphone.input {
                AudioSource::Device(_) => open(microphone).await,
                AudioSource::File(path) => Err(format!("the input is {}", path.display())),
                AudioSource::Stdin | AudioSource::Null => Err("the input is not a microphone".to_owned()),
            };
            let name = |audio: &Audio| audio.opened.input.as_ref().map(|device| device.name.clone());
            shown.send_modify(|shown| shown.state.microphone = found(&opened, name));
            follow_level(opened.ok(), &shown, clock).await
        },
        async {
            let opened = match &speaker.output {
                AudioSink::Device(_) => open(speaker).await,
                AudioSink::File(path) => Err(format!("the output is {}", path.display())),
                AudioSink::Stdout | AudioSink::Null => Err("the output is not a speaker".to_owned()),
            };
            let name = |audio: &Audio| audio.opened.output.as_ref().map(|device| device.name.clone());
            shown.send_modify(|shown| shown.state.speaker = found(&opened, name));
        }
    );
    never
}

/// Opens devices; an error is one sentence.
async fn open(options: AudioOptions) -> Result<Audio, String> {
    open_audio(options).await.map_err(|error| format!("{:#}", error.source))
}

fn found(opened: &Result<Audio, String>, name: impl Fn(&Audio) -> Option<String>) -> DeviceFinding {
    match opened {
        Ok(audio) => DeviceFinding::Found(name(audio).unwrap_or_default()),
        Err(reason) => DeviceFinding::Missing(reason.clone()),
    }
}

async fn follow_level(microphone: Option<Audio>, shown: &watch::Sender<Shown>, clock: Clock) -> Infallible {
    let Some(microphone) = microphone else { return std::future::pending().await };
    let mut next = clock.now();
    loop {
        next += LEVEL_INTERVAL;
        clock.wait_until(Some(next)).await;
        shown.send_modify(|shown| shown.level = microphone.input_meter.reading());
    }
}

/// Returns the command of a choice.
fn command(choice: StartChoice) -> StartEnd {
    let (name, endpoint) = match choice {
        StartChoice::Talk(endpoint) => ("talk", endpoint),
        StartChoice::Chat(endpoint) => ("chat", endpoint),
        StartChoice::Transcribe(endpoint) => ("transcribe", endpoint),
        StartChoice::Help => ("--help", StartEndpoint::Configured),
        StartChoice::Leave => return StartEnd::Left(EndReason::User),
    };
    let demo = match endpoint {
        StartEndpoint::Configured => None,
        StartEndpoint::Demo => Some("--demo"),
    };
    match cli::parse(["rtvoice", name].into_iter().chain(demo).map(OsString::from).collect()) {
        Ok(Cli { command: Some(command) }) => StartEnd::Command(Box::new(command)),
        Ok(Cli { command: None }) => StartEnd::Left(EndReason::User),
        Err(answer) => StartEnd::Answer(answer),
    }
}

/// The start screen.
struct StartScreen {
    shown: watch::Receiver<Shown>,
    clock: Clock,
    meter: MeterBallistics,
    theme: Theme,
    language: UiLanguage,
}

impl Menu<StartChoice> for StartScreen {
    fn draw(&mut self, frame: &mut Frame) -> Option<()> {
        self.shown.has_changed().ok()?;
        let shown = self.shown.borrow_and_update().clone();
        let level = self.meter.update(self.clock.now(), shown.level, false);
        start::draw(frame, &shown.state, level, (&self.theme, self.language));
        Some(())
    }

    fn choose(&self, key: char) -> Option<StartChoice> {
        if key == LEAVE { Some(StartChoice::Leave) } else { self.shown.borrow().state.choice(key) }
    }
}
