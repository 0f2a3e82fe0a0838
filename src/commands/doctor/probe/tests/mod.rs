//! Endpoints of all kinds as a probe sees them.

pub(crate) mod scripted;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::commands::doctor::probe::calls::configured;
use crate::commands::doctor::probe::tests::scripted::{
    ProbeRun, ROUND_TRIP, ScriptedReaction, answers_all, answers_free, beta_session, error, free, ga_session,
    is_text, is_tools, paid, plan, run, say,
};
use crate::session::plan::{Mode, Plan};

/// Maximum duration of a probe, whatever an endpoint does.
const LONGEST_FREE: Duration = Duration::from_secs(17);
const LONGEST_PAID: Duration = Duration::from_secs(100);

fn came(run: &ProbeRun, part: Capability) -> bool {
    matches!(run.seen.reply(part), Reply::Came(_))
}

fn kinds(run: &ProbeRun) -> Vec<&str> {
    run.sent.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[test]
fn an_endpoint_that_answers_everything_is_done_in_a_few_round_trips() {
    let run = run(free(), &say(ga_session("session.created")), answers_free);
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
    let run = run(paid(), &say(ga_session("session.created")), answers_all);
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
    assert!(came(&run, Capability::Captions) && run.seen.audio_bytes == 4_800);
    assert_eq!(kinds(&run).iter().filter(|kind| **kind == "response.create").count(), 3);
    // No answer follows what is captioned.
    let captioning = run.sent.iter().rfind(|event| event["type"] == "session.update").unwrap();
    let input = captioning["session"]["audio"]["input"].as_object().unwrap();
    assert_eq!(input["turn_detection"], Value::Null);
}

#[test]
fn a_beta_endpoint_is_spoken_to_in_beta() {
    let answer = |event: &Value| match event["type"].as_str().unwrap() {
        "session.update" if event["session"]["modalities"].is_array() => say(beta_session("session.updated")),
        "session.update" => say(error("unknown_parameter", Some("session.type"), event)),
        _ => answers_free(event),
    };
    let run = run(free(), &say(beta_session("session.created")), answer);
    assert_eq!((run.seen.dialect, came(&run, Capability::Updated)), (Some(Dialect::Beta), true));
    assert_eq!(kinds(&run).iter().filter(|kind| **kind == "session.update").count(), 1);
}

#[test]
fn a_dialect_that_is_not_shown_is_found_by_what_is_taken() {
    let bare = json!({ "type": "session.created", "session": { "id": "sess_1" } });
    let bare_updated = json!({ "type": "session.updated", "session": { "id": "sess_1" } });
    let updated = bare_updated.clone();
    let refuses_ga = move |event: &Value| match event["type"].as_str().unwrap() {
        "session.update" if event["session"]["modalities"].is_array() => say(updated.clone()),
        "session.update" => say(error("invalid_value", Some("session.type"), event)),
        _ => answers_free(event),
    };
    let beta = run(free(), &say(bare.clone()), refuses_ga);
    assert_eq!(beta.seen.dialect, Some(Dialect::Beta));
    assert!(came(&beta, Capability::Updated) && beta.seen.left_out.is_empty());
    let ga = run(free(), &say(bare), move |event| match event["type"].as_str().unwrap() {
        "session.update" => say(bare_updated.clone()),
        _ => answers_free(event),
    });
    assert_eq!(ga.seen.dialect, Some(Dialect::Ga));
}

#[test]
fn a_dialect_that_is_set_is_written_whatever_the_endpoint_shows() {
    let calls = vec![configured(Plan { dialect: Some(Dialect::Ga), ..plan(Mode::Talk, None) })];
    let run = run(calls, &say(beta_session("session.created")), answers_free);
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
        let run = run(free(), &say(ga_session("session.created")), leaves_out(kind));
        assert!(matches!(run.seen.reply(part), Reply::Silent(_)), "{kind}");
        assert_eq!(run.sent.len(), 3, "{kind}");
        assert!(run.took < Duration::from_secs(4), "{kind}: {:?}", run.took);
    }
    for (kind, part) in
        [("response.create", Capability::Audio), ("input_audio_buffer.commit", Capability::Captions)]
    {
        let run = run(paid(), &say(ga_session("session.created")), leaves_out(kind));
        assert!(matches!(run.seen.reply(part), Reply::Silent(_)), "{kind}");
        assert!(run.took < LONGEST_PAID, "{kind}: {:?}", run.took);
    }
}

#[test]
fn an_endpoint_that_says_nothing_is_left_after_a_while() {
    let run = run(free(), &[], |_| Vec::new());
    for part in [Capability::Created, Capability::Updated, Capability::Clear, Capability::Truncate] {
        assert!(matches!(run.seen.reply(part), Reply::Silent(_)), "{part:?}");
    }
    assert_eq!((run.seen.events, run.seen.dialect), (0, None));
    assert!(run.took < LONGEST_FREE, "{:?}", run.took);
}

#[test]
fn a_session_that_begins_without_session_created_or_late_is_probed_all_the_same() {
    let other = json!({ "type": "conversation.created", "conversation": { "id": "conv_1" } });
    let without = run(free(), &say(other), answers_free);
    assert!(matches!(without.seen.reply(Capability::Created), Reply::Silent(_)));
    assert!(came(&without, Capability::Updated) && without.seen.dialect == Some(Dialect::Ga));
    // It waits for the first event of the client, and knows nothing of it.
    let late = run(free(), &[], |event| match event["type"].as_str().unwrap() {
        "session.update" => say(beta_session("session.created")),
        _ => answers_free(event),
    });
    assert!(came(&late, Capability::Created) && came(&late, Capability::Clear));
    assert!(matches!(late.seen.reply(Capability::Updated), Reply::Silent(_)));
    assert_eq!(late.seen.dialect, Some(Dialect::Beta));
}

#[test]
fn an_endpoint_that_refuses_at_once_is_not_asked_further() {
    let refusal = error("invalid_api_key", None, &Value::Null);
    for ending in [
        vec![ScriptedReaction::Say(refusal.clone()), ScriptedReaction::Close],
        vec![ScriptedReaction::Say(refusal)],
    ] {
        let run = run(paid(), &ending, answers_all);
        assert!(run.seen.is_over_early() && run.sent.is_empty());
        assert!(matches!(run.seen.reply(Capability::Created), Reply::Refused(_)));
        assert_eq!(run.seen.reply(Capability::Updated), &Reply::NotAsked);
        assert!(run.took <= ROUND_TRIP + Duration::from_secs(1));
    }
}

#[test]
fn a_connection_that_ends_in_the_middle_says_where() {
    let answer = |event: &Value| match event["type"].as_str().unwrap() {
        "input_audio_buffer.clear" => vec![ScriptedReaction::Close],
        _ => answers_free(event),
    };
    let run = run(paid(), &say(ga_session("session.created")), answer);
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
    let dropping = run(free(), &say(ga_session("session.created")), answer);
    assert_eq!(dropping.seen.left_out, ["session.audio.input.transcription"]);
    assert!(came(&dropping, Capability::Updated));
    let refusing =
        run(free(), &say(ga_session("session.created")), |event| match event["type"].as_str().unwrap() {
            "session.update" => say(error("invalid_value", Some("session.voice"), event)),
            _ => answers_free(event),
        });
    assert!(matches!(refusing.seen.reply(Capability::Updated), Reply::Refused(_)));
    assert_eq!(refusing.seen.reply(Capability::Clear), &Reply::NotAsked, "such a call cannot begin");
}

#[test]
fn an_event_that_is_not_known_is_not_taken_for_an_item_that_is_not_there() {
    let answer = |event: &Value| match event["type"].as_str().unwrap() {
        "conversation.item.truncate" => say(error("unknown_or_invalid_event", Some("type"), event)),
        _ => answers_free(event),
    };
    let run = run(free(), &say(ga_session("session.created")), answer);
    assert!(matches!(run.seen.reply(Capability::Truncate), Reply::Refused(_)));
}

#[test]
fn an_error_of_something_older_does_not_spoil_what_is_asked_now() {
    let mut update = Value::Null;
    let answer = move |event: &Value| match event["type"].as_str().unwrap() {
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
    let run = run(free(), &say(ga_session("session.created")), answer);
    assert!(came(&run, Capability::Clear));
}

#[test]
fn an_answer_that_tells_all_at_its_end_or_fails_is_understood() {
    let answer = |event: &Value| match event["type"].as_str().unwrap() {
        "response.create" if is_tools(event) => {
            let call = json!({ "type": "function_call", "call_id": "c", "name": "n", "arguments": "{}" });
            say(json!({ "type": "response.done", "response": { "status": "completed", "output": [call] } }))
        }
        "response.create" if is_text(event) => {
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
    let run = run(paid(), &say(ga_session("session.created")), answer);
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
    let run = run(paid(), &say(ga_session("session.created")), answer);
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
    let run = run(paid(), &say(ga_session("session.created")), answer);
    assert!(matches!(run.seen.reply(Capability::Audio), Reply::Refused(_)) && run.seen.is_over_early());
    assert_eq!(kinds(&run).iter().filter(|kind| **kind == "response.create").count(), 1);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(48))]

    /// Any events in any order, in reply to anything, end the probe in a bounded time.
    #[test]
    fn whatever_an_endpoint_says_the_probe_ends(seed in proptest::collection::vec(0_usize..9, 0..60)) {
        let mut next = seed.into_iter();
        let run = run(paid(), &[], move |event| {
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
        proptest::prop_assert!(run.sent.len() < 120);
    }
}
