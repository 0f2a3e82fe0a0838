//! Session rollover before the time limit.

use crate::protocol::close::CloseCause;
use crate::session::io::{DialFailure, Failure, Handshake, NextEvent};
use crate::session::tests::*;

/// Lead of a long session.
const LEAD: Duration = Duration::from_secs(120);

/// A call whose server reports a session limit.
fn limited(plan: Plan, limit: Duration) -> TestCall {
    let mut call = TestCall::dialled(plan);
    call.put(Input::Opened);
    call.server(created(call.now, limit));
    call.server(json!({"type": "session.updated", "session": {"type": "realtime"}}));
    call.outputs.clear();
    call
}

fn created(now: Duration, limit: Duration) -> Value {
    json!({"type": "session.created", "session": {"type": "realtime", "id": format!("sess_{}", now.as_secs()),
        "expires_at": (UNIX_START + now + limit).as_secs()}})
}

impl TestCall {
    #[expect(clippy::needless_pass_by_value, reason = "the tests read better without a reference")]
    fn next(&mut self, event: Value) {
        let event = decode::server_event(&event.to_string()).expect("the test writes events");
        self.put(Input::Next(NextEvent::Server(Box::new(event))));
    }

    /// Opens and configures the standby connection.
    fn open_next(&mut self, limit: Duration) {
        self.put(Input::Next(NextEvent::Opened));
        self.next(created(self.now, limit));
        self.next(json!({"type": "session.updated", "session": {"type": "realtime"}}));
    }

    /// Sends quiet microphone frames for `time`.
    fn be_silent(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / 10 {
            self.pass(ms(10));
            self.put(Input::Mic(Frame::new(SampleRate::HZ_24000, vec![3; 240])));
        }
    }

    fn switches(&self) -> usize {
        self.outputs.iter().filter(|output| **output == Output::Switch).count()
    }

    /// Takes the items sent on the standby connection.
    fn sent_next(&mut self) -> Vec<String> {
        let shown = self.outputs.iter().filter_map(|output| match output {
            Output::SendNext { event, .. } => Some(&event.body),
            _ => None,
        });
        let shown = shown.filter_map(|body| match body {
            ClientBody::ItemCreate { item, .. } => Some(format!("{:?}", item.body)),
            _ => None,
        });
        shown.collect()
    }
}

fn question_and_answer(call: &mut TestCall, number: u64) {
    let (user, answer, response) = (format!("u{number}"), format!("a{number}"), format!("r{number}"));
    call.server(json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": user}));
    call.server(json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 9, "item_id": user}));
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": user}));
    call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": user,
        "transcript": format!("question {number}")}));
    call.response_created(&response);
    call.words(&response, &answer, &format!("answer {number}"));
    call.sound(&response, &answer, sec(1));
    call.response_done(&response, "completed");
    call.heard(number, sec(1));
}

#[test]
fn the_standby_session_opens_before_the_limit_and_takes_over_in_the_first_pause() {
    let mut call = limited(plan(), sec(3_600));
    question_and_answer(&mut call, 0);
    call.outputs.clear();
    call.pass(sec(3_600) - LEAD - ms(1));
    assert!(call.story().is_empty(), "it is too early");
    call.pass(ms(1));
    assert_eq!(call.story(), ["open next"]);
    call.open_next(sec(3_600));
    assert_eq!(call.story(), ["next: send session.update", "next: send item", "next: send item"]);
    call.pass(ms(399));
    assert_eq!(call.switches(), 0, "speech may have begun");
    call.pass(ms(1));
    let shown = "info the session was renewed before its time limit, 2 turns kept";
    assert_eq!(call.story(), ["switch", shown, "ready"]);
    assert_eq!(
        call.session.deadline().map(|deadline| deadline.at),
        Some(call.now - ms(400) + sec(3_600) - LEAD)
    );
}

#[test]
fn without_a_reported_limit_the_documented_one_applies() {
    let mut plan = plan();
    plan.session_limit = Some(sec(1_800));
    let mut call = TestCall::live(plan);
    call.pass(sec(1_800) - LEAD);
    assert_eq!(call.story(), ["open next"]);
}

#[test]
fn a_limit_in_the_past_is_ignored() {
    let mut call = TestCall::dialled(plan());
    call.now = sec(100);
    call.put(Input::Opened);
    call.server(created(sec(0), sec(50)));
    call.server(json!({"type": "session.updated", "session": {"type": "realtime"}}));
    assert_eq!(call.session.deadline(), None);
}

#[test]
fn a_response_plays_to_its_end_before_a_switch() {
    let mut call = limited(plan(), sec(60));
    call.pass(sec(45));
    call.response_created("r0");
    call.words("r0", "a0", "a long answer");
    call.sound("r0", "a0", sec(4));
    call.open_next(sec(60));
    call.be_silent(sec(2));
    assert_eq!(call.switches(), 0, "the response is in progress");
    call.response_done("r0", "completed");
    call.be_silent(sec(1));
    assert_eq!(call.switches(), 0, "it is being heard");
    call.heard(0, sec(4));
    assert_eq!(call.switches(), 1);
    assert!(call.sent_next()[0].contains("a long answer"));
}

#[test]
fn near_the_limit_a_complete_response_plays_across_the_switch() {
    let mut call = limited(plan(), sec(60));
    call.pass(sec(45));
    call.open_next(sec(60));
    call.response_created("r0");
    call.words("r0", "a0", "one two three four");
    call.sound("r0", "a0", sec(20));
    call.response_done("r0", "completed");
    call.outputs.clear();
    call.pass(sec(9));
    assert_eq!(call.switches(), 0);
    call.pass(sec(1));
    assert_eq!(call.switches(), 1);
    assert!(!call.story().contains(&"flush".to_owned()));
    // The user stops it: the new server gets the played part, since it lacks the item.
    call.server(json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "u9"}));
    call.outputs.clear();
    call.flushed(&[(0, sec(10))]);
    let story = call.story();
    assert!(story.contains(&"send item".to_owned()), "{story:?}");
    assert!(!story.iter().any(|line| line.starts_with("send truncate")), "{story:?}");
}

#[test]
fn speech_at_the_limit_is_sent_again_from_its_beginning() {
    let mut call = limited(plan(), sec(60));
    call.pass(sec(45));
    call.open_next(sec(60));
    call.speak(ms(500));
    call.server(json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "u0"}));
    call.speak(sec(12));
    call.pass(sec(12));
    assert_eq!(call.switches(), 0);
    call.outputs.clear();
    call.pass(ms(1_200));
    assert_eq!(call.switches(), 1);
    let switched = call.outputs.iter().position(|output| *output == Output::Switch).unwrap();
    assert_eq!(call.appended().len(), 1_250);
    assert!(
        !call.outputs[..switched].iter().any(|output| matches!(output, Output::Send(_))),
        "all of it goes to the new session"
    );
}

#[test]
fn loud_input_delays_the_switch() {
    let mut call = limited(plan(), sec(60));
    call.pass(sec(45));
    call.open_next(sec(60));
    for _ in 0..100 {
        call.pass(ms(10));
        call.put(Input::Mic(Frame::new(SampleRate::HZ_24000, vec![9_000; 240])));
    }
    assert_eq!(call.switches(), 0);
    call.be_silent(ms(400));
    assert_eq!(call.switches(), 1);
}

#[test]
fn a_ready_standby_session_replaces_a_closed_one_at_once() {
    let mut call = limited(plan(), sec(60));
    call.pass(sec(45));
    call.open_next(sec(60));
    call.say("Are you there?");
    call.outputs.clear();
    call.put(Input::Closed(CloseCause::Peer { code: Some(1001), reason: "going away".into() }));
    let story = call.story();
    let shown = "info the connection ended: the call continues in a new session, 1 turn kept".to_owned();
    assert_eq!(story[..3], ["next: send item".to_owned(), "switch".to_owned(), shown]);
    assert!(story.contains(&"send response.create".to_owned()), "{story:?}");
}

#[test]
fn a_response_that_plays_across_a_switch_is_not_requested_again() {
    let mut call = limited(plan(), sec(60));
    call.pass(sec(45));
    call.open_next(sec(60));
    call.say("Count.");
    call.response_created("r");
    call.words("r", "a", "one two");
    call.sound("r", "a", sec(2));
    call.response_done("r", "completed");
    call.heard(0, sec(1));
    call.outputs.clear();
    call.put(Input::Closed(CloseCause::Peer { code: Some(1001), reason: "going away".into() }));
    call.heard(0, sec(2));
    let story = call.story();
    assert!(!story.contains(&"send response.create".to_owned()), "{story:?}");
    assert_eq!(story.iter().filter(|line| *line == "send item").count(), 1, "the answer is shown: {story:?}");
}

#[test]
fn retry_after_delays_the_standby_session() {
    let mut call = limited(plan(), sec(600));
    call.pass(sec(480));
    let failure = Failure { message: "503".into(), code: None };
    let busy = DialFailure::Passing { failure, retry_after: Some(sec(20)) };
    call.put(Input::Next(NextEvent::Failed(busy)));
    assert_eq!(call.story(), ["open next", "drop next"]);
    call.pass(ms(19_999));
    assert!(call.story().is_empty());
    call.pass(ms(1));
    assert_eq!(call.story(), ["open next"]);
    call.put(Input::Next(NextEvent::Opened));
    call.next(created(call.now, sec(600)));
    call.next(json!({"type": "error", "error": {"code": "server_error", "message": "Overloaded."}}));
    call.pass(sec(5));
    assert_eq!(call.story(), ["next: send session.update", "drop next", "open next"]);
}

#[test]
fn a_failed_standby_session_is_retried_while_time_is_left() {
    let mut call = limited(plan(), sec(60));
    call.pass(sec(45));
    let failure = || Failure { message: "no one listens".into(), code: None };
    call.put(Input::Next(NextEvent::Failed(DialFailure::Passing { failure: failure(), retry_after: None })));
    assert_eq!(call.story(), ["open next", "drop next"]);
    call.pass(sec(5));
    assert_eq!(call.story(), ["open next"]);
    call.put(Input::Next(NextEvent::Opened));
    call.put(Input::Next(NextEvent::Closed(CloseCause::Broken("reset".into()))));
    call.pass(sec(60));
    assert_eq!(call.story(), ["drop next", "open next"]);
    call.put(Input::Next(NextEvent::Failed(DialFailure::Final(failure()))));
    let shown = "info the session cannot be renewed before its time limit: no one listens";
    assert_eq!(call.story(), [shown, "drop next"]);
    call.pass(sec(60));
    assert!(call.story().is_empty());
}

#[test]
fn an_unknown_field_is_omitted_in_the_standby_session() {
    let mut plan = plan();
    plan.settings.instructions = Some("Be brief.".into());
    let mut call = limited(plan, sec(60));
    call.pass(sec(45));
    call.put(Input::Next(NextEvent::Opened));
    call.next(created(call.now, sec(60)));
    call.next(
        json!({"type": "error", "error": {"code": "unknown_parameter", "param": "session.instructions",
        "message": "Unknown parameter: 'session.instructions'.", "event_id": "rtv_1"}}),
    );
    let updates = call.story().iter().filter(|line| *line == "next: send session.update").count();
    assert_eq!(updates, 2);
}

#[test]
fn a_lost_connection_drops_an_unfinished_standby() {
    let mut call = limited(plan(), sec(60));
    call.pass(sec(45));
    call.put(Input::Next(NextEvent::Opened));
    call.outputs.clear();
    call.put(Input::Closed(CloseCause::Broken("reset".into())));
    let story = call.story();
    assert!(story.contains(&"drop next".to_owned()), "{story:?}");
    call.next(created(call.now, sec(60)));
    assert!(call.story().is_empty(), "it is none of ours any more");
}

/// Both connections, and the audio that each server received.
#[derive(Default)]
struct Servers {
    heard: Vec<Vec<u8>>,
    left: usize,
    spoken: u64,
}

impl Servers {
    fn take(&mut self, outputs: Vec<Output>) -> Vec<Output> {
        for output in &outputs {
            match output {
                Output::OpenNext(_) => self.heard.push(Vec::new()),
                Output::Switch => self.left += 1,
                Output::Send(event) => {
                    if let ClientBody::AudioAppend(bytes) = &event.body {
                        self.heard[self.left].extend(bytes);
                    }
                }
                Output::Play { .. } => self.spoken += 1,
                _ => {}
            }
        }
        outputs
    }
}

#[test]
fn a_call_of_two_hours_loses_and_repeats_no_sample() {
    const FRAME: usize = 96;
    const SESSION: Duration = Duration::from_secs(15 * 60);

    let mut call = limited(plan(), SESSION);
    let mut servers = Servers { heard: vec![Vec::new()], ..Servers::default() };
    // A counter as audio, below the speech level.
    let mut count = 0_u64..;
    let mut turns = 0;
    for step in 0..(7_200_000 / 40) {
        call.pass(ms(40));
        let samples =
            std::iter::from_fn(|| count.next().map(|count| i16::try_from(count & 127).unwrap())).take(FRAME);
        call.put(Input::Mic(Frame::new(SampleRate::HZ_24000, samples.collect::<Vec<_>>())));
        if step % 500 == 250 {
            question_and_answer(&mut call, turns);
            turns += 1;
        }
        let outputs = servers.take(std::mem::take(&mut call.outputs));
        if outputs.contains(&Output::OpenNext(Handshake::Default)) {
            call.open_next(SESSION);
        }
        assert!(
            !outputs.iter().any(|output| matches!(output, Output::Flush | Output::End(_) | Output::Open(_)))
        );
    }
    assert_eq!(servers.left, 9, "two hours in sessions of a quarter, each left two minutes early");
    assert_eq!((turns, servers.spoken), (360, 360), "every answer was played");
    let heard: Vec<i16> =
        servers.heard.concat().as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    assert_eq!(heard.len(), 7_200_000 / 40 * FRAME);
    let broken = heard.windows(2).filter(|pair| pair[1] != (pair[0] + 1) & 127).count();
    assert_eq!(broken, 0);
}
