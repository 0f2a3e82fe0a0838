//! Client and server over an in-memory pipe, in virtual time.

use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;
use tokio_tungstenite::accept_async;

use super::*;
use crate::net::endpoint::url::EndpointUrl;
use crate::net::endpoint::{Auth, Endpoint, Purpose};
use crate::secret::Secret;

const KEY: &str = "sk-0123456789";

type WebSocketServer = WebSocketStream<DuplexStream>;

/// Returns both ends of a connection over a pipe of this capacity.
async fn pair(pipe_bytes: usize) -> (WebSocketClient<DuplexStream>, WebSocketServer) {
    let (near, far) = duplex(pipe_bytes);
    let url = EndpointUrl::parse("ws://localhost").unwrap();
    let purpose = Purpose::Conversation { model: None };
    let auth = Auth::Bearer(Secret::new(KEY));
    let request = Endpoint::new(url, purpose, auth).request().unwrap();
    let (link, server) = tokio::join!(WebSocketClient::over(near, request), accept_async(far));
    (link.unwrap(), server.unwrap())
}

async fn all_events(link: &mut WebSocketClient<DuplexStream>) -> Vec<WebSocketEvent> {
    let mut events = Vec::new();
    loop {
        let event = timeout(Duration::from_secs(60), link.next()).await.expect("the link hangs");
        events.push(event);
        if matches!(events.last(), Some(WebSocketEvent::Closed(_))) {
            return events;
        }
    }
}

fn text(words: &str) -> WebSocketEvent {
    WebSocketEvent::Text(words.into())
}

fn peer(code: u16, reason: &str) -> WebSocketEvent {
    WebSocketEvent::Closed(CloseCause::Peer { code: Some(code), reason: reason.to_owned() })
}

fn broken(sentence: &str) -> WebSocketEvent {
    WebSocketEvent::Closed(CloseCause::Broken(sentence.to_owned()))
}

async fn say_and_close(server: &mut WebSocketServer, words: &str, code: u16) {
    server.send(Message::text(words)).await.unwrap();
    let frame = CloseFrame { code: code.into(), reason: "why".into() };
    server.send(Message::Close(Some(frame))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn messages_before_a_close_are_returned_first() {
    for code in [1000, 1001, 3000, 4000] {
        let (mut link, mut server) = pair(4096).await;
        say_and_close(&mut server, "the error", code).await;
        assert_eq!(all_events(&mut link).await, [text("the error"), peer(code, "why")]);
        assert_eq!(link.next().await, peer(code, "why"));
    }
}

#[tokio::test(start_paused = true)]
async fn received_messages_are_read_after_a_write_error() {
    let (mut link, mut server) = pair(4096).await;
    server.send(Message::Ping("are you there".into())).await.unwrap();
    say_and_close(&mut server, "the error", 3000).await;
    drop(server);
    link.queue("too late".to_owned());
    assert_eq!(all_events(&mut link).await, [text("the error"), peer(3000, "why")]);
    assert_eq!(link.backlog(), 0);
}

/// More data than the runtime lets a task read at once, after which reading pauses.
#[tokio::test(start_paused = true)]
async fn many_received_messages_are_read_after_a_write_error() {
    let (mut link, mut server) = pair(16 << 20).await;
    let long = "x".repeat(READ_BUFFER_BYTES + 1);
    for _ in 0..300 {
        server.feed(Message::text(long.as_str())).await.unwrap();
    }
    say_and_close(&mut server, "the error", 3000).await;
    drop(server);
    link.queue("too late".to_owned());
    let events = all_events(&mut link).await;
    assert_eq!(events.len(), 302);
    assert_eq!(events[300..], [text("the error"), peer(3000, "why")]);
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_is_answered() {
    let (mut link, mut server) = pair(4096).await;
    say_and_close(&mut server, "bye", 1001).await;
    all_events(&mut link).await;
    let answer = server.next().now_or_never().flatten();
    let Some(Ok(Message::Close(Some(frame)))) = answer else { panic!("{answer:?}") };
    assert_eq!(u16::from(frame.code), 1001);
}

#[tokio::test(start_paused = true)]
async fn our_close_follows_queued_messages_and_ends_as_ours() {
    let (mut link, mut server) = pair(64).await;
    link.queue("first ".repeat(50));
    link.close(1000, &"ä".repeat(100));
    link.queue("too late".to_owned());
    let serving = async {
        let mut heard = Vec::new();
        while let Some(Ok(message)) = server.next().await {
            heard.push(message);
            if heard.len() == 1 {
                server.send(Message::text("last words")).await.unwrap();
            }
        }
        heard
    };
    let (events, heard) = tokio::join!(all_events(&mut link), serving);
    assert_eq!(
        events,
        [text("last words"), WebSocketEvent::Drained, WebSocketEvent::Closed(CloseCause::Ours)]
    );
    assert_eq!(heard[0], Message::text("first ".repeat(50)));
    let [_, Message::Close(Some(frame))] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!(frame.reason.as_str(), "ä".repeat(61));
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_close_is_not_a_failure() {
    let (mut link, mut server) = pair(4096).await;
    link.close(1000, "");
    let hang_up = async {
        // The answer would be sent by the next read, which does not happen.
        assert!(matches!(server.next().await, Some(Ok(Message::Close(Some(_))))));
        drop(server);
    };
    let (events, ()) = tokio::join!(all_events(&mut link), hang_up);
    assert_eq!(events, [WebSocketEvent::Closed(CloseCause::Ours)]);
}

#[tokio::test(start_paused = true)]
async fn queueing_never_blocks_and_the_backlog_counts_waiting_bytes() {
    let (mut link, mut server) = pair(256).await;
    assert_eq!(link.backlog(), 0);
    for _ in 0..10 {
        link.queue("x".repeat(1000));
        assert_eq!(link.next().now_or_never(), None);
    }
    assert_eq!(link.backlog(), 10_000);

    let reading = async {
        for _ in 0..10 {
            assert_eq!(server.next().await.unwrap().unwrap().len(), 1000);
        }
    };
    let (event, ()) = tokio::join!(link.next(), reading);
    assert_eq!(event, WebSocketEvent::Drained);
    assert_eq!(link.backlog(), 0);
    assert_eq!(link.next().now_or_never(), None, "drained is said once");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_is_still_read_from() {
    let (mut link, mut server) = pair(256).await;
    link.queue("x".repeat(10_000));
    for _ in 0..3 {
        server.send(Message::text("still here")).await.unwrap();
        assert_eq!(link.next().now_or_never(), Some(text("still here")));
    }
    assert_eq!(link.backlog(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn an_endless_sender_does_not_delay_outgoing_messages() {
    let (mut link, mut server) = pair(1 << 20).await;
    for _ in 0..500 {
        server.feed(Message::text("delta")).await.unwrap();
    }
    server.flush().await.unwrap();
    assert_eq!(link.next().await, text("delta"));
    link.queue("interrupt".to_owned());
    assert_eq!(link.next().await, WebSocketEvent::Drained);
    assert_eq!(server.next().await.unwrap().unwrap(), Message::text("interrupt"));
}

#[tokio::test(start_paused = true)]
async fn a_small_message_is_sent_at_once() {
    let (mut link, mut server) = pair(4096).await;
    link.queue("10 ms".to_owned());
    assert_eq!(link.next().now_or_never(), Some(WebSocketEvent::Drained));
    assert_eq!(server.next().now_or_never().unwrap().unwrap().unwrap(), Message::text("10 ms"));
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered() {
    let (mut link, mut server) = pair(4096).await;
    server.send(Message::Ping("1234".into())).await.unwrap();
    assert_eq!(link.next().now_or_never(), None);
    let pong = server.next().now_or_never().unwrap().unwrap().unwrap();
    assert_eq!(pong, Message::Pong("1234".into()));
}

#[tokio::test(start_paused = true)]
async fn a_binary_frame_is_reported_and_the_connection_continues() {
    let (mut link, mut server) = pair(4096).await;
    server.send(Message::binary(vec![0xff; 300])).await.unwrap();
    server.send(Message::binary(&b"RIFF\x1b"[..])).await.unwrap();
    server.send(Message::text("text")).await.unwrap();
    assert_eq!(link.next().await, WebSocketEvent::Malformed("a binary frame of 300 bytes".to_owned()));
    let note = "a binary frame of 5 bytes, beginning RIFF";
    assert_eq!(link.next().await, WebSocketEvent::Malformed(note.to_owned()));
    assert_eq!(link.next().await, text("text"));
}

#[tokio::test(start_paused = true)]
async fn json_in_a_binary_frame_is_read_as_text() {
    let (mut link, mut server) = pair(4096).await;
    for json in [r#"{"type":"error"}"#, " \n{\"type\":\"é\"}"] {
        server.send(Message::binary(json.as_bytes().to_vec())).await.unwrap();
        assert_eq!(link.next().await, text(json));
    }
}

/// Writes raw bytes as the server, then closes.
async fn events_after(bytes: &[u8]) -> Vec<WebSocketEvent> {
    let (mut link, mut server) = pair(4096).await;
    server.get_mut().write_all(bytes).await.unwrap();
    drop(server);
    all_events(&mut link).await
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_is_explained() {
    let twenty_mib = (20_u64 << 20).to_be_bytes();
    for (bytes, sentence) in [
        (&b""[..], NO_CLOSE_FRAME),
        (b"\x81\x05he", NO_CLOSE_FRAME),
        (b"\x81", NO_CLOSE_FRAME),
        (b"\x81\x02\xff\xfe", "the server sent text that is not UTF-8"),
        (b"\x83\x00", "the server broke the WebSocket protocol: Encountered invalid opcode: 3"),
        (
            &[&b"\x81\x7f"[..], &twenty_mib].concat(),
            "the server sent a message of 20 MiB; the limit is 16 MiB",
        ),
    ] {
        assert_eq!(events_after(bytes).await, [broken(sentence)]);
    }
    assert_eq!(events_after(b"\x81\x02hi\x81\x05he").await, [text("hi"), broken(NO_CLOSE_FRAME)]);
}

#[tokio::test(start_paused = true)]
async fn an_illegal_close_code_counts_as_a_broken_connection() {
    for code in [0_u16, 1, 999, 1004, 1005, 1006, 1014, 1015, 1016, 2999, 5000, u16::MAX] {
        let frame = [&b"\x88\x05"[..], &code.to_be_bytes(), b"why"].concat();
        assert_eq!(events_after(&frame).await, [broken(ILLEGAL_CLOSE_CODE)], "{code}");
    }
    assert_eq!(events_after(b"\x88\x05\x03\xeawhy").await, [peer(1002, "why")]);
}

#[tokio::test(start_paused = true)]
async fn an_oversized_message_is_answered_with_a_close_code() {
    let (mut link, mut server) = pair(4096).await;
    let header = [&b"\x81\x7f"[..], &(20_u64 << 20).to_be_bytes()].concat();
    server.get_mut().write_all(&header).await.unwrap();
    all_events(&mut link).await;
    let shown = server.next().now_or_never().flatten();
    let Some(Ok(Message::Close(Some(frame)))) = shown else { panic!("{shown:?}") };
    assert_eq!(u16::from(frame.code), 1009);
}

#[tokio::test(start_paused = true)]
async fn dropping_next_loses_nothing() {
    let (mut link, mut server) = pair(7).await;
    let sent: Vec<String> =
        (0..20).map(|number| format!("message {number} {}", "x".repeat(number * 7))).collect();
    for message in &sent {
        link.queue(message.clone());
    }
    let incoming: Vec<u8> = (0..20_u8).flat_map(|number| [0x81, 3, b'n', b'o', b'a' + number]).collect();
    let mut incoming = incoming.chunks(2);
    let (mut heard, mut events) = (Vec::new(), Vec::new());
    // Each iteration polls once and drops the future; the pipe holds seven bytes.
    for _ in 0..2000 {
        tokio::task::yield_now().await;
        events.extend(link.next().now_or_never());
        if let Some(Some(message)) = server.next().now_or_never() {
            heard.push(message.unwrap().into_text().unwrap().as_str().to_owned());
        }
        if let Some(bytes) = incoming.next() {
            server.get_mut().write_all(bytes).await.unwrap();
        }
    }
    assert_eq!(heard, sent);
    let texts: Vec<String> = (0..20_u8).map(|number| format!("no{}", char::from(b'a' + number))).collect();
    let (drained, received): (Vec<_>, Vec<_>) =
        events.into_iter().partition(|event| *event == WebSocketEvent::Drained);
    assert_eq!(received, texts.iter().map(|words| text(words)).collect::<Vec<_>>());
    assert_eq!(drained.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn data_received_with_the_upgrade_is_not_lost() {
    let (near, mut far) = duplex(4096);
    let url = EndpointUrl::parse("ws://localhost").unwrap();
    let request = Endpoint::new(url, Purpose::Transcription, Auth::None).request().unwrap();
    let key = request.headers()["sec-websocket-key"].clone();
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    let mut answer = answer.into_bytes();
    answer.extend_from_slice(b"\x81\x0fsession.created");
    far.write_all(&answer).await.unwrap();
    let mut link = WebSocketClient::over(near, request).await.unwrap();
    assert_eq!(link.next().await, text("session.created"));
    let mut asked = [0; 3];
    far.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"GET");
}

#[tokio::test(start_paused = true)]
async fn queued_messages_are_not_in_debug_output() {
    let (mut link, _server) = pair(4096).await;
    link.queue("a private word".to_owned());
    assert!(!format!("{link:?}").contains("private"));
}

/// Lets the client wait for this many seconds; no event may occur.
async fn quiet_for(link: &mut WebSocketClient<DuplexStream>, seconds: u64) {
    let waited = timeout(Duration::from_secs(seconds), link.next()).await;
    assert!(waited.is_err(), "{waited:?}");
}

fn pings_in(server: &mut WebSocketServer) -> usize {
    let mut pings = 0;
    while let Some(Some(message)) = server.next().now_or_never() {
        assert!(matches!(message, Ok(Message::Ping(_))), "{message:?}");
        pings += 1;
    }
    pings
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_pinged_after_15_s_and_dropped_after_30_s() {
    let (mut link, mut server) = pair(4096).await;
    quiet_for(&mut link, 14).await;
    assert_eq!(pings_in(&mut server), 0);
    quiet_for(&mut link, 2).await;
    let asked = server.next().now_or_never();
    // The answer would be sent by the next read, which does not happen.
    assert!(matches!(asked, Some(Some(Ok(Message::Ping(_))))), "{asked:?}");
    let begun = tokio::time::Instant::now();
    assert_eq!(link.next().await, broken("no data for 30 s"));
    assert_eq!(begun.elapsed().as_secs(), 30 - 16);
    assert_eq!(link.next().await, broken("no data for 30 s"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_pings_stays_connected_for_hours() {
    let (mut link, mut server) = pair(4096).await;
    let mut pings = 0;
    let answering = async {
        while let Some(Ok(message)) = server.next().await {
            assert!(matches!(message, Message::Ping(_)), "{message:?}");
            pings += 1;
            server.flush().await.unwrap();
        }
    };
    let two_hours = timeout(Duration::from_secs(7200), async { tokio::join!(link.next(), answering) });
    assert!(two_hours.await.is_err());
    // One every 15 s.
    assert!((479..=481).contains(&pings), "{pings}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_sends_data_needs_no_pong() {
    let (mut link, mut server) = pair(4096).await;
    let mut heard = 0;
    for _ in 0..60 {
        // Part of a message also counts.
        for part in [&b"\x81\x02h"[..], b"i"] {
            quiet_for(&mut link, 24).await;
            server.get_mut().write_all(part).await.unwrap();
        }
        assert_eq!(link.next().await, text("hi"));
        heard += 1;
        let _ = server.get_mut().read_buf(&mut Vec::with_capacity(4096)).await;
    }
    assert_eq!(heard, 60);
}

#[tokio::test(start_paused = true)]
async fn a_busy_connection_is_never_pinged() {
    let (mut link, mut server) = pair(4096).await;
    for _ in 0..100 {
        quiet_for(&mut link, 9).await;
        server.send(Message::text("delta")).await.unwrap();
        assert_eq!(link.next().await, text("delta"));
    }
    assert_eq!(pings_in(&mut server), 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_tick_pings_before_it_disconnects() {
    for seconds_before in [4, 14, 24, 29] {
        let (mut link, mut server) = pair(4096).await;
        quiet_for(&mut link, seconds_before).await;
        pings_in(&mut server);
        tokio::time::advance(Duration::from_secs(3600)).await;
        quiet_for(&mut link, 14).await;
        assert_eq!(pings_in(&mut server), 1);
        // Reading it sent the answer.
        quiet_for(&mut link, 24).await;
        assert_eq!(link.next().await, broken("no data for 30 s"));
    }
}

#[tokio::test(start_paused = true)]
async fn no_ping_follows_a_close_frame() {
    let (mut link, mut server) = pair(4096).await;
    link.close(1000, "");
    assert_eq!(link.next().await, WebSocketEvent::Closed(CloseCause::Ours));
    assert!(matches!(server.next().now_or_never(), Some(Some(Ok(Message::Close(_))))));
    assert!(!matches!(server.next().now_or_never(), Some(Some(Ok(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_key_echoed_by_the_server_is_hidden() {
    let (mut link, mut server) = pair(4096).await;
    server.send(Message::text(format!("{KEY} is wrong"))).await.unwrap();
    server.send(Message::binary(KEY)).await.unwrap();
    // Position in the middle of the key at which the note ends.
    server.send(Message::binary(format!("{} {KEY}", "x".repeat(48)))).await.unwrap();
    let frame = CloseFrame { code: 3000.into(), reason: format!("wrong: {KEY}").into() };
    server.send(Message::Close(Some(frame))).await.unwrap();
    let events = all_events(&mut link).await;
    assert_eq!(events[0], text("[key hidden] is wrong"));
    assert_eq!(events.last(), Some(&peer(3000, "wrong: [key hidden]")));
    assert!(!format!("{events:?}").contains("01234"), "{events:?}");
}

/// Sends pings until the peer closes or `most` were sent; never reads.
async fn flood_with_pings(server: &mut WebSocketServer, max: usize) -> usize {
    let mut sent = 0;
    while sent < max && server.feed(Message::Ping("".into())).await.is_ok() {
        sent += 1;
    }
    let _ = server.flush().await;
    sent
}

#[tokio::test(start_paused = true)]
async fn a_ping_flood_without_reading_ends_the_connection() {
    let (mut link, mut server) = pair(4096).await;
    let (event, sent) = tokio::join!(
        async {
            let event = link.next().await;
            let waiting = link.pong_bytes;
            drop(link);
            assert!(waiting <= UNREAD_PONGS_MAX_BYTES + 200, "{waiting}");
            event
        },
        flood_with_pings(&mut server, usize::MAX)
    );
    assert_eq!(event, broken(PING_FLOOD));
    assert!(sent > UNREAD_PONGS_MAX_BYTES / PONG_HEADER_BYTES, "{sent}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reads_may_ping_without_limit() {
    let (mut link, server) = pair(4096).await;
    let (mut sink, mut source) = server.split();
    let payload = "x".repeat(100);
    let sending = async {
        for _ in 0..3 * UNREAD_PONGS_MAX_BYTES / payload.len() {
            sink.send(Message::Ping(payload.clone().into())).await.unwrap();
        }
        sink.send(Message::text("done")).await.unwrap();
    };
    let reading = async {
        while let Some(Ok(message)) = source.next().await {
            assert!(message.is_pong(), "{message:?}");
        }
    };
    let events = tokio::select! {
        (event, ()) = async { tokio::join!(link.next(), sending) } => event,
        () = reading => panic!("the client ended the connection"),
    };
    assert_eq!(events, text("done"));
}
