//! Flags made from the declarations of settings.

use std::fmt;
use std::marker::PhantomData;

use clap::builder::{BoolValueParser, PathBufValueParser, PossibleValuesParser, TypedValueParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::config::declaration::{Declaration, Flag, FlagGroup, Scope, ValueKind};
use crate::config::settings::Setting;
use crate::config::value::{Layer, Sourced, Value, ValueOrigin};

/// Heading of the flags about audio.
pub(super) const AUDIO: &str = "Audio";

/// Groups of flags that a command has.
pub trait FlagSet {
    /// The groups in the order of the help.
    const GROUPS: &'static [FlagGroup];
}

/// Groups of every command that dials.
#[derive(Debug)]
pub struct EndpointFlags;

impl FlagSet for EndpointFlags {
    const GROUPS: &'static [FlagGroup] = &[FlagGroup::Endpoint];
}

/// Groups of `talk`.
#[derive(Debug)]
pub struct TalkFlags;

impl FlagSet for TalkFlags {
    const GROUPS: &'static [FlagGroup] = &[
        FlagGroup::Input,
        FlagGroup::Talk,
        FlagGroup::Turns,
        FlagGroup::Response,
        FlagGroup::Display,
        FlagGroup::Limits,
    ];
}

/// Groups of `transcribe`.
#[derive(Debug)]
pub struct TranscribeFlags;

impl FlagSet for TranscribeFlags {
    const GROUPS: &'static [FlagGroup] =
        &[FlagGroup::Input, FlagGroup::Turns, FlagGroup::Display, FlagGroup::Limits];
}

/// Groups of `chat`.
#[derive(Debug)]
pub struct ChatFlags;

impl FlagSet for ChatFlags {
    const GROUPS: &'static [FlagGroup] = &[FlagGroup::Display, FlagGroup::Limits];
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
                && let Some(value) = matches.get_one::<Value>(setting.name())
            {
                let origin = ValueOrigin::Flag(flag.spelling());
                self.layer.insert(setting, Sourced { value: value.clone(), origin });
            }
        }
        Ok(())
    }
}

fn arg(declaration: &'static Declaration, flag: Flag) -> Arg {
    let arg = Arg::new(declaration.name)
        .long(flag.spelling().trim_start_matches('-'))
        .help(help(declaration, flag))
        .long_help(long_help(declaration, flag))
        .help_heading(heading(flag.group))
        .hide_short_help(!flag.is_common);
    let Some(value_name) = flag.value_name() else {
        return arg.action(ArgAction::SetTrue).value_parser(BoolValueParser::new().map(Value::Bool));
    };
    let arg = arg.value_name(value_name);
    let kind = &declaration.kind;
    match kind {
        ValueKind::Choice(values) => {
            arg.value_parser(PossibleValuesParser::new(values()).map(Value::Text)).hide_possible_values(false)
        }
        ValueKind::Bool => arg.value_parser(BoolValueParser::new().map(Value::Bool)),
        ValueKind::Path => arg.value_parser(PathBufValueParser::new().map(Value::Path)),
        ValueKind::Text
        | ValueKind::Secret
        | ValueKind::Integer(_)
        | ValueKind::Positive
        | ValueKind::Ratio
        | ValueKind::List
        | ValueKind::Table => arg.value_parser(|text: &str| {
            kind.parse(text).ok_or_else(|| format!("{} is needed", kind.expected()))
        }),
    }
}

fn heading(group: FlagGroup) -> &'static str {
    match group {
        FlagGroup::Endpoint => "Endpoint",
        FlagGroup::Input | FlagGroup::Talk => AUDIO,
        FlagGroup::Turns | FlagGroup::Response => "Turns",
        FlagGroup::Display => "Output",
        FlagGroup::Limits => "Limits",
    }
}

/// Returns the line of `-h`. Defaults that profiles change are left to long help.
fn help(declaration: &Declaration, flag: Flag) -> String {
    match (declaration.default, declaration.scope) {
        (Some(default), Scope::Defaults) if flag.value_name().is_some() => {
            format!("{} [default: {default}]", declaration.help)
        }
        _ => declaration.help.to_owned(),
    }
}

fn long_help(declaration: &Declaration, flag: Flag) -> String {
    let default = match (declaration.default, declaration.scope) {
        _ if flag.value_name().is_none() => None,
        (None, Scope::Defaults) => None,
        (Some(default), Scope::Defaults) => Some(format!("[default: {default}]")),
        (Some(default), Scope::Profile) => Some(format!("[default: from the profile, else {default}]")),
        (None, Scope::Profile) => Some("[default: from the profile]".to_owned()),
    };
    let note = declaration.note.map(|note| format!("\n{note}"));
    let variable = declaration.variable.map(|variable| format!("[env: {variable}]"));
    let facts: Vec<String> = default.into_iter().chain(variable).collect();
    let facts = if facts.is_empty() { String::new() } else { format!("\n{}", facts.join(" ")) };
    format!("{}{}{facts}", declaration.help, note.unwrap_or_default())
}
