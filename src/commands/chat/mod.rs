//! `rtvoice chat`: one answer, or a conversation line by line.

mod dry_run;
mod output;
mod question;

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::sync::mpsc::{Receiver, channel};

use anyhow::Context;

use crate::audio::options::{AudioSink, AudioSource};
use crate::call::clock::Clock;
use crate::call::local::attachments::{TextFile, read_image};
use crate::call::presenter::PresentationMode;
use crate::call::run::{Call, RunPosition, StdinMode};
use crate::call::setup::keeping::keeping;
use crate::call::setup::named_files::NamedFiles;
use crate::call::setup::plan;
use crate::call::setup::settings::{Flags, ResolvedSettings};
use crate::call::setup::target::Target;
use crate::call::signals::Signals;
use crate::call::streams::standard::stdin_is_piped;
use crate::call::streams::typed_lines::without_bom;
use crate::cli::chat::Chat;
use crate::cli::display::DisplayArgs;
use crate::commands::chat::question::QuestionParts;
use crate::commands::talk::two_on_one_stream;
use crate::config::settings::Setting;
use crate::error::{Error, Kind};
use crate::protocol::settings::SessionKind;
use crate::session::io::EndReason;
use crate::session::io::message::Attachment;
use crate::ui::output::plain::PlainStyle;

/// What stands for the text on standard input.
const STDIN: &str = "-";

/// Asks one question, or holds a conversation.
///
/// # Errors
///
/// When there is nothing to ask, when it cannot begin, when the answer cannot be written, or when it has no
/// code block although one is to be extracted.
pub(super) async fn run(args: Chat, signals: &Signals) -> Result<EndReason, Error> {
    let clock = Clock::start();
    let flags = Flags { role: args.role.clone(), ..Flags::from(&args.settings).and(&args.keeping.settings) };
    let settings = ResolvedSettings::load(&args.endpoint, SessionKind::Realtime, flags)?;
    named_files(&args, &settings).check()?;
    let target = Target::find(&settings)?.with_dial_options(&settings)?;
    let display = settings.showing(&args.showing);
    let (question, stdin, mode) = what_to_ask(&args, &settings, &display)?;
    let mut plan = plan::limited(plan::chat(&settings, question)?, &target, &settings);
    let images = args.image.iter().map(|path| read_image(path).map(Attachment::Image));
    plan.attachments = images.collect::<Result<_, _>>()?;
    plan.set_spoken(args.speak);
    let keeping = keeping(&args.keeping, &settings, &mut plan, clock.unix_start())?;
    if args.dry_run {
        return dry_run::write(&plan, &target, mode).map(|()| EndReason::User);
    }
    let (missing, without_code) = channel();
    let speaker = plan::audio(&settings, &plan, AudioSource::Null, settings.output());
    let mut notes = settings.notes(&target.name);
    notes.extend(keeping.note);
    let call = Call {
        plan,
        answers: output::of(&args, settings.in_force.is_flag(Setting::Plain), missing),
        shows_usage: args.usage,
        notes,
        target,
        style: PlainStyle::Chat,
        mode,
        display: &display,
        position: RunPosition::First,
        file: None,
        captions: None,
        script: None,
        stdin,
        audio_options: args.speak.then(|| speaker.clone()),
        speaker: Some(speaker),
        recorder: keeping.recorder,
        feed: None,
        memory: settings.remember(),
        questions: settings.questions(),
    };
    let reason = call.run(clock, signals).await?;
    check_code(&without_code, &reason)?;
    Ok(reason)
}

fn named_files(args: &Chat, settings: &ResolvedSettings) -> NamedFiles {
    let files = NamedFiles::of(settings);
    let files = args.file.iter().fold(files, |files, path| files.read("--file", Some(path)));
    let files = args.image.iter().fold(files, |files, path| files.read("--image", Some(path)));
    let files = files.output(&settings.output());
    files.written("--trace", args.showing.trace.as_deref())
}

/// Returns the single question, if there is one, what is typed or piped after it, and how it is presented.
fn what_to_ask(
    args: &Chat,
    settings: &ResolvedSettings,
    display: &DisplayArgs,
) -> Result<(Option<String>, StdinMode, PresentationMode), Error> {
    let is_conversation = args.prompt.is_empty() && args.file.is_empty() && args.image.is_empty();
    if is_conversation && settings.in_force.is_flag(Setting::Plain) && lines_are_piped()? {
        return Ok((None, StdinMode::Piped, PresentationMode::Plain));
    }
    let question = question(args)?;
    // The flags that change how answers are written apply to lines.
    let lines_only = args.extract || args.extract_last || args.no_stream || args.no_markdown;
    let mode = match PresentationMode::choose(display) {
        PresentationMode::Screen if question.is_some() || lines_only => PresentationMode::Plain,
        PresentationMode::Json if args.speak && settings.output() == AudioSink::Stdout => {
            return Err(two_on_one_stream());
        }
        mode @ (PresentationMode::Screen | PresentationMode::Plain | PresentationMode::Json) => mode,
    };
    let stdin = match (&question, mode) {
        (Some(_), _) | (None, PresentationMode::Screen) => StdinMode::Unused,
        (None, PresentationMode::Json) => StdinMode::Lines,
        (None, PresentationMode::Plain) => StdinMode::Prompted,
    };
    Ok((question, stdin, mode))
}

/// Returns whether lines are piped in, and there is one.
fn lines_are_piped() -> Result<bool, Error> {
    if !stdin_is_piped() {
        return Ok(false);
    }
    let mut stdin = io::stdin().lock();
    let first = stdin.fill_buf().context("cannot read standard input");
    first.map(|first| !first.is_empty()).map_err(|error| Error::new(Kind::Usage, error))
}

/// Returns the single question: the typed words with what is piped in and attached. None is asked if all are
/// absent and a person sits at the terminal.
fn question(args: &Chat) -> Result<Option<String>, Error> {
    let stdin = io::stdin();
    let is_stdin = args.prompt == [STDIN];
    let is_piped = !stdin.is_terminal() || is_stdin;
    let parts = QuestionParts {
        words: if is_stdin { String::new() } else { args.prompt.join(" ") },
        files: args.file.iter().map(|path| TextFile::read(path)).collect::<Result<_, _>>()?,
        piped: if is_piped { read_all(stdin.lock())? } else { String::new() },
    };
    match parts.question()? {
        Some(question) => Ok(Some(question)),
        None if !is_piped && args.prompt.is_empty() && args.file.is_empty() && args.image.is_empty() => {
            Ok(None)
        }
        None => Err(Error::say(Kind::Usage, "no prompt given")
            .hint("give a question, as in: rtvoice chat \"What is a ring buffer?\"")),
    }
}

fn read_all(mut from: impl Read) -> Result<String, Error> {
    let mut text = String::new();
    let read = from.read_to_string(&mut text).context("cannot read standard input as text");
    read.map_err(|error| Error::new(Kind::Usage, error).hint("pipe text in UTF-8"))?;
    Ok(without_bom(&text).to_owned())
}

/// Checks that every answer had the code block that was asked for. Answers without one are billed all the same
/// and shown. A session that failed otherwise reports that.
fn check_code(without_code: &Receiver<String>, reason: &EndReason) -> Result<(), Error> {
    let answers: Vec<String> = without_code.try_iter().collect();
    if answers.is_empty() {
        return Ok(());
    }
    // What cannot be shown there is not worth another error.
    let _ = writeln!(io::stderr(), "{}", answers.join("\n\n").trim_end());
    match reason {
        EndReason::Answered | EndReason::User | EndReason::InputEnded => {
            Err(Error::say(Kind::Server, "the answer has no code block")
                .hint("ask for code, or leave --extract out"))
        }
        EndReason::Signal(_)
        | EndReason::Limit(_)
        | EndReason::ServerClosed(_)
        | EndReason::NoInput(_)
        | EndReason::Unanswered(_)
        | EndReason::Refused(_)
        | EndReason::Lost(_) => Ok(()),
    }
}
