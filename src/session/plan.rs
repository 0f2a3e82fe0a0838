//! Plan of a session, decided before it starts.

use std::time::Duration;

use crate::dsp::frame::SampleRate;
use crate::protocol::dialect::Dialect;
use crate::protocol::price::Prices;
use crate::protocol::settings::{AudioFormat, Modality, SessionSettings, TurnMethod, Voice};
use crate::protocol::value::FieldUpdate;
use crate::session::io::message::{Attachment, PastTurn};

/// Default silence that ends a turn. The servers' own default of 200 ms interrupts people who pause to think.
pub const SILENCE_MS: u32 = 500;

/// Stands for the message in a template.
pub const INPUT: &str = "$input";

/// Plan of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Purpose of the session.
    pub mode: Mode,
    /// Settings for `session.update`.
    pub settings: SessionSettings,
    /// Paths of settings that the endpoint does not accept (`turn_detection.prefix_padding_ms`); not sent.
    pub omitted: Vec<String>,
    /// Local turn detection, if the server detects no turns.
    pub local_turns: Option<LocalTurnPlan>,
    /// The dialect to write; `None` detects it by `session.created`.
    pub dialect: Option<Dialect>,
    /// Turns of an earlier conversation, oldest first, given to the server as text.
    pub history: Vec<PastTurn>,
    /// Texts to send as soon as the session is configured.
    pub opening: Vec<String>,
    /// What goes with the first message.
    pub attachments: Vec<Attachment>,
    /// Text around each message, with [`INPUT`] in its place.
    pub template: Option<String>,
    /// How answers sound that are spoken on request.
    pub speech: Option<SpokenAnswers>,
    /// What the end of the input means.
    pub at_input_end: InputEndAction,
    /// The requested model, for servers that do not report theirs.
    pub model: Option<String>,
    /// Token prices of this endpoint, if known.
    pub prices: Option<Prices>,
    /// Limits after which the call ends.
    pub limits: CallLimits,
    /// Documented maximum length of a session, for servers that do not report it.
    pub session_limit: Option<Duration>,
    /// Unix time at time 0 of the session: servers report the end of a session in Unix time.
    pub unix_start: Duration,
    /// The media time at which the input begins.
    pub media_start: Duration,
    /// How much of the input at its beginning is not sent: voice activity detection needs it to find what it would have
    /// found if the input began earlier.
    pub warm_up: Duration,
    /// Whether the input can be read again from an earlier position, instead of audio being kept.
    pub rewinds_input: bool,
    /// Who detects that the user interrupts a response.
    pub interrupt: Interrupt,
    /// When connections are opened and closed.
    pub connecting: ConnectionPolicy,
}

/// When connections are opened and closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionPolicy {
    /// At the beginning and at the end of the session.
    #[default]
    Once,
    /// At the beginning; then the user hangs up and calls again.
    Resumable,
    /// By the next message; closed after this much time without activity.
    OnDemand {
        /// Maximum time without activity.
        idle: Option<Duration>,
    },
}

/// How a conversation in writing speaks its answers.
#[derive(Clone, Debug, PartialEq)]
pub struct SpokenAnswers {
    /// Format on the wire.
    pub format: AudioFormat,
    /// The voice; none leaves it to the server.
    pub voice: Option<Voice>,
}

/// Limits that the user set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CallLimits {
    /// Maximum time without activity. Noise in the microphone is not activity.
    pub idle: Option<Duration>,
    /// Maximum cost in US dollars.
    pub cost_usd: Option<f64>,
}

/// Who detects that the user interrupts a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interrupt {
    /// The server; local detection only ducks playback. With local turn detection, this machine.
    #[default]
    Server,
    /// This machine.
    Local,
    /// Nothing but a key: responses play to their end.
    Off,
}

/// Settings of local turn detection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalTurnPlan {
    /// Speech threshold from 0 to 1; higher needs clearer speech.
    pub threshold: f64,
    /// Silence that ends a turn.
    pub silence: Duration,
    /// Audio to include from before speech starts.
    pub prefix: Duration,
    /// Maximum length of a turn without a pause before a part is committed, so that captions arrive in time.
    pub longest: Option<Duration>,
}

/// Purpose of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Speech to speech.
    Talk,
    /// Text to text, until the user ends it.
    Chat,
    /// Text to text, one response.
    Ask,
    /// Speech to captions.
    Transcribe,
}

/// What the end of the input means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputEndAction {
    /// The session ends after the last response was played.
    End,
    /// The session continues: text may still be typed.
    GoOn,
}

/// Who detects the end of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnControl {
    /// The server, by its voice activity detection.
    Server,
    /// The user, by hand; the client commits.
    Manual,
    /// Local voice activity detection; the client commits.
    Local,
}

impl Plan {
    /// Returns the plan of a session with these settings and no limits, which goes on at the end of its input.
    pub fn new(mode: Mode, settings: SessionSettings) -> Self {
        Self {
            mode,
            settings,
            omitted: Vec::new(),
            local_turns: None,
            dialect: None,
            history: Vec::new(),
            opening: Vec::new(),
            attachments: Vec::new(),
            template: None,
            speech: None,
            at_input_end: InputEndAction::GoOn,
            model: None,
            prices: None,
            limits: CallLimits::default(),
            session_limit: None,
            unix_start: Duration::ZERO,
            media_start: Duration::ZERO,
            warm_up: Duration::ZERO,
            rewinds_input: false,
            interrupt: Interrupt::default(),
            connecting: ConnectionPolicy::default(),
        }
    }

    /// Returns whether response audio is played; in other modes it is ignored.
    pub fn plays_answers(&self) -> bool {
        match self.mode {
            Mode::Talk => true,
            Mode::Chat | Mode::Ask => self.settings.output == Some(Modality::Audio),
            Mode::Transcribe => false,
        }
    }

    /// Returns the text to send for a message.
    pub fn worded(&self, message: &str) -> String {
        self.template.as_ref().map_or_else(|| message.to_owned(), |template| template.replace(INPUT, message))
    }

    /// Lets answers be spoken, or written only.
    pub fn set_spoken(&mut self, is_spoken: bool) {
        self.settings.output = Some(if is_spoken { Modality::Audio } else { Modality::Text });
        if let (true, Some(speech)) = (is_spoken, self.speech.clone()) {
            (self.settings.output_format, self.settings.voice) = (Some(speech.format), speech.voice);
        }
    }

    /// Returns the settings without those that the endpoint does not accept.
    pub fn settings_to_send(&self) -> SessionSettings {
        self.without_omitted(self.settings.clone())
    }

    /// Returns `settings` without those that the endpoint does not accept.
    pub fn without_omitted(&self, mut settings: SessionSettings) -> SessionSettings {
        for path in &self.omitted {
            settings.drop_param(path);
        }
        settings
    }

    /// Returns who detects the end of a turn.
    pub fn turn_control(&self) -> TurnControl {
        match (&self.settings.turn_detection, &self.local_turns) {
            (FieldUpdate::Clear, None) => TurnControl::Manual,
            (FieldUpdate::Clear, Some(_)) => TurnControl::Local,
            (FieldUpdate::Keep | FieldUpdate::Set(_), _) => TurnControl::Server,
        }
    }

    /// Returns whether the server cancels its response when the user speaks.
    pub fn server_interrupts(&self) -> bool {
        match &self.settings.turn_detection {
            FieldUpdate::Set(detection) => detection.interrupt_response.unwrap_or(true),
            FieldUpdate::Keep => true,
            FieldUpdate::Clear => false,
        }
    }

    /// Returns whether the server responds to each turn that it detects.
    pub fn server_answers(&self) -> bool {
        match &self.settings.turn_detection {
            FieldUpdate::Set(detection) => detection.create_response.unwrap_or(true),
            FieldUpdate::Keep => true,
            FieldUpdate::Clear => false,
        }
    }

    /// Returns the silence that ends a turn, as far as known.
    pub fn silence(&self) -> Duration {
        let ms = |ms: u32| Duration::from_millis(ms.into());
        match (self.settings.turn_detection.get().map(|detection| &detection.method), &self.local_turns) {
            (Some(TurnMethod::ServerVad { silence_duration_ms: Some(silence), .. }), _) => ms(*silence),
            // Semantic detection waits up to 8 s with low eagerness.
            (Some(TurnMethod::SemanticVad { .. } | TurnMethod::Other(_)), _) => ms(8_000),
            (None, Some(turns)) => turns.silence,
            (Some(TurnMethod::ServerVad { .. }), _) | (None, None) => ms(SILENCE_MS),
        }
    }

    /// Returns the sample rate of microphone frames.
    pub fn input_rate(&self) -> SampleRate {
        self.settings.input_format.as_ref().and_then(AudioFormat::rate).unwrap_or(SampleRate::HZ_24000)
    }

    /// Returns the format of response audio, if it is configured.
    pub fn output_format(&self) -> Option<&AudioFormat> {
        self.settings.output_format.as_ref().or(self.speech.as_ref().map(|speech| &speech.format))
    }

    /// Returns the sample rate of response audio.
    pub fn output_rate(&self) -> SampleRate {
        self.output_format().and_then(AudioFormat::rate).unwrap_or(SampleRate::HZ_24000)
    }
}
