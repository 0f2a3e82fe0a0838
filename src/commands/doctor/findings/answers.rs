//! Findings endpoint requested answers.

use crate::commands::doctor::findings::{
    BillableRequested, ENDED, FindingTexts, ProbedEndpoint, ms, of_capability,
};
use crate::commands::doctor::probe::seen::{Capability, ProbeObservations, Reply};
use crate::commands::doctor::report::{Check, DoctorFinding, Level};
use crate::error::Kind;

/// Typical pause in conversation; slower answers feel slow.
const SLOW_MS: u64 = 1_500;

/// Reason of checks that were not requested.
const COSTS: &str = "needs --ask, which is billed";

/// Returns the findings of all answers.
pub(super) fn all(seen: &ProbeObservations, endpoint: &ProbedEndpoint) -> Vec<DoctorFinding> {
    match endpoint.paid {
        BillableRequested::No => {
            let why = if seen.is_over_early() { ENDED } else { COSTS };
            Check::Text.to(Check::Captions).map(|check| DoctorFinding::skipped(check, why)).collect()
        }
        BillableRequested::Yes => {
            vec![text(seen), audio(seen), transcript(seen), first_audio(seen), tools(seen), captions(seen)]
        }
    }
}

/// A call needs answers.
const REFUSED: Level = Level::Failure(Kind::Server);
const SILENT: Level = Level::Failure(Kind::Network);

/// Hint for a missing or incomplete answer.
const NO_ANSWER: &str = "try again; --trace FILE.jsonl and the endpoint's log may show the cause";

fn text(seen: &ProbeObservations) -> DoctorFinding {
    let fine = format!("text answer {}", after(seen, Capability::Text));
    answer(seen, Check::Text, Capability::Text, &fine)
}

fn audio(seen: &ProbeObservations) -> DoctorFinding {
    let fine = format!("spoken answer: {} bytes", seen.sound_bytes);
    answer(seen, Check::Audio, Capability::Audio, &fine).detail("bytes", seen.sound_bytes)
}

fn answer(seen: &ProbeObservations, check: Check, part: Capability, fine: &str) -> DoctorFinding {
    let finding =
        of_capability(seen, &FindingTexts { check, part, fine, refused: REFUSED, silent: SILENT, loss: "" });
    match finding.hint {
        None if finding.level.is_bad() => finding.hint(NO_ANSWER),
        Some(_) | None => finding,
    }
}

fn transcript(seen: &ProbeObservations) -> DoctorFinding {
    let row = FindingTexts {
        check: Check::Transcript,
        part: Capability::Transcript,
        fine: "spoken answers have a transcript",
        refused: Level::Note,
        silent: Level::Note,
        loss: "calls work; spoken answers have no text on the screen",
    };
    match seen.reply(Capability::Audio) {
        // Reported by that check.
        Reply::Refused(_) | Reply::Lost | Reply::Silent(_) | Reply::NotAsked | Reply::Waiting => {
            DoctorFinding::skipped(Check::Transcript, "no spoken answer")
        }
        Reply::Came(_) | Reply::Missing => of_capability(seen, &row),
    }
}

fn first_audio(seen: &ProbeObservations) -> DoctorFinding {
    let check = Check::FirstAudio;
    let Reply::Came(after) = seen.reply(Capability::Audio) else {
        return DoctorFinding::skipped(check, "no spoken answer");
    };
    let after = ms(*after);
    let said = format!("first audio after {after} ms");
    let finding = if after <= SLOW_MS {
        DoctorFinding::ok(check, said)
    } else {
        DoctorFinding::new(check, Level::Note, said)
            .hint("a smaller model, less reasoning or a nearer region is faster")
    };
    finding.detail("ms", after)
}

fn tools(seen: &ProbeObservations) -> DoctorFinding {
    let row = FindingTexts {
        check: Check::Tools,
        part: Capability::Tools,
        fine: "function calls work",
        refused: Level::Note,
        silent: Level::Note,
        loss: "only matters for function calls",
    };
    let finding = of_capability(seen, &row);
    match seen.reply(Capability::Tools) {
        Reply::Missing => DoctorFinding {
            level: Level::Note,
            said: "the model answered with text instead of a function call".to_owned(),
            ..finding
        },
        Reply::NotAsked
        | Reply::Waiting
        | Reply::Came(_)
        | Reply::Refused(_)
        | Reply::Silent(_)
        | Reply::Lost => finding,
    }
}

fn captions(seen: &ProbeObservations) -> DoctorFinding {
    let came = |part| matches!(seen.reply(part), Reply::Came(_));
    let row = FindingTexts {
        check: Check::Captions,
        part: Capability::Captions,
        fine: if came(Capability::CaptionDeltas) {
            "captions arrive while you speak"
        } else {
            "captions arrive at the end of a turn"
        },
        refused: Level::Warning,
        silent: Level::Warning,
        loss: "set transcription_model to a model of this endpoint; calls work without captions",
    };
    of_capability(seen, &row).detail("deltas", came(Capability::CaptionDeltas))
}

fn after(seen: &ProbeObservations, part: Capability) -> String {
    match seen.reply(part) {
        Reply::Came(after) => format!("after {} ms", ms(*after)),
        Reply::NotAsked
        | Reply::Waiting
        | Reply::Refused(_)
        | Reply::Missing
        | Reply::Silent(_)
        | Reply::Lost => String::new(),
    }
}
