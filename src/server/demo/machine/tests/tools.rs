//! Function calls: when one is made, its events in order, and what its output is answered with.

use serde_json::{Value, json};

use crate::protocol::dialect::Dialect;
use crate::protocol::settings::SessionKind;
use crate::server::demo::machine::tests::desk::{MachineHarness, SECOND, audio};

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

fn desk(dialect: Dialect, session: &Value) -> MachineHarness {
    let mut desk = MachineHarness::open(dialect, SessionKind::Realtime, "");
    desk.read();
    let mut session = session.clone();
    if dialect == Dialect::Ga {
        session["type"] = json!("realtime");
    }
    desk.send(json!({ "type": "session.update", "session": session }));
    desk.only("session.updated");
    desk
}

fn ask(desk: &mut MachineHarness, text: &str) {
    desk.send(json!({ "type": "conversation.item.create", "item": { "type": "message", "role": "user",
        "content": [{ "type": "input_text", "text": text }] } }));
    desk.read();
}

fn create(desk: &mut MachineHarness, response: &Value) -> Vec<Value> {
    desk.send(json!({ "type": "response.create", "response": response }));
    desk.wait(30 * SECOND);
    desk.read()
}

fn of_type<'a>(events: &'a [Value], name: &str) -> &'a Value {
    let mut found = events.iter().filter(|event| event["type"] == name);
    let event = found.next().unwrap_or_else(|| panic!("no {name} in {events:?}"));
    assert_eq!(found.next(), None);
    event
}

/// Returns the names of the events; runs of the same name count once.
fn names(events: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    names.dedup();
    names
}

#[test]
fn a_required_tool_choice_is_answered_by_a_call_with_all_events_in_order() {
    let mut desk = desk(Dialect::Ga, &json!({ "tools": [weather(), clock()] }));
    ask(&mut desk, "Is it raining?");
    let events = create(&mut desk, &json!({ "tool_choice": "required" }));
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
    let begun = &of_type(&events, "response.output_item.added")["item"];
    let call_id = begun["call_id"].as_str().unwrap();
    assert!(call_id.starts_with("call_"), "{call_id}");
    assert_eq!(
        begun,
        &json!({ "id": begun["id"], "type": "function_call", "status": "in_progress", "name": "get_weather",
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
        (&json!(ARGUMENTS), &json!("get_weather"), &json!(call_id), &begun["id"], &json!(0))
    );
    let item = json!({ "id": begun["id"], "type": "function_call", "status": "completed",
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
        let mut desk = desk(dialect, &json!({ "tools": tools, "tool_choice": choice }));
        ask(&mut desk, "What time is it?");
        let events = create(&mut desk, &json!({}));
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
fn the_output_of_a_call_is_spoken() {
    for session in
        [json!({ "tools": [weather()] }), json!({ "tools": [weather()], "tool_choice": "required" })]
    {
        let mut desk = desk(Dialect::Ga, &session);
        ask(&mut desk, "Is it raining?");
        let choice = if session.get("tool_choice").is_some() {
            json!({})
        } else {
            json!({ "tool_choice": "required" })
        };
        let events = create(&mut desk, &choice);
        let call_id = of_type(&events, "response.output_item.done")["item"]["call_id"].clone();
        desk.send(json!({ "type": "conversation.item.create", "item": { "type": "function_call_output",
            "call_id": call_id, "output": "{\"sky\":\"grey\"}" } }));
        desk.only("conversation.item.done");
        let events = create(&mut desk, &json!({}));
        let output = of_type(&events, "response.output_audio_transcript.done");
        assert_eq!(output["transcript"], "The function get_weather returned: {\"sky\":\"grey\"}");
        assert!(!audio(&events).is_empty());
    }
}

#[test]
fn the_outputs_of_several_calls_are_answered_together() {
    let mut desk =
        desk(Dialect::Ga, &json!({ "tools": [weather(), clock()], "output_modalities": ["text"] }));
    for (call_id, name) in [("call_1", "get_weather"), ("call_2", "get_time")] {
        desk.send(json!({ "type": "conversation.item.create", "item": { "type": "function_call",
            "call_id": call_id, "name": name, "arguments": "{}" } }));
    }
    for (call_id, output) in [("call_1", "rain"), ("call_2", "noon")] {
        desk.send(json!({ "type": "conversation.item.create", "item": { "type": "function_call_output",
            "call_id": call_id, "output": output } }));
    }
    desk.read();
    let events = create(&mut desk, &json!({}));
    assert_eq!(
        of_type(&events, "response.output_text.done")["text"],
        "The function get_weather returned: rain\nThe function get_time returned: noon"
    );
}

#[test]
fn a_tool_choice_in_response_create_always_calls() {
    let mut desk = desk(Dialect::Ga, &json!({ "tools": [weather()] }));
    ask(&mut desk, "hello");
    for _ in 0..2 {
        let events = create(&mut desk, &json!({ "tool_choice": "required" }));
        let call_id = &of_type(&events, "response.output_item.done")["item"]["call_id"];
        desk.send(json!({ "type": "conversation.item.create", "item": { "type": "function_call_output",
            "call_id": call_id, "output": "rain" } }));
        desk.read();
    }
}

#[test]
fn auto_and_none_never_call() {
    for choice in ["auto", "none"] {
        let mut desk = desk(Dialect::Ga, &json!({ "tools": [weather()], "tool_choice": "required" }));
        ask(&mut desk, "hello");
        let events = create(&mut desk, &json!({ "tool_choice": choice }));
        assert_eq!(of_type(&events, "response.output_item.done")["item"]["type"], "message", "{choice}");
    }
}

#[test]
fn the_tools_of_a_response_replace_those_of_the_session() {
    let mut desk = desk(Dialect::Ga, &json!({ "tools": [weather()] }));
    ask(&mut desk, "hello");
    let events = create(&mut desk, &json!({ "tools": [clock()], "tool_choice": "required" }));
    assert_eq!(of_type(&events, "response.output_item.done")["item"]["name"], "get_time");
}

#[test]
fn a_spoken_turn_is_answered_by_a_call_too() {
    let mut desk = desk(Dialect::Ga, &json!({ "tools": [clock()], "tool_choice": "required" }));
    desk.speak();
    desk.wait(10 * SECOND);
    let events = desk.read();
    assert_eq!(of_type(&events, "response.output_item.done")["item"]["name"], "get_time");
}

#[test]
fn a_tool_choice_that_cannot_be_met_is_an_error() {
    let mut desk = desk(Dialect::Ga, &json!({ "tools": [weather()] }));
    let named = json!({ "type": "function", "name": "launch" });
    desk.send(json!({ "type": "session.update", "session": { "type": "realtime", "tool_choice": named } }));
    let (code, param, message, _) = desk.error();
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
        desk.send(json!({ "type": "response.create", "event_id": "mine", "response": response }));
        let (code, param, message, event_id) = desk.error();
        let found = (code, param, event_id);
        assert_eq!(found, (json!("invalid_value"), json!("response.tool_choice"), json!("mine")));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_cancelled_call_is_incomplete() {
    let mut desk = desk(Dialect::Ga, &json!({ "tools": [weather()], "tool_choice": "required" }));
    ask(&mut desk, "hello");
    desk.send(json!({ "type": "response.create" }));
    desk.read();
    desk.send(json!({ "type": "response.cancel" }));
    let events = desk.read();
    let item = &of_type(&events, "response.done")["response"]["output"][0];
    assert_eq!(item["status"], "incomplete");
    assert!(ARGUMENTS.starts_with(item["arguments"].as_str().unwrap()));
    assert_ne!(item["arguments"], ARGUMENTS);
}

#[test]
fn a_call_outside_of_the_conversation_leaves_it_alone() {
    let mut desk = desk(Dialect::Ga, &json!({ "tools": [weather()] }));
    let events =
        create(&mut desk, &json!({ "tool_choice": "required", "conversation": "none", "input": [] }));
    assert!(!names(&events).iter().any(|name| name.starts_with("conversation.")), "{events:?}");
    let call_id = &of_type(&events, "response.output_item.done")["item"]["call_id"];
    desk.send(json!({ "type": "conversation.item.create", "item": { "type": "function_call_output",
        "call_id": call_id, "output": "" } }));
    assert_eq!(desk.error().1, "item.call_id");
}

#[test]
fn a_call_on_its_way_is_no_speech_that_could_be_cut() {
    let mut desk = desk(Dialect::Ga, &json!({ "tools": [weather()], "tool_choice": "required" }));
    ask(&mut desk, "hello");
    desk.send(json!({ "type": "response.create" }));
    let item_id = desk.only("response.output_item.added")["item"]["id"].take();
    desk.send(json!({ "type": "conversation.item.truncate", "item_id": item_id, "content_index": 0,
        "audio_end_ms": 0 }));
    assert_eq!(desk.error().1, "item_id");
}
