//! Slash commands: one table for the screens and the plain lines of `chat` and `talk`.

use crate::audio::api::{Direction, Volume};
use crate::session::io::{CopyPart, EndReason, LocalRequest, Preference, UserCommand};

/// What a sent text means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmittedText {
    /// A message.
    Message(String),
    /// A command.
    Command(SlashCommand),
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlashCommand {
    /// List the commands.
    Help,
    /// Leave.
    Quit,
    /// Forget the conversation and start a new session.
    Clear,
    /// Replace the last answer by another.
    Retry,
    /// Take the last message back into the editor.
    Edit,
    /// Copy a part of the last answer.
    Copy(CopyPart),
    /// Search the conversation for words; without any, for the next match.
    Find(String),
    /// Save the conversation to a file.
    Save(String),
    /// Change the system instructions.
    System(String),
    /// Change the model.
    Model(String),
    /// Change the voice.
    Voice(String),
    /// Change the speed of speech, in percent.
    Speed(u32),
    /// Send a text file with the next message.
    File(String),
    /// Send an image with the next message.
    Image(String),
    /// Speak answers or not; without a value, the other way than now.
    Speak(Option<bool>),
    /// Show tokens and cost.
    Usage,
    /// Stop the answer.
    Stop,
    /// Mute or unmute the microphone.
    SetMuted(bool),
    /// Change the volume of the speaker.
    SetVolume(Volume),
    /// Begin or end a turn by hand.
    Turn,
    /// List the audio devices.
    Devices,
    /// Play a test tone.
    TestTone,
    /// Show settings.
    Settings,
    /// Show where the delays of the last answers came from.
    Latency,
    /// Show protocol events.
    Events,
    /// Change what is remembered for all calls.
    Prefer(Preference, String),
    /// Use another device; without a name, the system's default.
    UseDevice(Direction, Option<String>),
}

impl SlashCommand {
    /// Returns what it asks of the session; none for commands of a screen.
    pub fn user_command(self) -> Option<UserCommand> {
        Some(match self {
            Self::Help | Self::Edit | Self::Find(_) | Self::Settings | Self::Latency | Self::Events => {
                return None;
            }
            Self::Quit => UserCommand::HangUp(EndReason::User),
            Self::Clear => UserCommand::Clear,
            Self::Retry => UserCommand::Retry,
            Self::Copy(part) => UserCommand::Local(LocalRequest::Copy(part)),
            Self::Save(path) => UserCommand::Local(LocalRequest::Save(path)),
            Self::System(text) => UserCommand::Instruct(text),
            Self::Model(name) => UserCommand::ChangeModel(name),
            Self::Voice(name) => UserCommand::ChangeVoice(name),
            Self::Speed(percent) => UserCommand::ChangeSpeed(percent),
            Self::File(path) => UserCommand::Local(LocalRequest::AttachText(path)),
            Self::Image(path) => UserCommand::Local(LocalRequest::AttachImage(path)),
            Self::Speak(wanted) => UserCommand::Speak(wanted),
            Self::Usage => UserCommand::Local(LocalRequest::Usage),
            Self::Stop => UserCommand::Interrupt,
            Self::SetMuted(muted) => UserCommand::SetMuted(muted),
            Self::SetVolume(volume) => UserCommand::SetVolume(volume),
            Self::Turn => UserCommand::SwitchTurn,
            Self::Devices => UserCommand::ListDevices,
            Self::TestTone => UserCommand::TestTone,
            Self::Prefer(preference, value) => UserCommand::Prefer(preference, value),
            Self::UseDevice(side, name) => UserCommand::UseDevice(side, name),
        })
    }
}

/// Where a text was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlashContext {
    /// Whether the session has audio.
    pub has_audio: bool,
    /// Whether there is a screen.
    pub has_screen: bool,
}

/// An entry of the table.
struct CommandSpec {
    name: &'static str,
    argument: Argument,
    place: CommandPlace,
    help: &'static str,
}

/// What follows a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Argument {
    None,
    Optional(&'static str),
    /// One of these words.
    Choice(&'static str),
    /// Any text or none.
    Free(&'static str),
    Required(&'static str),
}

/// Where a command is available.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CommandPlace {
    Anywhere,
    Call,
    Screen,
}

/// Themes of a screen, as in the settings.
pub const THEMES: &str = "auto|dark|light|contrast|none";

/// Presets for background noise, as in the settings.
pub const VAD_PRESETS: &str = "quiet|office|noisy";

/// Placeholder of arguments that name a file.
const FILE: &str = "FILE";

/// Placeholder of a whole number up to 100.
const PERCENT: &str = "PERCENT";

/// Placeholder of a speed of speech; 1 is normal.
const SPEED: &str = "FACTOR";

/// Words that `/copy` takes.
const COPY_PARTS: &str = "answer|source|code";

/// Words that `/speak` takes.
const SWITCH: &str = "on|off";

/// Largest edit distance of a suggested name.
const SUGGESTION_DISTANCE: usize = 2;

const COMMANDS: [CommandSpec; 31] = [
    spec("/help", Argument::None, CommandPlace::Anywhere, "list the commands"),
    spec("/quit", Argument::None, CommandPlace::Anywhere, "leave; also /exit, /end"),
    spec("/stop", Argument::None, CommandPlace::Anywhere, "stop the answer"),
    spec("/retry", Argument::None, CommandPlace::Anywhere, "get another answer to the last message"),
    spec("/edit", Argument::None, CommandPlace::Screen, "take the last message back into the editor"),
    spec(
        "/copy",
        Argument::Optional(COPY_PARTS),
        CommandPlace::Anywhere,
        "copy the last answer, its Markdown or code",
    ),
    spec("/find", Argument::Free("WORDS"), CommandPlace::Screen, "search; again for older; also / WORDS"),
    spec(
        "/save",
        Argument::Required(FILE),
        CommandPlace::Anywhere,
        "save the conversation (.md, .txt, .jsonl)",
    ),
    spec("/clear", Argument::None, CommandPlace::Anywhere, "forget the conversation and start a new one"),
    spec("/system", Argument::Free("TEXT"), CommandPlace::Anywhere, "show or change the system instructions"),
    spec("/model", Argument::Required("NAME"), CommandPlace::Anywhere, "continue with another model"),
    spec("/usage", Argument::None, CommandPlace::Anywhere, "show tokens and cost"),
    spec("/voice", Argument::Required("NAME"), CommandPlace::Anywhere, "continue with another voice"),
    spec("/speak", Argument::Optional(SWITCH), CommandPlace::Anywhere, "speak answers, or stop doing so"),
    spec("/file", Argument::Required(FILE), CommandPlace::Anywhere, "send a text file with the next message"),
    spec("/image", Argument::Required(FILE), CommandPlace::Anywhere, "send an image with the next message"),
    spec("/mute", Argument::None, CommandPlace::Call, "mute the microphone"),
    spec("/unmute", Argument::None, CommandPlace::Call, "unmute it"),
    spec("/volume", Argument::Required(PERCENT), CommandPlace::Call, "change the volume, 0 to 100"),
    spec("/speed", Argument::Required(SPEED), CommandPlace::Call, "change the speed of speech, 0.25 to 1.5"),
    spec("/turn", Argument::None, CommandPlace::Call, "begin or end a turn (--vad off)"),
    spec("/devices", Argument::None, CommandPlace::Call, "list the audio devices"),
    spec("/input", Argument::Required("NAME"), CommandPlace::Call, "use another microphone"),
    spec("/output", Argument::Required("NAME"), CommandPlace::Call, "use another speaker"),
    spec("/tone", Argument::None, CommandPlace::Call, "play a test tone of one second"),
    spec(
        "/vad-preset",
        Argument::Choice(VAD_PRESETS),
        CommandPlace::Call,
        "preset for background noise, from the next call on",
    ),
    spec("/theme", Argument::Choice(THEMES), CommandPlace::Screen, "change the colors"),
    spec("/settings", Argument::None, CommandPlace::Screen, "show and change settings"),
    spec("/latency", Argument::None, CommandPlace::Screen, "show where delays come from"),
    spec("/events", Argument::None, CommandPlace::Screen, "show protocol events"),
    spec("//", Argument::None, CommandPlace::Anywhere, "send a message that begins with a slash"),
];

const fn spec(
    name: &'static str,
    argument: Argument,
    place: CommandPlace,
    help: &'static str,
) -> CommandSpec {
    CommandSpec { name, argument, place, help }
}

/// Returns what a text means.
///
/// A first word with another slash in it, such as a path, is part of a message.
///
/// # Errors
///
/// One sentence for the user if it is a command that cannot be carried out; such a text is never sent.
pub fn parse(text: &str, context: SlashContext) -> Result<SubmittedText, String> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("//") {
        return Ok(SubmittedText::Message(format!("/{rest}")));
    }
    let word = text.split_whitespace().next().unwrap_or_default();
    if !word.starts_with('/') || word[1..].contains('/') {
        return Ok(SubmittedText::Message(text.to_owned()));
    }
    let argument = text[word.len()..].trim();
    let Some(spec) = COMMANDS.iter().find(|spec| spec.name == canonical(word)) else {
        return Err(unknown(word, context));
    };
    check(spec, argument, context)?;
    command(spec.name, argument).map(SubmittedText::Command).ok_or_else(|| unknown(word, context))
}

/// Returns the name in the table of a name that other programs use.
fn canonical(word: &str) -> &str {
    match word {
        "/" => "/find",
        "/exit" | "/end" => "/quit",
        "/again" | "/regenerate" => "/retry",
        _ => word,
    }
}

fn check(spec: &CommandSpec, argument: &str, context: SlashContext) -> Result<(), String> {
    let name = spec.name;
    match spec.place {
        CommandPlace::Call if !context.has_audio => {
            return Err(format!("{name} needs a call: a chat has no audio"));
        }
        CommandPlace::Screen if !context.has_screen => {
            return Err(format!("{name} needs the screen: leave out --plain"));
        }
        CommandPlace::Anywhere | CommandPlace::Call | CommandPlace::Screen => {}
    }
    match spec.argument {
        Argument::None if !argument.is_empty() => Err(format!("{name} takes no argument")),
        Argument::Required(placeholder) if argument.is_empty() => {
            Err(format!("{name} needs an argument: {name} {placeholder}"))
        }
        Argument::Optional(words)
            if !argument.is_empty() && !words.split('|').any(|word| word == argument) =>
        {
            Err(format!("{name} takes one of {}", words.replace('|', ", ")))
        }
        Argument::Required(PERCENT) if percent(argument).is_none() => {
            Err(format!("{name} needs a whole number from 0 to 100"))
        }
        Argument::Required(SPEED) if speed_percent(argument).is_none() => {
            Err(format!("{name} needs a number from 0.25 to 1.5"))
        }
        Argument::Choice(words) if !words.split('|').any(|word| word == argument) => {
            Err(format!("{name} needs one of {}", words.replace('|', ", ")))
        }
        Argument::None
        | Argument::Optional(_)
        | Argument::Choice(_)
        | Argument::Free(_)
        | Argument::Required(_) => Ok(()),
    }
}

/// Returns the volume that an argument such as `70` or `70%` names.
fn percent(argument: &str) -> Option<Volume> {
    let number = argument.trim_end_matches('%').trim_end().parse().ok()?;
    (number <= 100).then(|| Volume::clamped(number))
}

/// Returns the speed of speech that an argument names, in percent.
fn speed_percent(argument: &str) -> Option<u32> {
    let factor = argument.parse().ok().filter(|factor: &f64| (0.25..=1.5).contains(factor))?;
    Some((factor * 100.0).round() as u32)
}

/// Returns the command of a name in the table.
fn command(name: &str, argument: &str) -> Option<SlashCommand> {
    let text = || argument.to_owned();
    // `default` selects the system's default device.
    let device = || (argument != "default").then(text);
    Some(match name {
        "/help" => SlashCommand::Help,
        "/quit" => SlashCommand::Quit,
        "/stop" => SlashCommand::Stop,
        "/retry" => SlashCommand::Retry,
        "/edit" => SlashCommand::Edit,
        "/copy" => SlashCommand::Copy(match argument {
            "source" => CopyPart::Source,
            "code" => CopyPart::Code,
            _ => CopyPart::Answer,
        }),
        "/find" => SlashCommand::Find(text()),
        "/save" => SlashCommand::Save(text()),
        "/clear" => SlashCommand::Clear,
        "/system" => SlashCommand::System(text()),
        "/model" => SlashCommand::Model(text()),
        "/speed" => SlashCommand::Speed(speed_percent(argument)?),
        "/usage" => SlashCommand::Usage,
        "/voice" => SlashCommand::Voice(text()),
        "/file" => SlashCommand::File(text()),
        "/image" => SlashCommand::Image(text()),
        "/speak" => SlashCommand::Speak((!argument.is_empty()).then(|| argument == "on")),
        "/mute" => SlashCommand::SetMuted(true),
        "/unmute" => SlashCommand::SetMuted(false),
        "/volume" => SlashCommand::SetVolume(percent(argument)?),
        "/turn" => SlashCommand::Turn,
        "/devices" => SlashCommand::Devices,
        "/tone" => SlashCommand::TestTone,
        "/settings" => SlashCommand::Settings,
        "/latency" => SlashCommand::Latency,
        "/events" => SlashCommand::Events,
        "/theme" => SlashCommand::Prefer(Preference::Theme, text()),
        "/vad-preset" => SlashCommand::Prefer(Preference::VadPreset, text()),
        "/input" => SlashCommand::UseDevice(Direction::Input, device()),
        "/output" => SlashCommand::UseDevice(Direction::Output, device()),
        _ => return None,
    })
}

fn unknown(word: &str, context: SlashContext) -> String {
    let distance = |spec: &&CommandSpec| strsim::damerau_levenshtein(spec.name, word);
    let mut named = available(context).filter(|spec| spec.name != "//");
    let extended = named.clone().find(|spec| word.len() > 1 && spec.name.starts_with(word));
    let nearest = named.by_ref().min_by_key(distance).filter(|spec| distance(spec) <= SUGGESTION_DISTANCE);
    match extended.or(nearest) {
        Some(spec) => format!("unknown command {word}; did you mean {}?", spec.name),
        None => format!("unknown command {word}; try /help"),
    }
}

fn available(context: SlashContext) -> impl Iterator<Item = &'static CommandSpec> + Clone {
    COMMANDS.iter().filter(move |spec| match spec.place {
        CommandPlace::Anywhere => true,
        CommandPlace::Call => context.has_audio,
        CommandPlace::Screen => context.has_screen,
    })
}

/// Returns each command with its argument, and what it does.
pub fn help(context: SlashContext) -> Vec<(String, &'static str)> {
    let usage = |spec: &CommandSpec| match spec.argument {
        Argument::None => spec.name.to_owned(),
        Argument::Optional(placeholder) | Argument::Free(placeholder) => {
            format!("{} [{placeholder}]", spec.name)
        }
        Argument::Choice(placeholder) | Argument::Required(placeholder) => {
            format!("{} {placeholder}", spec.name)
        }
    };
    available(context).map(|spec| (usage(spec), spec.help)).collect()
}

/// Returns the names that begin with a text that is a slash and letters; none for other texts.
pub fn offers(text: &str, context: SlashContext) -> Vec<&'static str> {
    if !text.starts_with('/') || text.contains(char::is_whitespace) {
        return Vec::new();
    }
    available(context).map(|spec| spec.name).filter(|name| name.starts_with(text)).collect()
}

/// Returns the beginning of the file name that a text asks for, if its command takes one.
pub fn file_prefix(text: &str) -> Option<&str> {
    let (word, rest) = text.split_once(' ')?;
    let takes_file =
        COMMANDS.iter().any(|spec| spec.name == word && spec.argument == Argument::Required(FILE));
    takes_file.then(|| rest.trim_start())
}

/// Returns the longest text that all of `texts` begin with.
pub fn common_prefix(texts: &[impl AsRef<str>]) -> String {
    let Some((first, rest)) = texts.split_first() else { return String::new() };
    let first = first.as_ref();
    let is_shared = |end: usize| rest.iter().all(|text| text.as_ref().starts_with(&first[..end]));
    let ends = first.char_indices().map(|(at, character)| at + character.len_utf8());
    let end = ends.take_while(|end| is_shared(*end)).last().unwrap_or(0);
    first[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: SlashContext = SlashContext { has_audio: false, has_screen: true };
    const PLAIN_CALL: SlashContext = SlashContext { has_audio: true, has_screen: false };

    fn parsed(text: &str, context: SlashContext) -> Result<SlashCommand, String> {
        match parse(text, context) {
            Ok(SubmittedText::Command(command)) => Ok(command),
            Ok(SubmittedText::Message(message)) => Err(format!("message {message}")),
            Err(error) => Err(error),
        }
    }

    #[test]
    fn a_text_is_a_message_unless_it_begins_with_a_command() {
        for text in ["hello there", "/usr/bin is full", "/usr/bin", "1/2", "see /help"] {
            assert_eq!(parse(text, CHAT), Ok(SubmittedText::Message(text.to_owned())));
        }
        assert_eq!(parsed("  /quit ", CHAT), Ok(SlashCommand::Quit));
        assert_eq!(parsed("/end", CHAT), Ok(SlashCommand::Quit));
        assert_eq!(parsed("/ ring buffer", CHAT), Ok(SlashCommand::Find("ring buffer".to_owned())));
        assert_eq!(parsed("/", CHAT), Ok(SlashCommand::Find(String::new())));
        assert_eq!(parsed("/copy", CHAT), Ok(SlashCommand::Copy(CopyPart::Answer)));
        assert_eq!(parsed("/copy code", CHAT), Ok(SlashCommand::Copy(CopyPart::Code)));
        assert_eq!(parsed("/system be\nbrief", CHAT), Ok(SlashCommand::System("be\nbrief".to_owned())));
        let volume = SlashCommand::SetVolume(Volume::clamped(70));
        assert_eq!(parsed("/volume 70", PLAIN_CALL), Ok(volume.clone()));
        assert_eq!(parsed("/volume 70 %", PLAIN_CALL), Ok(volume));
        assert_eq!(parsed("/speed 1.25", PLAIN_CALL), Ok(SlashCommand::Speed(125)));
        assert_eq!(parsed("/speak", CHAT), Ok(SlashCommand::Speak(None)));
        assert_eq!(parsed("/speak off", CHAT), Ok(SlashCommand::Speak(Some(false))));
        assert_eq!(parsed("/image my cat.png", CHAT), Ok(SlashCommand::Image("my cat.png".to_owned())));
        let microphone = SlashCommand::UseDevice(Direction::Input, Some("USB mic".to_owned()));
        assert_eq!(parsed("/input USB mic", PLAIN_CALL), Ok(microphone));
        assert_eq!(
            parsed("/output default", PLAIN_CALL),
            Ok(SlashCommand::UseDevice(Direction::Output, None))
        );
    }

    #[test]
    fn two_slashes_send_a_message_that_begins_with_one() {
        assert_eq!(parse("//help me", CHAT), Ok(SubmittedText::Message("/help me".to_owned())));
    }

    #[test]
    fn an_unknown_command_is_an_error_with_the_nearest_name() {
        for (text, expected) in [
            ("/cler", "unknown command /cler; did you mean /clear?"),
            ("/ret please", "unknown command /ret; did you mean /retry?"),
            ("/xyzzyx", "unknown command /xyzzyx; try /help"),
        ] {
            assert_eq!(parsed(text, CHAT), Err(expected.to_owned()));
        }
    }

    #[test]
    fn a_command_that_cannot_be_carried_out_is_one_sentence() {
        for (text, context, expected) in [
            ("/mute", CHAT, "/mute needs a call: a chat has no audio"),
            ("/speak loudly", CHAT, "/speak takes one of on, off"),
            ("/image", CHAT, "/image needs an argument: /image FILE"),
            ("/edit", PLAIN_CALL, "/edit needs the screen: leave out --plain"),
            ("/help me", CHAT, "/help takes no argument"),
            ("/save", CHAT, "/save needs an argument: /save FILE"),
            ("/copy all", CHAT, "/copy takes one of answer, source, code"),
            ("/volume 101", PLAIN_CALL, "/volume needs a whole number from 0 to 100"),
            ("/volume loud", PLAIN_CALL, "/volume needs a whole number from 0 to 100"),
            ("/speed 2", PLAIN_CALL, "/speed needs a number from 0.25 to 1.5"),
            ("/speed NaN", PLAIN_CALL, "/speed needs a number from 0.25 to 1.5"),
        ] {
            assert_eq!(parsed(text, context), Err(expected.to_owned()));
        }
    }

    #[test]
    fn each_name_of_the_table_is_a_command() {
        for spec in COMMANDS.iter().filter(|spec| spec.name != "//") {
            assert!(command(spec.name, "1").is_some(), "{}", spec.name);
        }
    }

    #[test]
    fn a_slash_offers_the_names() {
        assert_eq!(offers("/s", CHAT), ["/stop", "/save", "/system", "/speak", "/settings"]);
        assert_eq!(offers("/", CHAT).len(), 21);
        assert!(offers("/save x", CHAT).is_empty() && offers("hello", CHAT).is_empty());
    }

    #[test]
    fn a_file_name_is_completed_after_a_command_that_takes_one() {
        assert_eq!(file_prefix("/save notes/to"), Some("notes/to"));
        assert_eq!(file_prefix("/image cat"), Some("cat"));
        assert_eq!(file_prefix("/system notes"), None);
        assert_eq!(common_prefix(&["talk.md", "tally.md"]), "tal");
        assert_eq!(common_prefix(&["äb", "äc"]), "ä");
        assert_eq!(common_prefix(&Vec::<String>::new()), "");
    }
}
