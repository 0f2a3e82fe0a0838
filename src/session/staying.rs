//! A lost connection comes back by itself: after a pause that grows, with the conversation so far.
//!
//! There is no resuming: a new connection is a new session with an empty conversation, and nothing of
//! the dead one has a name there any more.

use std::time::Duration;

use crate::protocol::client::ClientBody;
use crate::protocol::close::CloseCause;
use crate::protocol::response::ResponseConfig;
use crate::session::errors::{Cause, Sent};
use crate::session::io::{Connection, Deadline, DialFailure, EndReason, Failure, Notice, Output, Reason};
use crate::session::plan::Mode;
use crate::session::repeats::Repeats;
use crate::session::responses::Responses;
use crate::session::{Phase, Session};

/// How often it is tried before the call is given up.
const MOST_ATTEMPTS: u32 = 6;

/// The first pause; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The longest that a server may ask to be left alone. Nobody holds a call that is away for longer.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// A connection that held for so long was a good one: what is lost after it begins anew.
const GOOD_CONNECTION: Duration = Duration::from_secs(60);

/// The connection is lost and is to come back.
#[derive(Debug)]
pub(super) struct Away {
    step: Step,
    /// Why it was lost; told if it does not come back.
    failure: Failure,
}

#[derive(Debug, PartialEq)]
enum Step {
    /// Until then.
    Pause(Duration),
    /// The outside is at it.
    Dial,
}

/// How often the connection had to be made again.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    made: u32,
    live_since: Option<Duration>,
    /// How long the server wants to be left alone.
    asked: Duration,
}

impl Away {
    pub(super) fn deadline(&self) -> Option<Deadline> {
        match self.step {
            Step::Pause(at) => Some(Deadline { at, reason: Reason::Redial }),
            Step::Dial => None,
        }
    }
}

impl Attempts {
    /// Returns whether the session is configured for the second time or later.
    pub(super) fn is_return(&self) -> bool {
        self.made > 0
    }

    pub(super) fn went_live(&mut self, now: Duration) {
        self.live_since = Some(now);
    }

    /// The server wants to be left alone for so long; the next pause begins after it.
    fn leave_alone(&mut self, asked: Option<Duration>) {
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
    pub(super) fn can_come_back(&self, cause: &CloseCause) -> bool {
        let lasting = match self.plan.mode {
            Mode::Talk | Mode::Chat | Mode::Transcribe => true,
            Mode::Ask => false,
        };
        let was_live = self.attempts.live_since.is_some() || self.attempts.is_return();
        let hopeless = self.last_fatal;
        lasting && was_live && !hopeless && is_passing(cause)
    }

    /// Keeps the call while the connection is away; `trouble` is what went wrong last, `failure` what did first.
    pub(super) fn lose(&mut self, now: Duration, failure: Failure, trouble: &str) {
        let asked = self.attempts.asked;
        let Some(pause) = self.attempts.next(now) else {
            self.silence_and_close_lines();
            self.end(EndReason::Lost(failure));
            return;
        };
        self.forget_server(now);
        let when = if asked.is_zero() { String::new() } else { format!(" in {:.0} s", pause.as_secs_f64()) };
        self.show(Notice::Info(format!("{trouble}: trying again{when}")));
        self.show(Notice::Connection(Connection::Away));
        self.phase = Phase::Away(Away { step: Step::Pause(now + pause), failure });
    }

    /// Forgets all that has a name only in the dead session.
    fn forget_server(&mut self, now: Duration) {
        // An answer that came whole may be heard to its end; of one that did not, nothing more comes, and
        // its line ends when the sound side says how much of it was heard.
        if self.responses.is_active() {
            self.fall_silent(now);
        }
        self.transcript.forget_outstanding();
        self.last_error = None;
        self.fatal = None;
        self.sent = Sent::default();
        self.repeats = Repeats::default();
        self.responses = Responses::default();
        self.microphone.connection_lost();
    }

    pub(super) fn tick_away(&mut self, now: Duration) {
        let Phase::Away(away) = &mut self.phase else { return };
        if let Step::Pause(at) = away.step
            && now >= at
        {
            away.step = Step::Dial;
            self.show(Notice::Connection(Connection::Connecting));
            self.outputs.push(Output::Open);
        }
    }

    pub(super) fn dial_failed(&mut self, now: Duration, trouble: DialFailure) {
        let Phase::Away(away) = &self.phase else { return };
        let lost = away.failure.clone();
        match trouble {
            DialFailure::Passing { failure, retry_after } => {
                self.attempts.leave_alone(retry_after);
                self.lose(now, lost, &failure.message);
            }
            DialFailure::Final(failure) => {
                self.silence_and_close_lines();
                self.end(EndReason::Refused(failure));
            }
        }
    }

    /// Tells the new server what was said so far. What is still to be answered is asked again.
    pub(super) fn replay(&mut self, now: Duration) {
        let items = self.memory.items();
        let lost_ms = self.microphone.lost_while_away();
        let kept = match items.len() {
            0 => "connected again".to_owned(),
            1 => "connected again, 1 turn kept".to_owned(),
            count => format!("connected again, {count} turns kept"),
        };
        self.show(Notice::Info(kept));
        if lost_ms > 0 {
            let seconds = Duration::from_millis(lost_ms).as_secs_f64();
            let message = format!("{seconds:.1} s of the microphone were lost while the connection was away");
            self.show(Notice::Error { code: None, message });
        }
        for item in items {
            self.send(ClientBody::ItemCreate { previous_item_id: None, item }, Cause::ItemCreate);
        }
        let answers = match self.plan.mode {
            Mode::Talk | Mode::Chat | Mode::Ask => true,
            Mode::Transcribe => false,
        };
        if answers && self.memory.waits_for_answer() {
            self.ask_for_answer(now, ResponseConfig::default());
        }
    }
}

/// Returns whether a connection that ended so may come back: what the official clients retry.
fn is_passing(cause: &CloseCause) -> bool {
    match cause {
        CloseCause::Broken(_)
        | CloseCause::Peer { code: None | Some(1001 | 1005 | 1006 | 1011..=1013), .. } => true,
        CloseCause::Peer { code: Some(_), .. } | CloseCause::Ours => false,
    }
}
