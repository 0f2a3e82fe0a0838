//! The file that `rtvoice config init` writes: every setting, explained, and none of them in force.

use std::fmt::Write;

use crate::config::built_in;
use crate::config::pricing::Price;
use crate::config::settings::{Scope, Setting, ValueKind};
use crate::config::value::{Layer, Value};
use crate::error::Error;

const HEAD: &str = "\
# rtvoice: endpoints, keys and defaults. What is in force, and why: rtvoice config show
#
# A flag goes before the environment, that before .env in the current folder, that before this file,
# and this file before what is built in. Everything below is a comment and shows what is in force without
# it, or an example: take away the # where you want another value.

# The profile that is used where --profile and RTVOICE_PROFILE ask for none. Built in are
# openai, azure, azure-preview, ope-ai, openopen8, new-api, local, localai, hf, speaches, qwen, xai
# and serve.
# profile = \"openai\"

# For all profiles.
[defaults]
";

const PROFILES: &str = "
# A profile is an endpoint. One of a built-in name changes that profile; another name makes a new one.
# `like` names the profile whose settings count where this one has none.
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
# All that a profile may say, besides what stands in [defaults]:
#
";

const PRICES: &str = "
# What a model costs, in US dollars. What is not said here costs what OpenAI's list says that is built in,
# at OpenAI; elsewhere it is unknown, and said to be. So is a kind of tokens that is used and has no price.
#
# [profiles.gateway.prices.\"gpt-realtime-2\"]
";

const FREE: &str = "
# In place of the table, 0 for a model that costs nothing. \"*\" is every model that is not named.
#
# [profiles.local.prices]
# \"*\" = 0
";

/// Returns the text of the file.
///
/// # Errors
///
/// Never in a program that was tested.
pub fn text() -> Result<String, Error> {
    let usual = built_in::profiles()?.defaults;
    let mut text = HEAD.to_owned();
    for setting in with(Scope::Person) {
        explain(&mut text, *setting, &usual, "# ");
    }
    text.push_str(PROFILES);
    for setting in with(Scope::Endpoint) {
        explain(&mut text, *setting, &usual, "#   ");
    }
    text.push_str(PRICES);
    for price in Price::all() {
        // Writing into a text cannot fail.
        let _ = writeln!(text, "# # {}.\n# {} = {}", price.meaning(), price.name(), price.example());
    }
    text.push_str(FREE);
    Ok(text)
}

fn with(scope: Scope) -> impl Iterator<Item = &'static Setting> {
    Setting::all().iter().filter(move |setting| setting.scope() == scope)
}

fn explain(text: &mut String, setting: Setting, usual: &Layer, indent: &str) {
    let usual = usual.get(&setting).map(|said| &said.value);
    let value = match usual {
        Some(Value::Text(text)) => format!("{text:?}"),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Switch(switch)) => switch.to_string(),
        Some(Value::List(_) | Value::Table(_) | Value::Hidden(_)) | None => example(setting),
    };
    let takes = match setting.form() {
        ValueKind::Choice(words) => format!(" ({})", words.join(", ")),
        ValueKind::Number(range) => format!(" ({} to {})", range.start(), range.end()),
        ValueKind::Share => " (0 to 1)".to_owned(),
        ValueKind::Text
        | ValueKind::Key
        | ValueKind::Switch
        | ValueKind::Amount
        | ValueKind::List
        | ValueKind::Table => String::new(),
    };
    // Writing into a text cannot fail.
    let _ = writeln!(text, "# {}{takes}.\n{indent}{} = {value}", setting.meaning(), setting.name());
}

/// Something of the right form, where nothing is in force by itself.
fn example(setting: Setting) -> String {
    match setting.form() {
        ValueKind::Text | ValueKind::Key => "\"…\"".to_owned(),
        ValueKind::Choice(words) => format!("\"{}\"", words.first().map_or("", String::as_str)),
        ValueKind::Switch => "true".to_owned(),
        ValueKind::List => "[\"…\"]".to_owned(),
        ValueKind::Table => "{ X-Name = \"…\" }".to_owned(),
        ValueKind::Number(range) => range.start().to_string(),
        ValueKind::Amount => "2.5".to_owned(),
        ValueKind::Share => "0.5".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::{ConfigFile, FileOrigin};

    #[test]
    fn the_file_says_nothing_until_it_is_changed() {
        let file = ConfigFile::parse(&text().unwrap(), FileOrigin::User).unwrap();
        assert!(file.profile.is_none() && file.defaults.is_empty() && file.profiles.is_empty());
    }

    #[test]
    fn every_setting_can_be_uncommented_where_it_stands() {
        let text = text().unwrap();
        let (defaults, profiles) = text.split_once("# All that a profile may say").unwrap();
        let uncommented = |line: &str| line.strip_prefix("# ").map(str::trim).unwrap_or_default().to_owned();
        for setting in Setting::all() {
            let (part, table) = match setting.scope() {
                Scope::Person => (defaults, "[defaults]"),
                Scope::Endpoint => (profiles, "[profiles.a]"),
            };
            let start = format!("{} = ", setting.name());
            let mut lines = part.lines().map(uncommented).filter(|line| line.starts_with(&start));
            let line = lines.next_back().unwrap_or_else(|| panic!("{start}"));
            let read = ConfigFile::parse(&format!("{table}\n{line}\n"), FileOrigin::User);
            assert!(read.is_ok(), "{line}: {read:?}");
        }
    }

    #[test]
    fn prices_can_be_uncommented_where_they_stand() {
        let text = text().unwrap();
        let start = text.find("# [profiles.gateway.prices").unwrap();
        let lines = text[start..].lines().filter_map(|line| line.strip_prefix("# "));
        let lines: Vec<_> = lines.filter(|line| !line.starts_with("In place of")).collect();
        let file = ConfigFile::parse(&lines.join("\n"), FileOrigin::User).unwrap();
        assert_eq!(file.profiles["gateway"].prices["gpt-realtime-2"].usd.len(), Price::all().len());
        assert_eq!(file.profiles["local"].prices["*"].usd.len(), Price::all().len());
    }

    #[test]
    fn the_examples_are_profiles() {
        let text = text().unwrap();
        let examples = text.split("[profiles.work]").nth(1).unwrap().split("# All that").next().unwrap();
        let lines = examples.lines().map(|line| line.strip_prefix("# ").unwrap_or_default());
        let toml = format!("[profiles.work]\n{}\n", lines.collect::<Vec<_>>().join("\n"));
        let file = ConfigFile::parse(&toml, FileOrigin::User).unwrap();
        assert_eq!(file.profiles.len(), 4);
    }
}
