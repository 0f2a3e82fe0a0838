//! Invalid proxy variables.

use thiserror::Error;

/// Invalid value of a proxy variable. No text contains a password.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ProxySettingError {
    /// An unsupported scheme, such as `socks4://`.
    #[error("unsupported proxy scheme {scheme}:// in {variable}")]
    UnknownKind {
        /// The variable.
        variable: &'static str,
        /// The part before `://`.
        scheme: String,
    },
    /// No host, or no valid port.
    #[error("invalid proxy address in {variable}: {shown:?}")]
    Address {
        /// The variable.
        variable: &'static str,
        /// The part in place of host and port.
        shown: String,
    },
    /// Not UTF-8, or a length that SOCKS5 cannot carry.
    #[error("the user name and password in {variable} cannot be sent to this proxy")]
    Login {
        /// The variable.
        variable: &'static str,
    },
}

impl ProxySettingError {
    /// Returns advice for the user.
    pub fn hint(&self) -> String {
        match self {
            Self::UnknownKind { .. } => "use http://, https://, socks5:// or socks5h://",
            Self::Address { .. } => "write it as in http://proxy.example:3128",
            Self::Login { .. } => "SOCKS5 takes 1 to 255 bytes of each; percent escapes must decode to UTF-8",
        }
        .to_owned()
    }
}
