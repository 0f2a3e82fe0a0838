//! Dialect and role of the writer.

use crate::protocol::dialect::Dialect;

/// Dialect and role that determine the shape of an object.
#[derive(Clone, Copy)]
pub(super) struct WriteContext {
    pub(super) dialect: Dialect,
    pub(super) role: WriterRole,
}

/// Role of the writer. Servers show absent fields as `null` if the protocol does; clients omit them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WriterRole {
    Client,
    Server,
}

impl WriteContext {
    /// Selects the word of the dialect.
    pub(super) fn word(self, ga: &'static str, beta: &'static str) -> &'static str {
        match self.dialect {
            Dialect::Ga | Dialect::Mixed => ga,
            Dialect::Beta => beta,
        }
    }

    pub(super) fn is_beta(self) -> bool {
        self.dialect == Dialect::Beta
    }

    /// Returns the context for the flat part of a mixed session.
    pub(super) fn as_beta(self) -> Self {
        Self { dialect: Dialect::Beta, ..self }
    }

    pub(super) fn is_client(self) -> bool {
        self.role == WriterRole::Client
    }
}
