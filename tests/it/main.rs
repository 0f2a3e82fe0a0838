//! The program from outside, and the rules by which its code is kept.

mod support;
mod call;
mod devices;
mod echo;
mod screen;
mod modes;
#[cfg(unix)]
mod push_to_talk;
mod staying;
#[cfg(target_os = "linux")]
mod handover;
mod profiles;
mod network;
mod endpoints;
mod tidy;
#[cfg(unix)]
mod talk;
#[cfg(unix)]
mod record;
#[cfg(unix)]
mod private_files;
mod foreign_text;
#[cfg(unix)]
mod chat;
#[cfg(unix)]
mod transcribe;
#[cfg(unix)]
mod captions;
mod formats;
mod refusals;
mod shell;
mod command_line;
#[cfg(unix)]
mod streams;
#[cfg(target_os = "linux")]
mod install;
#[cfg(unix)]
mod faults;
mod delay;
#[cfg(unix)]
mod local_turns;
mod doctor;
#[cfg(target_os = "linux")]
mod sounding;
#[cfg(unix)]
mod losses;
mod names;
#[cfg(unix)]
mod relay;
