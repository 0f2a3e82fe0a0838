//! Runs the command that prints a key.

use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::error::{Error, Kind};
use crate::secret::Secret;

/// How long the command may take; it may ask for a password or a touch.
pub const LIMIT: Duration = Duration::from_secs(30);

/// How often it is asked whether the command has ended.
const TICK: Duration = Duration::from_millis(10);

/// As much of a complaint is shown, in characters.
const COMPLAINT_CHARS: usize = 400;

/// As much is read of each stream, in bytes: no key is longer.
const MOST_BYTES: u64 = 64 << 10;

/// Runs `command` by `sh -c` and returns what it prints, without blanks around it.
///
/// # Errors
///
/// When it cannot be started, fails (its standard error is shown), prints nothing or several lines, or
/// takes longer than `limit`. No error holds what it printed on standard output.
pub fn run(command: &str, limit: Duration) -> Result<Secret, Error> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = shell.spawn().map_err(|error| {
        Error::new(Kind::Config, anyhow::Error::new(error).context("cannot start sh for key_command"))
    })?;
    let printed = read(child.stdout.take());
    let complained = read(child.stderr.take());
    let mut waited = Duration::ZERO;
    let status = loop {
        let ended = child.try_wait().map_err(|error| Error::new(Kind::Internal, error))?;
        if let Some(status) = ended {
            break status;
        }
        if waited >= limit {
            // It may have ended just then, which is no failure.
            let _ = child.kill();
            let _ = child.wait();
            let error = format!("key_command did not end within {} s", limit.as_secs());
            return Err(Error::say(Kind::Config, error).hint("run it by hand to see what it waits for"));
        }
        thread::sleep(TICK);
        waited += TICK;
    };
    if !status.success() {
        return Err(failed(&status.to_string(), &take(&complained)));
    }
    let printed = take(&printed);
    let key = printed.trim();
    if key.is_empty() {
        return Err(Error::say(Kind::Config, "key_command printed nothing")
            .hint("it has to print the key on standard output, and nothing else"));
    }
    if key.contains(['\n', '\r']) {
        return Err(Error::say(Kind::Config, "key_command printed more than one line")
            .hint("it has to print the key on standard output, and nothing else"));
    }
    Ok(Secret::new(key))
}

fn failed(status: &str, complaint: &str) -> Error {
    let shown: String = complaint.trim().chars().take(COMPLAINT_CHARS).collect();
    let message = match shown.is_empty() {
        true => format!("key_command failed ({status})"),
        false => format!("key_command failed ({status}): {shown}"),
    };
    Error::say(Kind::Config, message).hint("run it by hand with sh -c until it prints the key")
}

/// Reads in the background: a grandchild may keep the pipe open for longer than anybody waits.
fn read(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = match stream {
            Some(stream) => stream.take(MOST_BYTES).read_to_end(&mut bytes),
            None => Ok(0),
        };
        // Nobody waits for it after the limit.
        let _ = sender.send(read.map(|_| bytes));
    });
    receiver
}

/// What a stream said by a second after the end of the command.
fn take(stream: &mpsc::Receiver<io::Result<Vec<u8>>>) -> String {
    match stream.recv_timeout(Duration::from_secs(1)) {
        Ok(Ok(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        Ok(Err(_)) | Err(_) => String::new(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_the_key() {
        let key = run("printf 'sk-%s\\n' abc | tr a-z A-Z", LIMIT).unwrap();
        assert_eq!(key.reveal(), "SK-ABC");
    }

    #[test]
    fn a_failure_shows_the_complaint_and_never_the_key() {
        for (command, message) in [
            ("echo sk-hush; echo locked >&2; exit 3", "key_command failed (exit status: 3): locked"),
            ("echo sk-hush; exit 1", "key_command failed (exit status: 1)"),
            ("true", "key_command printed nothing"),
            ("echo sk-hush; echo more", "key_command printed more than one line"),
        ] {
            let error = run(command, LIMIT).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
            assert!(!format!("{error} {error:?}").contains("hush"));
            assert_eq!(error.kind, Kind::Config);
        }
    }

    #[test]
    fn a_command_that_hangs_is_ended() {
        let error = run("exec tail -f /dev/null", Duration::from_millis(30)).unwrap_err();
        assert!(error.to_string().starts_with("key_command did not end within"), "{error}");
    }
}
