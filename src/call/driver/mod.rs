//! Call driver: waits for one event, passes it to the session, performs the outputs.

pub(crate) mod audio_start;
pub(crate) mod level_meters;
mod reopening;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::audio::Audio;
use crate::audio::api::{AudioEvent, DeviceRequest, Duck, StreamCounters};
use crate::audio::options::AudioOptions;
use crate::call::captions::file_feed::FileFeed;
use crate::call::clock::Clock;
use crate::call::connections::wire::Wire;
use crate::call::driver::audio_start::{audio_error, start_audio};
use crate::call::driver::level_meters::LevelMeters;
use crate::call::kept::recorder::ConversationRecorder;
use crate::call::local::requests::{self, LocalResult};
use crate::call::memory::CallMemory;
use crate::call::modes::session_link::SessionLink;
use crate::call::presenter::Presenter;
use crate::call::streams::standard::cannot_write_stdout;
use crate::dsp::frame::Frame;
use crate::error::{Error, Kind};
use crate::session::Session;
use crate::session::io::info::InfoMessage;
use crate::session::io::setting::{Preference, SettingChange};
use crate::session::io::{
    ConnectionState, EndReason, Input, Notice, OtherSession, Output, TurnState, UserCommand,
};
use crate::test_hooks;
use crate::ui::text::wording;

/// Limit of data queued for the socket; beyond it, microphone frames stay in their queue, which drops the
/// oldest. About 250 ms as base64. Late speech is worse than lost speech.
const MAX_BACKLOG_BYTES: usize = 16 << 10;

/// A session and everything it drives.
pub(crate) struct CallDriver {
    pub(crate) session: Session,
    pub(crate) wire: Wire,
    pub(crate) audio: Option<Audio>,
    /// A file sent at its own pace instead of audio.
    pub(crate) feed: Option<FileFeed>,
    pub(crate) presenter: Presenter,
    pub(crate) commands: mpsc::Receiver<UserCommand>,
    /// Lines from a pipe, each taken when the previous one is answered.
    pub(crate) piped: Option<mpsc::Receiver<UserCommand>>,
    pub(crate) clock: Clock,
    pub(crate) counters: StreamCounters,
    pub(crate) reader: Consumer,
    pub(crate) memory: CallMemory,
    /// Keeps the conversation in a file.
    pub(crate) recorder: Option<ConversationRecorder>,
    /// Audio that is opened later: in writing when answers are first spoken, in a call when the user calls again.
    pub(crate) to_open: Option<AudioOptions>,
    /// Number of times that audio was opened.
    pub(crate) openings: u32,
    /// The audio while it is being opened.
    pub(crate) starting: Option<JoinHandle<Result<Option<Audio>, Error>>>,
    /// Set while Ctrl-C stops an answer and does not end the session.
    pub(crate) stops_answer: Option<Arc<AtomicBool>>,
    /// Meters of the screen.
    pub(crate) levels: LevelMeters,
    /// Whether the microphone is muted.
    pub(crate) muted: bool,
    /// The other session of this program.
    pub(crate) other: Option<SessionLink>,
}

/// State of the reader of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Consumer {
    /// Connected, as far as known.
    #[default]
    Connected,
    /// The pipe was closed, which is a normal end; not handled yet.
    Closed,
    /// The pipe was closed, and the session knows.
    Disconnected,
}

impl CallDriver {
    /// Returns the driver of a conversation in writing that nothing else takes part in.
    pub(crate) fn new(
        (session, wire): (Session, Wire),
        presenter: Presenter,
        commands: mpsc::Receiver<UserCommand>,
        memory: CallMemory,
    ) -> Self {
        Self {
            clock: wire.clock,
            session,
            wire,
            audio: None,
            feed: None,
            presenter,
            commands,
            piped: None,
            counters: StreamCounters::default(),
            reader: Consumer::default(),
            memory,
            recorder: None,
            to_open: None,
            openings: 0,
            starting: None,
            stops_answer: None,
            levels: LevelMeters::default(),
            muted: false,
            other: None,
        }
    }

    /// Runs the session to its end, beginning with `input`, and returns the reason.
    ///
    /// # Errors
    ///
    /// If the trace or the output cannot be written.
    pub(crate) async fn drive(&mut self, mut input: Input) -> Result<EndReason, Error> {
        loop {
            if let Some(reason) = self.handle(input)? {
                return Ok(reason);
            }
            input = self.wait().await?;
        }
    }

    /// Completes the files and closes the presentation. `kept` is the file of another conversation.
    ///
    /// # Errors
    ///
    /// If the output cannot be written.
    pub(crate) async fn finish(
        mut self,
        reason: EndReason,
        kept: Option<String>,
    ) -> Result<EndReason, Error> {
        // Files are completed first: the terminal may be slow or blocked.
        let written = self.stop_audio(&reason);
        let kept: Vec<_> = self.kept().into_iter().chain(kept).collect();
        let shown = self.presenter.close(&reason, &kept).await;
        written.and(shown).map(|()| reason)
    }

    /// Returns the file in which the conversation is kept.
    pub(crate) fn kept(&self) -> Option<String> {
        let path = self.recorder.as_ref().and_then(ConversationRecorder::path);
        path.map(|path| path.display().to_string())
    }

    /// Waits for one input. Dropping the other futures loses nothing: connections and console keep their state,
    /// and receivers and sleeps are cancel-safe.
    async fn wait(&mut self) -> Result<Input, Error> {
        loop {
            if self.reader == Consumer::Closed {
                self.reader = Consumer::Disconnected;
                return Ok(Input::User(UserCommand::HangUp(EndReason::User)));
            }
            let deadline = self.session.deadline().map(|deadline| deadline.at);
            let accepts_frames = self.wire.connections.backlog() < MAX_BACKLOG_BYTES;
            let uncaptioned = self.session.uncaptioned_speech().filter(|_| accepts_frames);
            // While the output is blocked, only commands and timers are handled; endpoint and audio wait.
            let is_full = self.reader == Consumer::Connected && self.presenter.is_full();
            let input = tokio::select! {
                Some(command) = self.commands.recv() => Some(Input::User(command)),
                Some(command) = next_line(&mut self.piped), if self.session.takes_line() => {
                    Some(Input::User(command))
                }
                input = self.wire.next(), if !is_full => input?,
                audio_message = next_audio(&mut self.audio, accepts_frames), if !is_full => self.audio_input(audio_message),
                started = next_started(&mut self.starting) => self.audio_started(started)?,
                other = next_other(&mut self.other) => Some(Input::Other(other)),
                input = next_fed(&mut self.feed, self.clock, uncaptioned), if !is_full => Some(input),
                () = self.clock.wait_until(deadline) => Some(Input::Tick),
                write_error = write_error_or_room(&mut self.presenter, is_full), if self.reader == Consumer::Connected => {
                    write_error.map_or(Ok(()), |error| self.handle_write_error(error))?;
                    None
                }
            };
            if let Some(feed) = &self.feed {
                self.presenter.advance(self.clock.now(), feed.position());
            }
            if let Some(input) = input {
                return Ok(input);
            }
        }
    }

    /// Handles a write error: a closed pipe ends the call normally.
    fn handle_write_error(&mut self, error: io::Error) -> Result<(), Error> {
        if error.kind() != io::ErrorKind::BrokenPipe {
            return Err(cannot_write_stdout(error));
        }
        self.reader = Consumer::Closed;
        Ok(())
    }

    fn handle(&mut self, input: Input) -> Result<Option<EndReason>, Error> {
        let now = self.clock.now();
        test_hooks::maybe_panic("main", now);
        if let (Input::User(_), Some(other)) = (&input, &self.other) {
            other.note_activity(now);
        }
        for output in self.session.handle(now, input) {
            if let Some(reason) = self.perform(now, output)? {
                return Ok(Some(reason));
            }
        }
        Ok(None)
    }

    fn perform(&mut self, now: Duration, output: Output) -> Result<Option<EndReason>, Error> {
        let Some(output) = self.wire.perform(now, self.session.dialect(), output)? else { return Ok(None) };
        match (output, &self.audio) {
            (Output::Play { clip, frame }, Some(audio)) => audio.control.play(clip, frame),
            (Output::PlayEnd(clip), Some(audio)) => audio.control.end_clip(clip),
            (Output::Flush, Some(audio)) => audio.control.flush(),
            (Output::Duck, Some(audio)) => audio.control.set_duck(Duck::Down),
            (Output::Unduck, Some(audio)) => audio.control.set_duck(Duck::Up),
            (Output::SetMuted(muted), audio) => {
                self.muted = muted;
                if let Some(audio) = audio {
                    audio.control.set_mute(reopening::mute(muted));
                }
            }
            (Output::SetVolume(volume), _) => self.set_volume(now, volume)?,
            (Output::ListDevices, Some(audio)) => audio.control.list_devices(),
            (Output::TestTone, Some(audio)) => audio.control.play_test_tone(),
            (Output::UseDevice(direction, id), Some(audio)) => {
                let request = id.map_or(DeviceRequest::Default, DeviceRequest::Named);
                audio.control.use_device(direction, request);
            }
            // A text chat has no audio.
            (
                Output::Play { .. }
                | Output::PlayEnd(_)
                | Output::Flush
                | Output::Duck
                | Output::Unduck
                | Output::ListDevices
                | Output::TestTone
                | Output::UseDevice(..),
                None,
            ) => {}
            (Output::Remember(preference, value), _) => self.remember(now, preference, value)?,
            (Output::Rewind(to), _) => {
                if let Some(feed) = &mut self.feed {
                    feed.rewind(to).map_err(audio_error)?;
                }
            }
            (Output::Show(notice), audio) => {
                if let (Notice::Connection(ConnectionState::Live), Some(audio)) = (&notice, audio) {
                    audio.control.begin_recording();
                }
                if let (Notice::SpeechStarted { .. }, Some(audio)) = (&notice, audio) {
                    audio.control.note_server_speech();
                }
                self.show(now, &notice)?;
            }
            (Output::SetModel(model), _) => self.set_model(now, model)?,
            (Output::OpenAudio, audio) => {
                if audio.is_none() && self.starting.is_none() {
                    let options = self.next_audio_options();
                    self.starting = Some(tokio::task::spawn_local(start_audio(options)));
                }
            }
            (Output::CloseAudio, _) => self.close_audio(now)?,
            (Output::Local(request), _) => match requests::perform(&self.presenter, request) {
                LocalResult::Show(notice) => self.show(now, &notice)?,
                LocalResult::Attach(attachment) => {
                    return self.handle(Input::User(UserCommand::Attach(attachment)));
                }
            },
            // Performed by the wire.
            (
                Output::Send(_)
                | Output::SendNext { .. }
                | Output::Open(_)
                | Output::OpenNext(_)
                | Output::Switch
                | Output::DropNext
                | Output::Disconnect
                | Output::Close,
                _,
            ) => {}
            (Output::End(reason), _) => return Ok(Some(reason)),
        }
        Ok(None)
    }

    fn set_model(&mut self, now: Duration, model: String) -> Result<(), Error> {
        if self.wire.connections.set_model(model) {
            return Ok(());
        }
        let message = "the URL of this endpoint names the model; start again with --model".to_owned();
        self.show(now, &Notice::Error { code: None, message })
    }

    fn remember(&mut self, now: Duration, preference: Preference, value: String) -> Result<(), Error> {
        if let Some(message) = self.memory.preference(preference, &value) {
            self.show(now, &Notice::Error { code: None, message })?;
        }
        self.show(now, &Notice::Setting(SettingChange::Preference(preference, value)))
    }

    fn show(&mut self, now: Duration, notice: &Notice) -> Result<(), Error> {
        if let Notice::End(_) = notice
            && let Some(audio_problems) = audio_problems(self.counters)
        {
            self.show(now, &Notice::Info(audio_problems.into()))?;
        }
        if let (Notice::Turn(turn), Some(stops_answer)) = (notice, &self.stops_answer) {
            let is_answering = match turn {
                TurnState::Thinking | TurnState::Assistant => true,
                TurnState::Listening | TurnState::User => false,
            };
            stops_answer.store(is_answering, Ordering::Relaxed);
        }
        self.keep(now, notice)?;
        if let Some(other) = &self.other {
            other.note(notice);
        }
        if self.reader != Consumer::Connected {
            return Ok(());
        }
        self.presenter.notice(now, notice).or_else(|error| self.handle_write_error(error))
    }

    /// Writes a notice to the file of a kept conversation. A failure ends that, never the conversation.
    fn keep(&mut self, now: Duration, notice: &Notice) -> Result<(), Error> {
        let Some(recorder) = &mut self.recorder else { return Ok(()) };
        match recorder.note(now, notice) {
            Ok(false) => Ok(()),
            Ok(true) => {
                let path = recorder.path().map(|path| path.display().to_string()).unwrap_or_default();
                self.show(now, &Notice::Info(InfoMessage::Kept(path)))
            }
            Err(error) => {
                self.recorder = None;
                let message = format!("the conversation is no longer kept: {error}");
                self.show(now, &Notice::Error { code: None, message })
            }
        }
    }

    fn audio_input(&mut self, audio_message: AudioMessage) -> Option<Input> {
        match audio_message {
            AudioMessage::Frame(frame) => Some(Input::Mic(frame)),
            AudioMessage::Dropped(frames) => Some(Input::Audio(AudioEvent::MicDropped { frames })),
            AudioMessage::Event(Some(event)) => self.audio_event_input(event),
            AudioMessage::Event(None) => {
                // All earlier events have been handled.
                let ended = self.audio.take().map_or(Ok(()), Audio::close);
                let reason = ended.err().unwrap_or_else(|| "audio stopped unexpectedly".to_owned());
                Some(Input::Audio(AudioEvent::Lost(reason)))
            }
        }
    }

    fn audio_event_input(&mut self, event: AudioEvent) -> Option<Input> {
        if let AudioEvent::Counters(counters) = event {
            self.counters = counters;
            return None;
        }
        if let AudioEvent::DeviceSelected(direction, id) = &event {
            self.use_device_again(*direction, id.as_deref());
            let failure = self.memory.device(*direction, id.as_deref());
            return failure.map(|failure| Input::Audio(AudioEvent::Lost(failure)));
        }
        Some(Input::Audio(event))
    }

    /// Stops audio and completes the output file; a call ended on purpose does not wait for playback.
    fn stop_audio(&mut self, reason: &EndReason) -> Result<(), Error> {
        let Some(audio) = self.audio.take() else { return Ok(()) };
        if reason.failure().is_some() || matches!(reason, EndReason::NoInput(_)) {
            // A call that never began leaves the file unchanged.
            return Ok(());
        }
        audio.close().map_err(|message| Error::say(Kind::Device, message))
    }
}

/// A message of the audio thread.
enum AudioMessage {
    Event(Option<AudioEvent>),
    Frame(Frame),
    Dropped(u64),
}

/// Waits until the next input of the file is due; forever while no audio is accepted. Cancel-safe, since nothing is read
/// before that.
async fn next_fed(feed: &mut Option<FileFeed>, clock: Clock, waiting: Option<Duration>) -> Input {
    let (Some(feed), Some(waiting)) = (feed, waiting) else { return std::future::pending().await };
    clock.wait_until(Some(feed.due())).await;
    feed.next(clock.now(), waiting)
}

/// Waits until the speaker is open. Cancel-safe: the task goes on.
async fn next_started(
    starting: &mut Option<JoinHandle<Result<Option<Audio>, Error>>>,
) -> Result<Option<Audio>, Error> {
    match starting {
        Some(started) => started.await.map_err(|error| Error::new(Kind::Internal, error))?,
        None => std::future::pending().await,
    }
}

/// Waits for a change of the other session. Cancel-safe.
async fn next_other(other: &mut Option<SessionLink>) -> OtherSession {
    match other {
        Some(other) => other.changed().await,
        None => std::future::pending().await,
    }
}

async fn next_line(piped: &mut Option<mpsc::Receiver<UserCommand>>) -> Option<UserCommand> {
    match piped {
        Some(piped) => piped.recv().await,
        None => std::future::pending().await,
    }
}

async fn next_audio(audio: &mut Option<Audio>, accepts_frames: bool) -> AudioMessage {
    let Some(audio) = audio else { return std::future::pending().await };
    tokio::select! {
        // Frames come before events that refer to them: a turn ends with its last frame.
        biased;
        frame = audio.mic.recv(), if accepts_frames => match frame {
            Ok(frame) => AudioMessage::Frame(frame),
            Err(RecvError::Lagged(frames)) => AudioMessage::Dropped(frames),
            // The audio thread has ended; its last event contains the reason.
            Err(RecvError::Closed) => AudioMessage::Event(audio.events.recv().await),
        },
        event = audio.events.recv() => AudioMessage::Event(event),
    }
}

/// Returns a summary of audio problems that did not end the call.
fn audio_problems(counters: StreamCounters) -> Option<String> {
    let StreamCounters { gaps, capture_dropped, play_refused } = counters;
    let counted = [
        (gaps, if gaps == 1 { "playback gap" } else { "playback gaps" }),
        (capture_dropped, "microphone samples dropped"),
    ];
    let counted =
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, problem)| format!("{count} {problem}"));
    let dropped = (!play_refused.is_zero()).then(|| {
        let millis = u64::try_from(play_refused.as_millis()).unwrap_or(u64::MAX);
        format!("{} of audio not played: the play queue was full", wording::seconds(millis))
    });
    let parts: Vec<String> = counted.chain(dropped).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Waits for a write error; or, if the output is full, until there is room.
async fn write_error_or_room(presenter: &mut Presenter, is_full: bool) -> Option<io::Error> {
    if is_full {
        presenter.room().await;
        return None;
    }
    Some(presenter.failure().await)
}
