//! Close codes passed on between the two connections of a call.
//!
//! Client libraries reconnect after 1001, 1005, 1006, 1011, 1012 and 1013, and not after 1000, 1008, 3000 and
//! 4000. A limit must therefore be 1008, or the client comes straight back.

use std::borrow::Cow;

/// Maximum length of the reason in a close frame (RFC 6455, section 5.5).
const REASON_MAX_BYTES: usize = 123;

/// Close code of an endpoint that refuses the key, which is the relay's and not the client's.
pub const KEY_REFUSED: u16 = 3000;

/// A close frame of the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosingFrame {
    /// The code.
    pub code: u16,
    /// At most 123 bytes.
    pub reason: String,
}

impl ClosingFrame {
    /// Returns a frame with the reason cut to the allowed length.
    pub fn new(code: u16, reason: &str) -> Self {
        Self { code, reason: reason[..reason.floor_char_boundary(REASON_MAX_BYTES)].to_owned() }
    }
}

/// Returns the frame for the client after the endpoint's; `received` is empty if the endpoint broke off.
/// `redact` hides keys in the reason.
pub fn to_client<'a>(
    received: Option<(u16, &'a str)>,
    redact: impl FnOnce(&'a str) -> Cow<'a, str>,
) -> ClosingFrame {
    match received {
        Some((KEY_REFUSED, _)) => ClosingFrame::new(1011, "the endpoint refused the relay's key"),
        Some((code @ (1000..=1003 | 1007..=1013 | 3000..=4999), reason)) => {
            ClosingFrame::new(code, &redact(reason))
        }
        Some(_) | None => ClosingFrame::new(1011, "the upstream ended without a close frame"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(received: Option<u16>) -> u16 {
        to_client(received.map(|code| (code, "why")), Cow::Borrowed).code
    }

    #[test]
    fn every_close_code_is_passed_on_or_becomes_1011() {
        for received in 0..=u16::MAX {
            let passed = match received {
                1000..=1003 | 1007..=1013 | 3001..=4999 => received,
                _ => 1011,
            };
            assert_eq!(code(Some(received)), passed, "{received}");
        }
        assert_eq!(code(None), 1011);
    }

    #[test]
    fn the_reason_is_passed_on_redacted_and_cut_at_a_character() {
        let frame = |reason| to_client(Some((4000, reason)), |text| text.replace("secret", "***").into());
        assert_eq!(frame("a secret").reason, "a ***");
        let long =
            frame("語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語");
        assert_eq!(long.reason.len(), 123);
        let odd = format!("x{}", "語".repeat(60));
        assert_eq!(to_client(Some((4000, &odd)), Cow::Borrowed).reason.len(), 121);
    }

    #[test]
    fn a_refusal_of_the_relays_key_is_not_the_clients_fault() {
        let frame = to_client(Some((3000, "invalid_request_error.invalid_api_key")), Cow::Borrowed);
        assert_eq!(frame, ClosingFrame::new(1011, "the endpoint refused the relay's key"));
    }
}
