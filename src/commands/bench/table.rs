//! Results as a table and as JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::commands::bench::findings::{DurationStats, Findings, MeasurementResult, Metric};
use crate::ui::text::json;
use crate::ui::text::sanitize;

/// Returns a table of two parts, in milliseconds.
pub(super) fn text(findings: &Findings) -> String {
    let endpoint = findings.endpoint.as_deref().map(sanitize::one_line).unwrap_or_default();
    let mut lines = Vec::new();
    for (heading, of_endpoint) in [("this machine".to_owned(), false), (format!("endpoint {endpoint}"), true)]
    {
        let heading = heading.trim_end();
        lines.push(format!("{heading:<34}{:>8}{:>8}{:>8}{:>8}{:>6}", "p50", "p95", "p99", "max", "n"));
        let rows = findings.rows().filter(|(what, _)| what.is_of_endpoint() == of_endpoint);
        lines.extend(rows.map(|(what, measured)| row(what, measured)));
        let failed = findings.failed.as_deref().filter(|_| of_endpoint);
        lines.extend(failed.map(|why| format!("  not measured: {}", sanitize::one_line(why))));
        lines.push(String::new());
    }
    lines.push("Milliseconds. docs/audio.md describes what each step measures.".to_owned());
    lines.join("\n") + "\n"
}

fn row(what: Metric, measured: &MeasurementResult) -> String {
    let label = what.label();
    match (measured, measured.figures()) {
        (MeasurementResult::Not(why), _) => {
            format!("  {label:<32}  not measured: {}", sanitize::one_line(why))
        }
        (MeasurementResult::Times(_), None) => format!("  {label:<32}"),
        (MeasurementResult::Times(_), Some(figures)) => {
            let DurationStats { count, p50, p95, p99, most } = figures;
            let [p50, p95, p99, most] = [p50, p95, p99, most].map(ms);
            format!("  {label:<32}{p50:>8.1}{p95:>8.1}{p99:>8.1}{most:>8.1}{count:>6}")
        }
    }
}

/// Returns one JSON object.
pub(super) fn json(findings: &Findings) -> String {
    let part = |of_endpoint| -> Map<String, Value> {
        let rows = findings.rows().filter(|(what, _)| what.is_of_endpoint() == of_endpoint);
        rows.map(|(what, measured)| (what.key().to_owned(), value(measured))).collect()
    };
    let endpoint = findings.endpoint.as_deref().map(sanitize::one_line);
    let failed = findings.failed.as_deref().map(sanitize::one_line);
    let found = json!({
        "endpoint": endpoint,
        "endpoint_error": failed,
        "machine_ms": part(false),
        "endpoint_ms": part(true),
    });
    json::pretty(&found)
}

fn value(measured: &MeasurementResult) -> Value {
    match (measured, measured.figures()) {
        (MeasurementResult::Not(why), _) => json!({ "not_measured": sanitize::one_line(why) }),
        (MeasurementResult::Times(_), None) => Value::Null,
        (MeasurementResult::Times(_), Some(figures)) => {
            let DurationStats { count, p50, p95, p99, most } = figures;
            let [p50, p95, p99, most] = [p50, p95, p99, most].map(|time| (ms(time) * 10.0).round() / 10.0);
            json!({ "count": count, "p50": p50, "p95": p95, "p99": p99, "max": most })
        }
    }
}

/// Returns milliseconds.
pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    /// Findings with gaps and foreign text.
    fn findings() -> Findings {
        let times =
            |ms: &[u64]| MeasurementResult::Times(ms.iter().map(|ms| Duration::from_millis(*ms)).collect());
        let mut findings = Findings::of(Some("evil\u{1b}[2J".to_owned()));
        findings.note(Metric::FirstByte, times(&[310, 290, 1_250]));
        findings.note(Metric::FirstByte, times(&[1]));
        findings.note(Metric::Loop, MeasurementResult::Not("no \u{1b}[31mloop\nhere".to_owned()));
        findings.note(Metric::SocketToSpeaker, times(&[12]));
        findings.failed = Some("it\u{7} went away".to_owned());
        findings
    }

    #[test]
    fn unmeasured_steps_show_their_reason() {
        assert_snapshot!(text(&findings()), @r#"
        this machine                           p50     p95     p99     max     n
          socket to speaker                   12.0    12.0    12.0    12.0     1
          speaker to microphone to socket   not measured: no loop here

        endpoint evil                          p50     p95     p99     max     n
          question to first byte             310.0  1250.0  1250.0  1250.0     3
          not measured: it went away

        Milliseconds. docs/audio.md describes what each step measures.
        "#);
    }

    #[test]
    fn json_has_all_fields() {
        assert_snapshot!(json(&findings()), @r#"
        {
          "endpoint": "evil",
          "endpoint_error": "it went away",
          "endpoint_ms": {
            "first_byte": {
              "count": 3,
              "max": 1250.0,
              "p50": 310.0,
              "p95": 1250.0,
              "p99": 1250.0
            }
          },
          "machine_ms": {
            "loop": {
              "not_measured": "no loop here"
            },
            "socket_to_speaker": {
              "count": 1,
              "max": 12.0,
              "p50": 12.0,
              "p95": 12.0,
              "p99": 12.0
            }
          }
        }
        "#);
    }
}
