//! What goes into a session and what comes out of it.

pub mod delay;
mod sound;
mod unanswered;

use std::time::Duration;

use crate::dsp::frame::{ClipId, Frame};
use crate::protocol::close::CloseCause;
use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::ClientEvent;
use crate::protocol::events::response::Usage;
use crate::protocol::events::server::ServerEvent;
pub use crate::session::conversation::streamed_text::same_text;
use crate::session::io::delay::DelayReport;
pub use crate::session::io::sound::{
    AudioEvent, DeviceEntry, DeviceState, EchoMode, EchoStatus, HeardAudio, Side,
};

pub use crate::session::io::unanswered::MissingReply;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The socket is open.
    Opened,
    /// The socket that was asked for could not be opened.
    DialFailed(DialFailure),
    /// The socket is closed; what it said before has been handed in.
    Closed(CloseCause),
    /// The server said something.
    Server(Box<ServerEvent>),
    /// The server sent text that is no event.
    Malformed(String),
    /// Something happened on the connection that is to follow the one in use.
    Next(NextEvent),
    /// The microphone heard something.
    Mic(Frame),
    /// The sound side has news.
    Audio(AudioEvent),
    /// The user wants something.
    User(UserCommand),
    /// The deadline has come.
    Tick,
}

/// How a connection is to be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handshake {
    /// As the endpoint's documents say.
    #[default]
    Default,
    /// Without the marker of the beta protocol, which the endpoint has refused.
    WithoutBetaHeader,
}

/// What happens on a connection that was asked for by [`Output::OpenNext`].
#[derive(Clone, Debug, PartialEq)]
pub enum NextEvent {
    /// It is open.
    Opened,
    /// It could not be opened.
    Failed(DialFailure),
    /// It is closed.
    Closed(CloseCause),
    /// The server said something on it.
    Server(Box<ServerEvent>),
}

/// Why a socket could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialFailure {
    /// It may work later.
    Passing {
        /// What went wrong.
        failure: Failure,
        /// How long the server wants to be left alone, where it says so.
        retry_after: Option<Duration>,
    },
    /// It never will: the key, the address, the certificate.
    Final(Failure),
}

/// What a user can ask for during a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserCommand {
    /// Send typed text and have it answered.
    Say(String),
    /// Close or open the microphone: muted sends silence.
    SetMuted(bool),
    /// Stop the answer that is being given.
    Interrupt,
    /// Begin a turn by hand (`--vad off`).
    BeginTurn,
    /// End the turn that was begun by hand, and have it answered.
    EndTurn,
    /// Tell which devices there are.
    ListDevices,
    /// Use another device, by its id or its name; without one, the system's own choice.
    UseDevice(Side, Option<String>),
    /// Begin a turn by hand, or end the one that was begun.
    SwitchTurn,
    /// All lines that were piped in are asked and answered: end, unless the input has an end of its own.
    LinesEnded,
    /// End the call.
    HangUp(EndReason),
}

/// One thing to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Open the socket again, in place of the one in use, if there is one; [`Input::Opened`] or
    /// [`Input::DialFailed`] answers.
    Open(Handshake),
    /// Send an event, in the session's dialect.
    Send(Box<ClientEvent>),
    /// Open a second connection, beside the one in use; [`Input::Next`] tells what becomes of it.
    OpenNext(Handshake),
    /// Send an event on the second connection.
    SendNext {
        /// What to send.
        event: Box<ClientEvent>,
        /// How to write it: its server may be another than that of the connection in use.
        dialect: Dialect,
    },
    /// The second connection takes the place of the one in use, which is said goodbye to. What is sent
    /// after this goes to the new one; what the old one still says is for nobody.
    Switch,
    /// Give up the second connection.
    DropNext,
    /// Append sound to a clip.
    Play {
        /// Which clip.
        clip: ClipId,
        /// What comes next.
        frame: Frame,
    },
    /// No more will come for this clip: play what there is, without waiting for more.
    PlayEnd(ClipId),
    /// Stop the sound at once, with a short fade, and tell what was heard.
    Flush,
    /// Make the sound softer at once, and let it go on.
    Duck,
    /// Make the sound as loud as it was. A flush does so by itself.
    Unduck,
    /// Close or open the microphone on the sound side too, so that its meter shows it.
    SetMuted(bool),
    /// Ask the sound side which devices there are.
    ListDevices,
    /// Use another device, by its id or its name; without one, the system's own choice.
    UseDevice(Side, Option<String>),
    /// Read the input again from this media time on.
    Rewind(Duration),
    /// Tell the user.
    Show(Notice),
    /// Say goodbye to the server.
    Close,
    /// The session is over; nothing follows.
    End(EndReason),
}

/// Why a session ended. Only the last four are failures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The user ended it.
    User,
    /// A signal ended it.
    Signal(i32),
    /// The input is at its end and everything was answered.
    InputEnded,
    /// The single question was answered.
    Answered,
    /// It reached a limit the user had set.
    Limit(Limit),
    /// The server ended it in good order.
    ServerClosed(String),
    /// There is nothing to hear: the input cannot be used; one sentence.
    NoInput(String),
    /// The endpoint did not do what the input was sent for.
    Unanswered(MissingReply),
    /// The server refused to go on: key, model, quota, protocol.
    Refused(Failure),
    /// The connection broke.
    Lost(Failure),
}

/// A limit the user had set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Nothing happened for too long.
    Idle,
    /// It cost as much as it may.
    Cost,
}

/// What went wrong, for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// One sentence: what failed; not sanitised where a server said it.
    pub message: String,
    /// The server's code for it.
    pub code: Option<String>,
}

/// Something the user is told. Texts come from the server and are not sanitised.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The state of the connection changed.
    Connection(ConnectionState),
    /// The session is configured.
    Ready(Ready),
    /// The session is configured, and real samples of the microphone are on their way to it.
    SpeakNow,
    /// The server hears the user speak.
    SpeechStarted {
        /// In written audio, where the server says it.
        audio_ms: Option<u64>,
    },
    /// The server heard the user stop.
    SpeechStopped {
        /// In written audio, where the server says it.
        audio_ms: Option<u64>,
    },
    /// Whose turn it is.
    Turn(TurnState),
    /// What the user said or typed, so far.
    User(UserUtterance),
    /// What the assistant says, so far.
    Assistant(AssistantLine),
    /// What a response or a transcription cost.
    Usage(Box<UsageReport>),
    /// An answer has begun for the user: how long that took.
    Delay(Box<DelayReport>),
    /// Whether the microphone is heard.
    Muted(bool),
    /// Something has become of a device.
    Device(Side, DeviceState),
    /// The devices that can be chosen, because that was asked.
    Devices(Vec<DeviceEntry>),
    /// What is known of the echo.
    Echo(EchoStatus),
    /// Something went wrong and the call goes on.
    Error {
        /// The server's code.
        code: Option<String>,
        /// What it says.
        message: String,
    },
    /// Something worth knowing.
    Info(String),
    /// Something only a developer wants to see.
    Debug(String),
    /// The session is over.
    End(EndReason),
}

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// Being made.
    Connecting,
    /// Made; the session is being configured.
    Configuring,
    /// In use.
    Live,
    /// Lost, and to be made again.
    Reconnecting,
    /// Being ended.
    Closing,
    /// Over.
    Closed,
}

/// What is known of a session once it is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// The server's name for the session.
    pub session_id: Option<String>,
    /// The model that answers.
    pub model: Option<String>,
    /// The voice it has.
    pub voice: Option<String>,
    /// What is written to this server.
    pub dialect: Dialect,
    /// When the server will end the session, in seconds of Unix time.
    pub expires_at: Option<u64>,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TurnState {
    /// Nobody speaks; the microphone is being heard.
    #[default]
    Listening,
    /// The user speaks.
    User,
    /// The answer is being made.
    Thinking,
    /// The answer is being heard.
    Assistant,
}

/// A line of the user, whole so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserUtterance {
    /// The conversation item: the server's name for it, unless an earlier server of the call used that too.
    pub item_id: String,
    /// All of it so far.
    pub text: String,
    /// Whether it will change no more.
    pub is_final: bool,
    /// The item it comes after, where known: transcripts may come late.
    pub after: Option<String>,
    /// When it was spoken, in captions; absent in conversations and while it is not known.
    pub spoken: Option<SpokenTime>,
    /// Whether the server failed to transcribe it.
    pub has_failed: bool,
}

/// When a turn was spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpokenTime {
    /// Its beginning and its end.
    pub span: MediaSpan,
    /// Where `span` comes from.
    pub source: TimeSource,
    /// The stretches of speech that were detected in it.
    pub speech: Vec<MediaSpan>,
}

/// A stretch of the input by its own time: all audio of it counts, whatever was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaSpan {
    /// Its beginning.
    pub start: Duration,
    /// Its end.
    pub end: Duration,
}

/// Where the time of a turn comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSource {
    /// The server reported it.
    Server,
    /// This side detected the turn.
    Local,
    /// The server reported no time.
    Estimate,
}

/// A line of the assistant, whole so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssistantLine {
    /// The conversation item: the server's name for it, unless an earlier server of the call used that too.
    pub item_id: String,
    /// All that was generated so far; it runs ahead of the sound.
    pub text: String,
    /// Whether it will change no more: generated and, where spoken, heard or cut off.
    pub is_final: bool,
    /// Milliseconds heard; absent for written answers.
    pub heard_ms: Option<u64>,
    /// How many bytes of `text` were heard, on a character boundary; an estimate by time.
    pub heard_bytes: usize,
    /// Whether it was cut off.
    pub interrupted: bool,
}

/// What something cost.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageReport {
    /// This response or transcription; absent where the server does not say.
    pub last: Option<Usage>,
    /// The sum of all so far.
    pub total: Usage,
    /// What the last one cost in US dollars, where price and usage are known.
    pub usd: Option<f64>,
    /// What all so far cost in US dollars, as far as it is known.
    pub total_usd: f64,
    /// How many responses and transcriptions cost an unknown amount.
    pub unpriced: u64,
    /// Transcriptions that are billed by time, in seconds.
    pub transcribed_seconds: f64,
    /// How many responses and transcriptions said nothing of their usage.
    pub unknown: u64,
}

/// When to hand in [`Input::Tick`], and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Time since the start.
    pub at: Duration,
    /// Why.
    pub reason: Reason,
}

/// Why a session wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `session.created` has not come.
    NoCreated,
    /// `session.updated` has not come.
    NoUpdated,
    /// The sound side did not say what was heard.
    NoFlushed,
    /// Somebody seemed to speak, and nobody confirmed it.
    NotConfirmed,
    /// The input has ended and nothing more happens.
    InputDrained,
    /// The pause before the connection is tried again is over.
    Redial,
    /// The session's time limit comes near.
    SessionLimit,
    /// Nobody has said anything for long.
    Idle,
    /// A caption has waited for those of earlier turns.
    CaptionHeld,
    /// Somebody has spoken for long without a pause.
    LongTurn,
    /// An answer has stopped coming.
    NoAnswer,
    /// The goodbye was not answered.
    NoCloseReply,
    /// A fatal error was not followed by a close.
    NoClose,
}
