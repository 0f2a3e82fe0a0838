//! Keyboard input: key bindings, the line editor, push-to-talk.

pub mod panels;
pub mod ctrl_c;
pub mod keys;
pub mod editor;
pub mod push_to_talk;
pub mod recall;
pub mod slash;
pub mod text_area;
pub mod wheel;
pub mod help;
