//! Session rollover: before a session's time limit a standby connection is opened, configured and given the
//! conversation; the call switches to it between turns.
//!
//! Microphone audio goes to exactly one session: to the connection in use, up to [`Output::Switch`]. Playback
//! continues across the switch.

use std::time::Duration;

use crate::dsp::frame::Frame;
use crate::dsp::level::rms_dbfs;
use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::item::Item;
use crate::protocol::events::server::{ServerBody, ServerEvent};
use crate::session::activity::Activity;
use crate::session::connection::errors::describe;
use crate::session::connection::opening::{NextAction, Opening};
use crate::session::connection::reconnect::MAX_RETRY_AFTER;
use crate::session::connection::requests::{RequestKind, SentRequests};
use crate::session::io::{Deadline, DialFailure, Handshake, NextEvent, Output, Ready, Reason};
use crate::session::outputs::Outputs;
use crate::session::plan::{Mode, Plan};

/// Maximum time before the limit at which the standby connection is opened: the conversation may continue
/// for a while without a pause.
const MAX_LEAD: Duration = Duration::from_secs(120);

/// Fraction of a short session that is lead.
const LEAD_DIVISOR: u32 = 4;

/// A limit further away than this comes from a wrong clock.
const MAX_SESSION: Duration = Duration::from_hours(24);

/// A shorter session is not worth a standby connection.
const MIN_SESSION: Duration = Duration::from_secs(3);

/// Pause before another attempt.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Microphone level that may be speech.
const SPEECH_DBFS: f32 = -45.0;

/// Minimum silence before a switch: servers notice speech late.
const MIN_SILENCE: Duration = Duration::from_millis(400);

/// Stages before the time limit of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SessionLimit {
    /// Opens the standby connection.
    prepare: Duration,
    /// Switches even during playback, but not during speech or a response.
    press: Duration,
    /// Switches even during speech, which is sent again from its beginning.
    force: Duration,
}

/// Preparation of the next session.
#[derive(Debug, Default)]
pub(crate) struct Rollover {
    limit: Option<SessionLimit>,
    stage: RolloverStage,
}

#[derive(Debug, Default)]
enum RolloverStage {
    #[default]
    Idle,
    /// Waits until this time to open the standby connection.
    Wait(Duration),
    /// The driver is opening the socket.
    Dial,
    /// The socket is open and the session is not configured yet.
    Open(Box<Opening>, SentRequests),
    /// Waits for a good time to switch.
    Ready(Box<StandbyReady>),
}

/// A configured connection that knows the conversation.
#[derive(Debug)]
pub(crate) struct StandbyReady {
    pub(crate) ready: Ready,
    pub(crate) requests: SentRequests,
    pub(crate) dialect: Dialect,
    /// When the microphone last was as loud as speech.
    loud_at: Duration,
}

/// Change of the standby connection that concerns the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StandbyChange {
    None,
    /// It is configured and lacks the conversation.
    Ready,
    /// It was given up.
    Dropped,
}

/// Why the call switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SwitchReason {
    /// Between turns: nothing is lost or repeated.
    Pause,
    /// The limit is near: speech in progress is sent again.
    Limit,
    /// The connection in use was lost.
    ConnectionLost,
}

impl SessionLimit {
    /// Returns the stages of a session that ends in `left`.
    fn new(now: Duration, left: Duration) -> Self {
        let lead = MAX_LEAD.min(left / LEAD_DIVISOR);
        let end = now + left;
        Self { prepare: end - lead, press: end - lead / 3, force: end - lead / 8 }
    }
}

/// Returns the remaining time of a session, by the server's or the documented limit.
fn time_left(plan: &Plan, now: Duration, expires_at: Option<u64>) -> Option<Duration> {
    let by_server = expires_at.and_then(|at| Duration::from_secs(at).checked_sub(plan.unix_start + now));
    let by_server = by_server.filter(|left| *left <= MAX_SESSION);
    by_server.into_iter().chain(plan.session_limit).min().filter(|left| *left >= MIN_SESSION)
}

#[expect(clippy::too_many_arguments, reason = "components are separate borrows of the session")]
impl Rollover {
    /// Plans for the end of a session that has just begun.
    pub(crate) fn new(now: Duration, plan: &Plan, expires_at: Option<u64>) -> Self {
        let is_lasting = plan.mode != Mode::Ask;
        let left = time_left(plan, now, expires_at).filter(|_| is_lasting);
        let limit = left.map(|left| SessionLimit::new(now, left));
        let stage = limit.map_or(RolloverStage::Idle, |limit| RolloverStage::Wait(limit.prepare));
        Self { limit, stage }
    }

    pub(crate) fn deadline(&self, activity: Activity) -> Option<Deadline> {
        let at = match &self.stage {
            RolloverStage::Idle | RolloverStage::Dial => None,
            RolloverStage::Wait(at) => Some(*at),
            RolloverStage::Open(opening, _) => return Some(opening.deadline()),
            RolloverStage::Ready(standby) => self.switch_at(standby, activity).map(|(at, _)| at),
        };
        at.map(|at| Deadline { at, reason: Reason::SessionLimit })
    }

    /// Returns whether the call could switch at once.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.stage, RolloverStage::Ready(_))
    }

    /// Notes the level of the microphone.
    pub(crate) fn note_input(&mut self, now: Duration, frame: &Frame) {
        if let RolloverStage::Ready(standby) = &mut self.stage
            && rms_dbfs(&frame.samples) > SPEECH_DBFS
        {
            standby.loud_at = now;
        }
    }

    /// Returns why to switch at this time.
    pub(crate) fn switch_reason(&self, now: Duration, activity: Activity) -> Option<SwitchReason> {
        let RolloverStage::Ready(standby) = &self.stage else { return None };
        self.switch_at(standby, activity).filter(|(at, _)| now >= *at).map(|(_, reason)| reason)
    }

    /// Returns when to switch if the activity does not change, and why.
    fn switch_at(&self, standby: &StandbyReady, activity: Activity) -> Option<(Duration, SwitchReason)> {
        let limit = self.limit.filter(|_| !activity.is_responding)?;
        if activity.is_response_expected || activity.has_unacked_turn || activity.is_user_speaking {
            return Some((limit.force, SwitchReason::Limit));
        }
        let is_quiet = !activity.is_caption_pending && !activity.is_playing;
        let pause = is_quiet.then_some(standby.loud_at + MIN_SILENCE);
        Some((pause.map_or(limit.press, |pause| pause.min(limit.press)), SwitchReason::Pause))
    }

    pub(crate) fn on_event(
        &mut self,
        now: Duration,
        plan: &mut Plan,
        event: NextEvent,
        outputs: &mut Outputs,
    ) -> StandbyChange {
        match event {
            NextEvent::Opened => {
                let opening = Box::new(Opening::new(now, plan));
                self.stage = RolloverStage::Open(opening, SentRequests::default());
                StandbyChange::None
            }
            NextEvent::Failed(DialFailure::Passing { failure, retry_after }) => {
                let change = self.fail(now, &failure.message, outputs);
                self.set_retry_after(now, retry_after);
                change
            }
            NextEvent::Failed(DialFailure::Final(failure)) => self.refuse(&failure.message, outputs),
            NextEvent::Closed(_) => self.fail(now, "it was closed", outputs),
            NextEvent::Server(event) => self.server_event(now, plan, &event, outputs),
        }
    }

    /// Handles an event of the standby server. Only those that open the session count.
    fn server_event(
        &mut self,
        now: Duration,
        plan: &mut Plan,
        event: &ServerEvent,
        outputs: &mut Outputs,
    ) -> StandbyChange {
        if let ServerBody::SessionCreated(info) = &event.body {
            self.advance(now, plan, outputs, |opening, _| opening.created(now, info))
        } else if let ServerBody::ConversationCreated { .. } = &event.body {
            self.advance(now, plan, outputs, |opening, _| opening.conversation_created(now))
        } else if let ServerBody::SessionUpdated(info) = &event.body {
            self.advance(now, plan, outputs, |opening, _| opening.updated(info))
        } else if let ServerBody::Error(error) = &event.body {
            self.server_error(now, plan, error, outputs)
        } else {
            StandbyChange::None
        }
    }

    fn server_error(
        &mut self,
        now: Duration,
        plan: &mut Plan,
        error: &ErrorInfo,
        outputs: &mut Outputs,
    ) -> StandbyChange {
        if error.is_fatal() {
            return self.refuse(&describe(error), outputs);
        }
        match self.stage {
            RolloverStage::Open(..) if error.is_server_failure() => self.fail(now, &describe(error), outputs),
            RolloverStage::Open(..) => self
                .advance(now, plan, outputs, |opening, plan| opening.refused(now, error, &mut plan.settings)),
            RolloverStage::Idle | RolloverStage::Wait(_) | RolloverStage::Dial | RolloverStage::Ready(_) => {
                outputs.debug(format!("the next session reports an error: {}", describe(error)));
                StandbyChange::None
            }
        }
    }

    fn advance(
        &mut self,
        now: Duration,
        plan: &mut Plan,
        outputs: &mut Outputs,
        step: impl FnOnce(&mut Opening, &mut Plan) -> NextAction,
    ) -> StandbyChange {
        let RolloverStage::Open(opening, requests) = &mut self.stage else { return StandbyChange::None };
        match step(opening, plan) {
            NextAction::Wait => StandbyChange::None,
            NextAction::SendSettings(_) => {
                let settings = ClientBody::SessionUpdate(Box::new(plan.settings_to_send()));
                let event = Box::new(settings.with_id(requests.note(now, RequestKind::SessionUpdate)));
                outputs.push(Output::SendNext { event, dialect: opening.dialect() });
                StandbyChange::None
            }
            // The first session of the call has shown the same warnings.
            NextAction::GoLive(ready, _) => {
                let (requests, dialect) = (std::mem::take(requests), opening.dialect());
                let standby = StandbyReady { ready, requests, dialect, loud_at: now };
                self.stage = RolloverStage::Ready(Box::new(standby));
                StandbyChange::Ready
            }
            NextAction::Refused(failure) => self.refuse(&failure.message, outputs),
        }
    }

    /// Sends items of the conversation to the standby server.
    pub(crate) fn send_items(&mut self, now: Duration, items: Vec<Item>, outputs: &mut Outputs) {
        let RolloverStage::Ready(standby) = &mut self.stage else { return };
        for item in items {
            let body = ClientBody::ItemCreate { previous_item_id: None, item };
            let event = Box::new(body.with_id(standby.requests.note(now, RequestKind::ItemCreate)));
            outputs.push(Output::SendNext { event, dialect: standby.dialect });
        }
    }

    /// Gives up this attempt; another follows if there is time.
    fn fail(&mut self, now: Duration, why: &str, outputs: &mut Outputs) -> StandbyChange {
        outputs.debug(format!("the next session could not be prepared: {why}"));
        self.drop_standby(outputs);
        let at = now + RETRY_AFTER;
        if self.limit.is_some_and(|limit| at < limit.force) {
            self.stage = RolloverStage::Wait(at);
        }
        StandbyChange::Dropped
    }

    /// Delays the next attempt as the server asks.
    fn set_retry_after(&mut self, now: Duration, retry_after: Option<Duration>) {
        if let (RolloverStage::Wait(at), Some(retry_after)) = (&mut self.stage, retry_after) {
            *at = (*at).max(now + retry_after.min(MAX_RETRY_AFTER));
        }
    }

    /// Gives up for good: the connection is lost at the limit, and reconnects then if it can.
    fn refuse(&mut self, why: &str, outputs: &mut Outputs) -> StandbyChange {
        outputs.info(format!("the session cannot be renewed before its time limit: {why}"));
        self.drop_standby(outputs);
        StandbyChange::Dropped
    }

    pub(crate) fn drop_standby(&mut self, outputs: &mut Outputs) {
        match std::mem::take(&mut self.stage) {
            RolloverStage::Idle | RolloverStage::Wait(_) => {}
            RolloverStage::Dial | RolloverStage::Open(..) | RolloverStage::Ready(_) => {
                outputs.push(Output::DropNext);
            }
        }
    }

    /// Opens or configures the standby connection once its time has come.
    pub(crate) fn tick(
        &mut self,
        now: Duration,
        handshake: Handshake,
        plan: &mut Plan,
        outputs: &mut Outputs,
    ) -> StandbyChange {
        match &self.stage {
            RolloverStage::Wait(at) if now >= *at => {
                self.stage = RolloverStage::Dial;
                outputs.push(Output::OpenNext(handshake));
                StandbyChange::None
            }
            RolloverStage::Open(opening, _) if now >= opening.deadline().at => {
                self.advance(now, plan, outputs, |opening, _| opening.tick(now))
            }
            RolloverStage::Idle
            | RolloverStage::Wait(_)
            | RolloverStage::Dial
            | RolloverStage::Open(..)
            | RolloverStage::Ready(_) => StandbyChange::None,
        }
    }

    pub(crate) fn take_ready(&mut self) -> Option<StandbyReady> {
        match std::mem::take(&mut self.stage) {
            RolloverStage::Ready(standby) => Some(*standby),
            stage @ (RolloverStage::Idle
            | RolloverStage::Wait(_)
            | RolloverStage::Dial
            | RolloverStage::Open(..)) => {
                self.stage = stage;
                None
            }
        }
    }
}
