//! `rtvoice chat`: one answer, or a conversation line by line.

use std::io::{self, BufRead, IsTerminal, Read};

use anyhow::Context;

use crate::call::clock::Clock;
use crate::call::presenter::PresentationMode;
use crate::call::run::{Call, RunPosition, StdinMode};
use crate::call::setup::named_files::NamedFiles;
use crate::call::setup::plan;
use crate::call::setup::settings::{Flags, ResolvedSettings};
use crate::call::setup::target::Target;
use crate::call::signals::Signals;
use crate::call::streams::standard::stdin_is_piped;
use crate::call::streams::typed_lines::without_bom;
use crate::cli::Chat;
use crate::config::settings::Setting;
use crate::error::{Error, Kind};
use crate::protocol::settings::SessionKind;
use crate::session::io::EndReason;
use crate::ui::output::plain::PlainStyle;

/// The longest text that servers take in one item, in characters.
const LONGEST_TEXT: usize = 256_000;

/// Asks one question, or holds a conversation.
///
/// # Errors
///
/// When there is nothing to ask, when it cannot begin, or when the answer cannot be written.
pub(super) async fn run(args: Chat, signals: &Signals) -> Result<EndReason, Error> {
    let clock = Clock::start();
    let flags = Flags::from(&args.settings);
    let settings = ResolvedSettings::load(&args.endpoint, SessionKind::Realtime, flags)?;
    let files = NamedFiles::of(&settings);
    files.written("--trace", args.showing.trace.as_deref()).check()?;
    let target = Target::find(&settings)?.with_dial_options(&settings)?;
    // A conversation is a stream of lines on a terminal, too.
    let way = if args.showing.json { PresentationMode::Json } else { PresentationMode::Plain };
    let (question, typing) =
        if args.prompt.is_none() && settings.in_force.is_flag(Setting::Plain) && lines_are_piped()? {
            (None, StdinMode::Piped)
        } else {
            let question = question(args.prompt.as_deref())?;
            let typing = match (&question, way) {
                (Some(_), _) => StdinMode::Unused,
                (None, PresentationMode::Json) => StdinMode::Lines,
                (None, PresentationMode::Plain | PresentationMode::Screen) => StdinMode::Prompted,
            };
            (question, typing)
        };
    let call = Call {
        plan: plan::limited(plan::chat(&settings, question), &target, &settings),
        notes: settings.notes(&target.name),
        target,
        style: PlainStyle::Chat,
        mode: way,
        display: &args.showing,
        position: RunPosition::First,
        file: None,
        captions: None,
        script: None,
        stdin: typing,
        audio_options: None,
        feed: None,
        device_memory: settings.remember(),
    };
    call.run(clock, signals).await
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

/// Returns the single question: the prompt with what is piped in; `-` stands for standard input. None is asked
/// when both are absent and a person sits at the terminal.
fn question(prompt: Option<&str>) -> Result<Option<String>, Error> {
    let stdin = io::stdin();
    let is_stdin = prompt == Some("-");
    let piped = if stdin.is_terminal() && !is_stdin { None } else { Some(read_all(stdin.lock())?) };
    let prompt = prompt.filter(|_| !is_stdin);
    let parts =
        [prompt, piped.as_deref()].into_iter().flatten().map(str::trim).filter(|part| !part.is_empty());
    let question = parts.collect::<Vec<_>>().join("\n\n");
    if question.chars().count() > LONGEST_TEXT {
        return Err(Error::say(
            Kind::Usage,
            format!("the question is longer than {LONGEST_TEXT} characters"),
        )
        .hint("endpoints take no more in one piece; send a part of it"));
    }
    match (question.is_empty(), piped) {
        (false, _) => Ok(Some(question)),
        (true, None) if prompt.is_none() => Ok(None),
        (true, _) => Err(Error::say(Kind::Usage, "there is nothing to ask")
            .hint("give a question, as in: rtvoice chat \"What is a ring buffer?\"")),
    }
}

fn read_all(mut from: impl Read) -> Result<String, Error> {
    let mut text = String::new();
    let read = from.read_to_string(&mut text).context("cannot read standard input as text");
    read.map_err(|error| Error::new(Kind::Usage, error).hint("pipe text in UTF-8"))?;
    Ok(without_bom(&text).to_owned())
}
