//! Protocol events of a session on its connections: encoded, decoded and traced.

use std::time::Duration;

use crate::call::clock::Clock;
use crate::call::connections::{ConnectionEvent, Connections, ConnectionsEvent};
use crate::call::trace::{SharedTrace, TraceDirection};
use crate::error::Error;
use crate::net::ws::connection::WebSocketEvent;
use crate::protocol::close::CloseCause;
use crate::protocol::decode;
use crate::protocol::dialect::Dialect;
use crate::protocol::encode;
use crate::protocol::events::server::ServerEvent;
use crate::session::io::{Input, NextEvent, Output};

/// The connections of a session, with the optional trace of their events.
pub(crate) struct Wire {
    pub(crate) connections: Connections,
    /// Shared by the sessions of a call.
    pub(crate) trace: Option<SharedTrace>,
    pub(crate) clock: Clock,
}

/// A message of the endpoint.
enum Message {
    Event(Box<ServerEvent>),
    Malformed(String),
    Closed(CloseCause),
}

impl Wire {
    /// Waits for the next event of the connections, and returns the input that it makes. None means that the
    /// socket has room again. Cancel-safe because the connections keep their state.
    ///
    /// # Errors
    ///
    /// If the trace cannot be written.
    pub(crate) async fn next(&mut self) -> Result<Option<Input>, Error> {
        let event = self.connections.next().await;
        self.input(event)
    }

    /// Performs an output that concerns the connections; returns any other. `dialect` is that of the session.
    ///
    /// # Errors
    ///
    /// If the trace cannot be written.
    pub(crate) fn perform(
        &mut self,
        now: Duration,
        dialect: Dialect,
        output: Output,
    ) -> Result<Option<Output>, Error> {
        if let Output::Send(event) = output {
            let text = encode::client_event(&event, dialect);
            self.trace_event(now, TraceDirection::Out, &text)?;
            self.connections.queue(text);
        } else if let Output::SendNext { event, dialect } = output {
            let text = encode::client_event(&event, dialect);
            self.trace_event(now, TraceDirection::NextOut, &text)?;
            self.connections.queue_next(text);
        } else if let Output::Open(handshake) = output {
            self.connections.dial(handshake);
        } else if let Output::OpenNext(handshake) = output {
            self.connections.dial_next(handshake);
        } else if output == Output::Switch {
            self.connections.switch();
        } else if output == Output::DropNext {
            self.connections.drop_next();
        } else if output == Output::Disconnect {
            self.connections.disconnect();
        } else if output == Output::Close {
            self.connections.close();
        } else {
            return Ok(Some(output));
        }
        Ok(None)
    }

    fn trace_event(&mut self, now: Duration, direction: TraceDirection, text: &str) -> Result<(), Error> {
        self.trace.as_ref().map_or(Ok(()), |trace| trace.event(now, direction, text))
    }

    fn input(&mut self, event: ConnectionsEvent) -> Result<Option<Input>, Error> {
        Ok(match event {
            ConnectionsEvent::Current(ConnectionEvent::Opened) => Some(Input::Opened),
            ConnectionsEvent::Current(ConnectionEvent::Failed(failure)) => Some(Input::DialFailed(failure)),
            ConnectionsEvent::Current(ConnectionEvent::Link(event)) => {
                self.message(event, TraceDirection::In)?.map(|message| match message {
                    Message::Event(event) => Input::Server(event),
                    Message::Malformed(message) => Input::Malformed(message),
                    Message::Closed(cause) => Input::Closed(cause),
                })
            }
            ConnectionsEvent::Next(ConnectionEvent::Opened) => Some(Input::Next(NextEvent::Opened)),
            ConnectionsEvent::Next(ConnectionEvent::Failed(failure)) => {
                Some(Input::Next(NextEvent::Failed(failure)))
            }
            ConnectionsEvent::Next(ConnectionEvent::Link(event)) => {
                match self.message(event, TraceDirection::NextIn)? {
                    Some(Message::Event(event)) => Some(Input::Next(NextEvent::Server(event))),
                    Some(Message::Closed(cause)) => Some(Input::Next(NextEvent::Closed(cause))),
                    // Malformed events of the standby connection are ignored.
                    Some(Message::Malformed(_)) | None => None,
                }
            }
        })
    }

    fn message(
        &mut self,
        event: WebSocketEvent,
        direction: TraceDirection,
    ) -> Result<Option<Message>, Error> {
        Ok(match event {
            WebSocketEvent::Text(text) => {
                self.trace_event(self.clock.now(), direction, &text)?;
                Some(match decode::server_event(&text) {
                    Ok(event) => Message::Event(Box::new(event)),
                    Err(_) => Message::Malformed(text.to_string()),
                })
            }
            WebSocketEvent::Drained => None,
            WebSocketEvent::Malformed(message) => Some(Message::Malformed(message)),
            WebSocketEvent::Closed(cause) => Some(Message::Closed(cause)),
        })
    }
}
