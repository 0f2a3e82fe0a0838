//! The time limit of a session: before it comes, a second connection is opened, configured and told the
//! conversation, and the call moves to it between turns.
//!
//! Sound is never in two sessions and never in none: what the microphone hears goes to the connection in
//! use, up to the output that swaps them, and what is being played is not touched.

use std::time::Duration;

use crate::dsp::frame::Frame;
use crate::dsp::level::rms_dbfs;
use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::server::{ErrorInfo, ServerBody, ServerEvent};
use crate::session::connection::deduplication::EventDeduplicator;
use crate::session::connection::opening::{NextAction, Opening};
use crate::session::connection::reconnect::LONGEST_ASKED;
use crate::session::errors::{RequestKind, SentRequests, describe};
use crate::session::io::{Deadline, DialFailure, NextEvent, Notice, Output, Ready, Reason};
use crate::session::plan::{Mode, Plan};
use crate::session::{Phase, Session};

/// How long before the limit the next connection is begun, at most: the conversation may go on for a
/// while without a pause.
const LONGEST_LEAD: Duration = Duration::from_secs(120);

/// The share of a session's time that is lead, where sessions are short.
const LEAD_SHARE: u32 = 4;

/// A limit that is further away than this is a clock that is wrong.
const LONGEST_SESSION: Duration = Duration::from_hours(24);

/// A session that ends sooner than this is not worth another one beside it.
const SHORTEST_SESSION: Duration = Duration::from_secs(3);

/// How long after a failure it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// How loud a microphone is in which somebody may be speaking, in dB below full scale.
const LOUD_DBFS: f32 = -45.0;

/// How long the microphone has to be quiet: servers notice speech some time after it has begun.
const QUIET_FOR: Duration = Duration::from_millis(400);

/// When a session ends, and what that means for the one that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SessionLimit {
    /// From here on a second connection is made.
    prepare: Duration,
    /// From here on it is enough that nothing is being asked or answered.
    press: Duration,
    /// From here on even speech is carried over: said again, from its beginning.
    force: Duration,
}

/// The connection that is to follow.
#[derive(Debug, Default)]
pub(crate) struct Rollover {
    limit: Option<SessionLimit>,
    step: RolloverStage,
}

#[derive(Debug, Default)]
enum RolloverStage {
    /// There is nothing to be done.
    #[default]
    Idle,
    /// Until then.
    Wait(Duration),
    /// The outside is at it.
    Dial,
    /// It is open and not configured yet.
    Open(Box<Opening>, SentRequests),
    /// It waits for its moment.
    Primed(Box<StandbyReady>),
}

/// A configured connection that knows the conversation.
#[derive(Debug)]
struct StandbyReady {
    ready: Ready,
    sent: SentRequests,
    dialect: Dialect,
    /// When the microphone was last loud.
    loud: Duration,
    /// When to look again if nothing happens.
    wake: Option<Duration>,
}

/// Why the call moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SwitchReason {
    /// Nothing is lost or said twice by it.
    Calm,
    /// The limit is near: what is being said is carried over.
    Late,
    /// The connection in use is gone.
    Lost,
}

impl Rollover {
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let at = match &self.step {
            RolloverStage::Idle | RolloverStage::Dial => None,
            RolloverStage::Wait(at) => Some(*at),
            RolloverStage::Open(opening, _) => return Some(opening.deadline()),
            RolloverStage::Primed(primed) => primed.wake,
        };
        at.map(|at| Deadline { at, reason: Reason::SessionLimit })
    }

    /// Returns whether there is a connection that the call could move to at once.
    pub(crate) fn is_primed(&self) -> bool {
        matches!(self.step, RolloverStage::Primed(_))
    }

    /// Notes what the microphone hears.
    pub(crate) fn hear(&mut self, now: Duration, frame: &Frame) {
        if let RolloverStage::Primed(primed) = &mut self.step
            && rms_dbfs(&frame.samples) > LOUD_DBFS
        {
            primed.loud = now;
        }
    }
}

impl SessionLimit {
    /// Returns what the end of a session in `left` means.
    fn of(now: Duration, left: Duration) -> Self {
        let lead = LONGEST_LEAD.min(left / LEAD_SHARE);
        let end = now + left;
        Self { prepare: end - lead, press: end - lead / 3, force: end - lead / 8 }
    }
}

/// Returns how long the session has, as the server says it or as its documents do.
fn time_left(plan: &Plan, now: Duration, expires_at: Option<u64>) -> Option<Duration> {
    let told = expires_at.and_then(|at| Duration::from_secs(at).checked_sub(plan.unix_start + now));
    let told = told.filter(|left| *left <= LONGEST_SESSION);
    told.into_iter().chain(plan.session_limit).min().filter(|left| *left >= SHORTEST_SESSION)
}

impl Session {
    /// A session has begun: plans the end of its time.
    pub(crate) fn plan_handover(&mut self, now: Duration, expires_at: Option<u64>) {
        let lasting = self.plan.mode != Mode::Ask;
        let left = time_left(&self.plan, now, expires_at).filter(|_| lasting);
        self.rollover.limit = left.map(|left| SessionLimit::of(now, left));
        self.rollover.step =
            self.rollover.limit.map_or(RolloverStage::Idle, |limit| RolloverStage::Wait(limit.prepare));
    }

    /// Something happened on the connection that is to follow.
    pub(crate) fn next(&mut self, now: Duration, event: NextEvent) {
        if !matches!(self.phase, Phase::Live) {
            return;
        }
        match event {
            NextEvent::Opened => {
                let opening = Box::new(Opening::begin(now, &self.plan));
                self.rollover.step = RolloverStage::Open(opening, SentRequests::default());
            }
            NextEvent::Failed(DialFailure::Passing { failure, retry_after }) => {
                self.next_failed(now, &failure.message);
                self.leave_next_alone(now, retry_after);
            }
            NextEvent::Failed(DialFailure::Final(failure)) => self.next_refused(&failure.message),
            NextEvent::Closed(_) => self.next_failed(now, "it was closed"),
            NextEvent::Server(event) => self.next_server(now, &event),
        }
    }

    /// It is not in use: what else it says is for nobody.
    fn next_server(&mut self, now: Duration, event: &ServerEvent) {
        if let ServerBody::SessionCreated(info) = &event.body {
            self.next_further(now, |opening, _| opening.created(now, info));
        } else if let ServerBody::ConversationCreated { .. } = &event.body {
            self.next_further(now, |opening, _| opening.conversation_created(now));
        } else if let ServerBody::SessionUpdated(info) = &event.body {
            self.next_further(now, |opening, _| opening.updated(info));
        } else if let ServerBody::Error(error) = &event.body {
            self.next_error(now, error);
        }
    }

    fn next_error(&mut self, now: Duration, error: &ErrorInfo) {
        if error.is_fatal() {
            self.next_refused(&describe(error));
            return;
        }
        match self.rollover.step {
            RolloverStage::Open(..) if error.is_of_server() => self.next_failed(now, &describe(error)),
            RolloverStage::Open(..) => {
                self.next_further(now, |opening, plan| opening.refused(now, error, &mut plan.settings));
            }
            RolloverStage::Idle | RolloverStage::Wait(_) | RolloverStage::Dial | RolloverStage::Primed(_) => {
                self.show(Notice::Debug(format!("the next session reports an error: {}", describe(error))));
            }
        }
    }

    fn next_further(&mut self, now: Duration, step: impl FnOnce(&mut Opening, &mut Plan) -> NextAction) {
        let RolloverStage::Open(opening, sent) = &mut self.rollover.step else { return };
        match step(opening, &mut self.plan) {
            NextAction::Wait => {}
            NextAction::SendSettings(_) => {
                let settings = ClientBody::SessionUpdate(Box::new(self.plan.settings_to_send()));
                let event = Box::new(settings.with_id(sent.note(RequestKind::SessionUpdate)));
                self.outputs.push(Output::SendNext { event, dialect: opening.dialect() });
            }
            // The first session of the call has shown the same warnings.
            NextAction::GoLive(ready, _) => {
                let (sent, dialect) = (std::mem::take(sent), opening.dialect());
                let primed = StandbyReady { ready, sent, dialect, loud: now, wake: None };
                self.rollover.step = RolloverStage::Primed(Box::new(primed));
                self.tell_next();
            }
            NextAction::Refused(failure) => self.next_refused(&failure.message),
        }
    }

    /// Tells the next server what it does not know of the conversation.
    fn tell_next(&mut self) {
        let items = self.untold_items();
        let RolloverStage::Primed(primed) = &mut self.rollover.step else { return };
        for item in items {
            let body = ClientBody::ItemCreate { previous_item_id: None, item };
            let event = Box::new(body.with_id(primed.sent.note(RequestKind::ItemCreate)));
            self.outputs.push(Output::SendNext { event, dialect: primed.dialect });
        }
    }

    /// It may work later, as long as there is time.
    fn next_failed(&mut self, now: Duration, why: &str) {
        self.show(Notice::Debug(format!("the next session could not be prepared: {why}")));
        self.drop_next();
        let again = now + TRY_AGAIN;
        if self.rollover.limit.is_some_and(|limit| again < limit.force) {
            self.rollover.step = RolloverStage::Wait(again);
        }
    }

    /// The endpoint wants to be left alone for so long.
    fn leave_next_alone(&mut self, now: Duration, asked: Option<Duration>) {
        if let (RolloverStage::Wait(at), Some(asked)) = (&mut self.rollover.step, asked) {
            *at = (*at).max(now + asked.min(LONGEST_ASKED));
        }
    }

    /// It will not work: the call is lost at the limit, and comes back then if it can.
    fn next_refused(&mut self, why: &str) {
        self.show(Notice::Info(format!("the session cannot be renewed before its time limit: {why}")));
        self.drop_next();
    }

    /// Gives up the connection that was to follow.
    pub(crate) fn drop_next(&mut self) {
        match std::mem::take(&mut self.rollover.step) {
            RolloverStage::Idle | RolloverStage::Wait(_) => {}
            RolloverStage::Dial | RolloverStage::Open(..) | RolloverStage::Primed(_) => {
                self.outputs.push(Output::DropNext)
            }
        }
        self.history.forget_next();
    }

    /// Does what the time has come for.
    pub(crate) fn check_rollover(&mut self, now: Duration) {
        if !matches!(self.phase, Phase::Live) {
            return;
        }
        match &self.rollover.step {
            RolloverStage::Wait(at) if now >= *at => {
                self.rollover.step = RolloverStage::Dial;
                self.outputs.push(Output::OpenNext(self.handshake));
            }
            RolloverStage::Open(opening, _) if now >= opening.deadline().at => {
                self.next_further(now, |opening, _| opening.tick(now));
            }
            RolloverStage::Primed(primed) => match self.moment(now, primed) {
                Some(moment) => self.switch_over(now, moment),
                None => self.wake_at_next_stage(now),
            },
            RolloverStage::Idle | RolloverStage::Wait(_) | RolloverStage::Dial | RolloverStage::Open(..) => {}
        }
    }

    fn moment(&self, now: Duration, primed: &StandbyReady) -> Option<SwitchReason> {
        let limit = self.rollover.limit?;
        if self.responses.is_active() || self.responses.is_waiting() || self.flushing.is_some() {
            return None;
        }
        let owed = self.responses.is_expected() || self.microphone.is_unsettled();
        let spoken = self.microphone.user_speaks();
        let quiet = now >= primed.loud + QUIET_FOR;
        let captioned = !self.transcript.is_outstanding();
        if !owed && !spoken && quiet && captioned && !self.playback.is_sounding() {
            return Some(SwitchReason::Calm);
        }
        if !owed && !spoken && now >= limit.press {
            return Some(SwitchReason::Calm);
        }
        (now >= limit.force).then_some(SwitchReason::Late)
    }

    fn wake_at_next_stage(&mut self, now: Duration) {
        let Some(SessionLimit { press, force, .. }) = self.rollover.limit else { return };
        if let RolloverStage::Primed(primed) = &mut self.rollover.step {
            let stages = [primed.loud + QUIET_FOR, press, force];
            primed.wake = stages.into_iter().filter(|at| *at > now).min();
        }
    }

    /// Moves the call to the connection that is primed.
    pub(crate) fn switch_over(&mut self, now: Duration, moment: SwitchReason) {
        self.tell_next();
        let RolloverStage::Primed(primed) = std::mem::take(&mut self.rollover.step) else { return };
        let StandbyReady { ready, sent, dialect, .. } = *primed;
        self.outputs.push(Output::Switch);
        self.latency.new_server();
        self.microphone.media.new_connection();
        (self.sent, self.dialect) = (sent, dialect);
        self.deduplicator = EventDeduplicator::default();
        self.placement.new_server();
        self.history.hand_over();
        self.model = ready.model.clone().or_else(|| self.model.take());
        self.plan_handover(now, ready.expires_at);
        self.backoff.went_live(now);
        let kept = self.turns_kept();
        let told = match moment {
            SwitchReason::Calm | SwitchReason::Late => "the session was renewed before its time limit",
            SwitchReason::Lost => "the connection ended: the call goes on in a new session",
        };
        self.show(Notice::Info(format!("{told}{kept}")));
        self.show(Notice::Ready(ready));
        match moment {
            SwitchReason::Calm => self.captions_abandoned(),
            SwitchReason::Late => {
                let first_uncaptioned = self.first_uncaptioned();
                self.captions_abandoned();
                self.microphone.server_gone(self.plan.turn_control());
                self.rewind_input(first_uncaptioned);
                self.send_kept_audio(now);
            }
            SwitchReason::Lost => {
                // Half an answer is not doubled.
                if self.flushing.is_none() {
                    self.ask_again(now);
                }
                self.send_kept_audio(now);
            }
        }
    }
}
