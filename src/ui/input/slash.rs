//! Slash commands: one table for the screens and the plain lines of `chat` and `talk`.

use crate::audio::api::{Direction, Volume};
use crate::session::io::{CopyPart, EndReason, LocalRequest, UserCommand};
use crate::ui::text::language::UiLanguage;
use crate::ui::text::language::strings::CommandStrings;

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
    /// Go to the other mode.
    Mode,
    /// Hang up, or call again.
    Call,
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
    /// Use another device; without a name, the system's default.
    UseDevice(Direction, Option<String>),
}

impl SlashCommand {
    /// Returns what it asks of the session; none for commands of a screen.
    pub fn user_command(self) -> Option<UserCommand> {
        Some(match self {
            Self::Help | Self::Edit | Self::Find(_) | Self::Mode => return None,
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
            Self::Call => UserCommand::SwitchCall,
            Self::Devices => UserCommand::ListDevices,
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
    /// Whether the screen has a call and a conversation in writing.
    pub has_modes: bool,
    /// Language of help and errors.
    pub language: UiLanguage,
}

impl SlashContext {
    fn words(self) -> &'static CommandStrings {
        &self.language.strings().commands
    }
}

/// An entry of the table.
struct CommandSpec {
    name: &'static str,
    argument: Argument,
    place: CommandPlace,
    help: fn(&CommandStrings) -> &'static str,
}

/// What follows a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Argument {
    None,
    Optional(&'static str),
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
    Modes,
}

/// Placeholder of arguments that name a file.
const FILE: &str = "FILE";

/// Placeholder of any text.
const TEXT: &str = "TEXT";

/// Placeholder of words to search for.
const WORDS: &str = "WORDS";

/// Placeholder of a name.
const NAME: &str = "NAME";

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

const COMMANDS: [CommandSpec; 27] = [
    spec("/help", Argument::None, CommandPlace::Anywhere, |words| words.help),
    spec("/quit", Argument::None, CommandPlace::Anywhere, |words| words.quit),
    spec("/stop", Argument::None, CommandPlace::Anywhere, |words| words.stop),
    spec("/retry", Argument::None, CommandPlace::Anywhere, |words| words.retry),
    spec("/edit", Argument::None, CommandPlace::Screen, |words| words.edit),
    spec("/copy", Argument::Optional(COPY_PARTS), CommandPlace::Anywhere, |words| words.copy),
    spec("/find", Argument::Free(WORDS), CommandPlace::Screen, |words| words.find),
    spec("/save", Argument::Required(FILE), CommandPlace::Anywhere, |words| words.save),
    spec("/clear", Argument::None, CommandPlace::Anywhere, |words| words.clear),
    spec("/system", Argument::Free(TEXT), CommandPlace::Anywhere, |words| words.system),
    spec("/model", Argument::Required(NAME), CommandPlace::Anywhere, |words| words.model),
    spec("/usage", Argument::None, CommandPlace::Anywhere, |words| words.usage),
    spec("/voice", Argument::Required(NAME), CommandPlace::Anywhere, |words| words.voice),
    spec("/speak", Argument::Optional(SWITCH), CommandPlace::Anywhere, |words| words.speak),
    spec("/file", Argument::Required(FILE), CommandPlace::Anywhere, |words| words.file),
    spec("/image", Argument::Required(FILE), CommandPlace::Anywhere, |words| words.image),
    spec("/mode", Argument::None, CommandPlace::Modes, |words| words.mode),
    spec("/call", Argument::None, CommandPlace::Modes, |words| words.call),
    spec("/mute", Argument::None, CommandPlace::Call, |words| words.mute),
    spec("/unmute", Argument::None, CommandPlace::Call, |words| words.unmute),
    spec("/volume", Argument::Required(PERCENT), CommandPlace::Call, |words| words.volume),
    spec("/speed", Argument::Required(SPEED), CommandPlace::Call, |words| words.speed),
    spec("/turn", Argument::None, CommandPlace::Call, |words| words.turn),
    spec("/devices", Argument::None, CommandPlace::Call, |words| words.devices),
    spec("/input", Argument::Required(NAME), CommandPlace::Call, |words| words.input),
    spec("/output", Argument::Required(NAME), CommandPlace::Call, |words| words.output),
    spec("//", Argument::None, CommandPlace::Anywhere, |words| words.slash),
];

const fn spec(
    name: &'static str,
    argument: Argument,
    place: CommandPlace,
    help: fn(&CommandStrings) -> &'static str,
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
    let (name, words) = (spec.name, context.words());
    match spec.place {
        CommandPlace::Call if !context.has_audio => {
            return Err((words.needs_call)(name));
        }
        CommandPlace::Screen if !context.has_screen => {
            return Err((words.needs_screen)(name));
        }
        CommandPlace::Modes if !context.has_modes => {
            return Err((words.needs_modes)(name));
        }
        CommandPlace::Anywhere | CommandPlace::Call | CommandPlace::Screen | CommandPlace::Modes => {}
    }
    match spec.argument {
        Argument::None if !argument.is_empty() => Err((words.takes_nothing)(name)),
        Argument::Required(placeholder) if argument.is_empty() => {
            Err((words.needs_argument)(name, argument_name(placeholder, words)))
        }
        Argument::Optional(choices)
            if !argument.is_empty() && !choices.split('|').any(|word| word == argument) =>
        {
            Err((words.takes_one_of)(name, &choices.replace('|', ", ")))
        }
        Argument::Required(PERCENT) if percent(argument).is_none() => Err((words.needs_percent)(name)),
        Argument::Required(SPEED) if speed_percent(argument).is_none() => Err((words.needs_factor)(name)),
        Argument::None | Argument::Optional(_) | Argument::Free(_) | Argument::Required(_) => Ok(()),
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
        "/mode" => SlashCommand::Mode,
        "/call" => SlashCommand::Call,
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
        Some(spec) => (context.words().did_you_mean)(word, spec.name),
        None => (context.words().unknown)(word),
    }
}

fn available(context: SlashContext) -> impl Iterator<Item = &'static CommandSpec> + Clone {
    COMMANDS.iter().filter(move |spec| match spec.place {
        CommandPlace::Anywhere => true,
        CommandPlace::Call => context.has_audio,
        CommandPlace::Screen => context.has_screen,
        CommandPlace::Modes => context.has_modes,
    })
}

/// Returns each command with its argument, and what it does.
pub fn help(context: SlashContext) -> Vec<(String, &'static str)> {
    let words = context.words();
    let usage = |spec: &CommandSpec| match spec.argument {
        Argument::None => spec.name.to_owned(),
        Argument::Optional(placeholder) | Argument::Free(placeholder) => {
            format!("{} [{}]", spec.name, argument_name(placeholder, words))
        }
        Argument::Required(placeholder) => format!("{} {}", spec.name, argument_name(placeholder, words)),
    };
    available(context).map(|spec| (usage(spec), (spec.help)(words))).collect()
}

/// Returns the placeholder of an argument in the language of the interface. Words to be typed stay as they are.
fn argument_name(placeholder: &'static str, words: &CommandStrings) -> &'static str {
    match placeholder {
        FILE => words.file_argument,
        TEXT => words.text_argument,
        WORDS => words.words_argument,
        NAME => words.name_argument,
        PERCENT => words.percent_argument,
        SPEED => words.factor_argument,
        _ => placeholder,
    }
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

    const CHAT: SlashContext =
        SlashContext { has_audio: false, has_screen: true, has_modes: false, language: UiLanguage::English };
    const PLAIN_CALL: SlashContext = SlashContext { has_audio: true, has_screen: false, ..CHAT };

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
        assert_eq!(offers("/s", CHAT), ["/stop", "/save", "/system", "/speak"]);
        assert_eq!(offers("/", CHAT).len(), 17);
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
