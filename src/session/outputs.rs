//! Outputs of one input, in the order in which the driver performs them.

use crate::session::io::info::InfoMessage;
use crate::session::io::{Notice, Output};

/// Outputs collected while an input is handled.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    list: Vec<Output>,
}

impl Outputs {
    pub(crate) fn push(&mut self, output: Output) {
        self.list.push(output);
    }

    pub(crate) fn show(&mut self, notice: Notice) {
        self.push(Output::Show(notice));
    }

    pub(crate) fn info(&mut self, text: impl Into<InfoMessage>) {
        self.show(Notice::Info(text.into()));
    }

    pub(crate) fn debug(&mut self, text: impl Into<String>) {
        self.show(Notice::Debug(text.into()));
    }

    /// Shows an error that has no code.
    pub(crate) fn error(&mut self, message: impl Into<String>) {
        self.show(Notice::Error { code: None, message: message.into() });
    }

    pub(crate) fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.list)
    }
}
