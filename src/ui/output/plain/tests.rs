//! Tests of plain lines.

use insta::assert_snapshot;

use super::*;
use crate::ui::fixture::{AnswerEnd, assistant, interrupted_call, lost, write_call, written};
use crate::ui::output::presenter::Verbatim;

/// Returns the data and status output.
fn lines(style: PlainStyle, call: &[(u64, Notice)]) -> (String, String) {
    let mut presenter = PlainLines::new(style, Verbatim(Vec::new()), Vec::new());
    write_call(&mut presenter, call);
    let (Verbatim(data), status) = presenter.into_inner();
    (String::from_utf8(data).unwrap(), String::from_utf8(status).unwrap())
}

fn chat(lines_of_answers: Vec<AssistantLine>) -> String {
    let call: Vec<_> = lines_of_answers.into_iter().map(|line| (7, Notice::Assistant(line))).collect();
    lines(PlainStyle::Chat, &call).0
}

fn whole(item_id: &str, text: &str) -> AssistantLine {
    AssistantLine { is_final: true, ..written(item_id, text) }
}

/// Two writers to one terminal.
#[derive(Clone, Debug, Default)]
struct TerminalBuffer(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

impl Write for TerminalBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_notice_never_continues_an_answers_line() {
    let terminal = TerminalBuffer::default();
    let mut presenter = PlainLines::new(PlainStyle::Chat, Verbatim(terminal.clone()), terminal.clone());
    let error = || Notice::Error { code: None, message: "slow down".to_owned() };
    let call = [
        (1, error()),
        (2, Notice::Assistant(written("a", "One, "))),
        (3, error()),
        (4, Notice::Info("on the way".into())),
        (5, Notice::Assistant(written("a", "One, two."))),
        (6, Notice::Assistant(whole("a", "One, two."))),
        (7, Notice::Assistant(written("b", "Three"))),
        (8, error()),
        (9, lost()),
    ];
    write_call(&mut presenter, &call);
    let text = String::from_utf8(terminal.0.take()).unwrap();
    assert_eq!(text, "error: slow down\nOne, two.\nerror: slow down\non the way\nThree\nerror: slow down\n");
}

#[test]
fn the_number_of_held_notices_is_bounded() {
    let mut presenter = PlainLines::new(PlainStyle::Chat, Verbatim(Vec::new()), Vec::new());
    write_call(&mut presenter, &[(1, Notice::Assistant(written("a", "One, ")))]);
    for _ in 0..1_000 {
        presenter.notice(Duration::ZERO, &Notice::Info("more".into())).unwrap();
    }
    assert_eq!(presenter.pending.len(), MAX_PENDING);
}

#[test]
fn an_interrupted_call_is_written_as_labelled_lines() {
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
    you are speaking
    thinking
    answering
    you are speaking
    echo canceller active
    microphone MUTED
    error: too fast (rate_limit)
    the microphone is silent
    2 responses: p50 640 ms, p95 721 ms; local p50 32 ms, p95 38 ms
    call ended
    "#);
}

#[test]
fn a_caption_written_after_its_answer_is_labelled_earlier() {
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
fn transcribe_writes_one_caption_per_line_and_nothing_else() {
    let (data, status) = lines(PlainStyle::Transcribe, &interrupted_call());
    assert_snapshot!(data, @"Count to four. You: fake");
    assert_snapshot!(status, @r#"
    error: too fast (rate_limit)
    the microphone is silent
    "#);
}

#[test]
fn speak_now_is_not_shown_before_a_manual_turn_begins() {
    let status = |call: &[(u64, Notice)]| {
        let info = CallInfo { manual_turns: true, ..CallInfo::default() };
        let mut presenter =
            PlainLines::new(PlainStyle::Talk, Verbatim(Vec::new()), Vec::new()).with_info(&info);
        write_call(&mut presenter, call);
        String::from_utf8(presenter.status).unwrap()
    };
    let turn = |turn| (1, Notice::Turn(turn));
    assert_eq!(
        status(&[(1, Notice::SpeakNow)]),
        "microphone ready: nothing is sent before you begin your turn\n"
    );
    // A file is one turn from its beginning.
    assert_eq!(status(&[turn(TurnState::User), (1, Notice::SpeakNow)]), "you are speaking\nspeak now\n");
    assert_eq!(status(&[turn(TurnState::User), turn(TurnState::Listening)]), "you are speaking\nyour turn\n");
}

#[test]
fn a_heading_is_written_once_above_the_captions() {
    let heading = Some("==> a.wav <==".to_owned());
    let mut presenter =
        PlainLines::new(PlainStyle::Transcribe, Verbatim(Vec::new()), Vec::new()).with_heading(heading);
    write_call(&mut presenter, &[(1, Notice::Connection(ConnectionState::Connecting))]);
    assert!(presenter.data.0.is_empty(), "there may be no session");
    write_call(&mut presenter, &interrupted_call());
    write_call(&mut presenter, &[(9, Notice::Ready(Ready::default()))]);
    let (Verbatim(data), _) = presenter.into_inner();
    assert_eq!(String::from_utf8(data).unwrap(), "==> a.wav <==\nCount to four. You: fake\n");
}

#[test]
fn a_text_answer_is_written_as_it_grows() {
    let mut presenter = PlainLines::new(PlainStyle::Chat, Verbatim(Vec::new()), Vec::new());
    for (text, expected) in
        [("One,", "One,"), ("One, \u{1b}", "One, "), ("One, \u{1b}[1mtwo\n\tx", "One, two\n\tx")]
    {
        presenter.notice(Duration::ZERO, &Notice::Assistant(written("a", text))).unwrap();
        assert_eq!(String::from_utf8_lossy(&presenter.data.0), expected);
    }
    presenter.notice(Duration::ZERO, &Notice::Assistant(whole("a", "One, \u{1b}[1mtwo\n\tx"))).unwrap();
    assert_eq!(String::from_utf8_lossy(&presenter.data.0), "One, two\n\tx\n");
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
fn an_answer_cut_off_by_the_end_of_the_call_ends_with_a_newline() {
    let call = [(7, Notice::Assistant(written("a", "Yes, bu"))), (8, lost())];
    assert_eq!(lines(PlainStyle::Chat, &call), ("Yes, bu\n".to_owned(), String::new()));
}

#[test]
fn an_answer_cut_off_by_the_end_of_the_call_is_marked_unfinished() {
    let call = [(7, assistant("One, two", AnswerEnd::InProgress)), (8, Notice::End(EndReason::User))];
    assert_eq!(lines(PlainStyle::Talk, &call).0, "Assistant: One, two (unfinished)\n");
    let call = [
        (7, assistant("One", AnswerEnd::InProgress)),
        (8, assistant("One", AnswerEnd::Interrupted)),
        (9, lost()),
    ];
    assert_eq!(lines(PlainStyle::Talk, &call).0, "Assistant: One (interrupted after 1.1 s)\n");
}

#[test]
fn no_escape_sequence_is_written() {
    for style in [PlainStyle::Talk, PlainStyle::Chat, PlainStyle::Transcribe] {
        let (data, status) = lines(style, &interrupted_call());
        assert!(!(data + &status).contains(|c: char| c.is_control() && c != '\n'), "{style:?}");
    }
}
