//! How the answer of a chat is written, by the flags, the terminal and the environment.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::sync::mpsc::Sender;

use crate::call::streams::answers::{AnswerFormat, AnswerOutput, Delivery};
use crate::cli::chat::Chat;
use crate::markdown::ansi::ColorLevel;
use crate::markdown::extract::Choice;

/// What decides together with the flags.
#[derive(Clone, Debug, Default)]
struct AnswerLayout {
    is_terminal: bool,
    term: Option<OsString>,
    no_color: Option<OsString>,
    clicolor: Option<OsString>,
    clicolor_force: Option<OsString>,
}

/// Returns how answers are written; one without the code block that is asked for goes to `missing`.
pub(super) fn of(args: &Chat, is_plain: bool, missing: Sender<String>) -> AnswerOutput {
    let choice = match (args.extract, args.extract_last) {
        (true, _) => Some(Choice::First),
        (false, true) => Some(Choice::Last),
        (false, false) => None,
    };
    let format = match choice {
        Some(choice) => AnswerFormat::Code(choice, missing),
        None if args.no_markdown || args.showing.json => AnswerFormat::Source,
        None if is_plain && std::io::stdout().is_terminal() => AnswerFormat::Words,
        None if is_plain => AnswerFormat::Source,
        None => format(&AnswerLayout::current()),
    };
    let delivery = if args.no_stream { Delivery::Whole } else { Delivery::Streamed };
    AnswerOutput { format, delivery }
}

impl AnswerLayout {
    fn current() -> Self {
        Self {
            is_terminal: std::io::stdout().is_terminal(),
            term: std::env::var_os("TERM"),
            no_color: std::env::var_os("NO_COLOR"),
            clicolor: std::env::var_os("CLICOLOR"),
            clicolor_force: std::env::var_os("CLICOLOR_FORCE"),
        }
    }
}

/// Draws Markdown on a terminal that knows escape sequences, or on request (<https://bixense.com/clicolors>).
/// `NO_COLOR` takes away colors, and so does `CLICOLOR=0`; emphasis stays.
fn format(terminal: &AnswerLayout) -> AnswerFormat {
    let is_set = |value: &Option<OsString>| value.as_ref().is_some_and(|value| !value.is_empty());
    let is_zero = |value: &Option<OsString>| value.as_ref().is_some_and(|value| value == "0");
    let is_forced = is_set(&terminal.clicolor_force) && !is_zero(&terminal.clicolor_force);
    let is_dumb = terminal.term.as_ref().is_some_and(|term| term == "dumb");
    if !is_forced && (!terminal.is_terminal || is_dumb) {
        AnswerFormat::Source
    } else if is_set(&terminal.no_color) || is_zero(&terminal.clicolor) && !is_forced {
        AnswerFormat::Markdown(ColorLevel::Monochrome)
    } else {
        AnswerFormat::Markdown(ColorLevel::Ansi)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the color level for a terminal and its environment; none for source.
    fn level(is_terminal: bool, environment: &[(&str, &str)]) -> Option<ColorLevel> {
        let mut terminal =
            AnswerLayout { is_terminal, term: Some("xterm".into()), ..AnswerLayout::default() };
        for (name, value) in environment {
            let value = Some(OsString::from(value));
            match *name {
                "TERM" => terminal.term = value,
                "NO_COLOR" => terminal.no_color = value,
                "CLICOLOR" => terminal.clicolor = value,
                "CLICOLOR_FORCE" => terminal.clicolor_force = value,
                _ => panic!("{name}"),
            }
        }
        match format(&terminal) {
            AnswerFormat::Markdown(level) => Some(level),
            AnswerFormat::Source | AnswerFormat::Words | AnswerFormat::Code(..) => None,
        }
    }

    #[test]
    fn a_terminal_gets_markdown_and_a_pipe_the_source() {
        assert_eq!(level(true, &[]), Some(ColorLevel::Ansi));
        assert_eq!(level(false, &[]), None);
    }

    #[test]
    fn no_color_clicolor_force_and_a_dumb_terminal_are_respected() {
        let monochrome = Some(ColorLevel::Monochrome);
        assert_eq!(level(true, &[("NO_COLOR", "1")]), monochrome);
        assert_eq!(level(true, &[("NO_COLOR", "")]), Some(ColorLevel::Ansi));
        assert_eq!(level(true, &[("CLICOLOR", "0")]), monochrome);
        assert_eq!(level(true, &[("TERM", "dumb")]), None);
        assert_eq!(level(false, &[("CLICOLOR_FORCE", "1")]), Some(ColorLevel::Ansi));
        assert_eq!(level(false, &[("CLICOLOR_FORCE", "0")]), None);
        assert_eq!(level(false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), monochrome);
    }
}
