//! What goes with a message, and turns of an earlier conversation.

use crate::protocol::events::item::{ContentPart, Role};

/// What a typed message carries along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// A text, sent below the message.
    Text(String),
    /// An image.
    Image(ImageAttachment),
}

/// An image to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageAttachment {
    /// Name for the user.
    pub name: String,
    /// The image as a data URI.
    pub url: String,
}

impl ImageAttachment {
    /// Returns the image as a part of a message.
    pub(crate) fn part(self) -> ContentPart {
        ContentPart::InputImage { image_url: self.url, detail: None }
    }
}

/// A turn of an earlier conversation, which the server gets as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastTurn {
    /// Id in this conversation.
    pub item_id: String,
    /// Its author.
    pub role: Role,
    /// What was written; of a spoken answer the part that was heard.
    pub text: String,
}
