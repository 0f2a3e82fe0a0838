//! Reads a configuration text, and names the line of whatever is wrong in it.
//!
//! No message repeats a line: it may hold a key.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::pricing::ProfilePrices;
use crate::config::settings::{Scope, Setting, ValueKind};
use crate::config::value::{Layer, Sourced, Value, ValueOrigin};
use crate::secret::Secret;

/// What may stand at the top of a file.
const TOP: [&str; 3] = ["profile", "defaults", "profiles"];

/// The name under which a profile names the one it is made from.
const LIKE: &str = "like";

/// The name under which a profile says what its models cost.
const PRICES: &str = "prices";

/// Who wrote the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOrigin {
    /// The user.
    User,
    /// The program: its `[defaults]` may say anything.
    Program,
}

/// A configuration file as it was understood.
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// The profile that is used where none is asked for.
    pub profile: Option<(String, ValueOrigin)>,
    /// Settings for all profiles.
    pub defaults: Layer,
    /// The profiles by name.
    pub profiles: BTreeMap<String, Profile>,
}

/// A profile of a file.
#[derive(Debug, Default)]
pub struct Profile {
    /// The profile whose settings count where this one has none.
    pub like: Option<String>,
    /// Its own settings.
    pub layer: Layer,
    /// What its models cost.
    pub prices: ProfilePrices,
}

/// What is wrong in a file, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// The line, counted from 1; none if the reader does not say.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: Option<String>,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "line {line}: {}", self.what),
            None => formatter.write_str(&self.what),
        }
    }
}

impl ConfigFile {
    /// Reads a text.
    ///
    /// # Errors
    ///
    /// When it is no TOML, or says something that no setting is.
    pub fn parse(text: &str, author: FileOrigin) -> Result<Self, ConfigFault> {
        let reader = ConfigReader { text, author };
        let table = DeTable::parse(text).map_err(|error| {
            let what = error.message().lines().next().unwrap_or("it is no TOML").to_owned();
            ConfigFault { line: error.span().map(|span| reader.line(&span)), what, hint: None }
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
                other => return Err(self.unknown(other, &key.span(), &TOP.map(str::to_owned))),
            }
        }
        Ok(file)
    }

    fn profiles(&self, table: &DeTable<'_>) -> Result<BTreeMap<String, Profile>, ConfigFault> {
        let mut profiles = BTreeMap::new();
        for (key, value) in table {
            let name = key.get_ref().to_string();
            if !is_name(&name) {
                let what = format!("{name:?} is no name for a profile");
                let hint = "use letters, digits, hyphens, dots and underscores";
                return Err(self.wrong(&key.span(), what, hint));
            }
            profiles.insert(name.clone(), self.profile(self.table_of(&name, value)?)?);
        }
        Ok(profiles)
    }

    fn profile(&self, table: &DeTable<'_>) -> Result<Profile, ConfigFault> {
        let mut profile = Profile::default();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match Setting::named(name) {
                Some(setting) => {
                    profile.layer.insert(setting, self.sourced(setting, value)?);
                }
                None if name == LIKE => profile.like = Some(self.text_of(LIKE, value)?),
                None if name == PRICES => profile.prices = self.prices(self.table_of(PRICES, value)?)?,
                None => {
                    let names = Setting::all().iter().map(|setting| setting.name());
                    let names = [LIKE.to_owned()].into_iter().chain(names);
                    let known: Vec<String> = names.chain([PRICES.to_owned()]).collect();
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
            match Setting::named(name).map(|setting| (setting, setting.scope(), self.author)) {
                Some((setting, Scope::Person, _) | (setting, _, FileOrigin::Program)) => {
                    layer.insert(setting, self.sourced(setting, value)?);
                }
                Some((_, Scope::Endpoint, FileOrigin::User)) => {
                    let what = format!("{name} belongs to an endpoint, not to all of them");
                    return Err(self.wrong(&key.span(), what, "write it in a [profiles.NAME]"));
                }
                None => {
                    let personal = Setting::all().iter().filter(|setting| setting.scope() == Scope::Person);
                    let known: Vec<String> = personal.map(|setting| setting.name()).collect();
                    return Err(self.unknown(name, &key.span(), &known));
                }
            }
        }
        Ok(layer)
    }

    fn sourced(&self, setting: Setting, value: &Spanned<DeValue<'_>>) -> Result<Sourced, ConfigFault> {
        let origin = self.origin(&value.span());
        let name = setting.name();
        let form = setting.form();
        let expected = || self.expected(&name, &form.wanted(), value);
        let value = match &form {
            // An empty language is as good as auto.
            ValueKind::Text if setting == Setting::Lang && value.get_ref().as_str() == Some("") => {
                Value::Text(String::new())
            }
            ValueKind::Text => Value::Text(self.text_of(&name, value)?),
            ValueKind::Key => Value::Hidden(Secret::new(self.text_of(&name, value)?)),
            ValueKind::Choice(words) => {
                let text = self.text_of(&name, value)?;
                if !words.contains(&text) {
                    let what = format!("{name} cannot be {text:?}");
                    return Err(self.wrong(
                        &value.span(),
                        what,
                        &format!("it is one of {}", words.join(", ")),
                    ));
                }
                Value::Text(text)
            }
            ValueKind::Switch => {
                let switch = value.get_ref().as_bool();
                Value::Switch(switch.ok_or_else(expected)?)
            }
            ValueKind::Number(range) => {
                let number = value
                    .get_ref()
                    .as_integer()
                    .and_then(|number| u32::from_str_radix(number.as_str(), number.radix()).ok());
                let number = number.filter(|number| range.contains(number));
                Value::Number(number.ok_or_else(expected)?)
            }
            ValueKind::Amount => {
                let amount = number(value.get_ref()).filter(|amount| *amount > 0.0);
                Value::Text(amount.ok_or_else(expected)?.to_string())
            }
            ValueKind::Share => {
                let share = number(value.get_ref()).filter(|share| (0.0..=1.0).contains(share));
                Value::Text(share.ok_or_else(expected)?.to_string())
            }
            ValueKind::List => Value::List(self.list_of(&name, value)?),
            ValueKind::Table => Value::Table(self.pairs_of(&name, value)?),
        };
        Ok(Sourced { value, origin })
    }

    fn list_of(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, ConfigFault> {
        let wanted = "a list of texts, as in [\"A\", \"B\"]";
        let array = value.get_ref().as_array().ok_or_else(|| self.expected(name, wanted, value))?;
        let texts = array.iter().map(|entry| entry.get_ref().as_str().map(str::to_owned));
        texts.collect::<Option<_>>().ok_or_else(|| self.expected(name, wanted, value))
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
        text.map(str::to_owned).ok_or_else(|| self.expected(name, "a text in quotes", value))
    }

    fn table_of<'v, 'i>(
        &self,
        name: &str,
        value: &'v Spanned<DeValue<'i>>,
    ) -> Result<&'v DeTable<'i>, ConfigFault> {
        value.get_ref().as_table().ok_or_else(|| self.expected(name, "a table", value))
    }

    fn expected(&self, name: &str, wanted: &str, value: &Spanned<DeValue<'_>>) -> ConfigFault {
        ConfigFault {
            line: Some(self.line(&value.span())),
            what: format!("{name} has to be {wanted}"),
            hint: None,
        }
    }

    fn unknown(&self, name: &str, span: &Range<usize>, known: &[String]) -> ConfigFault {
        let hint = format!("known here are {}", known.join(", "));
        self.wrong(span, format!("{name:?} is no setting"), &hint)
    }

    fn wrong(&self, span: &Range<usize>, what: String, hint: &str) -> ConfigFault {
        ConfigFault { line: Some(self.line(span)), what, hint: Some(hint.to_owned()) }
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

/// A finite number, whole or not.
fn number(value: &DeValue<'_>) -> Option<f64> {
    let whole = value.as_integer().filter(|number| number.radix() == 10).map(|number| number.as_str());
    let text = whole.or_else(|| value.as_float().map(|number| number.as_str()))?;
    // TOML writes a long number as 1_000.
    text.replace('_', "").parse().ok().filter(|number: &f64| number.is_finite())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
}

mod prices;

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> (Option<usize>, String, String) {
        let wrong = ConfigFile::parse(text, FileOrigin::User).unwrap_err();
        (wrong.line, wrong.what, wrong.hint.unwrap_or_default())
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line, what) in [
            ("profil = \"x\"", 1, "\"profil\" is no setting"),
            ("# first\n\n[profiles.a]\nmodle = \"x\"\n", 4, "\"modle\" is no setting"),
            ("[profiles.a]\nurl = 7\n", 2, "url has to be a text in quotes"),
            ("[profiles.a]\nurl = \"\"\n", 2, "url has to be a text in quotes"),
            ("[profiles.a]\n\nauth = \"basic\"\n", 3, "auth cannot be \"basic\""),
            ("[profiles.a]\ninput_rate = 96000\n", 2, "input_rate has to be a number from 8000 to 48000"),
            ("[profiles.a]\ninput_rate = -1\n", 2, "input_rate has to be a number from 8000 to 48000"),
            ("[profiles.a]\nkey_env = \"X\"\n", 2, "key_env has to be a list of texts, as in [\"A\", \"B\"]"),
            ("[profiles.a]\nheaders = { X = 1 }\n", 2, "headers.X has to be a text in quotes"),
            ("[profiles.a]\nneeds_key = \"yes\"\n", 2, "needs_key has to be true or false"),
            ("[defaults]\nurl = \"wss://h\"\n", 2, "url belongs to an endpoint, not to all of them"),
            ("[profiles.\"a b\"]\n", 1, "\"a b\" is no name for a profile"),
            ("[profiles]\na = 1\n", 2, "a has to be a table"),
            ("[defaults]\nidle = 0\n", 2, "idle has to be a number above 0"),
            ("[defaults]\nmax_cost = nan\n", 2, "max_cost has to be a number above 0"),
            ("[defaults]\nvad_threshold = 1.1\n", 2, "vad_threshold has to be a number from 0 to 1"),
            (
                "[defaults]\nidle_timeout_ms = 4999\n",
                2,
                "idle_timeout_ms has to be a number from 5000 to 30000",
            ),
            ("[defaults]\neagerness = \"keen\"\n", 2, "eagerness cannot be \"keen\""),
        ] {
            let (found_line, found, _) = wrong(text);
            assert_eq!((found_line, found.as_str()), (Some(line), what), "{text}");
        }
    }

    #[test]
    fn an_unknown_setting_is_answered_with_the_known_ones() {
        let (_, _, hint) = wrong("[profiles.a]\nmodle = \"x\"\n");
        assert!(hint.contains("like, url") && hint.contains("prebuffer_ms"), "{hint}");
        let (_, _, hint) = wrong("[defaults]\nvois = \"x\"\n");
        assert!(hint.contains("voice") && !hint.contains("url"), "{hint}");
    }

    #[test]
    fn a_broken_line_is_not_repeated() {
        for text in ["[profiles.a]\nkey = \"sk-secret\n", "[profiles.a]\nkey = sk-secret\n"] {
            let (line, what, hint) = wrong(text);
            assert_eq!(line, Some(2));
            assert!(!format!("{what} {hint}").contains("secret"), "{what} {hint}");
        }
    }

    #[test]
    fn values_know_their_lines() {
        let text =
            "profile = \"a\"\n[profiles.a]\nlike = \"openai\"\nkey = \"sk-1\"\nheaders = { B = \"2\" }\n";
        let file = ConfigFile::parse(text, FileOrigin::User).unwrap();
        assert_eq!(file.profile, Some(("a".to_owned(), ValueOrigin::File(1))));
        let profile = &file.profiles["a"];
        assert_eq!(profile.like.as_deref(), Some("openai"));
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
    fn an_empty_file_says_nothing() {
        let file = ConfigFile::parse("# nothing\n", FileOrigin::User).unwrap();
        assert!(file.profile.is_none() && file.profiles.is_empty() && file.defaults.is_empty());
    }
}
