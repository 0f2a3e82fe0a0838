//! Precedence: for each setting the value of the strongest origin.

mod preset;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use clap::ValueEnum;

use crate::config::built_in::{self, DEMO, FALLBACK};
use crate::config::declaration::Scope;
use crate::config::dotenv::Dotenv;
use crate::config::file::Profile;
use crate::config::pricing::ProfilePrices;
use crate::config::settings::{Layer, Setting};
use crate::config::sources::{self, Sources};
use crate::config::state::{REMEMBERED, StateFile};
use crate::config::value::{Sourced, Value, ValueOrigin};
use crate::error::{Error, Kind};

/// Variable that selects a profile.
pub const PROFILE_VARIABLE: &str = "RTVOICE_PROFILE";

/// Returns the host of a URL, none if it is invalid.
pub type HostOf = fn(&str) -> Option<String>;

/// Settings of the command line.
#[derive(Debug, Default)]
pub struct Overrides {
    /// Profile by name.
    pub profile: Option<String>,
    /// Role by name; its settings are stronger than variables.
    pub role: Option<String>,
    /// Whether the built-in endpoint is used.
    pub demo: bool,
    /// Settings by flag.
    pub flags: Layer,
}

/// Settings in force.
#[derive(Debug)]
pub struct EffectiveSettings {
    /// Name of the profile.
    pub profile: String,
    /// Origin of the choice of the profile.
    pub chosen_by: ValueOrigin,
    /// URL of the profile itself, regardless of flags and variables.
    pub own_url: Option<Sourced>,
    /// Base URL in a variable that the profile names in `url_env`.
    pub base_url: Option<Sourced>,
    /// Configured prices by model.
    pub prices: ProfilePrices,
    values: Layer,
    depths: BTreeMap<Setting, usize>,
}

/// Settings of a profile from files and the program.
struct ProfileValues {
    values: Layer,
    /// Levels of inheritance between the profile and the one that sets a setting.
    depths: BTreeMap<Setting, usize>,
    prices: ProfilePrices,
}

impl EffectiveSettings {
    /// Determines the settings in force.
    ///
    /// # Errors
    ///
    /// When a profile is unknown or a variable has an invalid value.
    pub fn resolve(overrides: Overrides, sources: &Sources, host_of: HostOf) -> Result<Self, Error> {
        let mut strong = overrides.flags;
        let is_of_others = |setting: Setting| overrides.demo && setting.declaration().scope == Scope::Profile;
        if let Some(name) = &overrides.role {
            let settings = role(name, sources)?.iter().filter(|(setting, _)| !is_of_others(**setting));
            for (setting, value) in settings {
                strong.entry(*setting).or_insert_with(|| value.clone());
            }
        }
        for setting in Setting::all() {
            if strong.contains_key(setting) {
                continue;
            }
            // An invalid variable is reported for the demo, too.
            let value = in_variable(*setting, sources)?;
            if !is_of_others(*setting) {
                strong.extend(value.map(|value| (*setting, value)));
            }
        }
        let (profile, chosen_by) = match overrides.demo {
            true => (DEMO.to_owned(), ValueOrigin::Flag("--demo")),
            false => choose_profile(overrides.profile, strong.get(&Setting::Url), sources, host_of)?,
        };
        let ProfileValues { mut values, depths, prices } = of_profile(&profile, sources)?;
        let own_url = values.get(&Setting::Url).cloned();
        let base_url = base_url(&values, &depths, sources)?;
        values.extend(base_url.clone().map(|base_url| (Setting::Url, base_url)));
        for setting in REMEMBERED {
            let text = sources.remembered.get(&profile, setting);
            if let Some(value) = text.and_then(|text| setting.declaration().kind.parse(text)) {
                values.insert(setting, Sourced { value, origin: ValueOrigin::Remembered });
            }
        }
        values.extend(strong);
        preset::apply(&mut values);
        Ok(Self { profile, chosen_by, own_url, base_url, prices, values, depths })
    }

    /// Returns whether the built-in endpoint is used.
    pub fn is_demo(&self) -> bool {
        self.profile == DEMO
    }

    /// Returns the value of a setting with its origin.
    pub fn get(&self, setting: Setting) -> Option<&Sourced> {
        self.values.get(&setting)
    }

    /// Returns a text.
    pub fn text(&self, setting: Setting) -> Option<&str> {
        let Sourced { value: Value::Text(text), .. } = self.get(setting)? else { return None };
        Some(text)
    }

    /// Returns a whole number.
    pub fn integer(&self, setting: Setting) -> Option<u32> {
        let Sourced { value: Value::Integer(number), .. } = self.get(setting)? else { return None };
        Some(*number)
    }

    /// Returns a number.
    pub fn float(&self, setting: Setting) -> Option<f64> {
        let Sourced { value: Value::Float(number), .. } = self.get(setting)? else { return None };
        Some(*number)
    }

    /// Returns whether a setting is true; false if it is not set.
    pub fn is_true(&self, setting: Setting) -> bool {
        matches!(self.get(setting), Some(Sourced { value: Value::Bool(true), .. }))
    }

    /// Returns a list, empty if it is not set.
    pub fn list(&self, setting: Setting) -> &[String] {
        let Some(Sourced { value: Value::List(list), .. }) = self.get(setting) else { return &[] };
        list
    }

    /// Returns a table, empty if it is not set.
    pub fn table(&self, setting: Setting) -> &[(String, String)] {
        let Some(Sourced { value: Value::Table(pairs), .. }) = self.get(setting) else { return &[] };
        pairs
    }

    /// Returns the word of a choice.
    pub fn choice<T: ValueEnum>(&self, setting: Setting) -> Option<T> {
        T::from_str(self.text(setting)?, false).ok()
    }

    /// Returns the levels of inheritance between the profile and the one that sets a setting: 0 is the user's own
    /// profile. None if no profile sets it.
    pub(crate) fn depth(&self, setting: Setting) -> Option<usize> {
        self.depths.get(&setting).copied()
    }

    /// Returns whether the URL is a base URL from a variable of `url_env`.
    pub fn is_base_url(&self) -> bool {
        self.base_url.is_some() && self.get(Setting::Url) == self.base_url.as_ref()
    }

    /// Returns whether `.env` determines the host: by the URL, by a part of its host, or by the profile.
    pub fn is_endpoint_from_env_file(&self) -> bool {
        let is_from_env_file =
            |setting| self.get(setting).is_some_and(|value| matches!(value.origin, ValueOrigin::EnvFile(_)));
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

    /// Returns whether the user sets a setting.
    pub fn is_set(&self, setting: Setting) -> bool {
        self.get(setting).is_some_and(|value| value.origin != ValueOrigin::BuiltIn)
    }

    /// Returns whether a flag sets a setting.
    pub fn is_flag(&self, setting: Setting) -> bool {
        self.get(setting).is_some_and(|value| matches!(value.origin, ValueOrigin::Flag(_)))
    }
}

/// Returns the value in the variable of a setting.
fn in_variable(setting: Setting, sources: &Sources) -> Result<Option<Sourced>, Error> {
    let Some(name) = setting.declaration().variable else { return Ok(None) };
    let Some((text, origin)) = sources.variable(name)? else { return Ok(None) };
    if setting != Setting::Instructions && is_quoted(text) {
        let error = Error::say(Kind::Config, format!("the value of {name} has quotes around it"));
        return Err(error.hint("remove the quotes: they are not part of the value"));
    }
    let kind = &setting.declaration().kind;
    let value = kind.parse(text).ok_or_else(|| {
        let error = Error::say(Kind::Config, format!("{name} cannot be {text:?}"));
        error.hint(format!("it must be {}", kind.expected()))
    })?;
    Ok(Some(Sourced { value, origin }))
}

/// Docker's `--env-file` and `set` on Windows keep the quotes that shells remove.
fn is_quoted(text: &str) -> bool {
    text.len() > 1 && ['"', '\''].iter().any(|quote| text.starts_with(*quote) && text.ends_with(*quote))
}

/// Returns the base URL in a variable of `url_env`. A URL that the user set above `url_env` overrides it.
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

/// Returns the profile. A URL of a stronger origin selects the profile that lists its host.
fn choose_profile(
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
        Some(Sourced { value: Value::Text(url), origin: url_origin })
            if url_origin.rank() < origin.rank() =>
        {
            let listed = host_of(url).and_then(|host| profile_of_host(&host, sources));
            (listed.unwrap_or_else(|| FALLBACK.to_owned()), url_origin.clone())
        }
        Some(_) | None => (name, origin),
    })
}

fn profile_of_host(host: &str, sources: &Sources) -> Option<String> {
    let profiles = sources.user.profiles.iter().chain(&sources.built_in.profiles);
    let lists_host = |profile: &Profile| {
        let patterns = profile.layer.get(&Setting::KeyHosts).map(|value| &value.value);
        matches!(patterns, Some(Value::List(patterns)) if patterns.iter().any(|pattern| is_host(pattern, host)))
    };
    profiles.into_iter().find(|(_, profile)| lists_host(profile)).map(|(name, _)| name.clone())
}

/// Returns whether a host matches a name, or is below it if the name begins with `*.`.
pub(crate) fn is_host(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(end) => end.starts_with('.') && host.len() > end.len() && host.ends_with(end),
        None => host == pattern,
    }
}

/// Checks the configuration file at `path` without reading keys or variables.
///
/// # Errors
///
/// When it is invalid or a profile cannot be resolved; with file, line and cause.
pub fn check_config(path: &Path) -> Result<(), Error> {
    let sources = Sources {
        environment: HashMap::new(),
        env_file: Dotenv::default(),
        user: sources::read_config(path)?,
        built_in: built_in::profiles()?,
        path: Some(path.to_owned()),
        remembered: StateFile::default(),
        warnings: Vec::new(),
    };
    check_profiles(&sources)
}

/// Checks that each profile of the user's file, and the one in use, can be resolved.
///
/// # Errors
///
/// When a profile inherits from an unknown one or from itself, or the one in use is unknown.
fn check_profiles(sources: &Sources) -> Result<(), Error> {
    let used = sources.user.profile.iter().map(|(name, _)| name);
    for name in sources.user.profiles.keys().chain(used) {
        of_profile(name, sources)?;
    }
    Ok(())
}

/// Merges a profile with those it inherits from, `[defaults]` and the defaults of the program.
fn of_profile(name: &str, sources: &Sources) -> Result<ProfileValues, Error> {
    let (mut values, mut depths, mut prices) = (Layer::new(), BTreeMap::new(), ProfilePrices::new());
    let mut depth = 0;
    let mut seen = BTreeSet::new();
    let chosen = sources.user.profile.as_ref().filter(|(chosen, _)| chosen == name);
    let mut next = Some((name.to_owned(), chosen.map_or(ValueOrigin::BuiltIn, |(_, origin)| origin.clone())));
    while let Some((name, origin)) = next.take() {
        let of_user = sources.user.profiles.get(&name);
        let built_in = sources.built_in.profiles.get(&name);
        if of_user.or(built_in).is_none() {
            return Err(unknown(&name, &origin, sources));
        }
        if !seen.insert(name.clone()) {
            let error = format!("{}profile {name:?} inherits from itself", sources.place(&origin));
            return Err(Error::say(Kind::Config, error).hint("remove one `like`"));
        }
        for profile in [of_user, built_in].into_iter().flatten() {
            for (setting, value) in &profile.layer {
                values.entry(*setting).or_insert_with(|| value.clone());
                depths.entry(*setting).or_insert(depth);
            }
            for (model, model_prices) in &profile.prices {
                prices.entry(model.clone()).or_insert_with(|| model_prices.clone());
            }
            depth += 1;
        }
        next = [of_user, built_in].into_iter().flatten().find_map(|profile| profile.like.clone());
    }
    for (setting, value) in &sources.user.defaults {
        if values.get(setting).is_none_or(|current| current.origin == ValueOrigin::BuiltIn) {
            values.insert(*setting, value.clone());
        }
    }
    for setting in Setting::all() {
        if let Some(value) = setting.declaration().default_value() {
            values.entry(*setting).or_insert(Sourced { value, origin: ValueOrigin::BuiltIn });
        }
    }
    Ok(ProfileValues { values, depths, prices })
}

/// Returns the settings of a role.
fn role<'s>(name: &str, sources: &'s Sources) -> Result<&'s Layer, Error> {
    let roles = &sources.user.roles;
    roles.get(name).ok_or_else(|| {
        let distance = |known: &&String| strsim::damerau_levenshtein(known, name);
        let nearest = roles.keys().min_by_key(distance).filter(|known| distance(known) <= 1 + name.len() / 3);
        let hint = match nearest {
            Some(nearest) => format!("did you mean {nearest}?"),
            None if roles.is_empty() => format!("add it as [roles.{name}] to {}", sources.file_name()),
            None => format!("known roles: {}", roles.keys().cloned().collect::<Vec<_>>().join(", ")),
        };
        Error::say(Kind::Config, format!("unknown role {name:?}")).hint(hint)
    })
}

fn unknown(name: &str, origin: &ValueOrigin, sources: &Sources) -> Error {
    let error = Error::say(Kind::Config, format!("{}unknown profile {name:?}", sources.place(origin)));
    error.hint(format!(
        "known profiles: {}; add others as [profiles.NAME] to {}",
        sources.names().join(", "),
        sources.file_name()
    ))
}

#[cfg(test)]
mod tests;
