//! What a probe has seen, as findings: a sentence each, how bad it is, and what to do.

mod answers;
mod session;

use serde_json::{Value, json};

use crate::commands::doctor::probe::{Capability, ProbeObservations, Reply};
use crate::commands::doctor::report::{Check, DoctorFinding, Level};
use crate::error::Kind;
use crate::protocol::close::CloseCause;
use crate::protocol::dialect::Dialect;
use crate::protocol::error_codes::Remedy;
use crate::protocol::events::error::ErrorInfo;

/// What was asked of the endpoint.
#[derive(Clone, Debug)]
pub(super) struct ProbedEndpoint {
    /// The dialect that is in force; `None` is `auto`.
    pub(super) dialect: Option<Dialect>,
    /// The model that was asked for.
    pub(super) model: Option<String>,
    /// Whether answers were asked for.
    pub(super) paid: BillableRequested,
}

/// Whether answers were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BillableRequested {
    /// They were.
    Yes,
    /// They were not, for they cost something.
    No,
}

/// Why nobody looked at what comes after the end.
const ENDED: &str = "the connection had ended";

/// Returns what there is to say, in the order of the checks.
pub(super) fn findings(seen: &ProbeObservations, about: &ProbedEndpoint) -> Vec<DoctorFinding> {
    let mut findings = vec![session::session(seen, about), session::dialect(seen, about)];
    findings.push(session::settings(seen));
    findings.push(session::clear(seen));
    findings.push(session::truncate(seen));
    findings.push(session::audio_format(seen));
    findings.extend(answers::all(seen, about));
    findings
}

/// Returns what an error says, whatever fields it has.
fn describe(error: &ErrorInfo) -> String {
    let words = [&error.message, &error.code, &error.kind];
    let said = words.into_iter().flatten().find(|text| !text.trim().is_empty());
    said.map_or_else(
        || "an error that does not say which".to_owned(),
        |text| text.trim_end_matches('.').to_owned(),
    )
}

fn error_json(error: &ErrorInfo) -> Value {
    json!({ "type": error.kind, "code": error.code, "message": error.message, "param": error.param })
}

/// Adds an error and what is known of it.
fn with_error(finding: DoctorFinding, error: &ErrorInfo) -> DoctorFinding {
    let finding = finding.detail("error", error_json(error));
    match error.known() {
        Some(known) if known.remedy == Remedy::DropField => {
            finding.hint("it may speak the other dialect: try --dialect ga or --dialect beta")
        }
        Some(known) if !known.hint.is_empty() => finding.hint(known.hint),
        Some(_) | None => finding.hint(
            "look up what it says in the endpoint's documents; --trace FILE.jsonl shows all that was said",
        ),
    }
}

/// Returns the failure that the connection ended in the middle of a check.
fn ended(check: Check, seen: &ProbeObservations) -> DoctorFinding {
    if let Some(foreign) = seen.foreign {
        return DoctorFinding::new(check, Level::Failure(Kind::Server), foreign.refusal())
            .hint("dial a Realtime endpoint: another path or port of this server, or another server");
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
        Some(CloseCause::Broken(how)) => (Kind::Network, format!("the connection broke: {how}")),
        Some(CloseCause::Ours) | None => (Kind::Network, "the connection ended".to_owned()),
    };
    DoctorFinding::new(check, Level::Failure(kind), said)
        .hint("try again; if it happens twice, look at the endpoint's log")
}

/// What there is to say of a part, whatever became of it.
struct FindingTexts<'a> {
    check: Check,
    part: Capability,
    /// What is said when it came.
    fine: &'a str,
    refused: Level,
    silent: Level,
    /// What a user loses without it, or can do; empty where the error itself tells it.
    loss: &'static str,
}

/// Returns what a part came to.
fn of_part(seen: &ProbeObservations, row: &FindingTexts<'_>) -> DoctorFinding {
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
            let finding = with_loss(row.refused, format!("it is refused: {}", describe(error)));
            if row.loss.is_empty() {
                with_error(finding, error)
            } else {
                finding.detail("error", error_json(error))
            }
        }
        Reply::Missing => with_loss(Level::Warning, "the answer came without it".to_owned()),
        Reply::Silent(limit) => with_loss(row.silent, format!("nothing came within {} s", limit.as_secs())),
        Reply::NotAsked | Reply::Waiting => DoctorFinding::skipped(check, ENDED),
    }
}

fn ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
