//! Markdown as styled lines: one renderer for the screen and for standard output. Uses no other module.
//!
//! Text arrives piece by piece. [`split::Splitter`] finds finished blocks from lines alone,
//! [`render::MarkdownRenderer`] turns a block into lines of a given width, and [`document::Document`] caches the
//! lines of a whole answer, so that only its last, open block is parsed again while it grows. [`ansi`] writes
//! lines to a terminal.

pub mod split;
pub mod layout;
pub mod render;
pub mod document;
pub mod style;
pub mod wrap;
pub mod ansi;
pub mod spoken;
pub mod extract;
mod code;
mod highlight;
mod prepare;
mod styled_runs;
mod table;

#[cfg(test)]
mod fixture;
