//! Ids that servers reuse on each connection.

use std::collections::HashSet;

use crate::protocol::close::CloseCause;
use crate::session::io::NextEvent;
use crate::session::tests::*;
use crate::ui::model::Model;
use crate::ui::output::plain::{PlainLines, PlainStyle};
use crate::ui::output::presenter::NoticeWriter as _;
use crate::ui::output::presenter::Verbatim;

/// Naming of ids by connection.
type ServerNames = fn(usize, &str) -> String;

fn restarted_id(_: usize, name: &str) -> String {
    name.to_owned()
}

fn unique_id(connection: usize, name: &str) -> String {
    format!("{name}_of_{connection}")
}

/// A call and its server.
struct NamedCall {
    call: TestCall,
    naming: ServerNames,
    connection: usize,
    /// Turns on this connection so far.
    turns: usize,
    /// Events on this connection so far.
    events: usize,
    /// Clips in the call so far.
    clips: u64,
    /// All outputs.
    outputs: Vec<Output>,
}

impl NamedCall {
    fn begin(naming: ServerNames) -> Self {
        let mut plan = plan();
        plan.session_limit = Some(sec(60));
        let call = TestCall::live(plan);
        Self { call, naming, connection: 1, turns: 0, events: 0, clips: 0, outputs: Vec::new() }
    }

    fn name(&self, name: &str) -> String {
        (self.naming)(self.connection, name)
    }

    /// Returns the user item, assistant item and response of the current turn.
    fn names(&self) -> (String, String, String) {
        let items = self.turns * 2;
        (
            self.name(&format!("item_{}", items + 1)),
            self.name(&format!("item_{}", items + 2)),
            self.name(&format!("resp_{}", self.turns + 1)),
        )
    }

    fn server(&mut self, mut event: Value) {
        self.events += 1;
        event["event_id"] = self.name(&format!("event_{}", self.events)).into();
        self.call.server(event);
    }

    fn spoken(&mut self) {
        let (user, ..) = self.names();
        let before = (self.turns > 0).then(|| self.name(&format!("item_{}", self.turns * 2)));
        self.server(json!({"type": "input_audio_buffer.speech_started", "item_id": user}));
        self.server(json!({"type": "input_audio_buffer.speech_stopped", "item_id": user}));
        self.server(
            json!({"type": "input_audio_buffer.committed", "item_id": user, "previous_item_id": before}),
        );
    }

    fn captioned(&mut self) {
        let text = format!("question {} of {}", self.turns, self.connection);
        let (user, ..) = self.names();
        self.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": user,
            "transcript": text}));
    }

    /// The response arrives, without its end.
    fn answered(&mut self) {
        let (_, answer, response) = self.names();
        let text = format!("answer {} of {}", self.turns, self.connection);
        self.call.response_created(&response);
        self.server(json!({"type": "response.output_item.added", "response_id": response,
            "item": {"id": answer, "type": "message", "role": "assistant", "content": []}}));
        self.call.words(&response, &answer, &text);
        self.call.sound(&response, &answer, sec(2));
        self.clips += 1;
    }

    fn done(&mut self) {
        let (.., response) = self.names();
        self.call.response_done(&response, "completed");
        self.turns += 1;
    }

    fn heard(&mut self, time: Duration) {
        self.call.heard(self.clips - 1, time);
    }

    fn turn(&mut self) {
        self.spoken();
        self.captioned();
        self.answered();
        self.done();
        self.heard(sec(2));
    }

    /// The user interrupts a response by speaking.
    fn interrupted(&mut self) {
        self.spoken();
        self.captioned();
        self.answered();
        self.heard(ms(500));
        self.server(json!({"type": "input_audio_buffer.speech_started"}));
        let (.., response) = self.names();
        self.call.flushed(&[(self.clips - 1, ms(700))]);
        self.call.response_done(&response, "cancelled");
        self.server(json!({"type": "input_audio_buffer.speech_stopped"}));
        self.turns += 1;
    }

    /// The user interrupts a response by key.
    fn stopped(&mut self) {
        self.spoken();
        self.captioned();
        self.answered();
        self.call.user(UserCommand::Interrupt);
        self.call.flushed(&[(self.clips - 1, ms(300))]);
        let (.., response) = self.names();
        self.call.response_done(&response, "cancelled");
        self.turns += 1;
    }

    fn lost(&mut self) {
        self.call.put(Input::Closed(CloseCause::Broken("reset".into())));
        self.call.pass(sec(2));
        self.call.configured();
        self.new_connection();
    }

    fn new_connection(&mut self) {
        (self.connection, self.turns, self.events) = (self.connection + 1, 0, 0);
    }

    /// The standby session is ready, and confirms the replayed items.
    fn next_is_ready(&mut self) {
        self.call.pass(sec(46));
        self.call.put(Input::Next(NextEvent::Opened));
        for kind in ["session.created", "session.updated"] {
            let event = decode::server_event(&json!({"type": kind, "session": {}}).to_string()).unwrap();
            self.call.put(Input::Next(NextEvent::Server(Box::new(event))));
        }
    }

    /// The call switches to the standby session.
    fn moved(&mut self) {
        self.call.pass(sec(14));
        let switches = self.call.outputs.iter().filter(|output| **output == Output::Switch).count();
        assert_eq!(switches, 1, "{:?}", self.call.story());
        self.outputs.append(&mut self.call.outputs);
        self.new_connection();
    }

    fn end(mut self) -> Vec<Output> {
        self.outputs.append(&mut self.call.outputs);
        self.outputs
    }
}

/// Names and ways to change the connection.
type Transfer = (&'static str, fn(&mut NamedCall));

const WAYS: [Transfer; 6] = [
    ("lost between turns", |held| {
        held.turn();
        held.lost();
    }),
    ("lost before the caption", |held| {
        held.spoken();
        held.lost();
        held.turn();
    }),
    ("lost in an answer", |held| {
        held.turn();
        held.spoken();
        held.captioned();
        held.answered();
        held.heard(ms(300));
        held.lost();
    }),
    ("moved between turns", |held| {
        held.turn();
        held.interrupted();
        held.next_is_ready();
        held.moved();
    }),
    ("moved while an answer plays", |held| {
        held.turn();
        held.next_is_ready();
        held.spoken();
        held.captioned();
        held.answered();
        held.done();
        held.moved();
        // A second of the previous session's response is played when this one begins.
        held.heard(sec(1));
    }),
    ("lost while the next session is ready", |held| {
        held.turn();
        held.next_is_ready();
        held.call.put(Input::Closed(CloseCause::Broken("reset".into())));
        held.new_connection();
    }),
];

/// Runs a call that changes its connection in one way.
fn hold(naming: ServerNames, way: fn(&mut NamedCall)) -> Vec<Output> {
    let mut held = NamedCall::begin(naming);
    way(&mut held);
    held.turn();
    held.interrupted();
    held.stopped();
    held.lost();
    held.turn();
    held.end()
}

/// Returns the outputs as text, with ids as reused ones.
fn story(outputs: &[Output]) -> Vec<String> {
    let lines = outputs.iter().filter_map(describe);
    lines.map(|line| (1..9).fold(line, |line, number| line.replace(&format!("_of_{number}"), ""))).collect()
}

/// Returns the ids of all final lines.
fn final_items(outputs: &[Output]) -> Vec<String> {
    let names = outputs.iter().filter_map(|output| match output {
        Output::Show(Notice::User(line)) if line.is_final => Some(&line.item_id),
        Output::Show(Notice::Assistant(line)) if line.is_final => Some(&line.item_id),
        _ => None,
    });
    names.cloned().collect()
}

#[test]
fn reused_ids_on_a_new_connection_make_no_difference() {
    for (name, way) in WAYS {
        let (once, again) = (hold(unique_id, way), hold(restarted_id, way));
        assert_eq!(story(&again), story(&once), "{name}");
        assert!(
            !story(&again).iter().any(|line| line.contains('#')),
            "no server hears names of ours: {name}"
        );
    }
}

#[test]
fn each_line_has_a_unique_id_in_the_call() {
    for (name, way) in WAYS {
        let items = final_items(&hold(restarted_id, way));
        let different: HashSet<&String> = items.iter().collect();
        assert_eq!(different.len(), items.len(), "{name}: {items:?}");
        assert!(items.len() >= 8, "{name}: {items:?}");
    }
}

#[test]
fn unique_ids_are_kept() {
    for (name, way) in WAYS {
        let items = final_items(&hold(unique_id, way));
        assert!(items.iter().all(|item| item.contains("_of_") && !item.contains('#')), "{name}: {items:?}");
    }
}

/// Returns the screen and the plain output of a call.
fn shown(naming: ServerNames, way: fn(&mut NamedCall)) -> (Vec<String>, String) {
    let (mut screen, mut lines) =
        (Model::default(), PlainLines::new(PlainStyle::Talk, Verbatim(Vec::new()), std::io::sink()));
    for output in hold(naming, way) {
        if let Output::Show(notice) = output {
            screen.apply(Duration::ZERO, &notice);
            lines.notice(Duration::ZERO, &notice).unwrap();
        }
    }
    let entries = screen.entries.iter().map(|entry| entry.text.clone()).collect();
    (entries, String::from_utf8(lines.into_inner().0.0).unwrap())
}

#[test]
fn screen_and_plain_output_show_all_lines_in_order() {
    for (name, way) in WAYS {
        let (once, again) = (shown(unique_id, way), shown(restarted_id, way));
        assert_eq!(again, once, "{name}");
        assert!(again.0.contains(&"answer 0 of 2".to_owned()), "{name}: {:?}", again.0);
        assert!(again.1.contains("Assistant: answer 0 of 2"), "{name}: {}", again.1);
    }
}

#[test]
fn repeated_captions_and_responses_are_shown_once_per_connection() {
    let mut held = NamedCall::begin(restarted_id);
    for _ in 0..2 {
        held.turn();
        held.turns = 0;
        held.captioned();
        held.answered_again();
        held.lost();
    }
    assert_eq!(final_items(&held.end()), ["item_1", "item_2", "item_1#2", "item_2#2"]);
}

impl NamedCall {
    /// Text of a finished response arrives again.
    fn answered_again(&mut self) {
        let (_, answer, response) = self.names();
        self.call.words(&response, &answer, "answer 0");
        self.call.response_done(&response, "completed");
    }
}

#[test]
fn previous_item_ids_do_not_match_items_of_another_server() {
    let mut held = NamedCall::begin(restarted_id);
    held.turn();
    held.lost();
    held.call.outputs.clear();
    // The server has two replayed items.
    held.server(json!({"type": "input_audio_buffer.committed", "item_id": "item_3",
        "previous_item_id": "item_2"}));
    let after = held.call.outputs.iter().find_map(|output| match output {
        Output::Show(Notice::User(line)) => line.after.clone(),
        _ => None,
    });
    assert_eq!(after.as_deref(), Some("item_2#2"));
}

#[test]
fn responses_without_ids_are_separate_lines() {
    let mut call = TestCall::live(plan());
    for text in ["one", "two"] {
        call.server(json!({"type": "response.output_audio_transcript.delta", "delta": text}));
        call.server(json!({"type": "response.done", "response": {"status": "completed"}}));
    }
    call.put(Input::Closed(CloseCause::Broken("reset".into())));
    call.pass(sec(2));
    call.configured();
    call.server(json!({"type": "response.output_audio_transcript.delta", "delta": "three"}));
    call.server(json!({"type": "response.done", "response": {"status": "completed"}}));
    assert_eq!(final_items(&call.outputs), ["item", "item#2", "item#3"]);
}

#[test]
fn an_item_unknown_to_the_server_is_not_truncated() {
    let mut call = TestCall::live(plan());
    call.server(json!({"type": "response.created", "response": {"id": "resp_1"}}));
    call.server(json!({"type": "response.output_audio_transcript.delta", "response_id": "resp_1",
        "delta": "one two"}));
    call.server(json!({"type": "response.output_audio.delta", "response_id": "resp_1",
        "delta": "AAAA".repeat(16_000)}));
    call.server(json!({"type": "input_audio_buffer.speech_started"}));
    call.outputs.clear();
    call.flushed(&[(0, ms(100))]);
    let story = call.story();
    assert!(story.iter().any(|line| line.starts_with("assistant cut")), "{story:?}");
    assert!(!story.iter().any(|line| line.starts_with("send truncate")), "{story:?}");
}
