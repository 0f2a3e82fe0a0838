//! Summary of a call: lines that stay in the terminal after the screen is closed.

use std::io::{self, Write};

use crate::markdown::wrap::wrap;
use crate::session::io::EndReason;
use crate::ui::model::{Model, SpeakerRole, TurnEntry};
use crate::ui::text::language::strings::{ConversationStrings, Strings};
use crate::ui::text::wording;

/// Columns by which continuation lines are indented.
const INDENT: usize = 2;

/// Narrowest text, for terminals that report no useful width.
const MIN_COLUMNS: usize = 20;

/// Writes both sides of a call as labelled lines of at most `columns`, the latency, and how the call ended;
/// before that a conversation in writing on the same screen, if there was one.
///
/// A failure is omitted: `main` reports it with its hint.
///
/// # Errors
///
/// Errors of the writer.
pub fn write(model: &Model, text: Option<&Model>, columns: usize, to: &mut impl Write) -> io::Result<()> {
    let text = text.filter(|text| text.duration().is_some());
    if let Some(text) = text {
        write_turns(text, columns, to)?;
        write_end(text, None, to)?;
        writeln!(to)?;
    }
    write_turns(model, columns, to)?;
    if let Some(delay) = &model.delay {
        writeln!(to, "{}", wording::latencies(model.strings(), &delay.all))?;
    }
    write_end(model, text, to)?;
    to.flush()
}

fn write_turns(model: &Model, columns: usize, to: &mut impl Write) -> io::Result<()> {
    for entry in model.entries.iter().filter(|entry| !entry.text.trim().is_empty()) {
        if entry.speaker != SpeakerRole::Program {
            writeln!(to, "{}", labelled(entry, columns, &model.strings().conversation))?;
        }
    }
    Ok(())
}

/// Writes how a session ended, with its duration and usage, and the cost of both sessions.
fn write_end(model: &Model, text: Option<&Model>, to: &mut impl Write) -> io::Result<()> {
    let strings = model.strings();
    let end = model.ended.as_ref().and_then(|reason| end(strings, reason, model.info.subject()));
    let Some(end) = end else { return Ok(()) };
    let duration = model.duration().map(wording::minutes);
    let usage = model.usage.as_ref().filter(|_| model.info.text_only || text.is_some());
    let tokens = usage.and_then(|usage| usage.total.total_tokens).map(strings.header.tokens);
    let cost = usage.and_then(|usage| wording::cost(strings, usage));
    let sum = text.and_then(|text| total_cost(model, text));
    let facts: Vec<_> = [duration, tokens, cost, sum].into_iter().flatten().collect();
    if facts.is_empty() {
        return writeln!(to, "{end}");
    }
    writeln!(to, "{}", (strings.end.with_facts)(&end, &facts.join(strings.usage.separator)))
}

/// Returns the cost of a call and a conversation in writing together; none if none is known.
fn total_cost(call: &Model, text: &Model) -> Option<String> {
    let usages: Vec<_> = [call, text].into_iter().filter_map(|model| model.usage.as_ref()).collect();
    let mut total = (*usages.first()?).clone();
    total.total_usd = usages.iter().map(|usage| usage.total_usd).sum();
    total.unpriced = usages.iter().map(|usage| usage.unpriced).sum();
    let strings = call.strings();
    let cost = wording::cost(strings, &total).filter(|_| total.total_usd > 0.0)?;
    Some((strings.modes.with_text)(&cost))
}

/// Returns an entry as a labelled line of at most `columns`.
pub(super) fn labelled(entry: &TurnEntry, columns: usize, words: &ConversationStrings) -> String {
    wrapped(&line(entry, words), columns)
}

/// Breaks a line between words; continuation lines are indented, so that no text can imitate a labelled line.
fn wrapped(line: &str, columns: usize) -> String {
    let columns = columns.max(MIN_COLUMNS) - INDENT;
    let rows = wrap(line, columns).into_iter().map(|row| &line[row]);
    let indented = |row: &str| if row.is_empty() { String::new() } else { format!("  {row}") };
    let indented = rows.enumerate().map(|(at, row)| if at == 0 { row.to_owned() } else { indented(row) });
    indented.collect::<Vec<_>>().join("\n")
}

fn end(strings: &Strings, reason: &EndReason, what: &str) -> Option<String> {
    match reason {
        EndReason::User
        | EndReason::Signal(_)
        | EndReason::InputEnded
        | EndReason::Answered
        | EndReason::Limit(_)
        | EndReason::ServerClosed(_) => Some(wording::end(strings, reason, what)),
        EndReason::NoInput(_) | EndReason::Unanswered(_) | EndReason::Refused(_) | EndReason::Lost(_) => None,
    }
}

/// The text was sanitized by the model.
fn line(entry: &TurnEntry, words: &ConversationStrings) -> String {
    let speaker = match entry.speaker {
        SpeakerRole::User => (words.labelled)(words.you),
        SpeakerRole::Assistant => (words.labelled)(words.assistant),
        SpeakerRole::Program | SpeakerRole::Captioned => String::new(),
        SpeakerRole::Mark => "--- ".to_owned(),
    };
    let (played, unplayed) = entry.text.split_at(entry.unplayed_from());
    let (played, unplayed) = (played.trim(), unplayed.trim());
    let suffix = match (unplayed.is_empty(), entry.interrupted, entry.is_final) {
        (false, _, _) => (words.not_heard_text)(unplayed),
        (true, true, _) => words.interrupted.to_owned(),
        (true, false, false) => words.unfinished.to_owned(),
        (true, false, true) => String::new(),
    };
    let parts = [played, &suffix].into_iter().filter(|part| !part.is_empty());
    (speaker + &parts.collect::<Vec<_>>().join(" ")).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insta::assert_snapshot;

    use super::*;
    use crate::protocol::events::response::Usage;
    use crate::session::io::{ConnectionState, Notice, Ready, UsageReport};
    use crate::ui::fixture::{AnswerEnd, assistant, interrupted_call, lost};
    use crate::ui::model::CallInfo;

    fn summary(call: &[(u64, Notice)]) -> String {
        let mut model = Model::default();
        call.iter().for_each(|(at, notice)| model.apply(Duration::from_millis(*at), notice));
        let mut written = Vec::new();
        write(&model, None, 60, &mut written).unwrap();
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
    fn the_conversation_is_wrapped_by_word() {
        let text = "The quick brown fox\n  jumps over the lazy dog. 中文字在任何地方都可以換行，所以這裡沒有問題。再多寫一點。";
        let lines = summary(&[(7, assistant(text, AnswerEnd::InProgress))]);
        assert_snapshot!(lines, @r"
        Assistant: The quick brown fox
            jumps over the lazy dog. 中文字在任何地方都可以換行，所
          以這裡沒有問題。再多寫一點。 (unfinished)
        ");
        let widest = lines.lines().map(crate::markdown::wrap::width).max();
        assert!(widest <= Some(60), "{widest:?}");
    }

    #[test]
    fn a_conversation_in_writing_ends_with_its_usage_and_cost() {
        let info = CallInfo { text_only: true, ..CallInfo::default() };
        let mut model = Model::new(info);
        let total = Usage { total_tokens: Some(1_234), ..Usage::default() };
        let report = UsageReport {
            last: None,
            total,
            usd: None,
            total_usd: 0.0125,
            unpriced: 0,
            transcribed_seconds: 0.0,
            unknown: 0,
        };
        for notice in [Notice::Usage(Box::new(report)), Notice::End(EndReason::User)] {
            model.apply(Duration::from_secs(1), &notice);
        }
        let mut written = Vec::new();
        write(&model, None, 60, &mut written).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "conversation ended (1234 tokens, $0.0125)\n");
    }

    #[test]
    fn the_end_of_a_call_adds_up_both_modes() {
        let ended = |text_only, total_usd, tokens| {
            let mut model = Model::new(CallInfo { text_only, ..CallInfo::default() });
            let total = Usage { total_tokens: Some(tokens), ..Usage::default() };
            let (last, usd, unpriced, transcribed_seconds, unknown) = (None, None, 0, 0.0, 0);
            let report = UsageReport { last, total, usd, total_usd, unpriced, transcribed_seconds, unknown };
            let seconds = Duration::from_secs;
            model.apply(seconds(1), &Notice::Ready(Ready::default()));
            model.apply(seconds(2), &Notice::Usage(Box::new(report)));
            model.apply(seconds(31), &Notice::Connection(ConnectionState::Disconnected));
            model.apply(seconds(40), &Notice::Ready(Ready::default()));
            model.apply(seconds(61), &Notice::End(EndReason::User));
            model
        };
        let mut written = Vec::new();
        write(&ended(false, 0.25, 900), Some(&ended(true, 0.0125, 100)), 60, &mut written).unwrap();
        assert_snapshot!(String::from_utf8(written).unwrap(), @r"
        conversation ended (00:51, 100 tokens, $0.0125)

        call ended (00:51, 900 tokens, $0.2500, with the text $0.2625)
        ");
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
