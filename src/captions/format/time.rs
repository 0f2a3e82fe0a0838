//! Times as caption files write them.

use std::time::Duration;

/// Returns hours, minutes, seconds and milliseconds.
pub(super) fn parts(time: Duration) -> (u64, u64, u64, u32) {
    let seconds = time.as_secs();
    (seconds / 3_600, seconds / 60 % 60, seconds % 60, time.subsec_millis())
}

/// Returns `HH:MM:SS`, a separator, and milliseconds; hours have more digits after 99.
pub(super) fn clock(time: Duration, separator: char) -> String {
    let (hours, minutes, seconds, ms) = parts(time);
    format!("{hours:02}:{minutes:02}:{seconds:02}{separator}{ms:03}")
}

/// Reads `[HH:]MM:SS` with milliseconds behind a comma or a dot.
pub(in crate::captions) fn read(text: &str) -> Option<Duration> {
    let (clock, ms) = text.rsplit_once([',', '.'])?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fields: Vec<&str> = clock.split(':').collect();
    if ms.len() != 3
        || !is_number(ms)
        || !(2..=3).contains(&fields.len())
        || !fields.iter().all(|part| is_number(part))
    {
        return None;
    }
    let mut seconds: u64 = 0;
    for field in fields {
        seconds = seconds.checked_mul(60)?.checked_add(field.parse().ok()?)?;
    }
    Some(Duration::from_secs(seconds) + Duration::from_millis(ms.parse().ok()?))
}
