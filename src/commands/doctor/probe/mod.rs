//! Probe of an endpoint: short calls by the ordinary session, and what the endpoint sends in them.
//!
//! What an endpoint leaves out costs a bounded time and nothing else. Billable calls are made only on request.

pub(super) mod calls;
pub(super) mod observations;

use std::collections::HashSet;

use crate::audio::api::AudioEvent;
use crate::call::clock::Clock;
use crate::call::connections::Connections;
use crate::call::connections::observed::{Observation, ObservedCall};
use crate::call::connections::wire::Wire;
use crate::call::setup::target::Target;
use crate::call::trace::SharedTrace;
use crate::commands::doctor::probe::calls::{OPENING, ProbeCall, SPOKEN_ANSWER};
use crate::commands::doctor::probe::observations::{Capability, ProbeObservations, Reply};
use crate::dsp::frame::ClipId;
use crate::error::Error;
use crate::net::dial::stream::NetStream;
use crate::net::ws::connection::WebSocketClient;
use crate::protocol::close::CloseCause;
use crate::protocol::dialect::Dialect;
use crate::protocol::error_codes::Remedy;
use crate::protocol::events::client::{ClientBody, ClientEvent};
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::item::{ContentPart, Item, ItemBody};
use crate::protocol::events::response::{Response, ResponseStatus};
use crate::protocol::events::server::{ServerBody, ServerEvent};
use crate::protocol::settings::SessionInfo;
use crate::session::io::{ConnectionState, EndReason, Failure, Input, Notice, Output, UserCommand};

/// An item that no conversation has.
const NO_ITEM: &str = "item_that_is_not_there";

/// Position at which a spoken answer is interrupted, in samples: 10 ms at 24 kHz.
const PLAYED_SAMPLES: u64 = 240;

/// Makes the calls one after the other, each on a connection of its own, which `dial` opens.
///
/// # Errors
///
/// If the trace cannot be written.
pub(super) async fn run(
    calls: Vec<ProbeCall>,
    target: &Target,
    mut dial: impl AsyncFnMut() -> Result<WebSocketClient<NetStream>, Error>,
    (clock, mut trace): (Clock, Option<SharedTrace>),
) -> Result<ProbeObservations, Error> {
    let mut observations = ProbeObservations::default();
    for ProbeCall { plan, inputs, expects } in calls {
        for capability in expects {
            observations.wait_for(clock.now(), *capability);
        }
        let link = match dial().await {
            Ok(link) => link,
            Err(error) => {
                observations.end_early(CloseCause::Broken(format!("{:#}", error.source)));
                break;
            }
        };
        let wire = Wire { connections: Connections::new(target.clone(), link), trace, clock };
        let call = ObservedCall::start(plan, wire)?;
        let mut probe = Probe::new(call, clock, observations);
        probe.make(inputs, expects).await?;
        observations = probe.observations;
        trace = probe.call.close().await?.trace;
        let is_refused = matches!(observations.reply(Capability::Updated), Reply::Refused(_));
        if is_refused || observations.is_over_early() {
            break;
        }
    }
    Ok(observations)
}

/// One call of a probe.
struct Probe {
    call: ObservedCall,
    clock: Clock,
    observations: ProbeObservations,
    state: CallState,
    /// Ids of the events of the current request, and of earlier ones, whose errors come too late.
    sent: HashSet<String>,
    sent_earlier: HashSet<String>,
    /// The last error while the session opens; the session decides what it means.
    opening_error: Option<ErrorInfo>,
    /// The dialect of the last settings.
    dialect: Option<Dialect>,
    /// The spoken answer.
    clip: Option<ClipId>,
    has_truncated: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CallState {
    Opening,
    Live,
    /// Closed by the session, which has not given the reason yet.
    Closing,
    Over,
}

impl Probe {
    fn new(call: ObservedCall, clock: Clock, observations: ProbeObservations) -> Self {
        Self {
            call,
            clock,
            observations,
            state: CallState::Opening,
            sent: HashSet::new(),
            sent_earlier: HashSet::new(),
            opening_error: None,
            dialect: None,
            clip: None,
            has_truncated: false,
        }
    }

    async fn make(&mut self, inputs: Vec<Input>, expects: &'static [Capability]) -> Result<(), Error> {
        for input in inputs {
            self.call.input(input)?;
        }
        self.settle().await?;
        if expects == OPENING {
            self.request(Capability::Clear, ClientBody::AudioClear).await?;
            let item_id = NO_ITEM.to_owned();
            let truncate = ClientBody::ItemTruncate { item_id, content_index: 0, audio_end_ms: 10 };
            self.request(Capability::Truncate, truncate).await?;
        }
        if expects == SPOKEN_ANSWER && self.observations.delay(Capability::Audio).is_some() {
            self.interrupt().await?;
        }
        Ok(())
    }

    /// Waits until every request has an outcome.
    async fn settle(&mut self) -> Result<(), Error> {
        loop {
            let deadline = self.observations.deadline();
            // Without a request, what has been observed already may still make one.
            match self.call.next(deadline.unwrap_or_default()).await? {
                Some(Observation::Input(input)) => self.input(input),
                Some(Observation::Output(output)) => self.output(output)?,
                None if deadline.is_some() => self.observations.give_up(self.clock.now()),
                None => return Ok(()),
            }
        }
    }

    /// Sends an event that no call sends at this point.
    async fn request(&mut self, capability: Capability, body: ClientBody) -> Result<(), Error> {
        if self.state == CallState::Over {
            return Ok(());
        }
        self.begin(capability);
        self.call.send(body.with_id(format!("rtvoice_doctor_{capability:?}")))?;
        self.settle().await
    }

    /// Interrupts a spoken answer, as a user does.
    async fn interrupt(&mut self) -> Result<(), Error> {
        if self.state == CallState::Over {
            return Ok(());
        }
        self.begin(Capability::Cut);
        self.call.input(Input::User(UserCommand::Interrupt))?;
        self.settle().await?;
        if !self.has_truncated {
            self.observations.forget(Capability::Cut);
        }
        Ok(())
    }

    fn begin(&mut self, capability: Capability) {
        self.sent_earlier.extend(self.sent.drain());
        self.observations.wait_for(self.clock.now(), capability);
    }

    fn output(&mut self, output: Output) -> Result<(), Error> {
        if let Output::Send(event) = output {
            self.sent(*event);
        } else if let Output::Play { clip, frame } = output {
            if self.clip.replace(clip) != Some(clip) {
                let samples = PLAYED_SAMPLES.min(frame.samples.len() as u64);
                self.call.input(Input::Audio(AudioEvent::Played { clip, samples }))?;
            }
        } else if let Output::Show(Notice::Connection(ConnectionState::Live)) = output {
            self.state = CallState::Live;
        } else if let Output::End(reason) = output {
            self.ended(reason);
        } else if output == Output::Close && self.state != CallState::Over {
            self.state = CallState::Closing;
        }
        Ok(())
    }

    fn sent(&mut self, event: ClientEvent) {
        let now = self.clock.now();
        // Audio has no id, and no reply.
        let Some(id) = event.event_id else { return };
        self.sent.insert(id);
        self.has_truncated |= matches!(event.body, ClientBody::ItemTruncate { .. });
        let is_settings = matches!(event.body, ClientBody::SessionUpdate(_));
        if is_settings && self.observations.updated.is_none() && self.observations.is_first_call() {
            // Settings are sent again in another dialect, or without the field that the error names.
            let is_same_dialect = self.dialect.replace(self.call.dialect()) == Some(self.call.dialect());
            let field = self.opening_error.take().and_then(|error| error.param).filter(|_| is_same_dialect);
            self.observations.left_out.extend(field);
            self.observations.wait_for(now, Capability::Updated);
        } else {
            self.observations.asked_again(now);
        }
    }

    fn ended(&mut self, reason: EndReason) {
        self.state = CallState::Over;
        let error = self.opening_error.take();
        if let EndReason::Refused(Failure { message, code }) = reason {
            let by_session = ErrorInfo { message: Some(message), code, ..ErrorInfo::default() };
            self.observations.settle_all(&Reply::Refused(Box::new(error.unwrap_or(by_session))));
        } else if let EndReason::Lost(_) = reason {
            self.observations.settle_all(&Reply::Lost);
        } else {
            self.observations.give_up_all(self.clock.now());
        }
    }

    fn input(&mut self, input: Input) {
        if let Input::Server(event) = input {
            self.event(*event);
        } else if let Input::Malformed(_) = input {
            self.observations.malformed += 1;
        } else if let Input::Closed(cause) = input
            && !matches!(self.state, CallState::Closing | CallState::Over)
        {
            self.state = CallState::Over;
            // The error before a close is its reason.
            self.observations.error = self.opening_error.take();
            self.observations.end_early(cause);
        }
    }

    fn event(&mut self, event: ServerEvent) {
        self.observations.events += 1;
        if let Some(foreign) = event.foreign() {
            self.observations.settle_all(&Reply::Lost);
            self.observations.foreign = Some(foreign);
            self.state = CallState::Over;
            return;
        }
        let now = self.clock.now();
        let came = match event.body {
            ServerBody::Error(error) => return self.error(error),
            ServerBody::SessionCreated(info) => {
                self.learn(&info);
                self.observations.created.get_or_insert(*info);
                Capability::Created
            }
            ServerBody::SessionUpdated(info) => {
                self.learn(&info);
                self.observations.dialect.get_or_insert(self.call.dialect());
                self.observations.updated.get_or_insert(*info);
                Capability::Updated
            }
            ServerBody::AudioCleared => Capability::Clear,
            ServerBody::ItemTruncated { .. } if self.observations.is_waiting_for(Capability::Cut) => {
                Capability::Cut
            }
            ServerBody::ItemTruncated { .. } => Capability::Truncate,
            ServerBody::TextDelta { .. } | ServerBody::TextDone { .. } => Capability::Text,
            ServerBody::AudioDelta { delta, .. } => {
                self.observations.audio_bytes += delta.len();
                Capability::Audio
            }
            ServerBody::TranscriptDelta { .. } | ServerBody::TranscriptDone { .. } => Capability::Transcript,
            ServerBody::ArgumentsDelta { .. } | ServerBody::ArgumentsDone { .. } => Capability::Tools,
            ServerBody::ResponseDone(response) => return self.response_done(&response),
            ServerBody::TranscriptionDelta { .. } => Capability::CaptionDeltas,
            ServerBody::TranscriptionCompleted { .. } => {
                self.observations.settle(Capability::CaptionDeltas, Reply::Missing);
                Capability::Captions
            }
            ServerBody::TranscriptionFailed { error, .. } => {
                return self.observations.settle(Capability::Captions, Reply::Refused(Box::new(error)));
            }
            ServerBody::TranscriptionSegment { .. }
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
            | ServerBody::ResponseCreated(_)
            | ServerBody::Mcp { .. }
            | ServerBody::RateLimits(_)
            | ServerBody::Unknown { .. } => return,
        };
        self.observations.came(now, came);
    }

    fn learn(&mut self, info: &SessionInfo) {
        self.observations.dialect = self.observations.dialect.or(info.shape);
    }

    /// Settles what an answer has not brought.
    fn response_done(&mut self, response: &Response) {
        // Some endpoints send all of an answer here and nothing before.
        for capability in response.output.iter().flat_map(capabilities_of) {
            self.observations.came(self.clock.now(), capability);
        }
        let error = response.details.as_ref().and_then(|details| details.error.clone());
        let outcome = if response.status == Some(ResponseStatus::Failed) {
            Reply::Refused(Box::new(error.unwrap_or_default()))
        } else {
            Reply::Missing
        };
        for capability in [Capability::Text, Capability::Audio, Capability::Transcript, Capability::Tools] {
            self.observations.settle(capability, outcome.clone());
        }
    }

    fn error(&mut self, error: ErrorInfo) {
        let is_opening = self.state == CallState::Opening;
        // The session may open another connection in the GA dialect.
        let may_switch = is_opening && error.known().is_some_and(|known| known.remedy == Remedy::SwitchToGa);
        let is_cut_refused = self.observations.is_waiting_for(Capability::Cut) && speaks_of_item(&error);
        if (error.is_fatal() || error.is_permanent()) && !may_switch {
            self.observations.settle_all(&Reply::Refused(Box::new(error.clone())));
            self.observations.error = Some(error);
            self.state = CallState::Over;
        } else if is_opening {
            // Before anything was sent, it is the first event.
            if self.sent.is_empty() {
                self.observations.settle(Capability::Created, Reply::Refused(Box::new(error.clone())));
            }
            self.opening_error = Some(error);
        } else if error.event_id.as_ref().is_none_or(|id| !self.sent_earlier.contains(id)) {
            if self.observations.is_waiting_for(Capability::Truncate) && speaks_of_item(&error) {
                self.observations.came(self.clock.now(), Capability::Truncate);
            } else if !error.is_benign() || is_cut_refused {
                self.observations.settle_all(&Reply::Refused(Box::new(error)));
            }
        }
    }
}

/// Returns the capabilities that an item of a finished answer shows. Audio is excluded: without deltas nothing can
/// be played.
fn capabilities_of(item: &Item) -> Vec<Capability> {
    let has_text = |text: &String| !text.is_empty();
    match &item.body {
        ItemBody::Message { content, .. } => {
            let part = |part: &ContentPart| match part {
                ContentPart::Text(text) => has_text(text).then_some(Capability::Text),
                ContentPart::Audio { transcript, .. } => {
                    transcript.as_ref().filter(|text| has_text(text)).map(|_| Capability::Transcript)
                }
                ContentPart::InputText(_)
                | ContentPart::InputAudio { .. }
                | ContentPart::InputImage { .. }
                | ContentPart::Other(_) => None,
            };
            content.iter().filter_map(part).collect()
        }
        ItemBody::FunctionCall { .. } => vec![Capability::Tools],
        ItemBody::FunctionCallOutput { .. } | ItemBody::Other(_) => Vec::new(),
    }
}

/// Returns whether an error is about the item of a truncation, rather than about an unknown event.
fn speaks_of_item(error: &ErrorInfo) -> bool {
    let has = |text: &Option<String>, word: &str| text.as_deref().is_some_and(|text| text.contains(word));
    has(&error.code, "truncate") || has(&error.param, "item_id") || has(&error.message, NO_ITEM)
}

#[cfg(test)]
pub(super) mod tests;
