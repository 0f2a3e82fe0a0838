//! A call outlives the endpoint it was held with.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::program::{Program, Running};
use crate::support::secrecy::{arguments_hold_no_key, left_no_key, with_key};

const LIMIT: Duration = Duration::from_secs(120);

/// Serves on `port` and returns the endpoint with the port it has.
fn serve(port: &str) -> (Running, String) {
    let endpoint = Program::rtvoice("serve --port").arg(port).start();
    let line = endpoint.wait_for_line(LIMIT, |line| line.contains("ws://"));
    let port =
        line.split(':').next_back().and_then(|rest| rest.split('/').next()).expect("an address has a port");
    let port = port.to_owned();
    (endpoint, port)
}

#[test]
fn a_call_goes_on_when_its_endpoint_comes_back() {
    let (endpoint, port) = serve("0");
    let url = format!("ws://127.0.0.1:{port}");
    let call =
        Program::rtvoice("talk --input null --output null --json --trace trace.jsonl --model any --url")
            .arg(url);
    let call = with_key(call).start();
    arguments_hold_no_key(&call);
    let reported = |value: &serde_json::Value| value["final"] == true;
    call.wait_for_json(LIMIT, "assistant", reported);
    endpoint.signal(Signal::KILL);
    call.wait_for_json(LIMIT, "connection", |value| value["state"] == "reconnecting");
    let (_endpoint, _) = serve(&port);
    call.wait_for_json(LIMIT, "info", |value| value["message"] == "reconnected, 1 turn kept");
    call.signal(Signal::INT);
    let outcome = call.wait(LIMIT).expect_code(130);
    left_no_key(&outcome);
    let trace =
        std::fs::read_to_string(outcome.home.path().join("trace.jsonl")).expect("the trace was asked for");
    let replayed = trace.lines().find(|line| line.contains("conversation.item.create"));
    let replayed = replayed.expect("the conversation is reported again");
    assert!(replayed.contains("this is the rtvoice demo"), "{replayed}");
}
