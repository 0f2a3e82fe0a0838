//! Lets what is timed go first where the system allows it: what else a machine does must not be heard.

/// Programs go before what does not wait for the time, as a nice value.
pub(crate) const PROGRAM: i32 = -5;
/// Sound goes before other programs; a sound server takes one step more by itself.
pub(crate) const SOUND: i32 = -10;
/// What only computes waits for sound.
pub(crate) const COMPUTING: i32 = 0;

/// Gives this thread, and what it starts from here on, at least this priority.
pub(crate) fn raise(nice: i32) {
    if current().is_some_and(|now| now > nice) {
        set(nice);
    }
}

/// Gives this thread this priority.
pub(crate) fn set(nice: i32) {
    // Only root may raise it; for others the machine is as it is. Elsewhere it is not a thread's own.
    #[cfg(target_os = "linux")]
    rustix::process::setpriority_process(None, nice).unwrap_or_default();
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
}

fn current() -> Option<i32> {
    #[cfg(target_os = "linux")]
    return rustix::process::getpriority_process(None).ok();
    #[cfg(not(target_os = "linux"))]
    None
}
