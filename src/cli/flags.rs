//! Flags made from the declarations of settings.

use std::fmt;
use std::marker::PhantomData;

use clap::builder::{BoolValueParser, PathBufValueParser, PossibleValuesParser, TypedValueParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::config::declaration::{Declaration, Flag, FlagGroup, Scope, ValueKind};
use crate::config::settings::{Layer, Setting};
use crate::config::value::{Sourced, Value, ValueOrigin};

/// Heading of the flags about audio.
pub(super) const AUDIO: &str = "Audio";

/// Commands and arguments with flags made from declarations.
pub trait FlagSet {
    /// Groups of these flags, in the order of the help.
    const GROUPS: &'static [FlagGroup];
}

/// Settings that the flags of a command set.
pub struct SettingFlags<F> {
    /// The settings.
    pub layer: Layer,
    set: PhantomData<F>,
}

impl<F: FlagSet> SettingFlags<F> {
    fn settings() -> impl Iterator<Item = (Setting, Flag)> {
        F::GROUPS.iter().flat_map(|group| {
            let flags = Setting::all().iter().filter_map(|setting| Some((*setting, setting.flag()?)));
            flags.filter(move |(_, flag)| flag.group == *group)
        })
    }
}

impl<F> Default for SettingFlags<F> {
    fn default() -> Self {
        Self { layer: Layer::new(), set: PhantomData }
    }
}

impl<F> fmt::Debug for SettingFlags<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.layer.fmt(formatter)
    }
}

impl<F: FlagSet> Args for SettingFlags<F> {
    fn augment_args(command: Command) -> Command {
        command.args(Self::settings().map(|(setting, flag)| arg(setting.declaration(), flag)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<F: FlagSet> FromArgMatches for SettingFlags<F> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for (setting, flag) in Self::settings() {
            if matches.value_source(setting.name()) == Some(ValueSource::CommandLine)
                && let Some(values) = matches.get_many::<Value>(setting.name())
            {
                let origin = ValueOrigin::Flag(flag.spelling());
                self.layer.extend(list_of(values).map(|value| (setting, Sourced { value, origin })));
            }
        }
        Ok(())
    }
}

/// Returns the value of a flag: the last one, or all texts with commas between them.
fn list_of<'a>(values: impl Iterator<Item = &'a Value>) -> Option<Value> {
    values.cloned().reduce(|list, value| match (list, value) {
        (Value::Text(list), Value::Text(text)) => Value::Text(format!("{list},{text}")),
        (_, value) => value,
    })
}

fn arg(declaration: &'static Declaration, flag: Flag) -> Arg {
    let arg = Arg::new(declaration.name)
        .long(flag.spelling().trim_start_matches('-'))
        .help(help(declaration, flag))
        .long_help(long_help(declaration, flag))
        .help_heading(heading(flag.group))
        .hide_short_help(!flag.is_common)
        .visible_aliases(flag.alias);
    let arg = match flag.short {
        Some(short) => arg.short(short),
        None => arg,
    };
    let Some(value_name) = flag.value_name() else {
        return arg.action(ArgAction::SetTrue).value_parser(BoolValueParser::new().map(Value::Bool));
    };
    let action = if flag.is_repeatable { ArgAction::Append } else { ArgAction::Set };
    let arg = arg.value_name(value_name).action(action);
    let kind = &declaration.kind;
    match kind {
        ValueKind::Choice(values) => arg.value_parser(PossibleValuesParser::new(values()).map(Value::Text)),
        ValueKind::Bool => arg.value_parser(BoolValueParser::new().map(Value::Bool)),
        ValueKind::Path => arg.value_parser(PathBufValueParser::new().map(Value::Path)),
        ValueKind::Text
        | ValueKind::Secret
        | ValueKind::Integer(_)
        | ValueKind::Positive
        | ValueKind::Decimal(_)
        | ValueKind::List
        | ValueKind::Table => arg.value_parser(|text: &str| {
            kind.parse(text).ok_or_else(|| format!("{} is needed", kind.expected()))
        }),
    }
}

fn heading(group: FlagGroup) -> &'static str {
    match group {
        FlagGroup::Endpoint => "Endpoint",
        FlagGroup::Input | FlagGroup::Speech | FlagGroup::Talk => AUDIO,
        FlagGroup::Turns | FlagGroup::Response => "Turns",
        FlagGroup::Conversation | FlagGroup::Display => "Output",
        FlagGroup::Limits => "Limits",
    }
}

/// Returns the line of `-h`. Defaults of profiles and of the system are left to long help.
fn help(declaration: &Declaration, flag: Flag) -> String {
    let default = declaration.default.filter(|default| *default != "default" && flag.value_name().is_some());
    match (default, declaration.scope) {
        (Some(default), Scope::Defaults) => format!("{} [default: {default}]", declaration.help),
        (Some(_) | None, Scope::Defaults | Scope::Profile) => declaration.help.to_owned(),
    }
}

fn long_help(declaration: &Declaration, flag: Flag) -> String {
    let default = match (declaration.default, declaration.scope) {
        (Some("default"), Scope::Defaults) => Some("[default: the system's]".to_owned()),
        (Some(default), Scope::Defaults) => Some(format!("[default: {default}]")),
        (None, Scope::Defaults) => None,
        (Some(default), Scope::Profile) => Some(format!("[default: from the profile, else {default}]")),
        (None, Scope::Profile) => Some("[default: from the profile]".to_owned()),
    };
    let default = default.filter(|_| flag.value_name().is_some());
    let variable = declaration.variable.map(|variable| format!("[env: {variable}]"));
    let facts: Vec<String> = default.into_iter().chain(variable).collect();
    let note = declaration.note.map(|note| format!(". {note}")).unwrap_or_default();
    let facts = if facts.is_empty() { String::new() } else { format!("\n\n{}", facts.join(" ")) };
    format!("{}{note}{facts}", declaration.help)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::{Cli, TalkCommand};

    fn short_help(command: &str) -> String {
        let mut program = Cli::command();
        program.build();
        let command = program.find_subcommand_mut(command).expect("the command exists");
        command.clone().term_width(80).render_help().to_string()
    }

    #[test]
    fn the_help_of_talk_fits_two_screens() {
        let help = short_help("talk");
        assert!(help.lines().count() <= 48, "{} lines\n{help}", help.lines().count());
        let headings = ["Endpoint:", "Audio:", "Turns:", "Output:", "Limits:"];
        let places: Vec<_> = headings.iter().map(|heading| help.find(heading)).collect();
        assert!(places.is_sorted() && places[0].is_some(), "{help}");
    }

    #[test]
    fn the_footer_of_the_help_is_not_wrapped_again() {
        let help = Cli::command().term_width(80).render_help().to_string();
        let (_, footer) = help.split_once("Try it").expect("the help has a footer");
        assert!(footer.ends_with("128 + N ended by signal N\n"), "{footer}");
        assert!(footer.contains("  rtvoice chat --demo hello\n\nKeys come from RTVOICE_API_KEY"), "{footer}");
        assert_eq!(footer.lines().count(), 11, "{footer}");
    }

    #[test]
    fn flags_become_typed_settings_with_the_flag_as_their_origin() {
        let mut command = SettingFlags::<TalkCommand>::augment_args(Command::new("talk"));
        let line =
            ["talk", "--vad-threshold", "0.4", "--silence-duration-ms=900", "--gain-control", "--vad=off"];
        let matches = command.try_get_matches_from_mut(line).unwrap();
        let layer = SettingFlags::<TalkCommand>::from_arg_matches(&matches).unwrap().layer;
        let values: Vec<_> =
            layer.into_iter().map(|(setting, set)| (setting, set.value, set.origin)).collect();
        let flag = ValueOrigin::Flag;
        assert_eq!(
            values,
            [
                (Setting::Vad, Value::Text("off".to_owned()), flag("--vad")),
                (Setting::GainControl, Value::Bool(true), flag("--gain-control")),
                (Setting::VadThreshold, Value::Float(0.4), flag("--vad-threshold")),
                (Setting::SilenceDurationMs, Value::Integer(900), flag("--silence-duration-ms")),
            ]
        );
    }
}
