//! Converts settings in force to the endpoint to dial.

use std::env;

use crate::call::setup::address::address;
use crate::call::setup::settings::{ResolvedSettings, host_of};
use crate::config::credentials::{self, KeySearch, UnreadableVariable};
use crate::config::dotenv::SkippedFile;
use crate::config::settings::Setting;
use crate::config::values::{AuthSetting, BetaMarkerSetting, DialectSetting};
use crate::error::{Error, Kind};
use crate::net::dial::DialOptions;
use crate::net::dial::tls::read_ca_file;
use crate::net::endpoint::redaction::Redactor;
use crate::net::endpoint::url::EndpointUrl;
use crate::net::endpoint::{Auth, BetaMarker, CleartextKeyPolicy, Endpoint, Purpose};
use crate::net::proxy::ProxySettings;
use crate::secret::Secret;

/// Endpoint of a call.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Route to it.
    pub(crate) way: EndpointRoute,
    /// When the handshake carries the beta marker.
    pub(crate) marker: BetaMarkerSetting,
    /// Name for messages.
    pub(crate) name: String,
    /// Options of each connection.
    pub(crate) dial_options: DialOptions,
}

/// Route to an endpoint.
#[derive(Clone, Debug)]
pub(crate) enum EndpointRoute {
    /// In this process.
    Demo(Box<Endpoint>),
    /// Over the network.
    Network(Box<Endpoint>),
}

impl Target {
    /// Determines the endpoint without dialling.
    ///
    /// # Errors
    ///
    /// When the URL is invalid, a key or a model is missing, or a key would be sent unencrypted.
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
        if in_force.is_true(Setting::AllowClearKey) {
            endpoint.clear_key = CleartextKeyPolicy::Allowed;
        }
        check(&endpoint)?;
        let endpoint = Box::new(endpoint);
        let (way, name) = match in_force.is_demo() {
            true => (EndpointRoute::Demo(endpoint), in_force.profile.clone()),
            false => (EndpointRoute::Network(endpoint), name),
        };
        Ok(Self { way, marker, name, dial_options: DialOptions::default() })
    }

    /// Returns the endpoint with the dial options of the settings and the environment.
    ///
    /// # Errors
    ///
    /// When the file of certificate authorities is invalid.
    pub(crate) fn with_dial_options(self, settings: &ResolvedSettings) -> Result<Self, Error> {
        Ok(Self { dial_options: dial_options(settings)?, ..self })
    }

    /// Returns the same endpoint without the beta marker; none for the demo.
    pub(crate) fn without_marker(&self) -> Option<Endpoint> {
        match &self.way {
            EndpointRoute::Demo(_) => None,
            EndpointRoute::Network(endpoint) => {
                Some(Endpoint { beta: BetaMarker::Absent, ..Endpoint::clone(endpoint) })
            }
        }
    }

    /// Returns a redactor of the keys of this target.
    pub(crate) fn redactor(&self) -> Redactor {
        match &self.way {
            EndpointRoute::Demo(endpoint) | EndpointRoute::Network(endpoint) => endpoint.redactor(),
        }
    }

    /// Returns the requested model.
    pub(crate) fn model(&self) -> Option<String> {
        let (EndpointRoute::Demo(endpoint) | EndpointRoute::Network(endpoint)) = &self.way;
        match &endpoint.purpose {
            Purpose::Conversation { model } => model.clone(),
            Purpose::Transcription => None,
        }
    }

    /// Requests another model. Returns whether that is possible: the URL must not name one.
    pub(crate) fn set_model(&mut self, name: String) -> bool {
        let (EndpointRoute::Demo(endpoint) | EndpointRoute::Network(endpoint)) = &mut self.way;
        let is_free = !endpoint.url_names_a_model();
        match &mut endpoint.purpose {
            Purpose::Conversation { model } if is_free => {
                *model = Some(name);
                true
            }
            Purpose::Conversation { .. } | Purpose::Transcription => false,
        }
    }

    /// Returns whether it is the built-in endpoint.
    pub(crate) fn is_demo(&self) -> bool {
        matches!(self.way, EndpointRoute::Demo(_))
    }
}

/// Returns how to dial: additional certificate authorities, and the proxies of the environment.
///
/// # Errors
///
/// When the file of certificate authorities is invalid.
pub(crate) fn dial_options(settings: &ResolvedSettings) -> Result<DialOptions, Error> {
    let extra_roots = settings.ca_file().as_deref().map(read_ca_file).transpose().map_err(|error| {
        let hint = error.hint();
        Error::new(Kind::Config, error).hint(hint)
    })?;
    Ok(DialOptions {
        extra_roots: extra_roots.unwrap_or_default(),
        proxies: proxies(),
        ..DialOptions::default()
    })
}

/// Returns the proxies of the environment. A value that is not text is reported as an unusable address when it is
/// needed.
fn proxies() -> ProxySettings {
    ProxySettings::read(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
}

/// Builds the request once, so that its errors are reported before anything is dialled or written.
fn check(endpoint: &Endpoint) -> Result<(), Error> {
    // An invalid proxy setting is reported when dialling.
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

/// A server for which the user selects beta gets the marker unless its profile configures otherwise. OpenAI refuses
/// the marker, so it is not sent by default.
fn marker(settings: &ResolvedSettings) -> BetaMarkerSetting {
    let in_force = &settings.in_force;
    let default = match in_force.choice(Setting::Dialect) {
        Some(DialectSetting::Beta) if in_force.is_set(Setting::Dialect) => BetaMarkerSetting::Always,
        Some(DialectSetting::Auto | DialectSetting::Ga | DialectSetting::Beta | DialectSetting::Mixed)
        | None => BetaMarkerSetting::Never,
    };
    in_force.choice(Setting::BetaMarker).unwrap_or(default)
}

fn auth(settings: &ResolvedSettings, url: &EndpointUrl) -> Result<Auth, Error> {
    let in_force = &settings.in_force;
    let way = in_force.choice(Setting::Auth).unwrap_or(AuthSetting::Bearer);
    // Never send two keys: gateways may use the wrong one.
    if way == AuthSetting::None || url.keys_in_query().next().is_some() {
        return Ok(Auth::None);
    }
    let search = find_key(settings, url);
    let Some(source) = &search.source else {
        // A key was configured, so dialling without one would be surprising.
        if let Some(UnreadableVariable { message, hint }) = search.unreadable.first() {
            return Err(Error::say(Kind::Config, message).hint(hint));
        }
        return if needs_key(settings, url) { Err(no_key(settings, url, &search)) } else { Ok(Auth::None) };
    };
    Ok(auth_with_key(way, in_force.text(Setting::AuthName), source.key()?))
}

/// Searches the key that the host of `url` may receive.
pub(crate) fn find_key(settings: &ResolvedSettings, url: &EndpointUrl) -> KeySearch {
    credentials::search(&settings.in_force, &settings.sources, url.host(), host_of)
}

/// A profile that names a key requires one; servers on this machine do not.
fn needs_key(settings: &ResolvedSettings, url: &EndpointUrl) -> bool {
    let in_force = &settings.in_force;
    let has = |setting| in_force.get(setting).is_some();
    let names_key =
        !in_force.list(Setting::KeyEnv).is_empty() || has(Setting::Key) || has(Setting::KeyCommand);
    let is_required = if has(Setting::NeedsKey) { in_force.is_true(Setting::NeedsKey) } else { names_key };
    !url.is_loopback() && is_required
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
    Error::say(Kind::Config, format!("no key for the profile {profile}{skipped}")).hint(format!(
        "set {places} in the environment or in .env, or key_command in [profiles.{profile}] of {}; \
         or try without a key: rtvoice talk --demo",
        settings.sources.file_name()
    ))
}

/// Returns the hint for a key that the host may not receive, by the origin of the host.
fn withheld_hint(settings: &ResolvedSettings, host: &str) -> String {
    let (in_force, any) = (&settings.in_force, credentials::ANY_ENDPOINT);
    if in_force.is_endpoint_from_env_file() {
        return format!(
            ".env in this folder selects {host}: select it with --url or --profile, or add its key to .env"
        );
    }
    match in_force.base_url.as_ref().and_then(|base_url| base_url.origin.name()) {
        Some(variable) if in_force.is_base_url() => {
            format!("{variable} selects {host}: set {any} to a key for it, or unset {variable}")
        }
        Some(variable) => {
            format!("it is for the host in {variable}: set {any} to a key for {host}, or unset {variable}")
        }
        None => format!(
            "to send it anyway, set {any} in the environment, or add {host} to key_hosts of [profiles.{}] in {}",
            in_force.profile,
            settings.sources.file_name()
        ),
    }
}

fn auth_with_key(way: AuthSetting, name: Option<&str>, key: Secret) -> Auth {
    let named = |default: &str| name.unwrap_or(default).to_owned();
    match way {
        AuthSetting::None => Auth::None,
        AuthSetting::Bearer => Auth::Bearer(key),
        AuthSetting::Header => Auth::Header { name: named("api-key"), key },
        AuthSetting::Subprotocol => Auth::Subprotocol(key),
        AuthSetting::Query => Auth::Query { name: named("token"), key },
        AuthSetting::BearerAndQuery => Auth::BearerAndQuery { name: named("token"), key },
    }
}

#[cfg(test)]
mod tests;
