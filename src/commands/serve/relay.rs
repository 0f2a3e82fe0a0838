//! `rtvoice serve --relay`: settings of the relay from flags, environment and `.env`, its log, and its end.

use std::fmt::Display;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, version};

use crate::call::setup::address::address;
use crate::call::setup::prices;
use crate::call::setup::settings::{Flags, ResolvedSettings};
use crate::call::setup::target::{EndpointRoute, Target, dial_options};
use crate::call::setup::transcription::transcription_model;
use crate::call::signals::Signals;
use crate::call::streams::standard::stdout;
use crate::cli::Serve;
use crate::commands::serve::bind;
use crate::config::settings::Setting;
use crate::config::sources::{EnvFile, Sources};
use crate::error::{Error, Kind};
use crate::net::endpoint::Endpoint;
use crate::protocol::settings::SessionKind;
use crate::secret::Secret;
use crate::server::http::origin::{AllowList, Host};
use crate::server::relay::admission::{AdmissionRules, TokenSet};
use crate::server::relay::limits::RelayLimits;
use crate::server::relay::listener::{self, RelayListeners};
use crate::server::relay::policy::EventPolicy;
use crate::server::relay::service::RelayOptions;
use crate::server::relay::upstream::Upstream;
use crate::session::io::{EndReason, UserCommand};

/// Default port, as in the examples of many other relays.
const PORT: u16 = 8000;

/// Shortest token: 16 hexadecimal digits are 64 random bits.
const TOKEN_MIN_CHARS: usize = 16;

/// Lines that may wait for standard output; further ones are dropped and counted.
const LOG_LINES: usize = 1_024;

/// Default seconds for calls to end by themselves: with the time for closing it is within the 30 s of Kubernetes.
const DRAIN_SECONDS: u32 = 20;

/// Number of SIGINT.
const INTERRUPT: i32 = 2;

/// Time for the last lines of the log.
const LOG_LIMIT: Duration = Duration::from_secs(1);

/// Model that captions speech, if no setting names one.
const CAPTION_MODEL: &str = "gpt-transcribe";

/// Relays until a signal arrives and calls have ended.
///
/// # Errors
///
/// If a setting is invalid, a port is taken, or a key is missing.
pub(super) async fn run(args: &Serve, signals: &Signals) -> Result<u8, Error> {
    let values = Values { sources: Sources::read(EnvFile::Read)? };
    let settings = ResolvedSettings::load(&args.endpoint, SessionKind::Realtime, Flags::default())?;
    let host = values.of(args.relay.host, "HOST")?.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let port = values.of(args.port, "PORT")?.unwrap_or(PORT);
    let calls = bind(SocketAddr::new(host, port)).await?;
    let bound = calls.local_addr().map_err(|error| Error::new(Kind::Internal, error))?;
    let metrics = match values.of(args.relay.metrics, "RELAY_METRICS")? {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let tls = tls(&values, args)?;
    let (options, notes) = options(&values, args, &settings, bound)?;
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let target = match &options.upstream.dial {
        Some(_) => options.upstream.conversation.url.host(),
        None => "the built-in endpoint",
    };
    let drain = values.of(args.relay.drain, "RELAY_DRAIN")?.unwrap_or(DRAIN_SECONDS);
    let drain = Duration::from_secs(drain.into());
    raise_file_limit();
    let started = json!({ "listening": bound.to_string(), "profile": settings.in_force.profile });
    let greeting = format!(
        "relaying to {target} (profile {})\nclients connect to {scheme}://{bound}/v1/realtime\n{}",
        settings.in_force.profile,
        settings.notes(target).into_iter().chain(notes).map(|note| format!("{note}\n")).collect::<String>()
    );
    // A closed standard error does not stop the server.
    let _ = std::io::stderr().write_all(greeting.as_bytes());
    let (log, log_rx) = mpsc::channel(LOG_LINES);
    let writing = tokio::task::spawn_blocking(move || write_log(log_rx));
    let _ = log.try_send(started.to_string());
    let (commands, mut commands_rx) = mpsc::channel(1);
    signals.listen_for_draining(&commands);
    let stop = async {
        match commands_rx.recv().await {
            // A person at a terminal does not wait.
            Some(UserCommand::HangUp(EndReason::Signal(INTERRUPT))) => Duration::ZERO,
            Some(_) | None => drain,
        }
    };
    listener::serve(RelayListeners { calls, metrics, tls }, options, log.clone(), stop).await;
    let ending = async {
        let _ = log.send(String::new()).await;
        let _ = writing.await;
    };
    let _ = timeout(LOG_LIMIT, ending).await;
    Ok(0)
}

/// Writes the log until an empty line. A closed standard output loses lines, but does not stop the relay.
fn write_log(mut lines: mpsc::Receiver<String>) {
    let mut stdout = stdout();
    while let Some(line) = lines.blocking_recv().filter(|line| !line.is_empty()) {
        let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    }
}

/// Settings that are variables and flags.
struct Values {
    sources: Sources,
}

impl Values {
    /// Returns the flag, else the variable.
    fn of<T>(&self, flag: Option<T>, variable: &str) -> Result<Option<T>, Error>
    where
        T: FromStr,
        T::Err: Display,
    {
        if flag.is_some() {
            return Ok(flag);
        }
        let text = self.text(variable)?;
        text.map(|text| text.parse().map_err(|error| invalid(variable, &error))).transpose()
    }

    fn text(&self, variable: &str) -> Result<Option<&str>, Error> {
        Ok(self.sources.variable(variable)?.map(|(value, _)| value))
    }

    /// Returns the values of a repeatable flag and those of the variable, which commas separate.
    fn list<T>(&self, flags: &[String], flag: &str, variable: &str) -> Result<Vec<T>, Error>
    where
        T: FromStr,
        T::Err: Display,
    {
        let by_flag = flags.iter().map(|value| (flag, value.as_str()));
        let by_variable = words(self.text(variable)?).map(|value| (variable, value));
        let parse = |(name, value): (&str, &str)| value.parse().map_err(|error| invalid(name, &error));
        by_flag.chain(by_variable).map(parse).collect()
    }

    /// Returns a limit, where 0 means none.
    fn limit(&self, flag: Option<u32>, variable: &str, default: Option<u32>) -> Result<Option<u32>, Error> {
        Ok(self.of(flag, variable)?.map_or(default, |limit| Some(limit).filter(|limit| *limit > 0)))
    }

    fn dollars(&self, flag: Option<f64>, variable: &str) -> Result<Option<f64>, Error> {
        match self.of(flag, variable)? {
            Some(usd) if !usd.is_finite() || usd < 0.0 => {
                Err(invalid(variable, &"expected dollars, such as 2.5"))
            }
            usd => Ok(usd.filter(|usd| *usd > 0.0)),
        }
    }

    /// Returns whether a switch is on. Other tools set `DEBUG` to anything.
    fn is_on(&self, variable: &str) -> Result<bool, Error> {
        let text = self.text(variable)?.unwrap_or_default().to_ascii_lowercase();
        Ok(["1", "true", "yes", "on"].contains(&text.as_str()))
    }

    /// Returns the named tokens: `name:token,name:token`.
    fn tokens(&self) -> Result<Vec<(String, Secret)>, Error> {
        let read = |(index, word): (usize, &str)| {
            let (name, token) = match word.split_once(':') {
                Some((name, token)) => (name.trim().to_owned(), token.trim()),
                None => (format!("token{}", index + 1), word),
            };
            // What a subprotocol may carry.
            let is_usable = |letter: char| letter.is_ascii_alphanumeric() || "-._~".contains(letter);
            if name.is_empty() || token.len() < TOKEN_MIN_CHARS || !token.chars().all(is_usable) {
                let error =
                    format!("the token of {name:?} in RELAY_TOKENS is too short or has other characters");
                let hint =
                    "tokens are 16 or more letters, digits or -._~, for example from: openssl rand -hex 16";
                return Err(Error::say(Kind::Config, error).hint(hint));
            }
            Ok((name, Secret::new(token)))
        };
        words(self.text("RELAY_TOKENS")?).enumerate().map(read).collect()
    }
}

fn words(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// Does not repeat the value, which may be a secret in the wrong place.
fn invalid(name: &str, error: &dyn Display) -> Error {
    Error::say(Kind::Config, format!("invalid value of {name}: {error}"))
}

/// Returns the options, and notes for the operator.
fn options(
    values: &Values,
    args: &Serve,
    settings: &ResolvedSettings,
    bound: SocketAddr,
) -> Result<(RelayOptions, Vec<String>), Error> {
    let in_force = &settings.in_force;
    let target = Target::find(settings)?;
    let prices = prices::at(&target, in_force);
    let limits = limits(values, args)?;
    if prices.is_none() && (limits.usd_per_call.is_some() || limits.usd_per_day.is_some()) {
        let error = format!("the prices of {} are unknown, so spending cannot be limited", target.name);
        return Err(
            Error::say(Kind::Config, error).hint("add prices to the profile in the configuration file")
        );
    }
    let trusted_proxies =
        values.list(&args.relay.trusted_proxy, "--trusted-proxy", "RELAY_TRUSTED_PROXIES")?;
    let hosts: Vec<Host> = values.list(&args.allow_host, "--allow-host", "RELAY_HOSTS")?;
    let origins = values.list(&args.allow_origin, "--allow-origin", "RELAY_ORIGINS")?;
    let mut notes = Vec::new();
    let mut tokens = values.tokens()?;
    // A relay that others can reach is never open.
    let is_private = bound.ip().is_loopback() && hosts.is_empty() && trusted_proxies.is_empty();
    if tokens.is_empty() && !is_private {
        let token = random_token()?;
        notes.push(format!("RELAY_TOKENS is not set; the token of this run is {token}"));
        tokens.push(("generated".to_owned(), Secret::new(token)));
    }
    let mut models: Vec<String> = words(values.text("RELAY_MODEL")?).map(str::to_owned).collect();
    if in_force.is_flag(Setting::Model) {
        models = in_force.text(Setting::Model).map(str::to_owned).into_iter().collect();
    }
    let upstream = upstream(args, settings, target)?;
    let own_instructions =
        in_force.text(Setting::Instructions).filter(|_| in_force.is_flag(Setting::Instructions));
    let policy = EventPolicy {
        model: None,
        is_locked: args.relay.lock_instructions || values.is_on("RELAY_LOCK")?,
        instructions: own_instructions.or(values.text("RELAY_INSTRUCTIONS")?).map(str::to_owned),
        max_output_tokens: values.limit(args.relay.max_output_tokens, "RELAY_MAX_OUTPUT_TOKENS", None)?,
    };
    let kib = values.limit(args.relay.max_message_kib, "RELAY_MAX_MESSAGE_KIB", Some(1_024))?;
    let tokens = TokenSet::new(&tokens).map_err(|_| no_random_numbers())?;
    let rules = AdmissionRules {
        allowed: AllowList::new(bound, &hosts, &origins),
        tokens,
        models,
        transcribes: upstream.transcription.is_some(),
    };
    let options = RelayOptions {
        rules,
        trusted_proxies,
        upstream,
        policy,
        limits,
        // Without a limit of the operator, that of the endpoint: an append of 15 MiB in base64.
        message_bytes: kib.map_or(32 << 20, |kib| kib as usize * 1_024),
        prices: prices.map(Rc::new),
        caption_model: transcription_model(settings).unwrap_or(CAPTION_MODEL).to_owned(),
        is_verbose: values.is_on("DEBUG")?,
    };
    Ok((options, notes))
}

fn limits(values: &Values, args: &Serve) -> Result<RelayLimits, Error> {
    let (flags, default) = (&args.relay, RelayLimits::default());
    let minutes = |flag, variable, default| {
        let minutes = values.limit(flag, variable, Some(default));
        minutes.map(|minutes| minutes.map(|minutes| Duration::from_mins(minutes.into())))
    };
    Ok(RelayLimits {
        calls: values.limit(flags.max_calls, "RELAY_MAX_CALLS", default.calls)?,
        calls_per_token: values.limit(
            flags.max_calls_per_token,
            "RELAY_MAX_CALLS_PER_TOKEN",
            default.calls_per_token,
        )?,
        calls_per_address: values.limit(
            flags.max_calls_per_address,
            "RELAY_MAX_CALLS_PER_ADDRESS",
            default.calls_per_address,
        )?,
        connects_per_minute: values.limit(
            flags.max_connects,
            "RELAY_MAX_CONNECTS",
            default.connects_per_minute,
        )?,
        duration: minutes(flags.max_minutes, "RELAY_MAX_MINUTES", 60)?,
        idle: minutes(flags.idle_minutes, "RELAY_IDLE_MINUTES", 10)?,
        usd_per_call: values.dollars(flags.max_cost, "RELAY_MAX_COST")?,
        usd_per_day: values.dollars(flags.max_cost_per_day, "RELAY_MAX_COST_PER_DAY")?,
    })
}

fn upstream(args: &Serve, settings: &ResolvedSettings, target: Target) -> Result<Upstream, Error> {
    let captions = ResolvedSettings::load(&args.endpoint, SessionKind::Transcription, Flags::default())?;
    // Endpoints without transcription sessions are relayed nevertheless.
    let captions = address(&captions).ok();
    let (conversation, dial) = match target.way {
        EndpointRoute::Demo(endpoint) => (*endpoint, None),
        EndpointRoute::Network(endpoint) => (*endpoint, Some(dial_options(settings)?)),
    };
    let transcription = captions.map(|(url, purpose)| Endpoint { url, purpose, ..conversation.clone() });
    Ok(Upstream { conversation, transcription, dial })
}

fn random_token() -> Result<String, Error> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| no_random_numbers())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn no_random_numbers() -> Error {
    Error::say(Kind::Internal, "the system has no random numbers")
}

/// Reads certificate and key, if both are given.
fn tls(values: &Values, args: &Serve) -> Result<Option<TlsAcceptor>, Error> {
    let cert: Option<PathBuf> = values.of(args.relay.cert.clone(), "RELAY_CERT")?;
    let key: Option<PathBuf> = values.of(args.relay.key.clone(), "RELAY_KEY")?;
    let (cert, key) = match (cert, key) {
        (Some(cert), Some(key)) => (cert, key),
        (None, None) => return Ok(None),
        (Some(_), None) | (None, Some(_)) => {
            let error = "TLS needs both a certificate and its key";
            return Err(
                Error::say(Kind::Config, error).hint("set --cert and --key, or neither behind a proxy")
            );
        }
    };
    let acceptor = acceptor(&cert, &key).map_err(|error| {
        Error::new(Kind::Config, error).hint("both files must be PEM, and the key must fit the certificate")
    })?;
    Ok(Some(acceptor))
}

fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, anyhow::Error> {
    let unreadable = |path: &Path| format!("cannot read {}", path.display());
    let chain = CertificateDer::pem_file_iter(cert).with_context(|| unreadable(cert))?;
    let chain = chain.collect::<Result<Vec<_>, _>>().with_context(|| unreadable(cert))?;
    let key = PrivateKeyDer::from_pem_file(key).with_context(|| unreadable(key))?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| format!("cannot use {}", cert.display()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Allows as many files as the system permits: each call needs two.
#[cfg(unix)]
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    // Fewer files only mean fewer calls.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

#[cfg(not(unix))]
fn raise_file_limit() {}
