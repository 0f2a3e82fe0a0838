//! Small pieces that all events share: three-state settings, open enums, what was not understood.

use serde_json::{Map, Value};

/// Fields that were present and not understood, by name.
pub type Unknown = Map<String, Value>;

/// A field of a session that can be left alone, cleared with `null`, or set.
///
/// `session.update` changes only the fields that are present, and `null` means something of its
/// own for some of them, so that an `Option` would not do.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum FieldUpdate<T> {
    /// The field is absent.
    #[default]
    Keep,
    /// The field is `null`.
    Clear,
    /// The field has a value.
    Set(T),
}

impl<T> FieldUpdate<T> {
    /// Returns the value, where there is one.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

/// Defines an enum of wire words that keeps a word it does not know.
macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vmeta])* $variant,)+
            /// A word of a newer or another server, kept as it came.
            Other(String),
        }

        impl $name {
            /// Returns the word of the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    };
}
pub(crate) use open_enum;
