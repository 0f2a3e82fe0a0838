//! Inputs and outputs of a session.

pub mod delay;
mod end;
pub mod info;
pub mod message;
pub mod setting;
mod spoken;
mod unanswered;

use std::time::Duration;

use crate::audio::api::{AudioEvent, DeviceEntry, DeviceState, Direction, EchoStatus, Volume};
use crate::dsp::frame::{ClipId, Frame};
use crate::protocol::close::CloseCause;
use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::ClientEvent;
use crate::protocol::events::response::Usage;
use crate::protocol::events::server::ServerEvent;
pub use crate::protocol::settings::KNOWN_VOICES;
pub use crate::session::conversation::streamed_text::same_text;
use crate::session::io::delay::DelayReport;
use crate::session::io::info::InfoMessage;
use crate::session::io::message::Attachment;
use crate::session::io::setting::{Preference, SettingChange};

pub use crate::session::io::end::{EndReason, Failure, Limit};
pub use crate::session::io::spoken::{MediaSpan, PlaceMark, SpokenSegment, SpokenTime, TimeSource};
pub use crate::session::io::unanswered::MissingReply;

/// Input of a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The socket is open.
    Opened,
    /// The requested socket could not be opened.
    DialFailed(DialFailure),
    /// The socket is closed; its last events have been handled.
    Closed(CloseCause),
    /// The server sent an event.
    Server(Box<ServerEvent>),
    /// The server sent text that is not an event.
    Malformed(String),
    /// Event of the standby connection.
    Next(NextEvent),
    /// Frame of the microphone.
    Mic(Frame),
    /// Event of the audio engine.
    Audio(AudioEvent),
    /// Command of the user.
    User(UserCommand),
    /// The audio that [`Output::OpenAudio`] requested cannot be opened.
    NoAudio,
    /// State of another session of this program, whose cost and activity count towards the limits.
    Other(OtherSession),
    /// The deadline has passed.
    Tick,
}

/// State of another session of this program.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OtherSession {
    /// Its cost so far in US dollars.
    pub usd: f64,
    /// When the user last did something there.
    pub active_at: Duration,
}

/// Handshake of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handshake {
    /// As documented by the endpoint.
    #[default]
    Default,
    /// Without the beta header, which the endpoint refused.
    WithoutBetaHeader,
}

/// Event of the standby connection, which [`Output::OpenNext`] requested.
#[derive(Clone, Debug, PartialEq)]
pub enum NextEvent {
    /// It is open.
    Opened,
    /// It could not be opened.
    Failed(DialFailure),
    /// It is closed.
    Closed(CloseCause),
    /// Its server sent an event.
    Server(Box<ServerEvent>),
}

/// Why a socket could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialFailure {
    /// Another attempt may succeed.
    Passing {
        /// The cause.
        failure: Failure,
        /// Minimum pause before the next attempt, if the server gives one.
        retry_after: Option<Duration>,
    },
    /// Further attempts are pointless: wrong key, address or certificate.
    Final(Failure),
}

/// Command of the user during a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserCommand {
    /// Send typed text and request a response.
    Say(String),
    /// Send this with the next message.
    Attach(Attachment),
    /// Mute or unmute the microphone; muted sends silence.
    SetMuted(bool),
    /// Stop the response in progress.
    Interrupt,
    /// Begin a turn by hand (`--vad off`).
    BeginTurn,
    /// End the turn that was begun by hand, and request a response.
    EndTurn,
    /// Change the volume of the speaker.
    SetVolume(Volume),
    /// List the devices.
    ListDevices,
    /// Play a test tone.
    TestTone,
    /// Change what is remembered for later calls.
    Prefer(Preference, String),
    /// Use another device, by id or name; without one, the system's default.
    UseDevice(Direction, Option<String>),
    /// Begin a turn by hand, or end the open one.
    SwitchTurn,
    /// All piped lines have responses: end, unless the audio input has an end of its own.
    LinesEnded,
    /// Forget the conversation and start a new session.
    Clear,
    /// Delete the last answer and request another.
    Retry,
    /// Delete the last message of the user and what follows it.
    TakeBack,
    /// Change the system instructions; an empty text shows those in force.
    Instruct(String),
    /// Continue with another model.
    ChangeModel(String),
    /// Continue with another voice.
    ChangeVoice(String),
    /// Change the speed of the assistant's voice, in percent of the normal one.
    ChangeSpeed(u32),
    /// Hang up, or call again.
    SwitchCall,
    /// Mark this place in the captions.
    Mark,
    /// Speak answers, or write them only; without a value, the other way than now.
    Speak(Option<bool>),
    /// A request that needs no endpoint.
    Local(LocalRequest),
    /// End the call.
    HangUp(EndReason),
}

/// Request about the conversation so far that needs no endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalRequest {
    /// Show tokens and cost.
    Usage,
    /// Save the conversation to a file.
    Save(String),
    /// Send a text file with the next message.
    AttachText(String),
    /// Send an image with the next message.
    AttachImage(String),
    /// Copy a part of the last answer to the clipboard of the terminal.
    Copy(CopyPart),
}

/// Part of an answer to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyPart {
    /// Its text without markup.
    Answer,
    /// Its Markdown source.
    Source,
    /// Its last code block.
    Code,
}

/// Output of a session, to be performed in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Open the socket again, replacing the one in use; [`Input::Opened`] or [`Input::DialFailed`] follows.
    Open(Handshake),
    /// Send an event, in the session's dialect.
    Send(Box<ClientEvent>),
    /// Open a standby connection next to the one in use; [`Input::Next`] reports its events.
    OpenNext(Handshake),
    /// Send an event on the standby connection.
    SendNext {
        /// The event.
        event: Box<ClientEvent>,
        /// The dialect of its server, which may differ from that of the connection in use.
        dialect: Dialect,
    },
    /// Replace the connection in use, which is closed, by the standby connection. Later events go to the new
    /// one; further messages from the old connection are discarded.
    Switch,
    /// Give up the standby connection.
    DropNext,
    /// Append audio to a clip.
    Play {
        /// The clip.
        clip: ClipId,
        /// The audio.
        frame: Frame,
    },
    /// The clip is complete: play it without waiting for more.
    PlayEnd(ClipId),
    /// Flush playback with a short fade, and report the playback positions.
    Flush,
    /// Duck playback.
    Duck,
    /// Restore the volume. A flush restores it too.
    Unduck,
    /// Mute or unmute the audio engine too, so that its meter shows it.
    SetMuted(bool),
    /// Change the volume of the speaker.
    SetVolume(Volume),
    /// List the devices.
    ListDevices,
    /// Play a test tone, which the server does not hear.
    TestTone,
    /// Remember this for later calls, and show it.
    Remember(Preference, String),
    /// Use another device, by id or name; without one, the system's default.
    UseDevice(Direction, Option<String>),
    /// Close the connection in use for good, but not the session.
    Disconnect,
    /// Open the microphone and the speaker of the session, unless they are open.
    OpenAudio,
    /// Close the microphone and the speaker.
    CloseAudio,
    /// Dial this model from now on.
    SetModel(String),
    /// Perform a request that needs no endpoint.
    Local(LocalRequest),
    /// Read the input again from this media time on.
    Rewind(Duration),
    /// Show a notice to the user.
    Show(Notice),
    /// Close the connection.
    Close,
    /// The session is over; no output follows.
    End(EndReason),
}

/// Notice for the user. Texts of the server are not sanitised.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The state of the connection changed.
    Connection(ConnectionState),
    /// The session is configured.
    Ready(Ready),
    /// The session is configured and the microphone delivers samples: the user may speak.
    SpeakNow,
    /// Speech of the user started.
    SpeechStarted {
        /// Position in the sent audio, if known.
        audio_ms: Option<u64>,
    },
    /// Speech of the user stopped.
    SpeechStopped {
        /// Position in the sent audio, if known.
        audio_ms: Option<u64>,
    },
    /// Whose turn it is.
    Turn(TurnState),
    /// Speech or typed text of the user so far.
    User(UserUtterance),
    /// Response of the assistant so far.
    Assistant(AssistantLine),
    /// A part of the conversation was removed.
    Removed(Removal),
    /// Usage of a response or a transcription.
    Usage(Box<UsageReport>),
    /// Latency of a response that has begun for the user.
    Delay(Box<DelayReport>),
    /// Whether the microphone is muted.
    Muted(bool),
    /// Volume of the speaker.
    Volume(Volume),
    /// A setting was changed.
    Setting(SettingChange),
    /// The user marked a place in live captions.
    Mark(PlaceMark),
    /// The state of a device changed.
    Device(Direction, DeviceState),
    /// The available devices, on request.
    Devices(Vec<DeviceEntry>),
    /// State of the echo control.
    Echo(EchoStatus),
    /// An error after which the call continues.
    Error {
        /// The server's code.
        code: Option<String>,
        /// Its text.
        message: String,
    },
    /// Information for the user.
    Info(InfoMessage),
    /// Details for developers.
    Debug(String),
    /// The session is over.
    End(EndReason),
}

/// What was removed from the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The item of this id.
    Item(String),
    /// All of it.
    Everything,
}

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// Being opened.
    Connecting,
    /// Open; the session is being configured.
    Configuring,
    /// In use.
    Live,
    /// Lost; it will be opened again.
    Reconnecting,
    /// Closed on purpose; opened again on request.
    Disconnected,
    /// Being closed.
    Closing,
    /// Closed.
    Closed,
}

/// Properties of a configured session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// The server's id of the session.
    pub session_id: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// Its voice.
    pub voice: Option<String>,
    /// The dialect to write.
    pub dialect: Dialect,
    /// End of the session in Unix time, in seconds.
    pub expires_at: Option<u64>,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TurnState {
    /// Neither side speaks; the microphone is open.
    #[default]
    Listening,
    /// The user speaks.
    User,
    /// A response is being generated.
    Thinking,
    /// A response is playing, or its text arrives.
    Assistant,
}

/// Line of the user so far.
#[derive(Clone, Debug, PartialEq)]
pub struct UserUtterance {
    /// Id of the conversation item; the server's, unless an earlier server of the call used it too.
    pub item_id: String,
    /// Complete text so far.
    pub text: String,
    /// Whether it is final.
    pub is_final: bool,
    /// The item before it, if known: transcripts may arrive late.
    pub after: Option<String>,
    /// When it was spoken, in captions; absent in conversations and while it is not known.
    pub spoken: Option<SpokenTime>,
    /// Whether the server failed to transcribe it.
    pub has_failed: bool,
}

/// Line of the assistant so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssistantLine {
    /// Id of the conversation item; the server's, unless an earlier server of the call used it too.
    pub item_id: String,
    /// Complete text so far, ahead of playback.
    pub text: String,
    /// Whether it is final: generated and, if spoken, played or cut off.
    pub is_final: bool,
    /// Milliseconds played; absent for written responses.
    pub heard_ms: Option<u64>,
    /// Bytes of `text` that were played, on a character boundary; estimated by time.
    pub heard_bytes: usize,
    /// Whether it was cut off.
    pub interrupted: bool,
}

/// Usage and cost.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageReport {
    /// Usage of this response or transcription; absent if not reported.
    pub last: Option<Usage>,
    /// Sum of all usage.
    pub total: Usage,
    /// Cost of the last one in US dollars, if known.
    pub usd: Option<f64>,
    /// Sum of all known costs in US dollars.
    pub total_usd: f64,
    /// Number of responses and transcriptions of unknown cost.
    pub unpriced: u64,
    /// Seconds of transcription billed by time.
    pub transcribed_seconds: f64,
    /// Number of responses and transcriptions without usage.
    pub unknown: u64,
}

/// When to send [`Input::Tick`], and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Time since the start.
    pub at: Duration,
    /// The reason.
    pub reason: Reason,
}

/// Reason of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `session.created` is missing.
    NoCreated,
    /// `session.updated` is missing.
    NoUpdated,
    /// The flush report is missing.
    NoFlushed,
    /// A possible interruption was not confirmed.
    NotConfirmed,
    /// The input ended and no further event arrives.
    InputDrained,
    /// The pause before reconnecting is over.
    Redial,
    /// The session's time limit is near.
    SessionLimit,
    /// The maximum time without activity has passed.
    Idle,
    /// The connection was not used for long.
    Unused,
    /// A finished caption waits for those of earlier turns.
    CaptionHeld,
    /// A long turn without a pause is committed in parts.
    /// A response stalled.
    NoAnswer,
    /// The close reply is missing.
    NoCloseReply,
    /// No close followed an error.
    NoClose,
    /// The cost limit was reached.
    CostLimit,
}
