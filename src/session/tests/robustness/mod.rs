//! Promises for servers and networks that misbehave.

mod missing_events;
mod ids;
mod placement;
mod faults;
mod arbitrary_events;
