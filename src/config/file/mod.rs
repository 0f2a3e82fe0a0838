//! Parser of configuration files. Errors name the line and never repeat it, since it may hold a key.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::declaration::{Scope, ValueKind};
use crate::config::key_table::ConfiguredKeys;
use crate::config::pricing::ProfilePrices;
use crate::config::settings::{Layer, Setting};
use crate::config::value::{Sourced, Value, ValueOrigin};

/// Keys at the top of a file.
const TOP: [&str; 5] = ["profile", "defaults", "profiles", "roles", "keys"];

/// Key of the profile from which a profile inherits.
const LIKE: &str = "like";

/// Key of the prices of a profile.
const PRICES: &str = "prices";

/// Author of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOrigin {
    /// The user.
    User,
    /// The program.
    Program,
}

/// Parsed configuration file.
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// Profile in use if no other is requested.
    pub profile: Option<(String, ValueOrigin)>,
    /// Settings for all profiles.
    pub defaults: Layer,
    /// Profiles by name.
    pub profiles: BTreeMap<String, Profile>,
    /// Settings of roles by name.
    pub roles: BTreeMap<String, Layer>,
    /// Keys of the screen.
    pub keys: ConfiguredKeys,
}

/// A profile of a file.
#[derive(Debug, Default)]
pub struct Profile {
    /// Profile from which it inherits what it does not set.
    pub like: Option<(String, ValueOrigin)>,
    /// Its own settings.
    pub layer: Layer,
    /// Prices of its models.
    pub prices: ProfilePrices,
}

/// Error in a file.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// The line, counted from 1; none if unknown.
    pub line: Option<usize>,
    /// The cause.
    pub cause: String,
    /// How to fix it.
    pub hint: Option<String>,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "line {line}: {}", self.cause),
            None => formatter.write_str(&self.cause),
        }
    }
}

impl ConfigFile {
    /// Parses a file.
    ///
    /// # Errors
    ///
    /// When it is not valid TOML, or has an unknown setting or an invalid value.
    pub fn parse(text: &str, author: FileOrigin) -> Result<Self, ConfigFault> {
        let reader = ConfigReader { text, author };
        let table = DeTable::parse(text).map_err(|error| {
            let cause = error.message().lines().next().unwrap_or("invalid TOML").to_owned();
            ConfigFault { line: error.span().map(|span| reader.line(&span)), cause, hint: None }
        })?;
        reader.file(table.get_ref())
    }
}

struct ConfigReader<'a> {
    text: &'a str,
    author: FileOrigin,
}

impl ConfigReader<'_> {
    fn file(&self, table: &DeTable<'_>) -> Result<ConfigFile, ConfigFault> {
        let mut file = ConfigFile::default();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "profile" => {
                    let name = self.text_of("profile", value)?;
                    file.profile = Some((name, self.origin(&value.span())));
                }
                "defaults" => file.defaults = self.defaults(self.table_of("defaults", value)?)?,
                "profiles" => file.profiles = self.profiles(self.table_of("profiles", value)?)?,
                "roles" => file.roles = self.roles(self.table_of("roles", value)?)?,
                "keys" => file.keys = self.keys(self.table_of("keys", value)?)?,
                other => return Err(self.unknown(other, &key.span(), &TOP)),
            }
        }
        Ok(file)
    }

    fn profiles(&self, table: &DeTable<'_>) -> Result<BTreeMap<String, Profile>, ConfigFault> {
        let mut profiles = BTreeMap::new();
        for (key, value) in table {
            let name = self.name_of("profile", key)?;
            profiles.insert(name.clone(), self.profile(self.table_of(&name, value)?)?);
        }
        Ok(profiles)
    }

    fn roles(&self, table: &DeTable<'_>) -> Result<BTreeMap<String, Layer>, ConfigFault> {
        let mut roles = BTreeMap::new();
        for (key, value) in table {
            let name = self.name_of("role", key)?;
            roles.insert(name.clone(), self.role(self.table_of(&name, value)?)?);
        }
        Ok(roles)
    }

    fn role(&self, table: &DeTable<'_>) -> Result<Layer, ConfigFault> {
        let mut layer = Layer::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let Some(setting) = Setting::named(name).filter(|setting| setting.is_of_roles()) else {
                let known = Setting::all().iter().filter(|setting| setting.is_of_roles());
                let known: Vec<&str> = known.map(|setting| setting.name()).collect();
                return Err(self.unknown(name, &key.span(), &known));
            };
            layer.insert(setting, self.sourced(setting, value)?);
        }
        Ok(layer)
    }

    fn name_of(&self, what: &str, key: &Spanned<Cow<'_, str>>) -> Result<String, ConfigFault> {
        let name = key.get_ref().to_string();
        if is_name(&name) {
            return Ok(name);
        }
        let hint = "use letters, digits, hyphens, dots and underscores";
        Err(self.fault(&key.span(), format!("invalid {what} name {name:?}"), hint))
    }

    fn profile(&self, table: &DeTable<'_>) -> Result<Profile, ConfigFault> {
        let mut profile = Profile::default();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match Setting::named(name) {
                Some(setting) => {
                    profile.layer.insert(setting, self.sourced(setting, value)?);
                }
                None if name == LIKE => {
                    profile.like = Some((self.text_of(LIKE, value)?, self.origin(&value.span())));
                }
                None if name == PRICES => profile.prices = self.prices(self.table_of(PRICES, value)?)?,
                None => {
                    let names = Setting::all().iter().map(|setting| setting.name());
                    let known: Vec<&str> = [LIKE].into_iter().chain(names).chain([PRICES]).collect();
                    return Err(self.unknown(name, &key.span(), &known));
                }
            }
        }
        Ok(profile)
    }

    fn defaults(&self, table: &DeTable<'_>) -> Result<Layer, ConfigFault> {
        let mut layer = Layer::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let Some(setting) = Setting::named(name) else {
                let known: Vec<&str> = Setting::in_scope(Scope::Defaults).map(Setting::name).collect();
                return Err(self.unknown(name, &key.span(), &known));
            };
            if setting.declaration().scope == Scope::Profile {
                let cause = format!("{name} belongs to an endpoint, not to all of them");
                return Err(self.fault(&key.span(), cause, "set it in a [profiles.NAME]"));
            }
            layer.insert(setting, self.sourced(setting, value)?);
        }
        Ok(layer)
    }

    fn sourced(&self, setting: Setting, value: &Spanned<DeValue<'_>>) -> Result<Sourced, ConfigFault> {
        let (name, kind) = (setting.name(), &setting.declaration().kind);
        let origin = self.origin(&value.span());
        if matches!(kind, ValueKind::List) {
            return Ok(Sourced { value: Value::List(self.list_of(name, value)?), origin });
        }
        if matches!(kind, ValueKind::Table) {
            return Ok(Sourced { value: Value::Table(self.pairs_of(name, value)?), origin });
        }
        let text = scalar(setting, value.get_ref());
        let parsed = text.as_ref().and_then(|text| kind.parse(text));
        let parsed = parsed.ok_or_else(|| {
            let (ValueKind::Choice(_), Some(text)) = (kind, &text) else {
                return self.unexpected(name, &kind.expected(), value);
            };
            let hint = format!("it must be {}", kind.expected());
            self.fault(&value.span(), format!("{name} cannot be {text:?}"), &hint)
        })?;
        Ok(Sourced { value: parsed, origin })
    }

    fn list_of(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, ConfigFault> {
        let wanted = "a list of texts, as in [\"A\", \"B\"]";
        let array = value.get_ref().as_array().ok_or_else(|| self.unexpected(name, wanted, value))?;
        let texts = array.iter().map(|entry| entry.get_ref().as_str().map(str::to_owned));
        texts.collect::<Option<_>>().ok_or_else(|| self.unexpected(name, wanted, value))
    }

    fn pairs_of(
        &self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<(String, String)>, ConfigFault> {
        let table = self.table_of(name, value)?;
        let pairs = table.iter().map(|(key, value)| {
            Ok((key.get_ref().to_string(), self.text_of(&format!("{name}.{}", key.get_ref()), value)?))
        });
        pairs.collect()
    }

    fn text_of(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, ConfigFault> {
        let text = value.get_ref().as_str().map(str::trim).filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| self.unexpected(name, "a text in quotes", value))
    }

    fn table_of<'v, 'i>(
        &self,
        name: &str,
        value: &'v Spanned<DeValue<'i>>,
    ) -> Result<&'v DeTable<'i>, ConfigFault> {
        value.get_ref().as_table().ok_or_else(|| self.unexpected(name, "a table", value))
    }

    fn unexpected(&self, name: &str, wanted: &str, value: &Spanned<DeValue<'_>>) -> ConfigFault {
        ConfigFault {
            line: Some(self.line(&value.span())),
            cause: format!("{name} must be {wanted}"),
            hint: None,
        }
    }

    fn unknown(&self, name: &str, span: &Range<usize>, known: &[&str]) -> ConfigFault {
        let hint = format!("valid here: {}", known.join(", "));
        self.fault(span, format!("unknown setting {name:?}"), &hint)
    }

    fn fault(&self, span: &Range<usize>, cause: String, hint: &str) -> ConfigFault {
        ConfigFault { line: Some(self.line(span)), cause, hint: Some(hint.to_owned()) }
    }

    fn origin(&self, span: &Range<usize>) -> ValueOrigin {
        match self.author {
            FileOrigin::User => ValueOrigin::File(self.line(span)),
            FileOrigin::Program => ValueOrigin::BuiltIn,
        }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().iter().take(span.start);
        1 + before.filter(|byte| **byte == b'\n').count()
    }
}

/// Returns a value as a flag would spell it, if its type fits.
fn scalar(setting: Setting, value: &DeValue<'_>) -> Option<String> {
    match setting.declaration().kind {
        ValueKind::Bool => value.as_bool().map(|value| value.to_string()),
        ValueKind::Integer(_) => {
            let number = value.as_integer()?;
            u32::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        ValueKind::Positive | ValueKind::Decimal(_) => number(value).map(|number| number.to_string()),
        ValueKind::Text | ValueKind::Path | ValueKind::Secret | ValueKind::Choice(_) => {
            // An empty language means auto.
            let text = value.as_str()?.trim();
            (!text.is_empty() || setting == Setting::Lang).then(|| text.to_owned())
        }
        ValueKind::List | ValueKind::Table => None,
    }
}

/// Returns a finite number, whole or not.
fn number(value: &DeValue<'_>) -> Option<f64> {
    let whole = value.as_integer().filter(|number| number.radix() == 10).map(|number| number.as_str());
    let text = whole.or_else(|| value.as_float().map(|number| number.as_str()))?;
    // TOML writes a long number as 1_000.
    text.replace('_', "").parse().ok().filter(|number: &f64| number.is_finite())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
}

mod keys;
mod prices;

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> (Option<usize>, String, String) {
        let wrong = ConfigFile::parse(text, FileOrigin::User).unwrap_err();
        (wrong.line, wrong.cause, wrong.hint.unwrap_or_default())
    }

    #[test]
    fn an_error_has_the_line_and_the_cause() {
        for (text, line, what) in [
            ("profil = \"x\"", 1, "unknown setting \"profil\""),
            ("# first\n\n[profiles.a]\nmodle = \"x\"\n", 4, "unknown setting \"modle\""),
            ("[profiles.a]\nurl = 7\n", 2, "url must be a text in quotes"),
            ("[profiles.a]\nurl = \"\"\n", 2, "url must be a text in quotes"),
            ("[profiles.a]\n\nauth = \"basic\"\n", 3, "auth cannot be \"basic\""),
            ("[profiles.a]\ninput_rate = 96000\n", 2, "input_rate must be a number from 8000 to 48000"),
            ("[profiles.a]\ninput_rate = -1\n", 2, "input_rate must be a number from 8000 to 48000"),
            ("[profiles.a]\nkey_env = \"X\"\n", 2, "key_env must be a list of texts, as in [\"A\", \"B\"]"),
            ("[profiles.a]\nheaders = { X = 1 }\n", 2, "headers.X must be a text in quotes"),
            ("[profiles.a]\nneeds_key = \"yes\"\n", 2, "needs_key must be true or false"),
            ("[defaults]\nurl = \"wss://h\"\n", 2, "url belongs to an endpoint, not to all of them"),
            ("[profiles.\"a b\"]\n", 1, "invalid profile name \"a b\""),
            ("[profiles]\na = 1\n", 2, "a must be a table"),
            ("[roles.\"a b\"]\n", 1, "invalid role name \"a b\""),
            ("[roles.a]\nurl = \"wss://h\"\n", 2, "unknown setting \"url\""),
            ("[roles.a]\nmodel = 1\n", 2, "model must be a text in quotes"),
            ("[defaults]\nidle = 0\n", 2, "idle must be a number above 0"),
            ("[defaults]\nmax_cost = nan\n", 2, "max_cost must be a number above 0"),
            ("[defaults]\nvad_threshold = 1.1\n", 2, "vad_threshold must be a number from 0 to 1"),
            (
                "[defaults]\nidle_timeout_ms = 4999\n",
                2,
                "idle_timeout_ms must be a number from 5000 to 30000",
            ),
            ("[defaults]\neagerness = \"keen\"\n", 2, "eagerness cannot be \"keen\""),
        ] {
            let (found_line, found, _) = wrong(text);
            assert_eq!((found_line, found.as_str()), (Some(line), what), "{text}");
        }
    }

    #[test]
    fn an_unknown_setting_lists_the_valid_ones() {
        let (_, _, hint) = wrong("[profiles.a]\nmodle = \"x\"\n");
        assert!(hint.contains("like, url") && hint.contains("prebuffer_ms"), "{hint}");
        let (_, _, hint) = wrong("[defaults]\nvois = \"x\"\n");
        assert!(hint.contains("voice") && !hint.contains("url"), "{hint}");
    }

    #[test]
    fn a_broken_line_is_not_repeated() {
        for text in ["[profiles.a]\nkey = \"sk-secret\n", "[profiles.a]\nkey = sk-secret\n"] {
            let (line, cause, hint) = wrong(text);
            assert_eq!(line, Some(2));
            assert!(!format!("{cause} {hint}").contains("secret"), "{cause} {hint}");
        }
    }

    #[test]
    fn values_have_the_line_as_their_origin() {
        let text =
            "profile = \"a\"\n[profiles.a]\nlike = \"openai\"\nkey = \"sk-1\"\nheaders = { B = \"2\" }\n";
        let file = ConfigFile::parse(text, FileOrigin::User).unwrap();
        assert_eq!(file.profile, Some(("a".to_owned(), ValueOrigin::File(1))));
        let profile = &file.profiles["a"];
        assert_eq!(profile.like, Some(("openai".to_owned(), ValueOrigin::File(3))));
        assert_eq!(profile.layer[&Setting::Key].origin, ValueOrigin::File(4));
        assert!(!format!("{profile:?}").contains("sk-1"));
        assert_eq!(
            profile.layer[&Setting::Headers].value,
            Value::Table(vec![("B".to_owned(), "2".to_owned())])
        );
    }

    #[test]
    fn a_language_may_be_empty() {
        let file = ConfigFile::parse("[defaults]\nlang = \"\"\n", FileOrigin::User).unwrap();
        assert_eq!(file.defaults[&Setting::Lang].value, Value::Text(String::new()));
    }

    #[test]
    fn an_empty_file_sets_nothing() {
        let file = ConfigFile::parse("# nothing\n", FileOrigin::User).unwrap();
        assert!(file.profile.is_none() && file.profiles.is_empty() && file.defaults.is_empty());
    }
}
