//! How long answers take: reported of calls against an endpoint of its own, and measured by `rtvoice bench`.

use serde_json::Value;

use crate::support::program::{Outcome, Program};
use crate::support::server::Server;
use crate::support::speech;

/// More than anything here takes, on a loaded machine too, in milliseconds.
const LONG_MS: f64 = 20_000.0;

fn lines(outcome: &Outcome, kind: &str) -> Vec<Value> {
    outcome.json_lines().into_iter().filter(|line| line["type"] == kind).collect()
}

fn ms(line: &Value, step: &str) -> f64 {
    line[step].as_f64().unwrap_or_else(|| panic!("no {step}: {line}"))
}

/// Checks that the steps come in this order.
fn assert_in_order(line: &Value, steps: &[&str]) {
    let times: Vec<f64> = steps.iter().map(|step| ms(line, step)).collect();
    assert!(times.is_sorted() && times.iter().all(|time| (0.0..LONG_MS).contains(time)), "{line}");
}

#[test]
fn a_spoken_turn_is_timed_against_an_endpoint() {
    let server = Server::start();
    let call = Program::rtvoice("talk --json --output null --model any --url").arg(&server.url);
    let outcome = call.arg("--input").arg(speech::hello_path()).run().expect_code(0);
    let delays = lines(&outcome, "latency");
    let [delay] = delays.as_slice() else { panic!("{delays:?}") };
    assert_eq!(delay["from"], "turn_end");
    assert_in_order(delay, &["speech_stopped_ms", "committed_ms", "created_ms", "first_byte_ms"]);
    assert_in_order(delay, &["first_byte_ms", "first_audio_ms", "first_sample_ms"]);
    assert_eq!(delay["requested_ms"], Value::Null, "the server answers by itself");
    assert_eq!(ms(delay, "response_ms"), ms(delay, "first_sample_ms"));
    let here = ms(delay, "first_sample_ms") - ms(delay, "first_audio_ms");
    assert!((ms(delay, "local_ms") - here).abs() < 0.2, "{delay}");
    let end = &lines(&outcome, "end")[0]["latency"];
    assert_eq!((&end["responses"], &end["response_p95_ms"]), (&1.into(), &delay["response_ms"]));
    assert_eq!((&end["local_p50_ms"], &end["local_p95_ms"]), (&delay["local_ms"], &delay["local_ms"]));
}

#[test]
fn a_written_question_is_timed_to_its_first_word() {
    let server = Server::start();
    let chat = Program::rtvoice("chat keys --json --model any --url").arg(&server.url);
    let outcome = chat.run().expect_code(0);
    let delays = lines(&outcome, "latency");
    let [delay] = delays.as_slice() else { panic!("{delays:?}") };
    assert_eq!((&delay["from"], &delay["local_ms"]), (&"typed".into(), &Value::Null));
    assert_in_order(delay, &["requested_ms", "created_ms", "first_byte_ms", "response_ms"]);
    assert_eq!(lines(&outcome, "end")[0]["latency"]["local_p50_ms"], Value::Null);
}

#[test]
fn plain_lines_tell_each_delay_to_the_verbose_and_all_at_the_end() {
    let call = |flags: &str| {
        let call = Program::rtvoice(&format!("talk --demo --plain --output null {flags} --input"));
        call.arg(speech::hello_path()).run().expect_code(0).stderr
    };
    let (verbose, plain) = std::thread::scope(|scope| {
        let plain = scope.spawn(|| call(""));
        (call("--verbose"), plain.join().expect("a call does not panic"))
    });
    let tells_all = |said: &str| said.lines().any(|line| line.starts_with("1 response: p50 "));
    assert!(tells_all(&plain) && tells_all(&verbose), "{plain}\n{verbose}");
    let tells_each = |said: &str| said.lines().any(|line| line.starts_with("response "));
    assert!(tells_each(&verbose) && !tells_each(&plain), "{plain}\n{verbose}");
}

#[test]
fn a_bench_of_the_demo_needs_no_sound_card_and_says_so() {
    let bench = |flags: &str| {
        let program = Program::rtvoice(&format!("bench --demo --input null --output null {flags}"));
        program.run().expect_code(0)
    };
    let outcome = bench("--json --turns 2 --svg delay.svg");
    let found: Value = serde_json::from_str(&outcome.text()).expect("one object");
    let endpoint = &found["endpoint_ms"];
    for (step, count) in [
        ("upgrade", 3),
        ("session_created", 3),
        ("session_updated", 3),
        ("first_byte", 2),
        ("first_audio", 2),
    ] {
        assert_eq!(endpoint[step]["count"], count, "{step}: {found}");
        assert_in_order(&endpoint[step], &["p50", "p95", "p99", "max"]);
    }
    assert_eq!(found["machine_ms"]["microphone_to_socket"]["not_measured"], "--input is null");
    assert_eq!(found["machine_ms"]["socket_to_speaker"]["not_measured"], "--output is null");
    let svg = std::fs::read_to_string(outcome.home.path().join("delay.svg")).expect("it was drawn");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("first audio"), "{svg}");

    let table = bench("--turns 0").text();
    let row = |name: &str| table.lines().find(|line| line.trim_start().starts_with(name)).map(str::to_owned);
    assert!(row("question to first byte").is_some_and(|row| row.contains("are billed")), "{table}");
    assert!(row("session.created").is_some_and(|row| row.trim_end().ends_with(" 3")), "{table}");
}

#[test]
fn a_bench_that_cannot_do_what_it_was_asked_says_why() {
    let no_one = "bench --input null --output null --url ws://127.0.0.1:9/v1/realtime";
    let outcome = Program::rtvoice(no_one).run().expect_code(5);
    assert!(outcome.text().contains("not measured: "), "{}", outcome.text());
    assert!(outcome.stderr.contains("127.0.0.1:9"), "{}", outcome.stderr);
    for (arguments, code, said) in [
        ("bench --demo --input hello.wav", 2, "--input needs a device or null"),
        ("bench --demo --output -", 2, "--output needs a device or null"),
        (
            "bench --demo --input null --output null --svg no/such/folder.svg",
            4,
            "cannot write no/such/folder.svg",
        ),
        ("bench --profile openai --input null --output null", 3, "no key"),
        ("bench --demo --turns 101", 2, "101"),
    ] {
        let outcome = Program::rtvoice(arguments).run().expect_code(code);
        assert!(outcome.stderr.contains(said), "{arguments}: {}", outcome.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn a_bench_measures_devices_and_the_loop_between_them() {
    use crate::support::sound::{SPEAKER, SoundServer};

    let server = SoundServer::start();
    let bench = |flags: &str| {
        let program = Program::rtvoice(&format!("bench --demo --turns 1 --json {flags}")).envs(server.env());
        let outcome = program.run().expect_code(0);
        assert_eq!(outcome.stderr, "");
        let found: Value = serde_json::from_str(&outcome.text()).expect("one object");
        found["machine_ms"].clone()
    };
    let apart = bench("");
    let why = apart["loop"]["not_measured"].as_str();
    assert!(why.is_some_and(|why| why.contains("does not pick up the speaker")), "{apart}");

    let order = format!(
        "load-module module-remap-source source_name=loop master={SPEAKER}.monitor remix=no \
         source_properties=device.description=Test-Loop"
    );
    server.control(&order.split_whitespace().collect::<Vec<_>>());
    let joined = bench("--input Test-Loop");
    for (step, least) in
        [("microphone_to_socket", 500), ("socket_to_speaker", 8), ("stop_to_silence", 8), ("loop", 4)]
    {
        let figures = &joined[step];
        assert!(figures["count"].as_u64() >= Some(least), "{step}: {joined}");
        assert_in_order(figures, &["p50", "p95", "p99", "max"]);
    }
    let (there, back) = (ms(&joined["socket_to_speaker"], "p50"), ms(&joined["loop"], "p50"));
    assert!(there > 0.0 && back > 5.0, "nothing goes through a sound server in no time: {joined}");
}
