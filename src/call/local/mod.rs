//! What a conversation needs from this machine: the editor of the user, the file of sent texts, saving, copying.

pub(crate) mod attachments;
pub(crate) mod text_editor;
pub(crate) mod question_file;
pub(crate) mod requests;
