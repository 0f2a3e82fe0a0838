//! Reordered, repeated and late events.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::session::tests::*;

const TEXT: &str = "One two three.";

/// Returns audio in which every sample is `value`.
fn sound(value: u8) -> String {
    STANDARD.encode([value, 0].repeat(2_400))
}

/// Returns the events of a response in three parts, in order.
fn answer(response: &str, item: &str) -> Vec<Value> {
    let place = |kind: &str, name: &str, value: Value| {
        let mut event = json!({"type": kind, "response_id": response, "item_id": item, "output_index": 0,
            "content_index": 0});
        event[name] = value;
        event
    };
    let whole = json!({"id": item, "type": "message", "role": "assistant",
        "content": [{"type": "output_audio", "transcript": TEXT}]});
    let empty = json!({"id": item, "type": "message", "role": "assistant", "content": []});
    let mut events = vec![
        json!({"type": "response.created", "response": {"id": response, "status": "in_progress"}}),
        place("response.output_item.added", "item", empty.clone()),
        json!({"type": "conversation.item.added", "item": empty}),
        place("response.content_part.added", "part", json!({"type": "audio", "transcript": ""})),
    ];
    for (number, delta) in (1..).zip(["One ", "two ", "three."]) {
        events.push(place("response.output_audio_transcript.delta", "delta", delta.into()));
        events.push(place("response.output_audio.delta", "delta", sound(number).into()));
    }
    events.extend([
        place("response.output_audio.done", "x_unknown", Value::Null),
        place("response.output_audio_transcript.done", "transcript", TEXT.into()),
        place("response.content_part.done", "part", json!({"type": "audio", "transcript": TEXT})),
        json!({"type": "conversation.item.done", "item": whole}),
        place("response.output_item.done", "item", whole),
        json!({"type": "response.done", "response": {"id": response, "status": "completed", "output": [],
            "usage": {"total_tokens": 7, "input_tokens": 3, "output_tokens": 4}}}),
    ]);
    events
}

fn kind(event: &Value) -> &str {
    event["type"].as_str().unwrap()
}

fn is_delta(event: &Value) -> bool {
    kind(event).ends_with(".delta")
}

/// Reorders all events but deltas; `response.done` stays behind the last delta.
fn reordered() -> impl Strategy<Value = Vec<Value>> {
    let places = proptest::collection::vec(any::<Index>(), 10);
    places.prop_map(|places| {
        let (mut order, others): (Vec<Value>, Vec<Value>) =
            answer("resp_1", "item_1").into_iter().partition(is_delta);
        for (event, place) in others.into_iter().zip(places) {
            let least = if kind(&event) == "response.done" { after_deltas(&order) } else { 0 };
            let at = least + place.index(order.len() + 1 - least);
            order.insert(at, event);
        }
        order
    })
}

fn after_deltas(order: &[Value]) -> usize {
    order.iter().rposition(is_delta).map_or(0, |last| last + 1)
}

/// Returns the events with repetitions of some at later positions.
fn doubled(events: Vec<Value>, which: fn(&Value) -> bool) -> impl Strategy<Value = Vec<Value>> {
    let places = proptest::collection::vec(any::<Index>(), events.len());
    places.prop_map(move |places| {
        let mut order = events.clone();
        for (event, place) in events.iter().zip(places).filter(|(event, _)| which(event)) {
            let own = order.iter().position(|other| other == event).unwrap();
            let at = own + 1 + place.index(order.len() - own);
            order.insert(at, event.clone());
        }
        order
    })
}

/// Gives each event an id.
fn named(mut events: Vec<Value>) -> Vec<Value> {
    for (number, event) in events.iter_mut().enumerate() {
        event["event_id"] = format!("event_{number}").into();
    }
    events
}

/// A turn with an interrupted response, followed by another turn.
fn call_of_two_turns() -> Vec<Value> {
    let turn = |item: &str| {
        let caption = "conversation.item.input_audio_transcription";
        vec![
            json!({"type": "input_audio_buffer.speech_started", "item_id": item}),
            json!({"type": "input_audio_buffer.speech_stopped", "item_id": item}),
            json!({"type": "input_audio_buffer.committed", "item_id": item}),
            json!({"type": "conversation.item.added", "item": {"id": item, "type": "message", "role": "user",
                "content": [{"type": "input_audio", "transcript": null}]}}),
            json!({"type": format!("{caption}.delta"), "item_id": item, "delta": "ha ha"}),
            json!({"type": format!("{caption}.completed"), "item_id": item, "transcript": "ha ha ha"}),
        ]
    };
    let first = answer("resp_1", "item_1");
    let cut = after_deltas(&first);
    let cancelled = json!({"type": "response.done", "response": {"id": "resp_1", "status": "cancelled"}});
    let second = turn("user_2");
    let (started, rest) = second.split_at(1);
    [&turn("user_1")[..], &first[..cut], started, &[cancelled], rest, &answer("resp_2", "item_2")].concat()
}

/// Handles events, and plays all audio.
fn play(events: &[Value]) -> TestCall {
    let mut call = TestCall::live(plan());
    for event in events {
        call.server(event.clone());
    }
    play_out(&mut call);
    call
}

fn play_out(call: &mut TestCall) {
    for (clip, samples) in clips(call) {
        call.put(Input::Audio(AudioEvent::Played { clip, samples: samples.len() as u64 }));
    }
}

/// Returns the audio of each clip.
fn clips(call: &TestCall) -> Vec<(ClipId, Vec<i16>)> {
    let mut clips: std::collections::BTreeMap<ClipId, Vec<i16>> = std::collections::BTreeMap::new();
    for output in &call.outputs {
        if let Output::Play { clip, frame } = output {
            clips.entry(*clip).or_default().extend_from_slice(&frame.samples);
        }
    }
    clips.into_iter().collect()
}

fn all_audio(call: &TestCall) -> Vec<i16> {
    clips(call).into_iter().flat_map(|(_, samples)| samples).collect()
}

/// Returns all outputs without debug notices.
fn without_debug(call: &TestCall) -> Vec<&Output> {
    call.outputs.iter().filter(|output| !matches!(output, Output::Show(Notice::Debug(_)))).collect()
}

fn complete_audio() -> Vec<i16> {
    [1, 2, 3].map(|value| vec![value; 2_400]).concat()
}

fn final_lines(call: &TestCall) -> Vec<String> {
    let lines = call.outputs.iter().filter_map(|output| match output {
        Output::Show(Notice::Assistant(line)) if line.is_final => Some(describe_assistant(line)),
        _ => None,
    });
    lines.collect()
}

fn costs(call: &TestCall) -> usize {
    call.outputs.iter().filter(|output| matches!(output, Output::Show(Notice::Usage(_)))).count()
}

proptest! {
    #[test]
    fn a_response_in_any_order_is_played_and_shown_once(events in reordered()) {
        let call = play(&events);
        prop_assert_eq!(all_audio(&call), complete_audio());
        prop_assert_eq!(final_lines(&call), [format!("assistant {TEXT:?} heard 300 ms")]);
        prop_assert_eq!(costs(&call), 1);
        prop_assert_eq!(call.session.turns.state(), crate::session::io::TurnState::Listening);
        prop_assert!(call.sent().is_empty());
    }

    #[test]
    fn repeated_events_with_ids_change_nothing(events in doubled(named(call_of_two_turns()), |_| true)) {
        let (once, twice) = (play(&named(call_of_two_turns())), play(&events));
        prop_assert_eq!(without_debug(&twice), without_debug(&once));
    }

    #[test]
    fn repeated_ends_and_items_without_ids_change_nothing(
        events in doubled(answer("resp_1", "item_1"), |event| !is_delta(event)),
    ) {
        let (once, twice) = (play(&answer("resp_1", "item_1")), play(&events));
        prop_assert_eq!(all_audio(&twice), complete_audio());
        prop_assert_eq!(final_lines(&twice), final_lines(&once));
        prop_assert_eq!(costs(&twice), 1);
    }

    #[test]
    fn events_of_a_cut_response_are_ignored(
        turns in proptest::collection::vec(any::<bool>(), 40),
        by_user in any::<bool>(),
    ) {
        let mut call = TestCall::live(plan());
        let first = answer("resp_1", "item_1");
        for event in &first[..6] {
            call.server(event.clone());
        }
        if by_user {
            call.user(UserCommand::Interrupt);
        } else {
            call.server(json!({"type": "input_audio_buffer.speech_started"}));
        }
        call.flushed(&[(0, ms(50))]);
        call.outputs.clear();
        // Its remaining events and repetitions, mixed with the next response.
        let mut late = first[6..].to_vec();
        late.push(json!({"type": "response.done", "response": {"id": "resp_1", "status": "cancelled"}}));
        late.extend(first);
        let next = answer("resp_2", "item_2");
        let (mut late, mut next) = (late.into_iter(), next.into_iter());
        for turn in turns {
            call.server(match if turn { late.next() } else { next.next() } {
                Some(event) => event,
                None => break,
            });
        }
        for event in next.chain(late) {
            call.server(event);
        }
        play_out(&mut call);
        prop_assert_eq!(all_audio(&call), complete_audio());
        prop_assert_eq!(final_lines(&call), [format!("assistant {TEXT:?} heard 300 ms")]);
        prop_assert!(!call.outputs.contains(&Output::Flush));
    }
}

#[test]
fn events_with_equal_ids_are_kept() {
    for id in ["", "event"] {
        let mut events = call_of_two_turns();
        for event in &mut events {
            event["event_id"] = id.into();
        }
        assert_eq!(play(&events).outputs, play(&call_of_two_turns()).outputs);
    }
}

#[test]
fn restarted_event_numbers_after_a_loss_are_accepted() {
    let events = named(answer("resp_1", "item_1"));
    let mut call = play(&events);
    call.put(Input::Closed(crate::protocol::close::CloseCause::Broken("reset".into())));
    call.pass(sec(1));
    call.configured();
    call.outputs.clear();
    for event in named(answer("resp_1", "item_9")) {
        call.server(event);
    }
    assert_eq!(clips(&call)[0].1, complete_audio());
}
