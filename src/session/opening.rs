//! From an open socket to a configured session.

use std::time::Duration;

use crate::protocol::client::ClientBody;
use crate::protocol::dialect::Dialect;
use crate::protocol::server::ErrorInfo;
use crate::protocol::settings::SessionInfo;
use crate::session::errors::{Cause, describe};
use crate::session::io::{Connection, Deadline, EndReason, Failure, Notice, Ready, Reason};
use crate::session::{Phase, Session};

/// How long `session.created` may take before the settings are sent without it: some gateways wait
/// for the first event of the client, and some servers begin with another event.
const CREATED_WITHIN: Duration = Duration::from_secs(3);

/// How long `session.updated` may take before audio is sent without it: some servers never send it.
const UPDATED_WITHIN: Duration = Duration::from_secs(1);

/// How often the settings are sent again without a field the server does not know.
const MOST_RETRIES: u32 = 4;

/// What is known while the session opens.
#[derive(Debug)]
pub(super) struct Opening {
    step: Step,
    until: Duration,
    ready: Ready,
    created: Option<Dialect>,
    retries: u32,
}

#[derive(Debug, PartialEq)]
enum Step {
    AwaitCreated,
    AwaitUpdated,
}

impl Opening {
    pub(super) fn deadline(&self) -> Deadline {
        let reason = match self.step {
            Step::AwaitCreated => Reason::NoCreated,
            Step::AwaitUpdated => Reason::NoUpdated,
        };
        Deadline { at: self.until, reason }
    }
}

impl Session {
    pub(super) fn opened(&mut self, now: Duration) {
        self.show(Notice::Connection(Connection::Configuring));
        // What a server showed of itself holds for its connection only.
        self.dialect = self.plan.dialect.unwrap_or_default();
        self.phase = Phase::Opening(Opening {
            step: Step::AwaitCreated,
            until: now + CREATED_WITHIN,
            ready: Ready::default(),
            created: None,
            retries: 0,
        });
    }

    pub(super) fn session_created(&mut self, now: Duration, info: &SessionInfo) {
        let Phase::Opening(opening) = &mut self.phase else { return };
        opening.ready.learn(info);
        if opening.step != Step::AwaitCreated {
            return;
        }
        opening.created = info.shape;
        if let (None, Some(shape)) = (self.plan.dialect, info.shape) {
            self.dialect = shape;
        }
        self.send_settings(now);
    }

    pub(super) fn session_updated(&mut self, now: Duration, info: &SessionInfo) {
        let Phase::Opening(opening) = &mut self.phase else { return };
        opening.ready.learn(info);
        if opening.step == Step::AwaitUpdated {
            self.go_live(now);
        }
    }

    pub(super) fn tick_opening(&mut self, now: Duration) {
        let Phase::Opening(opening) = &self.phase else { return };
        if now < opening.until {
            return;
        }
        match opening.step {
            Step::AwaitCreated => self.send_settings(now),
            Step::AwaitUpdated => self.go_live(now),
        }
    }

    /// The whole update was dropped by the server: without the field it names, or not at all.
    pub(super) fn settings_refused(&mut self, now: Duration, error: ErrorInfo) {
        let Phase::Opening(opening) = &mut self.phase else {
            self.show_error(now, error);
            return;
        };
        opening.retries += 1;
        let retries_left = opening.retries <= MOST_RETRIES;
        let unknown_shape = opening.created.is_none() && self.plan.dialect.is_none();
        if retries_left && let Some(field) = self.drop_unknown_field(&error) {
            self.show(Notice::Info(format!("the endpoint does not know {field}: going on without it")));
            self.send_settings(now);
        } else if retries_left && unknown_shape && self.dialect == Dialect::Ga {
            self.show(Notice::Info("the endpoint refused the GA settings: trying the beta dialect".into()));
            self.dialect = Dialect::Beta;
            self.send_settings(now);
        } else {
            let message = format!("the endpoint refused the session's settings: {}", describe(&error));
            let failure = Failure { message, code: error.code };
            self.hang_up(now, EndReason::Refused(failure));
        }
    }

    fn drop_unknown_field(&mut self, error: &ErrorInfo) -> Option<String> {
        if error.code.as_deref() != Some("unknown_parameter") {
            return None;
        }
        let field = error.param.as_deref()?;
        self.plan.settings.drop_param(field).then(|| field.to_owned())
    }

    fn send_settings(&mut self, now: Duration) {
        if let Phase::Opening(opening) = &mut self.phase {
            opening.step = Step::AwaitUpdated;
            opening.until = now + UPDATED_WITHIN;
        }
        let settings = Box::new(self.plan.settings.clone());
        self.send(ClientBody::SessionUpdate(settings), Cause::SessionUpdate);
    }

    fn go_live(&mut self, now: Duration) {
        let Phase::Opening(opening) = std::mem::replace(&mut self.phase, Phase::Live) else { return };
        let mut ready = opening.ready;
        ready.dialect = self.dialect;
        self.model = ready.model.clone().or_else(|| self.model.take());
        self.show(Notice::Ready(ready));
        self.show(Notice::Connection(Connection::Live));
        if self.attempts.is_return() {
            self.replay(now);
        }
        self.attempts.went_live(now);
        self.sign_of_life(now);
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
