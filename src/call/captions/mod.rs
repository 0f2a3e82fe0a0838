//! Captions of files: the input at its own pace, its progress, and caption files.

pub(crate) mod caption_output;
pub(crate) mod file_feed;
mod feed_processor;
pub(crate) mod progress;

#[cfg(test)]
mod tests;
