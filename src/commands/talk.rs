//! `rtvoice talk`: a voice call.

use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::call::clock::Clock;
use crate::call::modes::{self, TextMode};
use crate::call::presenter::PresentationMode;
use crate::call::run::{Call, RunPosition, input_end_action, stdin_mode};
use crate::call::setup::keeping::keeping;
use crate::call::setup::named_files::NamedFiles;
use crate::call::setup::plan;
use crate::call::setup::settings::{Flags, ResolvedSettings};
use crate::call::setup::target::Target;
use crate::call::signals::Signals;
use crate::call::streams::answers::AnswerOutput;
use crate::cli::TalkCommand;
use crate::config::settings::Setting;
use crate::error::{Error, Kind};
use crate::protocol::settings::SessionKind;
use crate::session::io::EndReason;
use crate::session::plan::ConnectionPolicy;
use crate::ui::output::plain::PlainStyle;

/// Runs a call.
///
/// # Errors
///
/// If the call cannot begin, or its output cannot be written.
pub(super) async fn run(args: TalkCommand, signals: &Signals) -> Result<EndReason, Error> {
    let clock = Clock::start();
    let flags = Flags::from(&args.settings).and(&args.keeping.settings);
    let settings = ResolvedSettings::load(&args.endpoint, SessionKind::Realtime, flags)?;
    let display = settings.showing(&args.showing);
    let (input, output) = (settings.input(), settings.output());
    let mode = match (PresentationMode::choose(&display), &output) {
        (PresentationMode::Json, AudioSink::Stdout) => return Err(two_on_one_stream()),
        // Audio uses standard output, so there is no screen.
        (PresentationMode::Screen, AudioSink::Stdout) => PresentationMode::Plain,
        (mode, _) => mode,
    };
    let files = NamedFiles::of(&settings).input("--input", &input).output(&output);
    let files = files.written("--record", args.record.as_deref());
    files.written("--trace", args.showing.trace.as_deref()).check()?;
    let target = Target::find(&settings)?.with_dial_options(&settings)?;
    let mut plan = plan::limited(plan::talk(&settings, input_end_action(&input))?, &target, &settings);
    let has_modes = mode == PresentationMode::Screen && is_interactive(&input, &output);
    if has_modes {
        plan.connecting = ConnectionPolicy::Resumable;
    }
    let keeping = keeping(&args.keeping, &settings, &mut plan, clock.unix_start())?;
    let stdin = stdin_mode(mode, &input, settings.in_force.is_flag(Setting::Plain));
    let audio_options = plan::audio(&settings, &plan, input, output);
    let audio_options = Some(AudioOptions { record: args.record, ..audio_options });
    let style = PlainStyle::Talk;
    let (display, position, file, memory) = (&display, RunPosition::First, None, settings.remember());
    let mut notes = settings.notes(&target.name);
    notes.extend(keeping.note);
    let text = has_modes.then(|| plan::next_to_call(&settings, &target)).transpose()?;
    let call = Call {
        plan,
        target,
        style,
        mode,
        display,
        position,
        file,
        captions: None,
        script: None,
        stdin,
        audio_options,
        feed: None,
        memory,
        questions: settings.questions(),
        recorder: keeping.recorder,
        speaker: None,
        answers: AnswerOutput::SOURCE,
        shows_usage: false,
        notes,
    };
    match text {
        Some(plan) => modes::run(call, TextMode { plan, recorder: keeping.text }, (clock, signals)).await,
        None => call.run(clock, signals).await,
    }
}

/// Returns whether a call may be repeated: a file or a pipe is used once.
fn is_interactive(input: &AudioSource, output: &AudioSink) -> bool {
    matches!(input, AudioSource::Device(_) | AudioSource::Null)
        && matches!(output, AudioSink::Device(_) | AudioSink::Null)
}

/// Returns the error for lines and audio on standard output.
pub(super) fn two_on_one_stream() -> Error {
    Error::say(Kind::Usage, "--json and --output - both use standard output")
        .hint("write the audio to a file: --output answer.wav")
}
