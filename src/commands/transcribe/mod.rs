//! `rtvoice transcribe`: captions from the microphone, from files, or from a pipe.

mod outputs;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::call::clock::Clock;
use crate::call::file_feed::{FileFeedOptions, Pace};
use crate::call::local::question_file::QuestionFile;
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
use crate::captions::chinese::Script;
use crate::cli::Transcribe;
use crate::cli::captions::CaptionPace;
use crate::config::settings::Setting;
use crate::error::{Error, Kind};
use crate::protocol::settings::SessionKind;
use crate::session::io::EndReason;
use crate::session::plan::{Plan, TurnControl};
use crate::ui::output::plain::PlainStyle;
use crate::ui::text::sanitize::{one_line, sanitize};

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
    let sources: Vec<&AudioSource> = inputs.iter().map(|(input, _)| input).collect();
    let outputs = outputs::captions(&args.captions, &sources)?;
    let files = NamedFiles::of(&settings);
    let heard = if args.files.is_empty() { "--input" } else { "FILE" };
    let files = sources.iter().fold(files, |files, input| files.input(heard, input));
    let files =
        outputs.iter().fold(files, |files, output| files.written("the caption file", output.path.as_deref()));
    files.written("--trace", args.showing.trace.as_deref()).check()?;
    transcription::captioning_kind(&settings)?;
    // Once for all files: a key may come from a command that asks for a password.
    let target = Target::find(&settings)?.with_dial_options(&settings)?;
    outputs::make_folder(&args.captions)?;
    let mut run = Run {
        args: &args,
        settings: &settings,
        target: &target,
        position: RunPosition::First,
        notes: settings.notes(&target.name),
    };
    let count = inputs.len();
    let mut failed = 0;
    let mut first_failure = None;
    for ((input, file), output) in inputs.into_iter().zip(outputs) {
        let name = file.as_ref().map(|file| file.name.clone()).unwrap_or_default();
        let outcome = run.caption((input, file), &output, (clock, signals)).await;
        let failure = match outcome {
            Ok(EndReason::InputEnded) => continue,
            Ok(EndReason::Unanswered(what)) if count > 1 => Error::say(Kind::Server, what),
            Ok(EndReason::NoInput(what)) if count > 1 => Error::say(Kind::Device, what),
            Err(error) if count > 1 && is_of_one_file(&error) => error,
            outcome => return outcome,
        };
        failed += 1;
        first_failure.get_or_insert(failure.kind);
        // The other files are captioned anyway.
        let _ = writeln!(io::stderr(), "rtvoice: {}: {}", one_line(&name), sanitize(&failure.to_string()));
    }
    let Some(kind) = first_failure else { return Ok(EndReason::InputEnded) };
    Err(Error::say(kind, format!("{failed} of {count} files have no captions, or not all of them"))
        .hint("the lines above say why"))
}

/// Returns whether other files may do better.
fn is_of_one_file(error: &Error) -> bool {
    match error.kind {
        Kind::Device | Kind::Usage => true,
        Kind::Internal | Kind::Config | Kind::Network | Kind::Server => false,
    }
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

/// What all inputs of one run have in common.
struct Run<'a> {
    args: &'a Transcribe,
    settings: &'a ResolvedSettings,
    target: &'a Target,
    position: RunPosition,
    /// What is said before the first one.
    notes: Vec<String>,
}

impl Run<'_> {
    /// Returns how to feed a file at another pace than that of real time.
    fn feed(&self, audio_options: &AudioOptions, plan: &Plan) -> Result<Option<FileFeedOptions>, Error> {
        let pace = match self.args.captions.pace {
            Some(CaptionPace::Times(times)) => Pace::Times(times),
            Some(CaptionPace::Max) => Pace::Max,
            None if self.target.is_demo() => Pace::Max,
            None => Pace::Times(1.0),
        };
        let (AudioSource::File(path), false) = (&audio_options.input, pace == Pace::Times(1.0)) else {
            return Ok(None);
        };
        // A named pipe gives its audio_options when it likes.
        let is_file = fs::metadata(path).is_ok_and(|found| found.is_file());
        let is_detected_here = plan.turn_control() == TurnControl::Local;
        match (is_detected_here, self.args.captions.pace) {
            (true, Some(_)) => {
                Err(Error::say(Kind::Usage, "turns are detected on this machine in real time only")
                    .hint("leave --pace out, or let the server detect turns: --vad server"))
            }
            (false, _) if is_file => Ok(Some(FileFeedOptions {
                path: path.clone(),
                start: audio_options.start,
                rate: audio_options.wire_in,
                pace,
            })),
            (true, None) | (false, _) => Ok(None),
        }
    }

    /// Captions one input.
    async fn caption(
        &mut self,
        (input, file): (AudioSource, Option<CaptionedFile>),
        output: &outputs::Captions,
        (clock, signals): (Clock, &Signals),
    ) -> Result<EndReason, Error> {
        let Self { args, settings, target, position, .. } = *self;
        let captions = output.open()?;
        let plan = plan::limited(plan::transcribe(settings, input_end_action(&input))?, target, settings);
        let plan = Plan { media_start: outputs::start(captions.as_ref()), ..plan };
        let audio_options = plan::audio(settings, &plan, input, AudioSink::Null);
        let (audio_options, feed) = match self.feed(&audio_options, &plan)? {
            Some(feed) => (None, Some(feed)),
            None => (Some(audio_options), None),
        };
        let plan = Plan { rewinds_input: feed.is_some(), ..plan };
        let call = Call {
            questions: QuestionFile::default(),
            target: target.clone(),
            style: PlainStyle::Transcribe,
            mode: if args.showing.json { PresentationMode::Json } else { PresentationMode::Plain },
            display: &args.showing,
            position,
            file,
            captions,
            script: settings.in_force.text(Setting::Lang).and_then(Script::of_language),
            stdin: StdinMode::Unused,
            audio_options,
            feed,
            plan,
            device_memory: settings.remember(),
            answers: AnswerOutput::SOURCE,
            shows_usage: false,
            notes: std::mem::take(&mut self.notes),
        };
        let ended = call.run(clock, signals).await;
        self.position = RunPosition::Later;
        ended
    }
}
