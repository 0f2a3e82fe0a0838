//! Notices of sample calls, for the benchmark and the picture.

use rtvoice::session::io::{AssistantLine, Notice, UserUtterance};

/// A turn of the user.
pub(crate) fn user(item_id: &str, text: &str) -> Notice {
    Notice::User(UserUtterance {
        item_id: item_id.to_owned(),
        text: text.to_owned(),
        is_final: true,
        after: None,
        spoken: None,
        has_failed: false,
    })
}

/// A turn of the assistant, of which the first part was heard.
pub(crate) fn assistant(item_id: &str, (heard, unheard): (&str, &str), is_final: bool) -> Notice {
    Notice::Assistant(AssistantLine {
        item_id: item_id.to_owned(),
        text: format!("{heard}{unheard}"),
        is_final,
        heard_ms: Some(2_100),
        heard_bytes: heard.len(),
        interrupted: !unheard.is_empty(),
    })
}
