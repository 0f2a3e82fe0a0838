//! How a connection ended.

/// Cause of a connection's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// The peer closed, with a close code if it sent one (RFC 6455, section 7.4).
    Peer {
        /// 1000 normal, 1001 going away, 3000 and 4000 refusals by OpenAI after the upgrade.
        code: Option<u16>,
        /// The peer's text; not sanitized.
        reason: String,
    },
    /// The connection broke without a close handshake.
    Broken(String),
    /// This side closed.
    Ours,
}

/// Returns whether a code may appear in a close frame (RFC 6455, section 7.4, and the IANA registry). Any
/// other code indicates a broken intermediary and says nothing about the session.
pub fn is_valid_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_standard_and_application_codes_are_valid() {
        for code in [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4000, 4999] {
            assert!(is_valid_close_code(code), "{code}");
        }
        for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, u16::MAX] {
            assert!(!is_valid_close_code(code), "{code}");
        }
    }
}
