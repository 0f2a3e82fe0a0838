//! From an open socket to a configured session, for the first connection and each later one.

use std::time::Duration;

use crate::protocol::dialect::Dialect;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::settings::{SessionInfo, SessionSettings, Voice};
use crate::session::connection::errors::describe;
use crate::session::io::{Deadline, Failure, Ready, Reason};
use crate::session::plan::Plan;

/// How long to wait for `session.created` before sending the settings without it: some gateways wait
/// for the first event of the client, and some servers begin with another event.
const CREATED_TIMEOUT: Duration = Duration::from_secs(3);

/// How long to wait for `session.updated` before sending audio without it: some servers never send it.
const UPDATED_TIMEOUT: Duration = Duration::from_secs(1);

/// How often the settings are sent again without a field that the server does not know.
const MAX_RETRIES: u32 = 4;

/// State of a connection while it opens.
#[derive(Debug)]
pub(crate) struct Opening {
    stage: OpeningStage,
    until: Duration,
    ready: Ready,
    created: Option<Dialect>,
    /// The dialect that the plan demands; otherwise the server's is detected.
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

/// Next action while opening.
#[derive(Debug, PartialEq)]
pub(crate) enum NextAction {
    Wait,
    /// Send the settings, with a message for the user if something changed.
    SendSettings(Option<String>),
    /// The session is configured; the errors become warnings.
    GoLive(Ready, Vec<Failure>),
    /// The server refused the settings.
    Refused(Failure),
}

impl Opening {
    /// Starts with an open socket.
    pub(crate) fn new(now: Duration, plan: &Plan) -> Self {
        Self {
            stage: OpeningStage::AwaitCreated,
            until: now + CREATED_TIMEOUT,
            ready: Ready::default(),
            created: None,
            fixed: plan.dialect,
            // A detected dialect applies to its connection only.
            dialect: plan.dialect.unwrap_or_default(),
            retries: 0,
            refusals: Vec::new(),
        }
    }

    /// Returns the dialect to write.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns whether the settings were sent.
    pub(crate) fn has_sent_settings(&self) -> bool {
        self.stage == OpeningStage::AwaitUpdated
    }

    pub(crate) fn deadline(&self) -> Deadline {
        let reason = match self.stage {
            OpeningStage::AwaitCreated => Reason::NoCreated,
            OpeningStage::AwaitUpdated => Reason::NoUpdated,
        };
        Deadline { at: self.until, reason }
    }

    pub(crate) fn created(&mut self, now: Duration, info: &SessionInfo) -> NextAction {
        self.ready.learn(info);
        if self.stage != OpeningStage::AwaitCreated {
            return NextAction::Wait;
        }
        self.created = info.shape;
        if let (None, Some(shape)) = (self.fixed, info.shape) {
            self.dialect = shape;
        }
        self.send_settings(now, None)
    }

    /// Handles `conversation.created`. Some servers begin with it and never send `session.created`; with a
    /// fixed dialect, waiting is pointless.
    pub(crate) fn conversation_created(&mut self, now: Duration) -> NextAction {
        match (&self.stage, self.fixed) {
            (OpeningStage::AwaitCreated, Some(_)) => self.send_settings(now, None),
            (OpeningStage::AwaitCreated | OpeningStage::AwaitUpdated, _) => NextAction::Wait,
        }
    }

    pub(crate) fn updated(&mut self, info: &SessionInfo) -> NextAction {
        self.ready.learn(info);
        match self.stage {
            OpeningStage::AwaitCreated => NextAction::Wait,
            OpeningStage::AwaitUpdated => self.go_live(),
        }
    }

    pub(crate) fn tick(&mut self, now: Duration) -> NextAction {
        match self.stage {
            _ if now < self.until => NextAction::Wait,
            OpeningStage::AwaitCreated => self.send_settings(now, None),
            OpeningStage::AwaitUpdated => match self.refusals.first() {
                Some(error) => NextAction::Refused(refusal_of(error)),
                None => self.go_live(),
            },
        }
    }

    /// Returns the error with which the server refused the settings, unless `session.updated` follows.
    pub(crate) fn refusal(&self) -> Option<Failure> {
        self.refusals.first().map(refusal_of)
    }

    /// Sends the settings again without the field that the error names. Other errors refuse the session,
    /// unless `session.updated` follows: some servers apply the rest and send an error per field.
    pub(crate) fn refused(
        &mut self,
        now: Duration,
        error: &ErrorInfo,
        settings: &mut SessionSettings,
    ) -> NextAction {
        self.retries += 1;
        let retries_left = self.retries <= MAX_RETRIES;
        let unknown_shape = self.created.is_none() && self.fixed.is_none();
        if retries_left && let Some(field) = drop_unknown_field(error, settings) {
            let message = format!("the endpoint does not know {field}: continuing without it");
            self.send_settings(now, Some(message))
        } else if retries_left && unknown_shape && self.dialect == Dialect::Ga {
            self.dialect = Dialect::Beta;
            let message = "the endpoint refused the GA settings: trying the beta dialect".to_owned();
            self.send_settings(now, Some(message))
        } else {
            self.until = now + UPDATED_TIMEOUT;
            self.refusals.push(settings_failure(error));
            NextAction::Wait
        }
    }

    fn send_settings(&mut self, now: Duration, message: Option<String>) -> NextAction {
        self.stage = OpeningStage::AwaitUpdated;
        self.until = now + UPDATED_TIMEOUT;
        NextAction::SendSettings(message)
    }

    fn go_live(&mut self) -> NextAction {
        let ready = Ready { dialect: self.dialect, ..std::mem::take(&mut self.ready) };
        NextAction::GoLive(ready, std::mem::take(&mut self.refusals))
    }
}

/// Returns the text of an error with the field it names, which the user can then change.
fn settings_failure(error: &ErrorInfo) -> Failure {
    let text = describe(error);
    let field = match error.param.as_deref() {
        Some(param) if !param.is_empty() && !text.contains(param) => format!(" ({param})"),
        Some(_) | None => String::new(),
    };
    Failure { message: format!("{text}{field}"), code: error.code.clone() }
}

fn refusal_of(error: &Failure) -> Failure {
    let message = format!("the endpoint refused the session's settings: {}", error.message);
    Failure { message, code: error.code.clone() }
}

fn drop_unknown_field(error: &ErrorInfo, settings: &mut SessionSettings) -> Option<String> {
    if error.code.as_deref() != Some("unknown_parameter") {
        return None;
    }
    let field = error.param.as_deref()?;
    settings.drop_param(field).then(|| field.to_owned())
}

impl Ready {
    fn learn(&mut self, info: &SessionInfo) {
        let voice = info.settings.voice.clone().map(|voice| match voice {
            Voice::Named(name) | Voice::Custom(name) => name,
        });
        self.session_id = info.id.clone().or_else(|| self.session_id.take());
        self.model = info.settings.model.clone().or_else(|| self.model.take());
        self.voice = voice.or_else(|| self.voice.take());
        self.expires_at = info.expires_at.or(self.expires_at);
    }
}
