//! The probe of an endpoint as a pure state machine: asks for one thing after the other, and notes what comes.
//!
//! No I/O, no clock. What an endpoint leaves out costs a bounded time and nothing else; what it answers late or
//! unasked is no error. What costs money is asked for only where the user wants it.

mod asking;
pub(super) mod seen;
mod step;

use std::time::Duration;

use crate::commands::doctor::probe::asking::ProbeRequest;
use crate::commands::doctor::probe::seen::{Capability, ProbeObservations, Reply};
use crate::commands::doctor::probe::step::ProbeStep;
use crate::protocol::close::CloseCause;
use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::{ClientBody, ClientEvent};
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::response::{Response, ResponseStatus};
use crate::protocol::events::server::{ContentLocation, ServerBody, ServerEvent};
use crate::protocol::foreign::ForeignProtocol;
use crate::protocol::settings::{SessionInfo, SessionSettings};

/// The item that no conversation has.
const NO_ITEM: &str = "item_that_is_not_there";

/// How often the settings are sent again without a field that the endpoint does not know.
const MAX_RETRIES: usize = 4;

/// What a probe is to do.
#[derive(Debug)]
pub(super) struct ProbePlan {
    /// The settings of a call.
    pub(super) settings: SessionSettings,
    /// The dialect to write; `None` decides by what the endpoint shows.
    pub(super) dialect: Option<Dialect>,
    /// What is asked for that costs something.
    pub(super) paid: BillableChecks,
}

/// Whether what costs something is asked for.
#[derive(Debug)]
pub(super) enum BillableChecks {
    /// It is not.
    Not,
    /// Short answers, and captions of this speech, in the session's input format.
    Asked {
        /// A few words, as bytes of the wire.
        speech: Vec<u8>,
    },
}

/// One thing that happened.
#[derive(Debug)]
pub(super) enum ProbeInput {
    /// The socket is open.
    Opened,
    /// The endpoint said something.
    Server(Box<ServerEvent>),
    /// The endpoint sent something that is no event.
    Malformed,
    /// The socket is closed.
    Closed(CloseCause),
    /// The deadline has come.
    Tick,
}

/// A probe of one connection.
#[derive(Debug)]
pub(super) struct Probe {
    plan: ProbePlan,
    dialect: Dialect,
    step: ProbeStep,
    asked_at: Duration,
    until: Duration,
    /// The number of the last event that was sent.
    sent: u64,
    /// The first event of the step: an error of an older one comes too late to mean anything.
    first_of_step: u64,
    /// The item of the spoken answer.
    spoken_item: Option<String>,
    /// The answer that is being given.
    response: Option<String>,
    /// The answer that took too long.
    stale_response: Option<String>,
    seen: ProbeObservations,
    outputs: Vec<ClientEvent>,
}

impl Probe {
    /// Makes a probe of a connection that is not open yet.
    pub(super) fn new(plan: ProbePlan) -> Self {
        Self {
            dialect: plan.dialect.unwrap_or_default(),
            plan,
            step: ProbeStep::Created,
            asked_at: Duration::ZERO,
            until: Duration::ZERO,
            sent: 0,
            first_of_step: 1,
            spoken_item: None,
            response: None,
            stale_response: None,
            seen: ProbeObservations::default(),
            outputs: Vec::new(),
        }
    }

    /// Returns the dialect in which events are to be written.
    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns when to hand in [`ProbeInput::Tick`] if nothing else happens; none when it is over.
    pub(super) fn deadline(&self) -> Option<Duration> {
        (self.step != ProbeStep::Over).then_some(self.until)
    }

    /// Returns whether there is nothing more to find out.
    pub(super) fn is_over(&self) -> bool {
        self.step == ProbeStep::Over
    }

    /// Returns what was seen.
    pub(super) fn into_seen(self) -> ProbeObservations {
        self.seen
    }

    /// Takes one thing that happened at `now`, and returns what is to be sent, in order.
    pub(super) fn handle(&mut self, now: Duration, input: ProbeInput) -> Vec<ClientEvent> {
        if self.step == ProbeStep::Over {
            return Vec::new();
        }
        match input {
            ProbeInput::Opened => self.enter(now, ProbeStep::Created),
            ProbeInput::Server(event) => {
                self.seen.events += 1;
                match event.foreign() {
                    Some(foreign) => self.refuse_foreign(foreign),
                    None => self.server(now, event.body),
                }
            }
            ProbeInput::Malformed => self.seen.malformed += 1,
            ProbeInput::Closed(cause) => {
                self.settle(&Reply::Lost);
                self.seen.closed = Some(cause);
                self.step = ProbeStep::Over;
            }
            ProbeInput::Tick if now >= self.until => self.late(now),
            ProbeInput::Tick => {}
        }
        std::mem::take(&mut self.outputs)
    }

    /// Ends the probe: nothing of another protocol can be checked.
    fn refuse_foreign(&mut self, foreign: ForeignProtocol) {
        self.settle(&Reply::Lost);
        self.seen.foreign = Some(foreign);
        self.step = ProbeStep::Over;
    }

    fn server(&mut self, now: Duration, body: ServerBody) {
        let after = now.saturating_sub(self.asked_at);
        match body {
            ServerBody::Error(error) => self.error(now, error),
            ServerBody::SessionCreated(info) => self.created(now, *info),
            ServerBody::SessionUpdated(info) => self.updated(now, *info),
            ServerBody::AudioCleared => self.came(now, Capability::Clear),
            ServerBody::ItemTruncated { .. } if self.step == ProbeStep::Cut => {
                self.came(now, Capability::Cut);
            }
            ServerBody::ItemTruncated { .. } => self.came(now, Capability::Truncate),
            ServerBody::TextDelta { .. } | ServerBody::TextDone { .. } => {
                self.seen.settle(Capability::Text, Reply::Came(after));
            }
            ServerBody::AudioDelta { place, delta } => self.sound(after, place, delta.len()),
            ServerBody::TranscriptDelta { place, .. } | ServerBody::TranscriptDone { place, .. } => {
                self.spoken(place.item_id);
                self.seen.settle(Capability::Transcript, Reply::Came(after));
            }
            ServerBody::ArgumentsDelta { .. } | ServerBody::ArgumentsDone { .. } => {
                self.seen.settle(Capability::Tools, Reply::Came(after));
            }
            ServerBody::ResponseCreated(response) => self.response = response.id,
            ServerBody::ResponseDone(response) => self.response_done(now, &response),
            ServerBody::TranscriptionDelta { .. } => {
                self.seen.settle(Capability::CaptionDeltas, Reply::Came(after));
            }
            ServerBody::TranscriptionCompleted { .. } if self.step == ProbeStep::Captions => {
                self.seen.settle(Capability::CaptionDeltas, Reply::Missing);
                self.came(now, Capability::Captions);
            }
            ServerBody::TranscriptionFailed { error, .. } if self.step == ProbeStep::Captions => {
                self.refused(now, error);
            }
            ServerBody::TranscriptionCompleted { .. }
            | ServerBody::TranscriptionFailed { .. }
            | ServerBody::TranscriptionSegment { .. }
            | ServerBody::ConversationCreated { .. }
            | ServerBody::ItemAdded { .. }
            | ServerBody::ItemCreated { .. }
            | ServerBody::ItemDone { .. }
            | ServerBody::ItemRetrieved { .. }
            | ServerBody::ItemDeleted { .. }
            | ServerBody::AudioCommitted { .. }
            | ServerBody::SpeechStarted { .. }
            | ServerBody::SpeechStopped { .. }
            | ServerBody::IdleTimeout { .. }
            | ServerBody::Dtmf { .. }
            | ServerBody::OutputBuffer { .. }
            | ServerBody::OutputItemAdded { .. }
            | ServerBody::OutputItemDone { .. }
            | ServerBody::ContentPartAdded { .. }
            | ServerBody::ContentPartDone { .. }
            | ServerBody::AudioDone { .. }
            | ServerBody::Mcp { .. }
            | ServerBody::RateLimits(_)
            | ServerBody::Unknown { .. } => {}
        }
    }

    fn created(&mut self, now: Duration, info: SessionInfo) {
        if self.seen.created.is_some() {
            return;
        }
        self.learn(&info);
        self.seen.created = Some(info);
        match self.step {
            ProbeStep::Created => self.came(now, Capability::Created),
            // A session that began late knows nothing of what was sent before.
            ProbeStep::Updated => {
                self.seen.came_late(Capability::Created, now);
                self.enter(now, ProbeStep::Updated);
            }
            ProbeStep::Clear
            | ProbeStep::Truncate
            | ProbeStep::Text
            | ProbeStep::Audio
            | ProbeStep::Cut
            | ProbeStep::Tools
            | ProbeStep::Captions
            | ProbeStep::Close
            | ProbeStep::Over => self.seen.came_late(Capability::Created, now),
        }
    }

    fn updated(&mut self, now: Duration, info: SessionInfo) {
        self.learn(&info);
        if self.seen.dialect.is_none() {
            // It shows nothing, and takes what is written.
            self.seen.dialect = Some(self.dialect);
        }
        self.seen.updated.get_or_insert(info);
        self.came(now, Capability::Updated);
    }

    fn learn(&mut self, info: &SessionInfo) {
        if let (None, Some(shape)) = (self.seen.dialect, info.shape) {
            self.seen.dialect = Some(shape);
            self.dialect = self.plan.dialect.unwrap_or(shape);
        }
    }

    fn sound(&mut self, after: Duration, place: ContentLocation, bytes: usize) {
        if self.step == ProbeStep::Audio {
            self.seen.sound_bytes += bytes;
            self.spoken(place.item_id);
            self.seen.settle(Capability::Audio, Reply::Came(after));
        }
    }

    fn spoken(&mut self, item_id: Option<String>) {
        if self.step == ProbeStep::Audio {
            self.spoken_item = item_id.or_else(|| self.spoken_item.take());
        }
    }

    /// An answer is over: what it did not bring, it does not bring.
    fn response_done(&mut self, now: Duration, response: &Response) {
        let is_stale = response.id.is_some() && response.id == self.stale_response;
        if !self.step.is_answer() || is_stale {
            return;
        }
        let after = now.saturating_sub(self.asked_at);
        // Some endpoints say all of it here and nothing before.
        for part in asking::parts_of(response) {
            self.seen.settle(part, Reply::Came(after));
        }
        let error = response.details.as_ref().and_then(|details| details.error.clone());
        if response.status == Some(ResponseStatus::Failed) {
            self.refused(now, error.unwrap_or_default());
        } else {
            self.settle(&Reply::Missing);
            self.go_on(now);
        }
    }

    fn error(&mut self, now: Duration, error: ErrorInfo) {
        if error.is_fatal() || error.is_permanent() {
            self.settle(&Reply::Refused(Box::new(error.clone())));
            self.seen.error = Some(error);
            self.enter(now, ProbeStep::Close);
            return;
        }
        if self.is_old(&error) {
            return;
        }
        match self.step {
            // It is what was asked for, if it speaks of the item.
            ProbeStep::Truncate if asking::speaks_of_item(&error, NO_ITEM) => {
                self.came(now, Capability::Truncate);
            }
            ProbeStep::Updated => self.settings_refused(now, error),
            ProbeStep::Captions if asking::is_benign_commit(&error) => {}
            ProbeStep::Created
            | ProbeStep::Clear
            | ProbeStep::Truncate
            | ProbeStep::Text
            | ProbeStep::Audio
            | ProbeStep::Cut
            | ProbeStep::Tools
            | ProbeStep::Captions => self.refused(now, error),
            ProbeStep::Close | ProbeStep::Over => {}
        }
    }

    /// An error without an id can only mean what was asked for last.
    fn is_old(&self, error: &ErrorInfo) -> bool {
        let number = error.event_id.as_deref().and_then(|id| id.strip_prefix(EVENT_ID)?.parse::<u64>().ok());
        number.is_some_and(|number| number < self.first_of_step)
    }

    /// The whole update was dropped: without the field it names, in the other dialect, or not at all.
    fn settings_refused(&mut self, now: Duration, error: ErrorInfo) {
        let unknown = error.code.as_deref() == Some("unknown_parameter");
        let field = error.param.clone().filter(|_| unknown && self.seen.left_out.len() < MAX_RETRIES);
        if let Some(field) = field.filter(|field| self.plan.settings.drop_param(field)) {
            self.seen.left_out.push(field);
            self.enter(now, ProbeStep::Updated);
        } else if self.may_try_beta() {
            self.try_beta(now);
        } else {
            self.refused(now, error);
        }
    }

    fn may_try_beta(&self) -> bool {
        (self.plan.dialect, self.seen.dialect, self.dialect) == (None, None, Dialect::Ga)
    }

    fn try_beta(&mut self, now: Duration) {
        self.dialect = Dialect::Beta;
        self.enter(now, ProbeStep::Updated);
    }

    fn refused(&mut self, now: Duration, error: ErrorInfo) {
        self.settle(&Reply::Refused(Box::new(error)));
        self.go_on(now);
    }

    /// Nothing came in time.
    fn late(&mut self, now: Duration) {
        if self.step == ProbeStep::Updated && self.may_try_beta() {
            self.try_beta(now);
            return;
        }
        self.settle(&Reply::Silent(self.step.limit()));
        if self.step.is_answer() {
            self.stale_response = self.response.take();
            self.send(ClientBody::ResponseCancel { response_id: None });
        }
        self.go_on(now);
    }

    /// A part came; where it is the one that the step is for, the next one begins.
    fn came(&mut self, now: Duration, part: Capability) {
        self.seen.settle(part, Reply::Came(now.saturating_sub(self.asked_at)));
        if self.step.parts().last() == Some(&part) {
            self.go_on(now);
        }
    }

    /// Says the same of all that is still waited for.
    fn settle(&mut self, reply: &Reply) {
        for part in self.step.parts() {
            self.seen.settle(*part, reply.clone());
        }
    }

    fn go_on(&mut self, now: Duration) {
        let next = match (self.step, &self.plan.paid) {
            (ProbeStep::Created, _) => ProbeStep::Updated,
            (ProbeStep::Updated, _) => ProbeStep::Clear,
            (ProbeStep::Clear, _) => ProbeStep::Truncate,
            (ProbeStep::Truncate, BillableChecks::Asked { .. }) => ProbeStep::Text,
            (ProbeStep::Text, _) => ProbeStep::Audio,
            (ProbeStep::Audio, _) if self.spoken_item.is_some() && self.seen.sound_bytes > 0 => {
                ProbeStep::Cut
            }
            (ProbeStep::Audio | ProbeStep::Cut, _) => ProbeStep::Tools,
            (ProbeStep::Tools, _) => ProbeStep::Captions,
            (ProbeStep::Truncate, BillableChecks::Not)
            | (ProbeStep::Captions | ProbeStep::Close | ProbeStep::Over, _) => ProbeStep::Over,
        };
        self.enter(now, next);
    }

    fn enter(&mut self, now: Duration, step: ProbeStep) {
        self.step = step;
        self.asked_at = now;
        self.until = now + step.limit();
        for part in step.parts() {
            self.seen.wait_for(*part);
        }
        let asking = self.asking(step);
        for body in asking.before {
            self.send(body);
        }
        self.first_of_step = self.sent + 1;
        for body in asking.bodies {
            self.send(body);
        }
    }

    fn asking(&self, step: ProbeStep) -> ProbeRequest {
        match (step, &self.plan.paid) {
            (ProbeStep::Updated, _) => {
                ProbeRequest::one(ClientBody::SessionUpdate(Box::new(self.plan.settings.clone())))
            }
            (ProbeStep::Clear, _) => ProbeRequest::one(ClientBody::AudioClear),
            (ProbeStep::Truncate, _) => ProbeRequest::one(asking::cut(NO_ITEM.to_owned())),
            (ProbeStep::Text, _) => asking::text(),
            (ProbeStep::Audio, _) => asking::audio(),
            (ProbeStep::Cut, _) => ProbeRequest {
                bodies: self.spoken_item.clone().map(asking::cut).into_iter().collect(),
                before: Vec::new(),
            },
            (ProbeStep::Tools, _) => asking::tools(),
            (ProbeStep::Captions, BillableChecks::Asked { speech }) => {
                asking::captions(self.plan.settings.kind, speech)
            }
            (ProbeStep::Created | ProbeStep::Captions | ProbeStep::Close | ProbeStep::Over, _) => {
                ProbeRequest::default()
            }
        }
    }

    fn send(&mut self, body: ClientBody) {
        self.sent += 1;
        self.outputs.push(body.with_id(format!("{EVENT_ID}{}", self.sent)));
    }
}

/// What the ids of events begin with.
const EVENT_ID: &str = "rtv_doctor_";

#[cfg(test)]
mod tests;
