//! `rtvoice config`: the file, and the settings in force.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Map, Value as Json, json};

use crate::call::local::text_editor;
use crate::call::setup::address::address;
use crate::call::setup::prices;
use crate::call::setup::settings::{Flags, ResolvedSettings};
use crate::call::setup::target::find_key;
use crate::call::streams::standard::localized;
use crate::cli::{Config, ConfigCommand, ConfigShow};
use crate::config::credentials::KeySource;
use crate::config::layers;
use crate::config::paths;
use crate::config::pricing::ModelPrices;
use crate::config::settings::Setting;
use crate::config::template;
use crate::config::value::{Sourced, Value, ValueOrigin};
use crate::error::{Error, Kind};
use crate::files;
use crate::keys::action::{ACTIONS, ActionSpec};
use crate::net::endpoint::redaction::Redactor;
use crate::net::endpoint::url::{self, EndpointUrl};
use crate::protocol::price::Prices;
use crate::protocol::settings::SessionKind;
use crate::secret::Secret;
use crate::ui::text::json;
use crate::ui::text::sanitize;

/// Placeholder for a value that is not shown.
const HIDDEN: &str = "(hidden)";

/// Longest value in a line of text, in characters; JSON has all of it.
const VALUE_CHARS: usize = 70;

/// Runs `rtvoice config`; returns the exit code.
///
/// # Errors
///
/// When a file is invalid, or cannot be read or written.
pub(super) fn run(args: &Config) -> Result<u8, Error> {
    let output = match &args.command {
        ConfigCommand::Path => return print_path(&path()?),
        ConfigCommand::Init => init()?,
        ConfigCommand::Edit => edit()?,
        ConfigCommand::Show(args) => show(args)?,
    };
    super::print(output.as_bytes())
}

/// Prints the path: sanitized on a terminal, literal for programs.
fn print_path(path: &Path) -> Result<u8, Error> {
    if io::stdout().is_terminal() {
        return super::print(format!("{}\n", sanitize::one_line(&path.to_string_lossy())).as_bytes());
    }
    super::print(&[path.as_os_str().as_encoded_bytes(), b"\n"].concat())
}

fn path() -> Result<PathBuf, Error> {
    paths::config_file().ok_or_else(|| {
        Error::say(Kind::Config, "no folder for a configuration file")
            .hint("set HOME, or XDG_CONFIG_HOME to an absolute path")
    })
}

fn init() -> Result<String, Error> {
    let (path, text) = (path()?, template::text());
    let name = path.display();
    match files::create_private(&path, &text) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::say(Kind::Config, format!("{name} already exists"))
                .hint("edit it with rtvoice config edit, or move it aside"));
        }
        written => written.with_context(|| format!("cannot write {name}")).map_err(config_error)?,
    }
    Ok(format!("{}\n", sanitize::one_line(&name.to_string())))
}

fn config_error(error: anyhow::Error) -> Error {
    Error::new(Kind::Config, error)
}

/// Opens the file in the user's editor and checks it afterwards. An absent file is created first.
fn edit() -> Result<String, Error> {
    let path = path()?;
    let name = path.display();
    match files::create_private(&path, &template::text()) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        written => written.with_context(|| format!("cannot write {name}")).map_err(config_error)?,
    }
    let (editor, hint) = (text_editor::command(), text_editor::HINT);
    let status =
        text_editor::run(&editor, &path).with_context(|| format!("cannot run the editor {editor:?}"));
    let status = status.map_err(|error| config_error(error).hint(hint))?;
    if !status.success() {
        return Err(Error::say(Kind::Config, format!("the editor {editor:?} failed ({status})")).hint(hint));
    }
    layers::check_config(&path)?;
    Ok(format!("{}: no errors\n", sanitize::one_line(&name.to_string())))
}

/// Contents of `config show`.
struct SettingsReport {
    settings: ResolvedSettings,
    address: Result<EndpointUrl, String>,
    key: Option<KeySource>,
    withheld: Vec<String>,
    /// Files that could not be read.
    warnings: Vec<String>,
}

fn show(args: &ConfigShow) -> Result<String, Error> {
    let settings = ResolvedSettings::load(&args.endpoint, SessionKind::Realtime, Flags::default())?;
    let address = address(&settings).map(|(url, _)| url);
    let search = address.as_ref().map(|url| find_key(&settings, url)).unwrap_or_default();
    let address = address.map_err(|error| format!("{:#}", error.source));
    let unreadable = search.unreadable.into_iter().map(|bad| bad.message);
    let warnings = settings.sources.warnings.iter().cloned().chain(unreadable).collect();
    let report =
        SettingsReport { settings, address, key: search.source, withheld: search.withheld, warnings };
    let url_secrets: Vec<Secret> =
        report.address.iter().flat_map(EndpointUrl::secrets).map(Secret::new).collect();
    let redactor = Redactor::of(&url_secrets).and(report.settings.redactor());
    Ok(if args.json { report.json(&redactor) } else { redactor.redact(&report.text()).into_owned() })
}

impl SettingsReport {
    fn file_exists(&self) -> bool {
        self.settings.sources.path.as_ref().is_some_and(|path| path.exists())
    }

    fn text(&self) -> String {
        let in_force = &self.settings.in_force;
        let absent = if self.file_exists() { "" } else { " (absent; create it with rtvoice config init)" };
        let mut lines = vec![
            line("file", &format!("{}{absent}", self.settings.sources.file_name()), ""),
            line("profile", &in_force.profile, &in_force.chosen_by.to_string()),
            match &self.address {
                Ok(url) => line("endpoint", &url.to_string(), ""),
                Err(error) => line("endpoint", &format!("none: {error}"), ""),
            },
            match &self.key {
                Some(source) => line("key", &format!("{source} {HIDDEN}"), &source.origin().to_string()),
                None => line("key", "none", ""),
            },
        ];
        lines.extend(self.withheld.iter().map(|key| line("", &format!("not for this host: key {key}"), "")));
        lines.extend(self.warnings.iter().map(|warning| line("warning", warning, "")));
        lines.push(String::new());
        for (setting, value) in self.values() {
            lines.push(line(setting.name(), &plain(setting, value), &value.origin.to_string()));
        }
        lines.push(String::new());
        lines.extend(self.price_lines());
        lines.push(String::new());
        lines.extend(self.keys().map(|(spec, keys, origin)| {
            let keys = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
            line(&format!("keys.{}", spec.name), &keys, &origin.to_string())
        }));
        lines.join("\n") + "\n"
    }

    fn json(&self, redactor: &Redactor) -> String {
        let in_force = &self.settings.in_force;
        let settings: Map<String, Json> = self
            .values()
            .map(|(setting, value)| {
                (setting.name().to_owned(), with_origin(&shown(setting, &value.value), &value.origin))
            })
            .collect();
        let keys: Map<String, Json> = self
            .keys()
            .map(|(spec, keys, origin)| (spec.name.to_owned(), with_origin(&keys.into(), &origin)))
            .collect();
        let path = self.settings.sources.path.as_ref().map(|path| path.to_string_lossy());
        let report = json!({
            "file": { "path": path, "exists": self.file_exists() },
            "profile": with_origin(&in_force.profile.clone().into(), &in_force.chosen_by),
            "url": self.address.as_ref().ok().map(ToString::to_string),
            "url_error": self.address.as_ref().err(),
            "key": self.key.as_ref().map(|source| with_origin(&HIDDEN.into(), source.origin())),
            "withheld_keys": self.withheld,
            "warnings": self.warnings,
            "settings": settings,
            "prices": self.prices_json(),
            "keys": keys,
        });
        json::pretty(&redactor.redact_value("", report))
    }

    /// Returns each action with its keys and their origin.
    fn keys(&self) -> impl Iterator<Item = (&'static ActionSpec, Vec<String>, ValueOrigin)> {
        let keys = &self.settings.sources.user.keys;
        ACTIONS.iter().map(|spec| {
            let names = keys.bindings.of(spec.action).iter().map(|key| key.name()).collect();
            (spec, names, keys.origin(spec.action))
        })
    }

    fn prices(&self) -> Option<Prices> {
        self.address.as_ref().ok().and_then(|url| prices::of(url, &self.settings.in_force))
    }

    fn price_lines(&self) -> Vec<String> {
        let prices = self.prices();
        let described = prices::described(prices.as_ref());
        let mut lines = vec![match &prices {
            Some(prices) if prices.as_of().is_some() => {
                line("prices", &format!("{described}, in US dollars"), &ValueOrigin::BuiltIn.to_string())
            }
            Some(_) => line("prices", &format!("{described}, in US dollars"), ""),
            None => line("prices", &format!("{described}: none configured"), ""),
        }];
        for (model, priced) in &self.settings.in_force.prices {
            let is_free = *priced == ModelPrices::free(priced.origin.clone());
            let name = format!("prices.{model:?}");
            lines.push(line(&name, if is_free { "0" } else { "" }, &priced.origin.to_string()));
            let each = priced.usd.iter().filter(|_| !is_free);
            lines.extend(each.map(|(price, usd)| line(&format!("  {}", price.name()), &usd.to_string(), "")));
        }
        lines
    }

    fn prices_json(&self) -> Json {
        let prices = self.prices();
        let models: Map<String, Json> = self
            .settings
            .in_force
            .prices
            .iter()
            .map(|(model, priced)| {
                let usd: Map<String, Json> =
                    priced.usd.iter().map(|(price, usd)| (price.name(), (*usd).into())).collect();
                (model.clone(), with_origin(&usd.into(), &priced.origin))
            })
            .collect();
        json!({ "list_of": prices.as_ref().and_then(Prices::as_of), "models": models })
    }

    fn values(&self) -> impl Iterator<Item = (Setting, &Sourced)> {
        let all = Setting::all().iter();
        all.filter_map(|setting| Some((*setting, self.settings.in_force.get(*setting)?)))
    }
}

/// Returns a value without what may hold a key.
fn shown(setting: Setting, value: &Value) -> Json {
    match (setting, value) {
        (Setting::KeyCommand, _) | (_, Value::Secret(_)) => HIDDEN.into(),
        (Setting::Url, Value::Text(url)) => without_keys(url).into(),
        (_, Value::Table(pairs)) => {
            pairs.iter().map(|(name, _)| (name.clone(), HIDDEN.into())).collect::<Map<_, _>>().into()
        }
        (_, Value::Text(text)) => text.clone().into(),
        (_, Value::Path(path)) => path.to_string_lossy().into(),
        (_, Value::Integer(number)) => (*number).into(),
        (_, Value::Float(number)) => (*number).into(),
        (_, Value::Bool(value)) => (*value).into(),
        (_, Value::List(list)) => list.clone().into(),
    }
}

/// Returns a URL or template without keys. The query of an invalid one is hidden.
fn without_keys(url: &str) -> String {
    let holds_key = match EndpointUrl::parse(&url.replace(['{', '}'], "")) {
        Ok(read) => read.secrets().next().is_some(),
        Err(_) => true,
    };
    let (before, query) = url.split_once('?').map_or((url, None), |(before, query)| (before, Some(query)));
    let path_at = before.find("://").and_then(|at| Some(at + 3 + before[at + 3..].find('/')?));
    let (place, path) = before.split_at(path_at.unwrap_or(before.len()));
    let shown = format!("{place}{}", url::without_keys(path));
    match query {
        Some(_) if holds_key => format!("{shown}?{HIDDEN}"),
        Some(query) => format!("{shown}?{query}"),
        None => shown,
    }
}

fn plain(setting: Setting, value: &Sourced) -> String {
    if let Value::Float(number) = value.value {
        return number.to_string();
    }
    match shown(setting, &value.value) {
        Json::String(text) => text,
        Json::Array(texts) => texts.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", "),
        Json::Object(pairs) => {
            pairs.iter().map(|(name, _)| format!("{name} {HIDDEN}")).collect::<Vec<_>>().join(", ")
        }
        other @ (Json::Number(_) | Json::Bool(_) | Json::Null) => other.to_string(),
    }
}

fn with_origin(value: &Json, origin: &ValueOrigin) -> Json {
    let mut object = json!({ "value": value, "source": origin.word() });
    match origin {
        ValueOrigin::File(line) => object["line"] = (*line).into(),
        ValueOrigin::Flag(_)
        | ValueOrigin::Environment(_)
        | ValueOrigin::EnvFile(_)
        | ValueOrigin::Remembered
        | ValueOrigin::BuiltIn => {
            object["name"] = origin.name().into();
        }
    }
    object
}

/// Returns a line of text, sanitized because files and variables are foreign.
fn line(name: &str, value: &str, origin: &str) -> String {
    let value = sanitize::one_line(value);
    let value = match value.char_indices().nth(VALUE_CHARS) {
        Some((end, _)) if !origin.is_empty() => format!("{}{}", &value[..end], localized("…")),
        Some(_) | None => value,
    };
    let line = format!("{name:<20} {value:<40} {}", sanitize::one_line(origin));
    line.trim_end().to_owned()
}
