//! Tests of the pump over in-memory streams in virtual time.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::*;
use crate::net::endpoint::redaction::Redactor;
use crate::protocol::price::Prices;
use crate::secret::Secret;
use crate::server::http::socket::SocketOptions;
use crate::server::relay::admission::RelayRoute;
use crate::server::relay::limits::RelayLimits;
use crate::server::relay::policy::EventPolicy;

type PeerStream = WebSocketStream<DuplexStream>;

const PIPE_BYTES: usize = 16 << 10;
const CREATED: &str = r#"{"type":"session.created","session":{"type":"realtime","model":"gpt-realtime-2"}}"#;
const DONE: &str = r#"{"type":"response.done","response":{"id":"r","usage":{"total_tokens":1000000,"input_tokens":0,"output_tokens":1000000,"output_token_details":{"text_tokens":1000000,"audio_tokens":0}}}}"#;

/// The far ends of a call.
struct FarEnds {
    client: PeerStream,
    upstream: PeerStream,
}

const NO_LIMITS: RelayLimits = RelayLimits {
    calls: None,
    calls_per_token: None,
    calls_per_address: None,
    connects_per_minute: None,
    duration: None,
    idle: None,
    usd_per_call: None,
    usd_per_day: None,
};

thread_local! {
    /// No restart.
    static RUNNING: watch::Sender<bool> = watch::Sender::new(false);
}

fn plan(spend: &dyn Fn(f64) -> bool) -> CallPlan<'_> {
    CallPlan {
        id: "call1",
        route: RelayRoute::Realtime,
        policy: EventPolicy::default(),
        redactor: Redactor::of(&[Secret::new("sk-relay-0123456789")]),
        limits: NO_LIMITS,
        prices: Some(Rc::new(Prices::openai())),
        caption_model: "gpt-transcribe".to_owned(),
        speaks_beta: false,
        spend,
        refused: &|_| {},
        restart: RUNNING.with(watch::Sender::subscribe),
    }
}

/// Runs a call next to a scenario, which gets the far ends.
async fn call<T>(plan: &CallPlan<'_>, scenario: impl AsyncFnOnce(FarEnds) -> T) -> (CallReport, T) {
    let ((client_near, client_far), (upstream_near, upstream_far)) = (duplex(PIPE_BYTES), duplex(PIPE_BYTES));
    let options = |role| SocketOptions {
        role,
        message_bytes: 1 << 20,
        unread_bytes: usize::MAX,
        buffer_bytes: 4 << 10,
    };
    let client = Socket::new(client_near, Vec::new(), options(Role::Server)).await;
    let upstream = Socket::new(upstream_near, Vec::new(), options(Role::Client)).await;
    let peers = FarEnds {
        client: WebSocketStream::from_raw_socket(client_far, Role::Client, None).await,
        upstream: WebSocketStream::from_raw_socket(upstream_far, Role::Server, None).await,
    };
    tokio::join!(run(client, upstream, Vec::new(), plan), scenario(peers))
}

async fn send(stream: &mut PeerStream, text: &str) {
    stream.send(Message::text(text)).await.expect("the relay reads");
}

/// Returns the next text or close code.
async fn receive(stream: &mut PeerStream) -> String {
    loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => return text.as_str().to_owned(),
            Some(Ok(Message::Close(Some(frame)))) => {
                return format!("{} {}", u16::from(frame.code), frame.reason.as_str());
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return "end".to_owned(),
        }
    }
}

async fn close(stream: &mut PeerStream, code: u16) {
    let frame = CloseFrame { code: CloseCode::from(code), reason: "why sk-relay-0123456789".into() };
    stream.close(Some(frame)).await.expect("the relay is there");
}

fn error_code(text: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(text).expect("an event");
    assert_eq!(event["type"], "error");
    event["error"]["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn events_pass_in_order_both_ways() {
    let (report, ()) = call(&plan(&|_| false), async |mut peers| {
        for number in 0..100 {
            let sent = format!(r#"{{"type":"input_audio_buffer.append","audio":"{number}"}}"#);
            send(&mut peers.client, &sent).await;
            send(&mut peers.upstream, &format!(r#"{{"type":"new.event","n":{number}}}"#)).await;
        }
        for number in 0..100 {
            let sent = format!(r#"{{"type":"input_audio_buffer.append","audio":"{number}"}}"#);
            assert_eq!(receive(&mut peers.upstream).await, sent);
            assert_eq!(receive(&mut peers.client).await, format!(r#"{{"type":"new.event","n":{number}}}"#));
        }
        close(&mut peers.client, 1000).await;
        assert_eq!(receive(&mut peers.upstream).await, "1000 ");
    })
    .await;
    assert_eq!((report.outcome, report.closed_by), ("completed", "client"));
    assert_eq!((report.events_in, report.events_out), (100, 100));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_pauses_the_endpoint_and_ends_after_30_s() {
    let sent = Cell::new(0);
    let (report, ()) = call(&plan(&|_| false), async |mut peers| {
        let event = format!(r#"{{"type":"new.event","text":"{}"}}"#, "x".repeat(8_000));
        let flood = async {
            while peers.upstream.send(Message::text(event.clone())).await.is_ok() {
                sent.set(sent.get() + event.len());
            }
        };
        assert!(timeout(Duration::from_secs(20), flood).await.is_err(), "the endpoint is paused");
        assert!(sent.get() < 512 << 10, "{} bytes", sent.get());
        assert_eq!(receive(&mut peers.upstream).await, "1000 ");
    })
    .await;
    assert_eq!((report.outcome, report.close_client), ("slow_client", Some(1013)));
    assert!(report.duration >= Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_never_reads_pauses_the_client() {
    let sent = Cell::new(0);
    let (report, ()) = call(&plan(&|_| false), async |mut peers| {
        let event = format!(r#"{{"type":"input_audio_buffer.append","audio":"{}"}}"#, "x".repeat(8_000));
        let flood = async {
            while peers.client.send(Message::text(event.clone())).await.is_ok() {
                sent.set(sent.get() + event.len());
            }
        };
        assert!(timeout(Duration::from_secs(20), flood).await.is_err(), "the client is paused");
        assert!(sent.get() < 512 << 10, "{} bytes", sent.get());
        assert_eq!(receive(&mut peers.client).await, "1013 the endpoint does not read");
    })
    .await;
    assert_eq!(report.outcome, "slow_upstream");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_by_a_client_that_reads_late() {
    call(&plan(&|_| false), async |peers| {
        let FarEnds { mut client, mut upstream } = peers;
        let sending = async {
            for number in 0..200 {
                let padding = "x".repeat(8_000);
                send(&mut upstream, &format!(r#"{{"type":"new.event","n":{number},"x":"{padding}"}}"#)).await;
            }
        };
        let reading = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            for number in 0..200 {
                let event = receive(&mut client).await;
                assert!(event.starts_with(&format!(r#"{{"type":"new.event","n":{number},"#)), "{number}");
            }
        };
        tokio::join!(sending, reading);
        close(&mut client, 1000).await;
        receive(&mut upstream).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_is_answered_and_the_twentieth_ends_the_call() {
    let (report, ()) = call(&plan(&|_| false), async |mut peers| {
        send(&mut peers.client, r#"{"type":"made.up","event_id":"e1"}"#).await;
        let error = receive(&mut peers.client).await;
        assert_eq!(error_code(&error), "event_not_allowed");
        assert!(error.contains(r#""event_id":"e1""#) && error.contains("event_relay_call1"), "{error}");
        peers.client.send(Message::binary(vec![1, 2])).await.unwrap();
        assert_eq!(error_code(&receive(&mut peers.client).await), "invalid_event");
        send(&mut peers.client, r#"{"type":"response.cancel"}"#).await;
        assert_eq!(receive(&mut peers.upstream).await, r#"{"type":"response.cancel"}"#);
        for _ in 2..20 {
            send(&mut peers.client, "not an event").await;
            assert_eq!(error_code(&receive(&mut peers.client).await), "invalid_event");
        }
        assert_eq!(receive(&mut peers.client).await, "1008 too many events that the relay does not allow");
        assert_eq!(receive(&mut peers.upstream).await, "1000 ");
    })
    .await;
    assert_eq!((report.outcome, report.closed_by, report.blocked_events), ("policy", "relay", 20));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_during_an_answer_cancels_it_and_pays_for_it() {
    let spent = Cell::new(0.0);
    let spend = |usd: f64| {
        spent.set(spent.get() + usd);
        false
    };
    let (report, ()) = call(&plan(&spend), async |mut peers| {
        send(&mut peers.upstream, CREATED).await;
        send(&mut peers.upstream, r#"{"type":"response.created","response":{"id":"r"}}"#).await;
        receive(&mut peers.client).await;
        receive(&mut peers.client).await;
        drop(peers.client);
        assert_eq!(receive(&mut peers.upstream).await, r#"{"type":"response.cancel"}"#);
        send(&mut peers.upstream, DONE).await;
        assert_eq!(receive(&mut peers.upstream).await, "1000 ");
    })
    .await;
    assert_eq!((report.outcome, report.closed_by), ("client_lost", "client"));
    assert_eq!((report.tally.responses, report.tally.tokens.output), (1, 1_000_000));
    assert!(report.usd > 1.0 && report.usd == spent.get(), "{} {}", report.usd, spent.get());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_never_finishes_a_cancelled_answer_is_left_after_10_s() {
    let (report, ()) = call(&plan(&|_| false), async |mut peers| {
        send(&mut peers.upstream, r#"{"type":"response.created","response":{"id":"r"}}"#).await;
        receive(&mut peers.client).await;
        close(&mut peers.client, 1001).await;
        assert_eq!(receive(&mut peers.upstream).await, r#"{"type":"response.cancel"}"#);
        assert_eq!(receive(&mut peers.upstream).await, "1000 ");
    })
    .await;
    assert_eq!((report.outcome, report.close_client), ("completed", Some(1001)));
    assert!((10..16).contains(&report.duration.as_secs()), "{:?}", report.duration);
}

#[tokio::test(start_paused = true)]
async fn close_codes_of_the_endpoint_reach_the_client_without_its_key() {
    for (sent, received) in [
        (1000, "1000 why [key hidden]"),
        (1001, "1001 why [key hidden]"),
        (4000, "4000 why [key hidden]"),
        (3000, "1011 the endpoint refused the relay's key"),
    ] {
        let (report, ()) = call(&plan(&|_| false), async |mut peers| {
            close(&mut peers.upstream, sent).await;
            assert_eq!(receive(&mut peers.client).await, received);
        })
        .await;
        assert_eq!((report.closed_by, report.close_upstream), ("upstream", Some(sent)));
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_dies_during_an_answer_is_an_error_for_the_client() {
    let (report, ()) = call(&plan(&|_| false), async |mut peers| {
        send(&mut peers.upstream, r#"{"type":"response.created","response":{"id":"r"}}"#).await;
        receive(&mut peers.client).await;
        drop(peers.upstream);
        assert_eq!(receive(&mut peers.client).await, "1011 the upstream ended without a close frame");
    })
    .await;
    assert_eq!((report.outcome, report.closed_by), ("upstream_closed", "upstream"));
}

#[tokio::test(start_paused = true)]
async fn limits_end_a_call_with_an_error_and_1008() {
    let limits = [
        (RelayLimits { duration: Some(Duration::from_secs(30)), ..NO_LIMITS }, "session_duration_limit"),
        (RelayLimits { idle: Some(Duration::from_secs(30)), ..NO_LIMITS }, "session_idle_limit"),
        (RelayLimits { usd_per_call: Some(1.0), ..NO_LIMITS }, "session_spend_limit"),
    ];
    for (limits, code) in limits {
        let plan = CallPlan { limits, ..plan(&|_| false) };
        let (report, ()) = call(&plan, async |mut peers| {
            send(&mut peers.upstream, CREATED).await;
            receive(&mut peers.client).await;
            if code == "session_spend_limit" {
                send(&mut peers.upstream, DONE).await;
                receive(&mut peers.client).await;
            }
            assert_eq!(error_code(&receive(&mut peers.client).await), code);
            assert_eq!(receive(&mut peers.client).await, format!("1008 {code}"));
            assert_eq!(receive(&mut peers.upstream).await, "1000 ");
        })
        .await;
        assert_eq!(report.outcome, code);
    }
}

#[tokio::test(start_paused = true)]
async fn the_dollars_of_the_day_end_a_call() {
    call(&plan(&|usd| usd > 0.0), async |mut peers| {
        send(&mut peers.upstream, CREATED).await;
        send(&mut peers.upstream, DONE).await;
        assert_eq!(receive(&mut peers.client).await, CREATED);
        assert_eq!(receive(&mut peers.client).await, DONE);
        assert_eq!(error_code(&receive(&mut peers.client).await), "daily_spend_limit");
        assert_eq!(receive(&mut peers.client).await, "1008 daily_spend_limit");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn both_sides_are_pinged_every_20_s_and_pongs_keep_the_call() {
    let pings = RefCell::new([0, 0]);
    call(&plan(&|_| false), async |peers| {
        let FarEnds { mut client, mut upstream } = peers;
        let count = async |stream: &mut PeerStream, side: usize| {
            while let Some(Ok(message)) = stream.next().await {
                pings.borrow_mut()[side] += usize::from(message.is_ping());
            }
        };
        let minutes = Duration::from_secs(205);
        let counting = async { tokio::join!(count(&mut client, 0), count(&mut upstream, 1)) };
        assert!(timeout(minutes, counting).await.is_err(), "the call goes on");
        close(&mut client, 1000).await;
        receive(&mut upstream).await;
    })
    .await;
    assert_eq!(*pings.borrow(), [10, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_side_without_a_byte_for_45_s_is_gone() {
    let (report, ()) = call(&plan(&|_| false), async |mut peers| {
        // The client is not polled and answers no ping.
        assert_eq!(receive(&mut peers.upstream).await, "1000 ");
        drop(peers.client);
    })
    .await;
    assert_eq!((report.outcome, report.closed_by), ("client_lost", "client"));
    let (report, ()) = call(&plan(&|_| false), async |mut peers| {
        let end = receive(&mut peers.client).await;
        assert_eq!(end, "1011 the upstream ended without a close frame");
        drop(peers.upstream);
    })
    .await;
    assert_eq!(report.closed_by, "upstream");
}

#[tokio::test(start_paused = true)]
async fn a_restart_ends_calls_with_1001_and_counts_the_answer_in_progress() {
    let (ending, restart) = watch::channel(false);
    let plan = CallPlan { restart, ..plan(&|_| false) };
    let (report, ()) = call(&plan, async |mut peers| {
        send(&mut peers.upstream, CREATED).await;
        send(&mut peers.upstream, r#"{"type":"response.created","response":{"id":"r"}}"#).await;
        receive(&mut peers.client).await;
        receive(&mut peers.client).await;
        ending.send(true).unwrap();
        assert_eq!(receive(&mut peers.client).await, "1001 the relay is restarting: connect again");
        assert_eq!(receive(&mut peers.upstream).await, r#"{"type":"response.cancel"}"#);
        send(&mut peers.upstream, DONE).await;
        assert_eq!(receive(&mut peers.upstream).await, "1000 ");
    })
    .await;
    assert_eq!((report.outcome, report.tally.responses), ("restart", 1));
}

#[tokio::test(start_paused = true)]
async fn the_relay_sets_up_a_session_and_a_refusal_of_that_ends_the_call() {
    let plan = CallPlan { route: RelayRoute::TextChat, ..plan(&|_| false) };
    let (report, ()) = call(&plan, async |mut peers| {
        // Without an event of the endpoint the relay starts at once, in GA.
        let setup = receive(&mut peers.upstream).await;
        assert!(setup.contains(r#""output_modalities":["text"]"#), "{setup}");
        send(&mut peers.upstream, CREATED).await;
        assert_eq!(receive(&mut peers.client).await, CREATED);
        let error = r#"{"type":"error","error":{"code":"unknown_parameter","event_id":"event_relay_setup"}}"#;
        send(&mut peers.upstream, error).await;
        assert_eq!(error_code(&receive(&mut peers.client).await), "unknown_parameter");
        let end = receive(&mut peers.client).await;
        assert_eq!(end, "1011 the endpoint refused the settings of the relay");
    })
    .await;
    assert_eq!(report.outcome, "setup_refused");
}

#[tokio::test(start_paused = true)]
async fn a_beta_client_gets_beta_names_from_a_ga_endpoint() {
    let plan = CallPlan { speaks_beta: true, ..plan(&|_| false) };
    call(&plan, async |mut peers| {
        let delta = r#"{"type":"response.output_text.delta","delta":"hi","item_id":"i"}"#;
        send(&mut peers.upstream, delta).await;
        let event = receive(&mut peers.client).await;
        assert!(event.contains(r#""type":"response.text.delta""#), "{event}");
        let update = r#"{"type":"session.update","session":{"modalities":["text"]}}"#;
        send(&mut peers.client, update).await;
        let event = receive(&mut peers.upstream).await;
        assert!(event.contains(r#""output_modalities":["text"]"#), "{event}");
        close(&mut peers.client, 1000).await;
        receive(&mut peers.upstream).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_oversized_message_of_the_client_is_refused_with_1009() {
    let (report, ()) = call(&plan(&|_| false), async |peers| {
        let FarEnds { client, mut upstream } = peers;
        let text = "x".repeat((1 << 20) + 1);
        let (mut sink, mut source) = client.split();
        let sending = async { while sink.send(Message::text(text.clone())).await.is_ok() {} };
        let reading = async {
            while let Some(Ok(message)) = source.next().await {
                if let Message::Close(Some(frame)) = message {
                    return u16::from(frame.code);
                }
            }
            0
        };
        let code = tokio::select! { code = reading => code, () = sending => 0 };
        assert_eq!(code, 1009);
        assert_eq!(receive(&mut upstream).await, "1000 ");
        drop((sink, source));
    })
    .await;
    assert_eq!(report.outcome, "protocol_error");
}
