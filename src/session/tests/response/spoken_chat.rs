//! Conversations in writing whose answers are spoken.

use crate::protocol::settings::Voice;
use crate::session::plan::SpokenAnswers;
use crate::session::tests::*;

fn spoken(mode: Mode) -> Plan {
    let speech = SpokenAnswers { format: AudioFormat::PCM24K, voice: Some(Voice::Named("cedar".into())) };
    let mut plan = Plan { mode, speech: Some(speech), ..written_plan() };
    plan.set_spoken(true);
    plan
}

fn answer(call: &mut TestCall) {
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "One, two.");
    call.sound("resp_1", "item_a", sec(2));
    call.response_done("resp_1", "completed");
}

#[test]
fn a_single_spoken_answer_is_played_to_its_end() {
    let mut call = TestCall::live(Plan { opening: vec!["count".into()], ..spoken(Mode::Ask) });
    answer(&mut call);
    assert_eq!(call.ended(), None, "it is still playing");
    call.heard(0, sec(2));
    call.pass(sec(1));
    assert_eq!(call.ended(), Some(&EndReason::Answered));
    assert!(!call.story().contains(&"flush".to_owned()), "nothing is cut off");
}

#[test]
fn the_next_message_and_the_user_stop_the_sound() {
    let mut call = TestCall::live(spoken(Mode::Chat));
    call.say("count");
    answer(&mut call);
    call.outputs.clear();
    call.say("stop, please");
    assert_eq!(call.story()[0], "flush", "before anything is sent");
    call.flushed(&[(0, ms(500))]);
    let story = call.story();
    assert!(story.contains(&"send truncate item_a 500".to_owned()), "{story:?}");
    call.response_done("resp_1", "cancelled");
    call.response_created("resp_2");
    call.sound("resp_2", "item_b", sec(2));
    call.outputs.clear();
    call.user(UserCommand::Interrupt);
    assert_eq!(call.story()[0], "flush");
}

#[test]
fn answers_are_spoken_on_request_and_written_again() {
    let mut plan = spoken(Mode::Chat);
    plan.set_spoken(false);
    let mut call = TestCall::live(plan);
    call.user(UserCommand::Speak(None));
    let update = call.sent().into_iter().find_map(|body| match body {
        ClientBody::SessionUpdate(settings) => Some((**settings).clone()),
        _ => None,
    });
    let update = update.expect("the server has to know");
    assert_eq!(update.output, Some(Modality::Audio));
    assert_eq!(update.voice, Some(Voice::Named("cedar".into())));
    assert_eq!(call.story(), ["open audio", "info answers are spoken", "send session.update"]);
    call.user(UserCommand::Speak(Some(true)));
    assert_eq!(call.story(), ["open audio", "info answers are spoken"]);
    call.say("count");
    answer(&mut call);
    assert!(call.played() > 0);
    call.outputs.clear();
    call.user(UserCommand::Speak(Some(false)));
    let story = call.story();
    assert!(story.contains(&"flush".to_owned()), "{story:?}");
    assert!(story.contains(&"send session.update".to_owned()), "{story:?}");
}

#[test]
fn a_call_always_speaks() {
    let mut call = TestCall::live(plan());
    call.user(UserCommand::Speak(Some(false)));
    assert_eq!(call.story(), ["info the answers of a call are always spoken"]);
}

#[test]
fn a_written_answer_is_shown_as_an_answer_while_it_arrives() {
    let mut call = TestCall::live(Plan { mode: Mode::Chat, ..written_plan() });
    call.say("why?");
    call.response_created("resp_1");
    call.server(json!({"type": "response.output_text.delta", "response_id": "resp_1", "item_id": "item_a",
        "output_index": 0, "content_index": 0, "delta": "Because"}));
    call.response_done("resp_1", "completed");
    let turns: Vec<String> = call.story().into_iter().filter(|line| line.starts_with("turn ")).collect();
    assert_eq!(turns, ["turn Thinking", "turn Assistant", "turn Listening"]);
}
