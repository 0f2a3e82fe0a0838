//! The command that prints a key.

mod output;
#[cfg(unix)]
mod group;

use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use crate::config::credentials::key_command::output::CapturedOutput;
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// Time limit of the command, which may ask for a password or a touch.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Interval at which the command is polled.
const TICK: Duration = Duration::from_millis(10);

/// Longest part of standard error in a message, in characters.
const STDERR_CHARS: usize = 400;

/// Runs `command` by `sh -c` and returns its trimmed output.
///
/// Output counts until the shell ends: a background program, such as an agent, may keep the pipe open.
///
/// # Errors
///
/// When it cannot be started, fails (its standard error is shown), prints no or several lines, or takes longer than
/// `limit`. Errors never contain its standard output.
pub fn run(command: &str, limit: Duration) -> Result<Secret, Error> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    let mut child = shell.spawn().map_err(|error| {
        Error::new(Kind::Config, anyhow::Error::new(error).context("cannot start sh for key_command"))
    })?;
    let internal = |error| Error::new(Kind::Internal, anyhow::Error::new(error));
    let mut printed = CapturedOutput::of(child.stdout.take()).map_err(internal)?;
    let mut errors = CapturedOutput::of(child.stderr.take()).map_err(internal)?;
    let ended = wait(&mut child, limit, || {
        printed.read_available();
        errors.read_available();
    });
    let Some(status) = ended.map_err(internal)? else {
        let error = format!("key_command did not end within {} s", limit.as_secs());
        return Err(Error::say(Kind::Config, error).hint("run it manually to see what it waits for"));
    };
    if !status.success() {
        return Err(failed(&status.to_string(), &errors.text()));
    }
    let printed = printed.text();
    let key = printed.trim();
    if key.is_empty() {
        return Err(Error::say(Kind::Config, "key_command printed nothing")
            .hint("it must print only the key on standard output"));
    }
    if key.contains(['\n', '\r']) {
        return Err(Error::say(Kind::Config, "key_command printed more than one line")
            .hint("it must print only the key on standard output"));
    }
    Ok(Secret::new(key))
}

/// Waits for the child, calling `read` until after its end. After `limit` the child and its process group are
/// killed, and the status is none.
fn wait(
    child: &mut Child,
    limit: Duration,
    mut read: impl FnMut(),
) -> Result<Option<ExitStatus>, std::io::Error> {
    #[cfg(unix)]
    let _terminal = group::lend_terminal(child);
    let mut waited = Duration::ZERO;
    loop {
        let ended = child.try_wait()?;
        read();
        if ended.is_some() {
            return Ok(ended);
        }
        if waited >= limit {
            kill(child);
            return Ok(None);
        }
        thread::sleep(TICK);
        waited += TICK;
    }
}

/// Kills the child, which may have just ended.
fn kill(child: &mut Child) {
    #[cfg(unix)]
    group::kill(child);
    let _ = child.kill();
    let _ = child.wait();
}

fn failed(status: &str, stderr: &str) -> Error {
    let shown: String = stderr.trim().chars().take(STDERR_CHARS).collect();
    let message = match shown.is_empty() {
        true => format!("key_command failed ({status})"),
        false => format!("key_command failed ({status}): {shown}"),
    };
    Error::say(Kind::Config, message).hint("run it manually with sh -c until it prints the key")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_output_is_the_key() {
        let key = run("printf 'sk-%s\\n' abc | tr a-z A-Z", LIMIT).unwrap();
        assert_eq!(key.reveal(), "SK-ABC");
    }

    #[test]
    fn a_failure_shows_standard_error_and_never_the_key() {
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
    fn a_hanging_command_is_killed() {
        let error = run("exec tail -f /dev/null", Duration::from_millis(30)).unwrap_err();
        assert!(error.to_string().starts_with("key_command did not end within"), "{error}");
    }

    #[test]
    fn a_background_child_that_holds_the_pipe_open_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        // `tail -f` would end with the reader of its output.
        let command = format!("sleep 3600 & echo $! > {}; echo sk-1", pid.display());
        // The limit is never reached: the shell ends at once.
        assert_eq!(run(&command, Duration::from_secs(3_600)).unwrap().reveal(), "sk-1");
        let child = pid_in(&pid);
        assert!(is_alive(child), "an agent outlives the command");
        let _ = rustix::process::kill_process(child, rustix::process::Signal::KILL);
    }

    #[test]
    fn the_timeout_of_key_command_ends_the_whole_process_group() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let command = format!("(trap '' TERM; tail -f /dev/null) & echo $! > {}; wait", pid.display());
        let error = run(&command, Duration::from_secs(1)).unwrap_err();
        assert!(error.to_string().starts_with("key_command did not end within 1 s"), "{error}");
        let child = pid_in(&pid);
        // Its new parent reaps it later.
        while is_alive(child) {
            thread::yield_now();
        }
    }

    #[test]
    fn large_output_neither_blocks_the_command_nor_is_kept() {
        let error = run("yes | head -c 1000000; exit 3", LIMIT).unwrap_err();
        assert!(error.to_string().starts_with("key_command failed (exit status: 3)"), "{error}");
        let error = run("yes", Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().starts_with("key_command did not end"), "{error}");
    }

    fn pid_in(path: &std::path::Path) -> rustix::process::Pid {
        let text = std::fs::read_to_string(path).expect("the command wrote it");
        let pid = text.trim().parse().ok().and_then(rustix::process::Pid::from_raw);
        pid.expect("it is a process")
    }

    /// Returns whether a process runs; a zombie does not.
    fn is_alive(pid: rustix::process::Pid) -> bool {
        let mut ps = Command::new("ps");
        let state = ps.args(["-o", "stat=", "-p"]).arg(pid.as_raw_nonzero().to_string()).output();
        let state = state.expect("ps is installed").stdout;
        !state.is_empty() && !state.starts_with(b"Z")
    }
}
