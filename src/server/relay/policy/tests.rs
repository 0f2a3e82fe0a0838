//! Tests of the policy: events with their verdict.

use proptest::prelude::*;

use super::*;
use crate::secret::Secret;

fn policy() -> EventPolicy {
    EventPolicy { model: Some("gpt-a".to_owned()), ..EventPolicy::default() }
}

fn locked() -> EventPolicy {
    EventPolicy { is_locked: true, instructions: Some("Be kind.".to_owned()), ..policy() }
}

fn capped() -> EventPolicy {
    EventPolicy { max_output_tokens: Some(500), ..policy() }
}

/// Describes a verdict in one line.
fn shown(verdict: Verdict) -> String {
    match verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Replace(text) => text,
        Verdict::Refuse(refusal) => {
            let parts = [Some(refusal.code.to_owned()), refusal.param, refusal.event_id];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    }
}

fn check(policy: &EventPolicy, cases: &[(&str, &str)]) {
    for (event, expected) in cases {
        assert_eq!(shown(policy.client_event(event)), *expected, "{event}");
    }
}

#[test]
fn listed_events_pass_as_they_came_and_others_are_refused() {
    check(
        &policy(),
        &[
            (r#"{"type":"input_audio_buffer.append","audio":"AAAA"}"#, "pass"),
            (r#" { "audio" : "" , "type" : "input_audio_buffer.append" } "#, "pass"),
            ("{\"type\":\"input_audio_buffer\\u002eappend\"}", "pass"),
            (r#"{"type":"input_audio_buffer.commit"}"#, "pass"),
            (r#"{"type":"input_audio_buffer.clear"}"#, "pass"),
            (r#"{"type":"session.input_audio_buffer.append","audio":""}"#, "pass"),
            (r#"{"type":"session.close"}"#, "pass"),
            (r#"{"type":"conversation.item.retrieve","item_id":"i"}"#, "pass"),
            (r#"{"type":"conversation.item.truncate","item_id":"i"}"#, "pass"),
            (r#"{"type":"conversation.item.delete","item_id":"i"}"#, "pass"),
            (r#"{"type":"response.cancel"}"#, "pass"),
            (r#"{"type":"output_audio_buffer.clear","event_id":"e1"}"#, "event_not_allowed e1"),
            (r#"{"type":"made.up"}"#, "event_not_allowed"),
            (r#"{"type":"SESSION.UPDATE"}"#, "event_not_allowed"),
            (r#"{"type":""}"#, "event_not_allowed"),
        ],
    );
}

#[test]
fn what_is_not_an_event_is_refused() {
    check(
        &policy(),
        &[
            ("", "invalid_event"),
            ("hello", "invalid_event"),
            ("[]", "invalid_event"),
            (r#"["session.update","e1"]"#, "invalid_event"),
            ("{}", "invalid_event"),
            (r#"{"type":7}"#, "invalid_event"),
            (r#"{"type":null}"#, "invalid_event"),
            (r#"{"type":"response.cancel""#, "invalid_event"),
            (r#"{"type":"response.cancel"}{}"#, "invalid_event"),
            (r#"{"type":"response.cancel","type":"session.update"}"#, "invalid_event"),
            (r#"{"type":"response.cancel","\u0074ype":"session.update"}"#, "invalid_event"),
            (r#"{"type":"session.update"}"#, "invalid_event session"),
            (r#"{"type":"session.update","session":[],"event_id":"e1"}"#, "invalid_event session e1"),
            (r#"{"type":"response.create","response":"now"}"#, "invalid_event response"),
        ],
    );
}

#[test]
fn the_model_is_fixed_and_an_equal_one_is_left_out() {
    check(
        &policy(),
        &[
            (
                r#"{"type":"session.update","session":{"model":"gpt-a","type":"realtime"}}"#,
                r#"{"session":{"type":"realtime"},"type":"session.update"}"#,
            ),
            (
                r#"{"type":"session.update","session":{"model":null}}"#,
                r#"{"session":{},"type":"session.update"}"#,
            ),
            (r#"{"type":"session.update","session":{"model":"gpt-b"}}"#, "model_locked session.model"),
            (r#"{"type":"session.update","session":{"model":["gpt-a"]}}"#, "model_locked session.model"),
            (r#"{"type":"response.create","response":{"model":"gpt-b"}}"#, "model_locked response.model"),
            // The last one of two equal names is the one that is checked and sent.
            (
                r#"{"type":"session.update","session":{"model":"gpt-b"},"session":{"voice":"x"}}"#,
                r#"{"session":{"voice":"x"},"type":"session.update"}"#,
            ),
        ],
    );
    let unknown = EventPolicy::default();
    check(
        &unknown,
        &[(r#"{"type":"session.update","session":{"model":"m"}}"#, "model_locked session.model")],
    );
}

#[test]
fn only_functions_are_tools_and_prompts_and_tracing_are_not_sent() {
    check(
        &policy(),
        &[
            (
                r#"{"type":"session.update","session":{"tools":[{"name":"f","type":"function"}]}}"#,
                r#"{"session":{"tools":[{"name":"f","type":"function"}]},"type":"session.update"}"#,
            ),
            (
                r#"{"type":"session.update","session":{"tools":[{"type":"function"},{"type":"mcp","server_url":"x"}]}}"#,
                "tool_type_not_allowed session.tools[1]",
            ),
            (
                r#"{"type":"session.update","session":{"tools":[{}]}}"#,
                "tool_type_not_allowed session.tools[0]",
            ),
            (
                r#"{"type":"session.update","session":{"tools":{"type":"mcp"}}}"#,
                "tool_type_not_allowed session.tools",
            ),
            (
                r#"{"type":"response.create","response":{"tools":[{"type":"mcp"}]},"event_id":"e9"}"#,
                "tool_type_not_allowed response.tools[0] e9",
            ),
            (
                r#"{"type":"response.create","response":{"tool_choice":{"type":"mcp"}}}"#,
                "tool_type_not_allowed response.tool_choice",
            ),
            (
                r#"{"type":"session.update","session":{"prompt":{"id":"p"}}}"#,
                "prompt_not_allowed session.prompt",
            ),
            (r#"{"type":"response.create","response":{"prompt":"p"}}"#, "prompt_not_allowed response.prompt"),
            (
                r#"{"type":"session.update","session":{"tracing":"auto","prompt":null}}"#,
                r#"{"session":{},"type":"session.update"}"#,
            ),
            (
                r#"{"type":"conversation.item.create","item":{"type":"mcp_approval_response","approve":true}}"#,
                "item_type_not_allowed item.type",
            ),
            (
                r#"{"type":"response.create","response":{"input":[{"type":"message"},{"type":"mcp_call"}]}}"#,
                "item_type_not_allowed response.input[1].type",
            ),
        ],
    );
}

#[test]
fn idle_timeouts_are_removed_from_both_dialects() {
    check(
        &policy(),
        &[
            (
                r#"{"type":"session.update","session":{"audio":{"input":{"turn_detection":{"type":"server_vad","idle_timeout_ms":5000}}}}}"#,
                r#"{"session":{"audio":{"input":{"turn_detection":{"type":"server_vad"}}}},"type":"session.update"}"#,
            ),
            (
                r#"{"type":"session.update","session":{"turn_detection":{"idle_timeout_ms":5000}}}"#,
                r#"{"session":{"turn_detection":{}},"type":"session.update"}"#,
            ),
        ],
    );
}

#[test]
fn the_longest_answer_is_capped_in_both_dialects() {
    check(
        &capped(),
        &[
            (
                r#"{"type":"session.update","session":{"max_output_tokens":"inf"}}"#,
                r#"{"session":{"max_output_tokens":500},"type":"session.update"}"#,
            ),
            (
                r#"{"type":"session.update","session":{"max_response_output_tokens":4096}}"#,
                r#"{"session":{"max_response_output_tokens":500},"type":"session.update"}"#,
            ),
            (
                r#"{"type":"session.update","session":{"max_output_tokens":200}}"#,
                r#"{"session":{"max_output_tokens":200},"type":"session.update"}"#,
            ),
            (
                r#"{"type":"session.update","session":{"type":"realtime"}}"#,
                r#"{"session":{"max_output_tokens":500,"type":"realtime"},"type":"session.update"}"#,
            ),
            (
                r#"{"type":"session.update","session":{"modalities":["text"]}}"#,
                r#"{"session":{"max_response_output_tokens":500,"modalities":["text"]},"type":"session.update"}"#,
            ),
            (
                r#"{"type":"response.create"}"#,
                r#"{"response":{"max_output_tokens":500},"type":"response.create"}"#,
            ),
            (
                r#"{"type":"response.create","response":{"max_output_tokens":-1}}"#,
                r#"{"response":{"max_output_tokens":500},"type":"response.create"}"#,
            ),
        ],
    );
    check(&policy(), &[(r#"{"type":"response.create"}"#, r#"{"type":"response.create"}"#)]);
}

#[test]
fn locked_instructions_cannot_be_bypassed() {
    check(
        &locked(),
        &[
            (
                r#"{"type":"session.update","session":{"instructions":"Be rude."}}"#,
                "instructions_locked session.instructions",
            ),
            (
                r#"{"type":"session.update","session":{"instructions":""}}"#,
                "instructions_locked session.instructions",
            ),
            (
                r#"{"type":"session.update","session":{"instructions":"Be kind.","voice":"x"}}"#,
                r#"{"session":{"voice":"x"},"type":"session.update"}"#,
            ),
            (
                r#"{"type":"response.create","response":{"instructions":"Be rude."}}"#,
                "instructions_locked response.instructions",
            ),
            (
                r#"{"type":"conversation.item.create","item":{"type":"message","role":"system"}}"#,
                "instructions_locked item.role",
            ),
            (
                r#"{"type":"conversation.item.create","item":{"role":"developer"}}"#,
                "instructions_locked item.role",
            ),
            (
                r#"{"type":"response.create","response":{"input":[{"role":"system"}]}}"#,
                "instructions_locked response.input[0].role",
            ),
            (
                r#"{"type":"conversation.item.create","item":{"type":"message","role":"user"}}"#,
                r#"{"item":{"role":"user","type":"message"},"type":"conversation.item.create"}"#,
            ),
            (
                r#"{"type":"session.update","session":{"tools":[{"type":"function"}]}}"#,
                "tools_locked session.tools",
            ),
            (r#"{"type":"response.create","response":{"tools":"x"}}"#, "tools_locked response.tools"),
            (
                r#"{"type":"session.update","session":{"tools":[]}}"#,
                r#"{"session":{},"type":"session.update"}"#,
            ),
        ],
    );
    let open = r#"{"type":"session.update","session":{"instructions":"Be rude."}}"#;
    check(&policy(), &[(open, r#"{"session":{"instructions":"Be rude."},"type":"session.update"}"#)]);
}

#[test]
fn the_lock_hides_instructions_and_tools_in_session_events() {
    let redactor = Redactor::default();
    let event = r#"{"type":"session.created","session":{"instructions":"Secret plan.","tools":[{"type":"function"}],"id":"s"}}"#;
    let (kind, shown) = locked().server_event(event, &redactor);
    assert_eq!(kind, ServerEventKind::SessionCreated);
    assert_eq!(shown, r#"{"session":{"id":"s","instructions":"","tools":[]},"type":"session.created"}"#);
    let (_, open) = policy().server_event(event, &redactor);
    assert!(matches!(open, Cow::Borrowed(_)), "unlocked sessions pass as they came");
}

#[test]
fn keys_are_hidden_in_errors_and_session_events() {
    let redactor = Redactor::of(&[Secret::new("sk-relay-0123456789")]);
    for kind in ["error", "session.created", "session.updated", "transcription_session.created"] {
        let event = json!({ "type": kind, "error": { "message": "Incorrect key sk-relay-0123456789" } });
        for policy in [policy(), locked()] {
            let event = event.to_string();
            let (_, text) = policy.server_event(&event, &redactor);
            assert!(!text.contains("0123456789"), "{text}");
        }
    }
    let (_, text) = policy().server_event("Incorrect key sk-relay-0123456789", &redactor);
    assert_eq!(text, "Incorrect key [key hidden]");
}

#[test]
fn server_events_are_known_by_their_type_and_unknown_ones_pass() {
    let kind = |text| policy().server_event(text, &Redactor::default()).0;
    assert_eq!(kind(r#"{"type":"response.created"}"#), ServerEventKind::ResponseCreated);
    assert_eq!(kind(r#"{"response":{"type":"x"},"type":"response.done"}"#), ServerEventKind::ResponseDone);
    let completed = r#"{"type":"conversation.item.input_audio_transcription.completed"}"#;
    assert_eq!(kind(completed), ServerEventKind::Transcribed);
    assert_eq!(kind(r#"{"type":"new.event"}"#), ServerEventKind::Other);
    for text in ["not JSON", "{}", r#"{"type":"error","type":"x"}"#] {
        assert_eq!(kind(text), ServerEventKind::Malformed, "{text}");
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics_and_never_passes_what_is_not_on_the_list(text in ".{0,200}") {
        for policy in [policy(), locked(), capped()] {
            prop_assert!(matches!(policy.client_event(&text), Verdict::Refuse(_)));
        }
    }

    #[test]
    fn arbitrary_types_pass_only_if_they_are_on_the_list(kind in "[a-z._]{0,40}", at in 0..13_usize, listed: bool) {
        let kind = if listed { ALLOWED[at].to_owned() } else { kind };
        let event = json!({ "type": kind, "session": {}, "item": {} }).to_string();
        let passes = !matches!(policy().client_event(&event), Verdict::Refuse(_));
        prop_assert_eq!(passes, ALLOWED.contains(&kind.as_str()));
    }

    #[test]
    fn arbitrary_bytes_inside_an_event_never_panic(rest in ".{0,100}") {
        for kind in ["session.update", "response.create", "conversation.item.create"] {
            let _ = locked().client_event(&format!("{{\"type\":\"{kind}\",{rest}"));
        }
    }
}
