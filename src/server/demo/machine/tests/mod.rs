//! The endpoint in virtual time, judged by the raw JSON that it sends.

mod desk;
mod turns;
mod replies;
mod items;
mod misbehaviour;
mod tools;
mod limits;
