//! Counters of the relay in Prometheus' text format. Labels hold only values that the relay chooses.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::server::relay::pump::call::CallReport;

/// Upper bounds of the histogram of call durations, in seconds.
const CALL_BOUNDS: [f64; 8] = [1.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0];

/// Upper bounds of the histogram of dial times, in seconds.
const DIAL_BOUNDS: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// A counter by label value.
type ByLabel = RefCell<BTreeMap<&'static str, f64>>;

/// All counters.
#[derive(Default)]
pub(crate) struct RelayMetrics {
    outcomes: ByLabel,
    refusals: ByLabel,
    events: ByLabel,
    bytes: ByLabel,
    tokens: ByLabel,
    usd: Cell<f64>,
    paused: Cell<u64>,
    /// Log lines that were dropped.
    pub(crate) log_dropped: Cell<u64>,
    calls: Histogram,
    dials: Histogram,
}

/// A histogram.
#[derive(Default)]
struct Histogram {
    counts: RefCell<[u64; 8]>,
    count: Cell<u64>,
    sum: Cell<f64>,
}

impl Histogram {
    fn observe(&self, bounds: [f64; 8], value: f64) {
        for (count, bound) in self.counts.borrow_mut().iter_mut().zip(bounds) {
            *count += u64::from(value <= bound);
        }
        self.count.set(self.count.get() + 1);
        self.sum.set(self.sum.get() + value);
    }

    fn write(&self, text: &mut String, name: &str, bounds: [f64; 8]) {
        let _ = writeln!(text, "# TYPE {name} histogram");
        for (count, bound) in self.counts.borrow().iter().zip(bounds) {
            let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {}", self.count.get());
        let _ = writeln!(text, "{name}_sum {}\n{name}_count {}", self.sum.get(), self.count.get());
    }
}

impl RelayMetrics {
    /// Counts a refused request.
    pub(crate) fn refused(&self, reason: &'static str) {
        add(&self.refusals, reason, 1.0);
    }

    /// Counts a dialed connection.
    pub(crate) fn dialed(&self, time: Duration) {
        self.dials.observe(DIAL_BOUNDS, time.as_secs_f64());
    }

    /// Counts a finished call.
    pub(crate) fn finished(&self, report: &CallReport) {
        add(&self.outcomes, report.outcome, 1.0);
        add(&self.events, "in", report.events_in as f64);
        add(&self.events, "out", report.events_out as f64);
        add(&self.bytes, "in", report.bytes_in as f64);
        add(&self.bytes, "out", report.bytes_out as f64);
        let tokens = report.tally.tokens;
        for (kind, count) in [("input", tokens.input), ("cached", tokens.cached), ("output", tokens.output)] {
            add(&self.tokens, kind, count as f64);
        }
        self.usd.set(self.usd.get() + report.usd);
        self.paused.set(self.paused.get() + report.paused_seconds);
        self.calls.observe(CALL_BOUNDS, report.duration.as_secs_f64());
    }

    /// Returns the text; `calls` are in progress.
    pub(crate) fn text(&self, calls: u32, is_draining: bool) -> String {
        let mut text = String::new();
        let mut single = |kind, name, value: f64| {
            let _ = writeln!(text, "# TYPE rtvoice_relay_{name} {kind}\nrtvoice_relay_{name} {value}");
        };
        single("gauge", "calls", f64::from(calls));
        single("gauge", "draining", f64::from(u8::from(is_draining)));
        single("counter", "usd_total", self.usd.get());
        single("counter", "paused_seconds_total", self.paused.get() as f64);
        single("counter", "log_dropped_total", self.log_dropped.get() as f64);
        for (name, label, values) in [
            ("calls_total", "outcome", &self.outcomes),
            ("refused_total", "reason", &self.refusals),
            ("events_total", "direction", &self.events),
            ("bytes_total", "direction", &self.bytes),
            ("tokens_total", "kind", &self.tokens),
        ] {
            let _ = writeln!(text, "# TYPE rtvoice_relay_{name} counter");
            for (key, value) in values.borrow().iter() {
                let _ = writeln!(text, "rtvoice_relay_{name}{{{label}=\"{key}\"}} {value}");
            }
        }
        self.calls.write(&mut text, "rtvoice_relay_call_seconds", CALL_BOUNDS);
        self.dials.write(&mut text, "rtvoice_relay_dial_seconds", DIAL_BOUNDS);
        for (name, value) in process_figures() {
            let _ = writeln!(text, "# TYPE {name} gauge\n{name} {value}");
        }
        text
    }
}

fn add(counter: &ByLabel, label: &'static str, count: f64) {
    *counter.borrow_mut().entry(label).or_default() += count;
}

/// Returns resident memory and open files, where the system has them in files.
fn process_figures() -> Vec<(&'static str, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = resident.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    let files = std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64);
    let resident = kilobytes.map(|count| ("process_resident_memory_bytes", count << 10));
    resident.into_iter().chain(files.map(|count| ("process_open_fds", count))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_refusals_are_counted_by_outcome_and_reason() {
        let metrics = RelayMetrics::default();
        let report = CallReport {
            outcome: "completed",
            events_in: 3,
            bytes_out: 70,
            usd: 0.5,
            duration: Duration::from_secs(20),
            ..CallReport::default()
        };
        metrics.finished(&report);
        metrics.finished(&report);
        metrics.refused("missing_token");
        metrics.dialed(Duration::from_millis(80));
        let text = metrics.text(7, true);
        for line in [
            "# TYPE rtvoice_relay_calls gauge",
            "rtvoice_relay_calls 7",
            "rtvoice_relay_draining 1",
            "rtvoice_relay_usd_total 1",
            "rtvoice_relay_calls_total{outcome=\"completed\"} 2",
            "rtvoice_relay_refused_total{reason=\"missing_token\"} 1",
            "rtvoice_relay_events_total{direction=\"in\"} 6",
            "rtvoice_relay_bytes_total{direction=\"out\"} 140",
            "rtvoice_relay_call_seconds_bucket{le=\"10\"} 0",
            "rtvoice_relay_call_seconds_bucket{le=\"30\"} 2",
            "rtvoice_relay_call_seconds_bucket{le=\"+Inf\"} 2",
            "rtvoice_relay_call_seconds_sum 40",
            "rtvoice_relay_dial_seconds_bucket{le=\"0.1\"} 1",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
    }
}
