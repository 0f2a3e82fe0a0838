//! Keyboard input: key bindings, the line editor, push-to-talk.

pub mod keys;
pub mod editor;
pub mod push_to_talk;
pub mod text_area;
