//! Start screen: what was found on this machine, and what each key starts.

use ratatui::Frame;
use ratatui::text::{Line, Span};

use crate::markdown::wrap::{width, wrap};
use crate::ui::text::language::UiLanguage;
use crate::ui::text::language::strings::{StartStrings, Strings};
use crate::ui::text::sanitize::one_line;
use crate::ui::text::wrap::{padded, truncate};
use crate::ui::view::meter::{self, ballistics::MeterLevel};
use crate::ui::view::row::{self, RowAlignment};
use crate::ui::view::theme::Theme;

/// Fewest columns of the labels.
const LABEL: usize = 13;

/// Columns of the level bar.
const BAR: usize = 24;

/// What was found so far.
#[derive(Clone, Debug, PartialEq)]
pub struct StartState {
    /// Description of the endpoint; the error and its hint if there is no usable one.
    pub endpoint: Result<String, (String, String)>,
    /// The microphone.
    pub microphone: DeviceFinding,
    /// The speaker.
    pub speaker: DeviceFinding,
}

/// A device that is looked for. Names come from the system and are not sanitized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceFinding {
    /// The search goes on.
    Searching,
    /// Found; its name.
    Found(String),
    /// Not found; the reason.
    Missing(String),
}

/// What a key starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartChoice {
    /// A call.
    Talk(StartEndpoint),
    /// A text chat.
    Chat(StartEndpoint),
    /// Live captions.
    Transcribe(StartEndpoint),
    /// The help text.
    Help,
    /// Nothing.
    Leave,
}

/// The endpoint to start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartEndpoint {
    /// That of the settings.
    Configured,
    /// The built-in one.
    Demo,
}

impl StartState {
    /// Returns what each key starts.
    pub fn choices(&self, strings: &Strings) -> Vec<(char, &'static str, StartChoice)> {
        let words = &strings.start;
        use StartEndpoint::{Configured, Demo};
        let mut choices = match &self.endpoint {
            Ok(_) => vec![
                ('v', words.start_call, StartChoice::Talk(Configured)),
                ('c', words.chat, StartChoice::Chat(Configured)),
                ('t', words.caption, StartChoice::Transcribe(Configured)),
                ('d', words.demo, StartChoice::Talk(Demo)),
            ],
            Err(_) => vec![
                ('v', words.demo_call, StartChoice::Talk(Demo)),
                ('c', words.demo_chat, StartChoice::Chat(Demo)),
                ('t', words.demo_caption, StartChoice::Transcribe(Demo)),
            ],
        };
        choices.push(('?', words.list_commands, StartChoice::Help));
        choices.push(('q', words.leave, StartChoice::Leave));
        choices
    }

    /// Returns the key that Enter stands for: a chat if there is nothing to speak with.
    pub fn suggested(&self) -> char {
        let is_missing = |device: &DeviceFinding| matches!(device, DeviceFinding::Missing(_));
        if is_missing(&self.microphone) || is_missing(&self.speaker) { 'c' } else { 'v' }
    }

    /// Returns what a key starts; `\n` is Enter.
    pub fn choice(&self, key: char) -> Option<StartChoice> {
        let key = if key == '\n' { self.suggested() } else { key };
        self.choices(UiLanguage::English.strings())
            .into_iter()
            .find(|(letter, ..)| *letter == key)
            .map(|(.., choice)| choice)
    }
}

/// Draws the screen; `level` is that of the microphone.
pub fn draw(
    frame: &mut Frame,
    state: &StartState,
    level: MeterLevel,
    (theme, language): (&Theme, UiLanguage),
) {
    let strings = language.strings();
    let words = &strings.start;
    let area = frame.area();
    let columns = usize::from(area.width);
    let room = columns.saturating_sub(LABEL + 1);
    let mut lines =
        vec![Line::styled(format!(" rtvoice {}", env!("CARGO_PKG_VERSION")), theme.strong), Line::default()];
    match &state.endpoint {
        Ok(endpoint) => lines.push(fact(words.endpoint, endpoint, columns)),
        Err((error, hint)) => {
            let text = format!("{error}; {hint}");
            let rows = wrap(&text, columns.saturating_sub(LABEL + 1).max(1));
            let labels = std::iter::once(words.endpoint).chain(std::iter::repeat(""));
            lines.extend(rows.into_iter().zip(labels).map(|(row, label)| fact(label, &text[row], columns)));
        }
    }
    lines.push(fact(words.microphone, &device(words, &state.microphone), columns));
    if let DeviceFinding::Found(_) = state.microphone {
        let mut spans = vec![Span::raw(format!(" {:LABEL$}", ""))];
        spans.extend(meter::bar(level, BAR.min(columns), (theme.user, theme.dim), theme.charset));
        lines.push(Line::from(spans));
    }
    lines.push(fact(words.speaker, &device(words, &state.speaker), columns));
    lines.push(Line::default());
    lines.extend(state.choices(strings).into_iter().map(|(key, action, _)| {
        let key = if key == state.suggested() { format!("{key}, Enter") } else { key.to_string() };
        Line::from(vec![
            Span::styled(format!(" {}", padded(&key, LABEL)), theme.strong),
            Span::raw(truncate(action, room).into_owned()),
        ])
    }));
    // On a small screen the keys are more important than what was found.
    let hidden = lines.len().saturating_sub(usize::from(area.height));
    row::draw_all(frame, area, &lines[hidden..], RowAlignment::Left);
}

fn fact(label: &str, text: &str, columns: usize) -> Line<'static> {
    let room = columns.saturating_sub(LABEL + 1);
    let text = truncate(&one_line(text), room).into_owned();
    debug_assert!(width(&text) <= room, "truncated");
    Line::raw(format!(" {}{text}", padded(label, LABEL)))
}

fn device(words: &StartStrings, device: &DeviceFinding) -> String {
    match device {
        DeviceFinding::Searching => words.searching.to_owned(),
        DeviceFinding::Found(name) => name.clone(),
        DeviceFinding::Missing(reason) => (words.missing)(reason),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn found() -> StartState {
        StartState {
            endpoint: Ok("api.openai.com, model gpt-realtime-2 (profile openai)".to_owned()),
            microphone: DeviceFinding::Found("USB Microphone".to_owned()),
            speaker: DeviceFinding::Found("Built-in\u{1b}[31m Audio".to_owned()),
        }
    }

    fn no_key() -> StartState {
        let error = "no API key for the profile openai".to_owned();
        StartState { endpoint: Err((error, "set OPENAI_API_KEY, or try --demo".to_owned())), ..found() }
    }

    fn text((columns, rows): (u16, u16), state: &StartState) -> String {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let level = MeterLevel { rms_dbfs: -30.0, peak_dbfs: -20.0, warning: None };
        terminal.draw(|frame| draw(frame, state, level, (&Theme::plain(), UiLanguage::English))).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn enter_starts_what_this_machine_can_do() {
        let enter = |state: StartState| state.choice('\n');
        assert_eq!(enter(found()), Some(StartChoice::Talk(StartEndpoint::Configured)));
        assert_eq!(enter(no_key()), Some(StartChoice::Talk(StartEndpoint::Demo)));
        let missing = DeviceFinding::Missing("no sound system".to_owned());
        let without_speaker = StartState { speaker: missing.clone(), ..found() };
        assert_eq!(enter(without_speaker), Some(StartChoice::Chat(StartEndpoint::Configured)));
        let without_microphone = StartState { microphone: missing, ..no_key() };
        assert_eq!(enter(without_microphone), Some(StartChoice::Chat(StartEndpoint::Demo)));
        assert_eq!(found().choice('x'), None);
    }

    #[test]
    fn what_was_found_and_the_keys_are_shown() {
        assert_snapshot!(text((64, 14), &found()), @r#"
        " rtvoice 0.1.0                                                  "
        "                                                                "
        " Endpoint     api.openai.com, model gpt-realtime-2 (profile ope…"
        " Microphone   USB Microphone                                    "
        "              ████████████───│────────                          "
        " Speaker      Built-in Audio                                    "
        "                                                                "
        " v, Enter     start a call                                      "
        " c            chat by text                                      "
        " t            caption the microphone                            "
        " d            try the demo (no key, no network)                 "
        " ?            list all commands                                 "
        " q            leave                                             "
        "                                                                "
        "#);
        assert_snapshot!(text((64, 14), &no_key()), @r#"
        " rtvoice 0.1.0                                                  "
        "                                                                "
        " Endpoint     no API key for the profile openai; set            "
        "              OPENAI_API_KEY, or try --demo                     "
        " Microphone   USB Microphone                                    "
        "              ████████████───│────────                          "
        " Speaker      Built-in Audio                                    "
        "                                                                "
        " v, Enter     start a demo call (no key, no network)            "
        " c            chat with the demo                                "
        " t            caption with the demo                             "
        " ?            list all commands                                 "
        " q            leave                                             "
        "                                                                "
        "#);
        assert_snapshot!(text((30, 5), &found()), @r#"
        " c            chat by text    "
        " t            caption the mic…"
        " d            try the demo (n…"
        " ?            list all comman…"
        " q            leave           "
        "#);
    }
}
