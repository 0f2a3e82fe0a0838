//! Scripted endpoints of all kinds, in virtual time and over the real words of the wire.

use serde_json::{Value, json};

use super::*;
use crate::commands::doctor::probe::step::CLOSE_WITHIN;
use crate::protocol::decode;
use crate::protocol::encode;
use crate::protocol::settings::{Modality, SessionKind, Transcription, Voice};
use crate::protocol::value::FieldUpdate;

/// What every answer takes.
const ROUND_TRIP: Duration = Duration::from_millis(40);

/// Nothing may take longer than this, whatever an endpoint does.
const LONGEST_FREE: Duration = Duration::from_secs(17);
const LONGEST_PAID: Duration = Duration::from_secs(95);

/// What comes of a run.
struct ProbeRun {
    seen: ProbeObservations,
    sent: Vec<Value>,
    took: Duration,
}

/// What an endpoint does when something happens.
enum ScriptedReaction {
    Say(Value),
    Close,
}

fn settings() -> SessionSettings {
    SessionSettings {
        kind: SessionKind::Realtime,
        output: Some(Modality::Audio),
        voice: Some(Voice::Named("marin".to_owned())),
        transcription: FieldUpdate::Set(Transcription {
            model: Some("w".to_owned()),
            ..Transcription::default()
        }),
        ..SessionSettings::default()
    }
}

fn free() -> ProbePlan {
    ProbePlan { settings: settings(), dialect: None, paid: BillableChecks::Not }
}

fn paid() -> ProbePlan {
    ProbePlan { paid: BillableChecks::Asked { speech: vec![0; 9_600] }, ..free() }
}

/// Runs a probe against an endpoint that says `first` and answers each event as `answer` has it.
fn run(
    plan: ProbePlan,
    first: Vec<ScriptedReaction>,
    mut answer: impl FnMut(&Value) -> Vec<ScriptedReaction>,
) -> ProbeRun {
    let mut probe = Probe::new(plan);
    let mut now = Duration::ZERO;
    let mut coming: Vec<(Duration, ScriptedReaction)> =
        first.into_iter().map(|does| (ROUND_TRIP, does)).collect();
    let mut sent = Vec::new();
    let mut input = ProbeInput::Opened;
    loop {
        for event in probe.handle(now, input) {
            let event: Value = serde_json::from_str(&encode::client_event(&event, probe.dialect())).unwrap();
            coming.extend(answer(&event).into_iter().map(|does| (now + ROUND_TRIP, does)));
            sent.push(event);
        }
        let Some(deadline) = probe.deadline() else { break };
        let next = coming.iter().map(|(at, _)| *at).min().filter(|at| *at <= deadline);
        now = next.unwrap_or(deadline);
        input = match coming.iter().position(|(at, _)| Some(*at) == next) {
            None => ProbeInput::Tick,
            Some(place) => match coming.remove(place).1 {
                ScriptedReaction::Say(event) => {
                    ProbeInput::Server(Box::new(decode::server_event(&event.to_string()).unwrap()))
                }
                ScriptedReaction::Close => {
                    ProbeInput::Closed(CloseCause::Peer { code: Some(1011), reason: "bye".to_owned() })
                }
            },
        };
    }
    assert!(probe.is_over());
    ProbeRun { seen: probe.into_seen(), sent, took: now }
}

fn say(event: Value) -> Vec<ScriptedReaction> {
    vec![ScriptedReaction::Say(event)]
}

fn ga_session(kind: &str) -> Value {
    let turns = json!({ "type": "server_vad", "threshold": 0.5, "silence_duration_ms": 200 });
    let format = json!({ "type": "audio/pcm", "rate": 24_000 });
    let audio = json!({
        "input": { "format": format, "turn_detection": turns },
        "output": { "format": format, "voice": "marin" },
    });
    json!({ "type": kind, "session": { "type": "realtime", "id": "sess_1", "model": "m", "audio": audio } })
}

fn beta_session(kind: &str) -> Value {
    let session = json!({
        "id": "sess_1", "model": "m", "modalities": ["text", "audio"], "voice": "alloy",
        "input_audio_format": "pcm16", "output_audio_format": "pcm16",
    });
    json!({ "type": kind, "session": session })
}

fn error(code: &str, param: Option<&str>, event: &Value) -> Value {
    let error = json!({
        "type": "invalid_request_error", "code": code, "message": format!("wrong: {code}"), "param": param,
        "event_id": event["event_id"],
    });
    json!({ "type": "error", "error": error })
}

/// Answers all that costs nothing, as OpenAI does.
fn answers_free(event: &Value) -> Vec<ScriptedReaction> {
    match event["type"].as_str().unwrap() {
        "session.update" => say(ga_session("session.updated")),
        "input_audio_buffer.clear" => say(json!({ "type": "input_audio_buffer.cleared" })),
        "conversation.item.truncate" if event["item_id"] == "item_spoken" => {
            let cut = json!({
                "type": "conversation.item.truncated", "item_id": "item_spoken", "content_index": 0, "audio_end_ms": 10,
            });
            say(cut)
        }
        "conversation.item.truncate" => say(error("item_truncate_invalid_item_id", Some("item_id"), event)),
        _ => Vec::new(),
    }
}

/// Answers everything, as OpenAI does.
fn answers_all(event: &Value) -> Vec<ScriptedReaction> {
    let place =
        |item: &str| json!({ "response_id": "r", "item_id": item, "output_index": 0, "content_index": 0 });
    let with = |kind: &str, item: &str, name: &str, value: &str| {
        let mut event = place(item);
        event["type"] = kind.into();
        event[name] = value.into();
        ScriptedReaction::Say(event)
    };
    let done = || {
        ScriptedReaction::Say(
            json!({ "type": "response.done", "response": { "id": "r", "status": "completed", "output": [] } }),
        )
    };
    match event["type"].as_str().unwrap() {
        "response.create" if event["response"]["tools"].is_array() => {
            vec![with("response.function_call_arguments.delta", "item_call", "delta", "{}"), done()]
        }
        "response.create" if event["response"]["output_modalities"] == json!(["text"]) => {
            vec![with("response.output_text.delta", "item_text", "delta", "Yes."), done()]
        }
        "response.create" => vec![
            with("response.output_audio_transcript.delta", "item_spoken", "delta", "Hello."),
            with("response.output_audio.delta", "item_spoken", "delta", "AAAAAAAA"),
            done(),
        ],
        "input_audio_buffer.commit" => {
            let kind = "conversation.item.input_audio_transcription";
            vec![
                with(&format!("{kind}.delta"), "item_user", "delta", "This"),
                with(&format!("{kind}.completed"), "item_user", "transcript", "This is."),
            ]
        }
        _ => answers_free(event),
    }
}

fn came(run: &ProbeRun, part: Capability) -> bool {
    matches!(run.seen.reply(part), Reply::Came(_))
}

fn kinds(run: &ProbeRun) -> Vec<&str> {
    run.sent.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[test]
fn an_endpoint_that_answers_everything_is_done_in_a_few_round_trips() {
    let run = run(free(), say(ga_session("session.created")), answers_free);
    for part in [Capability::Created, Capability::Updated, Capability::Clear, Capability::Truncate] {
        assert_eq!(run.seen.reply(part), &Reply::Came(ROUND_TRIP), "{part:?}");
    }
    for part in
        [Capability::Text, Capability::Audio, Capability::Tools, Capability::Captions, Capability::Cut]
    {
        assert_eq!(run.seen.reply(part), &Reply::NotAsked, "{part:?}");
    }
    assert_eq!(kinds(&run), ["session.update", "input_audio_buffer.clear", "conversation.item.truncate"]);
    assert_eq!((run.took, run.seen.dialect), (4 * ROUND_TRIP, Some(Dialect::Ga)));
    assert!(run.seen.closed.is_none() && !run.seen.is_over_early());
}

#[test]
fn answers_are_asked_for_only_where_they_are_wanted_and_all_parts_are_seen() {
    let run = run(paid(), say(ga_session("session.created")), answers_all);
    for part in [
        Capability::Text,
        Capability::Audio,
        Capability::Transcript,
        Capability::Cut,
        Capability::Tools,
        Capability::CaptionDeltas,
    ] {
        assert_eq!(run.seen.reply(part), &Reply::Came(ROUND_TRIP), "{part:?}");
    }
    assert!(came(&run, Capability::Captions) && run.seen.sound_bytes == 6);
    assert_eq!(kinds(&run).iter().filter(|kind| **kind == "response.create").count(), 3);
    // No answer follows what is captioned.
    let by_hand = &run.sent[run.sent.len() - 3];
    assert_eq!(by_hand["session"]["audio"]["input"], json!({ "turn_detection": null }), "{by_hand}");
}

#[test]
fn a_beta_endpoint_is_spoken_to_in_beta() {
    let answer = |event: &Value| match event["type"].as_str().unwrap() {
        "session.update" if event["session"]["modalities"].is_array() => say(beta_session("session.updated")),
        "session.update" => say(error("unknown_parameter", Some("session.type"), event)),
        _ => answers_free(event),
    };
    let run = run(free(), say(beta_session("session.created")), answer);
    assert_eq!((run.seen.dialect, came(&run, Capability::Updated)), (Some(Dialect::Beta), true));
    assert_eq!(kinds(&run).iter().filter(|kind| **kind == "session.update").count(), 1);
}

#[test]
fn a_dialect_that_is_not_shown_is_found_by_what_is_taken() {
    let bare = json!({ "type": "session.created", "session": { "id": "sess_1" } });
    let bare_updated = json!({ "type": "session.updated", "session": { "id": "sess_1" } });
    // It refuses the one, or keeps silent at it.
    for refuses in [true, false] {
        let answer = |event: &Value| match event["type"].as_str().unwrap() {
            "session.update" if event["session"]["modalities"].is_array() => say(bare_updated.clone()),
            "session.update" if refuses => say(error("invalid_value", Some("session.type"), event)),
            "session.update" => Vec::new(),
            _ => answers_free(event),
        };
        let run = run(free(), say(bare.clone()), answer);
        assert_eq!(run.seen.dialect, Some(Dialect::Beta), "{refuses}");
        assert!(came(&run, Capability::Updated));
    }
    let ga = run(free(), say(bare), |event| match event["type"].as_str().unwrap() {
        "session.update" => say(bare_updated.clone()),
        _ => answers_free(event),
    });
    assert_eq!(ga.seen.dialect, Some(Dialect::Ga));
}

#[test]
fn a_dialect_that_is_set_is_written_whatever_the_endpoint_shows() {
    let plan = ProbePlan { dialect: Some(Dialect::Ga), ..free() };
    let run = run(plan, say(beta_session("session.created")), answers_free);
    assert_eq!(run.seen.dialect, Some(Dialect::Beta));
    assert!(run.sent[0]["session"]["type"] == "realtime");
}

#[test]
fn what_is_left_out_costs_a_bounded_time_and_nothing_else() {
    let leaves_out = |kind: &'static str| {
        move |event: &Value| if event["type"] == kind { Vec::new() } else { answers_all(event) }
    };
    for (kind, part) in [
        ("session.update", Capability::Updated),
        ("input_audio_buffer.clear", Capability::Clear),
        ("conversation.item.truncate", Capability::Truncate),
    ] {
        let run = run(free(), say(ga_session("session.created")), leaves_out(kind));
        assert!(matches!(run.seen.reply(part), Reply::Silent(_)), "{kind}");
        assert_eq!(run.sent.len(), 3, "{kind}");
        assert!(run.took < Duration::from_secs(4), "{kind}: {:?}", run.took);
    }
    for (kind, part) in
        [("response.create", Capability::Audio), ("input_audio_buffer.commit", Capability::Captions)]
    {
        let run = run(paid(), say(ga_session("session.created")), leaves_out(kind));
        assert!(matches!(run.seen.reply(part), Reply::Silent(_)), "{kind}");
        assert!(run.took < LONGEST_PAID, "{kind}: {:?}", run.took);
    }
}

#[test]
fn an_endpoint_that_says_nothing_is_left_after_a_while() {
    let run = run(free(), Vec::new(), |_| Vec::new());
    for part in [Capability::Created, Capability::Updated, Capability::Clear, Capability::Truncate] {
        assert!(matches!(run.seen.reply(part), Reply::Silent(_)), "{part:?}");
    }
    assert_eq!((run.seen.events, run.seen.dialect), (0, None));
    assert!(run.took < LONGEST_FREE, "{:?}", run.took);
}

#[test]
fn a_session_that_begins_without_session_created_or_late_is_probed_all_the_same() {
    let other = json!({ "type": "conversation.created", "conversation": { "id": "conv_1" } });
    let without = run(free(), say(other), answers_free);
    assert!(matches!(without.seen.reply(Capability::Created), Reply::Silent(_)));
    assert!(came(&without, Capability::Updated) && without.seen.dialect == Some(Dialect::Ga));
    // It waits for the first event of the client, and knows nothing of it.
    let mut updates = 0;
    let late = run(free(), Vec::new(), |event| match event["type"].as_str().unwrap() {
        "session.update" => {
            updates += 1;
            say(beta_session(if updates == 1 { "session.created" } else { "session.updated" }))
        }
        _ => answers_free(event),
    });
    assert!(came(&late, Capability::Created) && came(&late, Capability::Updated));
    assert_eq!((updates, late.seen.dialect), (2, Some(Dialect::Beta)));
}

#[test]
fn an_endpoint_that_refuses_at_once_is_not_asked_further() {
    let refusal = error("invalid_api_key", None, &Value::Null);
    for ending in [
        vec![ScriptedReaction::Say(refusal.clone()), ScriptedReaction::Close],
        vec![ScriptedReaction::Say(refusal)],
    ] {
        let run = run(paid(), ending, answers_all);
        assert!(run.seen.is_over_early() && run.sent.is_empty());
        assert!(matches!(run.seen.reply(Capability::Created), Reply::Refused(_)));
        assert_eq!(run.seen.reply(Capability::Updated), &Reply::NotAsked);
        assert!(run.took <= ROUND_TRIP + CLOSE_WITHIN);
    }
}

#[test]
fn a_connection_that_ends_in_the_middle_says_where() {
    let answer = |event: &Value| match event["type"].as_str().unwrap() {
        "input_audio_buffer.clear" => vec![ScriptedReaction::Close],
        _ => answers_free(event),
    };
    let run = run(paid(), say(ga_session("session.created")), answer);
    assert_eq!(run.seen.reply(Capability::Clear), &Reply::Lost);
    assert_eq!(run.seen.reply(Capability::Truncate), &Reply::NotAsked);
    assert!(run.seen.closed.is_some());
}

#[test]
fn settings_that_are_not_known_are_left_out_and_reported() {
    let answer = |event: &Value| match event["type"].as_str().unwrap() {
        "session.update" if !event["session"]["audio"]["input"]["transcription"].is_null() => {
            say(error("unknown_parameter", Some("session.audio.input.transcription"), event))
        }
        _ => answers_free(event),
    };
    let dropping = run(free(), say(ga_session("session.created")), answer);
    assert_eq!(dropping.seen.left_out, ["session.audio.input.transcription"]);
    assert!(came(&dropping, Capability::Updated));
    let refusing =
        run(free(), say(ga_session("session.created")), |event| match event["type"].as_str().unwrap() {
            "session.update" => say(error("invalid_value", Some("session.voice"), event)),
            _ => answers_free(event),
        });
    assert!(matches!(refusing.seen.reply(Capability::Updated), Reply::Refused(_)));
    assert!(came(&refusing, Capability::Clear), "the rest is asked for all the same");
}

#[test]
fn an_event_that_is_not_known_is_not_taken_for_an_item_that_is_not_there() {
    let answer = |event: &Value| match event["type"].as_str().unwrap() {
        "conversation.item.truncate" => say(error("unknown_or_invalid_event", Some("type"), event)),
        _ => answers_free(event),
    };
    let run = run(free(), say(ga_session("session.created")), answer);
    assert!(matches!(run.seen.reply(Capability::Truncate), Reply::Refused(_)));
}

#[test]
fn an_error_of_something_older_does_not_spoil_what_is_asked_now() {
    let mut update = Value::Null;
    let answer = |event: &Value| match event["type"].as_str().unwrap() {
        "session.update" => {
            update = event.clone();
            say(ga_session("session.updated"))
        }
        "input_audio_buffer.clear" => {
            let mut answers = say(error("invalid_value", None, &update));
            answers.extend(answers_free(event));
            answers
        }
        _ => answers_free(event),
    };
    let run = run(free(), say(ga_session("session.created")), answer);
    assert!(came(&run, Capability::Clear));
}

#[test]
fn an_answer_that_tells_all_at_its_end_or_fails_is_understood() {
    let answer = |event: &Value| match event["type"].as_str().unwrap() {
        "response.create" if event["response"]["tools"].is_array() => {
            let call = json!({ "type": "function_call", "call_id": "c", "name": "n", "arguments": "{}" });
            say(json!({ "type": "response.done", "response": { "status": "completed", "output": [call] } }))
        }
        "response.create" if event["response"]["output_modalities"] == json!(["text"]) => {
            let content = json!([{ "type": "output_text", "text": "Yes." }]);
            let item = json!({ "type": "message", "role": "assistant", "content": content });
            say(json!({ "type": "response.done", "response": { "status": "completed", "output": [item] } }))
        }
        "response.create" => {
            let error = json!({ "type": "server_error", "code": "inference_failed", "message": "no voice" });
            let details = json!({ "type": "failed", "error": error });
            say(
                json!({ "type": "response.done", "response": { "status": "failed", "status_details": details } }),
            )
        }
        _ => answers_all(event),
    };
    let run = run(paid(), say(ga_session("session.created")), answer);
    assert!(came(&run, Capability::Text) && came(&run, Capability::Tools));
    assert!(
        matches!(run.seen.reply(Capability::Audio), Reply::Refused(error) if error.message.as_deref() == Some("no voice"))
    );
    assert_eq!(run.seen.reply(Capability::Cut), &Reply::NotAsked);
}

#[test]
fn an_answer_without_sound_or_a_call_is_reported_as_such() {
    let answer = |event: &Value| match event["type"].as_str().unwrap() {
        "response.create" => {
            say(json!({ "type": "response.done", "response": { "status": "completed", "output": [] } }))
        }
        _ => answers_all(event),
    };
    let run = run(paid(), say(ga_session("session.created")), answer);
    for part in [Capability::Text, Capability::Audio, Capability::Transcript, Capability::Tools] {
        assert_eq!(run.seen.reply(part), &Reply::Missing, "{part:?}");
    }
}

#[test]
fn an_account_without_money_ends_the_probe() {
    let answer = |event: &Value| match event["type"].as_str().unwrap() {
        "response.create" => say(error("insufficient_quota", None, event)),
        _ => answers_all(event),
    };
    let run = run(paid(), say(ga_session("session.created")), answer);
    assert!(matches!(run.seen.reply(Capability::Text), Reply::Refused(_)) && run.seen.is_over_early());
    assert_eq!(kinds(&run).iter().filter(|kind| **kind == "response.create").count(), 1);
}

proptest::proptest! {
    /// Any events in any order, in reply to anything, end the probe in a bounded time.
    #[test]
    fn whatever_an_endpoint_says_the_probe_ends(seed in proptest::collection::vec(0_usize..9, 0..60)) {
        let mut next = seed.into_iter();
        let run = run(paid(), Vec::new(), |event| {
            let one = match next.next() {
                Some(0) => ga_session("session.created"),
                Some(1) => beta_session("session.updated"),
                Some(2) => error("unknown_parameter", Some("session.voice"), &Value::Null),
                Some(3) => error("invalid_value", None, event),
                Some(4) => json!({ "type": "response.done", "response": {} }),
                Some(5) => json!({ "type": "response.output_audio.delta", "item_id": "i", "delta": "AAAA" }),
                Some(6) => json!({ "type": "x.unknown" }),
                Some(7) => json!({ "type": "conversation.item.truncated", "item_id": "i" }),
                Some(_) | None => return Vec::new(),
            };
            say(one)
        });
        proptest::prop_assert!(run.took < LONGEST_PAID + LONGEST_FREE, "{:?}", run.took);
        proptest::prop_assert!(run.sent.len() < 40);
    }
}
