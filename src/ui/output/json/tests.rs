//! Tests of the JSON line of each notice.

use insta::assert_snapshot;

use super::*;
use crate::session::io::{AssistantLine, UserUtterance};
use crate::session::io::{EndReason, Failure};
use crate::ui::fixture::{interrupted_call, lost, write_call};

fn lines(detail: JsonDetail, call: &[(u64, Notice)]) -> String {
    let mut presenter = JsonLines::new(Vec::new(), detail);
    write_call(&mut presenter, call);
    String::from_utf8(presenter.into_inner()).unwrap()
}

#[test]
fn every_line_names_the_input_file() {
    let mut presenter = JsonLines::new(Vec::new(), JsonDetail::Call).with_file(Some("a\u{1b}[1m.wav"));
    write_call(&mut presenter, &[(7, Notice::Muted(true))]);
    let line = String::from_utf8(presenter.into_inner()).unwrap();
    assert_eq!(line, "{\"type\":\"muted\",\"at_ms\":7,\"file\":\"a.wav\",\"muted\":true}\n");
}

#[test]
fn an_interrupted_call_is_written_in_full() {
    assert_snapshot!(lines(JsonDetail::Call, &interrupted_call()), @r#"
    {"type":"connection","at_ms":0,"state":"connecting"}
    {"type":"connection","at_ms":12,"state":"configuring"}
    {"type":"connection","at_ms":30,"state":"live"}
    {"type":"session","at_ms":31,"id":"sess_1","model":"gpt-realtime","voice":"marin","dialect":"ga","expires_at":1800000000}
    {"type":"speak_now","at_ms":32}
    {"type":"turn","at_ms":32,"turn":"listening"}
    {"type":"speech_started","at_ms":1000,"audio_ms":960}
    {"type":"turn","at_ms":1001,"turn":"user"}
    {"type":"speech_stopped","at_ms":2400,"audio_ms":2300}
    {"type":"turn","at_ms":2401,"turn":"thinking"}
    {"type":"assistant","at_ms":2600,"item_id":"item_a","delta":"One, two,","final":false,"played_ms":0,"interrupted":false}
    {"type":"turn","at_ms":2700,"turn":"assistant"}
    {"type":"latency","at_ms":2750,"from":"turn_end","response_ms":640.0,"local_ms":32.0,"speech_stopped_ms":210.0,"committed_ms":210.3,"requested_ms":null,"created_ms":230.0,"first_byte_ms":588.0,"first_audio_ms":608.0,"first_sample_ms":640.0}
    {"type":"user","at_ms":2800,"item_id":"item_u","delta":"Count","final":false}
    {"type":"user","at_ms":2900,"item_id":"item_u","text":"Count to four.\nYou: fake","final":true}
    {"type":"assistant","at_ms":2950,"item_id":"item_a","delta":" three, four.","final":false,"played_ms":0,"interrupted":false}
    {"type":"speech_started","at_ms":3900,"audio_ms":null}
    {"type":"assistant","at_ms":3950,"item_id":"item_a","text":"One, two, three, four.","final":true,"played_ms":1149,"interrupted":true}
    {"type":"turn","at_ms":3951,"turn":"user"}
    {"type":"usage","at_ms":4000,"last":{"total_tokens":120,"input_tokens":100,"output_tokens":20,"cached_tokens":null,"input":{"text":40,"audio":60,"image":null},"cached":{"text":null,"audio":null,"image":null},"output":{"text":null,"audio":null,"image":null}},"total":{"total_tokens":120,"input_tokens":100,"output_tokens":20,"cached_tokens":null,"input":{"text":40,"audio":60,"image":null},"cached":{"text":null,"audio":null,"image":null},"output":{"text":null,"audio":null,"image":null}},"usd":null,"total_usd":0.0,"unpriced":1,"transcribed_seconds":0.0,"unreported":1}
    {"type":"echo","at_ms":4400,"mode":"aec","delay_ms":60,"erl_db":12.3,"erle_db":43.0}
    {"type":"muted","at_ms":4500,"muted":true}
    {"type":"error","at_ms":5000,"code":"rate_limit","message":"too fast"}
    {"type":"info","at_ms":5100,"message":"the microphone\nis silent"}
    {"type":"connection","at_ms":6000,"state":"closing"}
    {"type":"end","at_ms":6100,"reason":"user","code":null,"message":null,"signal":null,"latency":{"responses":2,"response_p50_ms":640.0,"response_p95_ms":720.5,"local_p50_ms":32.0,"local_p95_ms":37.5}}
    "#);
}

#[test]
fn every_end_has_a_reason() {
    let ends = [
        Notice::End(EndReason::Signal(15)),
        Notice::End(EndReason::InputEnded),
        Notice::End(EndReason::Answered),
        Notice::End(EndReason::ServerClosed(String::new())),
        Notice::End(EndReason::Refused(Failure { message: "no key".to_owned(), code: None })),
        lost(),
    ];
    assert_snapshot!(lines(JsonDetail::Call, &ends.map(|end| (7, end))), @r#"
    {"type":"end","at_ms":7,"reason":"signal","code":null,"message":null,"signal":15,"latency":null}
    {"type":"end","at_ms":7,"reason":"input_ended","code":null,"message":null,"signal":null,"latency":null}
    {"type":"end","at_ms":7,"reason":"answered","code":null,"message":null,"signal":null,"latency":null}
    {"type":"end","at_ms":7,"reason":"server_closed","code":null,"message":null,"signal":null,"latency":null}
    {"type":"end","at_ms":7,"reason":"refused","code":null,"message":"no key","signal":null,"latency":null}
    {"type":"end","at_ms":7,"reason":"lost","code":"1006","message":"reset by peer","signal":null,"latency":null}
    "#);
}

#[test]
fn debugging_details_are_only_written_on_request() {
    let call = [(7, Notice::Debug("x".to_owned()))];
    assert_eq!(lines(JsonDetail::Call, &call), "");
    assert_eq!(lines(JsonDetail::Debug, &call), "{\"type\":\"debug\",\"at_ms\":7,\"message\":\"x\"}\n");
}

#[test]
fn a_closed_pipe_is_reported_as_broken_pipe() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let result = JsonLines::new(Closed, JsonDetail::Call).notice(Duration::ZERO, &Notice::Muted(true));
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn the_output_is_linear_in_the_length_of_an_answer() {
    let words: Vec<String> = (0..2_000).map(|n| format!("word{n} ")).collect();
    let line = |count: usize, is_final| {
        let text = words.iter().take(count).map(String::as_str).collect();
        let line = AssistantLine {
            item_id: "item_a".to_owned(),
            text,
            is_final,
            heard_ms: None,
            heard_bytes: 0,
            interrupted: false,
        };
        (7, Notice::Assistant(line))
    };
    let call: Vec<_> = (1..=2_000).map(|count| line(count, false)).chain([line(2_000, true)]).collect();
    let written = lines(JsonDetail::Call, &call);
    let text: String = words.concat();
    assert!(written.len() < text.len() * 20, "{} bytes for {} of text", written.len(), text.len());
    let values = written.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let (finals, deltas): (Vec<_>, Vec<_>) = values.partition(|value| value["final"] == true);
    assert_eq!(deltas.iter().filter_map(|value| value["delta"].as_str()).collect::<String>(), text);
    assert_eq!(finals[0]["text"], text.as_str());
}

#[test]
fn a_revised_caption_is_written_whole() {
    let user = |text: &str| {
        let line = UserUtterance {
            item_id: "item_u".to_owned(),
            text: text.to_owned(),
            is_final: false,
            after: None,
            spoken: None,
            has_failed: false,
        };
        (7, Notice::User(line))
    };
    assert_snapshot!(lines(JsonDetail::Call, &[user("I scream"), user("Ice cream")]), @r#"
    {"type":"user","at_ms":7,"item_id":"item_u","delta":"I scream","final":false}
    {"type":"user","at_ms":7,"item_id":"item_u","text":"Ice cream","final":false}
    "#);
}
