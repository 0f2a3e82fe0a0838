//! The names of all settings, what each takes and what it means. The only list: files, variables,
//! `config show` and the file of `config init` are made from it.

use std::ops::RangeInclusive;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::cli::{AuthArg, DialectArg, EagernessArg, EchoArg, InterruptArg, MuteArg, PresetArg, VadArg};
use crate::config::values::{AudioEncoding, BetaMarkerSetting, TranscriptionQuery, TranscriptionSession};

/// A setting of a profile. The comments are what users read, in the order in which they read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Setting {
    /// Where the endpoint is; {resource}, {api_version} and {model} stand for the settings of these names
    Url,
    /// Environment variables that may hold this profile's base URL, as OpenAI's libraries read it; the first one set wins
    UrlEnv,
    /// The name of the Azure resource in the URL
    Resource,
    /// The dated version in the URL of Azure's preview
    ApiVersion,
    /// The model of a conversation; at Azure the name of the deployment; also in the URL of captions through a gateway
    Model,
    /// The model that captions speech, in a conversation and in `rtvoice transcribe`
    TranscriptionModel,
    /// Whether a model has to be named before anything is dialled
    NeedsModel,
    /// How the key is shown: one way only, unless bearer-and-query is asked for
    Auth,
    /// The name of the header (usually api-key) or in the query (usually token) that holds the key
    AuthName,
    /// The variables that may hold this profile's key, the first that is set wins; RTVOICE_API_KEY goes before all
    KeyEnv,
    /// The key itself; the file must then be readable by nobody else (chmod 600)
    Key,
    /// A command that prints the key; it is run by sh -c, in at most 30 s, when the key is needed
    KeyCommand,
    /// The hosts that may see the key when --url or RTVOICE_URL names another; *.example.com stands for all below
    KeyHosts,
    /// Whether nothing is dialled without a key; by default, where the profile names one; never on this machine
    NeedsKey,
    /// Whether the key may go to another machine unencrypted over ws://
    AllowClearKey,
    /// A file of PEM certificates to trust besides the system's, as for --ca-file; seen from this file's folder
    CaFile,
    /// More headers of the handshake, as a table of names and values; no place for keys
    Headers,
    /// Who pays, for keys of several organisations: OpenAI-Organization
    Organization,
    /// Which project pays: OpenAI-Project
    Project,
    /// A stable name of the end user, hashed by you, for OpenAI-Safety-Identifier
    SafetyIdentifier,
    /// Whether OpenAI-Beta: realtime=v1 is sent; try does, and does without when that is answered by 400
    BetaMarker,
    /// Which form of the protocol is written; auto follows what the endpoint says first, mixed is xAI's
    Dialect,
    /// Query of the URL for `rtvoice transcribe`: intent=transcription, alone or with a model; `model` is the transcription model without intent
    TranscriptionQuery,
    /// The session of `rtvoice transcribe`: one of its own kind, one as for a conversation, or none at all
    TranscriptionSession,
    /// Session settings that the endpoint rejects and that are not sent, such as turn_detection.prefix_padding_ms
    OmitSettings,
    /// More such settings for `rtvoice chat`
    OmitInChat,
    /// The format of your speech on the wire; pcm is pcm16 by the name that Qwen has for it
    InputFormat,
    /// The rate of your speech on the wire in Hz; 8000 for G.711
    InputRate,
    /// The format of the answers on the wire
    OutputFormat,
    /// The rate of the answers on the wire in Hz; 8000 for G.711
    OutputRate,
    /// How many minutes a session may last, where the endpoint does not say when it ends; before that the call goes on in another
    SessionMinutes,
    /// How long each piece of your speech is that is sent, in ms
    FrameMs,
    /// How much of an answer is gathered before it begins to sound, in ms
    PrebufferMs,
    /// The voice that answers
    Voice,
    /// What the model is told first
    Instructions,
    /// The language that is spoken, such as en or zh-TW; auto lets the endpoint detect it
    Lang,
    /// Who finds the end of a turn; local for captioning models that find none
    Vad,
    /// Whose ear stops an answer that is spoken over: the endpoint's, this machine's alone, nobody's
    Interrupt,
    /// What keeps the assistant from hearing itself on loudspeakers
    Echo,
    /// Whether steady noise is taken out of your speech (about 12 dB; adds 6 ms)
    NoiseSuppression,
    /// Whether a microphone that is very soft is made louder
    GainControl,
    /// How much noise there is: what the settings of turns are where they say nothing themselves
    VadPreset,
    /// How clear speech has to be to be found; with server and local only
    VadThreshold,
    /// How much sound from before your speech belongs to it, in ms; with server and local only
    PrefixPaddingMs,
    /// How long you have to be silent to have ended your turn, in ms; with server and local only
    SilenceDurationMs,
    /// After how long a silence the endpoint speaks by itself, in ms, which costs like any answer; with server only
    IdleTimeoutMs,
    /// How soon a sentence counts as finished; with semantic only
    Eagerness,
    /// Whether the endpoint answers a turn that it has found by itself; otherwise rtvoice asks for the answer, one after the other
    CreateResponse,
    /// Whether you stop an answer by speaking over it
    InterruptResponse,
    /// The microphone, as for --input
    Input,
    /// The speaker, as for --output
    Output,
    /// What muting does to the microphone: send silence, or close it too, so that its light goes out
    Mute,
    /// Whether lines are written in place of a screen
    Plain,
    /// After how many minutes in which nothing was said or typed a session ends
    Idle,
    /// At how many US dollars a session ends
    MaxCost,
}

/// What belongs to an endpoint, and what to the person who talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Stands in a profile only.
    Endpoint,
    /// May stand in `[defaults]`, too.
    Person,
}

/// What a setting takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// One text.
    Text,
    /// A number above 0, whole or not; it is kept as a text.
    Amount,
    /// A number from 0 to 1; it is kept as a text.
    Share,
    /// A whole number in a range.
    Number(RangeInclusive<u32>),
    /// Yes or no.
    Switch,
    /// Texts.
    List,
    /// Names with texts.
    Table,
    /// A key.
    Key,
    /// One of these words.
    Choice(Vec<String>),
}

impl Setting {
    /// Returns all settings in the order in which they are shown.
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// Returns the setting of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().iter().copied().find(|setting| setting.name() == name)
    }

    /// Returns its name in a file.
    pub fn name(self) -> String {
        self.described().get_name().to_owned()
    }

    /// Returns one sentence on what it means.
    pub fn meaning(self) -> String {
        self.described().get_help().map(ToString::to_string).unwrap_or_default()
    }

    fn described(self) -> PossibleValue {
        self.to_possible_value().expect("no setting is skipped")
    }

    /// Returns the variable that sets it, where there is one. What names files is in no variable,
    /// because a foreign folder's `.env` must not choose what is overwritten.
    pub fn variable(self) -> Option<String> {
        match self {
            Self::Url
            | Self::Resource
            | Self::Model
            | Self::TranscriptionModel
            | Self::Dialect
            | Self::Voice
            | Self::Instructions
            | Self::Lang => Some(format!("RTVOICE_{}", self.name().to_uppercase())),
            Self::UrlEnv
            | Self::ApiVersion
            | Self::NeedsModel
            | Self::Auth
            | Self::AuthName
            | Self::KeyEnv
            | Self::Key
            | Self::KeyCommand
            | Self::KeyHosts
            | Self::NeedsKey
            | Self::AllowClearKey
            | Self::CaFile
            | Self::Headers
            | Self::Organization
            | Self::Project
            | Self::SafetyIdentifier
            | Self::BetaMarker
            | Self::TranscriptionQuery
            | Self::TranscriptionSession
            | Self::OmitSettings
            | Self::OmitInChat
            | Self::InputFormat
            | Self::InputRate
            | Self::OutputFormat
            | Self::OutputRate
            | Self::SessionMinutes
            | Self::FrameMs
            | Self::PrebufferMs
            | Self::Vad
            | Self::Interrupt
            | Self::Echo
            | Self::NoiseSuppression
            | Self::GainControl
            | Self::VadPreset
            | Self::VadThreshold
            | Self::PrefixPaddingMs
            | Self::SilenceDurationMs
            | Self::IdleTimeoutMs
            | Self::Eagerness
            | Self::CreateResponse
            | Self::InterruptResponse
            | Self::Input
            | Self::Output
            | Self::Mute
            | Self::Plain
            | Self::Idle
            | Self::MaxCost => None,
        }
    }

    /// Returns what it belongs to.
    pub fn scope(self) -> Scope {
        match self {
            Self::FrameMs
            | Self::PrebufferMs
            | Self::Voice
            | Self::Instructions
            | Self::Lang
            | Self::Vad
            | Self::Interrupt
            | Self::Echo
            | Self::NoiseSuppression
            | Self::GainControl
            | Self::VadPreset
            | Self::VadThreshold
            | Self::PrefixPaddingMs
            | Self::SilenceDurationMs
            | Self::IdleTimeoutMs
            | Self::Eagerness
            | Self::CreateResponse
            | Self::InterruptResponse
            | Self::Input
            | Self::Output
            | Self::Mute
            | Self::Plain
            | Self::Idle
            | Self::MaxCost => Scope::Person,
            Self::Url
            | Self::UrlEnv
            | Self::Resource
            | Self::ApiVersion
            | Self::Model
            | Self::TranscriptionModel
            | Self::NeedsModel
            | Self::Auth
            | Self::AuthName
            | Self::KeyEnv
            | Self::Key
            | Self::KeyCommand
            | Self::KeyHosts
            | Self::NeedsKey
            | Self::AllowClearKey
            | Self::CaFile
            | Self::Headers
            | Self::Organization
            | Self::Project
            | Self::SafetyIdentifier
            | Self::BetaMarker
            | Self::Dialect
            | Self::TranscriptionQuery
            | Self::TranscriptionSession
            | Self::OmitSettings
            | Self::OmitInChat
            | Self::InputFormat
            | Self::InputRate
            | Self::OutputFormat
            | Self::OutputRate
            | Self::SessionMinutes => Scope::Endpoint,
        }
    }

    /// Returns what it takes.
    pub fn form(self) -> ValueKind {
        match self {
            Self::Url
            | Self::Resource
            | Self::ApiVersion
            | Self::Model
            | Self::TranscriptionModel
            | Self::AuthName
            | Self::CaFile
            | Self::KeyCommand
            | Self::Organization
            | Self::Project
            | Self::SafetyIdentifier
            | Self::Voice
            | Self::Instructions
            | Self::Lang
            | Self::Input
            | Self::Output => ValueKind::Text,
            Self::NeedsModel
            | Self::NeedsKey
            | Self::AllowClearKey
            | Self::NoiseSuppression
            | Self::GainControl
            | Self::CreateResponse
            | Self::InterruptResponse
            | Self::Plain => ValueKind::Switch,
            Self::Idle | Self::MaxCost | Self::SessionMinutes => ValueKind::Amount,
            Self::UrlEnv | Self::KeyEnv | Self::KeyHosts | Self::OmitSettings | Self::OmitInChat => {
                ValueKind::List
            }
            Self::Headers => ValueKind::Table,
            Self::Key => ValueKind::Key,
            Self::Auth => ValueKind::Choice(words::<AuthArg>()),
            Self::BetaMarker => ValueKind::Choice(words::<BetaMarkerSetting>()),
            Self::Dialect => ValueKind::Choice(words::<DialectArg>()),
            Self::TranscriptionQuery => ValueKind::Choice(words::<TranscriptionQuery>()),
            Self::TranscriptionSession => ValueKind::Choice(words::<TranscriptionSession>()),
            Self::InputFormat | Self::OutputFormat => ValueKind::Choice(words::<AudioEncoding>()),
            Self::Vad => ValueKind::Choice(words::<VadArg>()),
            Self::Mute => ValueKind::Choice(words::<MuteArg>()),
            Self::Interrupt => ValueKind::Choice(words::<InterruptArg>()),
            Self::Echo => ValueKind::Choice(words::<EchoArg>()),
            Self::VadPreset => ValueKind::Choice(words::<PresetArg>()),
            Self::VadThreshold => ValueKind::Share,
            Self::PrefixPaddingMs => ValueKind::Number(0..=5_000),
            Self::SilenceDurationMs => ValueKind::Number(100..=10_000),
            Self::IdleTimeoutMs => ValueKind::Number(5_000..=30_000),
            Self::Eagerness => ValueKind::Choice(words::<EagernessArg>()),
            Self::InputRate | Self::OutputRate => ValueKind::Number(8_000..=48_000),
            Self::FrameMs => ValueKind::Number(10..=100),
            Self::PrebufferMs => ValueKind::Number(0..=2_000),
        }
    }
}

impl ValueKind {
    /// Returns what is wanted where something else was said.
    pub fn wanted(&self) -> String {
        match self {
            Self::Text | Self::Key => "a text in quotes".to_owned(),
            Self::Amount => "a number above 0".to_owned(),
            Self::Share => "a number from 0 to 1".to_owned(),
            Self::Number(range) => format!("a number from {} to {}", range.start(), range.end()),
            Self::Switch => "true or false".to_owned(),
            Self::List => "a list of texts, as in [\"A\", \"B\"]".to_owned(),
            Self::Table => "a table".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
        }
    }
}

fn words<T: ValueEnum>() -> Vec<String> {
    let described = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    described.map(|value| value.get_name().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_found_by_its_name_and_explained() {
        for setting in Setting::all() {
            assert_eq!(Setting::named(&setting.name()), Some(*setting));
            assert!(setting.meaning().len() > 10, "{setting:?}");
        }
        assert_eq!(Setting::KeyEnv.name(), "key_env");
        assert_eq!(Setting::TranscriptionModel.variable().as_deref(), Some("RTVOICE_TRANSCRIPTION_MODEL"));
    }

    #[test]
    fn choices_are_the_words_of_the_flags() {
        assert_eq!(
            words_of(Setting::Auth),
            ["bearer", "header", "subprotocol", "query", "bearer-and-query", "none"]
        );
        assert_eq!(words_of(Setting::InputFormat), ["pcm16", "pcm", "g711_ulaw", "g711_alaw"]);
        assert_eq!(
            words_of(Setting::TranscriptionQuery),
            ["intent", "intent-and-model", "intent-and-transcription-model", "model"]
        );
    }

    fn words_of(setting: Setting) -> Vec<String> {
        let ValueKind::Choice(words) = setting.form() else { panic!("{setting:?} is a choice") };
        words
    }
}
