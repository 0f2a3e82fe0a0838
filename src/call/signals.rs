//! Signal handling: the first SIGINT, SIGTERM or SIGHUP ends the session in order, and the process ends within
//! a second in any case.
//!
//! A separate thread receives signals, because any other thread may be blocked in a write.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::session::io::{EndReason, UserCommand};

/// Limit for an orderly end after the first signal, in which files are completed and the terminal is restored.
/// The rest of the promised second is left for the end of the process.
const GRACE: Duration = Duration::from_millis(850);

/// Limit for a server that drains, beyond every configured one.
const DRAINING: Duration = Duration::from_hours(48);

/// Number of SIGINT.
const SIGINT: i32 = 2;

/// More simultaneous signals carry no information.
const MAX_WAITING: usize = 8;

/// Handle of the signal thread.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    sessions: mpsc::UnboundedSender<SignalTarget>,
}

impl Signals {
    /// Turns signals into hang-ups of this session, until it drops its receiver. While `stops_answer` is set,
    /// the next SIGINT stops an answer.
    pub(crate) fn listen(&self, session: &mpsc::Sender<UserCommand>, stops_answer: Option<Arc<AtomicBool>>) {
        // The thread lives as long as the process.
        let _ = self.sessions.send(SignalTarget { commands: session.clone(), stops_answer, drains: false });
    }

    /// Turns signals into hang-ups of a server that takes its own time to end; the second signal ends it at once.
    pub(crate) fn listen_for_draining(&self, server: &mpsc::Sender<UserCommand>) {
        let commands = server.clone();
        let _ = self.sessions.send(SignalTarget { commands, stops_answer: None, drains: true });
    }
}

/// A session that signals concern.
#[derive(Debug)]
struct SignalTarget {
    commands: mpsc::Sender<UserCommand>,
    stops_answer: Option<Arc<AtomicBool>>,
    /// Whether it takes its own time to end.
    drains: bool,
}

impl SignalTarget {
    /// Stops an answer, once: the next signal ends the session even if it is stuck.
    fn stop_answer(&self) -> bool {
        let stops_answer = self.stops_answer.as_ref().is_some_and(|flag| flag.swap(false, Ordering::Relaxed));
        stops_answer && self.commands.try_send(UserCommand::Interrupt).is_ok()
    }
}

/// Starts receiving signals; `force` is called when the process has to end at once.
///
/// # Errors
///
/// If the system refuses a thread or signal handlers.
pub(crate) fn start(force: impl FnOnce(i32) + Send + 'static) -> io::Result<Signals> {
    let (sessions, sessions_rx) = mpsc::unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (signals, signals_rx) = mpsc::channel(MAX_WAITING);
    let received = runtime.block_on(async { receive(signals) })?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let number = runtime.block_on(async {
            tokio::select! {
                number = supervise(signals_rx, sessions_rx) => number,
                never = received => match never {},
            }
        });
        force(number);
    })?;
    Ok(Signals { sessions })
}

/// Registers handlers at once; the future forwards signals.
#[cfg(unix)]
fn receive(signals: mpsc::Sender<i32>) -> io::Result<impl Future<Output = std::convert::Infallible>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            let kind = tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt(),
                _ = terminate.recv() => SignalKind::terminate(),
                _ = hangup.recv() => SignalKind::hangup(),
            };
            // If it is full, signals are pending already.
            let _ = signals.try_send(kind.as_raw_value());
        }
    })
}

/// Registers for Ctrl-C.
#[cfg(not(unix))]
fn receive(signals: mpsc::Sender<i32>) -> io::Result<impl Future<Output = std::convert::Infallible>> {
    Ok(async move {
        loop {
            match tokio::signal::ctrl_c().await {
                Ok(()) => drop(signals.try_send(SIGINT)),
                Err(_) => std::future::pending().await,
            }
        }
    })
}

/// Forwards signals to the session; returns the first signal when the process has to end: at once without a
/// session, else after [`GRACE`].
async fn supervise(
    mut signals: mpsc::Receiver<i32>,
    mut sessions: mpsc::UnboundedReceiver<SignalTarget>,
) -> i32 {
    let mut session: Option<SignalTarget> = None;
    let mut first: Option<(i32, GracePeriod)> = None;
    loop {
        let number = tokio::select! {
            // A session that began before the signal receives it.
            biased;
            Some(next) = sessions.recv() => {
                session = Some(next);
                continue;
            }
            Some(number) = signals.recv() => number,
            number = expired(&mut first) => return number,
        };
        if number == SIGINT && first.is_none() && session.as_ref().is_some_and(SignalTarget::stop_answer) {
            continue;
        }
        let drains = session.as_ref().is_some_and(|session| session.drains);
        if drains && first.is_some() {
            return number;
        }
        let grace = if drains { DRAINING } else { GRACE };
        let hang_up = UserCommand::HangUp(EndReason::Signal(number));
        match session.as_ref().map(|session| session.commands.try_send(hang_up)) {
            Some(Ok(()) | Err(TrySendError::Full(_))) => {
                first.get_or_insert_with(|| (number, Box::pin(tokio::time::sleep(grace))));
            }
            Some(Err(TrySendError::Closed(_))) | None => return number,
        }
    }
}

/// Timer of the grace period.
type GracePeriod = Pin<Box<tokio::time::Sleep>>;

/// Waits for the end of the grace period, if it has begun; cancel-safe because it is borrowed.
async fn expired(first: &mut Option<(i32, GracePeriod)>) -> i32 {
    let Some((number, grace)) = first else { return std::future::pending().await };
    grace.await;
    *number
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const TERM: i32 = 15;

    fn supervised() -> (mpsc::Sender<i32>, mpsc::UnboundedSender<SignalTarget>, impl Future<Output = i32>) {
        let (signals, signals_rx) = mpsc::channel(MAX_WAITING);
        let (sessions, sessions_rx) = mpsc::unbounded_channel();
        (signals, sessions, supervise(signals_rx, sessions_rx))
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_without_a_session_ends_the_process_at_once() {
        let (signals, _sessions, supervise) = supervised();
        signals.send(TERM).await.unwrap();
        assert_eq!(timeout(Duration::ZERO, supervise).await, Ok(TERM));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_is_stuck_ends_within_a_second_of_the_first_signal() {
        let (signals, sessions, supervise) = supervised();
        // The session is blocked and takes no command, so the signals do not fit.
        let (session, mut commands) = mpsc::channel(1);
        sessions.send(SignalTarget { commands: session, stops_answer: None, drains: false }).unwrap();
        for number in [TERM, SIGINT, SIGINT] {
            signals.send(number).await.unwrap();
        }
        let ended = timeout(Duration::from_secs(1), supervise).await;
        assert_eq!(ended, Ok(TERM), "the first signal decides on the exit code");
        assert_eq!(commands.try_recv(), Ok(UserCommand::HangUp(EndReason::Signal(TERM))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_drains_takes_its_time_until_the_second_signal() {
        let (signals, sessions, supervise) = supervised();
        let mut supervise = std::pin::pin!(supervise);
        let (commands, mut commands_rx) = mpsc::channel(1);
        sessions.send(SignalTarget { commands, stops_answer: None, drains: true }).unwrap();
        signals.send(TERM).await.unwrap();
        assert!(timeout(Duration::from_secs(3_600), &mut supervise).await.is_err());
        assert_eq!(commands_rx.try_recv(), Ok(UserCommand::HangUp(EndReason::Signal(TERM))));
        signals.send(SIGINT).await.unwrap();
        assert_eq!(timeout(Duration::from_secs(1), supervise).await, Ok(SIGINT));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_has_ended_delays_no_signal() {
        let (signals, sessions, supervise) = supervised();
        let (session, commands) = mpsc::channel(1);
        sessions.send(SignalTarget { commands: session, stops_answer: None, drains: false }).unwrap();
        drop(commands);
        signals.send(SIGINT).await.unwrap();
        assert_eq!(timeout(Duration::ZERO, supervise).await, Ok(SIGINT));
    }

    #[tokio::test(start_paused = true)]
    async fn ctrl_c_stops_an_answer_first_and_then_ends_the_session() {
        let (signals, sessions, supervise) = supervised();
        let (commands, mut commands_rx) = mpsc::channel(MAX_WAITING);
        let stops_answer = Some(Arc::new(AtomicBool::new(true)));
        sessions.send(SignalTarget { commands, stops_answer, drains: false }).unwrap();
        signals.send(SIGINT).await.unwrap();
        signals.send(SIGINT).await.unwrap();
        assert_eq!(timeout(Duration::from_secs(1), supervise).await, Ok(SIGINT));
        assert_eq!(commands_rx.try_recv(), Ok(UserCommand::Interrupt));
        assert_eq!(commands_rx.try_recv(), Ok(UserCommand::HangUp(EndReason::Signal(SIGINT))));
    }
}
