//! Placement of events without ids, with reused or late ids, and in any order that the protocol allows.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::session::tests::*;

const CAPTION: &str = "conversation.item.input_audio_transcription";

/// Fields with ids.
const IDS: [&str; 6] =
    ["item_id", "response_id", "output_index", "content_index", "previous_item_id", "event_id"];

/// Returns the events of a spoken turn up to its caption.
fn turn(number: usize, text: &str) -> Vec<Value> {
    let item = format!("user_{number}");
    let previous = (number > 1).then(|| format!("answer_{}", number - 1));
    let content = json!([{"type": "input_audio", "transcript": null}]);
    let user = json!({"id": item, "type": "message", "role": "user", "content": content});
    let (first, second) = text.split_at(text.len() / 2);
    vec![
        json!({"type": "input_audio_buffer.speech_started", "item_id": item}),
        json!({"type": "input_audio_buffer.speech_stopped", "item_id": item}),
        json!({"type": "input_audio_buffer.committed", "item_id": item, "previous_item_id": previous}),
        json!({"type": "conversation.item.added", "previous_item_id": previous, "item": user}),
        json!({"type": "conversation.item.done", "previous_item_id": previous, "item": user}),
        json!({"type": format!("{CAPTION}.delta"), "item_id": item, "content_index": 0, "delta": first}),
        json!({"type": format!("{CAPTION}.delta"), "item_id": item, "content_index": 0, "delta": second}),
        json!({"type": format!("{CAPTION}.completed"), "item_id": item, "content_index": 0, "transcript": text}),
    ]
}

/// Returns the events of a response with one message per text.
fn answer(number: usize, texts: &[&str]) -> Vec<Value> {
    let response = format!("resp_{number}");
    let mut events = vec![json!({"type": "response.created", "response": {"id": response, "output": []}})];
    let mut output = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let suffix = if index + 1 == texts.len() { String::new() } else { format!("_{index}") };
        let item = format!("answer_{number}{suffix}");
        let at = |kind: &str, name: &str, value: Value| {
            let mut event = json!({"type": kind, "response_id": response, "item_id": item,
                "output_index": index, "content_index": 0});
            event[name] = value;
            event
        };
        let of_item = |kind: &str, item: &Value| json!({"type": kind, "response_id": response, "output_index": index, "item": item});
        let whole = json!({"id": item, "type": "message", "role": "assistant",
            "content": [{"type": "output_audio", "transcript": text}]});
        let empty = json!({"id": item, "type": "message", "role": "assistant", "content": []});
        events.extend([
            of_item("response.output_item.added", &empty),
            json!({"type": "conversation.item.added", "item": empty}),
            at("response.content_part.added", "part", json!({"type": "audio", "transcript": ""})),
        ]);
        for word in text.split_inclusive(' ') {
            events.push(at("response.output_audio_transcript.delta", "delta", word.into()));
        }
        events.extend([
            at("response.output_audio_transcript.done", "transcript", (*text).into()),
            at("response.content_part.done", "part", json!({"type": "audio", "transcript": text})),
            json!({"type": "conversation.item.done", "item": whole}),
            of_item("response.output_item.done", &whole),
        ]);
        output.push(whole);
    }
    events.push(
        json!({"type": "response.done", "response": {"id": response, "status": "completed", "output": output}}),
    );
    events
}

/// Two turns: one with a response of two messages, one with a response of one.
fn call_of_two_turns() -> Vec<Value> {
    let parts = [
        turn(1, "What is a ring?"),
        answer(1, &["Let me see.", "A ring is round."]),
        turn(2, "And a square?"),
        answer(2, &["A square is not."]),
    ];
    parts.concat()
}

/// Returns the final lines with their speakers.
fn final_lines(events: &[Value]) -> Vec<String> {
    lines_of(plan(), events)
}

fn lines_of(plan: Plan, events: &[Value]) -> Vec<String> {
    let mut call = TestCall::live(plan);
    for event in events {
        call.server(event.clone());
    }
    call.pass(sec(15));
    let lines = call.outputs.iter().filter_map(|output| match output {
        Output::Show(Notice::User(line)) if line.is_final => Some(format!("user: {}", line.text)),
        Output::Show(Notice::Assistant(line)) if line.is_final => {
            Some(format!("assistant: {}", &line.text[..line.heard_bytes]))
        }
        _ => None,
    });
    lines.collect()
}

/// Returns the final texts of a response with these events.
fn answered(events: &[Value]) -> Vec<String> {
    final_lines(events).iter().map(|line| line.trim_start_matches("assistant: ").to_owned()).collect()
}

fn captioned(events: &[Value]) -> Vec<String> {
    lines_of(captions_plan(), events)
        .iter()
        .map(|line| line.trim_start_matches("user: ").to_owned())
        .collect()
}

/// Removes ids from an event, or makes them null or empty.
fn without_id(event: &mut Value, choice: u8, index: usize) {
    let replaced = |fields: &mut Value, name: &str| match choice % 3 {
        0 => drop(fields.as_object_mut().unwrap().remove(name)),
        1 => fields[name] = Value::Null,
        _ if name.ends_with("index") => fields[name] = Value::Null,
        _ => fields[name] = "".into(),
    };
    if let Some(name) = IDS.get(index) {
        if event.get(*name).is_some() {
            replaced(event, name);
        }
        return;
    }
    for nested in ["item", "response"] {
        if event.get(nested).is_some() {
            replaced(&mut event[nested], "id");
        }
    }
    for item in event["response"]["output"].as_array_mut().into_iter().flatten() {
        replaced(item, "id");
    }
}

proptest! {
    #[test]
    fn any_removal_of_ids_gives_the_same_lines(
        removals in proptest::collection::vec((any::<Index>(), any::<u8>(), 0..=IDS.len()), 0..200),
    ) {
        let whole = call_of_two_turns();
        let mut events = whole.clone();
        for (event, choice, index) in removals {
            let event = event.index(events.len());
            without_id(&mut events[event], choice, index);
        }
        prop_assert_eq!(final_lines(&events), final_lines(&whole));
    }

    #[test]
    fn captions_are_final_in_speaking_order(
        order in Just((0..12).map(|event| event % 4).collect::<Vec<usize>>()).prop_shuffle(),
        drops_committed in any::<bool>(),
    ) {
        let names = ["First.", "Second.", "Third.", "Fourth."];
        let mut events: Vec<Value> = (0..4).flat_map(|number| turn(number + 1, names[number])[..3].to_vec()).collect();
        for event in &mut events {
            if let Some(previous) = event.get("previous_item_id").and_then(Value::as_str) {
                event["previous_item_id"] = previous.replace("answer", "user").into();
            }
        }
        if drops_committed {
            // Conversation items give the order too.
            for (number, index) in (1..).zip((2..12).step_by(3)) {
                events[index] = turn(number, "")[3].clone();
            }
        }
        let mut captions: Vec<_> = (0..4).map(|number| turn(number + 1, names[number])[5..].to_vec().into_iter()).collect();
        for number in order {
            events.extend(captions[number].next());
        }
        prop_assert_eq!(captioned(&events), names);
    }
}

#[test]
fn a_stream_without_any_ids_gives_the_same_lines() {
    let whole = call_of_two_turns();
    for choice in 0..3 {
        let mut events = whole.clone();
        for event in &mut events {
            (0..=IDS.len()).for_each(|index| without_id(event, choice, index));
        }
        assert_eq!(final_lines(&events), final_lines(&whole), "{choice}");
    }
}

#[test]
fn each_kind_of_id_may_be_missing_everywhere() {
    let whole = call_of_two_turns();
    for index in 0..=IDS.len() {
        let mut events = whole.clone();
        events.iter_mut().for_each(|event| without_id(event, 0, index));
        assert_eq!(final_lines(&events), final_lines(&whole), "{:?}", IDS.get(index));
    }
}

fn delta(text: &str) -> Value {
    json!({"type": "response.output_text.delta", "delta": text})
}

fn done(text: &str) -> Value {
    json!({"type": "response.output_text.done", "text": text})
}

/// `response.done` with an output item of one text, or with none.
fn response_done(id: &str, item: &str, text: &str) -> Value {
    let output = json!([{"id": item, "type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": text}]}]);
    let output = if text.is_empty() { json!([]) } else { output };
    json!({"type": "response.done", "response": {"id": id, "status": "completed", "output": output}})
}

fn created(id: &str) -> Value {
    json!({"type": "response.created", "response": {"id": id}})
}

fn with(mut event: Value, fields: &Value) -> Value {
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    event
}

#[test]
fn a_late_item_id_belongs_to_the_same_item() {
    let text = "Hello there.";
    let of_it = json!({"response_id": "resp_1", "item_id": "it_1", "output_index": 0});
    let item = json!({"id": "it_1", "type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": text}]});
    let deltas = [created("resp_1"), delta("Hello "), delta("there.")];
    let later = [
        with(done(text), &of_it),
        json!({"type": "conversation.item.done", "item": item}),
        json!({"type": "response.output_item.done", "response_id": "resp_1", "item": item}),
    ];
    let end = response_done("resp_1", "it_1", text);
    for count in 0..=later.len() {
        let events = [&deltas[..], &later[..count], std::slice::from_ref(&end)].concat();
        assert_eq!(answered(&events), [text], "{count}");
        let events = [&deltas[..], &later[count..], std::slice::from_ref(&end)].concat();
        assert_eq!(answered(&events), [text], "from {count}");
    }
}

#[test]
fn a_response_is_shown_once_for_any_item_ids() {
    let text = "Hello there.";
    let item = |id: &str| {
        json!({"id": id, "type": "message", "role": "assistant",
            "content": [{"type": "output_text", "text": text}]})
    };
    let events = [
        created("resp_1"),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"id": "0", "type": "message"}}),
        with(delta("Hello "), &json!({"item_id": "a", "output_index": 0})),
        with(delta("there."), &json!({"item_id": "b", "output_index": 0})),
        with(done(text), &json!({"item_id": "c", "output_index": 0})),
        json!({"type": "conversation.item.done", "item": item("d")}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item("e")}),
        response_done("resp_1", "f", text),
        response_done("resp_1", "f", text),
        json!({"type": "conversation.item.done", "item": item("d")}),
        with(delta("there."), &json!({"response_id": "resp_1", "item_id": "b", "output_index": 0})),
    ];
    assert_eq!(answered(&events), [text]);
}

#[test]
fn a_response_is_shown_wherever_its_text_is() {
    let item = json!({"id": "it_1", "type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": "Hello."}]});
    let end = response_done("resp_1", "", "");
    for only in [
        done("Hello."),
        json!({"type": "response.content_part.done", "part": {"type": "text", "text": "Hello."}}),
        json!({"type": "conversation.item.done", "item": item}),
        json!({"type": "conversation.item.created", "item": item}),
        json!({"type": "response.output_item.done", "item": item}),
    ] {
        assert_eq!(answered(&[created("resp_1"), only.clone(), end.clone()]), ["Hello."], "{only}");
    }
    assert_eq!(answered(&[response_done("resp_1", "it_1", "Hello.")]), ["Hello."]);
}

#[test]
fn ids_reused_by_every_response_are_different_responses() {
    let mut call = TestCall::live(manual_plan());
    for (question, text) in [("one?", "One."), ("two?", "Two."), ("three?", "Three.")] {
        call.say(question);
        let place = json!({"response_id": "resp_1", "item_id": "item_1", "output_index": 0});
        call.server(created("resp_1"));
        call.server(with(delta(text), &place));
        call.server(response_done("resp_1", "item_1", text));
    }
    let story = call.story();
    let lines: Vec<_> = story.iter().filter(|line| line.starts_with("assistant \"")).collect();
    assert_eq!(lines, ["assistant \"One.\"", "assistant \"Two.\"", "assistant \"Three.\""], "{story:?}");
}

#[test]
fn a_user_item_and_a_response_may_have_the_same_id() {
    let mut events = turn(1, "What is a ring?");
    events.extend(answer(1, &["A ring is round."]));
    let text = serde_json::to_string(&events).unwrap().replace("user_1", "it").replace("answer_1", "it");
    let events: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(final_lines(&events), ["user: What is a ring?", "assistant: A ring is round."]);
}

#[test]
fn items_of_one_response_with_one_id_differ_by_output_index() {
    let events = [
        created("resp_1"),
        with(delta("One."), &json!({"item_id": "it", "output_index": 0})),
        with(delta("Two."), &json!({"item_id": "it", "output_index": 1})),
        response_done("resp_1", "", ""),
    ];
    assert_eq!(answered(&events), ["One.", "Two."]);
}

#[test]
fn done_texts_per_sentence_are_joined_to_one_line() {
    let place = json!({"response_id": "resp_1", "item_id": "it_1", "output_index": 0, "content_index": 0});
    let sentences = ["First sentence.", "Second sentence.", "Third sentence."];
    let mut events = vec![created("resp_1")];
    events.extend(sentences.map(|text| with(done(text), &place)));
    for end in [response_done("resp_1", "", ""), response_done("resp_1", "it_1", &sentences.join(" "))] {
        let events = [&events[..], &[end]].concat();
        assert_eq!(answered(&events), [sentences.join(" ")]);
    }
}

#[test]
fn a_done_text_that_differs_in_white_space_is_shown_once_and_trimmed() {
    let events = [
        created("resp_1"),
        delta(" Hello"),
        delta(" there.\n"),
        done("Hello there."),
        response_done("resp_1", "it_1", "Hello\nthere. "),
    ];
    assert_eq!(answered(&events), ["Hello there."]);
}

#[test]
fn equal_text_and_transcript_of_an_item_are_shown_once() {
    let transcript = |text: &str| json!({"type": "response.output_audio_transcript.delta", "delta": text});
    let both = json!([{"type": "output_text", "text": "Hello there."},
        {"type": "output_audio", "transcript": " Hello there.\n"}]);
    let end = json!({"type": "response.done", "response": {"id": "resp_1", "status": "completed", "output": [
        {"id": "it_1", "type": "message", "role": "assistant", "content": both}]}});
    for (text_index, transcript_index) in
        [(json!(0), json!(1)), (Value::Null, Value::Null), (json!(1), json!(0))]
    {
        let events = [
            created("resp_1"),
            with(delta("Hello "), &json!({"content_index": text_index})),
            with(transcript(" Hello there.\n"), &json!({"content_index": transcript_index})),
            with(delta("there."), &json!({"content_index": text_index})),
            end.clone(),
        ];
        assert_eq!(answered(&events), ["Hello there."], "{text_index}");
    }
    assert_eq!(answered(&[end]), ["Hello there."]);
}

#[test]
fn captions_without_item_ids_are_one_line_each() {
    let mut events = Vec::new();
    for number in 1..=3 {
        events.extend([
            json!({"type": "input_audio_buffer.speech_started"}),
            json!({"type": "input_audio_buffer.speech_stopped"}),
            json!({"type": "input_audio_buffer.committed", "previous_item_id": format!("item_{}", number - 1)}),
            json!({"type": format!("{CAPTION}.delta"), "delta": format!("Sentence {number}")}),
            json!({"type": format!("{CAPTION}.completed"), "transcript": format!("Sentence {number}.")}),
        ]);
    }
    let sentences = ["Sentence 1.", "Sentence 2.", "Sentence 3."];
    assert_eq!(captioned(&events), sentences);
    // Only captions, all with one id.
    events.retain(|event| event["type"].as_str().unwrap().ends_with("completed"));
    assert_eq!(captioned(&events), sentences);
    for event in &mut events {
        event["item_id"] = "item_1".into();
    }
    assert_eq!(captioned(&events), sentences);
}

#[test]
fn a_repeated_caption_is_one_line() {
    let mut events = turn(1, "What is a ring?");
    let completed = events.last().unwrap().clone();
    events.push(with(completed.clone(), &json!({"transcript": " What is a ring? "})));
    events.push(completed);
    assert_eq!(captioned(&events), ["What is a ring?"]);
}

#[test]
fn a_caption_may_arrive_before_its_commit() {
    let events = turn(1, "What is a ring?");
    for without_ids in [false, true] {
        let order = [0, 1, 5, 7, 2, 3, 4];
        let mut events = order.map(|index| events[index].clone());
        if without_ids {
            events.iter_mut().for_each(|event| (0..=IDS.len()).for_each(|index| without_id(event, 0, index)));
        }
        assert_eq!(captioned(&events), ["What is a ring?"]);
    }
}

#[test]
fn deltas_of_a_caption_with_a_null_transcript_are_kept() {
    for transcript in [json!(null), json!("")] {
        let mut events = turn(1, "What is a ring?");
        events.last_mut().unwrap()["transcript"] = transcript;
        assert_eq!(captioned(&events), ["What is a ring?"]);
    }
}

#[test]
fn a_missing_caption_delays_the_others_only_for_a_while() {
    let mut call = TestCall::live(captions_plan());
    for event in [&turn(1, "")[..3], &turn(2, "Second.")].concat() {
        call.server(event);
    }
    let is_final = |call: &mut TestCall| call.story().contains(&"user \"Second.\"".to_owned());
    call.pass(sec(9));
    assert!(!is_final(&mut call));
    call.pass(sec(2));
    assert!(is_final(&mut call));
    // Later captions do not wait for it.
    for event in turn(3, "Third.") {
        call.server(event);
    }
    assert!(call.story().contains(&"user \"Third.\"".to_owned()));
}

#[test]
fn held_captions_are_shown_when_the_call_ends() {
    let mut call = TestCall::live(captions_plan());
    for event in [&turn(1, "")[..3], &turn(2, "Second.")].concat() {
        call.server(event);
    }
    call.user(UserCommand::HangUp(EndReason::User));
    assert!(!call.story().contains(&"user \"Second.\"".to_owned()), "the first may still come");
    call.user(UserCommand::HangUp(EndReason::User));
    assert!(call.story().contains(&"user \"Second.\"".to_owned()));
}

#[test]
fn audio_deltas_that_cannot_be_decoded_are_counted_and_reported_once() {
    let mut call = TestCall::live(plan());
    call.server(created("resp_1"));
    for delta in [json!("####"), json!(7), json!("AAAA"), json!(null)] {
        call.server(json!({"type": "response.output_audio.delta", "response_id": "resp_1", "delta": delta}));
    }
    call.response_done("resp_1", "completed");
    call.user(UserCommand::HangUp(EndReason::User));
    call.put(Input::Closed(crate::protocol::close::CloseCause::Ours));
    call.pass(sec(5));
    let story = call.story();
    let reports: Vec<_> = story.iter().filter(|line| line.contains("could not be decoded")).collect();
    assert_eq!(reports.len(), 1, "{story:?}");
    assert!(reports[0].starts_with("error 2 audio deltas"), "{reports:?}");
}

#[test]
fn a_replayed_item_is_not_a_response() {
    let mut call = TestCall::live(plan());
    for event in [turn(1, "What is a ring?"), answer(1, &["A ring is round."])].concat() {
        call.server(event);
    }
    call.put(Input::Closed(crate::protocol::close::CloseCause::Broken("reset".into())));
    call.pass(sec(2));
    call.configured();
    call.outputs.clear();
    call.server(created("resp_1"));
    let item = json!({"id": "item_2", "type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": "A ring is round."}]});
    call.server(json!({"type": "conversation.item.added", "item": item}));
    call.server(json!({"type": "conversation.item.done", "item": item}));
    call.response_done("resp_1", "completed");
    let story = call.story();
    assert!(!story.iter().any(|line| line.starts_with("assistant")), "{story:?}");
}
