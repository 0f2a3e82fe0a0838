//! Commands: one file or folder each, and the thread that runs them.

mod start;
mod devices;
mod talk;
mod chat;
mod transcribe;
mod serve;
mod config;
mod bench;
mod doctor;
mod completions;
mod man;

use std::borrow::Cow;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::channel;
use std::thread;

use crate::audio::error::PIPE_HINT;
use crate::call::signals;
use crate::call::signals::Signals;
use crate::call::streams::standard;
use crate::call::streams::standard::{localized, stdout};
use crate::cli::{Cli, Command};
use crate::commands::start::StartEnd;
use crate::error::{Error, Kind};
use crate::protocol::error_codes::{self, Remedy};
use crate::protocol::refusal::{self, Subject};
use crate::session::io::{EndReason, Failure};
use crate::ui::terminal;
use crate::ui::text::sanitize;

/// Stack size of the command thread, like that of a main thread.
const STACK_BYTES: usize = 8 << 20;

/// How a command ended.
enum End {
    /// Normally or by a panic, with this exit code.
    Finished(u8),
    /// By a signal, although the command may still be blocked.
    Forced(i32),
}

/// Runs a command and returns the exit code; errors are reported on standard error.
///
/// The command has its own thread: it may be blocked in a write, and a signal still ends the process.
pub fn run(cli: Cli) -> u8 {
    let (finished, ends) = channel();
    let forced = finished.clone();
    let started = signals::start(move |number| drop(forced.send(End::Forced(number)))).and_then(|signals| {
        thread::Builder::new().name("main".to_owned()).stack_size(STACK_BYTES).spawn(move || {
            // The panic hook has reported the panic.
            let code = panic::catch_unwind(AssertUnwindSafe(|| execute(cli, &signals)));
            let code = code.unwrap_or_else(|_| Kind::Internal.exit_code());
            // Fails only while the process is ending.
            let _ = finished.send(End::Finished(code));
        })
    });
    if let Err(error) = started {
        return report(&Error::new(Kind::Internal, error));
    }
    let end = ends.recv();
    // The screen thread may be blocked while restoring the terminal.
    terminal::restore_line_mode();
    match end {
        Ok(End::Finished(code)) => code,
        Ok(End::Forced(number)) => signal_code(number),
        // Both senders are only gone if the signal thread panicked as well.
        Err(_) => Kind::Internal.exit_code(),
    }
}

fn execute(cli: Cli, signals: &Signals) -> u8 {
    run_command(cli, signals).unwrap_or_else(|error| report(&error))
}

/// Writes an error to standard error, if possible, and returns its exit code.
fn report(error: &Error) -> u8 {
    // Errors may contain foreign text.
    let said = format!("rtvoice: {}\n", sanitize::sanitize(&error.to_string()));
    let _ = io::stderr().write_all(localized(&said).as_bytes());
    error.kind.exit_code()
}

/// Prints clap's help text or usage error, and returns the exit code.
pub fn answer_without_command(answer: &clap::Error) -> u8 {
    let printed = if answer.use_stderr() {
        // It repeats arguments, which may be foreign. A closed standard error does not change the exit code.
        let _ = writeln!(io::stderr(), "{}", sanitize::sanitize(answer.render().to_string().trim_end()));
        Ok(())
    } else {
        stdout().check().and_then(|()| print_answer(answer)).and_then(|()| stdout().flush())
    };
    match printed_code(printed) {
        Ok(_) => u8::try_from(answer.exit_code()).unwrap_or_else(|_| Kind::Usage.exit_code()),
        Err(error) => report(&error),
    }
}

/// Prints a help text in the locale's character set, with colours if it needs no conversion.
fn print_answer(answer: &clap::Error) -> io::Result<()> {
    let text = answer.render().to_string();
    match localized(&text) {
        Cow::Borrowed(_) => answer.print(),
        Cow::Owned(text) => stdout().write_all(text.as_bytes()),
    }
}

fn run_command(cli: Cli, signals: &Signals) -> Result<u8, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::new(Kind::Internal, error))?;
    let local = tokio::task::LocalSet::new();
    let code = runtime.block_on(local.run_until(async {
        let command = match cli.command {
            Some(command) => command,
            None if start::has_screen() => match start::run(signals).await? {
                StartEnd::Command(command) => *command,
                StartEnd::Answer(answer) => return Ok(answer_without_command(&answer)),
                StartEnd::Left(reason) => return exit_code(reason),
            },
            None => return Ok(answer_without_command(&Cli::without_command())),
        };
        match command {
            Command::Talk(args) => talk::run(args, signals).await.and_then(exit_code),
            Command::Chat(args) => chat::run(args, signals).await.and_then(exit_code),
            Command::Transcribe(args) => transcribe::run(args, signals).await.and_then(exit_code),
            Command::Serve(args) => serve::run(args, signals).await,
            Command::Devices(args) => devices::run(&args, signals).await,
            Command::Config(args) => config::run(&args),
            Command::Bench(args) => bench::run(&args).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
        }
    }));
    // A thread that reads standard input must not delay the end.
    runtime.shutdown_background();
    code
}

/// Writes the result of a command to standard output; returns the exit code.
fn print(text: &[u8]) -> Result<u8, Error> {
    let mut stdout = stdout();
    printed_code(stdout.write_all(text).and_then(|()| stdout.flush()))
}

/// Returns the exit code after writing a result; a closed pipe is a normal end.
fn printed_code(printed: io::Result<()>) -> Result<u8, Error> {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(standard::cannot_write_stdout(error)),
        Ok(()) | Err(_) => Ok(0),
    }
}

fn signal_code(number: i32) -> u8 {
    128_u8.saturating_add(u8::try_from(number).unwrap_or(127))
}

/// Converts the end reason to an exit code or an error.
fn exit_code(reason: EndReason) -> Result<u8, Error> {
    match reason {
        EndReason::User
        | EndReason::InputEnded
        | EndReason::Answered
        | EndReason::Limit(_)
        | EndReason::ServerClosed(_) => Ok(0),
        EndReason::Signal(number) => Ok(signal_code(number)),
        EndReason::NoInput(what) => Err(Error::say(Kind::Device, what).hint(PIPE_HINT)),
        EndReason::Unanswered(what) => Err(Error::say(Kind::Server, what).hint(what.hint())),
        EndReason::Refused(failure) => Err(failed(Kind::Server, failure)),
        EndReason::Lost(failure) => Err(failed(Kind::Network, failure)),
    }
}

fn failed(kind: Kind, failure: Failure) -> Error {
    let hint = failure_hint(kind, &failure);
    Error::say(kind, failure.message).hint(hint)
}

/// Returns the hint for a server error code, or the flag of the refused setting.
fn failure_hint(kind: Kind, failure: &Failure) -> &'static str {
    let known = failure.code.as_deref().and_then(error_codes::known);
    let refused = refusal::refused_in(&failure.message).and_then(Subject::hint);
    match (known, refused, kind) {
        (Some(known), _, _) if known.remedy == Remedy::DropField => {
            "the endpoint may use the other dialect; try --dialect ga or --dialect beta"
        }
        (Some(known), _, _) if known.remedy == Remedy::Stop => known.hint,
        (_, Some(hint), Kind::Server) => hint,
        (Some(known), _, _) if !known.hint.is_empty() => known.hint,
        (_, _, Kind::Network) => "try again; if it persists, check the endpoint's log",
        (_, _, Kind::Internal | Kind::Usage | Kind::Config | Kind::Device | Kind::Server) => {
            "see the endpoint's documentation; --verbose and --trace show details"
        }
    }
}
