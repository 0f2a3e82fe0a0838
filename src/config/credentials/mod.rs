//! Search for the API key, and the hosts that may receive it. A key never comes from a flag.
//!
//! The key of one profile is never sent to the host of another, and a `.env` in a foreign folder cannot redirect
//! a key that does not come from it.

pub mod key_command;

use std::fmt;

use crate::config::dotenv::MalformedLine;
use crate::config::layers::{EffectiveSettings, HostOf, is_host};
use crate::config::settings::Setting;
use crate::config::sources::{Sources, bad_line};
use crate::config::value::{Sourced, Value, ValueOrigin};
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// Variable that holds a key for any endpoint.
pub const ANY_ENDPOINT: &str = "RTVOICE_API_KEY";

/// Source of a key. Finding it runs no command.
#[derive(Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A variable of the environment or of `.env`.
    Variable {
        /// Its name and place.
        origin: ValueOrigin,
        /// The key.
        key: Secret,
    },
    /// The configuration file.
    File {
        /// Its line.
        origin: ValueOrigin,
        /// The key.
        key: Secret,
    },
    /// A command that prints it.
    Command {
        /// Its line.
        origin: ValueOrigin,
        /// Command line for the shell.
        command: String,
    },
}

/// Result of the search for a key.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeySearch {
    /// Key to use.
    pub source: Option<KeySource>,
    /// Places of keys that this host may not receive.
    pub withheld: Vec<String>,
    /// Malformed lines of `.env` that should hold a key.
    pub unreadable: Vec<UnreadableVariable>,
}

/// Malformed variable of `.env`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableVariable {
    /// The cause, with the number of the line.
    pub message: String,
    /// How to fix it.
    pub hint: String,
}

impl KeySource {
    /// Returns the key, which may run a command.
    ///
    /// # Errors
    ///
    /// When the command fails, prints nothing, or takes too long, and when the key is still in quotes.
    pub fn key(&self) -> Result<Secret, Error> {
        let key = match self {
            Self::Variable { key, .. } | Self::File { key, .. } => key.clone(),
            Self::Command { command, .. } => key_command::run(command, key_command::LIMIT)?,
        };
        // Docker's --env-file and set on Windows keep the quotes that shells remove.
        let quotes = ['"', '\''];
        if key.reveal().starts_with(quotes) || key.reveal().ends_with(quotes) {
            let error = format!("the key {self} has quotes around it");
            return Err(
                Error::say(Kind::Config, error).hint("remove the quotes: they are not part of the key")
            );
        }
        Ok(key)
    }

    /// Returns its origin.
    pub fn origin(&self) -> &ValueOrigin {
        match self {
            Self::Variable { origin, .. } | Self::File { origin, .. } | Self::Command { origin, .. } => {
                origin
            }
        }
    }
}

/// Without the key.
impl fmt::Display for KeySource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { origin, .. } => write!(formatter, "in {}", origin.name().unwrap_or_default()),
            Self::File { .. } => formatter.write_str("in key"),
            Self::Command { .. } => formatter.write_str("by key_command"),
        }
    }
}

/// Searches a key that `host` may receive: `RTVOICE_API_KEY`, then the profile's variables, its `key` and its
/// `key_command`.
pub fn search(in_force: &EffectiveSettings, sources: &Sources, host: &str, host_of: HostOf) -> KeySearch {
    let policy = KeyPolicy { in_force, host, host_of };
    let mut search = KeySearch::default();
    if let Some((key, origin)) = search.variable(sources, ANY_ENDPOINT) {
        let may = policy.may_receive_any(&origin);
        search.offer(KeySource::Variable { origin, key }, may);
    }
    for name in in_force.list(Setting::KeyEnv) {
        let Some((key, origin)) = search.variable(sources, name) else { continue };
        let may = policy.may_receive_own(Setting::KeyEnv, &origin);
        search.offer(KeySource::Variable { origin, key }, may);
    }
    if let Some(Sourced { value: Value::Secret(key), origin }) = in_force.get(Setting::Key) {
        let source = KeySource::File { origin: origin.clone(), key: key.clone() };
        search.offer(source, policy.may_receive_own(Setting::Key, origin));
    }
    if let Some(Sourced { value: Value::Text(command), origin }) = in_force.get(Setting::KeyCommand) {
        let source = KeySource::Command { origin: origin.clone(), command: command.clone() };
        search.offer(source, policy.may_receive_own(Setting::KeyCommand, origin));
    }
    search
}

/// Returns all keys of all profiles for redaction, without running commands.
pub fn known(sources: &Sources) -> Vec<Secret> {
    let profiles = sources.user.profiles.values().chain(sources.built_in.profiles.values());
    let layers: Vec<_> = profiles.map(|profile| &profile.layer).chain([&sources.user.defaults]).collect();
    let values =
        |setting| layers.iter().filter_map(move |layer| layer.get(&setting)).map(|value| &value.value);
    let names = values(Setting::KeyEnv).flat_map(|value| match value {
        Value::List(names) => names.as_slice(),
        Value::Text(_)
        | Value::Path(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Bool(_)
        | Value::Table(_)
        | Value::Secret(_) => &[],
    });
    let names = names.map(String::as_str).chain([ANY_ENDPOINT]);
    let in_variables =
        names.filter_map(|name| sources.variable(name).ok().flatten()).map(|(key, _)| Secret::new(key));
    let in_file = values(Setting::Key).filter_map(|value| {
        let Value::Secret(key) = value else { return None };
        Some(key.clone())
    });
    in_variables.chain(in_file).collect()
}

/// Returns the variables that may hold a key for the profile, for messages.
pub fn places(in_force: &EffectiveSettings) -> String {
    let own = in_force.list(Setting::KeyEnv).iter().map(String::as_str);
    own.chain([ANY_ENDPOINT]).collect::<Vec<_>>().join(" or ")
}

impl KeySearch {
    /// Returns a variable. A malformed line is only recorded, since another place may hold the key.
    fn variable(&mut self, sources: &Sources, name: &str) -> Option<(Secret, ValueOrigin)> {
        let found = match sources.variable(name) {
            // The rest of a line meant as a comment, or two keys.
            Ok(Some((key, ValueOrigin::EnvFile(_)))) if key.contains(char::is_whitespace) => {
                let line = sources.env_file.line(name);
                Err(bad_line(name, MalformedLine { line, reason: "a key contains no blanks" }))
            }
            found => found,
        };
        match found {
            Ok(found) => found.map(|(key, origin)| (Secret::new(key), origin)),
            Err(Error { hint, source, .. }) => {
                let unreadable =
                    UnreadableVariable { message: source.to_string(), hint: hint.unwrap_or_default() };
                self.unreadable.push(unreadable);
                None
            }
        }
    }

    fn offer(&mut self, source: KeySource, may: KeyPermission) {
        match (may, &self.source) {
            (KeyPermission::Yes, None) => self.source = Some(source),
            (KeyPermission::No, None) => self.withheld.push(source.to_string()),
            (KeyPermission::Yes | KeyPermission::No, Some(_)) => {}
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyPermission {
    Yes,
    No,
}

/// Decides whether a host may receive a key.
struct KeyPolicy<'a> {
    in_force: &'a EffectiveSettings,
    host: &'a str,
    host_of: HostOf,
}

impl KeyPolicy<'_> {
    /// The key for any endpoint goes to every host that the user chooses, but not to one that a folder chooses.
    fn may_receive_any(&self, key_from: &ValueOrigin) -> KeyPermission {
        match self.in_force.is_endpoint_from_env_file() && !is_env_file(key_from) {
            true => KeyPermission::No,
            false => KeyPermission::Yes,
        }
    }

    /// The profile's own key, configured by `named_in`, goes to the profile's hosts.
    fn may_receive_own(&self, named_in: Setting, key_from: &ValueOrigin) -> KeyPermission {
        if self.is_chosen_by_folder() && !is_env_file(key_from) {
            return KeyPermission::No;
        }
        if let Some(gateway) = self.gateway_of(named_in, key_from) {
            return if gateway == self.host { KeyPermission::Yes } else { KeyPermission::No };
        }
        let listed = self.is_listed(self.host);
        // A key is meant for the URL of the same or of an inherited profile. A URL above the key does not
        // redirect it.
        let depths = (self.in_force.depth(named_in), self.in_force.depth(Setting::Url));
        let is_on_top = matches!(depths, (Some(key), Some(url)) if key <= url);
        let own_url = self.in_force.own_url.as_ref().map(|value| &value.value);
        let meant = is_on_top && matches!(own_url, Some(Value::Text(url)) if self.is_host_of(url));
        if listed || meant { KeyPermission::Yes } else { KeyPermission::No }
    }

    /// Returns the host in a variable of `url_env`, unless it is one of the profile's. The key variables of the
    /// same profile then hold that gateway's key, as in OpenAI's libraries.
    fn gateway_of(&self, named_in: Setting, key_from: &ValueOrigin) -> Option<String> {
        let base = self.in_force.base_url.as_ref().filter(|_| named_in == Setting::KeyEnv)?;
        let Value::Text(url) = &base.value else { return None };
        // The base URL of a folder does not concern a key of the environment.
        if is_env_file(&base.origin) && !is_env_file(key_from) {
            return None;
        }
        let is_same_profile = self.in_force.depth(Setting::KeyEnv) == self.in_force.depth(Setting::UrlEnv);
        // An invalid base URL has no host, and its key is not sent.
        let host = (self.host_of)(url).unwrap_or_default();
        (is_same_profile && !self.is_listed(&host)).then_some(host)
    }

    fn is_listed(&self, host: &str) -> bool {
        self.in_force.list(Setting::KeyHosts).iter().any(|pattern| is_host(pattern, host))
    }

    fn is_host_of(&self, url: &str) -> bool {
        (self.host_of)(url).is_some_and(|host| host == self.host)
    }

    fn is_chosen_by_folder(&self) -> bool {
        let is_from_folder =
            |setting| self.in_force.get(setting).is_some_and(|value| is_env_file(&value.origin));
        is_from_folder(Setting::Url) || is_from_folder(Setting::Resource)
    }
}

fn is_env_file(origin: &ValueOrigin) -> bool {
    matches!(origin, ValueOrigin::EnvFile(_))
}

#[cfg(test)]
mod tests;
