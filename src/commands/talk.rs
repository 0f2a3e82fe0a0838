//! `rtvoice talk`: a call.

use crate::audio::options::{AudioOptions, AudioSink};
use crate::call::clock::Clock;
use crate::call::presenter::PresentationMode;
use crate::call::run::{Call, RunPosition, at_end_of, typing_in_a_call};
use crate::call::setup::named_files::NamedFiles;
use crate::call::setup::plan;
use crate::call::setup::settings::{Flags, ResolvedSettings};
use crate::call::setup::target::Target;
use crate::call::signals::Signals;
use crate::cli::TalkCommand;
use crate::config::settings::Setting;
use crate::error::{Error, Kind};
use crate::protocol::settings::SessionKind;
use crate::session::io::EndReason;
use crate::ui::output::plain::PlainStyle;

/// Holds a call.
///
/// # Errors
///
/// When it cannot begin, or when what comes of it cannot be written.
pub(super) async fn run(args: TalkCommand, signals: &Signals) -> Result<EndReason, Error> {
    let clock = Clock::start();
    let mut flags = Flags::default().hearing(&args.hearing).turns(&args.turns).answers(&args.answers);
    flags = flags.limits(&args.limits);
    flags.text(Setting::Voice, "--voice", args.voice.as_deref());
    flags.choice(Setting::Echo, "--echo", args.echo);
    flags.choice(Setting::Interrupt, "--interrupt", args.interrupt);
    flags.text(Setting::Output, "--output", args.output.as_deref());
    let settings = ResolvedSettings::load(&args.endpoint, SessionKind::Realtime, flags)?;
    let showing = settings.showing(&args.showing);
    let (input, output) = (settings.input(), settings.output());
    let way = match (PresentationMode::choose(&showing), &output) {
        (PresentationMode::Json, AudioSink::Stdout) => return Err(two_on_one_stream()),
        // Sound takes standard output: there is no screen to draw on.
        (PresentationMode::Screen, AudioSink::Stdout) => PresentationMode::Plain,
        (way, _) => way,
    };
    let files = NamedFiles::of(&settings, &args.endpoint).input("--input", &input).output(&output);
    let files = files.written("--record", args.record.as_deref());
    files.written("--trace", args.showing.trace.as_deref()).check()?;
    let target = Target::find(&settings)?.dialled_as(&args.endpoint, &settings)?;
    let plan = plan::limited(plan::talk(&settings, at_end_of(&input))?, &target, &settings);
    let typing = typing_in_a_call(way, &input, args.showing.plain);
    let sound = plan::sound(&settings, &plan, input, output);
    let sound = Some(AudioOptions { record: args.record, ..sound });
    let style = PlainStyle::Talk;
    let (showing, position, file, remember) = (&showing, RunPosition::First, None, settings.remember());
    let notes = settings.notes(&target.name);
    let call = Call {
        plan,
        target,
        style,
        way,
        showing,
        position,
        file,
        captions: None,
        script: None,
        feed: None,
        typing,
        sound,
        remember,
        notes,
    };
    call.hold(clock, signals).await
}

fn two_on_one_stream() -> Error {
    Error::say(Kind::Usage, "--json and --output - both want standard output")
        .hint("write the sound to a file: --output answer.wav")
}
