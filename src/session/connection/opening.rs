//! From an open socket to a configured session: the same for the first connection and for each that follows.

use std::time::Duration;

use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::settings::{SessionInfo, SessionSettings};
use crate::session::errors::{RequestKind, describe};
use crate::session::io::{ConnectionState, Deadline, EndReason, Failure, Notice, Ready, Reason};
use crate::session::plan::Plan;
use crate::session::{Phase, Session};

/// How long `session.created` may take before the settings are sent without it: some gateways wait
/// for the first event of the client, and some servers begin with another event.
const CREATED_WITHIN: Duration = Duration::from_secs(3);

/// How long `session.updated` may take before audio is sent without it: some servers never send it.
const UPDATED_WITHIN: Duration = Duration::from_secs(1);

/// How often the settings are sent again without a field the server does not know.
const MOST_RETRIES: u32 = 4;

/// What is known while a connection opens.
#[derive(Debug)]
pub(crate) struct Opening {
    step: OpeningStage,
    until: Duration,
    ready: Ready,
    created: Option<Dialect>,
    /// The dialect that the plan demands; otherwise the server's is found.
    fixed: Option<Dialect>,
    dialect: Dialect,
    retries: u32,
    /// Errors about the settings: a refusal, unless `session.updated` follows.
    refusals: Vec<Failure>,
}

#[derive(Debug, PartialEq)]
enum OpeningStage {
    AwaitCreated,
    AwaitUpdated,
}

/// What is to be done next.
#[derive(Debug, PartialEq)]
pub(crate) enum NextAction {
    /// Nothing.
    Wait,
    /// Send the settings, after telling this if there is something to tell.
    SendSettings(Option<String>),
    /// The session is configured, in spite of these errors.
    GoLive(Ready, Vec<Failure>),
    /// The server will not have the settings.
    Refused(Failure),
}

impl Opening {
    /// Begins with an open socket.
    pub(crate) fn begin(now: Duration, plan: &Plan) -> Self {
        Self {
            step: OpeningStage::AwaitCreated,
            until: now + CREATED_WITHIN,
            ready: Ready::default(),
            created: None,
            fixed: plan.dialect,
            // What a server showed of itself holds for its connection only.
            dialect: plan.dialect.unwrap_or_default(),
            retries: 0,
            refusals: Vec::new(),
        }
    }

    /// Returns the dialect that is written here.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns whether the settings are sent.
    pub(crate) fn has_asked(&self) -> bool {
        self.step == OpeningStage::AwaitUpdated
    }

    pub(crate) fn deadline(&self) -> Deadline {
        let reason = match self.step {
            OpeningStage::AwaitCreated => Reason::NoCreated,
            OpeningStage::AwaitUpdated => Reason::NoUpdated,
        };
        Deadline { at: self.until, reason }
    }

    pub(crate) fn created(&mut self, now: Duration, info: &SessionInfo) -> NextAction {
        self.ready.learn(info);
        if self.step != OpeningStage::AwaitCreated {
            return NextAction::Wait;
        }
        self.created = info.shape;
        if let (None, Some(shape)) = (self.fixed, info.shape) {
            self.dialect = shape;
        }
        self.send_settings(now, None)
    }

    /// Some servers begin with it, and never say `session.created`; where the dialect is known there is
    /// nothing to wait for.
    pub(crate) fn conversation_created(&mut self, now: Duration) -> NextAction {
        match (&self.step, self.fixed) {
            (OpeningStage::AwaitCreated, Some(_)) => self.send_settings(now, None),
            (OpeningStage::AwaitCreated | OpeningStage::AwaitUpdated, _) => NextAction::Wait,
        }
    }

    pub(crate) fn updated(&mut self, info: &SessionInfo) -> NextAction {
        self.ready.learn(info);
        match self.step {
            OpeningStage::AwaitCreated => NextAction::Wait,
            OpeningStage::AwaitUpdated => self.go_live(),
        }
    }

    pub(crate) fn tick(&mut self, now: Duration) -> NextAction {
        match self.step {
            _ if now < self.until => NextAction::Wait,
            OpeningStage::AwaitCreated => self.send_settings(now, None),
            OpeningStage::AwaitUpdated => match self.refusals.first() {
                Some(complaint) => NextAction::Refused(refusal_of(complaint)),
                None => self.go_live(),
            },
        }
    }

    /// Returns the error with which the server refused the settings, unless `session.updated` follows.
    pub(crate) fn refusal(&self) -> Option<Failure> {
        self.refusals.first().map(refusal_of)
    }

    /// The update is sent again without the field that the error names. Other errors refuse the session,
    /// unless `session.updated` follows: some servers apply the rest and send an error per field.
    pub(crate) fn refused(
        &mut self,
        now: Duration,
        error: &ErrorInfo,
        settings: &mut SessionSettings,
    ) -> NextAction {
        self.retries += 1;
        let retries_left = self.retries <= MOST_RETRIES;
        let unknown_shape = self.created.is_none() && self.fixed.is_none();
        if retries_left && let Some(field) = drop_unknown_field(error, settings) {
            let told = format!("the endpoint does not know {field}: going on without it");
            self.send_settings(now, Some(told))
        } else if retries_left && unknown_shape && self.dialect == Dialect::Ga {
            self.dialect = Dialect::Beta;
            let told = "the endpoint refused the GA settings: trying the beta dialect".to_owned();
            self.send_settings(now, Some(told))
        } else {
            self.until = now + UPDATED_WITHIN;
            self.refusals.push(complaint(error));
            NextAction::Wait
        }
    }

    fn send_settings(&mut self, now: Duration, told: Option<String>) -> NextAction {
        self.step = OpeningStage::AwaitUpdated;
        self.until = now + UPDATED_WITHIN;
        NextAction::SendSettings(told)
    }

    fn go_live(&mut self) -> NextAction {
        let ready = Ready { dialect: self.dialect, ..std::mem::take(&mut self.ready) };
        NextAction::GoLive(ready, std::mem::take(&mut self.refusals))
    }
}

/// Returns what an error says, and the field it names, which tells what to change.
fn complaint(error: &ErrorInfo) -> Failure {
    let said = describe(error);
    let field = match error.param.as_deref() {
        Some(param) if !param.is_empty() && !said.contains(param) => format!(" ({param})"),
        Some(_) | None => String::new(),
    };
    Failure { message: format!("{said}{field}"), code: error.code.clone() }
}

fn refusal_of(complaint: &Failure) -> Failure {
    let message = format!("the endpoint refused the session's settings: {}", complaint.message);
    Failure { message, code: complaint.code.clone() }
}

fn drop_unknown_field(error: &ErrorInfo, settings: &mut SessionSettings) -> Option<String> {
    if error.code.as_deref() != Some("unknown_parameter") {
        return None;
    }
    let field = error.param.as_deref()?;
    settings.drop_param(field).then(|| field.to_owned())
}

impl Session {
    pub(crate) fn opened(&mut self, now: Duration) {
        self.show(Notice::Connection(ConnectionState::Configuring));
        let opening = Opening::begin(now, &self.plan);
        self.placement.new_server();
        self.dialect = opening.dialect();
        self.phase = Phase::Opening(opening);
    }

    pub(crate) fn session_created(&mut self, now: Duration, info: &SessionInfo) {
        self.open_further(now, |opening, _| opening.created(now, info));
    }

    pub(crate) fn conversation_created(&mut self, now: Duration) {
        self.open_further(now, |opening, _| opening.conversation_created(now));
    }

    pub(crate) fn session_updated(&mut self, now: Duration, info: &SessionInfo) {
        self.downgrade_pending_error();
        self.open_further(now, |opening, _| opening.updated(info));
    }

    pub(crate) fn tick_opening(&mut self, now: Duration) {
        self.open_further(now, |opening, _| opening.tick(now));
    }

    pub(crate) fn settings_refused(&mut self, now: Duration, error: &ErrorInfo) {
        if !matches!(self.phase, Phase::Opening(_)) {
            self.show_error(now, error);
            return;
        }
        self.open_further(now, |opening, settings| opening.refused(now, error, settings));
    }

    fn open_further(
        &mut self,
        now: Duration,
        step: impl FnOnce(&mut Opening, &mut SessionSettings) -> NextAction,
    ) {
        let Phase::Opening(opening) = &mut self.phase else { return };
        match step(opening, &mut self.plan.settings) {
            NextAction::Wait => {}
            NextAction::SendSettings(told) => {
                self.dialect = opening.dialect();
                if let Some(told) = told {
                    self.show(Notice::Info(told));
                }
                if !self.plan.omitted.is_empty() {
                    let omitted = self.plan.omitted.join(", ");
                    self.show(Notice::Debug(format!("settings not sent to this endpoint: {omitted}")));
                }
                let settings = Box::new(self.plan.settings_to_send());
                self.send(ClientBody::SessionUpdate(settings), RequestKind::SessionUpdate);
            }
            NextAction::GoLive(ready, complaints) => {
                for Failure { message, .. } in complaints {
                    self.warn(&format!("the endpoint did not apply a setting: {message}"));
                }
                self.go_live(now, ready);
            }
            NextAction::Refused(failure) => self.hang_up(now, EndReason::Refused(failure)),
        }
    }

    fn go_live(&mut self, now: Duration, ready: Ready) {
        self.phase = Phase::Live;
        self.model = ready.model.clone().or_else(|| self.model.take());
        self.plan_handover(now, ready.expires_at);
        self.show(Notice::Ready(ready));
        self.show(Notice::Connection(ConnectionState::Live));
        if self.backoff.is_return() {
            self.replay(now);
        }
        self.backoff.went_live(now);
        self.note_activity(now);
        self.send_kept_audio(now);
        for text in std::mem::take(&mut self.plan.opening) {
            self.say(now, text);
        }
    }
}

impl Ready {
    fn learn(&mut self, info: &SessionInfo) {
        use crate::protocol::settings::Voice;

        let voice = info.settings.voice.clone().map(|voice| match voice {
            Voice::Named(name) | Voice::Custom(name) => name,
        });
        self.session_id = info.id.clone().or_else(|| self.session_id.take());
        self.model = info.settings.model.clone().or_else(|| self.model.take());
        self.voice = voice.or_else(|| self.voice.take());
        self.expires_at = info.expires_at.or(self.expires_at);
    }
}
