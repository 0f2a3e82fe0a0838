//! Finds the key, and decides who may see it. Never from a flag.
//!
//! A key of one profile is never sent to another's host, and a `.env` in a foreign folder cannot lead
//! a key that did not come from there to a place of its choice.

use std::fmt;

use crate::config::dotenv::MalformedLine;
use crate::config::key_command;
use crate::config::layers::{EffectiveSettings, HostOf, is_host};
use crate::config::settings::Setting;
use crate::config::sources::{Sources, bad_line};
use crate::config::value::{Sourced, Value, ValueOrigin};
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// The variable that holds a key for whatever endpoint is dialled.
pub const ANY_ENDPOINT: &str = "RTVOICE_API_KEY";

/// Where a key comes from. Nothing is run to know it.
#[derive(Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A variable of the environment or of `.env`.
    Variable {
        /// Which, and where.
        origin: ValueOrigin,
        /// What it holds.
        key: Secret,
    },
    /// The configuration file.
    File {
        /// Which line.
        origin: ValueOrigin,
        /// The key.
        key: Secret,
    },
    /// A command that prints it.
    Command {
        /// Which line.
        origin: ValueOrigin,
        /// For the shell.
        command: String,
    },
}

/// What the search for a key found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeySearch {
    /// The key that is used.
    pub source: Option<KeySource>,
    /// Where there is a key that this host may not see.
    pub withheld: Vec<String>,
    /// Lines of `.env` that should hold a key and cannot be understood, each in one sentence.
    pub unreadable: Vec<UnreadableVariable>,
}

/// A variable of `.env` that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableVariable {
    /// What is wrong, with the number of the line.
    pub message: String,
    /// What to do.
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

    /// Returns where it comes from.
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

/// Searches a key that `host` may see: `RTVOICE_API_KEY`, then the profile's variables, then its `key`,
/// then its `key_command`.
pub fn search(in_force: &EffectiveSettings, sources: &Sources, host: &str, host_of: HostOf) -> KeySearch {
    let guard = KeyPolicy { in_force, host, host_of };
    let mut search = KeySearch::default();
    if let Some((key, origin)) = search.variable(sources, ANY_ENDPOINT) {
        let may = guard.may_see_any(&origin);
        search.offer(KeySource::Variable { origin, key }, may);
    }
    for name in in_force.list(Setting::KeyEnv) {
        let Some((key, origin)) = search.variable(sources, name) else { continue };
        let may = guard.may_see_own(Setting::KeyEnv, &origin);
        search.offer(KeySource::Variable { origin, key }, may);
    }
    if let Some(Sourced { value: Value::Hidden(key), origin }) = in_force.get(Setting::Key) {
        let source = KeySource::File { origin: origin.clone(), key: key.clone() };
        search.offer(source, guard.may_see_own(Setting::Key, origin));
    }
    if let Some(Sourced { value: Value::Text(command), origin }) = in_force.get(Setting::KeyCommand) {
        let source = KeySource::Command { origin: origin.clone(), command: command.clone() };
        search.offer(source, guard.may_see_own(Setting::KeyCommand, origin));
    }
    search
}

/// Returns all keys of all profiles, to keep them out of what is shown; no command is run for one.
pub fn known(sources: &Sources) -> Vec<Secret> {
    let profiles = sources.user.profiles.values().chain(sources.built_in.profiles.values());
    let layers: Vec<_> = profiles.map(|profile| &profile.layer).chain([&sources.user.defaults]).collect();
    let values = |setting| layers.iter().filter_map(move |layer| layer.get(&setting)).map(|said| &said.value);
    let names = values(Setting::KeyEnv).filter_map(|value| match value {
        Value::List(names) => Some(names),
        Value::Text(_) | Value::Hidden(_) | Value::Table(_) | Value::Number(_) | Value::Switch(_) => None,
    });
    let names = names.flatten().map(String::as_str).chain([ANY_ENDPOINT]);
    let in_variables =
        names.filter_map(|name| sources.variable(name).ok().flatten()).map(|(key, _)| Secret::new(key));
    let in_file = values(Setting::Key).filter_map(|value| match value {
        Value::Hidden(key) => Some(key.clone()),
        Value::Text(_) | Value::List(_) | Value::Table(_) | Value::Number(_) | Value::Switch(_) => None,
    });
    in_variables.chain(in_file).collect()
}

/// Returns the places where a key for the profile may be written, as a user reads them.
pub fn places(in_force: &EffectiveSettings) -> String {
    let own = in_force.list(Setting::KeyEnv).iter().map(String::as_str);
    own.chain([ANY_ENDPOINT]).collect::<Vec<_>>().join(" or ")
}

impl KeySearch {
    /// Returns a variable. A bad line is noted and no failure yet: another place may hold the key.
    fn variable(&mut self, sources: &Sources, name: &str) -> Option<(Secret, ValueOrigin)> {
        let found = match sources.variable(name) {
            // The rest of a line that was meant as a comment, or two keys.
            Ok(Some((key, ValueOrigin::EnvFile(_)))) if key.contains(char::is_whitespace) => {
                let line = sources.env_file.line(name);
                Err(bad_line(name, MalformedLine { line, reason: "a key has no blanks in it" }))
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

/// Decides whether a host may see a key.
struct KeyPolicy<'a> {
    in_force: &'a EffectiveSettings,
    host: &'a str,
    host_of: HostOf,
}

impl KeyPolicy<'_> {
    /// The key for all endpoints goes wherever the user goes, and not where a folder leads.
    fn may_see_any(&self, key_from: &ValueOrigin) -> KeyPermission {
        match self.in_force.is_endpoint_from_env_file() && !is_env_file(key_from) {
            true => KeyPermission::No,
            false => KeyPermission::Yes,
        }
    }

    /// A profile's own key, which `named_in` tells, goes to the profile's hosts.
    fn may_see_own(&self, named_in: Setting, key_from: &ValueOrigin) -> KeyPermission {
        if self.is_led_by_folder() && !is_env_file(key_from) {
            return KeyPermission::No;
        }
        if let Some(gateway) = self.gateway_of(named_in, key_from) {
            return if gateway == self.host { KeyPermission::Yes } else { KeyPermission::No };
        }
        let listed = self.is_listed(self.host);
        // A key is meant for the URL it was written beside or on top of; a URL written on top of a key
        // takes it nowhere.
        let depths = (self.in_force.depth(named_in), self.in_force.depth(Setting::Url));
        let is_on_top = matches!(depths, (Some(key), Some(url)) if key <= url);
        let own_url = self.in_force.own_url.as_ref().map(|said| &said.value);
        let meant = is_on_top && matches!(own_url, Some(Value::Text(url)) if self.is_host_of(url));
        if listed || meant { KeyPermission::Yes } else { KeyPermission::No }
    }

    /// Returns the host that a variable of `url_env` names, unless it is one of the profile's. The key variables
    /// of the same profile hold that gateway's key then, as OpenAI's libraries read both.
    fn gateway_of(&self, named_in: Setting, key_from: &ValueOrigin) -> Option<String> {
        let base = self.in_force.base_url.as_ref().filter(|_| named_in == Setting::KeyEnv)?;
        let Value::Text(url) = &base.value else { return None };
        // A folder's base URL says nothing about a key of the environment.
        if is_env_file(&base.origin) && !is_env_file(key_from) {
            return None;
        }
        let is_same_profile = self.in_force.depth(Setting::KeyEnv) == self.in_force.depth(Setting::UrlEnv);
        // A base URL that cannot be read names no host, and its key goes nowhere.
        let host = (self.host_of)(url).unwrap_or_default();
        (is_same_profile && !self.is_listed(&host)).then_some(host)
    }

    fn is_listed(&self, host: &str) -> bool {
        self.in_force.list(Setting::KeyHosts).iter().any(|known| is_host(known, host))
    }

    fn is_host_of(&self, url: &str) -> bool {
        (self.host_of)(url).is_some_and(|host| host == self.host)
    }

    fn is_led_by_folder(&self) -> bool {
        let led = |setting| self.in_force.get(setting).is_some_and(|said| is_env_file(&said.origin));
        led(Setting::Url) || led(Setting::Resource)
    }
}

fn is_env_file(origin: &ValueOrigin) -> bool {
    matches!(origin, ValueOrigin::EnvFile(_))
}

#[cfg(test)]
mod tests;
