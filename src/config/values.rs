//! Values of the settings that take one of a few words. The comments of the variants are help texts.

use clap::ValueEnum;

/// Audio encoding on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum AudioEncoding {
    /// 16-bit little-endian mono.
    #[value(name = "pcm16")]
    Pcm16,
    /// The same by its name at Qwen.
    #[value(name = "pcm")]
    Pcm,
    /// G.711 µ-law at 8 kHz.
    #[value(name = "g711_ulaw")]
    Ulaw,
    /// G.711 A-law at 8 kHz.
    #[value(name = "g711_alaw")]
    Alaw,
}

/// When the handshake carries the marker of the beta protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BetaMarkerSetting {
    /// Never; OpenAI refuses it.
    Never,
    /// Always.
    Always,
    /// First with it, then without it if the endpoint answers 400.
    Try,
}

/// Query of the URL of a captions-only session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TranscriptionQuery {
    /// `intent=transcription`; the transcription model is in the session only.
    Intent,
    /// `model=…&intent=transcription` with the model a gateway routes by, else the transcription model.
    IntentAndModel,
    /// `model=…&intent=transcription` with the transcription model.
    IntentAndTranscriptionModel,
    /// `model=…` with the transcription model, as in a conversation.
    Model,
}

/// Kind of session that an endpoint offers for captions only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TranscriptionSession {
    /// A transcription session: `"type": "transcription"`, in beta `transcription_session.update`.
    Own,
    /// A conversation session in which the URL or the model suppresses answers.
    Plain,
    /// None.
    None,
}

/// How the API key is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuthSetting {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// In a header of its own, such as `api-key: KEY`.
    Header,
    /// As a WebSocket subprotocol, as browsers do.
    Subprotocol,
    /// In the URL, where proxies may log it.
    Query,
    /// Both as `Authorization: Bearer KEY` and in the URL.
    BearerAndQuery,
    /// Send no key.
    None,
}

/// Who ends a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VadSetting {
    /// Server VAD: silence ends the turn.
    Server,
    /// Semantic VAD: a finished sentence ends the turn.
    Semantic,
    /// VAD on this machine; only your turns are sent.
    Local,
    /// Push-to-talk; a file is one turn.
    Off,
}

/// Colors of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ThemeSetting {
    /// The terminal's own palette.
    #[default]
    Auto,
    /// Bright colors for a dark background.
    Dark,
    /// Dark colors for a light background.
    Light,
    /// Bold and reversed text instead of dim text and colors.
    Contrast,
    /// No colors.
    None,
}

/// Language of the interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum UiLanguageSetting {
    /// By the locale.
    #[default]
    Auto,
    /// English.
    En,
    /// Traditional Chinese.
    #[value(name = "zh-TW")]
    ZhTw,
    /// Simplified Chinese.
    #[value(name = "zh-CN")]
    ZhCn,
}

/// What mute does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MuteSetting {
    /// Send silence; the device stays open.
    Soft,
    /// Send silence and close the device.
    Hard,
}

/// Echo control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EchoSetting {
    /// Echo cancellation, falling back to ducking or half duplex; off for file I/O.
    Auto,
    /// Echo cancellation only.
    Aec,
    /// Attenuate the microphone during playback until you are louder than the echo.
    Duck,
    /// Half duplex: send silence during playback.
    Half,
    /// No echo control, for headsets.
    Off,
}

/// Who detects an interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InterruptSetting {
    /// The server; this machine only ducks the answer.
    Server,
    /// This machine only.
    Local,
    /// Speech does not interrupt answers.
    Off,
}

/// Background noise presets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PresetSetting {
    /// No background noise.
    Quiet,
    /// Other people talk in the distance.
    Office,
    /// Speech is barely louder than the background.
    Noisy,
}

/// Eagerness of semantic VAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EagernessSetting {
    /// Wait up to 8 s.
    Low,
    /// Wait up to 4 s.
    Medium,
    /// Wait up to 2 s.
    High,
    /// Let the server decide.
    Auto,
}

/// Protocol dialects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DialectSetting {
    /// Detect from the server's first event.
    Auto,
    /// The generally available (GA) protocol.
    Ga,
    /// The protocol of `OpenAI-Beta: realtime=v1`.
    Beta,
    /// GA events with xAI's session format.
    Mixed,
}
