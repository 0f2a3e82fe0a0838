//! How a connection came to its end.

/// Why there is no connection any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// The peer said goodbye, with a close code (RFC 6455, section 7.4) where it gave one.
    Peer {
        /// 1000 normal, 1001 going away, 3000 and 4000 refused by OpenAI after the upgrade.
        code: Option<u16>,
        /// Its words; not sanitised.
        reason: String,
    },
    /// The connection broke without a goodbye.
    Broken(String),
    /// This side closed it.
    Ours,
}

/// Returns whether a close code may be sent in a close frame (RFC 6455, section 7.4, and the IANA registry).
/// Any other one means that something on the way is broken, and says nothing about the session.
pub fn is_valid_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_of_the_standard_and_of_applications_are_valid() {
        for code in [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4000, 4999] {
            assert!(is_valid_close_code(code), "{code}");
        }
        for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, u16::MAX] {
            assert!(!is_valid_close_code(code), "{code}");
        }
    }
}
