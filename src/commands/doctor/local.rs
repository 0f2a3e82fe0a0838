//! Local checks: configuration, file modes, key.

use std::path::{Path, PathBuf};

use crate::call::setup::address::address;
use crate::call::setup::settings::ResolvedSettings;
use crate::call::setup::target::{EndpointRoute, Target, find_key};
use crate::commands::doctor::report::{Check, DoctorFinding, Level};
use crate::config::credentials::KeySource;
use crate::config::paths;
use crate::config::regular_file::{self, FileReadError};
use crate::config::settings::Setting;
use crate::config::value::{Value, ValueOrigin};
use crate::error::{Error, Kind};
use crate::net::endpoint::url::EndpointUrl;
use crate::net::endpoint::{Auth, Endpoint};

/// Reports the address and the source of each part of it.
pub(super) fn configuration(settings: &ResolvedSettings, url: &EndpointUrl) -> DoctorFinding {
    let in_force = &settings.in_force;
    let path = settings.sources.path.as_ref();
    let file = match path {
        Some(path) if path.exists() => format!("file {}", path.display()),
        Some(_) | None => "no file".to_owned(),
    };
    let profile = &in_force.profile;
    let origin = |setting| in_force.get(setting).map(|said| &said.origin);
    let url_by = origin(Setting::Url).filter(|by| **by != ValueOrigin::BuiltIn).map(|by| format!(" ({by})"));
    let said = format!(
        "profile {profile} ({}), {}, {file}",
        in_force.chosen_by,
        if in_force.is_demo() {
            "the built-in endpoint".to_owned()
        } else {
            format!("dials {url}{}", url_by.unwrap_or_default())
        }
    );
    let mut said = vec![said];
    if in_force.is_endpoint_from_env_file() {
        said.push(format!("endpoint {}, chosen by .env in this folder", url.host()));
    }
    let warnings = &settings.sources.warnings;
    said.extend(warnings.iter().cloned());
    let mut finding = DoctorFinding::ok(Check::Configuration, said.join("; "));
    if !warnings.is_empty() {
        finding.level = Level::Warning;
    }
    finding
        .detail("profile", profile.clone())
        .detail("profile_source", in_force.chosen_by.to_string())
        .detail("url", url.to_string())
        .detail("url_source", origin(Setting::Url).map(ToString::to_string))
        .detail("model_source", origin(Setting::Model).map(ToString::to_string))
        .detail("file", path.filter(|path| path.exists()).map(|path| path.display().to_string()))
}

/// Returns the URL to dial.
///
/// # Errors
///
/// If there is none, or a setting that it needs is missing.
pub(super) fn url(settings: &ResolvedSettings) -> Result<EndpointUrl, Error> {
    address(settings).map(|(url, _)| url)
}

/// Reports whether other users can access the files with settings and keys.
pub(super) fn file_modes(settings: Option<&ResolvedSettings>) -> DoctorFinding {
    let check = Check::FileModes;
    let file = paths::config_file();
    let seen = file.as_deref().map(|path| (path, mode(path)));
    let mut said = Vec::new();
    let mut finding = DoctorFinding::ok(check, "");
    match seen {
        None => said.push("no folder for a configuration file".to_owned()),
        Some((path, Err(FileReadError::Absent))) => {
            said.push(format!("{} does not exist", path.display()));
        }
        Some((path, Err(error))) => {
            said.push(format!("cannot read {}: {error}", path.display()));
            finding = finding.hint(format!("make it readable: chmod 600 {}", path.display()));
            finding.level = Level::Failure(Kind::Config);
        }
        Some((path, Ok(mode))) => {
            said.push(format!("{} has mode {mode:03o}", path.display()));
            finding = finding.detail("config_mode", format!("{mode:03o}"));
            if mode & 0o022 != 0 {
                said.push("other users can change it".to_owned());
                finding = finding.hint(format!("restrict it: chmod 600 {}", path.display()));
                finding.level = Level::Warning;
            }
        }
    }
    let env_file = settings.filter(|settings| key_is_in_env_file(settings)).map(|_| PathBuf::from(".env"));
    if let Some(Ok(mode)) = env_file.as_deref().map(mode) {
        said.push(format!(".env has mode {mode:03o}"));
        finding = finding.detail("env_mode", format!("{mode:03o}"));
        if mode & 0o077 != 0 && finding.level == Level::Ok {
            said.push("other users can read its key".to_owned());
            finding = finding.hint("restrict it: chmod 600 .env");
            finding.level = Level::Warning;
        }
    }
    DoctorFinding { said: said.join(", "), ..finding }
}

/// Opens the file, because permissions may depend on its owner, and a FIFO must not block.
fn mode(path: &Path) -> Result<u32, FileReadError> {
    let (_, metadata) = regular_file::read(path)?;
    #[cfg(unix)]
    return Ok(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777);
    #[cfg(not(unix))]
    return Ok(if metadata.permissions().readonly() { 0o400 } else { 0o600 });
}

fn key_is_in_env_file(settings: &ResolvedSettings) -> bool {
    let Ok(url) = url(settings) else { return false };
    let search = find_key(settings, &url);
    search.source.is_some_and(|source| matches!(source.origin(), ValueOrigin::EnvFile(_)))
}

/// Reports where the key was found, and returns the target with it.
///
/// # Errors
///
/// A failure if the key is missing, cannot be read, or must not be sent to this host.
pub(super) fn key(
    settings: &ResolvedSettings,
    url: &EndpointUrl,
) -> Result<(DoctorFinding, Target), DoctorFinding> {
    let check = Check::Key;
    let search = find_key(settings, url);
    let target = Target::find(settings).map_err(|error| DoctorFinding::failed(check, &error))?;
    let (EndpointRoute::Demo(endpoint) | EndpointRoute::Network(endpoint)) = &target.way;
    let withheld = search.withheld.iter().map(|key| format!("; not sent to this host: the key {key}"));
    let withheld: String = withheld.collect();
    let finding = match (&search.source, shown(endpoint)) {
        (Some(source), Some(way)) => {
            let said = format!("found: {}, sent {way}{withheld}", place_of(source));
            DoctorFinding::ok(check, said).detail("source", source.origin().to_string())
        }
        (Some(source), None) => {
            let said = format!("found: {}, not sent{withheld}", place_of(source));
            DoctorFinding::ok(check, said).detail("source", source.origin().to_string())
        }
        (None, _) if url.keys_in_query().next().is_some() => {
            DoctorFinding::ok(check, "part of the URL").detail("source", "url")
        }
        (None, _) => without_key(settings, &withheld),
    };
    let finding =
        finding.detail("found", search.source.is_some()).detail("withheld", search.withheld.clone());
    let by_command = matches!(search.source, Some(KeySource::Command { .. }));
    Ok((finding.detail("by_command", by_command), target))
}

/// Returns where a key was found; never the key itself.
fn place_of(source: &KeySource) -> String {
    match source {
        KeySource::Variable { origin, .. } => origin.to_string(),
        KeySource::File { origin, .. } | KeySource::Command { origin, .. } => format!("{origin}, {source}"),
    }
}

fn without_key(settings: &ResolvedSettings, withheld: &str) -> DoctorFinding {
    let said = format!("none, not needed{withheld}");
    let header = matches!(
        settings.in_force.get(Setting::Headers).map(|said| &said.value),
        Some(Value::Table(pairs)) if !pairs.is_empty()
    );
    let said = if header { format!("{said}; the headers of the profile are sent") } else { said };
    DoctorFinding::ok(Check::Key, said).detail("source", serde_json::Value::Null)
}

fn shown(endpoint: &Endpoint) -> Option<&'static str> {
    match endpoint.auth {
        Auth::None => None,
        Auth::Bearer(_) => Some("as a bearer token"),
        Auth::Header { .. } => Some("in its own header"),
        Auth::Subprotocol(_) => Some("as a subprotocol"),
        Auth::Query { .. } => Some("in the URL"),
        Auth::BearerAndQuery { .. } => Some("as a bearer token and in the URL"),
    }
}
