//! Findings about answers, which are requested only with `--ask`.

use crate::commands::doctor::findings::{CapabilityTexts, ENDED, of_capability};
use crate::commands::doctor::probe::observations::{Capability, ProbeObservations, Reply};
use crate::commands::doctor::report::{Check, DoctorFinding, Level, ms};
use crate::error::Kind;

/// Typical pause in conversation; slower answers feel slow.
const SLOW_MS: u64 = 1_500;

/// Hint for a missing or incomplete answer.
const NO_ANSWER: &str = "try again; --trace FILE.jsonl and the endpoint's log may show the cause";

/// Returns the findings of all answers, none of which were requested.
pub(super) fn not_asked(seen: &ProbeObservations) -> Vec<DoctorFinding> {
    let why = if seen.is_over_early() { ENDED } else { "needs --ask, which is billed" };
    Check::Text.to(Check::Captions).map(|check| DoctorFinding::skipped(check, why)).collect()
}

/// Returns the findings of all answers.
pub(super) fn all(seen: &ProbeObservations) -> Vec<DoctorFinding> {
    let after = seen.delay(Capability::Text).map(|after| format!("text answer after {} ms", ms(after)));
    let bytes = seen.audio_bytes;
    let audio = answer(seen, Check::Audio, Capability::Audio, &format!("spoken answer: {bytes} bytes"));
    vec![
        answer(seen, Check::Text, Capability::Text, &after.unwrap_or_default()),
        audio.detail("bytes", bytes),
        transcript(seen),
        first_audio(seen),
        tools(seen),
        captions(seen),
    ]
}

/// A call needs answers.
fn answer(seen: &ProbeObservations, check: Check, part: Capability, fine: &str) -> DoctorFinding {
    let (refused, silent) = (Level::Failure(Kind::Server), Level::Failure(Kind::Network));
    let finding = of_capability(seen, &CapabilityTexts { check, part, fine, refused, silent, loss: "" });
    if finding.hint.is_none() && finding.level.is_bad() { finding.hint(NO_ANSWER) } else { finding }
}

fn transcript(seen: &ProbeObservations) -> DoctorFinding {
    // Without audio, its own check reports the cause.
    if !matches!(seen.reply(Capability::Audio), Reply::Came(_) | Reply::Missing) {
        return DoctorFinding::skipped(Check::Transcript, "no spoken answer");
    }
    let texts = CapabilityTexts {
        check: Check::Transcript,
        part: Capability::Transcript,
        fine: "spoken answers have a transcript",
        refused: Level::Note,
        silent: Level::Note,
        loss: "calls work; spoken answers have no text on the screen",
    };
    of_capability(seen, &texts)
}

fn first_audio(seen: &ProbeObservations) -> DoctorFinding {
    let check = Check::FirstAudio;
    let Some(after) = seen.delay(Capability::Audio).map(ms) else {
        return DoctorFinding::skipped(check, "no spoken answer");
    };
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
    let texts = CapabilityTexts {
        check: Check::Tools,
        part: Capability::Tools,
        fine: "function calls work",
        refused: Level::Note,
        silent: Level::Note,
        loss: "only matters for function calls",
    };
    let finding = of_capability(seen, &texts);
    if *seen.reply(Capability::Tools) != Reply::Missing {
        return finding;
    }
    let said = "the model answered with text instead of a function call".to_owned();
    DoctorFinding { level: Level::Note, said, ..finding }
}

fn captions(seen: &ProbeObservations) -> DoctorFinding {
    let has_deltas = seen.delay(Capability::CaptionDeltas).is_some();
    let fine =
        if has_deltas { "captions arrive while you speak" } else { "captions arrive at the end of a turn" };
    let texts = CapabilityTexts {
        check: Check::Captions,
        part: Capability::Captions,
        fine,
        refused: Level::Warning,
        silent: Level::Warning,
        loss: "set transcription_model to a model of this endpoint; calls work without captions",
    };
    of_capability(seen, &texts).detail("deltas", has_deltas)
}
