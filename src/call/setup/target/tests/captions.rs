//! Models of captions: in the URL, for the routing of gateways, and in the session.

use super::*;
use crate::call::setup::plan;
use crate::call::setup::transcription::CaptionRequest;
use crate::protocol::value::FieldUpdate as Field;
use crate::session::plan::InputEndAction;

/// Returns the model in the URL and the transcription model, and the language, of a captions session.
fn models(case: &TargetCase<'_>) -> (Option<String>, Option<String>, Option<String>) {
    let settings = settings(&TargetCase { kind: Transcription, ..*case }).unwrap();
    let target = Target::find(&settings).unwrap();
    let uri = endpoint(&target).request().unwrap().uri().to_string().replacen("ws", "http", 1);
    let url = EndpointUrl::parse(&uri).unwrap();
    let plan = plan::transcribe(&settings, CaptionRequest::default(), InputEndAction::End).unwrap();
    let Field::Set(transcription) = plan.settings.transcription else { panic!("there are captions") };
    let languages = transcription.language.into_iter().chain(transcription.languages);
    (url.query_value("model"), transcription.model, languages.reduce(|list, code| format!("{list} {code}")))
}

#[test]
fn the_model_in_the_url_and_the_transcription_model_are_separate() {
    let key = ("RTVOICE_API_KEY", "k");
    let gateway = TargetCase { profile: Some("g"), key, ..CASE };
    let bare = "[profiles.g]\nlike = \"new-api\"\nurl = \"wss://gate.example\"\n";
    let with_both = format!("{bare}model = \"u\"\ntranscription_model = \"t\"\n");
    let with_url_model = format!("{bare}model = \"u\"\n");
    let (url_flag, session_flag) = ((Setting::Model, "u"), (Setting::TranscriptionModel, "t"));
    let (in_url, in_session) = (("RTVOICE_MODEL", "u"), ("RTVOICE_TRANSCRIPTION_MODEL", "t"));
    let separate = (Some("u"), Some("t"));
    for (how, case, expected) in [
        ("profile", TargetCase { file: &with_both, ..gateway }, separate),
        ("flags", TargetCase { file: bare, flags: &[url_flag, session_flag], ..gateway }, separate),
        ("variables", TargetCase { file: bare, environment: &[in_url, in_session], ..gateway }, separate),
        (
            "flag and variable",
            TargetCase { file: bare, flags: &[url_flag], environment: &[in_session], ..gateway },
            separate,
        ),
        (
            "flag and profile",
            TargetCase { file: &with_url_model, flags: &[session_flag], ..gateway },
            separate,
        ),
        (
            ".env",
            TargetCase { file: bare, dotenv: "RTVOICE_MODEL=u\nRTVOICE_TRANSCRIPTION_MODEL=t\n", ..gateway },
            separate,
        ),
        ("--model alone", TargetCase { file: bare, flags: &[url_flag], ..gateway }, (Some("u"), Some("u"))),
        (
            "the other alone",
            TargetCase { file: bare, flags: &[session_flag], ..gateway },
            (Some("t"), Some("t")),
        ),
        ("neither", TargetCase { file: bare, ..gateway }, (Some("whisper-1"), Some("whisper-1"))),
    ] {
        let (url, session, _) = models(&case);
        assert_eq!((url.as_deref(), session.as_deref()), expected, "{how}");
    }
}

#[test]
fn each_endpoint_gets_the_transcription_model_in_the_expected_place() {
    let (url_flag, session_flag) = ((Setting::Model, "u"), (Setting::TranscriptionModel, "t"));
    let azure = "[profiles.azure]\nresource = \"c\"\n";
    for (profile, flags, expected) in [
        // OpenAI and Azure take no model in the URL of captions: --model sets that of the session.
        ("openai", &[][..], (None, Some("gpt-transcribe"))),
        ("openai", &[url_flag], (None, Some("u"))),
        ("openai", &[url_flag, session_flag], (None, Some("t"))),
        ("azure", &[url_flag], (None, Some("u"))),
        // speaches and Qwen name the transcription model in the URL.
        ("speaches", &[session_flag], (Some("t"), Some("t"))),
        ("speaches", &[url_flag], (Some("u"), Some("u"))),
        ("qwen", &[], (Some("qwen3-asr-flash-realtime"), Some("qwen3-asr-flash-realtime"))),
        ("localai", &[url_flag, session_flag], (Some("u"), Some("t"))),
    ] {
        let case =
            TargetCase { profile: Some(profile), file: azure, key: ("RTVOICE_API_KEY", "k"), flags, ..CASE };
        let (url, session, _) = models(&case);
        assert_eq!((url.as_deref(), session.as_deref()), expected, "{profile} {flags:?}");
    }
}

#[test]
fn the_language_of_captions_is_sent_as_a_code_or_omitted() {
    for (written, sent) in [
        ("zh-TW", Some("zh")),
        ("en_US", Some("en")),
        ("auto", None),
        ("de", Some("de")),
        ("de,en", Some("de en")),
    ] {
        let case = TargetCase { key: ("OPENAI_API_KEY", "k"), flags: &[(Setting::Lang, written)], ..CASE };
        assert_eq!(models(&case).2.as_deref(), sent, "{written}");
    }
    let case = TargetCase { key: ("OPENAI_API_KEY", "k"), environment: &[("RTVOICE_LANG", "pt-BR")], ..CASE };
    assert_eq!(models(&case).2.as_deref(), Some("pt"));
}
