//! A call without audio or a user, for commands that observe an endpoint.

use std::collections::VecDeque;
use std::time::Duration;

use crate::call::connections::wire::Wire;
use crate::error::Error;
use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::ClientEvent;
use crate::session::Session;
use crate::session::io::{EndReason, Input, Output, UserCommand};
use crate::session::plan::Plan;

/// Maximum time for the close handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A session of which every input and output can be observed.
pub(crate) struct ObservedCall {
    session: Session,
    wire: Wire,
    observations: VecDeque<Observation>,
}

/// What went into the session or came out of it.
#[derive(Debug)]
pub(crate) enum Observation {
    Input(Input),
    Output(Output),
}

impl ObservedCall {
    /// Starts a session on an open connection.
    ///
    /// # Errors
    ///
    /// If the trace cannot be written.
    pub(crate) fn start(plan: Plan, wire: Wire) -> Result<Self, Error> {
        let mut call = Self { session: Session::new(plan), wire, observations: VecDeque::new() };
        call.input(Input::Opened)?;
        Ok(call)
    }

    /// Returns the dialect in which events are sent.
    pub(crate) fn dialect(&self) -> Dialect {
        self.session.dialect()
    }

    /// Passes an input to the session and performs the outputs.
    ///
    /// # Errors
    ///
    /// If the trace cannot be written.
    pub(crate) fn input(&mut self, input: Input) -> Result<(), Error> {
        self.observations.push_back(Observation::Input(input.clone()));
        let outputs = self.session.handle(self.wire.clock.now(), input);
        outputs.into_iter().try_for_each(|output| self.perform(output))
    }

    /// Sends an event that no call sends.
    ///
    /// # Errors
    ///
    /// If the trace cannot be written.
    pub(crate) fn send(&mut self, event: ClientEvent) -> Result<(), Error> {
        self.perform(Output::Send(Box::new(event)))
    }

    fn perform(&mut self, output: Output) -> Result<(), Error> {
        self.observations.push_back(Observation::Output(output.clone()));
        self.wire.perform(self.wire.clock.now(), self.session.dialect(), output)?;
        Ok(())
    }

    /// Returns the next observation, or nothing if there is none until `until`.
    ///
    /// # Errors
    ///
    /// If the trace cannot be written.
    pub(crate) async fn next(&mut self, until: Duration) -> Result<Option<Observation>, Error> {
        loop {
            if let Some(observation) = self.observations.pop_front() {
                return Ok(Some(observation));
            }
            let deadline = self.session.deadline().map_or(until, |deadline| deadline.at.min(until));
            let clock = self.wire.clock;
            let input = tokio::select! {
                input = self.wire.next() => match input? {
                    Some(input) => input,
                    None => continue,
                },
                () = clock.wait_until(Some(deadline)) => Input::Tick,
            };
            let is_over = input == Input::Tick && clock.now() >= until;
            self.input(input)?;
            if is_over {
                return Ok(None);
            }
        }
    }

    /// Ends the call, and returns the wire once the connection is closed.
    ///
    /// # Errors
    ///
    /// If the trace cannot be written.
    pub(crate) async fn close(mut self) -> Result<Wire, Error> {
        self.input(Input::User(UserCommand::HangUp(EndReason::User)))?;
        let until = self.wire.clock.now() + CLOSE_TIMEOUT;
        while let Some(observation) = self.next(until).await? {
            if matches!(observation, Observation::Output(Output::End(_))) {
                break;
            }
        }
        Ok(self.wire)
    }
}
