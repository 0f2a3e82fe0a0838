//! The file that `rtvoice config init` writes: every setting explained, all of them commented out.

use std::fmt::Write;

use crate::config::declaration::Scope;
use crate::config::pricing::Price;
use crate::config::settings::Setting;
use crate::keys::action::ACTIONS;

const HEAD: &str = "\
# rtvoice configuration: endpoints, keys and defaults. Effective settings and their sources: rtvoice config show
#
# Flags override the environment, the environment overrides .env, and .env overrides this file.
# Every setting below is commented out and shows its default, or an example where it has none.
# Remove the # to change it.

# Profile to use without --profile and RTVOICE_PROFILE. Built in: openai, azure, azure-preview, ope-ai,
# openopen8, new-api, local, localai, hf, speaches, qwen, xai and serve.
# profile = \"openai\"

# Settings for all profiles.
[defaults]
";

const PROFILES: &str = "
# A profile is an endpoint. A profile with a built-in name changes that profile; other names add new ones.
# `like` inherits everything that the profile does not set.
#
# [profiles.work]
# like = \"azure\"
# resource = \"contoso\"                    # https://contoso.openai.azure.com
# model = \"my-deployment\"
#
# [profiles.entra]
# like = \"azure\"
# resource = \"contoso\"
# model = \"my-deployment\"
# auth = \"bearer\"
# key_env = [\"AZURE_OPENAI_AD_TOKEN\"]
# key_command = \"az account get-access-token --scope https://ai.azure.com/.default --query accessToken -o tsv\"
#
# [profiles.gateway]
# like = \"new-api\"
# url = \"wss://gateway.example.com/v1/realtime\"
# model = \"gpt-realtime-2\"
# key_env = [\"GATEWAY_KEY\"]
#
# [profiles.ope-ai]
# auth = \"subprotocol\"
#
# Settings of a profile, in addition to those of [defaults]:
#
";

const ROLES: &str = "
# A role is a set of instructions, with a model and settings if needed: rtvoice chat --role shell. If the
# instructions contain $input, they are no instructions but the text of each message, with the message in place
# of $input.
#
# [roles.shell]
# instructions = \"Answer with one shell command in a code block.\"
# model = \"gpt-realtime-2\"
#
# [roles.translate]
# instructions = \"Translate into English: $input\"
";

const PRICES: &str = "
# Prices of a model in US dollars. Without them OpenAI is priced by the built-in list, and the cost of other
# endpoints is unknown, as is the cost of a kind of tokens without a price.
#
# [profiles.gateway.prices.\"gpt-realtime-2\"]
";

const FREE: &str = "
# 0 instead of a table: the model is free. \"*\" is every model that is not named.
#
# [profiles.local.prices]
# \"*\" = 0
";

const KEYS: &str = "
# Keys of the screen: an action, and the list of its keys; \"none\" disables it. A key that types text acts only
# while nothing is typed.
[keys]
";

/// Returns the text of the file.
pub fn text() -> String {
    let mut text = HEAD.to_owned();
    Setting::in_scope(Scope::Defaults).for_each(|setting| explain(&mut text, setting, "# "));
    text.push_str(PROFILES);
    Setting::in_scope(Scope::Profile).for_each(|setting| explain(&mut text, setting, "#   "));
    text.push_str(ROLES);
    text.push_str(PRICES);
    for price in Price::all() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# # {}.\n# {} = {}", price.meaning(), price.name(), price.example());
    }
    text.push_str(FREE);
    text.push_str(KEYS);
    for spec in &ACTIONS {
        let keys = spec.keys.iter().map(|key| format!("{key:?}")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "# {} = [{keys}]  # {}", spec.name, spec.help);
    }
    text
}

fn explain(text: &mut String, setting: Setting, indent: &str) {
    let declaration = setting.declaration();
    let range = declaration.kind.range();
    let default = declaration.default.is_none().then(|| "no default".to_owned());
    let facts: Vec<String> = range.into_iter().chain(default).collect();
    let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join("; ")) };
    let note = declaration.note.map(|note| format!(" {note}")).unwrap_or_default();
    let value = declaration.toml(declaration.example);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# {}{facts}.{note}\n{indent}{} = {value}", declaration.help, declaration.name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::{ConfigFile, FileOrigin};

    #[test]
    fn the_file_sets_nothing_until_it_is_changed() {
        let file = ConfigFile::parse(&text(), FileOrigin::User).unwrap();
        assert!(file.profile.is_none() && file.defaults.is_empty() && file.profiles.is_empty());
    }

    /// Returns the file with every setting uncommented.
    fn uncommented() -> ConfigFile {
        let text = text();
        let (defaults, profiles) = text.split_once("# Settings of a profile").unwrap();
        let lines = |part: &str| -> String {
            let assignments = part.lines().filter_map(|line| {
                let line = line.strip_prefix('#')?.trim();
                Setting::named(line.split_once(" = ")?.0).map(|setting| (setting, line.to_owned()))
            });
            // The example profiles set some of them, too; the explained one comes last.
            let last: std::collections::BTreeMap<_, _> = assignments.collect();
            last.into_values().map(|line| line + "\n").collect()
        };
        let defaults = lines(defaults.split_once("# A profile is").unwrap().0);
        let profiles = profiles.split_once("# A role is").unwrap().0;
        let text = format!("[defaults]\n{defaults}[profiles.a]\n{}", lines(profiles));
        ConfigFile::parse(&text, FileOrigin::User).unwrap_or_else(|fault| panic!("{fault}\n{text}"))
    }

    #[test]
    fn uncommenting_any_setting_sets_its_real_default_or_an_accepted_example() {
        let file = uncommented();
        let profile = &file.profiles["a"].layer;
        for setting in Setting::all() {
            let set = file.defaults.get(setting).or_else(|| profile.get(setting));
            let set = set.unwrap_or_else(|| panic!("{setting:?} is explained"));
            if let Some(default) = setting.declaration().default_value() {
                assert_eq!(set.value, default, "{setting:?}");
            }
        }
        assert_eq!(file.defaults.len() + profile.len(), Setting::all().len());
        assert!(text().contains("\n# silence_duration_ms = 500\n"));
    }

    #[test]
    fn prices_can_be_uncommented_in_place() {
        let text = text();
        let start = text.find("# [profiles.gateway.prices").unwrap();
        let (prices, _) = text[start..].split_once("\n# Keys of the screen").unwrap();
        let lines = prices.lines().filter_map(|line| line.strip_prefix("# "));
        let lines: Vec<_> = lines.filter(|line| !line.starts_with("0 instead")).collect();
        let file = ConfigFile::parse(&lines.join("\n"), FileOrigin::User).unwrap();
        assert_eq!(file.profiles["gateway"].prices["gpt-realtime-2"].usd.len(), Price::all().len());
        assert_eq!(file.profiles["local"].prices["*"].usd.len(), Price::all().len());
    }

    #[test]
    fn uncommenting_the_keys_sets_the_defaults() {
        let text = text();
        let (_, keys) = text.split_once("\n[keys]\n").unwrap();
        let lines: Vec<_> = keys.lines().map(|line| line.strip_prefix("# ").unwrap()).collect();
        let file = ConfigFile::parse(&format!("[keys]\n{}\n", lines.join("\n")), FileOrigin::User).unwrap();
        assert_eq!(file.keys.origins.len(), ACTIONS.len());
        assert_eq!(*file.keys.bindings, crate::keys::bindings::KeyBindings::default());
    }

    #[test]
    fn the_example_roles_parse() {
        let text = text();
        let start = text.find("# [roles.shell]").unwrap();
        let lines = text[start..].lines().take_while(|line| line.starts_with('#'));
        let lines: Vec<&str> = lines.map(|line| line.trim_start_matches('#').trim()).collect();
        let file = ConfigFile::parse(&lines.join("\n"), FileOrigin::User).unwrap();
        assert_eq!(file.roles.keys().collect::<Vec<_>>(), ["shell", "translate"]);
    }

    #[test]
    fn the_example_profiles_parse() {
        let text = text();
        let examples = text.split("[profiles.work]").nth(1).unwrap();
        let examples = examples.split("# Settings of a profile").next().unwrap();
        let lines = examples.lines().map(|line| line.strip_prefix("# ").unwrap_or_default());
        let toml = format!("[profiles.work]\n{}\n", lines.collect::<Vec<_>>().join("\n"));
        let file = ConfigFile::parse(&toml, FileOrigin::User).unwrap();
        assert_eq!(file.profiles.len(), 4);
    }
}
