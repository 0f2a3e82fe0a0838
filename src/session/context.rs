//! Shared context of the components while one input is handled.

use std::time::Duration;

use crate::protocol::events::client::ClientBody;
use crate::session::connection::Connection;
use crate::session::connection::requests::RequestKind;
use crate::session::conversation::Conversation;
use crate::session::io::Notice;
use crate::session::metering::Metering;
use crate::session::outputs::Outputs;
use crate::session::plan::Plan;
use crate::session::response::Responses;
use crate::session::turn::media_time::MediaTime;

/// What the turn, response and conversation components need to act.
pub(crate) struct Context<'a> {
    pub(crate) now: Duration,
    pub(crate) plan: &'a Plan,
    pub(crate) connection: &'a mut Connection,
    pub(crate) metering: &'a mut Metering,
    pub(crate) media: &'a mut MediaTime,
    pub(crate) outputs: &'a mut Outputs,
}

/// Components that a turn affects.
pub(crate) struct Peers<'a, 'cx> {
    pub(crate) cx: &'a mut Context<'cx>,
    pub(crate) responses: &'a mut Responses,
    pub(crate) conversation: &'a mut Conversation,
}

impl Context<'_> {
    pub(crate) fn show(&mut self, notice: Notice) {
        self.outputs.show(notice);
    }

    /// Sends an event with an id, so that an error can be matched to it.
    pub(crate) fn send(&mut self, body: ClientBody, kind: RequestKind) {
        self.connection.send(self.now, body, kind, self.outputs);
    }
}
