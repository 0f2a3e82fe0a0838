//! Process group of the command, and the terminal where it may ask for a password.

use std::fs::File;
use std::process::Child;

use nix::sys::signal::{SigSet, Signal as NixSignal};
use rustix::process::{Pid, Signal, getpgrp, kill_process_group};
use rustix::termios::{tcgetpgrp, tcsetpgrp};

/// Kills the process group of the command.
pub(super) fn kill(child: &Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
}

/// The terminal lent to the command; dropping this returns it.
pub(super) struct LentTerminal {
    terminal: File,
    owner: Pid,
}

/// Makes the command the foreground job, as a shell does: a background job is stopped when it reads a password from
/// the terminal. None without a terminal, or if it belongs to another job.
pub(super) fn lend_terminal(child: &Child) -> Option<LentTerminal> {
    let terminal = File::open("/dev/tty").ok()?;
    let (owner, command) = (getpgrp(), Pid::from_child(child));
    if tcgetpgrp(&terminal).ok()? != owner {
        return None;
    }
    tcsetpgrp(&terminal, command).ok()?;
    // It may have been stopped by an early read.
    let _ = kill_process_group(command, Signal::CONT);
    Some(LentTerminal { terminal, owner })
}

impl Drop for LentTerminal {
    /// Blocks SIGTTOU, which stops a background process that changes the foreground job.
    fn drop(&mut self) {
        let stop = SigSet::from(NixSignal::SIGTTOU);
        if stop.thread_block().is_ok() {
            let _ = tcsetpgrp(&self.terminal, self.owner);
            let _ = stop.thread_unblock();
        }
    }
}
