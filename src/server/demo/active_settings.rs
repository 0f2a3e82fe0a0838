//! Settings in force: the defaults of a real session, and updates.

use serde_json::{Value, json};

use crate::dsp::codec::Codec;
use crate::dsp::frame::SampleRate;
use crate::protocol::dialect::Dialect;
use crate::protocol::settings::{
    AudioFormat, Eagerness, LOGPROBS, Modality, SessionInfo, SessionKind, SessionSettings, TokenLimit,
    ToolChoice, Transcription, TurnDetection, TurnMethod, Voice,
};
use crate::protocol::value::{FieldUpdate, Unknown};
use crate::server::demo::client_error::ClientError;
use crate::server::demo::http::admission::Peer;

/// Default of real servers, although the documentation says 500.
const SILENCE_MS: u32 = 200;
const PADDING_MS: u32 = 300;
const THRESHOLD: f64 = 0.5;

/// Instructions shown in `session.created`.
const INSTRUCTIONS: &str =
    "You are the demo inside of rtvoice. You know no words: you measure speech and play it back.";

/// Settings of one session.
#[derive(Clone, Debug)]
pub(crate) struct ActiveSettings {
    settings: SessionSettings,
    dialect: Dialect,
}

/// Turn detection in force, with times in samples at 24 kHz.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TurnRule {
    /// Score threshold, 0 to 1.
    pub(crate) threshold: f64,
    /// Audio kept from before the start of speech.
    pub(crate) padding: u64,
    /// Silence that ends a turn.
    pub(crate) silence: u64,
    /// Whether the end of a turn starts a response.
    pub(crate) answers: bool,
    /// Whether speech cancels a response.
    pub(crate) interrupts: bool,
    /// Idle timeout after a response.
    pub(crate) idle: Option<u64>,
}

impl TurnRule {
    /// Rule for measuring speech without turn detection.
    pub(crate) const PLAIN: Self = Self {
        threshold: THRESHOLD,
        padding: 0,
        silence: 12_000,
        answers: false,
        interrupts: false,
        idle: None,
    };
}

impl ActiveSettings {
    /// Returns the settings of a new session for `peer`.
    pub(crate) fn new(peer: &Peer) -> Self {
        let settings = SessionSettings {
            kind: peer.kind,
            model: peer.model.clone(),
            instructions: Some(INSTRUCTIONS.to_owned()),
            output: Some(Modality::Audio),
            input_format: Some(AudioFormat::PCM24K),
            noise_reduction: FieldUpdate::Clear,
            transcription: FieldUpdate::Clear,
            turn_detection: FieldUpdate::Set(default_turns()),
            output_format: Some(AudioFormat::PCM24K),
            voice: Some(Voice::Named("alloy".to_owned())),
            speed: Some(1.0),
            tools: Some(Vec::new()),
            tool_choice: Some(ToolChoice::Auto),
            temperature: Some(0.8),
            max_output_tokens: Some(TokenLimit::Unlimited),
            truncation: Some(json!("auto")),
            tracing: FieldUpdate::Clear,
            include: FieldUpdate::Clear,
            ..SessionSettings::default()
        };
        Self { settings, dialect: peer.dialect }
    }

    /// Returns the session as sent to the client.
    pub(crate) fn info(&self, id: &str, expires_at: u64) -> SessionInfo {
        let nulls: &[&str] = match (self.settings.kind, self.dialect) {
            (SessionKind::Realtime, Dialect::Ga | Dialect::Mixed) => &["prompt"],
            (SessionKind::Realtime, Dialect::Beta) => &["prompt", "client_secret"],
            (SessionKind::Transcription, Dialect::Ga | Dialect::Beta | Dialect::Mixed) => &[],
        };
        SessionInfo {
            id: Some(id.to_owned()),
            object: None,
            expires_at: Some(expires_at),
            shape: Some(self.dialect),
            settings: self.settings.clone(),
            unknown: nulls.iter().map(|name| ((*name).to_owned(), Value::Null)).collect(),
        }
    }

    /// Returns the settings after `update`, or an error that rejects all of it.
    ///
    /// `spoken` states whether the conversation contains speech of the assistant.
    pub(crate) fn updated(
        &self,
        update: &SessionSettings,
        spoken: AssistantSpoke,
    ) -> Result<Self, ClientError> {
        self.check_fixed(update, spoken)?;
        let mut new = self.clone();
        let settings = &mut new.settings;
        let from = update.clone();
        replace(&mut settings.instructions, from.instructions);
        replace(&mut settings.output, from.output);
        replace(&mut settings.input_format, from.input_format);
        replace(&mut settings.output_format, from.output_format);
        replace(&mut settings.voice, from.voice);
        replace(&mut settings.speed, from.speed);
        replace(&mut settings.tools, from.tools);
        replace(&mut settings.tool_choice, from.tool_choice);
        replace(&mut settings.parallel_tool_calls, from.parallel_tool_calls);
        replace(&mut settings.temperature, from.temperature);
        replace(&mut settings.max_output_tokens, from.max_output_tokens);
        replace(&mut settings.reasoning_effort, from.reasoning_effort);
        replace(&mut settings.truncation, from.truncation);
        set(&mut settings.noise_reduction, from.noise_reduction);
        set(&mut settings.transcription, from.transcription);
        set(&mut settings.tracing, from.tracing);
        set(&mut settings.include, from.include);
        set(&mut settings.turn_detection, completed(from.turn_detection));
        new.check_live_transcription()?;
        Ok(new)
    }

    /// Rejects changes of the model, and of the voice after the first speech.
    fn check_fixed(&self, update: &SessionSettings, spoken: AssistantSpoke) -> Result<(), ClientError> {
        if let (Some(requested), Some(model)) = (&update.model, &self.settings.model)
            && requested != model
        {
            let message = format!("Cannot change the model of a session from '{model}' to '{requested}'.");
            return Err(ClientError::value("session.model", message));
        }
        if spoken == AssistantSpoke::Yes && update.voice.is_some() && update.voice != self.settings.voice {
            let message = "Cannot update a conversation's voice if assistant audio is present.";
            return Err(ClientError::new("cannot_update_voice", message).at(match self.dialect {
                Dialect::Ga | Dialect::Mixed => "session.audio.output.voice",
                Dialect::Beta => "session.voice",
            }));
        }
        Ok(())
    }

    /// Rejects turn detection for live transcription models; the default one must be disabled with `null`.
    fn check_live_transcription(&self) -> Result<(), ClientError> {
        let is_live = self.transcription().is_some_and(Transcription::lacks_turn_detection);
        if self.settings.kind == SessionKind::Transcription && is_live && self.turns().is_some() {
            let message = "Turn detection is not supported for this transcription model.";
            return Err(ClientError::value("session.audio.input.turn_detection", message));
        }
        Ok(())
    }

    /// Returns whether captions come with the probabilities of their tokens: on request, from models that offer them.
    pub(crate) fn reports_logprobs(&self) -> bool {
        let is_requested =
            self.settings.include.get().is_some_and(|names| names.iter().any(|name| name == LOGPROBS));
        is_requested && self.transcription().is_some_and(Transcription::offers_logprobs)
    }

    /// Returns the settings.
    pub(crate) fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// Returns the turn detection in force; `None` if the client ends turns.
    pub(crate) fn turns(&self) -> Option<TurnRule> {
        let turns = self.settings.turn_detection.get()?;
        let ms = |ms: u32| u64::from(ms) * u64::from(SampleRate::HZ_24000.0) / 1_000;
        let rule = TurnRule {
            threshold: THRESHOLD,
            padding: ms(PADDING_MS),
            silence: ms(SILENCE_MS),
            answers: turns.create_response.unwrap_or(true),
            interrupts: turns.interrupt_response.unwrap_or(true),
            idle: None,
        };
        Some(match &turns.method {
            TurnMethod::ServerVad { threshold, prefix_padding_ms, silence_duration_ms, idle_timeout_ms } => {
                TurnRule {
                    threshold: threshold.unwrap_or(THRESHOLD),
                    padding: ms(prefix_padding_ms.unwrap_or(PADDING_MS)),
                    silence: ms(silence_duration_ms.unwrap_or(SILENCE_MS)),
                    idle: idle_timeout_ms.get().copied().map(ms),
                    ..rule
                }
            }
            // The endpoint recognizes no words, so eagerness only sets the silence.
            TurnMethod::SemanticVad { eagerness } => TurnRule {
                silence: ms(match eagerness {
                    Some(Eagerness::Low) => 1_600,
                    Some(Eagerness::High) => 500,
                    Some(Eagerness::Medium | Eagerness::Auto | Eagerness::Other(_)) | None => 900,
                }),
                ..rule
            },
            TurnMethod::Other(_) => rule,
        })
    }

    /// Returns the transcription settings, if enabled.
    pub(crate) fn transcription(&self) -> Option<&Transcription> {
        self.settings.transcription.get()
    }

    /// Returns encoding and rate of the client's audio.
    pub(crate) fn input(&self) -> (Codec, SampleRate) {
        codec(self.settings.input_format.as_ref())
    }

    /// Returns whether answers are spoken or written.
    pub(crate) fn modality(&self) -> Modality {
        self.settings.output.unwrap_or(Modality::Audio)
    }

    /// Returns the voice.
    pub(crate) fn voice(&self) -> Voice {
        self.settings.voice.clone().unwrap_or(Voice::Named("alloy".to_owned()))
    }
}

/// Whether the conversation contains speech of the assistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AssistantSpoke {
    /// Yes; the voice is fixed.
    Yes,
    /// No.
    No,
}

/// Returns encoding and rate of a format; unknown formats have been rejected.
pub(crate) fn codec(format: Option<&AudioFormat>) -> (Codec, SampleRate) {
    match format {
        Some(AudioFormat::Ulaw) => (Codec::Ulaw, SampleRate::TELEPHONE),
        Some(AudioFormat::Alaw) => (Codec::Alaw, SampleRate::TELEPHONE),
        Some(AudioFormat::Pcm(rate) | AudioFormat::BarePcm(rate)) => (Codec::Pcm16, *rate),
        Some(AudioFormat::Other(_)) | None => (Codec::Pcm16, SampleRate::HZ_24000),
    }
}

fn replace<T>(present: &mut Option<T>, update: Option<T>) {
    if update.is_some() {
        *present = update;
    }
}

fn set<T>(present: &mut FieldUpdate<T>, update: FieldUpdate<T>) {
    match update {
        FieldUpdate::Keep => {}
        FieldUpdate::Clear | FieldUpdate::Set(_) => *present = update,
    }
}

fn default_turns() -> TurnDetection {
    TurnDetection {
        method: TurnMethod::ServerVad {
            threshold: Some(THRESHOLD),
            prefix_padding_ms: Some(PADDING_MS),
            silence_duration_ms: Some(SILENCE_MS),
            idle_timeout_ms: FieldUpdate::Clear,
        },
        create_response: Some(true),
        interrupt_response: Some(true),
        unknown: Unknown::new(),
    }
}

/// Completes an update of turn detection with the defaults.
fn completed(update: FieldUpdate<TurnDetection>) -> FieldUpdate<TurnDetection> {
    let FieldUpdate::Set(turns) = update else { return update };
    let method = match turns.method {
        TurnMethod::ServerVad { threshold, prefix_padding_ms, silence_duration_ms, idle_timeout_ms } => {
            TurnMethod::ServerVad {
                threshold: threshold.or(Some(THRESHOLD)),
                prefix_padding_ms: prefix_padding_ms.or(Some(PADDING_MS)),
                silence_duration_ms: silence_duration_ms.or(Some(SILENCE_MS)),
                idle_timeout_ms: match idle_timeout_ms {
                    FieldUpdate::Set(timeout) => FieldUpdate::Set(timeout),
                    FieldUpdate::Keep | FieldUpdate::Clear => FieldUpdate::Clear,
                },
            }
        }
        TurnMethod::SemanticVad { eagerness } => {
            TurnMethod::SemanticVad { eagerness: eagerness.or(Some(Eagerness::Auto)) }
        }
        TurnMethod::Other(name) => TurnMethod::Other(name),
    };
    FieldUpdate::Set(TurnDetection {
        method,
        create_response: turns.create_response.or(Some(true)),
        interrupt_response: turns.interrupt_response.or(Some(true)),
        unknown: turns.unknown,
    })
}
