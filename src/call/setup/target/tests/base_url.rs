//! Base URLs in the variables of OpenAI's libraries, and the keys that belong to them.

use super::*;

const GATEWAY: &str = "https://gate.example/v1";

fn refusal(case: &TargetCase<'_>) -> String {
    let error = target(case).unwrap_err();
    assert_eq!(error.kind, Kind::Config);
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn openai_base_url_and_openai_api_base_are_honoured() {
    let dialled =
        "GET /v1/realtime?model=gpt-realtime-2 HTTP/1.1\nHost: gate.example\nAuthorization: Bearer gw";
    let key = ("OPENAI_API_KEY", "gw");
    for variable in ["OPENAI_BASE_URL", "OPENAI_API_BASE"] {
        let environment = &[(variable, GATEWAY)];
        let case = TargetCase { key, environment, ..CASE };
        check(case, dialled).await;
        check(TargetCase { profile: Some("openai"), ..case }, dialled).await;
        let file = "[profiles.mine]\nlike = \"openai\"\n";
        check(TargetCase { profile: Some("mine"), file, ..case }, dialled).await;
        // The same file may hold both.
        let dotenv = format!("{variable}={GATEWAY}\nOPENAI_API_KEY=gw\n");
        check(TargetCase { dotenv: &dotenv, ..CASE }, dialled).await;
    }
    for (base, start) in [
        ("https://api.openai.com/v1", "GET /v1/realtime?model=gpt-realtime-2 HTTP/1.1\nHost: api.openai.com"),
        (
            "https://eu.api.openai.com/v1/",
            "GET /v1/realtime?model=gpt-realtime-2 HTTP/1.1\nHost: eu.api.openai.com",
        ),
        (
            "https://gate.example/openai",
            "GET /openai/realtime?model=gpt-realtime-2 HTTP/1.1\nHost: gate.example",
        ),
        (
            "https://name.openai.azure.com/openai/v1/",
            "GET /openai/v1/realtime?model=gpt-realtime-2 HTTP/1.1\nHost: name.openai.azure.com",
        ),
    ] {
        let environment = &[("OPENAI_BASE_URL", base)];
        check(TargetCase { key, environment, ..CASE }, &format!("{start}\nAuthorization: Bearer gw")).await;
    }
}

#[test]
fn a_gateways_key_never_goes_to_api_openai_com() {
    let key = ("OPENAI_API_KEY", "gw-hush");
    for variable in ["OPENAI_BASE_URL", "OPENAI_API_BASE"] {
        let environment = &[(variable, GATEWAY)];
        let flags = &[(Setting::Url, "wss://api.openai.com/v1/realtime")];
        let message = refusal(&TargetCase { key, environment, flags, ..CASE });
        assert!(
            message.starts_with("the key in OPENAI_API_KEY is not for api.openai.com\nhint: "),
            "{message}"
        );
        assert!(
            message.contains(&format!("it is for the host in {variable}: set RTVOICE_API_KEY")),
            "{message}"
        );
        let unreadable = &[(variable, "gate.example/v1")];
        let message = refusal(&TargetCase { key, environment: unreadable, ..CASE });
        assert!(message.starts_with(&format!("cannot dial the value of {variable}: the URL")), "{message}");
    }
}

#[test]
fn an_openai_key_is_not_sent_to_a_base_url() {
    // Neither a configured key, nor one of the environment to a host that a folder selects.
    let environment = &[("OPENAI_BASE_URL", GATEWAY)];
    let file = "[profiles.openai]\nkey = \"sk-hush\"\n";
    let message = refusal(&TargetCase { environment, file, ..CASE });
    let sentence = "the key in key is not for gate.example\nhint: OPENAI_BASE_URL selects gate.example: set";
    assert!(message.starts_with(sentence), "{message}");
    for variable in ["OPENAI_API_KEY", "RTVOICE_API_KEY"] {
        let message = refusal(&TargetCase {
            key: (variable, "sk-hush"),
            dotenv: "OPENAI_BASE_URL=https://evil.example/v1",
            ..CASE
        });
        let sentence =
            format!("the key in {variable} is not for evil.example\nhint: .env in this folder selects");
        assert!(message.starts_with(&sentence), "{message}");
    }
}

#[test]
fn a_configured_url_overrides_a_base_url() {
    let environment = &[("OPENAI_BASE_URL", GATEWAY), ("RTVOICE_API_KEY", "k")];
    let dialled = |case: TargetCase<'_>| endpoint(&target(&case).unwrap()).url.to_string();
    let case = TargetCase { environment, ..CASE };
    let file = "[profiles.openai]\nurl = \"wss://own.example/rt\"\n";
    assert_eq!(dialled(TargetCase { file, ..case }), "wss://own.example/rt");
    let flags = &[(Setting::Url, "wss://other.example/rt")];
    assert_eq!(dialled(TargetCase { flags, ..case }), "wss://other.example/rt");
    assert_eq!(dialled(TargetCase { profile: Some("xai"), ..case }), "wss://api.x.ai/v1/realtime");
    let demo = EffectiveSettings::resolve(
        Overrides { demo: true, ..Overrides::default() },
        &settings(&case).unwrap().sources,
        host_of,
    );
    assert_eq!(demo.unwrap().text(Setting::Url), Some("ws://127.0.0.1/v1/realtime"));
}

#[test]
fn an_endpoint_chosen_by_dotenv_is_announced() {
    let announced = |case: TargetCase<'_>| settings(&case).unwrap().notes("h.example");
    let sentence = ["endpoint h.example, chosen by .env in this folder"];
    let none: [&str; 0] = [];
    for dotenv in [
        "RTVOICE_URL=wss://h.example",
        "RTVOICE_PROFILE=xai",
        "OPENAI_BASE_URL=https://h.example/v1",
        "RTVOICE_PROFILE=azure\nRTVOICE_RESOURCE=h",
    ] {
        assert_eq!(announced(TargetCase { dotenv, ..CASE }), sentence, "{dotenv}");
    }
    let resource = "RTVOICE_RESOURCE=h";
    assert_eq!(announced(TargetCase { profile: Some("azure"), dotenv: resource, ..CASE }), sentence);
    let file = "[profiles.m]\nurl = \"wss://{model}.example\"\n";
    assert_eq!(
        announced(TargetCase { profile: Some("m"), file, dotenv: "RTVOICE_MODEL=h", ..CASE }),
        sentence
    );
    for dotenv in [resource, "RTVOICE_MODEL=m", "OPENAI_API_KEY=sk-1"] {
        assert_eq!(announced(TargetCase { dotenv, ..CASE }), none, "{dotenv}");
    }
    let flags = &[(Setting::Url, "wss://flag.example")];
    assert_eq!(announced(TargetCase { flags, dotenv: "RTVOICE_URL=wss://h.example", ..CASE }), none);
}

#[test]
fn quotes_around_a_key_are_an_error() {
    for key in ["\"sk-hush\"", "'sk-hush'", "\"sk-hush", "sk-hush'"] {
        let message = refusal(&TargetCase { key: ("OPENAI_API_KEY", key), ..CASE });
        assert!(
            message.starts_with("the key in OPENAI_API_KEY has quotes around it\nhint: remove the quotes"),
            "{message}"
        );
    }
    let environment = &[("RTVOICE_MODEL", "\"m\"")];
    let error = settings(&TargetCase { environment, ..CASE }).map(|_| ()).unwrap_err();
    assert!(error.to_string().starts_with("the value of RTVOICE_MODEL has quotes around it"), "{error}");
}

#[test]
fn a_malformed_line_of_dotenv_fails_only_if_its_key_is_needed() {
    let dotenv = "A=1\nOPENAI_API_KEY=\"sk-hush\n";
    let message = refusal(&TargetCase { dotenv, ..CASE });
    assert!(
        message.starts_with("line 2 of .env in this folder does not set OPENAI_API_KEY: the quote is not"),
        "{message}"
    );
    let flags = &[(Setting::Url, "ws://127.0.0.1:1"), (Setting::Model, "m")];
    for case in [
        TargetCase { key: ("OPENAI_API_KEY", "sk-1"), ..CASE },
        TargetCase { key: ("RTVOICE_API_KEY", "sk-1"), ..CASE },
        TargetCase { flags, ..CASE },
    ] {
        target(&TargetCase { dotenv, ..case }).unwrap();
    }
    let dotenv = "RTVOICE_API_KEY=sk-hush and more\n";
    let message = refusal(&TargetCase { dotenv, flags, ..CASE });
    let sentence = "line 1 of .env in this folder does not set RTVOICE_API_KEY: a key contains no blanks";
    assert!(message.starts_with(sentence), "{message}");
    // A setting overridden by a flag is not needed either.
    let case = TargetCase { flags, dotenv: "RTVOICE_MODEL: m\nRTVOICE_URL: x\n", ..CASE };
    target(&case).unwrap();
    let error = settings(&TargetCase { flags: &[], ..case }).map(|_| ()).unwrap_err();
    assert!(
        error.to_string().starts_with("line 2 of .env in this folder does not set RTVOICE_URL"),
        "{error}"
    );
}
