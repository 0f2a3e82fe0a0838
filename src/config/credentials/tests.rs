//! Hosts that may receive keys.

use super::*;
use crate::config::built_in;
use crate::config::file::{ConfigFile, FileOrigin};
use crate::config::layers::Overrides;
use crate::config::settings::Layer;

fn host_of(url: &str) -> Option<String> {
    let host = url.split_once("://")?.1.split(['/', ':']).next()?;
    Some(host.to_owned())
}

struct KeyCase {
    file: &'static str,
    environment: &'static [(&'static str, &'static str)],
    env_file: &'static [(&'static str, &'static str)],
    profile: Option<&'static str>,
    url: Option<&'static str>,
    /// Expected source and key.
    host: &'static str,
    found: Option<&'static str>,
}

const NONE: KeyCase =
    KeyCase { file: "", environment: &[], env_file: &[], profile: None, url: None, host: "", found: None };

fn find(case: &KeyCase) -> KeySearch {
    let pairs = |pairs: &[(&str, &str)]| {
        let owned = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect::<Vec<(String, String)>>()
    };
    let sources = Sources {
        environment: pairs(case.environment).into_iter().collect(),
        env_file: pairs(case.env_file).into_iter().collect(),
        user: ConfigFile::parse(case.file, FileOrigin::User).unwrap(),
        built_in: built_in::profiles().unwrap(),
        path: None,
        remembered: Default::default(),
        warnings: Vec::new(),
    };
    let url = case.url.map(|url| {
        let value = Sourced { value: Value::Text(url.to_owned()), origin: ValueOrigin::Flag("--url") };
        (Setting::Url, value)
    });
    let overrides = Overrides {
        role: None,
        profile: case.profile.map(str::to_owned),
        demo: false,
        flags: url.into_iter().collect::<Layer>(),
    };
    let in_force = EffectiveSettings::resolve(overrides, &sources, host_of).unwrap();
    search(&in_force, &sources, case.host, host_of)
}

fn check(case: &KeyCase) {
    let found = find(case).source.map(|source| source.key().unwrap().reveal().to_owned());
    assert_eq!(found.as_deref(), case.found, "{} {:?} {:?}", case.host, case.profile, case.url);
}

#[test]
fn the_key_for_any_endpoint_overrides_the_profiles_own() {
    let environment = &[("RTVOICE_API_KEY", "any"), ("OPENAI_API_KEY", "own")];
    let openai = "api.openai.com";
    check(&KeyCase { environment, host: openai, found: Some("any"), ..NONE });
    check(&KeyCase { environment: &environment[1..], host: openai, found: Some("own"), ..NONE });
    check(&KeyCase { env_file: environment, host: openai, found: Some("any"), ..NONE });
    let file = "[profiles.openai]\nkey = \"of-file\"\nkey_command = \"echo of-command\"\n";
    check(&KeyCase { file, environment: &environment[1..], host: openai, found: Some("own"), ..NONE });
    check(&KeyCase { file, host: openai, found: Some("of-file"), ..NONE });
    let file = "[profiles.openai]\nkey_command = \"echo of-command\"\n";
    check(&KeyCase { file, host: openai, found: Some("of-command"), ..NONE });
}

#[test]
fn each_profile_has_its_own_variable() {
    for (profile, variable, host) in [
        ("azure", "AZURE_OPENAI_API_KEY", "r.openai.azure.com"),
        ("azure-preview", "AZURE_OPENAI_API_KEY", "r.cognitiveservices.azure.com"),
        ("ope-ai", "API_KEY", "api-platform.ope.ai"),
        ("openopen8", "OPENOPEN8_API_KEY", "openopen8.ai"),
        ("qwen", "DASHSCOPE_API_KEY", "dashscope-intl.aliyuncs.com"),
        ("xai", "XAI_API_KEY", "api.x.ai"),
    ] {
        let environment: &'static [_] = Box::leak(Box::new([(variable, "own"), ("OPENAI_API_KEY", "no")]));
        check(&KeyCase { environment, profile: Some(profile), host, found: Some("own"), ..NONE });
    }
}

#[test]
fn a_key_of_one_profile_is_never_sent_to_anothers_host() {
    let environment =
        &[("OPENAI_API_KEY", "openai"), ("API_KEY", "ope-ai"), ("AZURE_OPENAI_API_KEY", "azure")];
    let evil = "wss://evil.example/v1/realtime";
    for profile in ["openai", "ope-ai", "azure", "azure-preview", "openopen8", "local"] {
        check(&KeyCase {
            environment,
            profile: Some(profile),
            url: Some(evil),
            host: "evil.example",
            ..NONE
        });
    }
    check(&KeyCase { environment, url: Some(evil), host: "evil.example", ..NONE });
    let found = find(&KeyCase {
        environment,
        profile: Some("openai"),
        url: Some(evil),
        host: "evil.example",
        ..NONE
    });
    assert_eq!(found.withheld, ["in OPENAI_API_KEY"]);
    // Neither a URL in the file nor `like` redirects the key of a built-in profile.
    let file = "[profiles.openai]\nurl = \"wss://evil.example\"\n[profiles.x]\nlike = \"openai\"\nurl = \"wss://evil.example\"\n";
    check(&KeyCase { file, environment, host: "evil.example", ..NONE });
    check(&KeyCase { file, environment, profile: Some("x"), host: "evil.example", ..NONE });
}

#[test]
fn a_url_and_a_key_of_the_same_profile_belong_together() {
    let file = "[profiles.work]\nurl = \"wss://gate.example/v1\"\nkey_env = [\"WORK_KEY\"]\n";
    let environment = &[("WORK_KEY", "work"), ("OPENAI_API_KEY", "openai")];
    let work = KeyCase { file, environment, profile: Some("work"), host: "gate.example", ..NONE };
    check(&KeyCase { found: Some("work"), ..work });
    let elsewhere = "wss://evil.example/";
    check(&KeyCase {
        file,
        environment,
        profile: Some("work"),
        url: Some(elsewhere),
        host: "evil.example",
        ..NONE
    });
    let again = "wss://gate.example/other";
    check(&KeyCase {
        file,
        environment,
        profile: Some("work"),
        url: Some(again),
        host: "gate.example",
        found: Some("work"),
        ..NONE
    });
    // A profile that inherits from this one and dials another host does not redirect the key.
    let file = "[profiles.work]\nurl = \"wss://gate.example/v1\"\nkey_env = [\"WORK_KEY\"]\n[profiles.x]\nlike = \"work\"\nurl = \"wss://other.example\"\n";
    check(&KeyCase { file, environment, profile: Some("x"), host: "other.example", ..NONE });
    let file = "[profiles.openai]\nkey_env = [\"WORK_KEY\"]\n";
    check(&KeyCase { file, environment, host: "api.openai.com", found: Some("work"), ..NONE });
}

#[test]
fn a_foreign_folder_cannot_redirect_a_key() {
    let environment = &[("RTVOICE_API_KEY", "any"), ("AZURE_OPENAI_API_KEY", "azure")];
    let env_file = &[("RTVOICE_URL", "wss://evil.example")];
    check(&KeyCase { environment, env_file, host: "evil.example", ..NONE });
    let env_file = &[("RTVOICE_PROFILE", "openopen8")];
    check(&KeyCase { environment, env_file, host: "openopen8.ai", ..NONE });
    let env_file = &[("RTVOICE_PROFILE", "azure"), ("RTVOICE_RESOURCE", "evil")];
    check(&KeyCase { environment, env_file, host: "evil.openai.azure.com", ..NONE });
    // With its own key it may select any host.
    let env_file = &[("RTVOICE_URL", "wss://mine.example"), ("RTVOICE_API_KEY", "of-folder")];
    check(&KeyCase { env_file, host: "mine.example", found: Some("of-folder"), ..NONE });
}

#[test]
fn no_key_appears_in_debug_output_or_messages() {
    let found =
        find(&KeyCase { environment: &[("OPENAI_API_KEY", "sk-hush")], host: "api.openai.com", ..NONE });
    assert!(!format!("{found:?}").contains("hush"));
    assert_eq!(found.source.unwrap().to_string(), "in OPENAI_API_KEY");
}
