//! Log of the relay: one JSON line for a call or a refusal; never tokens, queries, texts or sound.

use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use hyper::header;
use hyper::http::request::Parts;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::server::http::request::header_text;
use crate::server::relay::address::network;
use crate::server::relay::admission::{RelayRefusal, RelayRoute};
use crate::server::relay::pump::call::CallReport;

/// Longest foreign text in a line.
const FOREIGN_MAX_CHARS: usize = 200;

/// The part of a line that is known from the request.
pub(crate) struct CallLine {
    /// Random id of the call.
    pub(crate) id: String,
    path: String,
    network: String,
    origin: Option<String>,
}

impl CallLine {
    /// Reads a request.
    pub(crate) fn new(id: &str, client: IpAddr, parts: &Parts) -> Self {
        let short = |text: &str| text.chars().take(FOREIGN_MAX_CHARS).collect::<String>();
        Self {
            id: id.to_owned(),
            path: short(parts.uri.path()),
            network: network(client),
            origin: header_text(&parts.headers, header::ORIGIN.as_str()).map(short),
        }
    }

    /// Returns the methods for the `Allow` header.
    pub(crate) fn allowed_methods(&self) -> &'static str {
        RelayRoute::at(&self.path).map_or("GET", RelayRoute::methods)
    }

    /// Returns the line of a finished call; `times` are those of dialing and of the first event.
    pub(crate) fn finished(
        &self,
        who: Option<&str>,
        times: (Duration, Option<Duration>),
        report: &CallReport,
    ) -> String {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let tally = &report.tally;
        json!({
            "at": now(), "call": self.id, "route": self.path, "who": who, "ip": self.network,
            "origin": self.origin, "model": tally.model,
            "outcome": report.outcome, "closed_by": report.closed_by,
            "close_client": report.close_client, "close_upstream": report.close_upstream,
            "ms": millis(report.duration), "dial_ms": millis(times.0), "first_event_ms": times.1.map(millis),
            "events_in": report.events_in, "events_out": report.events_out,
            "bytes_in": report.bytes_in, "bytes_out": report.bytes_out,
            "responses": tally.responses, "tokens_in": tally.tokens.input,
            "tokens_cached": tally.tokens.cached, "tokens_out": tally.tokens.output, "usd": report.usd,
            "blocked_events": report.blocked_events, "paused_ms": report.paused_seconds * 1_000,
            "upstream_session": tally.session,
        })
        .to_string()
    }
}

/// Returns the line of a refusal; `cause` is the endpoint's part in it.
pub(crate) fn refusal_line(line: &CallLine, refusal: &RelayRefusal, cause: Option<&str>) -> String {
    json!({
        "at": now(), "call": line.id, "route": line.path, "ip": line.network, "origin": line.origin,
        "outcome": "refused", "status": refusal.status.as_u16(), "reason": refusal.code, "cause": cause,
    })
    .to_string()
}

fn now() -> Option<String> {
    let seconds = i64::try_from(UNIX_EPOCH.elapsed().ok()?.as_secs()).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn line(target: &str, origin: &str) -> CallLine {
        let request = Request::get(target).header("origin", origin).header("authorization", "Bearer secret");
        CallLine::new("id1", IpAddr::from([192, 0, 2, 7]), &request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_line_holds_no_query_no_token_and_no_full_address() {
        let line = line("/v1/realtime?model=m&token=secret", "https://a\u{22}b");
        let text = line.finished(Some("alice"), (Duration::from_millis(5), None), &CallReport::default());
        assert!(!text.contains("secret") && !text.contains("192.0.2.7") && !text.contains('\n'), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&value["who"], &value["ip"]), (&json!("alice"), &json!("192.0.2.0/24")));
        assert_eq!((&value["route"], &value["origin"]), (&json!("/v1/realtime"), &json!("https://a\"b")));
    }

    #[test]
    fn foreign_text_is_escaped_and_short() {
        let line = line(&format!("/{}", "x".repeat(5_000)), "a\\nb");
        let refusal = RelayRefusal::new(hyper::StatusCode::NOT_FOUND, "not_found", "No.");
        let text = refusal_line(&line, &refusal, Some("line\nbreak"));
        assert!(text.len() < 600 && !text.contains('\n'), "{}", text.len());
    }
}
