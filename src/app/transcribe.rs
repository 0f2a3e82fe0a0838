//! `rtvoice transcribe`: captions from the microphone, from files, or from a pipe.

use crate::app::call::{Call, Typing, at_end_of};
use crate::app::clock::Clock;
use crate::app::connect::dial_options;
use crate::app::fronts::Way;
use crate::app::plan;
use crate::app::target::Target;
use crate::audio::options::{Options, Sink, Source};
use crate::cli::Transcribe;
use crate::error::{Error, Kind};
use crate::protocol::settings::SessionKind;
use crate::session::io::EndReason;
use crate::ui::plain::PlainStyle;

/// Captions the input, or each of the files.
///
/// # Errors
///
/// When it cannot begin, or when the captions cannot be written.
pub(super) async fn run(args: Transcribe) -> Result<EndReason, Error> {
    let clock = Clock::start();
    let inputs = inputs(&args)?;
    let mut reason = EndReason::InputEnded;
    for input in inputs {
        reason = caption(&args, input, clock).await?;
        match reason {
            EndReason::InputEnded => {}
            EndReason::User
            | EndReason::Signal(_)
            | EndReason::Answered
            | EndReason::ServerClosed(_)
            | EndReason::Refused(_)
            | EndReason::Lost(_) => break,
        }
    }
    Ok(reason)
}

fn inputs(args: &Transcribe) -> Result<Vec<Source>, Error> {
    let is_default = args.hearing.input == "default";
    match (args.files.as_slice(), is_default) {
        ([], _) => Ok(vec![Source::parse(&args.hearing.input)]),
        (_, false) => Err(Error::say(Kind::Usage, "both FILE and --input say what to caption")
            .hint("give the files alone: rtvoice transcribe FILE.wav")),
        (files, true) => Ok(files.iter().map(|file| file_or_stdin(file)).collect()),
    }
}

fn file_or_stdin(file: &std::path::Path) -> Source {
    if file.as_os_str() == "-" { Source::Stdin } else { Source::File(file.to_owned()) }
}

async fn caption(args: &Transcribe, input: Source, clock: Clock) -> Result<EndReason, Error> {
    let target = Target::find(&args.endpoint, SessionKind::Transcription)?;
    let call = Call {
        plan: plan::transcribe(args, &target, at_end_of(&input)),
        target,
        dial_options: dial_options(&args.endpoint)?,
        style: PlainStyle::Transcribe,
        way: if args.showing.json { Way::Json } else { Way::Plain },
        showing: &args.showing,
        typing: Typing::Not,
        sound: Some(Options { input, output: Sink::Null, ..Options::default() }),
    };
    call.hold(clock).await
}
