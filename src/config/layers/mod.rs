//! What is in force: for each setting the strongest place that says something about it.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;

use crate::config::built_in::{DEMO, FALLBACK};
use crate::config::file::Profile;
use crate::config::pricing::ProfilePrices;
use crate::config::settings::{Scope, Setting, ValueKind};
use crate::config::sources::Sources;
use crate::config::state::DeviceKind;
use crate::config::value::{Layer, Sourced, Value, ValueOrigin};
use crate::error::{Error, Kind};

/// The variable that chooses a profile.
pub const PROFILE_VARIABLE: &str = "RTVOICE_PROFILE";

/// Returns the host of a URL, if it is one.
pub type HostOf = fn(&str) -> Option<String>;

/// What the command line asks for.
#[derive(Debug, Default)]
pub struct Overrides {
    /// A profile by name.
    pub profile: Option<String>,
    /// The endpoint inside the program.
    pub demo: bool,
    /// Settings by flag.
    pub flags: Layer,
}

/// The settings of a call.
#[derive(Debug)]
pub struct EffectiveSettings {
    /// The profile's name.
    pub profile: String,
    /// Who chose it.
    pub chosen_by: ValueOrigin,
    /// The URL of the profile itself, whatever flags and variables say.
    pub own_url: Option<Sourced>,
    /// The base URL in a variable that the profile names in `url_env`.
    pub base_url: Option<Sourced>,
    /// What models cost there, as far as a file says it.
    pub prices: ProfilePrices,
    values: Layer,
    depths: BTreeMap<Setting, usize>,
}

/// What files and the program say about a profile.
struct ProfileValues {
    values: Layer,
    /// How far from the profile itself a setting was said.
    depths: BTreeMap<Setting, usize>,
    prices: ProfilePrices,
}

impl EffectiveSettings {
    /// Decides what is in force.
    ///
    /// # Errors
    ///
    /// When a profile is not known, or a variable says what its setting cannot be.
    pub fn decide(asked: Overrides, sources: &Sources, host_of: HostOf) -> Result<Self, Error> {
        let mut loud = asked.flags;
        for setting in Setting::all() {
            if loud.contains_key(setting) {
                continue;
            }
            // A variable that cannot be understood is reported for the demo, too.
            let said = in_variable(*setting, sources)?;
            if !(asked.demo && setting.scope() == Scope::Endpoint) {
                loud.extend(said.map(|said| (*setting, said)));
            }
        }
        let (profile, chosen_by) = match asked.demo {
            true => (DEMO.to_owned(), ValueOrigin::Flag("--demo")),
            false => choose(asked.profile, loud.get(&Setting::Url), sources, host_of)?,
        };
        let ProfileValues { mut values, depths, prices } = of_profile(&profile, sources)?;
        let own_url = values.get(&Setting::Url).cloned();
        let base_url = base_url(&values, &depths, sources)?;
        values.extend(base_url.clone().map(|base_url| (Setting::Url, base_url)));
        for which in [DeviceKind::Input, DeviceKind::Output] {
            if let Some(device) = sources.remembered.get(&profile, which) {
                let value = Value::Text(device.to_owned());
                values.insert(which.setting(), Sourced { value, origin: ValueOrigin::Remembered });
            }
        }
        values.extend(loud);
        Ok(Self { profile, chosen_by, own_url, base_url, prices, values, depths })
    }

    /// Returns whether it is the endpoint inside the program.
    pub fn is_demo(&self) -> bool {
        self.profile == DEMO
    }

    /// Returns what a setting is set to, and by whom.
    pub fn get(&self, setting: Setting) -> Option<&Sourced> {
        self.values.get(&setting)
    }

    /// Returns a text.
    pub fn text(&self, setting: Setting) -> Option<&str> {
        let Sourced { value: Value::Text(text), .. } = self.get(setting)? else { return None };
        Some(text)
    }

    /// Returns a number.
    pub fn number(&self, setting: Setting) -> Option<u32> {
        let Sourced { value: Value::Number(number), .. } = self.get(setting)? else { return None };
        Some(*number)
    }

    /// Returns an amount.
    pub fn amount(&self, setting: Setting) -> Option<f64> {
        self.text(setting)?.parse().ok()
    }

    /// Returns a switch.
    pub fn switch(&self, setting: Setting) -> Option<bool> {
        let Sourced { value: Value::Switch(switch), .. } = self.get(setting)? else { return None };
        Some(*switch)
    }

    /// Returns a list, empty if there is none.
    pub fn list(&self, setting: Setting) -> &[String] {
        let Some(Sourced { value: Value::List(list), .. }) = self.get(setting) else { return &[] };
        list
    }

    /// Returns a table, empty if there is none.
    pub fn table(&self, setting: Setting) -> &[(String, String)] {
        let Some(Sourced { value: Value::Table(pairs), .. }) = self.get(setting) else { return &[] };
        pairs
    }

    /// Returns one of a few words.
    pub fn choice<T: ValueEnum>(&self, setting: Setting) -> Option<T> {
        T::from_str(self.text(setting)?, false).ok()
    }

    /// Returns how far from the profile itself a file says a setting: 0 is the user's own words on it, what
    /// it is like comes after. None where no profile says it.
    pub(crate) fn depth(&self, setting: Setting) -> Option<usize> {
        self.depths.get(&setting).copied()
    }

    /// Returns whether the URL is a base URL from a variable of `url_env`.
    pub fn is_base_url(&self) -> bool {
        self.base_url.is_some() && self.get(Setting::Url) == self.base_url.as_ref()
    }

    /// Returns whether `.env` decides which host is dialled: by the URL, by a part of its host, or by the profile.
    pub fn is_endpoint_from_env_file(&self) -> bool {
        let is_from_env_file =
            |setting| self.get(setting).is_some_and(|said| matches!(said.origin, ValueOrigin::EnvFile(_)));
        let url = self.text(Setting::Url).unwrap_or_default();
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?', '#']).next();
        let in_host = [
            ("{resource}", Setting::Resource),
            ("{model}", Setting::Model),
            ("{api_version}", Setting::ApiVersion),
        ];
        matches!(self.chosen_by, ValueOrigin::EnvFile(_))
            || is_from_env_file(Setting::Url)
            || in_host.iter().any(|(placeholder, setting)| {
                authority.is_some_and(|authority| authority.contains(placeholder))
                    && is_from_env_file(*setting)
            })
    }

    /// Returns whether a person outside the program's defaults has a say in a setting.
    pub fn is_set(&self, setting: Setting) -> bool {
        self.get(setting).is_some_and(|sourced| sourced.origin != ValueOrigin::BuiltIn)
    }
}

/// Returns what the variable of a setting says.
fn in_variable(setting: Setting, sources: &Sources) -> Result<Option<Sourced>, Error> {
    let Some(name) = setting.variable() else { return Ok(None) };
    let Some((text, origin)) = sources.variable(&name)? else { return Ok(None) };
    if setting != Setting::Instructions && is_quoted(text) {
        let error = Error::say(Kind::Config, format!("the value of {name} has quotes around it"));
        return Err(error.hint("remove the quotes: they are not part of the value"));
    }
    if let ValueKind::Choice(words) = setting.form()
        && !words.iter().any(|word| word == text)
    {
        let error = Error::say(Kind::Config, format!("{name} cannot be {text:?}"));
        return Err(error.hint(format!("it is one of {}", words.join(", "))));
    }
    Ok(Some(Sourced { value: Value::Text(text.to_owned()), origin }))
}

/// Docker's `--env-file` and `set` on Windows keep the quotes that shells remove.
fn is_quoted(text: &str) -> bool {
    text.len() > 1 && ['"', '\''].iter().any(|quote| text.starts_with(*quote) && text.ends_with(*quote))
}

/// Returns the base URL that a variable of `url_env` holds. A URL that the user wrote on top of `url_env` counts
/// instead.
fn base_url(
    values: &Layer,
    depths: &BTreeMap<Setting, usize>,
    sources: &Sources,
) -> Result<Option<Sourced>, Error> {
    let Some(Sourced { value: Value::List(names), .. }) = values.get(&Setting::UrlEnv) else {
        return Ok(None);
    };
    let depth = |setting| depths.get(&setting).copied().unwrap_or(usize::MAX);
    if depth(Setting::Url) < depth(Setting::UrlEnv) {
        return Ok(None);
    }
    for name in names {
        if let Some((url, origin)) = sources.variable(name)? {
            return Ok(Some(Sourced { value: Value::Text(url.to_owned()), origin }));
        }
    }
    Ok(None)
}

/// A URL that is said louder than any profile chooses the profile that knows its host.
fn choose(
    flag: Option<String>,
    url: Option<&Sourced>,
    sources: &Sources,
    host_of: HostOf,
) -> Result<(String, ValueOrigin), Error> {
    let chosen = match flag {
        Some(name) => Some((name, ValueOrigin::Flag("--profile"))),
        None => sources.variable(PROFILE_VARIABLE)?.map(|(name, origin)| (name.to_owned(), origin)),
    };
    let in_files = || sources.user.profile.clone().or_else(|| sources.built_in.profile.clone());
    let (name, origin) =
        chosen.or_else(in_files).unwrap_or_else(|| (FALLBACK.to_owned(), ValueOrigin::BuiltIn));
    Ok(match url {
        Some(Sourced { value: Value::Text(url), origin: by }) if by.rank() < origin.rank() => {
            let known = host_of(url).and_then(|host| profile_of_host(&host, sources));
            (known.unwrap_or_else(|| FALLBACK.to_owned()), by.clone())
        }
        Some(_) | None => (name, origin),
    })
}

fn profile_of_host(host: &str, sources: &Sources) -> Option<String> {
    let profiles = sources.user.profiles.iter().chain(&sources.built_in.profiles);
    let knows = |profile: &Profile| {
        let said = profile.layer.get(&Setting::KeyHosts).map(|said| &said.value);
        matches!(said, Some(Value::List(patterns)) if patterns.iter().any(|pattern| is_host(pattern, host)))
    };
    profiles.into_iter().find(|(_, profile)| knows(profile)).map(|(name, _)| name.clone())
}

/// Returns whether a host is the one named, or below it where the name begins with `*.`.
pub(crate) fn is_host(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(end) => end.starts_with('.') && host.len() > end.len() && host.ends_with(end),
        None => host == pattern,
    }
}

/// Returns what files and the program say about a profile.
fn of_profile(name: &str, sources: &Sources) -> Result<ProfileValues, Error> {
    let (mut values, mut depths, mut prices) = (Layer::new(), BTreeMap::new(), ProfilePrices::new());
    let mut depth = 0;
    let mut seen = BTreeSet::new();
    let mut next = Some(name.to_owned());
    while let Some(name) = next.take() {
        let users = sources.user.profiles.get(&name);
        let ours = sources.built_in.profiles.get(&name);
        if users.or(ours).is_none() {
            return Err(unknown(&name, sources));
        }
        if !seen.insert(name.clone()) {
            let error = Error::say(Kind::Config, format!("the profile {name:?} is like itself"));
            return Err(error.hint("take a `like` out of the circle"));
        }
        for profile in [users, ours].into_iter().flatten() {
            for (setting, said) in &profile.layer {
                values.entry(*setting).or_insert_with(|| said.clone());
                depths.entry(*setting).or_insert(depth);
            }
            for (model, priced) in &profile.prices {
                prices.entry(model.clone()).or_insert_with(|| priced.clone());
            }
            depth += 1;
        }
        let likes = [users, ours].into_iter().flatten().filter_map(|profile| profile.like.clone());
        next = likes.into_iter().next();
    }
    for (setting, said) in &sources.user.defaults {
        let ours = values.get(setting).is_none_or(|sourced| sourced.origin == ValueOrigin::BuiltIn);
        if ours {
            values.insert(*setting, said.clone());
        }
    }
    for (setting, said) in &sources.built_in.defaults {
        values.entry(*setting).or_insert_with(|| said.clone());
    }
    Ok(ProfileValues { values, depths, prices })
}

fn unknown(name: &str, sources: &Sources) -> Error {
    let error = Error::say(Kind::Config, format!("there is no profile {name:?}"));
    error.hint(format!(
        "there are {}; more can be written as [profiles.NAME] into {}",
        sources.names().join(", "),
        sources.file_name()
    ))
}

#[cfg(test)]
mod tests;
