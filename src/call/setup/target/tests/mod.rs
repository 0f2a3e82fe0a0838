//! The handshake of each built-in profile, byte for byte as documented by the endpoints.

use tokio::io::{AsyncReadExt, duplex};

use super::*;
use crate::config::built_in;
use crate::config::dotenv::Dotenv;
use crate::config::file::{ConfigFile, FileOrigin};
use crate::config::layers::{EffectiveSettings, Overrides};
use crate::config::settings::Layer;
use crate::config::sources::Sources;
use crate::config::value::{Sourced, Value, ValueOrigin};
use crate::net::ws::connection::WebSocketClient;
use crate::protocol::settings::SessionKind::{self, Realtime, Transcription};

mod base_url;
mod captions;

const PROGRAM: &str = concat!("User-Agent: rtvoice/", env!("CARGO_PKG_VERSION"), "\r\n");

/// A call: the user's file, the environment, the flags.
#[derive(Clone, Copy)]
struct TargetCase<'a> {
    profile: Option<&'a str>,
    kind: SessionKind,
    file: &'a str,
    dotenv: &'a str,
    key: (&'a str, &'a str),
    environment: &'a [(&'a str, &'a str)],
    flags: &'a [(Setting, &'a str)],
}

const CASE: TargetCase<'static> = TargetCase {
    profile: None,
    kind: Realtime,
    file: "",
    dotenv: "",
    key: ("NOTHING", ""),
    environment: &[],
    flags: &[],
};

fn settings(case: &TargetCase<'_>) -> Result<ResolvedSettings, Error> {
    let environment = [case.key].into_iter().chain(case.environment.iter().copied());
    let sources = Sources {
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        env_file: Dotenv::parse(case.dotenv.as_bytes()),
        user: ConfigFile::parse(case.file, FileOrigin::User).unwrap(),
        built_in: built_in::profiles().unwrap(),
        path: Some("/home/u/.config/rtvoice/config.toml".into()),
        remembered: Default::default(),
        warnings: Vec::new(),
    };
    let flags = case.flags.iter().map(|(setting, text)| {
        (*setting, Sourced { value: Value::Text((*text).to_owned()), origin: ValueOrigin::Flag("--flag") })
    });
    let overrides = Overrides {
        profile: case.profile.map(str::to_owned),
        role: None,
        demo: false,
        flags: flags.collect::<Layer>(),
    };
    Ok(ResolvedSettings {
        in_force: EffectiveSettings::resolve(overrides, &sources, host_of)?,
        sources,
        kind: case.kind,
    })
}

fn target(case: &TargetCase<'_>) -> Result<Target, Error> {
    Target::find(&settings(case)?)
}

fn endpoint(target: &Target) -> &Endpoint {
    match &target.way {
        EndpointRoute::Demo(endpoint) | EndpointRoute::Network(endpoint) => endpoint,
    }
}

/// Returns the request without the random part, the user agent and the headers of every upgrade.
async fn wire(endpoint: &Endpoint) -> String {
    let (near, mut far) = duplex(1 << 16);
    let asking = async {
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\n") {
            far.read_buf(&mut received).await.unwrap();
        }
        drop(far);
        String::from_utf8(received).unwrap()
    };
    let (refused, received) = tokio::join!(WebSocketClient::over(near, endpoint.request().unwrap()), asking);
    assert!(refused.is_err());
    let every =
        ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: "];
    for line in every.into_iter().chain([PROGRAM.trim_end()]) {
        assert_eq!(received.matches(&format!("\r\n{line}")).count(), 1, "{line}\n{received}");
    }
    let own = received
        .split_terminator("\r\n")
        .filter(|line| !every.iter().any(|every| line.starts_with(every)) && !PROGRAM.starts_with(line));
    own.collect::<Vec<_>>().join("\n")
}

async fn check(case: TargetCase<'_>, expected: &str) {
    let target = target(&case).unwrap_or_else(|error| panic!("{:?}: {error}", case.profile));
    assert_eq!(wire(endpoint(&target)).await, expected, "{:?}", case.profile);
}

#[tokio::test]
async fn openai() {
    let openai = TargetCase { key: ("OPENAI_API_KEY", "sk-1"), ..CASE };
    let authorized = "Host: api.openai.com\nAuthorization: Bearer sk-1";
    let get = "GET /v1/realtime?model=gpt-realtime-2 HTTP/1.1";
    check(openai, &format!("{get}\n{authorized}")).await;
    check(TargetCase { profile: Some("openai"), ..openai }, &format!("{get}\n{authorized}")).await;
    let flags = &[(Setting::Model, "gpt-realtime-2.1-mini")];
    let other = "GET /v1/realtime?model=gpt-realtime-2.1-mini HTTP/1.1";
    check(TargetCase { flags, ..openai }, &format!("{other}\n{authorized}")).await;
    let transcription = "GET /v1/realtime?intent=transcription HTTP/1.1";
    check(TargetCase { kind: Transcription, ..openai }, &format!("{transcription}\n{authorized}")).await;
    let file = "[profiles.openai]\norganization = \"org-1\"\nproject = \"proj_2\"\nsafety_identifier = \"a1b2\"\nheaders = { X-More = \"1\" }\n";
    let paid =
        "OpenAI-Organization: org-1\nOpenAI-Project: proj_2\nOpenAI-Safety-Identifier: a1b2\nx-more: 1";
    check(TargetCase { file, ..openai }, &format!("{get}\n{authorized}\n{paid}")).await;
    let flags = &[(Setting::Auth, "subprotocol")];
    let offered = "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-1";
    check(TargetCase { flags, ..openai }, &format!("{get}\nHost: api.openai.com\n{offered}")).await;
    let all = "openai-organization.org-1, openai-project.proj_2";
    let rest = "OpenAI-Safety-Identifier: a1b2\nx-more: 1";
    check(
        TargetCase { flags, file, ..openai },
        &format!("{get}\nHost: api.openai.com\n{offered}, {all}\n{rest}"),
    )
    .await;
}

#[tokio::test]
async fn azure() {
    let file = "[profiles.azure]\nresource = \"contoso\"\nmodel = \"voice\"\n";
    let azure = TargetCase { profile: Some("azure"), file, key: ("AZURE_OPENAI_API_KEY", "a1"), ..CASE };
    let host = "Host: contoso.openai.azure.com";
    let get = "GET /openai/v1/realtime?model=voice HTTP/1.1";
    check(azure, &format!("{get}\n{host}\napi-key: a1")).await;
    let transcription = "GET /openai/v1/realtime?intent=transcription HTTP/1.1";
    check(TargetCase { kind: Transcription, ..azure }, &format!("{transcription}\n{host}\napi-key: a1"))
        .await;
    let flags = &[(Setting::Auth, "bearer")];
    check(TargetCase { flags, ..azure }, &format!("{get}\n{host}\nAuthorization: Bearer a1")).await;
    // The address selects the profile.
    let url = "https://r.cognitiveservices.azure.com/openai/v1/realtime";
    let flags = &[(Setting::Url, url), (Setting::Model, "d")];
    let bare = TargetCase { profile: None, file: "", flags, ..azure };
    check(bare, "GET /openai/v1/realtime?model=d HTTP/1.1\nHost: r.cognitiveservices.azure.com\napi-key: a1")
        .await;

    let preview = TargetCase { profile: Some("azure-preview"), ..azure };
    let get = "GET /openai/realtime?api-version=2025-04-01-preview&deployment=voice HTTP/1.1";
    check(
        TargetCase {
            file: "[profiles.azure-preview]\nresource = \"contoso\"\nmodel = \"voice\"\n",
            ..preview
        },
        &format!("{get}\n{host}\napi-key: a1"),
    )
    .await;
    let dated = "[profiles.azure-preview]\nresource = \"contoso\"\napi_version = \"2024-10-01-preview\"\nmodel = \"a b\"\n";
    let get = "GET /openai/realtime?api-version=2024-10-01-preview&deployment=a%20b HTTP/1.1";
    check(TargetCase { file: dated, ..preview }, &format!("{get}\n{host}\napi-key: a1")).await;
}

#[tokio::test]
async fn ope_ai() {
    let ope_ai = TargetCase { profile: Some("ope-ai"), key: ("API_KEY", "k1"), ..CASE };
    let voice = "GET /v1/realtime?model=opeai/AudioLLM/Voice2 HTTP/1.1\nHost: api-platform.ope.ai";
    let captions = "GET /v1/realtime?intent=transcription HTTP/1.1\nHost: api-platform.ope.ai";
    let in_header = "Authorization: Bearer k1\nOpenAI-Beta: realtime=v1";
    let offered = "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.k1, openai-beta.realtime-v1";
    let flags = &[(Setting::Auth, "subprotocol")];
    check(ope_ai, &format!("{voice}\n{in_header}")).await;
    check(TargetCase { kind: Transcription, ..ope_ai }, &format!("{captions}\n{in_header}")).await;
    check(TargetCase { flags, ..ope_ai }, &format!("{voice}\n{offered}")).await;
    check(TargetCase { flags, kind: Transcription, ..ope_ai }, &format!("{captions}\n{offered}")).await;
    let again = target(&ope_ai).unwrap().without_marker().expect("it is over the network");
    assert_eq!(wire(&again).await, format!("{voice}\nAuthorization: Bearer k1"));
}

#[tokio::test]
async fn gateways() {
    let key = ("RTVOICE_API_KEY", "sk-g");
    let openopen8 = TargetCase { profile: Some("openopen8"), key, ..CASE };
    let authorized = "Host: openopen8.ai\nAuthorization: Bearer sk-g";
    check(openopen8, &format!("GET /v1/realtime?token=sk-g HTTP/1.1\n{authorized}")).await;
    let model = (Setting::Model, "gpt-realtime-2");
    let get = "GET /v1/realtime?model=gpt-realtime-2&token=sk-g HTTP/1.1";
    check(TargetCase { flags: &[model], ..openopen8 }, &format!("{get}\n{authorized}")).await;
    let flags = &[model, (Setting::Auth, "bearer")];
    let get = "GET /v1/realtime?model=gpt-realtime-2 HTTP/1.1";
    check(TargetCase { flags, ..openopen8 }, &format!("{get}\n{authorized}")).await;
    let captions = "GET /v1/realtime?model=whisper-1&intent=transcription&token=sk-g HTTP/1.1";
    check(TargetCase { kind: Transcription, ..openopen8 }, &format!("{captions}\n{authorized}")).await;
    let file = "[profiles.openopen8]\nurl = \"ws://openopen8.ai/v1/realtime\"\nallow_clear_key = true\nauth = \"query\"\n";
    check(TargetCase { file, ..openopen8 }, "GET /v1/realtime?token=sk-g HTTP/1.1\nHost: openopen8.ai").await;

    let url = (Setting::Url, "wss://gateway.example:3000/v1/realtime");
    let new_api = TargetCase { profile: Some("new-api"), key, flags: &[url, model], ..CASE };
    let authorized = "Host: gateway.example:3000\nAuthorization: Bearer sk-g";
    check(new_api, &format!("{get}\n{authorized}")).await;
    let offered =
        "Host: gateway.example:3000\nSec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-g";
    check(
        TargetCase { flags: &[url, model, (Setting::Auth, "subprotocol")], ..new_api },
        &format!("{get}\n{offered}"),
    )
    .await;
    let captions = "GET /v1/realtime?model=gpt-realtime-2&intent=transcription HTTP/1.1";
    check(TargetCase { kind: Transcription, ..new_api }, &format!("{captions}\n{authorized}")).await;
    let captions = "GET /v1/realtime?model=whisper-1&intent=transcription HTTP/1.1";
    check(TargetCase { kind: Transcription, flags: &[url], ..new_api }, &format!("{captions}\n{authorized}"))
        .await;
}

#[tokio::test]
async fn servers_of_ones_own() {
    let model = &[(Setting::Model, "m")];
    let of = |profile| TargetCase { profile: Some(profile), flags: model, ..CASE };
    let captions = "GET /v1/realtime?model=whisper-1&intent=transcription HTTP/1.1";
    for (profile, port) in [("localai", 8080), ("speaches", 8000), ("hf", 8765)] {
        let host = format!("Host: 127.0.0.1:{port}");
        check(of(profile), &format!("GET /v1/realtime?model=m HTTP/1.1\n{host}")).await;
        check(TargetCase { kind: Transcription, flags: &[], ..of(profile) }, &format!("{captions}\n{host}"))
            .await;
    }
    check(TargetCase { flags: &[], ..of("hf") }, "GET /v1/realtime HTTP/1.1\nHost: 127.0.0.1:8765").await;
    let flags = &[(Setting::Url, "ws://[::1]:9000")];
    check(TargetCase { flags, ..of("local") }, "GET /v1/realtime HTTP/1.1\nHost: [::1]:9000").await;
    let key = ("RTVOICE_API_KEY", "k");
    let file = "[profiles.speaches]\nauth = \"header\"\nauth_name = \"X-API-Key\"\n";
    check(
        TargetCase { key, file, ..of("speaches") },
        "GET /v1/realtime?model=m HTTP/1.1\nHost: 127.0.0.1:8000\nX-API-Key: k",
    )
    .await;
}

#[tokio::test]
async fn others() {
    let qwen = TargetCase { profile: Some("qwen"), key: ("DASHSCOPE_API_KEY", "k"), ..CASE };
    check(qwen, "GET /api-ws/v1/realtime?model=qwen3.5-omni-flash-realtime HTTP/1.1\nHost: dashscope.aliyuncs.com\nAuthorization: Bearer k").await;
    let xai = TargetCase { profile: Some("xai"), key: ("XAI_API_KEY", "k"), ..CASE };
    check(xai, "GET /v1/realtime?model=grok-voice-latest HTTP/1.1\nHost: api.x.ai\nAuthorization: Bearer k")
        .await;
    let flags = &[(Setting::Url, "ws://127.0.0.1:8642"), (Setting::Dialect, "beta")];
    check(
        TargetCase { flags, ..CASE },
        "GET /v1/realtime HTTP/1.1\nHost: 127.0.0.1:8642\nOpenAI-Beta: realtime=v1",
    )
    .await;
}

#[test]
fn only_a_profile_with_beta_marker_try_is_dialled_twice() {
    for (profile, key) in
        [("openai", "OPENAI_API_KEY"), ("openopen8", "OPENOPEN8_API_KEY"), ("xai", "XAI_API_KEY")]
    {
        let target = target(&TargetCase { profile: Some(profile), key: (key, "k"), ..CASE }).unwrap();
        assert_eq!(target.marker, BetaMarkerSetting::Never, "{profile}");
    }
}

#[test]
fn a_missing_setting_is_reported_with_a_hint() {
    let gateway = &[(Setting::Url, "wss://g.example")];
    let azure = "[profiles.azure]\nresource = \"c\"\n";
    for (profile, file, flags, message, hint) in [
        ("openai", "", &[][..], "no key for the profile openai", "set OPENAI_API_KEY or RTVOICE_API_KEY"),
        (
            "azure",
            "",
            &[],
            "the profile azure has no resource",
            "set RTVOICE_RESOURCE, or resource in [profiles.azure]",
        ),
        ("azure", azure, &[], "the profile azure has no model", "use --model"),
        ("local", "", &[], "the profile local has no URL", "use --url"),
        ("new-api", "", gateway, "no key for the profile new-api", "set RTVOICE_API_KEY in the environment"),
        ("localai", "", &[], "the profile localai has no model", "use --model"),
        (
            "azure",
            "[profiles.azure]\nresource = \"evil.example/\"\n",
            &[],
            "invalid resource name \"evil.example/\"",
            "use the first part",
        ),
        (
            "a",
            "[profiles.a]\nurl = \"wss://h/{thing}\"\n",
            &[],
            "unknown placeholder {thing} in the URL of the profile a",
            "use {resource}, {api_version}",
        ),
        ("a", "[profiles.a]\nurl = \"h/p\"\n", &[], "the URL \"h/p\" has no scheme", "prefix it with wss://"),
    ] {
        let error =
            target(&TargetCase { profile: Some(profile), file, flags, ..CASE }).unwrap_err().to_string();
        assert!(error.starts_with(message) && error.contains(&format!("hint: {hint}")), "{error}");
    }
}

#[test]
fn a_key_for_another_host_is_reported_and_not_sent() {
    let flags = &[(Setting::Url, "wss://evil.example/v1/realtime")];
    let case = TargetCase { profile: Some("openai"), key: ("OPENAI_API_KEY", "sk-hush"), flags, ..CASE };
    let error = target(&case).unwrap_err();
    assert!(
        error.to_string().starts_with("the key in OPENAI_API_KEY is not for evil.example\nhint: "),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("hush"));
    // Without a profile it is an unknown server and needs no key.
    assert_eq!(endpoint(&target(&TargetCase { profile: None, ..case }).unwrap()).auth, Auth::None);
}

#[test]
fn formats_and_rates_reach_the_session_and_the_audio() {
    use crate::audio::options::{AudioSink, AudioSource};
    use crate::call::setup::plan;
    use crate::dsp::frame::SampleRate;
    use crate::protocol::settings::AudioFormat;
    use crate::session::plan::InputEndAction;

    let file = "[profiles.phone]\nurl = \"ws://127.0.0.1\"\ninput_format = \"g711_ulaw\"\noutput_format = \"g711_alaw\"\nframe_ms = 20\n\
                [profiles.wide]\nurl = \"ws://127.0.0.1\"\ninput_rate = 16000\noutput_rate = 48000\nprebuffer_ms = 0\n\
                [profiles.wrong]\ninput_format = \"g711_ulaw\"\ninput_rate = 16000\n";
    for (profile, formats, rates, ms) in [
        ("phone", (AudioFormat::Ulaw, AudioFormat::Alaw), (8_000, 8_000), (20, 60)),
        (
            "wide",
            (AudioFormat::Pcm(SampleRate(16_000)), AudioFormat::Pcm(SampleRate(48_000))),
            (16_000, 48_000),
            (10, 0),
        ),
        (
            "qwen",
            (AudioFormat::BarePcm(SampleRate(16_000)), AudioFormat::BarePcm(SampleRate::HZ_24000)),
            (16_000, 24_000),
            (10, 60),
        ),
        ("openai", (AudioFormat::PCM24K, AudioFormat::PCM24K), (24_000, 24_000), (10, 60)),
    ] {
        let settings = settings(&TargetCase { profile: Some(profile), file, ..CASE }).unwrap();
        let plan = plan::talk(&settings, InputEndAction::End).unwrap();
        let sound = plan::audio(&settings, &plan, AudioSource::Null, AudioSink::Null);
        assert_eq!(
            (plan.settings.input_format, plan.settings.output_format),
            (Some(formats.0), Some(formats.1))
        );
        assert_eq!((sound.wire_in.0, sound.wire_out.0), rates, "{profile}");
        assert_eq!((sound.frame.as_millis(), sound.prebuffer.as_millis()), ms, "{profile}");
    }
    let settings = settings(&TargetCase { profile: Some("wrong"), file, ..CASE }).unwrap();
    let error = plan::talk(&settings, InputEndAction::End).unwrap_err();
    assert!(error.to_string().starts_with("input_rate cannot be 16000 if input_format is G.711"), "{error}");
}

#[test]
fn a_configured_ca_file_is_relative_to_the_configuration() {
    let file = "[profiles.a]\nca_file = \"ours.pem\"\n[profiles.b]\nca_file = \"/etc/ours.pem\"\n";
    for (profile, expected) in
        [("a", Some("/home/u/.config/rtvoice/ours.pem")), ("b", Some("/etc/ours.pem")), ("openai", None)]
    {
        let found = settings(&TargetCase { profile: Some(profile), file, ..CASE }).unwrap().ca_file();
        assert_eq!(found, expected.map(Into::into), "{profile}");
    }
}
