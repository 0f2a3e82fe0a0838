//! Runs a probe over an open connection.

use std::time::Duration;

use crate::call::clock::Clock;
use crate::call::trace::{TraceDirection, TraceFile};
use crate::commands::doctor::probe::seen::ProbeObservations;
use crate::commands::doctor::probe::{Probe, ProbeInput};
use crate::error::Error;
use crate::net::dial::stream::NetStream;
use crate::net::ws::connection::{WebSocketClient, WebSocketEvent};
use crate::protocol::decode;
use crate::protocol::encode;

/// The close code of a normal end (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;

/// Timeout of the close handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs the probe and returns its observations.
///
/// # Errors
///
/// If the trace cannot be written.
pub(super) async fn probe(
    mut link: WebSocketClient<NetStream>,
    mut probe: Probe,
    clock: Clock,
    mut trace: Option<TraceFile>,
) -> Result<ProbeObservations, Error> {
    let mut input = ProbeInput::Opened;
    loop {
        let now = clock.now();
        for event in probe.handle(now, input) {
            let text = encode::client_event(&event, probe.dialect());
            if let Some(trace) = &mut trace {
                trace.event(now, TraceDirection::Out, &text)?;
            }
            link.queue(text);
        }
        if probe.is_over() {
            break;
        }
        input = tokio::select! {
            event = link.next() => match event {
                WebSocketEvent::Text(text) => {
                    if let Some(trace) = &mut trace {
                        trace.event(clock.now(), TraceDirection::In, &text)?;
                    }
                    decode::server_event(&text).map_or(ProbeInput::Malformed, |event| ProbeInput::Server(Box::new(event)))
                }
                WebSocketEvent::Malformed(_) => ProbeInput::Malformed,
                WebSocketEvent::Closed(cause) => ProbeInput::Closed(cause),
                WebSocketEvent::Drained => ProbeInput::Tick,
            },
            // Cancel-safe because the connection keeps its state.
            () = clock.wait_until(probe.deadline()) => ProbeInput::Tick,
        };
    }
    leave(&mut link, clock).await;
    Ok(probe.into_seen())
}

async fn leave(link: &mut WebSocketClient<NetStream>, clock: Clock) {
    link.close(NORMAL, "");
    let until = clock.now() + CLOSE_TIMEOUT;
    loop {
        tokio::select! {
            event = link.next() => if let WebSocketEvent::Closed(_) = event { return },
            () = clock.wait_until(Some(until)) => return,
        }
    }
}
