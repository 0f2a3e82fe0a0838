//! Puts a probe to an open connection: sends what it asks, hands in what comes.

use std::time::Duration;

use crate::call::clock::Clock;
use crate::call::trace::{Direction, Trace};
use crate::commands::doctor::probe::{Input, Probe, Seen};
use crate::error::Error;
use crate::net::dial::stream::Stream;
use crate::net::ws::connection::{Link, LinkEvent};
use crate::protocol::decode;
use crate::protocol::encode;

/// The close code of a normal end (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;

/// How long the endpoint may take to answer the goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Puts the probe to the endpoint and returns what it saw.
///
/// # Errors
///
/// When the trace cannot be written.
pub(super) async fn probe(
    mut link: Link<Stream>,
    mut probe: Probe,
    clock: Clock,
    mut trace: Option<Trace>,
) -> Result<Seen, Error> {
    let mut input = Input::Opened;
    loop {
        let now = clock.now();
        for event in probe.handle(now, input) {
            let text = encode::client_event(&event, probe.dialect());
            if let Some(trace) = &mut trace {
                trace.event(now, Direction::Out, &text)?;
            }
            link.queue(text);
        }
        if probe.is_over() {
            break;
        }
        input = tokio::select! {
            event = link.next() => match event {
                LinkEvent::Text(text) => {
                    if let Some(trace) = &mut trace {
                        trace.event(clock.now(), Direction::In, &text)?;
                    }
                    decode::server_event(&text).map_or(Input::Garbled, |event| Input::Server(Box::new(event)))
                }
                LinkEvent::Garbled(_) => Input::Garbled,
                LinkEvent::Closed(cause) => Input::Closed(cause),
                LinkEvent::Drained => Input::Tick,
            },
            // Cancel-safe because the link keeps its state in itself.
            () = clock.wait_until(probe.deadline()) => Input::Tick,
        };
    }
    leave(&mut link, clock).await;
    Ok(probe.into_seen())
}

async fn leave(link: &mut Link<Stream>, clock: Clock) {
    link.close(NORMAL, "");
    let until = clock.now() + GOODBYE;
    loop {
        tokio::select! {
            event = link.next() => if let LinkEvent::Closed(_) = event { return },
            () = clock.wait_until(Some(until)) => return,
        }
    }
}
