//! Function calls: selection, event order, and answers to outputs.

use serde_json::{Value, json};

use crate::protocol::dialect::Dialect;
use crate::protocol::settings::SessionKind;
use crate::server::demo::machine::tests::harness::{MachineHarness, SECOND, audio};

fn weather() -> Value {
    json!({ "type": "function", "name": "get_weather", "description": "The weather in a city",
        "parameters": { "type": "object", "required": ["city", "unit"], "properties": {
            "city": { "type": "string" }, "unit": { "type": "string", "enum": ["celsius", "fahrenheit"] },
            "days": { "type": "integer" } } } })
}

fn clock() -> Value {
    json!({ "type": "function", "name": "get_time", "parameters": { "type": "object", "properties": {} } })
}

const ARGUMENTS: &str = r#"{"city":"example","unit":"celsius"}"#;

fn harness(dialect: Dialect, session: &Value) -> MachineHarness {
    let mut harness = MachineHarness::open(dialect, SessionKind::Realtime, "");
    harness.read();
    let mut session = session.clone();
    if dialect == Dialect::Ga {
        session["type"] = json!("realtime");
    }
    harness.send(json!({ "type": "session.update", "session": session }));
    harness.only("session.updated");
    harness
}

fn ask(harness: &mut MachineHarness, text: &str) {
    harness.send(json!({ "type": "conversation.item.create", "item": { "type": "message", "role": "user",
        "content": [{ "type": "input_text", "text": text }] } }));
    harness.read();
}

fn create(harness: &mut MachineHarness, response: &Value) -> Vec<Value> {
    harness.send(json!({ "type": "response.create", "response": response }));
    harness.wait(30 * SECOND);
    harness.read()
}

fn of_type<'a>(events: &'a [Value], name: &str) -> &'a Value {
    let mut found = events.iter().filter(|event| event["type"] == name);
    let event = found.next().unwrap_or_else(|| panic!("no {name} in {events:?}"));
    assert_eq!(found.next(), None);
    event
}

/// Returns the names of the events; repeated names are merged.
fn names(events: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    names.dedup();
    names
}

#[test]
fn a_required_tool_choice_is_answered_by_a_call_with_all_events_in_order() {
    let mut harness = harness(Dialect::Ga, &json!({ "tools": [weather(), clock()] }));
    ask(&mut harness, "Is it raining?");
    let events = create(&mut harness, &json!({ "tool_choice": "required" }));
    assert_eq!(
        names(&events),
        [
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated"
        ]
    );
    let started = &of_type(&events, "response.output_item.added")["item"];
    let call_id = started["call_id"].as_str().unwrap();
    assert!(call_id.starts_with("call_"), "{call_id}");
    assert_eq!(
        started,
        &json!({ "id": started["id"], "type": "function_call", "status": "in_progress", "name": "get_weather",
            "call_id": call_id, "arguments": "" })
    );
    let deltas = events.iter().filter(|event| event["type"] == "response.function_call_arguments.delta");
    let deltas: Vec<&Value> = deltas.collect();
    assert!(deltas.len() > 2 && deltas.iter().all(|delta| delta["call_id"] == call_id));
    let arguments: String = deltas.iter().map(|delta| delta["delta"].as_str().unwrap()).collect();
    assert_eq!(arguments, ARGUMENTS);
    let done = of_type(&events, "response.function_call_arguments.done");
    assert_eq!(
        (&done["arguments"], &done["name"], &done["call_id"], &done["item_id"], &done["output_index"]),
        (&json!(ARGUMENTS), &json!("get_weather"), &json!(call_id), &started["id"], &json!(0))
    );
    let item = json!({ "id": started["id"], "type": "function_call", "status": "completed",
        "name": "get_weather", "call_id": call_id, "arguments": ARGUMENTS });
    assert_eq!(of_type(&events, "response.output_item.done")["item"], item);
    assert_eq!(of_type(&events, "conversation.item.done")["item"], item);
    let response = &of_type(&events, "response.done")["response"];
    assert_eq!((&response["status"], &response["output"]), (&json!("completed"), &json!([item])));
    assert_eq!(response["usage"]["output_token_details"]["audio_tokens"], 0);
    assert!(audio(&events).is_empty());
}

#[test]
fn a_tool_chosen_by_name_is_called_in_both_dialects() {
    let named = json!({ "type": "function", "name": "get_time" });
    let cases = [
        (Dialect::Ga, named.clone()),
        (Dialect::Beta, named),
        (Dialect::Beta, json!("get_time")),
        (Dialect::Beta, json!("required")),
    ];
    for (dialect, choice) in cases {
        let tools = if choice == "required" { json!([clock()]) } else { json!([weather(), clock()]) };
        let mut harness = harness(dialect, &json!({ "tools": tools, "tool_choice": choice }));
        ask(&mut harness, "What time is it?");
        let events = create(&mut harness, &json!({}));
        let output = &of_type(&events, "response.done")["response"]["output"];
        assert_eq!(
            (&output[0]["name"], &output[0]["arguments"]),
            (&json!("get_time"), &json!("{}")),
            "{choice}"
        );
        let created =
            if dialect == Dialect::Ga { "conversation.item.added" } else { "conversation.item.created" };
        assert_eq!(of_type(&events, created)["item"]["status"], "in_progress");
        let done = of_type(&events, "response.function_call_arguments.done");
        assert_eq!(
            done.get("name").is_some(),
            dialect == Dialect::Ga,
            "beta does not name the function there"
        );
    }
}

#[test]
fn the_output_of_a_call_gets_a_spoken_answer() {
    for session in
        [json!({ "tools": [weather()] }), json!({ "tools": [weather()], "tool_choice": "required" })]
    {
        let mut harness = harness(Dialect::Ga, &session);
        ask(&mut harness, "Is it raining?");
        let choice = if session.get("tool_choice").is_some() {
            json!({})
        } else {
            json!({ "tool_choice": "required" })
        };
        let events = create(&mut harness, &choice);
        let call_id = of_type(&events, "response.output_item.done")["item"]["call_id"].clone();
        harness.send(json!({ "type": "conversation.item.create", "item": { "type": "function_call_output",
            "call_id": call_id, "output": "{\"sky\":\"grey\"}" } }));
        harness.only("conversation.item.done");
        let events = create(&mut harness, &json!({}));
        let output = of_type(&events, "response.output_audio_transcript.done");
        assert_eq!(output["transcript"], "The function get_weather returned: {\"sky\":\"grey\"}");
        assert!(!audio(&events).is_empty());
    }
}

#[test]
fn the_outputs_of_several_calls_are_answered_together() {
    let mut harness =
        harness(Dialect::Ga, &json!({ "tools": [weather(), clock()], "output_modalities": ["text"] }));
    for (call_id, name) in [("call_1", "get_weather"), ("call_2", "get_time")] {
        harness.send(json!({ "type": "conversation.item.create", "item": { "type": "function_call",
            "call_id": call_id, "name": name, "arguments": "{}" } }));
    }
    for (call_id, output) in [("call_1", "rain"), ("call_2", "noon")] {
        harness.send(json!({ "type": "conversation.item.create", "item": { "type": "function_call_output",
            "call_id": call_id, "output": output } }));
    }
    harness.read();
    let events = create(&mut harness, &json!({}));
    assert_eq!(
        of_type(&events, "response.output_text.done")["text"],
        "The function get_weather returned: rain\nThe function get_time returned: noon"
    );
}

#[test]
fn a_tool_choice_in_response_create_always_calls() {
    let mut harness = harness(Dialect::Ga, &json!({ "tools": [weather()] }));
    ask(&mut harness, "hello");
    for _ in 0..2 {
        let events = create(&mut harness, &json!({ "tool_choice": "required" }));
        let call_id = &of_type(&events, "response.output_item.done")["item"]["call_id"];
        harness.send(json!({ "type": "conversation.item.create", "item": { "type": "function_call_output",
            "call_id": call_id, "output": "rain" } }));
        harness.read();
    }
}

#[test]
fn auto_and_none_never_call() {
    for choice in ["auto", "none"] {
        let mut harness = harness(Dialect::Ga, &json!({ "tools": [weather()], "tool_choice": "required" }));
        ask(&mut harness, "hello");
        let events = create(&mut harness, &json!({ "tool_choice": choice }));
        assert_eq!(of_type(&events, "response.output_item.done")["item"]["type"], "message", "{choice}");
    }
}

#[test]
fn the_tools_of_a_response_replace_those_of_the_session() {
    let mut harness = harness(Dialect::Ga, &json!({ "tools": [weather()] }));
    ask(&mut harness, "hello");
    let events = create(&mut harness, &json!({ "tools": [clock()], "tool_choice": "required" }));
    assert_eq!(of_type(&events, "response.output_item.done")["item"]["name"], "get_time");
}

#[test]
fn a_spoken_turn_can_be_answered_by_a_call() {
    let mut harness = harness(Dialect::Ga, &json!({ "tools": [clock()], "tool_choice": "required" }));
    harness.speak();
    harness.wait(10 * SECOND);
    let events = harness.read();
    assert_eq!(of_type(&events, "response.output_item.done")["item"]["name"], "get_time");
}

#[test]
fn an_unsatisfiable_tool_choice_is_an_error() {
    let mut harness = harness(Dialect::Ga, &json!({ "tools": [weather()] }));
    let named = json!({ "type": "function", "name": "launch" });
    harness
        .send(json!({ "type": "session.update", "session": { "type": "realtime", "tool_choice": named } }));
    let (code, param, message, _) = harness.error();
    assert_eq!((code, param), (json!("invalid_value"), json!("session.tool_choice")));
    assert_eq!(message, "Tool choice 'launch' not found in 'tools' parameter.");
    let endless = json!({ "type": "function", "name": "f", "parameters": { "type": "object",
        "required": ["f"], "properties": { "f": { "$ref": "#" } } } });
    let mcp = json!({ "type": "mcp", "server_label": "s" });
    for (response, expected) in [
        (json!({ "tool_choice": named }), "not found in 'tools'"),
        (json!({ "tool_choice": "required", "tools": [] }), "needs at least one function"),
        (json!({ "tool_choice": mcp }), "no MCP servers"),
        (json!({ "tool_choice": "required", "tools": [endless] }), "asks for too large a value"),
    ] {
        harness.send(json!({ "type": "response.create", "event_id": "mine", "response": response }));
        let (code, param, message, event_id) = harness.error();
        let found = (code, param, event_id);
        assert_eq!(found, (json!("invalid_value"), json!("response.tool_choice"), json!("mine")));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_cancelled_call_is_incomplete() {
    let mut harness = harness(Dialect::Ga, &json!({ "tools": [weather()], "tool_choice": "required" }));
    ask(&mut harness, "hello");
    harness.send(json!({ "type": "response.create" }));
    harness.read();
    harness.send(json!({ "type": "response.cancel" }));
    let events = harness.read();
    let item = &of_type(&events, "response.done")["response"]["output"][0];
    assert_eq!(item["status"], "incomplete");
    assert!(ARGUMENTS.starts_with(item["arguments"].as_str().unwrap()));
    assert_ne!(item["arguments"], ARGUMENTS);
}

#[test]
fn an_out_of_band_call_does_not_change_the_conversation() {
    let mut harness = harness(Dialect::Ga, &json!({ "tools": [weather()] }));
    let events =
        create(&mut harness, &json!({ "tool_choice": "required", "conversation": "none", "input": [] }));
    assert!(!names(&events).iter().any(|name| name.starts_with("conversation.")), "{events:?}");
    let call_id = &of_type(&events, "response.output_item.done")["item"]["call_id"];
    harness.send(json!({ "type": "conversation.item.create", "item": { "type": "function_call_output",
        "call_id": call_id, "output": "" } }));
    assert_eq!(harness.error().1, "item.call_id");
}

#[test]
fn a_call_in_progress_cannot_be_truncated() {
    let mut harness = harness(Dialect::Ga, &json!({ "tools": [weather()], "tool_choice": "required" }));
    ask(&mut harness, "hello");
    harness.send(json!({ "type": "response.create" }));
    let item_id = harness.only("response.output_item.added")["item"]["id"].take();
    harness.send(json!({ "type": "conversation.item.truncate", "item_id": item_id, "content_index": 0,
        "audio_end_ms": 0 }));
    assert_eq!(harness.error().1, "item_id");
}
