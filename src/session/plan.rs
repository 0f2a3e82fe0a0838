//! What a session is meant to do, decided before it starts.

use std::time::Duration;

use crate::dsp::frame::SampleRate;
use crate::protocol::dialect::Dialect;
use crate::protocol::settings::{AudioFormat, SessionSettings, TurnMethod};
use crate::protocol::value::FieldUpdate;
use crate::session::metering::limits::CallLimits;
use crate::session::metering::price::Prices;

/// Silence that ends a turn where nothing else is said; servers' own default of 200 ms cuts
/// people off who stop to think.
pub const SILENCE_MS: u32 = 500;

/// The plan of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What it is for.
    pub mode: Mode,
    /// What `session.update` says.
    pub settings: SessionSettings,
    /// Settings that the endpoint cannot take, as paths (`turn_detection.prefix_padding_ms`): not sent.
    pub omitted: Vec<String>,
    /// How turns are made of what the sound side hears, where the server finds none.
    pub local_turns: Option<LocalTurnPlan>,
    /// The dialect to write; `None` decides by `session.created`.
    pub dialect: Option<Dialect>,
    /// Texts that are said as soon as the session is configured.
    pub opening: Vec<String>,
    /// What happens when the input is at its end.
    pub at_input_end: InputEndAction,
    /// The model that was asked for, where the server does not name its own.
    pub model: Option<String>,
    /// What tokens cost at this endpoint, where it is known.
    pub prices: Option<Prices>,
    /// When the call ends by itself.
    pub limits: CallLimits,
    /// How long a session may last at this endpoint, where its documents say so and it does not.
    pub session_limit: Option<Duration>,
    /// Since 1970, when the session's time was 0: servers say by the clock when they end a session.
    pub unix_start: Duration,
    /// The media time at which the input begins.
    pub media_start: Duration,
    /// Whether the input can be read again from an earlier place, instead of audio being kept.
    pub rewinds_input: bool,
    /// Whose ear decides that the user speaks over an answer.
    pub interrupt: Interrupt,
}

/// Whose ear decides that the user speaks over an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interrupt {
    /// The server's; this machine's only makes the answer softer. Where the server finds no turns, this machine's.
    #[default]
    Server,
    /// This machine's alone.
    Local,
    /// Nobody's: an answer is heard to its end, or stopped by key.
    Off,
}

/// How turns are made of what the sound side hears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalTurnPlan {
    /// 0 to 1; the higher, the clearer speech has to be.
    pub threshold: f64,
    /// The silence that ends a turn.
    pub silence: Duration,
    /// How much sound from before somebody spoke belongs to their turn.
    pub prefix: Duration,
    /// After how long a turn without a pause is committed in parts: captions are not to wait for its end.
    pub longest: Option<Duration>,
}

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Speech to speech.
    Talk,
    /// Text to text, until the user ends it.
    Chat,
    /// Text to text, one answer.
    Ask,
    /// Speech to captions.
    Transcribe,
}

/// What happens when the input is at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputEndAction {
    /// The session ends when everything was answered and heard.
    End,
    /// Nothing: text may still be typed.
    GoOn,
}

/// Who decides that a turn is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnControl {
    /// The server, by its voice activity detection.
    Server,
    /// The user, by hand; the client commits.
    Manual,
    /// The sound side, which hears a voice; the client commits.
    Local,
}

impl Plan {
    /// Returns whether answers are played. Elsewhere their sound, which nobody asked for, is ignored.
    pub fn plays_answers(&self) -> bool {
        match self.mode {
            Mode::Talk => true,
            Mode::Chat | Mode::Ask | Mode::Transcribe => false,
        }
    }

    /// Returns the settings as they are sent: without those that the endpoint cannot take.
    pub fn settings_to_send(&self) -> SessionSettings {
        let mut settings = self.settings.clone();
        for path in &self.omitted {
            settings.drop_param(path);
        }
        settings
    }

    /// Returns who decides that a turn is over.
    pub fn turn_control(&self) -> TurnControl {
        match (&self.settings.turn_detection, &self.local_turns) {
            (FieldUpdate::Clear, None) => TurnControl::Manual,
            (FieldUpdate::Clear, Some(_)) => TurnControl::Local,
            (FieldUpdate::Keep | FieldUpdate::Set(_), _) => TurnControl::Server,
        }
    }

    /// Returns whether the server stops its answer by itself when the user speaks.
    pub fn server_interrupts(&self) -> bool {
        match &self.settings.turn_detection {
            FieldUpdate::Set(detection) => detection.interrupt_response.unwrap_or(true),
            FieldUpdate::Keep => true,
            FieldUpdate::Clear => false,
        }
    }

    /// Returns whether the server answers a turn that it found by itself.
    pub fn server_answers(&self) -> bool {
        match &self.settings.turn_detection {
            FieldUpdate::Set(detection) => detection.create_response.unwrap_or(true),
            FieldUpdate::Keep => true,
            FieldUpdate::Clear => false,
        }
    }

    /// Returns the silence that ends a turn where it is not ended by hand, as far as is known.
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

    /// Returns the rate of the microphone's frames.
    pub fn input_rate(&self) -> SampleRate {
        self.settings.input_format.as_ref().and_then(AudioFormat::rate).unwrap_or(SampleRate::HZ_24000)
    }

    /// Returns the rate of the answers' frames.
    pub fn output_rate(&self) -> SampleRate {
        self.settings.output_format.as_ref().and_then(AudioFormat::rate).unwrap_or(SampleRate::HZ_24000)
    }
}
