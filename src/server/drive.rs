//! The thin loop around the machine: the WebSocket, the clock, and nothing that decides.

use std::pin::pin;
use std::time::{Duration, UNIX_EPOCH};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

use crate::server::handshake::Upgrade;
use crate::server::ids::Ids;
use crate::server::machine::{Action, Input, Machine, Setup};
use crate::server::speech::{self, Order, Speech};
use crate::server::{Options, VoiceEngine};

/// Real servers ping about every 20 s.
const PING_EVERY: Duration = Duration::from_secs(20);

/// How long a client may take to read the last words and to answer a close frame.
const GOODBYE: Duration = Duration::from_secs(5);

/// So many messages may wait for a client that does not read; then it is let go. One answer is
/// a few hundred.
const LONGEST_QUEUE: usize = 20_000;

/// An append may hold 15 MiB, which is 20 MiB of base64.
const LARGEST_MESSAGE: usize = 24 * 1024 * 1024;

type Sink<S> = SplitSink<WebSocketStream<S>, Message>;
type Source<S> = SplitStream<WebSocketStream<S>>;

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
        unix_time: UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
        seed: Ids::random_seed(),
    });
    let (sink, source) = socket.split();
    let (outgoing, queue) = mpsc::channel(LONGEST_QUEUE);
    let talk = Talk { machine, source, outgoing, engine: options.voice };
    let mut writing = pin!(write(sink, queue));
    // Reading and writing are apart, so that a client that is slow to read can still be heard.
    let ending = tokio::select! {
        ending = talk.run() => ending,
        _ = &mut writing => return,
    };
    // What is queued still goes out, but not to somebody who does not read.
    let Ok(sink) = tokio::time::timeout(GOODBYE, writing).await else { return };
    match ending {
        Ending::Gone => {}
        Ending::Goodbye(mut source) => {
            let goodbye = async { while let Some(Ok(_)) = source.next().await {} };
            let _ = tokio::time::timeout(GOODBYE, goodbye).await;
        }
        Ending::Broken(source, text) => {
            if let Ok(mut socket) = sink.reunite(source) {
                let _ = socket.get_mut().write_all(&half_frame(&text)).await;
                let _ = socket.get_mut().flush().await;
            }
        }
    }
}

/// Returns the header of a text frame and half of what it announces (RFC 6455, section 5.2).
fn half_frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX).max(126);
    let mut frame = vec![0x81, 126];
    frame.extend(length.to_be_bytes());
    frame.extend_from_slice(&text.as_bytes()[..text.len() / 2]);
    frame
}

/// How a talk ended.
enum Ending<S> {
    /// There is nobody to talk to, or nothing more to say.
    Gone,
    /// A close frame is sent and the client's is awaited.
    Goodbye(Source<S>),
    /// The connection is to break behind half of this message.
    Broken(Source<S>, String),
}

/// A machine with its ends to the world.
struct Talk<S> {
    machine: Machine,
    source: Source<S>,
    outgoing: mpsc::Sender<Message>,
    engine: VoiceEngine,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    async fn run(mut self) -> Ending<S> {
        let mut ping = tokio::time::interval(PING_EVERY);
        let start = ping.tick().await;
        // Unbounded because no more is in it than answers are asked for.
        let (made, mut speeches) = mpsc::unbounded_channel();
        let mut input = Input::Opened;
        loop {
            for action in self.machine.handle(start.elapsed(), input) {
                let sent = match action {
                    Action::Send(text) => self.outgoing.try_send(Message::text(text)),
                    Action::Say(order) => {
                        say(self.engine, order, made.clone());
                        Ok(())
                    }
                    Action::Close { code, reason } => {
                        let frame = CloseFrame { code: code.into(), reason: reason.into() };
                        let _ = self.outgoing.try_send(Message::Close(Some(frame)));
                        return Ending::Goodbye(self.source);
                    }
                    Action::Drop => return Ending::Gone,
                    Action::SendHalf(text) => return Ending::Broken(self.source, text),
                };
                if sent.is_err() {
                    return Ending::Gone;
                }
            }
            let deadline = self.machine.deadline().map(|due| start + due);
            // Cancel-safe because `wait` loses nothing when dropped, nor do a channel and an interval.
            input = tokio::select! {
                incoming = wait(&mut self.source, deadline) => match incoming {
                    Some(input) => input,
                    // The answer to the client's close frame is written when the queue is flushed.
                    None => return Ending::Gone,
                },
                Some(speech) = speeches.recv() => Input::Spoken(speech),
                _ = ping.tick() => match self.outgoing.try_send(Message::Ping("ping".into())) {
                    // A tick before its time changes nothing.
                    Ok(()) => Input::Tick,
                    Err(_) => return Ending::Gone,
                },
            };
        }
    }
}

/// Waits for what the client says or for the deadline; nothing when the client has gone.
async fn wait<S>(source: &mut Source<S>, deadline: Option<Instant>) -> Option<Input>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        // Cancel-safe because the stream's `next` and the sleep lose nothing when dropped.
        tokio::select! {
            message = source.next() => match message {
                Some(Ok(Message::Text(text))) => return Some(Input::Text(text.as_str().to_owned())),
                Some(Ok(Message::Binary(_))) => return Some(Input::Binary),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            },
            () = sleep_until(deadline) => return Some(Input::Tick),
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Has speech made on a thread that may block.
fn say(engine: VoiceEngine, order: Order, made: mpsc::UnboundedSender<Speech>) {
    tokio::task::spawn_blocking(move || {
        // Nobody waits for it any more where this fails.
        let _ = made.send(speech::make(engine, &order));
    });
}

/// Writes what is queued, everything that waits in one flush, and gives the sink back at the end.
async fn write<S>(mut sink: Sink<S>, mut queue: mpsc::Receiver<Message>) -> Sink<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = queue.recv().await {
        if sink.feed(message).await.is_err() || (queue.is_empty() && sink.flush().await.is_err()) {
            return sink;
        }
    }
    let _ = sink.flush().await;
    sink
}
