//! I/O loop around the machine: WebSocket, clock and speech synthesis.

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::server::demo::EndpointOptions;
use crate::server::demo::http::handshake::Upgrade;
use crate::server::demo::ids::IdGenerator;
use crate::server::demo::machine::{Machine, MachineAction, MachineInput, MachineSetup};
use crate::server::demo::voice::speech::{self, SpeechTask};
use crate::server::http::socket::{Received, Socket, SocketOptions};

/// An append of 15 MiB is 20 MiB of base64; larger messages up to the limit are rejected by an error event. The
/// largest message sent is a retrieved item with ten minutes of audio, 38 MB; an answer of five minutes sent
/// at once is 19 MB.
const SOCKET: SocketOptions = SocketOptions {
    role: Role::Server,
    message_bytes: 32 << 20,
    unread_bytes: 48 << 20,
    buffer_bytes: 16 << 10,
};

/// Interval of pings; real servers ping about every 20 s.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// Time limit for a client to read the last messages and answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves an open WebSocket until either side ends it.
pub(crate) async fn run<S>(stream: S, upgrade: Upgrade, options: &EndpointOptions)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = Socket::new(stream, upgrade.tail, SOCKET).await;
    let mut machine = Machine::new(MachineSetup {
        peer: upgrade.peer,
        faults: options.faults.clone(),
        pace: options.pace,
        unix_time: UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
        seed: IdGenerator::random_seed(),
    });
    let ending = run_machine(&mut machine, &mut socket, options).await;
    match ending {
        ConnectionEnd::Gone => {
            let _ = timeout(CLOSE_TIMEOUT, socket.flush()).await;
        }
        ConnectionEnd::Close(code, reason) => {
            socket.close(code, &reason, CLOSE_TIMEOUT).await;
        }
        ConnectionEnd::Broken(text) => {
            if timeout(CLOSE_TIMEOUT, socket.flush()).await.is_ok() {
                let mut stream = socket.into_stream();
                let _ = stream.write_all(&half_frame(&text)).await;
                let _ = stream.flush().await;
            }
        }
    }
}

/// Returns the header of a text frame and half of its payload (RFC 6455, section 5.2).
fn half_frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX).max(126);
    let mut frame = vec![0x81, 126];
    frame.extend(length.to_be_bytes());
    frame.extend_from_slice(&text.as_bytes()[..text.len() / 2]);
    frame
}

/// Manner in which a connection ends.
enum ConnectionEnd {
    /// The client is gone, or the machine dropped it.
    Gone,
    /// Send a close frame and wait for the client's.
    Close(u16, String),
    /// Break the connection after half of this message.
    Broken(String),
}

/// Runs the machine until the connection ends, which also cancels pending speech synthesis.
async fn run_machine<S>(
    machine: &mut Machine,
    socket: &mut Socket<S>,
    options: &EndpointOptions,
) -> ConnectionEnd
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut ping = tokio::time::interval(PING_INTERVAL);
    let start = ping.tick().await;
    let mut speeches = SpeechTasks::default();
    let mut input = MachineInput::Opened;
    loop {
        for action in machine.handle(start.elapsed(), input) {
            let queued = match action {
                MachineAction::Send(text) => socket.queue(text),
                MachineAction::Synthesize(request) => {
                    let (job, engine) = (request.job, options.voice);
                    let handle = speeches.tasks.spawn(async move { speech::make(engine, &request).await });
                    speeches.handles.insert(job, handle);
                    Ok(())
                }
                MachineAction::CancelSpeech(job) => {
                    speeches.cancel(job);
                    Ok(())
                }
                MachineAction::Close { code, reason } => return ConnectionEnd::Close(code, reason),
                MachineAction::Drop => return ConnectionEnd::Gone,
                MachineAction::SendHalf(text) => return ConnectionEnd::Broken(text),
            };
            if queued.is_err() {
                // A stuck client cannot read the queue in time, but after recovering it learns the reason.
                socket.clear_queue();
                return ConnectionEnd::Close(1008, "too many unread messages".to_owned());
            }
        }
        let deadline = machine.deadline().map(|due| start + due);
        // Cancel-safe because a dropped branch loses nothing (see `Socket::next`); join sets and intervals
        // are, too.
        input = tokio::select! {
            received = socket.next() => match received {
                Received::Text(text) => MachineInput::Text(text.as_str().to_owned()),
                Received::Binary => MachineInput::Binary,
                Received::Violation(code, reason) => {
                    socket.clear_queue();
                    return ConnectionEnd::Close(code, reason.to_owned());
                }
                // The answer to the client's close frame is sent when the queue is flushed.
                Received::Closed(_) => return ConnectionEnd::Gone,
            },
            Some(speech) = speeches.next() => MachineInput::Synthesized(speech),
            () = sleep_until(deadline) => MachineInput::Tick,
            // A full queue is detected with the next message.
            _ = ping.tick() => { let _ = socket.queue_ping(); MachineInput::Tick },
        };
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Pending speech synthesis; dropping it ends the synthesizers.
#[derive(Default)]
struct SpeechTasks {
    tasks: JoinSet<SpeechTask>,
    handles: HashMap<u64, AbortHandle>,
}

impl SpeechTasks {
    fn cancel(&mut self, job: u64) {
        if let Some(handle) = self.handles.remove(&job) {
            handle.abort();
        }
    }

    /// Returns the next finished speech; `None` if none is pending.
    async fn next(&mut self) -> Option<SpeechTask> {
        loop {
            // A cancelled task returns nothing.
            if let Ok(speech) = self.tasks.join_next().await? {
                self.handles.remove(&speech.job);
                return Some(speech);
            }
        }
    }
}

#[cfg(test)]
mod tests;
