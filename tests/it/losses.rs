//! Connections that are lost at each stage of a turn, or carry what they should not, over real sockets:
//! nothing said is lost or asked twice, the exit code is right, and the key is nowhere.

use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::between::{Between, Fate, Fault, Frame};
use crate::support::program::{Outcome, Program};
use crate::support::pty::{Size, Terminal};
use crate::support::secrecy::{
    arguments_hold_no_key, folder_holds_no_key, holds_no_key, left_no_key, with_key,
};
use crate::support::server::Server;
use crate::support::signal::Sound;
use crate::support::speech;

/// Longest run of one call, on a loaded machine.
const LIMIT: Duration = Duration::from_secs(180);

/// What came of a call.
struct Held {
    outcome: Outcome,
    /// The events of each session, as they were traced.
    sessions: Vec<Vec<Traced>>,
    connections: usize,
}

/// One event of a trace.
struct Traced {
    at_ms: u64,
    sent: bool,
    event: Value,
}

/// Holds a call of one short turn through a door, and looks for the key in all that it leaves.
fn talk(endpoint: &Server, fates: Vec<Fate>) -> Held {
    let door = Between::new(&endpoint.url, fates);
    let args =
        "talk --input short.wav --output answer.wav --json --verbose --trace trace.jsonl --model any --url";
    let program = with_key(Program::rtvoice(args).arg(&door.url));
    speech::write_plain(&program.file("short.wav"), &speech::short());
    let call = program.start();
    arguments_hold_no_key(&call);
    let outcome = call.wait(LIMIT);
    left_no_key(&outcome);
    let sessions = sessions(outcome.home.path());
    Held { outcome, sessions, connections: door.connections() }
}

/// Reads a trace, session by session.
fn sessions(home: &Path) -> Vec<Vec<Traced>> {
    let trace = std::fs::read_to_string(home.join("trace.jsonl")).unwrap_or_default();
    let mut sessions: Vec<Vec<Traced>> = Vec::new();
    for line in trace.lines() {
        let mut line: Value = serde_json::from_str(line).expect("a trace is JSON");
        let event = line["event"].take();
        if event["type"] == "session.created" {
            sessions.push(Vec::new());
        }
        let at_ms = line["at_ms"].as_u64().expect("each line has its time");
        let traced = Traced { at_ms, sent: line["dir"] == "out", event };
        sessions.last_mut().expect("a session begins with session.created").push(traced);
    }
    sessions
}

impl Held {
    fn lines(&self, kind: &str) -> Vec<Value> {
        let lines = self.outcome.json_lines();
        lines.into_iter().filter(|line| line["type"] == kind).collect()
    }

    /// Returns how often the last session was asked for an answer.
    fn asked(&self) -> usize {
        self.sent_last("response.create").len()
    }

    /// Returns who said what the last session was reported again.
    fn reported(&self) -> Vec<String> {
        let items = self.sent_last("conversation.item.create");
        items.iter().map(|event| event["item"]["role"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn sent_last(&self, kind: &str) -> Vec<&Value> {
        let last = self.sessions.last().expect("there was a session");
        last.iter()
            .filter(|traced| traced.sent && traced.event["type"] == kind)
            .map(|traced| &traced.event)
            .collect()
    }

    /// Returns the answers that were heard to their end.
    fn answers(&self) -> Vec<Value> {
        let whole = |line: &Value| line["final"] == true && line["interrupted"] == false;
        self.lines("assistant").into_iter().filter(whole).collect()
    }

    /// Returns what was said about connections.
    fn infos(&self) -> Vec<String> {
        let text = |line: Value| line["message"].as_str().unwrap_or_default().to_owned();
        self.lines("info").into_iter().map(text).collect()
    }

    fn expect_code(&self, code: i32, row: &str) {
        let Outcome { code: found, stderr, .. } = &self.outcome;
        assert_eq!(*found, Some(code), "{row}: {stderr}{}", self.outcome.text());
        let lines = stderr.lines().count();
        // A failure is one sentence and what to do about it.
        assert_eq!(lines, if code == 0 { 0 } else { 2 }, "{row}: {stderr}");
        assert!(code == 0 || stderr.contains("\nhint: "), "{row}: {stderr}");
        assert_eq!(self.lines("end").len(), 1, "{row}");
    }
}

/// Holds one call for each row, all at once.
fn each<T: Sync>(rows: &[T], fates: impl Fn(&T) -> Vec<Fate> + Sync, check: impl Fn(&T, &Held)) {
    let endpoint = Server::with_fault("counted-ids");
    let held: Vec<Held> = thread::scope(|scope| {
        let calls: Vec<_> = rows.iter().map(|row| scope.spawn(|| talk(&endpoint, fates(row)))).collect();
        calls.into_iter().map(|call| call.join().expect("a call does not panic")).collect()
    });
    rows.iter().zip(&held).for_each(|(row, held)| check(row, held));
}

/// What a new session is to be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// The call ends instead.
    Ends,
    /// It depends on what becomes of speech without a caption.
    BySpeech,
    /// The question, which is asked again.
    Question,
    /// The question, and of the answer what was heard; if that is nothing, it is asked again.
    Heard,
    /// The question and the whole answer, which is heard to its end meanwhile.
    Answer,
}

/// At which event the connection is cut, and what comes of it.
const STAGES: [(&str, Again); 9] = [
    ("session.created", Again::Ends),
    ("session.updated", Again::Ends),
    ("input_audio_buffer.speech_started", Again::BySpeech),
    ("input_audio_buffer.speech_stopped", Again::BySpeech),
    ("input_audio_buffer.committed", Again::BySpeech),
    ("response.created", Again::Question),
    ("response.output_audio.delta", Again::Question),
    ("response.done", Again::Heard),
    ("rate_limits.updated", Again::Answer),
];

#[test]
fn a_turn_survives_a_cut_at_each_of_its_stages() {
    each(
        &STAGES,
        |(event, _)| vec![Fate::At(event, Fault::Cut)],
        |(event, again), held| {
            if *again == Again::Ends {
                held.expect_code(5, event);
                assert_eq!(held.connections, 1, "{event}");
                return;
            }
            held.expect_code(0, event);
            assert_eq!(held.connections, 2, "{event}");
            assert_eq!(held.lines("end")[0]["reason"], "input_ended", "{event}");
            let (reported, asked) = (held.reported(), held.asked());
            match again {
                Again::Ends | Again::BySpeech => {}
                Again::Question => assert_eq!((reported, asked), (vec!["user".to_owned()], 1), "{event}"),
                Again::Heard => {
                    let heard = reported.last().is_some_and(|role| role == "assistant");
                    assert_eq!(
                        (reported[0].as_str(), asked),
                        ("user", usize::from(!heard)),
                        "{event}: {reported:?}"
                    );
                }
                Again::Answer => {
                    assert_eq!(
                        (reported, asked),
                        (vec!["user".to_owned(), "assistant".to_owned()], 0),
                        "{event}"
                    );
                }
            }
            if matches!(again, Again::Question | Again::Answer) {
                assert_eq!(held.answers().len(), 1, "{event}: {:#?}", held.lines("assistant"));
            }
        },
    );
}

/// How the connection is lost before the answer, and what is said about it.
const CAUSES: [(Fault, &str); 6] = [
    (Fault::Close(1001), "the endpoint closed the connection (code 1001): retrying"),
    (Fault::Close(1011), "the endpoint closed the connection (code 1011): retrying"),
    (Fault::Close(1012), "the endpoint closed the connection (code 1012): retrying"),
    (Fault::Close(1013), "the endpoint closed the connection (code 1013): retrying"),
    (Fault::Freeze, "the connection broke: no data for 30 s: retrying"),
    (
        Fault::Insert(Frame::Huge(20 << 20)),
        "the connection broke: the server sent a message of 20 MiB; the limit is 16 MiB: retrying",
    ),
];

#[test]
fn a_turn_survives_each_way_in_which_a_connection_is_lost() {
    each(
        &CAUSES,
        |(fault, _)| vec![Fate::At("response.created", fault.clone())],
        |(_, says), held| {
            held.expect_code(0, says);
            assert_eq!(held.infos()[..2], [*says, "reconnected, 1 turn kept"], "{says}");
            assert_eq!((held.reported(), held.asked()), (vec!["user".to_owned()], 1), "{says}");
            assert_eq!(held.answers().len(), 1, "{says}");
        },
    );
}

/// What is said at the door when the program comes back, whether it comes once more, and what is said then.
const DOORS: [(&str, i32, &str); 7] = [
    (
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n",
        0,
        "503 Service Unavailable: retrying in 3 s",
    ),
    (
        "HTTP/1.1 429 Too Many Requests\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:39 GMT\r\nContent-Length: 0\r\n\r\n",
        0,
        "429 Too Many Requests: retrying in 3 s",
    ),
    ("HTTP/1.1 502 Bad Gateway\r\n\r\n", 0, "502 Bad Gateway: retrying"),
    ("HTTP/1.1 401 Unauthorized\r\n\r\n", 6, "401 Unauthorized"),
    ("HTTP/1.1 403 Forbidden\r\n\r\n", 6, "403 Forbidden"),
    ("HTTP/1.1 404 Not Found\r\n\r\n", 6, "404 Not Found"),
    (
        "HTTP/1.1 429 Too Many Requests\r\n\r\n{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"No credit.\"}}",
        6,
        "429 Too Many Requests: No credit",
    ),
];

#[test]
fn a_door_that_is_closed_for_a_while_is_distinguished_from_one_that_stays_closed() {
    each(
        &DOORS,
        |(answer, _, _)| vec![Fate::At("response.created", Fault::Cut), Fate::Refused(answer)],
        |(answer, code, says), held| {
            held.expect_code(*code, says);
            let reported = if *code == 0 { held.infos()[1].clone() } else { held.outcome.stderr.clone() };
            assert!(
                reported.contains(&format!("127.0.0.1 refused the connection: {says}")),
                "{says}: {reported}"
            );
            assert_eq!(held.connections, if *code == 0 { 3 } else { 2 }, "{says}");
            if *code == 0 {
                assert_eq!((held.reported(), held.asked()), (vec!["user".to_owned()], 1), "{says}");
                assert_eq!(held.answers().len(), 1, "{says}");
            }
            if answer.contains("Retry-After") {
                let [before, after] = &held.sessions[..] else { panic!("{says}: not two sessions") };
                let last = before.last().map(|traced| traced.at_ms).expect("a session has events");
                assert!(after[0].at_ms >= last + 2_000, "{says}: {} ms", after[0].at_ms - last);
            }
        },
    );
}

/// What comes in the middle of an answer, or in another order than it should, and changes nothing.
const ODDITIES: [(&str, Fate); 8] = [
    ("half an object", between(Frame::Text("{\"type\":\"response.do"))),
    ("a list", between(Frame::Text("[1, null, {}]"))),
    ("no JSON", between(Frame::Text("\u{1b}[31mred\u{7}"))),
    ("an unknown event", between(Frame::Text("{\"type\":\"x.y\",\"delta\":{\"response_id\":[]}}"))),
    ("wrong fields", between(Frame::Text("{\"type\":\"response.output_audio.delta\",\"delta\":{\"a\":1}}"))),
    ("bytes", between(Frame::Binary(b"\x00\xff{\"type\":\"error\"}"))),
    ("everything twice", Fate::Twice),
    (
        "response.done too early",
        Fate::Behind(
            &[
                "response.created",
                "response.output_audio.done",
                "response.output_audio_transcript.done",
                "response.content_part.done",
                "conversation.item.done",
                "response.output_item.done",
            ],
            "response.done",
        ),
    ),
];

const fn between(frame: Frame) -> Fate {
    Fate::At("response.output_audio_transcript.done", Fault::Insert(frame))
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    each(
        &ODDITIES,
        |(_, fate)| vec![fate.clone()],
        |(name, _), held| {
            held.expect_code(0, name);
            assert_eq!((held.connections, held.asked()), (1, 0), "{name}");
            let users = held.lines("user");
            let finals: Vec<&Value> = users.iter().filter(|line| line["final"] == true).collect();
            assert_eq!(finals.len(), 1, "{name}: {users:#?}");
            let answers = held.answers();
            assert_eq!(answers.len(), 1, "{name}: {:#?}", held.lines("assistant"));
            let text = answers[0]["text"].as_str().unwrap_or_default();
            assert_eq!(text.matches("I heard you speak for").count(), 1, "{name}: {text}");
            let written = Sound::read(&held.outcome.home.path().join("answer.wav"));
            let heard = answers[0]["played_ms"].as_u64().unwrap_or_default();
            let written = u64::try_from(written.ms()).expect("a length is small");
            assert!(heard.abs_diff(written) <= 1, "{name}: heard {heard} ms of {written} ms");
            // What could not be decoded is reported at the end.
            let errors = held.lines("error");
            assert_eq!(errors.len(), usize::from(name == &"wrong fields"), "{name}: {errors:#?}");
            assert!(!held.outcome.text().contains('\u{1b}'), "{name}");
        },
    );
}

/// At which event the connection is cut after text was typed, and whether it is asked again.
const TYPED: [(&str, usize); 4] = [
    ("conversation.item.added", 1),
    ("response.created", 1),
    ("response.output_text.delta", 1),
    ("response.done", 0),
];

#[test]
fn typed_text_survives_a_cut_at_each_stage_of_its_answer() {
    let endpoint = Server::with_fault("");
    thread::scope(|scope| {
        for (event, asked) in TYPED {
            let door = Between::new(&endpoint.url, [Fate::At(event, Fault::Cut)]);
            scope.spawn(move || typed(&door, event, asked));
        }
    });
}

fn typed(door: &Between, event: &str, asked: usize) {
    let program = Program::rtvoice("chat --json --trace trace.jsonl --model any --url").arg(&door.url);
    let size = Size { columns: 200, rows: 60 };
    let terminal = Terminal::start(with_key(program), size);
    terminal.wait_for_text(LIMIT, "\"state\":\"live\"");
    terminal.send("hello\r");
    terminal.wait_for_text(LIMIT, "reconnected, ");
    terminal.wait_for_text(LIMIT, "\"final\":true,\"played_ms\":null");
    terminal.send("\u{4}");
    let left = terminal.wait(LIMIT).expect_code(0);
    holds_no_key("the screen", &left.bytes);
    folder_holds_no_key(left.home.path());
    let sessions = sessions(left.home.path());
    let sent = |kind: &str| {
        let events = sessions[1].iter().filter(|traced| traced.sent && traced.event["type"] == kind);
        events.map(|traced| traced.event["item"]["content"][0]["text"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(sent("conversation.item.create")[0], "hello", "{event}");
    assert_eq!(sent("conversation.item.create").len(), 2 - asked, "{event}");
    assert_eq!(sent("response.create").len(), asked, "{event}");
}

#[test]
fn a_question_whose_answer_never_comes_ends_by_itself() {
    let endpoint = Server::with_fault("");
    let door = Between::new(&endpoint.url, [Fate::At("response.created", Fault::Freeze)]);
    let program = Program::rtvoice("chat hello --trace trace.jsonl --model any --url").arg(&door.url);
    let outcome = with_key(program).run().expect_code(5);
    left_no_key(&outcome);
    let expected = "rtvoice: the connection broke: no data for 30 s\nhint: ";
    assert!(outcome.stderr.starts_with(expected), "{}", outcome.stderr);
    assert_eq!(outcome.text(), "");
}
