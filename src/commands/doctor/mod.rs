//! `rtvoice doctor`: diagnoses configuration, network and audio problems.

mod report;
mod local;
mod dial;
mod probe;
mod findings;
mod sound;
mod echo;
mod write;

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::call::clock::Clock;
use crate::call::connect::connect;
use crate::call::setup::named_files::NamedFiles;
use crate::call::setup::plan;
use crate::call::setup::settings::{Flags, ResolvedSettings};
use crate::call::setup::target::{Target, dial_options};
use crate::call::streams::standard::{Localized, Stdout, charset, stdout};
use crate::call::streams::stderr::StderrSilencer;
use crate::call::trace::{ExistingTrace, SharedTrace, TraceFile};
use crate::cli::doctor::Doctor;
use crate::commands::doctor::findings::ProbedEndpoint;
use crate::commands::doctor::probe::calls;
use crate::commands::doctor::probe::observations::ProbeObservations;
use crate::commands::doctor::report::{Check, DoctorFinding, Level, Report, ReportFormat};
use crate::commands::doctor::sound::SoundSelection;
use crate::config::settings::Setting;
use crate::error::{Error, Kind};
use crate::net::dial::DialOptions;
use crate::net::dial::stream::NetStream;
use crate::net::endpoint::url::EndpointUrl;
use crate::net::ws::connection::WebSocketClient;
use crate::protocol::dialect::Dialect;
use crate::protocol::settings::SessionKind;
use crate::session::io::Handshake;
use crate::session::plan::{InputEndAction, Plan};
use crate::ui::text::charset::Charset;

/// Runs all checks; returns the exit code of the first failure.
///
/// # Errors
///
/// If the report cannot be written.
pub(super) async fn run(args: Doctor) -> Result<u8, Error> {
    // JSON is UTF-8 in every locale.
    let (format, charset) =
        if args.json { (ReportFormat::Json, Charset::Unicode) } else { (line_format(), charset()) };
    let report = Report::new(Localized::new(stdout(), charset), format);
    let mut run = DoctorRun { args, clock: Clock::start(), report, head: Map::new() };
    let mut flags = Flags::default();
    flags.text(Setting::Input, "--input", run.args.input.as_deref());
    flags.text(Setting::Output, "--output", run.args.output.as_deref());
    let loaded = ResolvedSettings::load(&run.args.endpoint, SessionKind::Realtime, flags);
    let chosen = match &loaded {
        Ok(settings) => {
            let args = &run.args;
            let files = NamedFiles::of(settings);
            files.written("--trace", args.trace.as_deref()).check()?;
            run.endpoint(settings).await?;
            SoundSelection::of(settings)
        }
        Err(error) => {
            run.without_settings(error);
            SoundSelection::asked(run.args.input.as_deref(), run.args.output.as_deref())
        }
    };
    run.sound(&chosen).await?;
    run.report.end(run.head)
}

/// Returns coloured lines for a terminal, unless `NO_COLOR` is set.
fn line_format() -> ReportFormat {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if stdout().is_terminal() && !no_color { ReportFormat::ColoredLines } else { ReportFormat::Lines }
}

/// One run of `rtvoice doctor`.
struct DoctorRun {
    args: Doctor,
    clock: Clock,
    report: Report<Localized<Stdout>>,
    /// First fields of the JSON report.
    head: Map<String, Value>,
}

/// Facts needed to dial.
struct DialTarget {
    url: EndpointUrl,
    plan: Plan,
    dial_options: DialOptions,
}

impl DoctorRun {
    fn without_settings(&mut self, error: &Error) {
        self.note("profile", Value::Null);
        self.note("url", Value::Null);
        self.note("dialect", Value::Null);
        self.report.add(DoctorFinding::failed(Check::Configuration, error));
        self.report.add(local::file_modes(None));
        self.report.skip(Check::Key.to(Check::Captions), "fix the configuration first");
    }

    /// Checks the endpoint from its configuration to its answers, as far as possible.
    async fn endpoint(&mut self, settings: &ResolvedSettings) -> Result<(), Error> {
        self.report.hide(settings.redactor());
        self.note("profile", settings.in_force.profile.clone());
        self.note("dialect", Value::Null);
        let ready = ready(settings);
        self.note("url", ready.as_ref().ok().map(|ready| ready.url.to_string()));
        self.report.add(match &ready {
            Ok(ready) => local::configuration(settings, &ready.url),
            Err(error) => DoctorFinding::failed(Check::Configuration, error),
        });
        self.report.add(local::file_modes(Some(settings)));
        let Ok(ready) = ready else {
            self.report.skip(Check::Key.to(Check::Captions), "fix the configuration first");
            return Ok(());
        };
        let target = match local::key(settings, &ready.url) {
            Ok((finding, target)) => {
                self.report.hide(target.redactor().and(settings.redactor()));
                self.report.add(finding);
                Target { dial_options: ready.dial_options, ..target }
            }
            Err(finding) => {
                self.report.add(finding);
                self.report.skip(Check::Dns.to(Check::Captions), "provide the key first");
                return Ok(());
            }
        };
        let trace = self.trace(&target)?;
        let arrived = dial::run(&target, self.clock).await;
        self.report.add_all(arrived.findings);
        let Some(link) = arrived.link else {
            self.report.skip(Check::Session.to(Check::Captions), "no connection");
            return Ok(());
        };
        let about =
            ProbedEndpoint { dialect: ready.plan.dialect, model: target.model(), is_asked: self.args.ask };
        let seen = self.probe((settings, ready.plan), (&target, link), trace).await?;
        self.note("dialect", seen.dialect.map(|dialect| dialect.as_str()));
        for finding in findings::of_probe(&seen, &about) {
            let writes = finding.check == Check::Dialect && self.args.write_dialect;
            self.report.add(if writes { written(finding, seen.dialect, settings, &target) } else { finding });
        }
        Ok(())
    }

    /// Opens the trace before dialling, so that an unusable file is reported at once.
    fn trace(&self, target: &Target) -> Result<Option<SharedTrace>, Error> {
        let path = self.args.trace.as_ref();
        let create = |path: &PathBuf| TraceFile::create(path, ExistingTrace::Replace, target.redactor());
        Ok(path.map(create).transpose()?.map(SharedTrace::new))
    }

    /// Makes the calls of the probe: the first on the open connection.
    async fn probe(
        &self,
        (settings, plan): (&ResolvedSettings, Plan),
        (target, link): (&Target, WebSocketClient<NetStream>),
        trace: Option<SharedTrace>,
    ) -> Result<ProbeObservations, Error> {
        let billable = if self.args.ask { calls::billable(settings, &plan)? } else { Vec::new() };
        let all = [calls::configured(plan)].into_iter().chain(billable).collect();
        let mut link = Some(link);
        let dial = async || match link.take() {
            Some(link) => Ok(link),
            None => connect(target, Handshake::Default).await.map(|connection| connection.link),
        };
        probe::run(all, target, dial, (self.clock, trace)).await
    }

    async fn sound(&mut self, chosen: &SoundSelection) -> Result<(), Error> {
        if self.args.no_sound {
            self.report.skip(Check::Microphone.to(Check::Echo), "--no-sound");
            return Ok(());
        }
        // Audio libraries write to standard error, so it is redirected while devices are in use.
        let quiet = StderrSilencer::start().map_err(|error| Error::new(Kind::Internal, error))?;
        let microphone = sound::microphone(chosen, self.clock).await;
        let mut levels = vec![microphone.level];
        self.report.add(microphone);
        let speaker = sound::speaker(chosen, self.clock).await;
        levels.push(speaker.level);
        self.report.add(speaker);
        self.echo(chosen, &levels).await;
        drop(quiet);
        Ok(())
    }

    /// Measures the echo path if both devices work and chirps are allowed.
    async fn echo(&mut self, chosen: &SoundSelection, levels: &[Level]) {
        let why = if self.args.no_chirp {
            "--no-chirp"
        } else if levels.contains(&Level::NotChecked) {
            "needs a microphone and a speaker"
        } else if levels.iter().any(|level| matches!(level, Level::Failure(_))) {
            "fix the microphone and speaker first"
        } else {
            self.report.announce(Check::Echo, echo::ANNOUNCED);
            let echo = echo::measure(chosen, self.clock).await;
            self.report.add(echo);
            return;
        };
        self.report.add(DoctorFinding::skipped(Check::Echo, why));
    }

    fn note(&mut self, name: &str, value: impl Into<Value>) {
        self.head.insert(name.to_owned(), value.into());
    }
}

/// Resolves everything needed to dial except the key.
fn ready(settings: &ResolvedSettings) -> Result<DialTarget, Error> {
    Ok(DialTarget {
        url: local::url(settings)?,
        plan: plan::talk(settings, InputEndAction::GoOn)?,
        dial_options: dial_options(settings)?,
    })
}

/// Writes the detected dialect to the configuration file.
fn written(
    finding: DoctorFinding,
    found: Option<Dialect>,
    settings: &ResolvedSettings,
    target: &Target,
) -> DoctorFinding {
    let Some(found) = found else {
        let said = format!("{}; nothing was written", finding.said);
        return DoctorFinding { said, ..finding };
    };
    match write::dialect(settings, target, found) {
        Ok(path) => {
            let profile = &settings.in_force.profile;
            let said = format!("{}; written to {} for the profile {profile}", found.as_str(), path.display());
            DoctorFinding { level: Level::Ok, hint: None, said, ..finding }.detail("written", true)
        }
        Err(error) => {
            DoctorFinding { details: finding.details, ..DoctorFinding::failed(Check::Dialect, &error) }
        }
    }
}
