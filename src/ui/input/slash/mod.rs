//! Slash commands: one table for the screens and the plain lines of `chat` and `talk`.

use crate::audio::api::{Direction, Volume};
use crate::session::io::setting::Preference;
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
            Self::Help
            | Self::Edit
            | Self::Find(_)
            | Self::Mode
            | Self::Settings
            | Self::Latency
            | Self::Events => return None,
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
    Modes,
}

/// Themes of a screen, as in the settings.
pub const THEMES: &str = "auto|dark|light|contrast|none";

/// Languages of the interface, as in the settings.
pub const LANGUAGES: &str = "en|zh-TW|zh-CN";

/// Presets for background noise, as in the settings.
pub const VAD_PRESETS: &str = "quiet|office|noisy";

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

const COMMANDS: [CommandSpec; 34] = [
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
    spec("/tone", Argument::None, CommandPlace::Call, |words| words.tone),
    spec("/vad-preset", Argument::Choice(VAD_PRESETS), CommandPlace::Call, |words| words.vad_preset),
    spec("/theme", Argument::Choice(THEMES), CommandPlace::Screen, |words| words.theme),
    spec("/ui-lang", Argument::Choice(LANGUAGES), CommandPlace::Screen, |words| words.ui_lang),
    spec("/settings", Argument::None, CommandPlace::Screen, |words| words.settings),
    spec("/latency", Argument::None, CommandPlace::Screen, |words| words.latency),
    spec("/events", Argument::None, CommandPlace::Screen, |words| words.events),
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
        Argument::Choice(choices) if !choices.split('|').any(|word| word == argument) => {
            Err((words.takes_one_of)(name, &choices.replace('|', ", ")))
        }
        Argument::Required(PERCENT) if percent(argument).is_none() => Err((words.needs_percent)(name)),
        Argument::Required(SPEED) if speed_percent(argument).is_none() => Err((words.needs_factor)(name)),
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
        "/tone" => SlashCommand::TestTone,
        "/settings" => SlashCommand::Settings,
        "/latency" => SlashCommand::Latency,
        "/events" => SlashCommand::Events,
        "/theme" => SlashCommand::Prefer(Preference::Theme, text()),
        "/ui-lang" => SlashCommand::Prefer(Preference::Language, text()),
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
        Argument::Choice(placeholder) | Argument::Required(placeholder) => {
            format!("{} {}", spec.name, argument_name(placeholder, words))
        }
    };
    available(context).map(|spec| (usage(spec), (spec.help)(words))).collect()
}

/// Returns the placeholder of an argument in the language of the interface. Words to be typed stay as they are.
fn argument_name(placeholder: &'static str, words: &CommandStrings) -> &'static str {
    match placeholder {
        FILE => words.file_argument,
        TEXT => words.text_argument,
        WORDS => words.words_argument,
        // All themes would leave no room for what the commands do.
        NAME | THEMES => words.name_argument,
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
mod tests;
