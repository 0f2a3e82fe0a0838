//! Building blocks of all events: three-state fields, open enums, unknown fields.

use serde_json::{Map, Value};

/// Unrecognized fields, by name.
pub type Unknown = Map<String, Value>;

/// A session field that is kept, cleared with `null`, or set.
///
/// `session.update` changes only the fields that are present, and `null` has its own meaning for some of
/// them, so `Option` is not enough.
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
    /// Returns the value if set.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

/// Defines an enum of wire words that keeps unknown words.
macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vmeta])* $variant,)+
            /// An unknown word, verbatim.
            Other(String),
        }

        impl $name {
            /// Returns the wire word.
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
