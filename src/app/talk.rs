//! `rtvoice talk`: a call.

use crate::app::call::{Call, at_end_of, typing_in_a_call};
use crate::app::clock::Clock;
use crate::app::connect::dial_options;
use crate::app::fronts::Way;
use crate::app::plan;
use crate::app::target::Target;
use crate::audio::options::{Options, Sink, Source};
use crate::cli::Talk;
use crate::error::{Error, Kind};
use crate::protocol::settings::SessionKind;
use crate::session::io::EndReason;
use crate::ui::plain::PlainStyle;

/// Holds a call.
///
/// # Errors
///
/// When it cannot begin, or when what comes of it cannot be written.
pub(super) async fn run(args: Talk) -> Result<EndReason, Error> {
    let clock = Clock::start();
    let input = Source::parse(&args.hearing.input);
    let output = Sink::parse(&args.output);
    let way = match (Way::choose(&args.showing), &output) {
        (Way::Json, Sink::Stdout) => return Err(two_on_one_stream()),
        // Sound takes standard output: there is no screen to draw on.
        (Way::Screen, Sink::Stdout) => Way::Plain,
        (way, _) => way,
    };
    let target = Target::find(&args.endpoint, SessionKind::Realtime)?;
    let call = Call {
        plan: plan::talk(&args, &target, at_end_of(&input)),
        target,
        dial_options: dial_options(&args.endpoint)?,
        style: PlainStyle::Talk,
        way,
        showing: &args.showing,
        typing: typing_in_a_call(way, &input),
        sound: Some(Options { input, output, ..Options::default() }),
    };
    call.hold(clock).await
}

fn two_on_one_stream() -> Error {
    Error::say(Kind::Usage, "--json and --output - both want standard output")
        .hint("write the sound to a file: --output answer.wav")
}
