//! What came of the answers that were asked for.

use crate::commands::doctor::probe::{Capability, ProbeObservations, Reply};
use crate::commands::doctor::report::{Check, DoctorFinding, Level};
use crate::commands::doctor::told::{BillableRequested, ENDED, FindingTexts, ProbedEndpoint, ms, of_part};
use crate::error::Kind;

/// A pause after which people begin to speak again: later than this, an answer feels slow.
const SLOW_MS: u64 = 1_500;

/// Why nobody looked.
const COSTS: &str = "it costs a little; --ask asks for it";

/// Returns what there is to say of all of them.
pub(super) fn all(seen: &ProbeObservations, about: &ProbedEndpoint) -> Vec<DoctorFinding> {
    match about.paid {
        BillableRequested::No => {
            let why = if seen.is_over_early() { ENDED } else { COSTS };
            Check::Text.to(Check::Captions).map(|check| DoctorFinding::skipped(check, why)).collect()
        }
        BillableRequested::Yes => {
            vec![text(seen), audio(seen), transcript(seen), first_audio(seen), tools(seen), captions(seen)]
        }
    }
}

/// Without answers there is nothing to talk to.
const REFUSED: Level = Level::Failure(Kind::Server);
const SILENT: Level = Level::Failure(Kind::Network);

/// What to do when an answer does not come, or comes without what was asked for.
const NO_ANSWER: &str = "try again; --trace FILE.jsonl shows what came, and the endpoint's log may say why";

fn text(seen: &ProbeObservations) -> DoctorFinding {
    let fine = format!("a written answer begins {}", after(seen, Capability::Text));
    answer(seen, Check::Text, Capability::Text, &fine)
}

fn audio(seen: &ProbeObservations) -> DoctorFinding {
    let fine = format!("a spoken answer came: {} bytes", seen.sound_bytes);
    answer(seen, Check::Audio, Capability::Audio, &fine).detail("bytes", seen.sound_bytes)
}

fn answer(seen: &ProbeObservations, check: Check, part: Capability, fine: &str) -> DoctorFinding {
    let finding =
        of_part(seen, &FindingTexts { check, part, fine, refused: REFUSED, silent: SILENT, loss: "" });
    match finding.hint {
        None if finding.level.is_bad() => finding.hint(NO_ANSWER),
        Some(_) | None => finding,
    }
}

fn transcript(seen: &ProbeObservations) -> DoctorFinding {
    let row = FindingTexts {
        check: Check::Transcript,
        part: Capability::Transcript,
        fine: "the spoken answer came with its transcript",
        refused: Level::Note,
        silent: Level::Note,
        loss: "calls work; spoken answers have no text on the screen",
    };
    match seen.reply(Capability::Audio) {
        // Told by that check already.
        Reply::Refused(_) | Reply::Lost | Reply::Silent(_) | Reply::NotAsked | Reply::Waiting => {
            DoctorFinding::skipped(Check::Transcript, "there was no spoken answer")
        }
        Reply::Came(_) | Reply::Missing => of_part(seen, &row),
    }
}

fn first_audio(seen: &ProbeObservations) -> DoctorFinding {
    let check = Check::FirstAudio;
    let Reply::Came(after) = seen.reply(Capability::Audio) else {
        return DoctorFinding::skipped(check, "there was no spoken answer");
    };
    let after = ms(*after);
    let said = format!("{after} ms from asking to the first sound");
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
        fine: "the model calls a function",
        refused: Level::Note,
        silent: Level::Note,
        loss: "it matters only where functions are used",
    };
    let finding = of_part(seen, &row);
    match seen.reply(Capability::Tools) {
        Reply::Missing => DoctorFinding {
            level: Level::Note,
            said: "the model was told to call a function, and answered in words".to_owned(),
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
            "speech is captioned while it is understood"
        } else {
            "speech is captioned in one piece, at the end of a turn"
        },
        refused: Level::Warning,
        silent: Level::Warning,
        loss: "name a transcription model of this endpoint in transcription_model; calls work without captions",
    };
    of_part(seen, &row).detail("deltas", came(Capability::CaptionDeltas))
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
