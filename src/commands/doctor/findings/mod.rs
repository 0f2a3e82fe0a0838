//! Findings of a probe: a sentence, a severity and a hint each.

mod answers;
mod session;

use serde_json::{Value, json};

use crate::commands::doctor::probe::observations::{Capability, ProbeObservations, Reply};
use crate::commands::doctor::report::{Check, DoctorFinding, Level, ms};
use crate::error::Kind;
use crate::protocol::close::CloseCause;
use crate::protocol::dialect::Dialect;
use crate::protocol::error_codes::Remedy;
use crate::protocol::events::error::ErrorInfo;

/// The probed endpoint as configured.
#[derive(Clone, Debug)]
pub(super) struct ProbedEndpoint {
    /// Configured dialect; `None` is `auto`.
    pub(super) dialect: Option<Dialect>,
    /// Requested model.
    pub(super) model: Option<String>,
    /// Whether answers, which cost money, were requested.
    pub(super) is_asked: bool,
}

/// Reason of checks skipped after the end of the connection.
const ENDED: &str = "the connection had ended";

/// Returns the findings in report order.
pub(super) fn of_probe(seen: &ProbeObservations, endpoint: &ProbedEndpoint) -> Vec<DoctorFinding> {
    let mut findings = session::all(seen, endpoint);
    findings.extend(if endpoint.is_asked { answers::all(seen) } else { answers::not_asked(seen) });
    findings
}

/// Returns the text of an error, whichever fields it has.
fn describe(error: &ErrorInfo) -> String {
    let words = [&error.message, &error.code, &error.kind];
    let said = words.into_iter().flatten().find(|text| !text.trim().is_empty());
    said.map_or_else(|| "an unspecified error".to_owned(), |text| text.trim_end_matches('.').to_owned())
}

fn error_json(error: &ErrorInfo) -> Value {
    json!({ "type": error.kind, "code": error.code, "message": error.message, "param": error.param })
}

/// Adds an error and its known remedy.
fn with_error(finding: DoctorFinding, error: &ErrorInfo) -> DoctorFinding {
    let finding = finding.detail("error", error_json(error));
    match error.known() {
        Some(known) if known.remedy == Remedy::DropField => {
            finding.hint("the endpoint may use the other dialect; try --dialect ga or --dialect beta")
        }
        Some(known) if !known.hint.is_empty() => finding.hint(known.hint),
        Some(_) | None => {
            finding.hint("see the endpoint's documentation; --trace FILE.jsonl shows all events")
        }
    }
}

/// Returns a failure for a connection that ended during a check.
fn ended(check: Check, seen: &ProbeObservations) -> DoctorFinding {
    if let Some(foreign) = seen.foreign {
        return DoctorFinding::new(check, Level::Failure(Kind::Server), foreign.refusal())
            .hint("use a Realtime endpoint: another path or port, or another server");
    }
    if let Some(error) = &seen.error {
        let said = format!("the endpoint refused: {}", describe(error));
        return with_error(DoctorFinding::new(check, Level::Failure(Kind::Server), said), error);
    }
    let (kind, said) = match &seen.closed {
        Some(CloseCause::Peer { code, reason }) => {
            let code = code.map(|code| format!(" (code {code})")).unwrap_or_default();
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            (Kind::Network, format!("the endpoint closed the connection{code}{reason}"))
        }
        Some(CloseCause::Broken(how)) => (Kind::Network, format!("connection lost: {how}")),
        Some(CloseCause::Ours) | None => (Kind::Network, "the connection ended".to_owned()),
    };
    DoctorFinding::new(check, Level::Failure(kind), said)
        .hint("try again; if it persists, check the endpoint's log")
}

/// Texts and severities for the outcomes of a capability.
struct CapabilityTexts<'a> {
    check: Check,
    part: Capability,
    /// Message if it came.
    fine: &'a str,
    refused: Level,
    silent: Level,
    /// What a user loses without it, or can do; empty if the error itself has a hint.
    loss: &'static str,
}

/// Returns the finding for a capability.
fn of_capability(seen: &ProbeObservations, row: &CapabilityTexts<'_>) -> DoctorFinding {
    let check = row.check;
    let with_loss = |level, said: String| {
        let finding = DoctorFinding::new(check, level, said);
        if row.loss.is_empty() { finding } else { finding.hint(row.loss) }
    };
    match seen.reply(row.part) {
        Reply::Came(after) => DoctorFinding::ok(check, row.fine).detail("after_ms", ms(*after)),
        Reply::Lost => ended(check, seen),
        Reply::Refused(_) if seen.is_over_early() => ended(check, seen),
        Reply::Refused(error) => {
            let finding = with_loss(row.refused, format!("refused: {}", describe(error)));
            if row.loss.is_empty() {
                with_error(finding, error)
            } else {
                finding.detail("error", error_json(error))
            }
        }
        Reply::Missing => with_loss(Level::Warning, "missing from the answer".to_owned()),
        Reply::Silent(limit) => with_loss(row.silent, format!("no reply within {} s", limit.as_secs())),
        Reply::NotAsked | Reply::Waiting(_) => DoctorFinding::skipped(check, ENDED),
    }
}

#[cfg(test)]
mod tests;
