//! Which place wins, and which profile is meant.

use super::*;
use crate::config::built_in;
use crate::config::file::{ConfigFile, FileOrigin};
use crate::config::pricing::ModelPrices;

fn host_of(url: &str) -> Option<String> {
    let host = url.split_once("://")?.1.split(['/', ':']).next()?;
    Some(host.to_owned())
}

fn sources(file: &str, environment: &[(&str, &str)], env_file: &[(&str, &str)]) -> Sources {
    let pairs = |pairs: &[(&str, &str)]| {
        let owned = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect::<Vec<(String, String)>>()
    };
    Sources {
        environment: pairs(environment).into_iter().collect(),
        env_file: pairs(env_file).into_iter().collect(),
        user: ConfigFile::parse(file, FileOrigin::User).unwrap(),
        built_in: built_in::profiles().unwrap(),
        path: None,
        remembered: Default::default(),
        warnings: Vec::new(),
    }
}

fn flag(setting: Setting, text: &str) -> Layer {
    let said = Sourced { value: Value::Text(text.to_owned()), origin: ValueOrigin::Flag("--flag") };
    Layer::from([(setting, said)])
}

fn decide(asked: Overrides, sources: &Sources) -> EffectiveSettings {
    EffectiveSettings::decide(asked, sources, host_of).unwrap()
}

#[test]
fn flags_beat_the_environment_beats_dot_env_beats_the_file_beats_the_program() {
    let file = "[profiles.openai]\nmodel = \"of-file\"\n[defaults]\nvoice = \"of-defaults\"\n";
    let environment = [("RTVOICE_MODEL", "of-environment")];
    let env_file = [("RTVOICE_MODEL", "of-env-file")];
    let model = |flags, file: &str, environment: &[(&str, &str)], env_file: &[(&str, &str)]| {
        let sources = sources(file, environment, env_file);
        let in_force = decide(Overrides { flags, ..Overrides::default() }, &sources);
        let said = in_force.get(Setting::Model).unwrap();
        (in_force.text(Setting::Model).unwrap().to_owned(), said.origin.to_string())
    };
    let of = |text: &str, origin: &str| (text.to_owned(), origin.to_owned());
    let flags = flag(Setting::Model, "of-flag");
    assert_eq!(model(flags, file, &environment, &env_file), of("of-flag", "flag --flag"));
    let none = Layer::new;
    assert_eq!(
        model(none(), file, &environment, &env_file),
        of("of-environment", "environment RTVOICE_MODEL")
    );
    assert_eq!(model(none(), file, &[], &env_file), of("of-env-file", ".env RTVOICE_MODEL"));
    assert_eq!(model(none(), file, &[], &[]), of("of-file", "file, line 2"));
    assert_eq!(model(none(), "", &[], &[]), of("gpt-realtime-2", "built in"));
}

#[test]
fn the_users_defaults_come_after_the_users_profiles_and_before_the_program() {
    let file = "[defaults]\nvoice = \"general\"\nframe_ms = 20\n[profiles.a]\nvoice = \"own\"\n";
    let sources = sources(file, &[], &[]);
    let of = |profile: &str| {
        let asked = Overrides { profile: Some(profile.to_owned()), ..Overrides::default() };
        let in_force = decide(asked, &sources);
        (in_force.text(Setting::Voice).unwrap().to_owned(), in_force.number(Setting::FrameMs))
    };
    assert_eq!(of("a"), ("own".to_owned(), Some(20)));
    assert_eq!(of("openai"), ("general".to_owned(), Some(20)));
}

#[test]
fn limits_are_amounts() {
    let sources = sources("[defaults]\nidle = 15\nmax_cost = 0.5\n", &[], &[]);
    let in_force = decide(Overrides::default(), &sources);
    assert_eq!(in_force.amount(Setting::Idle), Some(15.0));
    assert_eq!(in_force.amount(Setting::MaxCost), Some(0.5));
    assert_eq!(in_force.amount(Setting::Voice), None);
}

#[test]
fn a_profile_is_made_from_others() {
    let file = "[profiles.work]\nlike = \"azure-preview\"\nresource = \"contoso\"\n[profiles.azure]\norganization = \"o\"\n";
    let asked = Overrides { profile: Some("work".to_owned()), ..Overrides::default() };
    let in_force = decide(asked, &sources(file, &[], &[]));
    assert_eq!(in_force.text(Setting::Resource), Some("contoso"));
    assert!(in_force.text(Setting::Url).unwrap().contains("deployment={model}"));
    assert_eq!(
        in_force.text(Setting::Organization),
        Some("o"),
        "the user's words on the profile behind it count"
    );
    assert_eq!(in_force.text(Setting::AuthName), Some("api-key"));
}

#[test]
fn a_circle_and_an_unknown_profile_are_told() {
    let file = "[profiles.a]\nlike = \"b\"\n[profiles.b]\nlike = \"a\"\n[profiles.c]\nlike = \"nobody\"\n";
    let sources = sources(file, &[], &[]);
    for (profile, message) in [
        ("a", "the profile \"a\" is like itself"),
        ("c", "there is no profile \"nobody\""),
        ("z", "there is no profile \"z\""),
    ] {
        let asked = Overrides { profile: Some(profile.to_owned()), ..Overrides::default() };
        let error = EffectiveSettings::decide(asked, &sources, host_of).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
        assert_eq!(error.kind, Kind::Config);
    }
}

#[test]
fn the_loudest_place_chooses_the_profile_and_a_louder_url_the_one_that_knows_its_host() {
    let file = "profile = \"xai\"\n[profiles.gate]\nkey_hosts = [\"gate.example\"]\n";
    let url = |text: &str| flag(Setting::Url, text);
    for (profile, flags, environment, env_file, expected) in [
        (None, Layer::new(), None, None, ("xai", "file, line 1")),
        (None, Layer::new(), None, Some("qwen"), ("qwen", ".env RTVOICE_PROFILE")),
        (None, Layer::new(), Some("ope-ai"), Some("qwen"), ("ope-ai", "environment RTVOICE_PROFILE")),
        (Some("azure"), Layer::new(), Some("ope-ai"), None, ("azure", "flag --profile")),
        (Some("azure"), url("wss://h.example"), None, None, ("azure", "flag --profile")),
        (None, url("wss://r.openai.azure.com/x"), Some("ope-ai"), None, ("azure", "flag --flag")),
        (None, url("wss://api.openai.com"), None, None, ("openai", "flag --flag")),
        (None, url("wss://eu.api.openai.com"), None, None, ("openai", "flag --flag")),
        (None, url("wss://gate.example/v1"), None, None, ("gate", "flag --flag")),
        (None, url("wss://api.openai.com.evil.example"), None, None, ("local", "flag --flag")),
        (None, url("wss://openai.com.evil.example"), None, None, ("local", "flag --flag")),
        (None, url("wss://notapi.openai.com.example"), None, None, ("local", "flag --flag")),
        (None, url("ws://127.0.0.1:8642"), None, None, ("local", "flag --flag")),
    ] {
        let pair = |name: Option<&'static str>| name.map(|name| (PROFILE_VARIABLE, name));
        let environment: Vec<_> = pair(environment).into_iter().collect();
        let env_file: Vec<_> = pair(env_file).into_iter().collect();
        let asked = Overrides { profile: profile.map(str::to_owned), demo: false, flags };
        let in_force = decide(asked, &sources(file, &environment, &env_file));
        assert_eq!((in_force.profile.as_str(), in_force.chosen_by.to_string().as_str()), expected);
    }
}

#[test]
fn the_demo_listens_to_no_variable_about_endpoints() {
    let environment = [("RTVOICE_MODEL", "m"), ("RTVOICE_URL", "wss://h"), ("RTVOICE_VOICE", "v")];
    let in_force = decide(
        Overrides { demo: true, ..Overrides::default() },
        &sources("profile = \"xai\"", &environment, &[]),
    );
    assert!(in_force.is_demo());
    assert_eq!(in_force.text(Setting::Model), Some("rtvoice-demo"));
    assert_eq!(in_force.text(Setting::Voice), Some("v"));
}

#[test]
fn a_variable_that_says_nonsense_is_told() {
    let sources = sources("", &[("RTVOICE_DIALECT", "klingon")], &[]);
    let error = EffectiveSettings::decide(Overrides::default(), &sources, host_of).unwrap_err();
    assert_eq!(
        error.to_string(),
        "RTVOICE_DIALECT cannot be \"klingon\"\nhint: it is one of auto, ga, beta, mixed"
    );
}

#[test]
fn a_star_stands_for_whole_names_below_a_host() {
    for (pattern, host, expected) in [
        ("*.a.example", "x.a.example", true),
        ("*.a.example", "x.y.a.example", true),
        ("*.a.example", "a.example", false),
        ("*.a.example", ".a.example", false),
        ("*.a.example", "xa.example", false),
        ("*a.example", "xa.example", false),
        ("a.example", "a.example", true),
        ("a.example", "x.a.example", false),
    ] {
        assert_eq!(is_host(pattern, host), expected, "{pattern} {host}");
    }
}

#[test]
fn each_model_has_the_price_of_the_nearest_profile_that_says_one() {
    let file = "[profiles.a]\nlike = \"b\"\n[profiles.a.prices.both]\ntext_in = 1\n\
                [profiles.b.prices]\nboth = 0\nonly = 0\n";
    let prices = |profile: &str| {
        let asked = Overrides { profile: Some(profile.to_owned()), ..Overrides::default() };
        let in_force = decide(asked, &sources(file, &[], &[]));
        let of = |(model, priced): (&String, &ModelPrices)| (model.clone(), priced.origin.clone());
        in_force.prices.iter().map(of).collect::<Vec<_>>()
    };
    let at = |model: &str, line| (model.to_owned(), ValueOrigin::File(line));
    assert_eq!(prices("a"), [at("both", 3), at("only", 7)]);
    assert_eq!(prices("b"), [at("both", 6), at("only", 7)]);
    assert_eq!(prices("openai"), []);
}
