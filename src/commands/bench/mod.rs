//! `rtvoice bench`: latency of this machine's audio path and of an endpoint.

mod findings;
mod table;
mod picture;
mod nearby;
mod sound;
mod endpoint;
mod asking;

use std::io::{self, Write};
use std::path::Path;

use crate::audio::options::{AudioOptions, AudioSink, AudioSource, Processing};
use crate::call::clock::Clock;
use crate::call::setup::named_files::NamedFiles;
use crate::call::setup::plan;
use crate::call::setup::settings::{Flags, ResolvedSettings};
use crate::call::setup::target::Target;
use crate::call::streams::stderr::StderrSilencer;
use crate::cli::Bench;
use crate::commands::bench::findings::Findings;
use crate::commands::print;
use crate::config::settings::Setting;
use crate::error::{Error, Kind};
use crate::files::{self, FileAccess, OutputFile, WriteMode};
use crate::protocol::settings::SessionKind;
use crate::session::plan::InputEndAction;
use crate::ui::text::sanitize;

/// Questions for the built-in endpoint, which is free.
const FREE_TURNS: u32 = 5;

/// Measures, reports, and returns the exit code.
///
/// # Errors
///
/// If an explicitly named endpoint, device or file cannot be used. Missing defaults are reported as not
/// measured.
pub(super) async fn run(args: &Bench) -> Result<u8, Error> {
    let clock = Clock::start();
    // Audio libraries write to standard error.
    let quiet = StderrSilencer::start().map_err(|error| Error::new(Kind::Internal, error))?;
    let mut flags = Flags::default();
    flags.text(Setting::Input, "--input", args.input.as_deref());
    flags.text(Setting::Output, "--output", args.output.as_deref());
    let settings = ResolvedSettings::load(&args.endpoint, SessionKind::Realtime, flags)?;
    let (input, output) = (settings.input(), settings.output());
    check_devices(&input, &output)?;
    NamedFiles::of(&settings).written("--svg", args.svg.as_deref()).check()?;
    // An unwritable file is reported before the measurement.
    let picture = args.svg.as_deref().map(open_picture).transpose()?;
    let target = Target::find(&settings).and_then(|target| target.with_dial_options(&settings));
    let named = is_named(args);
    let target = match target {
        Err(error) if named => return Err(error),
        target => target,
    };
    let plan = plan::talk(&settings, InputEndAction::GoOn)?;
    if let Ok(target) = &target {
        let mut status = quiet.writer().map_err(|error| Error::new(Kind::Internal, error))?;
        for note in settings.notes(&target.name) {
            // Notes are no reason to measure nothing.
            let _ = writeln!(status, "{}", sanitize::one_line(&note));
        }
    }
    // Echo cancellation would remove the test signal.
    let options =
        AudioOptions { processing: Processing::NONE, ..plan::audio(&settings, &plan, input, output) };
    let mut findings = Findings::of(target.as_ref().ok().map(|target| target.name.clone()));
    sound::measure(&options, &plan, clock, &mut findings).await?;
    let failed = match target {
        Ok(target) => {
            let turns = args.turns.unwrap_or(if target.is_demo() { FREE_TURNS } else { 0 });
            endpoint::measure(target, plan, (turns, clock), &mut findings).await.err()
        }
        Err(error) => Some(error),
    };
    findings.failed = failed.as_ref().map(|error| format!("{:#}", error.source));
    if let Some((path, file)) = picture {
        let written = file.begin(|mut file| file.write_all(picture::draw(&findings).as_bytes()));
        written.map_err(|error| cannot_write(path, error))?;
    }
    print_findings(args, &findings)?;
    match failed {
        Some(error) if named => Err(error),
        Some(_) | None => Ok(0),
    }
}

/// Named devices are required; a missing default is a finding.
fn is_named(args: &Bench) -> bool {
    let endpoint = &args.endpoint;
    endpoint.demo
        || endpoint.profile.is_some()
        || endpoint.settings.layer.contains_key(&Setting::Url)
        || args.turns.is_some()
}

fn check_devices(input: &AudioSource, output: &AudioSink) -> Result<(), Error> {
    let refused = |flag: &str| {
        Error::say(Kind::Usage, format!("{flag} needs a device or null: files and pipes have no latency"))
            .hint("omit it to measure the system default")
    };
    match input {
        AudioSource::File(_) | AudioSource::Stdin => return Err(refused("--input")),
        AudioSource::Device(_) | AudioSource::Null => {}
    }
    match output {
        AudioSink::File(_) | AudioSink::Stdout => Err(refused("--output")),
        AudioSink::Device(_) | AudioSink::Null => Ok(()),
    }
}

fn open_picture(path: &Path) -> Result<(&Path, OutputFile), Error> {
    let file = OutputFile::open(path, FileAccess::Shared, WriteMode::Overwrite);
    file.map(|file| (path, file)).map_err(|error| cannot_write(path, error))
}

fn cannot_write(path: &Path, error: io::Error) -> Error {
    let hint = files::hint(&error).unwrap_or("check that the folder exists and that you may write there");
    let error = anyhow::Error::new(error).context(format!("cannot write {}", path.display()));
    Error::new(Kind::Device, error).hint(hint)
}

fn print_findings(args: &Bench, findings: &Findings) -> Result<(), Error> {
    let text = if args.json { table::json(findings) } else { table::text(findings) };
    print(text.as_bytes()).map(|_| ())
}
