//! How a call ends: by the user, by the end of its input, or by the other side.

use std::time::Duration;

use crate::protocol::close::CloseCause;
use crate::session::connection::rollover::SwitchReason;
use crate::session::io::{
    ConnectionState, Deadline, EndReason, Failure, MissingReply, Notice, Output, Reason,
};
use crate::session::plan::{InputEndAction, Mode, TurnControl};
use crate::session::{Phase, Session};

/// How long the server may take to answer the goodbye.
const GOODBYE_WITHIN: Duration = Duration::from_millis(500);

/// How long after the server's silence a turn may still be found: a round trip and its own delay.
const TURN_FOUND_WITHIN: Duration = Duration::from_millis(1_500);

/// How long to wait for the first turn: a server that is busy or far away hears it late.
const FIRST_TURN_WITHIN: Duration = Duration::from_secs(5);

/// How long a caption, or the end of a turn, is waited for when nothing else happens.
const CAPTION_WITHIN: Duration = Duration::from_secs(10);

/// How long the server's answer to a turn is waited for: a pipeline of models takes its time.
const ANSWER_BEGUN_WITHIN: Duration = Duration::from_secs(30);

/// The goodbye is under way, and what was heard of the last answer may still be told.
#[derive(Debug)]
pub(crate) struct Closing {
    until: Duration,
    reason: EndReason,
    goodbye: CloseProgress,
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CloseProgress {
    /// The other side has not answered.
    Awaited,
    /// There is no connection any more.
    Over,
}

impl Closing {
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline { at: self.until, reason: Reason::NoCloseReply }
    }
}

impl Session {
    /// Ends the call; asked for twice, it does not wait for the server.
    pub(crate) fn hang_up(&mut self, now: Duration, reason: EndReason) {
        match &self.phase {
            Phase::Connecting | Phase::Reconnecting(_) | Phase::Closing(_) => self.end_here(reason),
            Phase::Opening(_) | Phase::Live => {
                self.fall_silent(now);
                self.show(Notice::Connection(ConnectionState::Closing));
                self.outputs.push(Output::Close);
                self.close(now, reason, CloseProgress::Awaited);
            }
            Phase::Over => {}
        }
    }

    /// Stops the sound; every line ends where it was heard.
    pub(crate) fn silence_and_close_lines(&mut self) {
        if self.playback.is_sounding() {
            self.outputs.push(Output::Flush);
        }
        self.close_lines();
    }

    pub(crate) fn tick_closing(&mut self, now: Duration) {
        let Phase::Closing(closing) = &self.phase else { return };
        if now >= closing.until {
            let reason = closing.reason.clone();
            self.end_here(reason);
        }
    }

    pub(crate) fn closed(&mut self, now: Duration, cause: CloseCause) {
        if let Phase::Closing(closing) = &mut self.phase {
            closing.goodbye = CloseProgress::Over;
            self.finish_close();
            return;
        }
        let comes_back = self.can_come_back(now, &cause);
        let reason = self.judge(now, cause);
        if comes_back && let Some(failure) = why_lost(&reason) {
            if self.rollover.is_primed() {
                self.forget_server(now);
                self.switch_over(now, SwitchReason::Lost);
                return;
            }
            let trouble = failure.message.clone();
            self.lose(now, failure, &trouble);
            return;
        }
        self.fall_silent(now);
        self.close(now, reason, CloseProgress::Over);
        self.finish_close();
    }

    /// Ends the call once nothing more is to be learned: neither from the server nor of what was heard.
    pub(crate) fn finish_close(&mut self) {
        let Phase::Closing(closing) = &self.phase else { return };
        if self.flushing.is_none() && closing.goodbye == CloseProgress::Over {
            let reason = closing.reason.clone();
            self.end_here(reason);
        }
    }

    /// Stops the sound; lines that were spoken end when the sound side says how much of them was heard.
    pub(crate) fn fall_silent(&mut self, now: Duration) {
        self.stop_sound(now);
        self.latency.abandon();
        match self.flushing {
            None => self.close_lines(),
            Some(_) => self.lines_abandoned(),
        }
    }

    fn close(&mut self, now: Duration, reason: EndReason, goodbye: CloseProgress) {
        self.phase = Phase::Closing(Closing { until: now + GOODBYE_WITHIN, reason, goodbye });
    }

    fn end_here(&mut self, reason: EndReason) {
        self.flushing = None;
        self.silence_and_close_lines();
        self.end(reason);
    }

    /// The error event before a close is its reason; the close code says whether it was a refusal.
    fn judge(&self, now: Duration, cause: CloseCause) -> EndReason {
        if let Phase::Opening(opening) = &self.phase
            && let Some(refusal) = opening.refusal()
        {
            return EndReason::Refused(refusal);
        }
        let is_refused = self.is_refused(now, &cause);
        let reason = self.judge_close(now, cause);
        match &reason {
            // However it closes then, it has refused.
            EndReason::Lost(failure) if is_refused => EndReason::Refused(failure.clone()),
            EndReason::Lost(_)
            | EndReason::Refused(_)
            | EndReason::User
            | EndReason::Signal(_)
            | EndReason::InputEnded
            | EndReason::Answered
            | EndReason::Limit(_)
            | EndReason::ServerClosed(_)
            | EndReason::Unanswered(_)
            | EndReason::NoInput(_) => reason,
        }
    }

    fn judge_close(&self, now: Duration, cause: CloseCause) -> EndReason {
        let unanswered = self.plan.mode == Mode::Ask || matches!(self.phase, Phase::Opening(_));
        match cause {
            CloseCause::Ours => EndReason::ServerClosed(String::new()),
            CloseCause::Peer { code: Some(1000), reason } if !unanswered => self.outcome_of_close(reason),
            CloseCause::Peer { code: Some(code @ (1008 | 3000..=4999)), reason } => EndReason::Refused(
                self.failure(now, format!("the endpoint refused the session (close code {code})"), &reason),
            ),
            CloseCause::Peer { code: Some(code), reason } => EndReason::Lost(self.failure(
                now,
                format!("the endpoint closed the connection (code {code})"),
                &reason,
            )),
            CloseCause::Peer { code: None, reason } => {
                EndReason::Lost(self.failure(now, "the endpoint closed the connection".to_owned(), &reason))
            }
            CloseCause::Broken(what) => {
                EndReason::Lost(self.failure(now, "the connection broke".to_owned(), &what))
            }
        }
    }

    fn failure(&self, now: Duration, what: String, reason: &str) -> Failure {
        match self.error_before_close(now) {
            Some(error) => {
                Failure { message: format!("{what}: {}", error.message), code: error.code.clone() }
            }
            None if reason.is_empty() => Failure { message: what, code: None },
            None => Failure { message: format!("{what}: {reason}"), code: None },
        }
    }

    /// After the end of the input, the call ends when everything was answered and heard.
    pub(crate) fn check_input_end(&mut self, now: Duration) {
        let is_over = |deadline: Option<Deadline>| deadline.is_some_and(|deadline| now >= deadline.at);
        if !is_over(self.input_end_deadline()) || !matches!(self.phase, Phase::Live) {
            return;
        }
        let reason = match self.stalled_at() {
            Some(_) => EndReason::Unanswered(MissingReply::Unfinished),
            None => self.outcome_of_input(),
        };
        self.hang_up(now, reason);
    }

    pub(crate) fn is_answering(&self) -> bool {
        let responding = self.responses.is_active() || self.responses.is_waiting();
        responding || self.playback.is_sounding() || self.flushing.is_some()
    }

    pub(crate) fn input_end_deadline(&self) -> Option<Deadline> {
        if let Some(at) = self.stalled_at() {
            return Some(Deadline { at, reason: Reason::InputDrained });
        }
        if self.plan.at_input_end == InputEndAction::GoOn || self.is_answering() {
            return None;
        }
        let quiet_since = self.microphone.quiet_since()?;
        let turn_found = self.plan.silence() + TURN_FOUND_WITHIN;
        let patience = match self.plan.turn_control() {
            _ if self.responses.is_expected() => ANSWER_BEGUN_WITHIN,
            _ if self.microphone.user_speaks() || self.transcript.is_outstanding() => CAPTION_WITHIN,
            TurnControl::Server if self.outcome.turns() == 0 => turn_found.max(FIRST_TURN_WITHIN),
            TurnControl::Server | TurnControl::Local => turn_found,
            TurnControl::Manual => Duration::ZERO,
        };
        Some(Deadline { at: quiet_since + patience, reason: Reason::InputDrained })
    }
}

/// Returns why a connection is gone that may come back.
fn why_lost(reason: &EndReason) -> Option<Failure> {
    match reason {
        EndReason::Lost(failure) => Some(failure.clone()),
        EndReason::ServerClosed(_) => {
            Some(Failure { message: "the endpoint closed the connection".to_owned(), code: None })
        }
        EndReason::User
        | EndReason::Signal(_)
        | EndReason::InputEnded
        | EndReason::Answered
        | EndReason::Limit(_)
        | EndReason::NoInput(_)
        | EndReason::Unanswered(_)
        | EndReason::Refused(_) => None,
    }
}
