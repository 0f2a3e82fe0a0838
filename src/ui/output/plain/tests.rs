//! Promises about plain lines.

use insta::assert_snapshot;

use super::*;
use crate::ui::fixture::{AnswerEnd, assistant, interrupted_call, lost, show, written};

/// Returns what is written as data and as status.
fn lines(style: PlainStyle, call: &[(u64, Notice)]) -> (String, String) {
    let mut front = PlainLines::new(style, Vec::new(), Vec::new());
    show(&mut front, call);
    let (data, status) = front.into_inner();
    (String::from_utf8(data).unwrap(), String::from_utf8(status).unwrap())
}

fn chat(lines_of_answers: Vec<AssistantLine>) -> String {
    let call: Vec<_> = lines_of_answers.into_iter().map(|line| (7, Notice::Assistant(line))).collect();
    lines(PlainStyle::Chat, &call).0
}

fn whole(item_id: &str, text: &str) -> AssistantLine {
    AssistantLine { is_final: true, ..written(item_id, text) }
}

/// Two writers that are one terminal.
#[derive(Clone, Debug, Default)]
struct Terminal(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_notice_never_sticks_to_the_end_of_an_answers_line() {
    let terminal = Terminal::default();
    let mut front = PlainLines::new(PlainStyle::Chat, terminal.clone(), terminal.clone());
    let error = || Notice::Error { code: None, message: "slow down".to_owned() };
    let call = [
        (1, error()),
        (2, Notice::Assistant(written("a", "One, "))),
        (3, error()),
        (4, Notice::Info("on the way".to_owned())),
        (5, Notice::Assistant(written("a", "One, two."))),
        (6, Notice::Assistant(whole("a", "One, two."))),
        (7, Notice::Assistant(written("b", "Three"))),
        (8, error()),
        (9, lost()),
    ];
    show(&mut front, &call);
    let text = String::from_utf8(terminal.0.take()).unwrap();
    assert_eq!(text, "error: slow down\nOne, two.\nerror: slow down\non the way\nThree\nerror: slow down\n");
}

#[test]
fn a_flood_of_notices_is_not_held_back_for_ever() {
    let mut front = PlainLines::new(PlainStyle::Chat, Vec::new(), Vec::new());
    show(&mut front, &[(1, Notice::Assistant(written("a", "One, ")))]);
    for _ in 0..1_000 {
        front.notice(Duration::ZERO, &Notice::Info("more".to_owned())).unwrap();
    }
    assert_eq!(front.held.len(), MOST_HELD);
}

#[test]
fn an_interrupted_call_is_told_in_labelled_lines() {
    let (data, status) = lines(PlainStyle::Talk, &interrupted_call());
    assert_snapshot!(data, @r#"
    You: Count to four.
      You: fake
    Assistant: One, two, (interrupted after 1.1 s, not heard: three, four.)
    "#);
    assert_snapshot!(status, @r#"
    connecting…
    connected to gpt-realtime, marin
    speak now
    listening
    you speak
    thinking
    answering
    you speak
    the echo of the speaker is cancelled
    microphone MUTED
    error: too fast (rate_limit)
    the microphone is silent
    2 answers: p50 640 ms, p95 721 ms; of it here p50 32 ms, p95 38 ms
    call ended
    "#);
}

#[test]
fn a_caption_that_comes_after_its_answer_is_told_to_belong_before_it() {
    let line = |item_id: &str, text: &str, is_final| {
        let after = Some("item_a".to_owned());
        Notice::User(UserUtterance {
            item_id: item_id.to_owned(),
            text: text.to_owned(),
            is_final,
            after,
            spoken: None,
            has_failed: false,
        })
    };
    let answer = |item_id: &str, text| Notice::Assistant(whole(item_id, text));
    let call = [
        (1, Notice::Assistant(written("a", "Hello"))),
        (2, line("u1", "", false)),
        (3, answer("a", "Hello.")),
        (4, Notice::Assistant(written("b", "It"))),
        (5, line("u2", "", false)),
        (6, answer("b", "It is.")),
        (7, line("u1", "Is it?", true)),
        (8, line("u2", "And now?", true)),
        (9, line("u3", "", false)),
        (10, answer("c", "Still.")),
        (11, line("u3", " ", true)),
    ];
    assert_snapshot!(lines(PlainStyle::Talk, &call).0, @r#"
    Assistant: Hello.
    Assistant: It is.
    You (earlier): Is it?
    You: And now?
    Assistant: Still.
    "#);
}

#[test]
fn captions_are_one_a_line_and_nothing_else() {
    let (data, status) = lines(PlainStyle::Transcribe, &interrupted_call());
    assert_snapshot!(data, @"Count to four. You: fake");
    assert_snapshot!(status, @r#"
    error: too fast (rate_limit)
    the microphone is silent
    "#);
}

#[test]
fn nobody_is_told_to_speak_whose_turn_has_not_begun() {
    let said = |call: &[(u64, Notice)]| {
        let about = CallInfo { manual_turns: true, ..CallInfo::default() };
        let mut front = PlainLines::new(PlainStyle::Talk, Vec::new(), Vec::new()).about(&about);
        show(&mut front, call);
        String::from_utf8(front.status).unwrap()
    };
    let turn = |turn| (1, Notice::Turn(turn));
    assert_eq!(said(&[(1, Notice::SpeakNow)]), format!("{NOT_YOUR_TURN}\n"));
    // A file is one turn from its beginning.
    assert_eq!(said(&[turn(TurnState::User), (1, Notice::SpeakNow)]), "you speak\nspeak now\n");
    assert_eq!(said(&[turn(TurnState::User), turn(TurnState::Listening)]), "you speak\nyour turn\n");
}

#[test]
fn a_heading_stands_above_the_captions_once() {
    let heading = Some("==> a.wav <==".to_owned());
    let mut front = PlainLines::new(PlainStyle::Transcribe, Vec::new(), Vec::new()).headed(heading);
    show(&mut front, &[(1, Notice::Connection(ConnectionState::Connecting))]);
    assert!(front.data.is_empty(), "there may be no session");
    show(&mut front, &interrupted_call());
    show(&mut front, &[(9, Notice::Ready(Ready::default()))]);
    let (data, _) = front.into_inner();
    assert_eq!(String::from_utf8(data).unwrap(), "==> a.wav <==\nCount to four. You: fake\n");
}

#[test]
fn an_answer_in_writing_is_written_as_it_comes() {
    let mut front = PlainLines::new(PlainStyle::Chat, Vec::new(), Vec::new());
    for (text, expected) in
        [("One,", "One,"), ("One, \u{1b}", "One, "), ("One, \u{1b}[1mtwo\n\tx", "One, two\n\tx")]
    {
        front.notice(Duration::ZERO, &Notice::Assistant(written("a", text))).unwrap();
        assert_eq!(String::from_utf8_lossy(&front.data), expected);
    }
    front.notice(Duration::ZERO, &Notice::Assistant(whole("a", "One, \u{1b}[1mtwo\n\tx"))).unwrap();
    assert_eq!(String::from_utf8_lossy(&front.data), "One, two\n\tx\n");
}

#[test]
fn an_answer_ends_with_one_newline_and_is_not_repeated() {
    assert_eq!(chat(vec![whole("a", "Yes.\n"), whole("a", "Yes.\n"), whole("b", "No.")]), "Yes.\nNo.\n");
    assert_eq!(chat(vec![written("a", "Yes"), whole("b", "No.")]), "Yes\nNo.\n");
}

#[test]
fn a_corrected_answer_is_written_whole() {
    assert_eq!(chat(vec![written("a", "Yse"), whole("a", "Yes.")]), "Yse\n\nYes.\n");
}

#[test]
fn an_answer_cut_off_by_the_end_of_the_call_has_its_newline() {
    let call = [(7, Notice::Assistant(written("a", "Yes, bu"))), (8, lost())];
    assert_eq!(lines(PlainStyle::Chat, &call), ("Yes, bu\n".to_owned(), String::new()));
}

#[test]
fn an_answer_that_the_end_of_the_call_cuts_off_is_not_lost() {
    let call = [(7, assistant("One, two", AnswerEnd::Not)), (8, Notice::End(EndReason::User))];
    assert_eq!(lines(PlainStyle::Talk, &call).0, "Assistant: One, two (unfinished)\n");
    let call = [(7, assistant("One", AnswerEnd::Not)), (8, assistant("One", AnswerEnd::Cut)), (9, lost())];
    assert_eq!(lines(PlainStyle::Talk, &call).0, "Assistant: One (interrupted after 1.1 s)\n");
}

#[test]
fn no_escape_sequence_leaves() {
    for style in [PlainStyle::Talk, PlainStyle::Chat, PlainStyle::Transcribe] {
        let (data, status) = lines(style, &interrupted_call());
        assert!(!(data + &status).contains(|c: char| c.is_control() && c != '\n'), "{style:?}");
    }
}
