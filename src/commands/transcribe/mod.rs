//! `rtvoice transcribe`: captions from the microphone, from files, or from a pipe.

mod outputs;
mod raw_input;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::call::captions::caption_output::CaptionOutput;
use crate::call::captions::file_feed::{FileFeedOptions, Pace};
use crate::call::clock::Clock;
use crate::call::local::question_file::QuestionFile;
use crate::call::presenter::{CaptionedFile, FilePosition, PresentationMode};
use crate::call::run::{Call, RunPosition, StdinMode, input_end_action};
use crate::call::setup::named_files::NamedFiles;
use crate::call::setup::plan;
use crate::call::setup::settings::{Flags, ResolvedSettings};
use crate::call::setup::target::Target;
use crate::call::setup::transcription::{
    CaptionRequest, TranscriptionHints, captioning_kind, chinese_script,
};
use crate::call::signals::Signals;
use crate::call::streams::answers::AnswerOutput;
use crate::call::streams::standard::stdin_is_piped;
use crate::call::streams::typed_lines::without_bom;
use crate::captions::format::Format;
use crate::captions::resume::WARM_UP;
use crate::cli::Transcribe;
use crate::cli::captions::{CaptionArgs, CaptionPace, MicrophoneDistance};
use crate::cli::display::DisplayArgs;
use crate::config::settings::Setting;
use crate::dsp::media_file::TrackSelection;
use crate::error::{Error, Kind};
use crate::protocol::settings::{NoiseReductionKind, SessionKind};
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
    raw_input::check(&args.captions, &sources)?;
    let outputs = outputs::captions(&args.captions, &sources)?;
    if args.captions.logprobs
        && !args.showing.json
        && outputs.iter().any(|output| output.format != Format::Jsonl)
    {
        return Err(Error::say(Kind::Usage, "log probabilities are shown in JSON lines only")
            .hint("add --format jsonl, or --json for all events"));
    }
    let files = NamedFiles::of(&settings);
    let heard = if args.files.is_empty() { "--input" } else { "FILE" };
    let files = files.read("--vocab", args.captions.vocab.as_deref());
    let files = sources.iter().fold(files, |files, input| files.input(heard, input));
    let files =
        outputs.iter().fold(files, |files, output| files.written("the caption file", output.path.as_deref()));
    files.written("--trace", args.showing.trace.as_deref()).check()?;
    captioning_kind(&settings)?;
    // Once for all files: a key may come from a command that asks for a password.
    let target = Target::find(&settings)?.with_dial_options(&settings)?;
    outputs::make_folder(&args.captions)?;
    let mut run = Run {
        args: &args,
        settings: &settings,
        target: &target,
        position: RunPosition::First,
        request: request(&args.captions, &settings)?,
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

/// Returns what to request of the endpoint.
///
/// # Errors
///
/// When the vocabulary cannot be read.
fn request(args: &CaptionArgs, settings: &ResolvedSettings) -> Result<CaptionRequest, Error> {
    Ok(CaptionRequest {
        hints: TranscriptionHints {
            prompt: args.prompt.clone(),
            vocabulary: vocabulary(args)?,
            languages: settings.in_force.text(Setting::Lang).map(str::to_owned),
        },
        noise_reduction: args.noise_reduction.map(|distance| match distance {
            MicrophoneDistance::Near => NoiseReductionKind::NearField,
            MicrophoneDistance::Far => NoiseReductionKind::FarField,
        }),
        has_logprobs: args.logprobs,
    })
}

/// Returns the words of the vocabulary file, blank lines and comments left out.
fn vocabulary(args: &CaptionArgs) -> Result<Vec<String>, Error> {
    let text = match &args.vocab {
        Some(path) => fs::read_to_string(path).map_err(|error| {
            let error = anyhow::Error::new(error).context(format!("cannot read {}", path.display()));
            Error::new(Kind::Device, error).hint("--vocab needs a text file with one word per line")
        })?,
        None => String::new(),
    };
    let words = without_bom(&text).lines().map(str::trim);
    let words = words.filter(|word| !word.is_empty() && !word.starts_with('#'));
    Ok(words.map(str::to_owned).collect())
}

/// Returns whether other files may do better.
fn is_of_one_file(error: &Error) -> bool {
    match error.kind {
        Kind::Device | Kind::Usage => true,
        Kind::Internal | Kind::Config | Kind::Network | Kind::Server => false,
    }
}

/// Returns the inputs, and for files the heading of their captions.
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

/// Returns how captions are shown: live ones on a screen, unless standard output is for something else.
fn mode(args: &DisplayArgs, input: &AudioSource, captions: Option<&CaptionOutput>) -> PresentationMode {
    let is_live = matches!(input, AudioSource::Device(_) | AudioSource::Null);
    let takes_stdout = captions.is_some_and(|captions| !captions.leaves_stdout());
    let mode = PresentationMode::choose(args);
    let has_no_screen = mode == PresentationMode::Screen && (!is_live || takes_stdout);
    if has_no_screen { PresentationMode::Plain } else { mode }
}

/// Returns whether an input is a file that can be read again; a named pipe delivers audio at its own pace.
fn is_file(input: &AudioSource) -> bool {
    matches!(input, AudioSource::File(path) if fs::metadata(path).is_ok_and(|found| found.is_file()))
}

/// What all inputs of one run have in common.
struct Run<'a> {
    args: &'a Transcribe,
    settings: &'a ResolvedSettings,
    target: &'a Target,
    position: RunPosition,
    request: CaptionRequest,
    /// Notices before the first input.
    notes: Vec<String>,
}

impl Run<'_> {
    /// Returns how to feed a file; none for other inputs.
    fn feed(&self, audio_options: &AudioOptions, warm_up: Duration) -> Option<FileFeedOptions> {
        let pace = match self.args.captions.pace {
            Some(CaptionPace::Times(times)) => Pace::Times(times),
            Some(CaptionPace::Max) => Pace::Max,
            None if self.target.is_demo() => Pace::Max,
            None => Pace::Times(1.0),
        };
        let AudioSource::File(path) = &audio_options.input else { return None };
        is_file(&audio_options.input).then(|| FileFeedOptions {
            path: path.clone(),
            selection: audio_options.selection,
            start: audio_options.start,
            warm_up,
            rate: audio_options.wire_in,
            pace,
            processing: audio_options.processing,
        })
    }

    /// Returns which audio of a file to read.
    fn selection(&self) -> TrackSelection {
        let CaptionArgs { track, channel, .. } = &self.args.captions;
        let raw = raw_input::format(&self.args.captions);
        TrackSelection { track: track.map(usize::from), channel: channel.map(usize::from), raw }
    }

    /// Captions one input.
    async fn caption(
        &mut self,
        (input, file): (AudioSource, Option<CaptionedFile>),
        output: &outputs::InputCaptions,
        (clock, signals): (Clock, &Signals),
    ) -> Result<EndReason, Error> {
        let Self { args, settings, target, position, .. } = *self;
        let captions = output.open()?;
        let mode = mode(&args.showing, &input, captions.as_ref());
        let plan = plan::transcribe(settings, self.request.clone(), input_end_action(&input))?;
        let plan = plan::limited(plan, target, settings);
        let sent = outputs::start(captions.as_ref());
        // A turn that is detected here begins where speech does, whatever is sent.
        let is_prepared = is_file(&input) && plan.turn_control() == TurnControl::Server;
        let warm_up = if is_prepared { sent.min(WARM_UP) } else { Duration::ZERO };
        let plan = Plan { media_start: sent - warm_up, warm_up, ..plan };
        let selection = self.selection();
        let audio_options =
            AudioOptions { selection, ..plan::audio(settings, &plan, input, AudioSink::Null) };
        let (audio_options, feed) = match self.feed(&audio_options, warm_up) {
            Some(feed) => (None, Some(feed)),
            None => (Some(audio_options), None),
        };
        let plan = Plan { rewinds_input: feed.is_some(), ..plan };
        let call = Call {
            questions: QuestionFile::default(),
            recorder: None,
            speaker: None,
            target: target.clone(),
            style: PlainStyle::Transcribe,
            mode,
            display: &args.showing,
            position,
            file,
            captions,
            script: settings.in_force.text(Setting::Lang).and_then(chinese_script),
            stdin: StdinMode::Unused,
            audio_options,
            feed,
            plan,
            memory: settings.remember(),
            answers: AnswerOutput::SOURCE,
            shows_usage: false,
            notes: std::mem::take(&mut self.notes),
        };
        let ended = call.run(clock, signals).await;
        self.position = RunPosition::Later;
        ended
    }
}
