//! `rtvoice transcribe`: captions from the microphone, from files, or from a pipe.

use std::io::{self, Write};
use std::path::Path;

use crate::audio::options::{AudioSink, AudioSource};
use crate::call::clock::Clock;
use crate::call::presenter::{CaptionedFile, FilePosition, PresentationMode};
use crate::call::run::{Call, RunPosition, StdinMode, input_end_action};
use crate::call::setup::named_files::NamedFiles;
use crate::call::setup::plan;
use crate::call::setup::settings::{Flags, ResolvedSettings};
use crate::call::setup::target::Target;
use crate::call::setup::transcription;
use crate::call::signals::Signals;
use crate::call::streams::answers::AnswerOutput;
use crate::call::streams::standard::stdin_is_piped;
use crate::cli::Transcribe;
use crate::config::settings::Setting;
use crate::error::{Error, Kind};
use crate::protocol::settings::SessionKind;
use crate::session::io::EndReason;
use crate::ui::output::plain::PlainStyle;
use crate::ui::text::sanitize::one_line;

/// Captions the input, or each of the files.
///
/// # Errors
///
/// When it cannot begin, or when the captions cannot be written.
pub(super) async fn run(args: Transcribe, signals: &Signals) -> Result<EndReason, Error> {
    let clock = Clock::start();
    let flags = Flags::from(&args.settings);
    let settings = ResolvedSettings::load(&args.endpoint, SessionKind::Transcription, flags)?;
    let inputs = inputs(&args, &settings)?;
    let files = NamedFiles::of(&settings);
    let heard = if args.files.is_empty() { "--input" } else { "FILE" };
    let files = inputs.iter().fold(files, |files, (input, _)| files.input(heard, input));
    files.written("--trace", args.showing.trace.as_deref()).check()?;
    transcription::captioning_kind(&settings)?;
    // Once for all files: a key may come from a command that asks for a password.
    let target = Target::find(&settings)?.with_dial_options(&settings)?;
    let count = inputs.len();
    let mut failed = 0;
    let mut position = RunPosition::First;
    let mut notes = settings.notes(&target.name);
    for (input, file) in inputs {
        let name = file.as_ref().map(|file| file.name.clone()).unwrap_or_default();
        let mut call = caption(&args, &settings, &target, input)?;
        (call.position, call.file, call.notes) = (position, file, std::mem::take(&mut notes));
        let reason = call.run(clock, signals).await?;
        position = RunPosition::Later;
        match reason {
            EndReason::InputEnded => {}
            EndReason::Unanswered(what) if count > 1 => {
                failed += 1;
                // The other files are captioned all the same.
                let _ = writeln!(io::stderr(), "rtvoice: {}: {what}", one_line(&name));
            }
            EndReason::Unanswered(_)
            | EndReason::User
            | EndReason::Signal(_)
            | EndReason::Answered
            | EndReason::Limit(_)
            | EndReason::ServerClosed(_)
            | EndReason::NoInput(_)
            | EndReason::Refused(_)
            | EndReason::Lost(_) => return Ok(reason),
        }
    }
    if failed == 0 {
        return Ok(EndReason::InputEnded);
    }
    Err(Error::say(Kind::Server, format!("{failed} of {count} files have no captions, or not all of them"))
        .hint("the lines above say why"))
}

/// Returns what is heard, and each file with the name under which its captions stand.
fn inputs(
    args: &Transcribe,
    settings: &ResolvedSettings,
) -> Result<Vec<(AudioSource, Option<CaptionedFile>)>, Error> {
    match (args.files.as_slice(), settings.in_force.is_flag(Setting::Input)) {
        // What is piped in was connected on the command line, which goes before the configuration.
        ([], false) if stdin_is_piped() => Ok(vec![(AudioSource::Stdin, None)]),
        ([], _) => Ok(vec![(settings.input(), None)]),
        (_, true) => Err(Error::say(Kind::Usage, "both FILE and --input say what to caption")
            .hint("give the files alone: rtvoice transcribe FILE.wav")),
        ([file], false) => Ok(vec![named(file, FilePosition::Only)]),
        (files, false) => {
            let places = std::iter::once(FilePosition::First).chain(std::iter::repeat(FilePosition::Later));
            Ok(files.iter().zip(places).map(|(file, place)| named(file, place)).collect())
        }
    }
}

fn named(file: &Path, place: FilePosition) -> (AudioSource, Option<CaptionedFile>) {
    let captioned = CaptionedFile { name: file.display().to_string(), place };
    (file_or_stdin(file), Some(captioned))
}

fn file_or_stdin(file: &Path) -> AudioSource {
    if file.as_os_str() == "-" { AudioSource::Stdin } else { AudioSource::File(file.to_owned()) }
}

fn caption<'a>(
    args: &'a Transcribe,
    settings: &ResolvedSettings,
    target: &Target,
    input: AudioSource,
) -> Result<Call<'a>, Error> {
    let plan = plan::limited(plan::transcribe(settings, input_end_action(&input))?, target, settings);
    Ok(Call {
        target: target.clone(),
        style: PlainStyle::Transcribe,
        mode: if args.showing.json { PresentationMode::Json } else { PresentationMode::Plain },
        display: &args.showing,
        position: RunPosition::First,
        file: None,
        stdin: StdinMode::Unused,
        audio_options: Some(plan::audio(settings, &plan, input, AudioSink::Null)),
        plan,
        device_memory: settings.remember(),
        answers: AnswerOutput::SOURCE,
        shows_usage: false,
        notes: Vec::new(),
    })
}
