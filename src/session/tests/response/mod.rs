//! Promises of the responses and their metering.

mod responses;
mod outcome;
mod latency;
mod limits;
mod spoken_chat;
mod attachments;
