//! The loop of a session: waits for one thing, hands it in, does what comes out.

use std::io;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use crate::audio::Audio;
use crate::audio::api::{AudioThreadEvent, Duck, Mute, StreamCounters};
use crate::audio::echo::{EchoMode as Against, EchoState};
use crate::call::clock::Clock;
use crate::call::connections::{ConnectionEvent, Connections, ConnectionsEvent};
use crate::call::device_events;
use crate::call::device_memory::DeviceMemory;
use crate::call::file_feed::FileFeed;
use crate::call::presenter::Presenter;
use crate::call::run::no_sound;
use crate::call::streams::standard::cannot_write_stdout;
use crate::call::trace::{TraceDirection, TraceFile};
use crate::dsp::frame::Frame;
use crate::error::{Error, Kind};
use crate::mishap;
use crate::net::ws::connection::WebSocketEvent;
use crate::protocol::close::CloseCause;
use crate::protocol::decode;
use crate::protocol::encode;
use crate::protocol::events::client::ClientEvent;
use crate::protocol::events::server::ServerEvent;
use crate::session::Session;
use crate::session::io::{
    AudioEvent, ConnectionState, EchoMode, EchoStatus, EndReason, HeardAudio, Input, NextEvent, Notice,
    Output, UserCommand,
};
use crate::ui::text::wording;

/// How much may wait for the socket before microphone frames are left where they are, to be dropped
/// oldest first: about a quarter of a second as base64. Late speech is worse than lost speech.
const MOST_BACKLOG_BYTES: usize = 16 << 10;

/// All that a session needs of the world.
pub(crate) struct CallDriver {
    pub(crate) session: Session,
    pub(crate) phone: Connections,
    pub(crate) audio: Option<Audio>,
    /// A file that is fed at a pace of its own, in place of audio.
    pub(crate) feed: Option<FileFeed>,
    pub(crate) face: Presenter,
    pub(crate) trace: Option<TraceFile>,
    pub(crate) commands: mpsc::Receiver<UserCommand>,
    /// Lines that are piped in, each taken when the one before it is answered.
    pub(crate) piped: Option<mpsc::Receiver<UserCommand>>,
    pub(crate) clock: Clock,
    pub(crate) counts: StreamCounters,
    pub(crate) reader: Consumer,
    pub(crate) remember: DeviceMemory,
    /// Why an event of the endpoint could not be traced, still to be acted on.
    pub(crate) trace_failure: Option<Error>,
}

/// Whether anybody reads what is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Consumer {
    /// As far as is known.
    #[default]
    There,
    /// The pipe was closed: a normal end, still to be acted on.
    Gone,
    /// The pipe was closed, and the session knows.
    Disconnected,
}

impl CallDriver {
    /// Drives the session to its end and returns why it ended.
    ///
    /// # Errors
    ///
    /// When the trace or what is shown cannot be written.
    pub(crate) async fn run(mut self) -> Result<EndReason, Error> {
        let mut input = Input::Opened;
        loop {
            if let Some(reason) = self.handle(input)? {
                // Files are completed first: a terminal may take its time, or nothing any more.
                let written = self.stop_sound(&reason);
                let shown = self.face.close(&reason).await;
                let traced = self.trace_failure.map_or(Ok(()), Err);
                return written.and(traced).and(shown).map(|()| reason);
            }
            input = self.wait().await?;
        }
    }

    /// Waits for one thing. Nothing is lost by dropping the others: the link and the console keep their
    /// state in themselves, and receivers and sleeps are cancel-safe.
    async fn wait(&mut self) -> Result<Input, Error> {
        loop {
            if let Some(error) = self.trace_failure.take() {
                return Err(error);
            }
            if self.reader == Consumer::Gone {
                self.reader = Consumer::Disconnected;
                return Ok(Input::User(UserCommand::HangUp(EndReason::User)));
            }
            let deadline = self.session.deadline().map(|deadline| deadline.at);
            let takes_sound = self.phone.backlog() < MOST_BACKLOG_BYTES;
            let waiting = self.session.uncaptioned_speech().filter(|_| takes_sound);
            // While nobody reads, only commands and the clock go on: the endpoint and the sound wait.
            let is_full = self.reader == Consumer::There && self.face.is_full();
            let input = tokio::select! {
                Some(command) = self.commands.recv() => Some(Input::User(command)),
                Some(command) = next_line(&mut self.piped), if self.session.takes_line() => {
                    Some(Input::User(command))
                }
                event = self.phone.next(), if !is_full => self.of_phone(event),
                sound = next_sound(&mut self.audio, takes_sound), if !is_full => self.of_sound(sound),
                input = next_fed(&mut self.feed, self.clock, waiting), if !is_full => Some(input),
                () = self.clock.wait_until(deadline) => Some(Input::Tick),
                broken = broken_or_free(&mut self.face, is_full), if self.reader == Consumer::There => {
                    broken.map_or(Ok(()), |error| self.note_broken(error))?;
                    None
                }
            };
            if let Some(input) = input {
                return Ok(input);
            }
        }
    }

    /// Takes note that lines cannot be written: a closed pipe ends the call in order.
    fn note_broken(&mut self, error: io::Error) -> Result<(), Error> {
        if error.kind() != io::ErrorKind::BrokenPipe {
            return Err(cannot_write_stdout(error));
        }
        self.reader = Consumer::Gone;
        Ok(())
    }

    fn handle(&mut self, input: Input) -> Result<Option<EndReason>, Error> {
        let now = self.clock.now();
        mishap::strike("main", now);
        for output in self.session.handle(now, input) {
            if let Some(reason) = self.act(now, output)? {
                return Ok(Some(reason));
            }
        }
        Ok(None)
    }

    fn act(&mut self, now: Duration, output: Output) -> Result<Option<EndReason>, Error> {
        match (output, &self.audio) {
            (Output::Send(event), _) => self.send(now, &event)?,
            (Output::Play { clip, frame }, Some(audio)) => audio.control.play(clip, frame),
            (Output::PlayEnd(clip), Some(audio)) => audio.control.end_clip(clip),
            (Output::Flush, Some(audio)) => audio.control.flush(),
            (Output::Duck, Some(audio)) => audio.control.set_duck(Duck::Down),
            (Output::Unduck, Some(audio)) => audio.control.set_duck(Duck::Up),
            (Output::SetMuted(muted), Some(audio)) => {
                audio.control.set_mute(if muted { Mute::Muted } else { Mute::Live });
            }
            (Output::ListDevices, Some(audio)) => audio.control.list_devices(),
            (Output::UseDevice(side, id), Some(audio)) => device_events::choose(audio, side, id),
            // A written conversation has no sound to play or stop.
            (
                Output::Play { .. }
                | Output::PlayEnd(_)
                | Output::Flush
                | Output::Duck
                | Output::Unduck
                | Output::SetMuted(_)
                | Output::ListDevices
                | Output::UseDevice(..),
                None,
            ) => {}
            (Output::Rewind(to), _) => {
                if let Some(feed) = &mut self.feed {
                    feed.rewind(to).map_err(no_sound)?;
                }
            }
            (Output::Show(notice), audio) => {
                if let (Notice::Connection(ConnectionState::Live), Some(audio)) = (&notice, audio) {
                    audio.control.begin_recording();
                }
                self.show(now, &notice)?;
            }
            (Output::Open(door), _) => self.phone.dial(door),
            (Output::OpenNext(door), _) => self.phone.dial_next(door),
            (Output::SendNext { event, dialect }, _) => {
                let text = encode::client_event(&event, dialect);
                self.note(now, TraceDirection::NextOut, &text)?;
                self.phone.queue_next(text);
            }
            (Output::Switch, _) => self.phone.switch(),
            (Output::DropNext, _) => self.phone.drop_next(),
            (Output::Close, _) => self.phone.close(),
            (Output::End(reason), _) => return Ok(Some(reason)),
        }
        Ok(None)
    }

    fn send(&mut self, now: Duration, event: &ClientEvent) -> Result<(), Error> {
        let text = encode::client_event(event, self.session.dialect());
        self.note(now, TraceDirection::Out, &text)?;
        self.phone.queue(text);
        Ok(())
    }

    fn note(&mut self, now: Duration, direction: TraceDirection, text: &str) -> Result<(), Error> {
        self.trace.as_mut().map_or(Ok(()), |trace| trace.event(now, direction, text))
    }

    fn show(&mut self, now: Duration, notice: &Notice) -> Result<(), Error> {
        if let Notice::End(_) = notice
            && let Some(trouble) = trouble(self.counts)
        {
            self.show(now, &Notice::Info(trouble))?;
        }
        if self.reader != Consumer::There {
            return Ok(());
        }
        self.face.notice(now, notice).or_else(|error| self.note_broken(error))
    }

    fn of_phone(&mut self, event: ConnectionsEvent) -> Option<Input> {
        match event {
            ConnectionsEvent::Current(ConnectionEvent::Opened) => Some(Input::Opened),
            ConnectionsEvent::Current(ConnectionEvent::Failed(failure)) => Some(Input::DialFailed(failure)),
            ConnectionsEvent::Current(ConnectionEvent::Link(event)) => {
                Some(match self.of_link(event, TraceDirection::In)? {
                    Message::Event(event) => Input::Server(event),
                    Message::Garbled(what) => Input::Malformed(what),
                    Message::Closed(cause) => Input::Closed(cause),
                })
            }
            ConnectionsEvent::Next(ConnectionEvent::Opened) => Some(Input::Next(NextEvent::Opened)),
            ConnectionsEvent::Next(ConnectionEvent::Failed(failure)) => {
                Some(Input::Next(NextEvent::Failed(failure)))
            }
            ConnectionsEvent::Next(ConnectionEvent::Link(event)) => {
                match self.of_link(event, TraceDirection::NextIn)? {
                    Message::Event(event) => Some(Input::Next(NextEvent::Server(event))),
                    // Of a connection that is not in use yet, what makes no sense says nothing.
                    Message::Garbled(_) => None,
                    Message::Closed(cause) => Some(Input::Next(NextEvent::Closed(cause))),
                }
            }
        }
    }

    fn of_link(&mut self, event: WebSocketEvent, direction: TraceDirection) -> Option<Message> {
        match event {
            WebSocketEvent::Text(text) => {
                let traced = self.note(self.clock.now(), direction, &text);
                self.trace_failure = self.trace_failure.take().or(traced.err());
                Some(match decode::server_event(&text) {
                    Ok(event) => Message::Event(Box::new(event)),
                    Err(_) => Message::Garbled(text.to_string()),
                })
            }
            WebSocketEvent::Drained => None,
            WebSocketEvent::Garbled(what) => Some(Message::Garbled(what)),
            WebSocketEvent::Closed(cause) => Some(Message::Closed(cause)),
        }
    }

    fn of_sound(&mut self, sound: AudioMessage) -> Option<Input> {
        match sound {
            AudioMessage::Frame(frame) => Some(Input::Mic(frame)),
            AudioMessage::Dropped(frames) => Some(Input::Audio(AudioEvent::MicDropped { frames })),
            AudioMessage::Event(Some(event)) => self.of_audio(event),
            AudioMessage::Event(None) => {
                // Nothing more will come: what it said before has been handed in.
                let ended = self.audio.take().map_or(Ok(()), Audio::close);
                let reason = ended.err().unwrap_or_else(|| "the sound has stopped".to_owned());
                Some(Input::Audio(AudioEvent::Lost(reason)))
            }
        }
    }

    fn of_audio(&mut self, event: AudioThreadEvent) -> Option<Input> {
        let event = match event {
            AudioThreadEvent::Played { clip, samples } => AudioEvent::Played { clip, samples },
            AudioThreadEvent::Drained => AudioEvent::Drained,
            AudioThreadEvent::Flushed(clips) => {
                let heard = clips.into_iter().map(|(clip, samples)| HeardAudio { clip, samples });
                AudioEvent::Flushed(heard.collect())
            }
            AudioThreadEvent::InputStarted => AudioEvent::InputStarted,
            AudioThreadEvent::InputEnded => AudioEvent::InputEnded,
            AudioThreadEvent::NoInput(what) => AudioEvent::NoInput(what),
            AudioThreadEvent::InputWarning(what) => AudioEvent::InputWarning(what),
            AudioThreadEvent::OutputClosed => return Some(Input::User(UserCommand::HangUp(EndReason::User))),
            AudioThreadEvent::Lost(what) => AudioEvent::Lost(what),
            AudioThreadEvent::RecordingEnded(what) => AudioEvent::RecordingEnded(what),
            AudioThreadEvent::Device(direction, state) => device_events::state(direction, state),
            AudioThreadEvent::Devices(listed, in_use) => device_events::entries(listed, &in_use),
            AudioThreadEvent::Unheard => AudioEvent::Unheard,
            AudioThreadEvent::Chosen(direction, id) => {
                return self
                    .remember
                    .choice(direction, id.as_deref())
                    .map(|trouble| Input::Audio(AudioEvent::Lost(trouble)));
            }
            AudioThreadEvent::VoiceStarted => AudioEvent::VoiceStarted,
            AudioThreadEvent::VoiceConfirmed => AudioEvent::VoiceConfirmed,
            AudioThreadEvent::VoiceStopped { silent } => AudioEvent::VoiceStopped { silent },
            AudioThreadEvent::Echo(state) => AudioEvent::Echo(echo(state)),
            AudioThreadEvent::PlaybackDropped(sound) => AudioEvent::Lost(format!(
                "{} of audio dropped: ten minutes are waiting to be played",
                wording::seconds(u64::try_from(sound.as_millis()).unwrap_or(u64::MAX))
            )),
            AudioThreadEvent::Counts(counts) => {
                self.counts = counts;
                return None;
            }
        };
        Some(Input::Audio(event))
    }

    /// Completes the output; a call that ended on purpose does not wait for what is still to be heard.
    fn stop_sound(&mut self, reason: &EndReason) -> Result<(), Error> {
        let Some(audio) = self.audio.take() else { return Ok(()) };
        match reason {
            EndReason::NoInput(_) | EndReason::Refused(_) | EndReason::Lost(_) => {
                // A call that never was leaves the file as it found it.
                drop(audio);
                Ok(())
            }
            EndReason::User
            | EndReason::Signal(_)
            | EndReason::InputEnded
            | EndReason::Answered
            | EndReason::Unanswered(_)
            | EndReason::Limit(_)
            | EndReason::ServerClosed(_) => audio.close().map_err(|what| Error::say(Kind::Device, what)),
        }
    }
}

/// What the other side of a line says.
enum Message {
    Event(Box<ServerEvent>),
    Garbled(String),
    Closed(CloseCause),
}

/// What the sound side has to say.
enum AudioMessage {
    Event(Option<AudioThreadEvent>),
    Frame(Frame),
    Dropped(u64),
}

/// Waits until the file that is fed is due; for ever while no audio is taken. Cancel-safe because nothing is read
/// before that.
async fn next_fed(feed: &mut Option<FileFeed>, clock: Clock, waiting: Option<Duration>) -> Input {
    let (Some(feed), Some(waiting)) = (feed, waiting) else { return std::future::pending().await };
    clock.wait_until(Some(feed.due())).await;
    feed.next(clock.now(), waiting)
}

async fn next_line(piped: &mut Option<mpsc::Receiver<UserCommand>>) -> Option<UserCommand> {
    match piped {
        Some(piped) => piped.recv().await,
        None => std::future::pending().await,
    }
}

async fn next_sound(audio: &mut Option<Audio>, takes_frames: bool) -> AudioMessage {
    let Some(audio) = audio else { return std::future::pending().await };
    tokio::select! {
        // What was heard comes before what is told of it: a turn ends with its last frame.
        biased;
        frame = audio.mic.recv(), if takes_frames => match frame {
            Ok(frame) => AudioMessage::Frame(frame),
            Err(RecvError::Lagged(frames)) => AudioMessage::Dropped(frames),
            // The audio thread has ended; its last event says why.
            Err(RecvError::Closed) => AudioMessage::Event(audio.events.recv().await),
        },
        event = audio.events.recv() => AudioMessage::Event(event),
    }
}

fn echo(state: EchoState) -> EchoStatus {
    let mode = match state.mode {
        Against::Off => EchoMode::Off,
        Against::Cancel => EchoMode::Cancel,
        Against::Duck => EchoMode::Duck,
        Against::HalfDuplex => EchoMode::HalfDuplex,
    };
    let delay_ms = state.delay.and_then(|delay| u64::try_from(delay.as_millis()).ok());
    EchoStatus { mode, delay_ms, loss_db: state.loss_db, enhancement_db: state.enhancement_db }
}

/// Returns what went wrong with the sound without ending anything.
fn trouble(counts: StreamCounters) -> Option<String> {
    let StreamCounters { gaps, capture_dropped, play_refused } = counts;
    let counted = [
        (gaps, if gaps == 1 { "gap in what was played" } else { "gaps in what was played" }),
        (capture_dropped, "samples of the microphone lost on this machine"),
    ];
    let counted =
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let dropped = (!play_refused.is_zero()).then(|| {
        let millis = u64::try_from(play_refused.as_millis()).unwrap_or(u64::MAX);
        format!("{} of audio not played: the play queue was full", wording::seconds(millis))
    });
    let parts: Vec<String> = counted.chain(dropped).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Waits until lines cannot be written any more, and returns why; or, where they are full, until there is room.
async fn broken_or_free(face: &mut Presenter, is_full: bool) -> Option<io::Error> {
    if is_full {
        face.room().await;
        return None;
    }
    Some(face.failure().await)
}
