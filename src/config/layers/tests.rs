//! Precedence of origins, and choice of the profile.

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
    let value = Sourced { value: Value::Text(text.to_owned()), origin: ValueOrigin::Flag("--flag") };
    Layer::from([(setting, value)])
}

fn resolve(overrides: Overrides, sources: &Sources) -> EffectiveSettings {
    EffectiveSettings::resolve(overrides, sources, host_of).unwrap()
}

#[test]
fn a_remembered_volume_yields_to_a_flag_and_is_ignored_out_of_range() {
    let volume = |remembered: &str, flags: Layer| {
        let mut sources = sources("[defaults]\nvolume = 80\n", &[], &[]);
        sources.remembered.set("openai", Setting::Volume, remembered);
        resolve(Overrides { flags, ..Overrides::default() }, &sources).integer(Setting::Volume)
    };
    let by_flag = Sourced { value: Value::Integer(10), origin: ValueOrigin::Flag("--volume") };
    assert_eq!(volume("35", Layer::new()), Some(35));
    assert_eq!(volume("35", Layer::from([(Setting::Volume, by_flag)])), Some(10));
    assert_eq!(volume("350", Layer::new()), Some(80));
}

#[test]
fn flags_override_the_environment_then_env_file_then_file_then_defaults() {
    let file = "[profiles.openai]\nmodel = \"of-file\"\n[defaults]\nvoice = \"of-defaults\"\n";
    let environment = [("RTVOICE_MODEL", "of-environment")];
    let env_file = [("RTVOICE_MODEL", "of-env-file")];
    let model = |flags, file: &str, environment: &[(&str, &str)], env_file: &[(&str, &str)]| {
        let sources = sources(file, environment, env_file);
        let in_force = resolve(Overrides { flags, ..Overrides::default() }, &sources);
        let value = in_force.get(Setting::Model).unwrap();
        (in_force.text(Setting::Model).unwrap().to_owned(), value.origin.to_string())
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
fn user_defaults_are_weaker_than_user_profiles_and_stronger_than_built_in_ones() {
    let file = "[defaults]\nvoice = \"general\"\nframe_ms = 20\n[profiles.a]\nvoice = \"own\"\n";
    let sources = sources(file, &[], &[]);
    let of = |profile: &str| {
        let overrides = Overrides { profile: Some(profile.to_owned()), ..Overrides::default() };
        let in_force = resolve(overrides, &sources);
        (in_force.text(Setting::Voice).unwrap().to_owned(), in_force.integer(Setting::FrameMs))
    };
    assert_eq!(of("a"), ("own".to_owned(), Some(20)));
    assert_eq!(of("openai"), ("general".to_owned(), Some(20)));
}

#[test]
fn a_float_stays_a_float() {
    let sources = sources("[defaults]\nidle = 15\nmax_cost = 0.5\n", &[], &[]);
    let in_force = resolve(Overrides::default(), &sources);
    assert_eq!(in_force.float(Setting::Idle), Some(15.0));
    assert_eq!(in_force.float(Setting::MaxCost), Some(0.5));
    assert_eq!(in_force.float(Setting::Voice), None);
}

#[test]
fn a_profile_inherits_from_others() {
    let file = "[profiles.work]\nlike = \"azure-preview\"\nresource = \"contoso\"\n[profiles.azure]\norganization = \"o\"\n";
    let overrides = Overrides { profile: Some("work".to_owned()), ..Overrides::default() };
    let in_force = resolve(overrides, &sources(file, &[], &[]));
    assert_eq!(in_force.text(Setting::Resource), Some("contoso"));
    assert!(in_force.text(Setting::Url).unwrap().contains("deployment={model}"));
    assert_eq!(
        in_force.text(Setting::Organization),
        Some("o"),
        "the user's part of the inherited profile counts"
    );
    assert_eq!(in_force.text(Setting::AuthName), Some("api-key"));
}

#[test]
fn a_circular_or_unknown_profile_is_an_error_with_its_line() {
    let file = "[profiles.a]\nlike = \"b\"\n[profiles.b]\nlike = \"a\"\n[profiles.c]\nlike = \"missing\"\n";
    let sources = sources(file, &[], &[]);
    for (profile, message) in [
        ("a", "line 4: profile \"a\" inherits from itself"),
        ("c", "line 6: unknown profile \"missing\""),
        ("z", "unknown profile \"z\""),
    ] {
        let overrides = Overrides { profile: Some(profile.to_owned()), ..Overrides::default() };
        let error = EffectiveSettings::resolve(overrides, &sources, host_of).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
        assert_eq!(error.kind, Kind::Config);
    }
}

#[test]
fn the_strongest_origin_selects_the_profile_and_a_stronger_url_the_one_that_lists_its_host() {
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
        let overrides = Overrides { profile: profile.map(str::to_owned), role: None, demo: false, flags };
        let in_force = resolve(overrides, &sources(file, &environment, &env_file));
        assert_eq!((in_force.profile.as_str(), in_force.chosen_by.to_string().as_str()), expected);
    }
}

/// Roles of the tests.
const ROLES: &str =
    "[roles.shell]\ninstructions = \"Answer with a command.\"\nmodel = \"small\"\nvoice = \"cedar\"\n";

#[test]
fn a_role_is_weaker_than_flags_and_stronger_than_everything_else() {
    let role = || Overrides { role: Some("shell".to_owned()), ..Overrides::default() };
    let sources = sources(ROLES, &[("RTVOICE_MODEL", "m"), ("RTVOICE_LANG", "de")], &[]);
    let in_force = resolve(role(), &sources);
    assert_eq!(in_force.text(Setting::Instructions), Some("Answer with a command."));
    assert_eq!((in_force.text(Setting::Model), in_force.text(Setting::Lang)), (Some("small"), Some("de")));
    let value = Value::Text("large".to_owned());
    let flags = Layer::from([(Setting::Model, Sourced { value, origin: ValueOrigin::Flag("--model") })]);
    assert_eq!(resolve(Overrides { flags, ..role() }, &sources).text(Setting::Model), Some("large"));
    let demo = resolve(Overrides { demo: true, ..role() }, &sources);
    assert_eq!((demo.text(Setting::Model), demo.text(Setting::Voice)), (Some("rtvoice-demo"), Some("cedar")));
    assert_eq!(resolve(Overrides::default(), &sources).text(Setting::Instructions), None);
}

#[test]
fn an_unknown_role_is_an_error_with_the_nearest_name() {
    for (name, file, hint) in [
        ("shel", ROLES, "did you mean shell?"),
        ("poet", ROLES, "known roles: shell"),
        ("poet", "", "add it as [roles.poet] to the configuration file"),
    ] {
        let overrides = Overrides { role: Some(name.to_owned()), ..Overrides::default() };
        let error = EffectiveSettings::resolve(overrides, &sources(file, &[], &[]), host_of).unwrap_err();
        assert_eq!(error.to_string(), format!("unknown role {name:?}\nhint: {hint}"));
    }
}

#[test]
fn the_demo_ignores_variables_about_endpoints() {
    let environment = [("RTVOICE_MODEL", "m"), ("RTVOICE_URL", "wss://h"), ("RTVOICE_VOICE", "v")];
    let in_force = resolve(
        Overrides { demo: true, ..Overrides::default() },
        &sources("profile = \"xai\"", &environment, &[]),
    );
    assert!(in_force.is_demo());
    assert_eq!(in_force.text(Setting::Model), Some("rtvoice-demo"));
    assert_eq!(in_force.text(Setting::Voice), Some("v"));
}

#[test]
fn an_invalid_variable_is_an_error() {
    let sources = sources("", &[("RTVOICE_DIALECT", "klingon")], &[]);
    let error = EffectiveSettings::resolve(Overrides::default(), &sources, host_of).unwrap_err();
    assert_eq!(
        error.to_string(),
        "RTVOICE_DIALECT cannot be \"klingon\"\nhint: it must be one of auto, ga, beta, mixed"
    );
}

#[test]
fn a_wildcard_matches_whole_names_below_a_host() {
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
fn each_model_has_the_price_of_the_nearest_profile() {
    let file = "[profiles.a]\nlike = \"b\"\n[profiles.a.prices.both]\ntext_in = 1\n\
                [profiles.b.prices]\nboth = 0\nonly = 0\n";
    let prices = |profile: &str| {
        let overrides = Overrides { profile: Some(profile.to_owned()), ..Overrides::default() };
        let in_force = resolve(overrides, &sources(file, &[], &[]));
        let of = |(model, priced): (&String, &ModelPrices)| (model.clone(), priced.origin.clone());
        in_force.prices.iter().map(of).collect::<Vec<_>>()
    };
    let at = |model: &str, line| (model.to_owned(), ValueOrigin::File(line));
    assert_eq!(prices("a"), [at("both", 3), at("only", 7)]);
    assert_eq!(prices("b"), [at("both", 6), at("only", 7)]);
    assert_eq!(prices("openai"), []);
}

#[test]
fn a_preset_supplies_what_weaker_origins_set_and_what_nothing_sets() {
    let file = "[defaults]\nvad_threshold = 0.6\nidle_timeout_ms = 6000\nvad_preset = \"noisy\"\n";
    let sources = sources(file, &[], &[]);
    let values = |flags| {
        let in_force = resolve(Overrides { flags, ..Overrides::default() }, &sources);
        let origin = in_force.get(Setting::SilenceDurationMs).unwrap().origin.to_string();
        let (threshold, silence) =
            (in_force.float(Setting::VadThreshold), in_force.integer(Setting::SilenceDurationMs));
        (threshold, silence, in_force.integer(Setting::IdleTimeoutMs), origin)
    };
    assert_eq!(values(Layer::new()), (Some(0.6), Some(800), Some(6_000), "file, line 4".to_owned()));
    let quiet = flag(Setting::VadPreset, "quiet");
    assert_eq!(values(quiet), (Some(0.4), Some(400), None, "flag --flag".to_owned()));
}

#[test]
fn all_profiles_of_a_file_are_checked() {
    for (file, message) in [
        ("profile = \"gone\"\n", "line 1: unknown profile \"gone\""),
        ("[profiles.a]\nlike = \"b\"\n[profiles.b]\nlike = \"gone\"\n", "line 4: unknown profile \"gone\""),
        ("[profiles.a]\nlike = \"a\"\n", "line 2: profile \"a\" inherits from itself"),
    ] {
        let error = check_profiles(&sources(file, &[], &[])).unwrap_err();
        assert_eq!(error.source.to_string(), message);
    }
    assert!(check_profiles(&sources("[profiles.a]\nlike = \"azure\"\n", &[], &[])).is_ok());
}
