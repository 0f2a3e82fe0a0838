//! The process group of the command, and the terminal on which it may ask for a password.

use std::fs::File;
use std::process::Child;

use nix::sys::signal::{SigSet, Signal as NixSignal};
use rustix::process::{Pid, Signal, getpgrp, kill_process_group};
use rustix::termios::{tcgetpgrp, tcsetpgrp};

/// Kills the command with all that it has started.
pub(super) fn kill(child: &Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
}

/// The terminal while it belongs to the command. Dropping this takes it back.
pub(super) struct LentTerminal {
    terminal: File,
    owner: Pid,
}

/// Makes the command the foreground job, as a shell does: in the background it would be stopped when it reads a
/// password from the terminal. None if there is no terminal, or if it belongs to another job.
pub(super) fn lend_terminal(child: &Child) -> Option<LentTerminal> {
    let terminal = File::open("/dev/tty").ok()?;
    let (owner, command) = (getpgrp(), Pid::from_child(child));
    if tcgetpgrp(&terminal).ok()? != owner {
        return None;
    }
    tcsetpgrp(&terminal, command).ok()?;
    // It may have read too early, and been stopped.
    let _ = kill_process_group(command, Signal::CONT);
    Some(LentTerminal { terminal, owner })
}

impl Drop for LentTerminal {
    /// Changing the foreground job from the background stops a process that does not block SIGTTOU.
    fn drop(&mut self) {
        let stop = SigSet::from(NixSignal::SIGTTOU);
        if stop.thread_block().is_ok() {
            let _ = tcsetpgrp(&self.terminal, self.owner);
            let _ = stop.thread_unblock();
        }
    }
}
