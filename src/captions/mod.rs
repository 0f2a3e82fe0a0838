//! Captions as data: turns become cues, cues become subtitle files, and such files are read back. No I/O.

pub mod cue;
mod text;
mod line_break;
mod timeline;
mod layout;
pub mod segmenter;
pub mod format;
pub mod resume;
pub mod chinese;

#[cfg(test)]
mod tests;
