//! Connection loss at each stage of a turn, in each transient way: what is kept, replayed and requested again.
//!
//! Speech without a caption is not part of this table.

use crate::protocol::close::CloseCause;
use crate::protocol::events::item::{ContentPart, ItemBody, Role};
use crate::session::tests::*;

/// Stage of a call at the loss of its connection.
struct Stage {
    name: &'static str,
    reach: fn(&mut TestCall),
    /// Playback position of the response.
    heard: Duration,
    /// Items for the new server, in order.
    kept: &'static [&'static str],
    asked: ReplyRequested,
    /// Final line of the response.
    line: Option<&'static str>,
}

/// Whether a response is requested from the new server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReplyRequested {
    Once,
    /// No turn waits for a response, or it was partly played.
    Never,
    /// Depends on speech without a caption.
    BySpeech,
}

const STAGES: [Stage; 20] = [
    Stage {
        name: "nothing was said",
        reach: |_| (),
        heard: Duration::ZERO,
        kept: &[],
        asked: ReplyRequested::Never,
        line: None,
    },
    Stage {
        name: "listening after an answer",
        reach: turn,
        heard: Duration::ZERO,
        kept: &["user: What is a ring?", "assistant: A ring is round."],
        asked: ReplyRequested::Never,
        line: None,
    },
    Stage {
        name: "the user speaks",
        reach: |call| {
            turn(call);
            speech_started(call);
        },
        heard: Duration::ZERO,
        kept: &["user: What is a ring?", "assistant: A ring is round."],
        asked: ReplyRequested::BySpeech,
        line: None,
    },
    Stage {
        name: "speech is committed and has a caption",
        reach: |call| {
            turn(call);
            spoken(call, "And a square?");
        },
        heard: Duration::ZERO,
        kept: &["user: What is a ring?", "assistant: A ring is round.", "user: And a square?"],
        asked: ReplyRequested::Once,
        line: None,
    },
    Stage {
        name: "an answer to speech is created",
        reach: |call| {
            turn(call);
            spoken(call, "And a square?");
            call.response_created("resp_1");
        },
        heard: Duration::ZERO,
        kept: &["user: What is a ring?", "assistant: A ring is round.", "user: And a square?"],
        asked: ReplyRequested::Once,
        line: None,
    },
    Stage {
        name: "typed text is sent and not acknowledged",
        reach: |call| call.say("Count."),
        heard: Duration::ZERO,
        kept: &["user: Count."],
        asked: ReplyRequested::Once,
        line: None,
    },
    Stage {
        name: "typed text is acknowledged",
        reach: |call| {
            call.say("Count.");
            acknowledge(call);
        },
        heard: Duration::ZERO,
        kept: &["user: Count."],
        asked: ReplyRequested::Once,
        line: None,
    },
    Stage {
        name: "typed text waits for the end of an answer",
        reach: |call| {
            turn(call);
            call.response_created("resp_1");
            call.say("Count.");
        },
        heard: Duration::ZERO,
        kept: &["user: What is a ring?", "assistant: A ring is round.", "user: Count."],
        asked: ReplyRequested::Once,
        line: None,
    },
    Stage {
        name: "an answer to text is created",
        reach: |call| {
            call.say("Count.");
            call.response_created("resp_1");
        },
        heard: Duration::ZERO,
        kept: &["user: Count."],
        asked: ReplyRequested::Once,
        line: None,
    },
    Stage {
        name: "words arrive and no sound",
        reach: |call| {
            call.say("Count.");
            call.response_created("resp_1");
            call.words("resp_1", "item_a", "one two");
        },
        heard: Duration::ZERO,
        kept: &["user: Count."],
        asked: ReplyRequested::Once,
        line: Some("assistant cut \"\" heard 0 ms"),
    },
    Stage {
        name: "sound arrives and none was heard",
        reach: arriving,
        heard: Duration::ZERO,
        kept: &["user: Count."],
        asked: ReplyRequested::Once,
        line: Some("assistant cut \"\" heard 0 ms"),
    },
    Stage {
        name: "sound arrives and half of it was heard",
        reach: arriving,
        heard: ms(1000),
        kept: &["user: Count.", "assistant: one two"],
        asked: ReplyRequested::Never,
        line: Some("assistant cut \"one two\" heard 1000 ms"),
    },
    Stage {
        name: "written text arrives",
        reach: |call| {
            call.say("Count.");
            call.response_created("resp_1");
            call.server(json!({"type": "response.output_text.delta", "response_id": "resp_1",
                "item_id": "item_a", "delta": "one two"}));
        },
        heard: Duration::ZERO,
        kept: &["user: Count.", "assistant: one two"],
        asked: ReplyRequested::Never,
        line: Some("assistant cut \"one two\""),
    },
    Stage {
        name: "the answer is whole and plays",
        reach: |call| {
            arriving(call);
            call.response_done("resp_1", "completed");
        },
        heard: ms(1000),
        kept: &["user: Count.", "assistant: one two three four"],
        asked: ReplyRequested::Never,
        line: Some("assistant \"one two three four\" heard 2000 ms"),
    },
    Stage {
        name: "the answer is whole and none of it was heard",
        reach: |call| {
            arriving(call);
            call.response_done("resp_1", "completed");
        },
        heard: Duration::ZERO,
        kept: &["user: Count.", "assistant: one two three four"],
        asked: ReplyRequested::Never,
        line: Some("assistant \"one two three four\" heard 2000 ms"),
    },
    Stage {
        name: "the user has stopped an answer before any of it was heard",
        reach: |call| {
            arriving(call);
            call.user(UserCommand::Interrupt);
        },
        heard: Duration::ZERO,
        kept: &["user: Count."],
        asked: ReplyRequested::Never,
        line: Some("assistant cut \"\" heard 0 ms"),
    },
    Stage {
        name: "the user has stopped an answer that falls silent",
        reach: |call| {
            arriving(call);
            call.user(UserCommand::Interrupt);
        },
        heard: ms(1000),
        kept: &["user: Count.", "assistant: one two"],
        asked: ReplyRequested::Never,
        line: Some("assistant cut \"one two\" heard 1000 ms"),
    },
    Stage {
        name: "the user has stopped an answer that is silent by now",
        reach: |call| {
            arriving(call);
            call.user(UserCommand::Interrupt);
            call.flushed(&[(0, sec(1))]);
        },
        heard: ms(1000),
        kept: &["user: Count.", "assistant: one two"],
        asked: ReplyRequested::Never,
        line: Some("assistant cut \"one two\" heard 1000 ms"),
    },
    Stage {
        name: "the user has stopped a whole answer that falls silent",
        reach: |call| {
            arriving(call);
            call.response_done("resp_1", "completed");
            call.user(UserCommand::Interrupt);
        },
        heard: ms(1000),
        kept: &["user: Count.", "assistant: one two"],
        asked: ReplyRequested::Never,
        line: Some("assistant cut \"one two\" heard 1000 ms"),
    },
    Stage {
        name: "the user speaks over an answer that falls silent",
        reach: |call| {
            arriving(call);
            speech_started(call);
        },
        heard: ms(1000),
        kept: &["user: Count.", "assistant: one two"],
        asked: ReplyRequested::BySpeech,
        line: Some("assistant cut \"one two\" heard 1000 ms"),
    },
];

/// Transient losses. A half-open connection breaks after a missing pong.
const CAUSES: [ConnectionLoss; 6] = [
    ConnectionLoss { code: None, error: None },
    ConnectionLoss { code: Some(1001), error: None },
    ConnectionLoss { code: Some(1001), error: Some("session_expired") },
    ConnectionLoss { code: Some(1011), error: None },
    ConnectionLoss { code: Some(1012), error: None },
    ConnectionLoss { code: Some(1013), error: Some("server_error") },
];

/// Loss of a connection.
#[derive(Debug)]
struct ConnectionLoss {
    /// Close code, if there is a close frame.
    code: Option<u16>,
    /// Error event before it.
    error: Option<&'static str>,
}

/// A spoken turn with a fully played response.
fn turn(call: &mut TestCall) {
    spoken(call, "What is a ring?");
    call.response_created("resp_0");
    call.words("resp_0", "item_0", "A ring is round.");
    call.response_done("resp_0", "completed");
}

/// The server commits and captions a turn.
fn spoken(call: &mut TestCall, words: &str) {
    speech_started(call);
    call.server(json!({"type": "input_audio_buffer.speech_stopped", "item_id": words}));
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": words}));
    call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": words,
        "transcript": words}));
}

fn speech_started(call: &mut TestCall) {
    call.speak(ms(100));
    call.server(json!({"type": "input_audio_buffer.speech_started"}));
}

/// A typed question with all of its response but the end.
fn arriving(call: &mut TestCall) {
    call.say("Count.");
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "one two three four");
    call.sound("resp_1", "item_a", sec(2));
}

/// Confirms each item as OpenAI does, under the given id or its own.
fn acknowledge(call: &mut TestCall) {
    let items: Vec<Value> = call.sent().iter().filter_map(|body| item_of(body)).collect();
    for (number, mut item) in items.into_iter().enumerate() {
        if item["id"].is_null() {
            item["id"] = format!("item_of_the_server_{number}").into();
        }
        call.server(json!({"type": "conversation.item.added", "item": item}));
        call.server(json!({"type": "conversation.item.done", "item": item}));
    }
}

/// Returns a sent item as JSON.
fn item_of(body: &ClientBody) -> Option<Value> {
    let ClientBody::ItemCreate { item, .. } = body else { return None };
    let ItemBody::Message { role, content } = &item.body else { panic!("{item:?} is no message") };
    let (role, kind, text) = match (role, &content[..]) {
        (Role::User, [ContentPart::InputText(text)]) => ("user", "input_text", text),
        (Role::Assistant, [ContentPart::Text(text)]) => ("assistant", "output_text", text),
        _ => panic!("{item:?} cannot be shown to a server"),
    };
    Some(json!({"type": "message", "id": item.id, "role": role, "content": [{"type": kind, "text": text}]}))
}

/// Returns the sent items in the notation of the table.
fn sent_items(call: &TestCall) -> Vec<String> {
    let items = call.sent().into_iter().filter_map(item_of);
    let line = |item: Value| {
        format!("{}: {}", item["role"].as_str().unwrap(), item["content"][0]["text"].as_str().unwrap())
    };
    items.map(line).collect()
}

fn lose(call: &mut TestCall, loss: &ConnectionLoss) {
    if let Some(code) = loss.error {
        call.server(json!({"type": "error", "error": {"code": code, "message": "It is over."}}));
    }
    let cause = match loss.code {
        Some(code) => CloseCause::Peer { code: Some(code), reason: String::new() },
        None => CloseCause::Broken("reset".into()),
    };
    call.put(Input::Closed(cause));
}

/// Opens the socket again and configures a new session.
fn reconnect(call: &mut TestCall) {
    call.pass(sec(2));
    assert_eq!(call.story().iter().filter(|line| *line == "open").count(), 1);
    call.configured();
}

/// Brings a call to a stage and through the loss of its connection; returns all outputs.
fn through(stage: &Stage, loss: &ConnectionLoss) -> (TestCall, Vec<Output>) {
    let mut call = TestCall::live(plan());
    (stage.reach)(&mut call);
    call.heard(0, stage.heard);
    lose(&mut call, loss);
    if call.session.turns.is_flushing() {
        call.flushed(&[(0, stage.heard)]);
    }
    let before = call.outputs.clone();
    reconnect(&mut call);
    // A complete response plays on and its rest is reported as played; a stopped one does not.
    call.heard(0, sec(2));
    (call, before)
}

fn asked(call: &TestCall) -> usize {
    call.sent().iter().filter(|body| matches!(body, ClientBody::ResponseCreate(_))).count()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn each_stage_and_loss(check: impl Fn(&Stage, &ConnectionLoss)) {
    for stage in &STAGES {
        for loss in &CAUSES {
            check(stage, loss);
        }
    }
}

#[test]
fn the_conversation_is_replayed_and_its_reply_requested_once() {
    each_stage_and_loss(|stage, loss| {
        let (call, _) = through(stage, loss);
        let at = format!("{}: {loss:?}", stage.name);
        assert_eq!(sent_items(&call), stage.kept, "{at}");
        let expected = match stage.asked {
            ReplyRequested::Once => 1,
            ReplyRequested::Never => 0,
            ReplyRequested::BySpeech => asked(&call),
        };
        assert_eq!(asked(&call), expected, "{at}");
        assert_eq!(call.ended(), None, "{at}");
        let is_error = |output: &Output| matches!(output, Output::Show(Notice::Error { .. }));
        assert!(!call.outputs.iter().any(is_error), "{at}: {:?}", call.outputs);
    });
}

#[test]
fn a_second_loss_repeats_nothing() {
    each_stage_and_loss(|stage, loss| {
        let (mut call, _) = through(stage, loss);
        acknowledge(&mut call);
        let first = asked(&call);
        lose(&mut call, loss);
        reconnect(&mut call);
        assert_eq!((sent_items(&call), asked(&call)), (strings(stage.kept), first), "{}", stage.name);
    });
}

#[test]
fn a_response_ends_at_its_playback_position_and_never_resumes() {
    each_stage_and_loss(|stage, loss| {
        let (mut call, mut outputs) = through(stage, loss);
        call.response_created("resp_9");
        call.words("resp_9", "item_9", "Five.");
        call.sound("resp_9", "item_9", sec(1));
        call.response_done("resp_9", "completed");
        let at = format!("{}: {loss:?}", stage.name);
        assert_eq!(call.played(), 24_000, "{at}");
        outputs.append(&mut call.outputs);
        let lines = outputs.iter().filter_map(|output| match output {
            Output::Show(Notice::Assistant(line)) if line.is_final && line.item_id == "item_a" => {
                Some(describe_assistant(line))
            }
            _ => None,
        });
        assert_eq!(lines.collect::<Vec<_>>(), Vec::from_iter(stage.line), "{at}");
    });
}

/// Stage of a session that is not live yet.
const OPENINGS: [fn(&mut TestCall); 2] = [|_| (), TestCall::created];

#[test]
fn a_call_that_was_never_live_is_not_retried() {
    for open in OPENINGS {
        for loss in &CAUSES {
            let mut call = TestCall::dialled(plan());
            call.say("typed before");
            call.put(Input::Opened);
            open(&mut call);
            lose(&mut call, loss);
            assert!(matches!(call.ended(), Some(EndReason::Lost(_))), "{loss:?}: {:?}", call.ended());
        }
    }
}

#[test]
fn a_connection_lost_while_reconnecting_is_retried() {
    each_stage_and_loss(|stage, loss| {
        for open in OPENINGS {
            let mut call = TestCall::live(plan());
            (stage.reach)(&mut call);
            call.heard(0, stage.heard);
            lose(&mut call, loss);
            if call.session.turns.is_flushing() {
                call.flushed(&[(0, stage.heard)]);
            }
            call.pass(sec(2));
            call.put(Input::Opened);
            open(&mut call);
            lose(&mut call, loss);
            call.outputs.clear();
            reconnect(&mut call);
            call.heard(0, sec(2));
            assert_eq!(sent_items(&call), stage.kept, "{}", stage.name);
        }
    });
}

#[test]
fn text_typed_at_any_time_while_disconnected_is_sent_once() {
    for loss in &CAUSES {
        let mut call = TestCall::live(plan());
        turn(&mut call);
        lose(&mut call, loss);
        call.say("one");
        call.pass(sec(2));
        call.say("two");
        call.put(Input::Opened);
        call.say("three");
        call.created();
        call.say("four");
        call.outputs.clear();
        call.server(json!({"type": "session.updated", "session": {"type": "realtime"}}));
        let items = sent_items(&call);
        assert_eq!(items[2..], ["user: one", "user: two", "user: three", "user: four"], "{loss:?}");
        assert_eq!(items.len(), 6);
    }
}
