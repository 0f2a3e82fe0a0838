//! From the settings in force to what is dialled.

use crate::call::connect::{dial_options, proxies};
use crate::call::setup::address::address;
use crate::call::setup::settings::{ResolvedSettings, host_of};
use crate::cli::{AuthArg, DialectArg, EndpointArgs};
use crate::config::credentials::{self, KeySearch, UnreadableVariable};
use crate::config::dotenv::SkippedFile;
use crate::config::settings::Setting;
use crate::config::values::BetaMarkerSetting;
use crate::error::{Error, Kind};
use crate::net::dial::DialOptions;
use crate::net::endpoint::redaction::Redactor;
use crate::net::endpoint::url::EndpointUrl;
use crate::net::endpoint::{Auth, BetaMarker, CleartextKeyPolicy, Endpoint, Purpose};
use crate::secret::Secret;

/// What is talked to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// How it is reached.
    pub(crate) way: EndpointRoute,
    /// Whether it is told that the beta protocol is meant.
    pub(crate) marker: BetaMarkerSetting,
    /// As the user may know it.
    pub(crate) name: String,
    /// How it is dialled, each time.
    pub(crate) dial_options: DialOptions,
}

/// How an endpoint is reached.
#[derive(Clone, Debug)]
pub(crate) enum EndpointRoute {
    /// It is in this process.
    Demo(Box<Endpoint>),
    /// Over the network.
    Network(Box<Endpoint>),
}

impl Target {
    /// Decides what is dialled, before anything is.
    ///
    /// # Errors
    ///
    /// When the URL is none, when a key or a model is missing, or when a key would go in the clear.
    pub(crate) fn find(settings: &ResolvedSettings) -> Result<Self, Error> {
        let in_force = &settings.in_force;
        let (url, purpose) = address(settings)?;
        let auth = auth(settings, &url)?;
        let name = url.host().to_owned();
        let mut endpoint = Endpoint::new(url, purpose, auth);
        let marker = marker(settings);
        endpoint.beta = match marker {
            BetaMarkerSetting::Never => BetaMarker::Absent,
            BetaMarkerSetting::Always | BetaMarkerSetting::Try => BetaMarker::Sent,
        };
        endpoint.organization = in_force.text(Setting::Organization).map(str::to_owned);
        endpoint.project = in_force.text(Setting::Project).map(str::to_owned);
        let safety = in_force.text(Setting::SafetyIdentifier);
        let safety = safety.map(|name| ("OpenAI-Safety-Identifier".to_owned(), name.to_owned()));
        endpoint.headers =
            safety.into_iter().chain(in_force.table(Setting::Headers).iter().cloned()).collect();
        if in_force.switch(Setting::AllowClearKey).unwrap_or(false) {
            endpoint.clear_key = CleartextKeyPolicy::Allowed;
        }
        check(&endpoint)?;
        if in_force.is_demo() {
            let way = EndpointRoute::Demo(Box::new(endpoint));
            return Ok(Self {
                way,
                marker,
                name: in_force.profile.clone(),
                dial_options: DialOptions::default(),
            });
        }
        Ok(Self {
            way: EndpointRoute::Network(Box::new(endpoint)),
            marker,
            name,
            dial_options: DialOptions::default(),
        })
    }

    /// Takes what the flags and the environment say on the way there.
    ///
    /// # Errors
    ///
    /// When the file of `--ca-file` is no file of certificates.
    pub(crate) fn dialled_as(self, args: &EndpointArgs, settings: &ResolvedSettings) -> Result<Self, Error> {
        Ok(Self { dial_options: dial_options(args, settings)?, ..self })
    }

    /// Returns the same endpoint without the marker of the beta protocol, where anything is dialled.
    pub(crate) fn without_marker(&self) -> Option<Endpoint> {
        match &self.way {
            EndpointRoute::Demo(_) => None,
            EndpointRoute::Network(endpoint) => {
                Some(Endpoint { beta: BetaMarker::Absent, ..Endpoint::clone(endpoint) })
            }
        }
    }

    /// Returns what hides this target's keys in the texts of others.
    pub(crate) fn redactor(&self) -> Redactor {
        match &self.way {
            EndpointRoute::Demo(endpoint) | EndpointRoute::Network(endpoint) => endpoint.redactor(),
        }
    }

    /// Returns the model that is asked for, where one is.
    pub(crate) fn model(&self) -> Option<String> {
        let (EndpointRoute::Demo(endpoint) | EndpointRoute::Network(endpoint)) = &self.way;
        match &endpoint.purpose {
            Purpose::Conversation { model } => model.clone(),
            Purpose::Transcription => None,
        }
    }

    /// Returns whether it is the endpoint built into the program.
    pub(crate) fn is_demo(&self) -> bool {
        matches!(self.way, EndpointRoute::Demo(_))
    }
}

/// The request is made once to see that it can be: nothing is dialled or written before.
fn check(endpoint: &Endpoint) -> Result<(), Error> {
    // A proxy setting that cannot be read is reported when dialling.
    let proxy = proxies().choose(&endpoint.url).ok().flatten();
    let through_proxy = proxy.map_or(Ok(()), |proxy| endpoint.check_clear_key_through(&proxy));
    let Err(error) = through_proxy.and_then(|()| endpoint.request().map(|_| ())) else { return Ok(()) };
    let hint = error.hint();
    let error = Error::new(Kind::Config, error);
    Err(match hint {
        Some(hint) => error.hint(hint),
        None => error,
    })
}

/// A server that is to speak beta by a flag wants to be told in the handshake, unless its profile knows
/// better; OpenAI refuses the marker, and is dialled without it unless beta was asked for.
fn marker(settings: &ResolvedSettings) -> BetaMarkerSetting {
    let in_force = &settings.in_force;
    let asked = match in_force.choice(Setting::Dialect) {
        Some(DialectArg::Beta) if in_force.is_set(Setting::Dialect) => BetaMarkerSetting::Always,
        Some(DialectArg::Auto | DialectArg::Ga | DialectArg::Beta | DialectArg::Mixed) | None => {
            BetaMarkerSetting::Never
        }
    };
    in_force.choice(Setting::BetaMarker).unwrap_or(asked)
}

fn auth(settings: &ResolvedSettings, url: &EndpointUrl) -> Result<Auth, Error> {
    let in_force = &settings.in_force;
    let way = in_force.choice(Setting::Auth).unwrap_or(AuthArg::Bearer);
    // Never two keys at once: gateways take the wrong one.
    if way == AuthArg::None || url.keys_in_query().next().is_some() {
        return Ok(Auth::None);
    }
    let search = find_key(settings, url);
    let Some(source) = &search.source else {
        // Somebody wrote a key for this endpoint, so that going without it would surprise.
        if let Some(UnreadableVariable { message, hint }) = search.unreadable.first() {
            return Err(Error::say(Kind::Config, message).hint(hint));
        }
        return if needs_key(settings, url) { Err(no_key(settings, url, &search)) } else { Ok(Auth::None) };
    };
    Ok(shown(way, in_force.text(Setting::AuthName), source.key()?))
}

/// Returns the key that the host of `url` may see, and those it may not.
pub(crate) fn find_key(settings: &ResolvedSettings, url: &EndpointUrl) -> KeySearch {
    credentials::search(&settings.in_force, &settings.sources, url.host(), host_of)
}

/// Where a profile names a key it wants one; servers on this machine want none.
fn needs_key(settings: &ResolvedSettings, url: &EndpointUrl) -> bool {
    let in_force = &settings.in_force;
    let names = |setting| in_force.get(setting).is_some();
    let names_one =
        !in_force.list(Setting::KeyEnv).is_empty() || names(Setting::Key) || names(Setting::KeyCommand);
    !url.is_loopback() && in_force.switch(Setting::NeedsKey).unwrap_or(names_one)
}

fn no_key(settings: &ResolvedSettings, url: &EndpointUrl, search: &KeySearch) -> Error {
    let (profile, host) = (&settings.in_force.profile, url.host());
    let places = credentials::places(&settings.in_force);
    if let Some(withheld) = search.withheld.first() {
        let error = format!("the key {withheld} is not for {host}");
        return Error::say(Kind::Config, error).hint(withheld_hint(settings, host));
    }
    let skipped = match settings.sources.env_file.skipped() {
        Some(SkippedFile::Folder) => "; .env in this folder is a folder".to_owned(),
        Some(SkippedFile::Unreadable(warning)) => format!("; {warning}"),
        None => String::new(),
    };
    Error::say(Kind::Config, format!("there is no key for the profile {profile}{skipped}")).hint(format!(
        "set {places} in the environment or in .env, or key_command in [profiles.{profile}] of {}; \
         or try it without a key: rtvoice talk --demo",
        settings.sources.file_name()
    ))
}

/// Returns what to do about a key that the host may not see, which depends on who chose the host.
fn withheld_hint(settings: &ResolvedSettings, host: &str) -> String {
    let (in_force, any) = (&settings.in_force, credentials::ANY_ENDPOINT);
    if in_force.is_endpoint_from_env_file() {
        return format!(
            ".env in this folder chooses {host}: choose it by --url or --profile, or put its key into .env"
        );
    }
    match in_force.base_url.as_ref().and_then(|base_url| base_url.origin.name()) {
        Some(variable) if in_force.is_base_url() => {
            format!("{variable} chooses {host}: set {any} to a key for it, or unset {variable}")
        }
        Some(variable) => {
            format!("it is for the host in {variable}: set {any} to a key for {host}, or unset {variable}")
        }
        None => format!(
            "if it is, set {any} in the environment to it, or name {host} in key_hosts of [profiles.{}] in {}",
            in_force.profile,
            settings.sources.file_name()
        ),
    }
}

fn shown(way: AuthArg, name: Option<&str>, key: Secret) -> Auth {
    let named = |usual: &str| name.unwrap_or(usual).to_owned();
    match way {
        AuthArg::None => Auth::None,
        AuthArg::Bearer => Auth::Bearer(key),
        AuthArg::Header => Auth::Header { name: named("api-key"), key },
        AuthArg::Subprotocol => Auth::Subprotocol(key),
        AuthArg::Query => Auth::Query { name: named("token"), key },
        AuthArg::BearerAndQuery => Auth::BearerAndQuery { name: named("token"), key },
    }
}

#[cfg(test)]
mod tests;
