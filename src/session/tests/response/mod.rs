//! Promises of the responses and their metering.

mod responses;
mod outcome;
mod latency;
mod limits;
