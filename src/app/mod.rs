//! Where the halves meet: one file a command, and the loop that drives a session.
//!
//! Nothing is decided here that a test of the session could hold.

pub mod clock;
pub mod stderr;
pub mod trace;
mod settings;
mod address;
mod target;
mod plan;
mod turns;
mod prices;
mod connect;
mod phone;
mod device_news;
mod devices;
mod remember;
mod drive;
mod fronts;
mod lines;
mod signals;
mod call;
mod talk;
mod chat;
mod transcribe;
mod serve;
mod config;
mod bench;
mod doctor;
mod completions;
mod man;

use std::io::{self, Write};

use crate::cli::{Cli, Command};
use crate::error::{Error, Kind};
use crate::protocol::error_codes::{self, Remedy};
use crate::protocol::refusal::{self, Subject};
use crate::session::io::{EndReason, Failure};

/// Runs a command to its end and returns the exit code of a normal end.
///
/// # Errors
///
/// What failed, with its kind, its causes and a hint.
pub fn run(cli: Cli) -> Result<u8, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::new(Kind::Internal, error))?;
    let local = tokio::task::LocalSet::new();
    let code = runtime.block_on(local.run_until(async {
        match cli.command {
            Command::Talk(args) => talk::run(args).await.and_then(exit_code),
            Command::Chat(args) => chat::run(args).await.and_then(exit_code),
            Command::Transcribe(args) => transcribe::run(args).await.and_then(exit_code),
            Command::Serve(args) => serve::run(args).await,
            Command::Devices(args) => devices::run(&args).await,
            Command::Config(args) => config::run(&args),
            Command::Bench(args) => bench::run(&args).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
        }
    }));
    // A thread that still reads standard input must not hold the program.
    runtime.shutdown_background();
    code
}

/// Writes what a command was asked for; returns the exit code. Who reads no further has had enough.
fn print(text: &[u8]) -> Result<u8, Error> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let error = anyhow::Error::new(error).context("cannot write to standard output");
            Err(Error::new(Kind::Device, error))
        }
        Ok(()) | Err(_) => Ok(0),
    }
}

/// A normal end is a value; a failure is the error it names.
fn exit_code(reason: EndReason) -> Result<u8, Error> {
    match reason {
        EndReason::User
        | EndReason::InputEnded
        | EndReason::Answered
        | EndReason::Limit(_)
        | EndReason::ServerClosed(_) => Ok(0),
        EndReason::Signal(number) => Ok(128_u8.saturating_add(u8::try_from(number).unwrap_or(127))),
        EndReason::NoInput(what) => {
            Err(Error::say(Kind::Device, what).hint("pipe sound into it: raw 16-bit mono of 24 kHz, or WAV"))
        }
        EndReason::Unanswered(what) => Err(Error::say(Kind::Server, what).hint(what.hint())),
        EndReason::Refused(failure) => Err(failed(Kind::Server, failure)),
        EndReason::Lost(failure) => Err(failed(Kind::Network, failure)),
    }
}

fn failed(kind: Kind, failure: Failure) -> Error {
    let hint = failure_hint(kind, &failure);
    Error::say(kind, failure.message).hint(hint)
}

/// Returns what to do: what is known of the server's code, or the flag for the setting that was refused.
fn failure_hint(kind: Kind, failure: &Failure) -> &'static str {
    let known = failure.code.as_deref().and_then(error_codes::known);
    let refused = refusal::refused_in(&failure.message).and_then(Subject::hint);
    match (known, refused, kind) {
        (Some(known), _, _) if known.remedy == Remedy::DropField => {
            "it may speak the other dialect: try --dialect ga or --dialect beta"
        }
        (Some(known), _, _) if known.remedy == Remedy::Stop => known.hint,
        (_, Some(hint), Kind::Server) => hint,
        (Some(known), _, _) if !known.hint.is_empty() => known.hint,
        (_, _, Kind::Network) => "start again; if it happens twice, look at the endpoint's log",
        (_, _, Kind::Internal | Kind::Usage | Kind::Config | Kind::Device | Kind::Server) => {
            "look up what it says in the endpoint's documents; --verbose and --trace tell more"
        }
    }
}
