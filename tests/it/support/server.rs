//! The embedded endpoint as a program of its own, dialled over a real socket.

use std::time::Duration;

use super::program::{Program, Running};

/// How long the endpoint may take to listen, on a loaded machine.
const START: Duration = Duration::from_secs(60);

/// `rtvoice serve` on a port of its own; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Server {
    /// What to dial.
    pub(crate) url: String,
    _program: Running,
}

impl Server {
    /// Starts an endpoint.
    pub(crate) fn start() -> Self {
        Self::of(Program::rtvoice("serve --port 0"))
    }

    /// Starts an endpoint that misbehaves in the given way.
    pub(crate) fn with_fault(fault: &str) -> Self {
        Self::of(Program::rtvoice("serve --port 0 --fault").arg(fault))
    }

    fn of(program: Program) -> Self {
        let program = program.start();
        let line = program.wait_for_line(START, |line| line.starts_with("listening on "));
        let url = line.trim_start_matches("listening on ").to_owned();
        Self { url, _program: program }
    }
}

#[test]
fn two_endpoints_have_addresses_of_their_own() {
    let (left, right) = (Server::with_fault("burst"), Server::with_fault("drop"));
    assert!(left.url.starts_with("ws://127.0.0.1:"), "{}", left.url);
    assert_ne!(left.url, right.url);
}
