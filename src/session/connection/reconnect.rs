//! A lost connection comes back by itself: after a pause that grows, with the conversation so far.
//!
//! There is no resuming: a new connection is a new session with an empty conversation, and nothing of
//! the dead one has a name there any more.

use std::time::Duration;

use crate::protocol::close::{CloseCause, is_valid_close_code};
use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::item::Item;
use crate::protocol::events::response::ResponseConfig;
use crate::protocol::events::server::ErrorInfo;
use crate::session::connection::deduplication::EventDeduplicator;
use crate::session::errors::{RequestKind, SentRequests, describe};
use crate::session::io::{
    ConnectionState, Deadline, DialFailure, EndReason, Failure, Handshake, Notice, Output, Reason,
};
use crate::session::plan::{Mode, TurnControl};
use crate::session::response::sequencer::Responses;
use crate::session::{Phase, Session};

/// How often it is tried before the call is given up.
const MOST_ATTEMPTS: u32 = 6;

/// The first pause; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The longest that a server may ask to be left alone. Nobody holds a call that is away for longer.
pub(crate) const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// A connection that held for so long was a good one: what is lost after it begins anew.
const GOOD_CONNECTION: Duration = Duration::from_secs(60);

/// A line that carried nothing for so long, at least, is closed for that. Proxies wait 60 s and more.
const IDLE_LINE: Duration = Duration::from_secs(20);

/// The connection is lost and is to come back.
#[derive(Debug)]
pub(crate) struct Reconnecting {
    step: ReconnectStage,
    /// Why it was lost; told if it does not come back.
    failure: Failure,
}

/// Whether the user is told that the connection is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Notify {
    /// They are.
    #[default]
    User,
    /// It was closed because nobody spoke, and is to be there again when somebody does.
    Log,
}

#[derive(Debug, PartialEq)]
enum ReconnectStage {
    /// Until then.
    Pause(Duration),
    /// The outside is at it.
    Dial,
}

/// How often the connection had to be made again.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    made: u32,
    live_since: Option<Duration>,
    /// How long the server wants to be left alone.
    asked: Duration,
    told: Notify,
}

impl Reconnecting {
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        match self.step {
            ReconnectStage::Pause(at) => Some(Deadline { at, reason: Reason::Redial }),
            ReconnectStage::Dial => None,
        }
    }
}

impl Backoff {
    /// Returns whether the session is configured for the second time or later.
    pub(crate) fn is_return(&self) -> bool {
        self.made > 0
    }

    pub(crate) fn went_live(&mut self, now: Duration) {
        self.live_since = Some(now);
    }

    /// The server wants to be left alone for so long; the next pause begins after it.
    fn set_retry_after(&mut self, asked: Option<Duration>) {
        self.asked = asked.unwrap_or_default().min(LONGEST_ASKED);
    }

    /// Counts one more; returns the pause before it, or nothing if it was tried often enough.
    fn next(&mut self, now: Duration) -> Option<Duration> {
        let held = self.live_since.take().is_some_and(|since| now.saturating_sub(since) >= GOOD_CONNECTION);
        if held {
            self.made = 0;
        }
        if self.made == MOST_ATTEMPTS {
            return None;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.made).min(LONGEST_PAUSE);
        self.made += 1;
        Some(std::mem::take(&mut self.asked) + pause.mul_f64(jitter(now)))
    }
}

/// Returns a factor between 0.75 and 1.25 that differs between programs: many that lose the same server
/// must not come back at the same moment. The microseconds of a loss are chance enough.
fn jitter(now: Duration) -> f64 {
    let scattered = now.as_micros().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    0.75 + f64::from((scattered & 0xFFFF) as u16) / f64::from(u16::MAX) / 2.0
}

impl Session {
    /// Returns whether a call that ended so is to be taken up again.
    pub(crate) fn can_come_back(&self, now: Duration, cause: &CloseCause) -> bool {
        let lasting = match self.plan.mode {
            Mode::Talk | Mode::Chat | Mode::Transcribe => true,
            Mode::Ask => false,
        };
        let was_live = self.backoff.live_since.is_some() || self.backoff.is_return();
        let hopeless = self.is_refused(now, cause);
        lasting && was_live && !hopeless && (is_passing(cause) || is_normal(cause) && self.is_idle_line(now))
    }

    /// Returns whether the line carries nothing, as between turns that are made here: gateways
    /// close such a line after a while.
    fn is_idle_line(&self, now: Duration) -> bool {
        let silent =
            !self.microphone.user_speaks() && !self.is_answering() && !self.microphone.is_unsettled();
        let only_turns = self.plan.turn_control() != TurnControl::Server;
        only_turns && silent && self.last_error.is_none() && self.lifeless_for(now) >= IDLE_LINE
    }

    /// Keeps the call while the connection is away; `trouble` is what went wrong last, `failure` what did first.
    pub(crate) fn lose(&mut self, now: Duration, failure: Failure, trouble: &str) {
        let asked = self.backoff.asked;
        let told = if self.is_idle_line(now) { Notify::Log } else { Notify::User };
        let Some(pause) = self.backoff.next(now) else {
            self.silence_and_close_lines();
            self.end(EndReason::Lost(failure));
            return;
        };
        self.forget_server(now);
        self.drop_next();
        let when = if asked.is_zero() { String::new() } else { format!(" in {:.0} s", pause.as_secs_f64()) };
        match told {
            Notify::User => self.show(Notice::Info(format!("{trouble}: trying again{when}"))),
            Notify::Log => self.show(Notice::Debug(format!("{trouble}: it was idle, trying again{when}"))),
        }
        self.show(Notice::Connection(ConnectionState::Reconnecting));
        self.backoff.told = told;
        self.phase = Phase::Reconnecting(Reconnecting { step: ReconnectStage::Pause(now + pause), failure });
    }

    /// Forgets all that has a name only in the dead session.
    pub(crate) fn forget_server(&mut self, now: Duration) {
        // An answer that came whole may be heard to its end; of one that did not, nothing more comes, and
        // its line ends when the sound side says how much of it was heard.
        if self.responses.is_active() {
            self.fall_silent(now);
        }
        let first_uncaptioned = self.first_uncaptioned();
        self.captions_abandoned();
        self.last_error = None;
        self.pending_error = None;
        self.sent = SentRequests::default();
        self.deduplicator = EventDeduplicator::default();
        self.responses = Responses::default();
        self.latency.new_server();
        self.microphone.media.new_connection();
        self.microphone.server_gone(self.plan.turn_control());
        self.rewind_input(first_uncaptioned);
    }

    /// The endpoint will not have the beta protocol: the same call is tried once in the GA dialect.
    pub(crate) fn leave_beta(&mut self, now: Duration, error: &ErrorInfo) {
        let failure = Failure { message: describe(error), code: error.code.clone() };
        if matches!(self.phase, Phase::Live) {
            // What was said must be told again.
            self.backoff.made += 1;
        }
        self.forget_server(now);
        self.drop_next();
        self.handshake = Handshake::WithoutBetaHeader;
        self.plan.dialect = Some(Dialect::Ga);
        self.show(Notice::Info("the endpoint no longer speaks the beta dialect: trying GA".to_owned()));
        self.show(Notice::Connection(ConnectionState::Connecting));
        self.phase = Phase::Reconnecting(Reconnecting { step: ReconnectStage::Dial, failure });
        self.outputs.push(Output::Open(self.handshake));
    }

    pub(crate) fn tick_away(&mut self, now: Duration) {
        let Phase::Reconnecting(away) = &mut self.phase else { return };
        if let ReconnectStage::Pause(at) = away.step
            && now >= at
        {
            away.step = ReconnectStage::Dial;
            self.show(Notice::Connection(ConnectionState::Connecting));
            self.outputs.push(Output::Open(self.handshake));
        }
    }

    pub(crate) fn dial_failed(&mut self, now: Duration, trouble: DialFailure) {
        let Phase::Reconnecting(away) = &self.phase else { return };
        let lost = away.failure.clone();
        match trouble {
            DialFailure::Passing { failure, retry_after } => {
                self.backoff.set_retry_after(retry_after);
                self.lose(now, lost, &failure.message);
            }
            DialFailure::Final(failure) => {
                self.silence_and_close_lines();
                self.end(EndReason::Refused(failure));
            }
        }
    }

    /// Tells the new server what was said so far. What is still to be answered is asked again.
    pub(crate) fn replay(&mut self, now: Duration) {
        let lost_ms = self.microphone.lost_while_away();
        let items = self.untold_items();
        self.history.hand_over();
        let told = format!("connected again{}", self.turns_kept());
        match self.backoff.told {
            Notify::User => self.show(Notice::Info(told)),
            Notify::Log => self.show(Notice::Debug(told)),
        }
        if lost_ms > 0 {
            let seconds = Duration::from_millis(lost_ms).as_secs_f64();
            let message = format!("{seconds:.1} s of the microphone were lost while the connection was away");
            self.show(Notice::Error { code: None, message });
        }
        for item in items {
            self.send(ClientBody::ItemCreate { previous_item_id: None, item }, RequestKind::ItemCreate);
        }
        self.ask_again(now);
    }

    /// Returns what the server that follows is to be told of the conversation; captions are none.
    pub(crate) fn untold_items(&mut self) -> Vec<Item> {
        match self.plan.mode {
            Mode::Talk | Mode::Chat | Mode::Ask => self.history.take_untold(),
            Mode::Transcribe => Vec::new(),
        }
    }

    /// Says how much of the conversation the server in use was told.
    pub(crate) fn turns_kept(&self) -> String {
        match self.history.count() {
            0 => String::new(),
            1 => ", 1 turn kept".to_owned(),
            count => format!(", {count} turns kept"),
        }
    }

    /// Asks for the answer that the server before owed.
    pub(crate) fn ask_again(&mut self, now: Duration) {
        let answers = match self.plan.mode {
            Mode::Talk | Mode::Chat | Mode::Ask => true,
            Mode::Transcribe => false,
        };
        if answers && self.history.waits_for_answer() {
            self.ask_for_answer(now, ResponseConfig::default());
        }
    }
}

fn is_normal(cause: &CloseCause) -> bool {
    matches!(cause, CloseCause::Peer { code: Some(1000), .. })
}

/// Returns whether a connection that ended so may come back: what the official clients retry.
fn is_passing(cause: &CloseCause) -> bool {
    match cause {
        CloseCause::Broken(_) | CloseCause::Peer { code: None | Some(1001 | 1011..=1014), .. } => true,
        CloseCause::Peer { code: Some(code), .. } => !is_valid_close_code(*code),
        CloseCause::Ours => false,
    }
}
