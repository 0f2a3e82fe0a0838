//! Summary of a call: lines that stay in the terminal after the screen is closed.

use std::io::{self, Write};

use crate::session::io::EndReason;
use crate::ui::model::{Model, SpeakerRole, TurnEntry};
use crate::ui::text::wording;

/// Writes both sides of a call as labelled lines, the latency, and how the call ended.
///
/// A failure is omitted: `main` reports it with its hint.
///
/// # Errors
///
/// Errors of the writer.
pub fn write(model: &Model, to: &mut impl Write) -> io::Result<()> {
    for entry in model.entries.iter().filter(|entry| !entry.text.trim().is_empty()) {
        match entry.speaker {
            SpeakerRole::User => writeln!(to, "{}", line("You:", entry))?,
            SpeakerRole::Assistant => writeln!(to, "{}", line("Assistant:", entry))?,
            SpeakerRole::Program => {}
        }
    }
    if let Some(delay) = &model.delay {
        writeln!(to, "{}", wording::latencies(&delay.all))?;
    }
    if let Some(end) = model.ended.as_ref().and_then(end) {
        match model.duration() {
            Some(duration) => writeln!(to, "{end} ({})", wording::minutes(duration))?,
            None => writeln!(to, "{end}")?,
        }
    }
    to.flush()
}

fn end(reason: &EndReason) -> Option<String> {
    match reason {
        EndReason::User
        | EndReason::Signal(_)
        | EndReason::InputEnded
        | EndReason::Answered
        | EndReason::Limit(_)
        | EndReason::ServerClosed(_) => Some(wording::end(reason)),
        EndReason::NoInput(_) | EndReason::Unanswered(_) | EndReason::Refused(_) | EndReason::Lost(_) => None,
    }
}

/// The text was sanitized by the model; continuation lines are indented, so that no text can imitate a labelled
/// line.
fn line(speaker: &str, entry: &TurnEntry) -> String {
    let (played, unplayed) = entry.text.split_at(entry.unplayed_from());
    let indented = |text: &str| text.trim().replace('\n', "\n  ");
    let (played, unplayed) = (indented(played), indented(unplayed));
    let suffix = match (unplayed.is_empty(), entry.interrupted, entry.is_final) {
        (false, _, _) => format!("(not heard: {unplayed})"),
        (true, true, _) => "(interrupted)".to_owned(),
        (true, false, false) => "(unfinished)".to_owned(),
        (true, false, true) => String::new(),
    };
    let parts = [speaker, &played, &suffix].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insta::assert_snapshot;

    use super::*;
    use crate::session::io::Notice;
    use crate::ui::fixture::{AnswerEnd, assistant, interrupted_call, lost};

    fn summary(call: &[(u64, Notice)]) -> String {
        let mut model = Model::default();
        call.iter().for_each(|(at, notice)| model.apply(Duration::from_millis(*at), notice));
        let mut written = Vec::new();
        write(&model, &mut written).unwrap();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn the_conversation_stays_in_the_terminal() {
        assert_snapshot!(summary(&interrupted_call()), @r#"
        You: Count to four.
          You: fake
        Assistant: One, two, (not heard: three, four.)
        2 responses: p50 640 ms, p95 721 ms; local p50 32 ms, p95 38 ms
        call ended (00:06)
        "#);
    }

    #[test]
    fn a_failure_is_not_reported_twice() {
        assert_eq!(summary(&[(7, lost())]), "");
    }

    #[test]
    fn an_answer_cut_off_by_the_end_is_marked_unfinished() {
        let call = [(7, assistant("One, two", AnswerEnd::InProgress))];
        assert_eq!(summary(&call), "Assistant: One, two (unfinished)\n");
    }
}
