//! Files captioned by the demo endpoint, in memory and in virtual time.

mod world;
mod interruptions;
mod timing;
