//! The thin loop around the machine: the WebSocket, the clock, and nothing that decides.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

use crate::server::Options;
use crate::server::handshake::Upgrade;
use crate::server::ids::Ids;
use crate::server::machine::{Action, Input, Machine, Setup};

/// Real servers ping about every 20 s (PROTOCOL.md, section 2.9).
const PING_EVERY: Duration = Duration::from_secs(20);

/// How long a client may take to answer a close frame.
const GOODBYE: Duration = Duration::from_secs(5);

/// So many messages may wait for a client that does not read; then it is let go. One answer is
/// a few hundred.
const LONGEST_QUEUE: usize = 20_000;

/// An append may hold 15 MiB, which is 20 MiB of base64.
const LARGEST_MESSAGE: usize = 24 * 1024 * 1024;

/// Serves an open WebSocket until either side ends it.
pub(crate) async fn run<S>(stream: S, upgrade: Upgrade, options: &Options)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE));
    let socket = WebSocketStream::from_partially_read(stream, upgrade.tail, Role::Server, Some(config)).await;
    let machine = Machine::new(Setup {
        peer: upgrade.peer,
        faults: options.faults.clone(),
        pace: options.pace,
        unix_time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        seed: Ids::random_seed(),
    });
    let (sink, source) = socket.split();
    let (outgoing, queue) = mpsc::channel(LONGEST_QUEUE);
    // Reading and writing are apart, so that a client that is slow to read can still be heard.
    let talk = talk(machine, source, outgoing);
    let (ending, _sink) = tokio::join!(talk, write(sink, queue));
    if let Some(mut source) = ending {
        let goodbye = async { while let Some(Ok(_)) = source.next().await {} };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }
}

type Outgoing = mpsc::Sender<Message>;

/// Runs the machine; returns the source when a close frame was sent and the client's is awaited.
async fn talk<S>(
    mut machine: Machine,
    mut source: SplitStream<WebSocketStream<S>>,
    outgoing: Outgoing,
) -> Option<SplitStream<WebSocketStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let start = Instant::now();
    let mut ping = tokio::time::interval_at(start + PING_EVERY, PING_EVERY);
    let mut input = Input::Opened;
    loop {
        for action in machine.handle(start.elapsed(), input) {
            match action {
                Action::Send(text) => outgoing.try_send(Message::text(text)).ok()?,
                Action::Close { code, reason } => {
                    let frame = CloseFrame { code: code.into(), reason: reason.into() };
                    outgoing.try_send(Message::Close(Some(frame))).ok()?;
                    return Some(source);
                }
            }
        }
        let deadline = machine.deadline().map(|due| start + due);
        input = loop {
            // Cancel-safe because the stream's `next`, the interval and the sleep lose nothing when dropped.
            tokio::select! {
                message = source.next() => match message {
                    Some(Ok(Message::Text(text))) => break Input::Text(text.as_str().to_owned()),
                    Some(Ok(Message::Binary(_))) => break Input::Binary,
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                    // The answer to the client's close frame is written when the queue is flushed.
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                },
                _ = ping.tick() => outgoing.try_send(Message::Ping(Vec::new().into())).ok()?,
                () = sleep_until(deadline) => break Input::Tick,
            }
        };
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Writes what is queued, everything that waits in one flush, and gives the sink back at the end.
async fn write<S>(
    mut sink: SplitSink<WebSocketStream<S>, Message>,
    mut queue: mpsc::Receiver<Message>,
) -> SplitSink<WebSocketStream<S>, Message>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = queue.recv().await {
        if sink.feed(message).await.is_err() || (queue.is_empty() && sink.flush().await.is_err()) {
            break;
        }
    }
    let _ = sink.flush().await;
    sink
}
