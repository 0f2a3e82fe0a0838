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
