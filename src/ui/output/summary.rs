//! What was said, as lines that stay on the terminal when the screen is gone.

use std::io::{self, Write};

use crate::session::io::EndReason;
use crate::ui::model::{Model, SpeakerRole, TurnEntry};
use crate::ui::text::wording;

/// Writes both sides of a call in labelled lines, how long the answers took, and how the call ended.
///
/// How a call failed is not written: that is said once, with its hint, by whoever ends the program.
///
/// # Errors
///
/// What the writer says.
pub fn write(model: &Model, to: &mut impl Write) -> io::Result<()> {
    for entry in model.entries.iter().filter(|entry| !entry.text.trim().is_empty()) {
        writeln!(to, "{}", line(entry))?;
    }
    if let Some(delay) = &model.delay {
        writeln!(to, "{}", wording::delays(&delay.all))?;
    }
    if let Some(end) = model.ended.as_ref().and_then(end) {
        match model.lasted() {
            Some(lasted) => writeln!(to, "{end} ({})", wording::minutes(lasted))?,
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

/// The text was sanitised when the model took it; further lines are indented, so that no text can pass for
/// a labelled line.
fn line(entry: &TurnEntry) -> String {
    let speaker = match entry.speaker {
        SpeakerRole::User => "You:",
        SpeakerRole::Assistant => "Assistant:",
    };
    let (heard, unheard) = entry.text.split_at(entry.unheard_from());
    let indented = |text: &str| text.trim().replace('\n', "\n  ");
    let (heard, unheard) = (indented(heard), indented(unheard));
    let remark = match (unheard.is_empty(), entry.interrupted, entry.is_final) {
        (false, _, _) => format!("(not heard: {unheard})"),
        (true, true, _) => "(interrupted)".to_owned(),
        (true, false, false) => "(unfinished)".to_owned(),
        (true, false, true) => String::new(),
    };
    let parts = [speaker, &heard, &remark].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insta::assert_snapshot;

    use super::*;
    use crate::session::io::Notice;
    use crate::ui::fixture::{AnswerEnd, assistant, interrupted_call, lost};

    fn minutes(call: &[(u64, Notice)]) -> String {
        let mut model = Model::default();
        call.iter().for_each(|(at, notice)| model.apply(Duration::from_millis(*at), notice));
        let mut written = Vec::new();
        write(&model, &mut written).unwrap();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn what_was_said_stays_on_the_terminal() {
        assert_snapshot!(minutes(&interrupted_call()), @r#"
        You: Count to four.
          You: fake
        Assistant: One, two, (not heard: three, four.)
        2 answers: p50 640 ms, p95 721 ms; of it here p50 32 ms, p95 38 ms
        call ended (00:06)
        "#);
    }

    #[test]
    fn a_failure_is_not_told_twice() {
        assert_eq!(minutes(&[(7, lost())]), "");
    }

    #[test]
    fn an_answer_that_the_end_cut_off_is_not_lost() {
        let call = [(7, assistant("One, two", AnswerEnd::Not))];
        assert_eq!(minutes(&call), "Assistant: One, two (unfinished)\n");
    }
}
