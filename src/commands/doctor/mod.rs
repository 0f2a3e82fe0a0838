//! `rtvoice doctor`: why it does not work, one line a check.

mod report;
mod local;
mod way;
mod probe;
mod talk;
mod told;
mod sound;
mod echo;
mod write;

use serde_json::{Map, Value};

use crate::call::clock::Clock;
use crate::call::connect::dial_options;
use crate::call::setup::named_files::NamedFiles;
use crate::call::setup::plan;
use crate::call::setup::settings::{Flags, ResolvedSettings};
use crate::call::setup::target::Target;
use crate::call::streams::standard::{Localized, Stdout, charset, stdout};
use crate::call::streams::stderr::StderrSilencer;
use crate::call::trace::{ExistingTrace, TraceFile};
use crate::cli::doctor::Doctor;
use crate::commands::doctor::probe::{BillableChecks, Probe, ProbeObservations};
use crate::commands::doctor::report::{Check, DoctorFinding, Level, Report, ReportFormat};
use crate::commands::doctor::sound::SoundSelection;
use crate::commands::doctor::told::{BillableRequested, ProbedEndpoint};
use crate::config::settings::Setting;
use crate::dsp::frame::SampleRate;
use crate::dsp::resample::resample_clip;
use crate::error::{Error, Kind};
use crate::net::dial::DialOptions;
use crate::net::dial::stream::NetStream;
use crate::net::endpoint::url::EndpointUrl;
use crate::net::ws::connection::WebSocketClient;
use crate::protocol::dialect::Dialect;
use crate::protocol::settings::{AudioFormat, SessionKind};
use crate::server::demo;
use crate::session::plan::{InputEndAction, Plan};
use crate::ui::text::charset::Charset;

/// What the endpoint is given to caption.
const SPEECH: &str = "This is how it sounded.";

/// Finds out why it does not work; returns the exit code by the worst that was found.
///
/// # Errors
///
/// When what was found cannot be written.
pub(super) async fn run(args: Doctor) -> Result<u8, Error> {
    // A program that reads JSON reads UTF-8.
    let (form, charset) =
        if args.json { (ReportFormat::Json, Charset::Unicode) } else { (ReportFormat::Lines, charset()) };
    let report = Report::new(Localized::new(stdout(), charset), form);
    let mut examination = DoctorRun { args, clock: Clock::start(), report, head: Map::new() };
    let mut flags = Flags::default();
    flags.text(Setting::Input, "--input", examination.args.input.as_deref());
    flags.text(Setting::Output, "--output", examination.args.output.as_deref());
    let loaded = ResolvedSettings::load(&examination.args.endpoint, SessionKind::Realtime, flags);
    let chosen = match &loaded {
        Ok(settings) => {
            let args = &examination.args;
            let files = NamedFiles::of(settings, &args.endpoint);
            files.written("--trace", args.trace.as_deref()).check()?;
            examination.endpoint(settings).await?;
            SoundSelection::of(settings)
        }
        Err(error) => {
            examination.without_settings(error);
            SoundSelection::asked(examination.args.input.as_deref(), examination.args.output.as_deref())
        }
    };
    examination.sound(&chosen).await?;
    examination.report.end(examination.head)
}

/// One run of `rtvoice doctor`.
struct DoctorRun {
    args: Doctor,
    clock: Clock,
    report: Report<Localized<Stdout>>,
    /// What JSON begins with.
    head: Map<String, Value>,
}

/// What is needed to dial, as the settings have it.
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
        self.report.skip(Check::Key.to(Check::Captions), "the configuration has to be mended first");
    }

    /// Goes from the configuration to the last answer, as far as one rests on the other.
    async fn endpoint(&mut self, settings: &ResolvedSettings) -> Result<(), Error> {
        self.report.hide(settings.redactor());
        self.note("profile", settings.in_force.profile.clone());
        self.note("dialect", Value::Null);
        let ready = ready(settings, &self.args);
        self.note("url", ready.as_ref().ok().map(|ready| ready.url.to_string()));
        self.report.add(match &ready {
            Ok(ready) => local::configuration(settings, &ready.url),
            Err(error) => DoctorFinding::failed(Check::Configuration, error),
        });
        self.report.add(local::file_modes(Some(settings)));
        let Ok(ready) = ready else {
            self.report.skip(Check::Key.to(Check::Captions), "the configuration has to be mended first");
            return Ok(());
        };
        let mut target = match local::key(settings, &ready.url) {
            Ok((finding, target)) => {
                self.report.hide(target.redactor().and(settings.redactor()));
                self.report.add(finding);
                Target { dial_options: ready.dial_options, ..target }
            }
            Err(finding) => {
                self.report.add(finding);
                self.report.skip(Check::Dns.to(Check::Captions), "the key has to be there first");
                return Ok(());
            }
        };
        let trace = self.trace(&target)?;
        let arrived = way::go(&mut target, self.clock).await;
        self.report.add_all(arrived.findings);
        let Some(link) = arrived.link else {
            self.report.skip(Check::Session.to(Check::Captions), "there is no connection");
            return Ok(());
        };
        let about = ProbedEndpoint { dialect: ready.plan.dialect, model: target.model(), paid: self.asked() };
        let seen = self.probe(link, ready.plan, trace).await?;
        self.note("dialect", seen.dialect.map(|dialect| dialect.as_str()));
        for finding in told::findings(&seen, &about) {
            let writes = finding.check == Check::Dialect && self.args.write_dialect;
            self.report.add(if writes { written(finding, seen.dialect, settings, &target) } else { finding });
        }
        Ok(())
    }

    /// Begins the trace before anything is dialled: one that cannot be written is told at once.
    fn trace(&self, target: &Target) -> Result<Option<TraceFile>, Error> {
        let path = self.args.trace.as_ref();
        path.map(|path| TraceFile::create(path, ExistingTrace::Replace, target.redactor())).transpose()
    }

    async fn probe(
        &self,
        link: WebSocketClient<NetStream>,
        plan: Plan,
        trace: Option<TraceFile>,
    ) -> Result<ProbeObservations, Error> {
        let paid = match self.asked() {
            BillableRequested::No => BillableChecks::Not,
            BillableRequested::Yes => {
                BillableChecks::Asked { speech: speech(plan.settings.input_format.as_ref()) }
            }
        };
        let probe =
            Probe::new(probe::ProbePlan { settings: plan.settings_to_send(), dialect: plan.dialect, paid });
        talk::probe(link, probe, self.clock, trace).await
    }

    fn asked(&self) -> BillableRequested {
        if self.args.ask { BillableRequested::Yes } else { BillableRequested::No }
    }

    async fn sound(&mut self, chosen: &SoundSelection) -> Result<(), Error> {
        if self.args.no_sound {
            self.report.skip(Check::Microphone.to(Check::Echo), "--no-sound");
            return Ok(());
        }
        // Sound libraries write to standard error, and so must not find it where the user does.
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

    /// Measures the way from the speaker to the microphone, where there are both and it may be heard.
    async fn echo(&mut self, chosen: &SoundSelection, levels: &[Level]) {
        let why = if self.args.no_chirp {
            "--no-chirp"
        } else if levels.contains(&Level::NotChecked) {
            "it takes a microphone and a speaker"
        } else if levels.iter().any(|level| matches!(level, Level::Failure(_))) {
            "the microphone and the speaker have to work first"
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

/// Reads all that dialling needs, but for the key.
fn ready(settings: &ResolvedSettings, args: &Doctor) -> Result<DialTarget, Error> {
    Ok(DialTarget {
        url: local::url(settings)?,
        plan: plan::talk(settings, InputEndAction::GoOn)?,
        dial_options: dial_options(&args.endpoint, settings)?,
    })
}

/// Returns a few words in the format of the wire.
fn speech(format: Option<&AudioFormat>) -> Vec<u8> {
    let format = format.unwrap_or(&AudioFormat::PCM24K);
    let samples = demo::voice::clips::say(SPEECH);
    let rate = format.rate().unwrap_or(SampleRate::HZ_24000);
    format.codec().encode(&resample_clip(&samples, SampleRate::HZ_24000, rate))
}

/// Writes the dialect that was found into the configuration file, and says so.
fn written(
    finding: DoctorFinding,
    found: Option<Dialect>,
    settings: &ResolvedSettings,
    target: &Target,
) -> DoctorFinding {
    let Some(found) = found else {
        let said = format!("{}; nothing is written", finding.said);
        return DoctorFinding { said, ..finding };
    };
    match write::dialect(settings, target, found) {
        Ok(path) => {
            let profile = &settings.in_force.profile;
            let said =
                format!("{}; written for the profile {profile} into {}", found.as_str(), path.display());
            DoctorFinding { level: Level::Ok, hint: None, said, ..finding }.detail("written", true)
        }
        Err(error) => {
            DoctorFinding { details: finding.details, ..DoctorFinding::failed(Check::Dialect, &error) }
        }
    }
}
