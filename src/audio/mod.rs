//! Audio input and output: devices, files and pipes, realtime callbacks, the engine between them.
//!
//! Independent of sessions and protocols. Runs on a thread of its own; tokio only at the ends of its
//! channels.

pub mod options;
pub mod error;
pub mod engine;
pub mod echo;
mod thread;
pub mod realtime;
pub mod api;
pub mod playback;
pub mod capture;
pub mod recording;
pub mod backend;
pub mod device;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::audio::api::{AudioCommand, AudioEvent, DeviceRequest, Direction, Duck, Mute, Volume};
use crate::audio::device::handle::Waker;
use crate::audio::device::select::{ListDetail, ListedDevice};
use crate::audio::error::AudioError;
use crate::audio::options::AudioOptions;
use crate::audio::thread::{AudioChannels, InitialDevices, Runner};
use crate::dsp::frame::{ClipId, Frame};
use crate::dsp::level::LevelMeter;

/// Timeout for opening audio; each PulseAudio request has a timeout of 2 s.
const OPENING_SECONDS: u64 = 10;

/// Running audio. Dropping it stops the audio thread; an output file is completed if something was played,
/// else left unchanged.
pub struct Audio {
    /// Microphone frames, about a second deep. A slow receiver loses the oldest frames and learns how many.
    pub mic: broadcast::Receiver<Frame>,
    /// Events.
    pub events: UnboundedReceiver<AudioEvent>,
    /// Control of the audio thread.
    pub control: Control,
    /// Level of the microphone as sent.
    pub input_meter: Arc<LevelMeter>,
    /// Level of the speaker.
    pub output_meter: Arc<LevelMeter>,
    /// The devices opened at the start.
    pub(crate) opened: InitialDevices,
    thread: AudioThread,
}

impl Audio {
    /// Stops audio, completes output file and recording, silent ones too, and waits for the audio thread.
    ///
    /// # Errors
    ///
    /// One sentence, when one of them could not be completed.
    pub fn close(mut self) -> Result<(), String> {
        self.thread.end(AudioCommand::Close).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Sends commands to the audio thread without blocking. Cheap to clone.
///
/// Its channel is unbounded: commands are handled within milliseconds, and the play queue behind it is
/// limited to ten minutes. Commands after the end of the audio thread have no effect.
#[derive(Clone, Debug)]
pub struct Control {
    commands: Sender<AudioCommand>,
}

impl Control {
    /// Appends a frame to a clip. Clips play in the order in which they began.
    pub fn play(&self, clip: ClipId, frame: Frame) {
        self.send(AudioCommand::Play { clip, frame });
    }

    /// Marks a clip as complete, so that its rest plays without buffering.
    pub fn end_clip(&self, clip: ClipId) {
        self.send(AudioCommand::EndClip(clip));
    }

    /// Stops playback with a short fade and discards the queue; [`AudioEvent::Flushed`] follows.
    pub fn flush(&self) {
        self.send(AudioCommand::Flush);
    }

    /// Starts the recording, if one was requested.
    pub fn begin_recording(&self) {
        self.send(AudioCommand::Record);
    }

    /// Ducks or restores the volume within milliseconds; playback continues. A flush restores the volume,
    /// too.
    pub fn set_duck(&self, duck: Duck) {
        self.send(AudioCommand::Duck(duck));
    }

    /// Sets the volume of the speaker; files and pipes keep the level of the endpoint.
    pub fn set_volume(&self, volume: Volume) {
        self.send(AudioCommand::SetVolume(volume));
    }

    /// Mutes or unmutes the microphone.
    pub fn set_mute(&self, mute: Mute) {
        self.send(AudioCommand::Mute(mute));
    }

    /// Switches to another device; [`AudioEvent::Device`] follows. The current device stays in use until the
    /// other is open, and also if that fails.
    pub fn use_device(&self, direction: Direction, wanted: DeviceRequest) {
        self.send(AudioCommand::UseDevice(direction, wanted));
    }

    /// Requests the list of devices; [`AudioEvent::Devices`] follows, unless the sound system hangs.
    pub fn list_devices(&self) {
        self.send(AudioCommand::ListDevices);
    }

    /// Plays a test tone over anything else that is played. It is neither recorded nor counted.
    pub fn play_test_tone(&self) {
        self.send(AudioCommand::TestTone);
    }

    /// Reports `speech_started` of the server. Without near-end speech it shows that the server hears the echo.
    pub fn note_server_speech(&self) {
        self.send(AudioCommand::ServerSpeech);
    }

    fn send(&self, command: AudioCommand) {
        // The thread ends before its controls only on purpose.
        let _ = self.commands.send(command);
    }
}

/// Lists the devices of all sound systems with their native formats. Blocks for as long as these take.
///
/// # Errors
///
/// When no sound system answers.
pub fn devices() -> Result<Vec<ListedDevice>, AudioError> {
    backend::system::list(ListDetail::All)
}

/// Opens the devices, files and pipes of `options` and starts the audio thread.
///
/// # Errors
///
/// When something cannot be opened; nothing has been written then.
pub fn start(options: AudioOptions) -> Result<Audio, AudioError> {
    let (commands, commands_rx) = channel();
    let (opened, opened_rx) = sync_channel(1);
    let waker = Waker::new(commands.clone());
    let handle = std::thread::Builder::new()
        .name("audio".to_owned())
        .spawn(move || {
            // Some sound systems require that a device is used by the thread that opened it.
            match Runner::open(&options, &waker) {
                Err(error) => {
                    // The receiver may have been dropped.
                    let _ = opened.send(Err(error));
                    Ok(())
                }
                Ok((runner, channels)) => match opened.send(Ok(channels)) {
                    Ok(()) => runner.run(&commands_rx),
                    Err(_) => Ok(()),
                },
            }
        })
        .map_err(AudioError::Thread)?;
    let channels = wait_until_open(&opened_rx)?;
    let AudioChannels { mic, events, input_meter, output_meter, opened } = channels;
    let control = Control { commands: commands.clone() };
    let thread = AudioThread { commands, handle: Some(handle) };
    Ok(Audio { mic, events, control, input_meter, output_meter, opened, thread })
}

fn wait_until_open(
    opened: &Receiver<Result<AudioChannels, AudioError>>,
) -> Result<AudioChannels, AudioError> {
    match opened.recv_timeout(Duration::from_secs(OPENING_SECONDS)) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err(AudioError::Hangs(OPENING_SECONDS)),
        Err(RecvTimeoutError::Disconnected) => Err(AudioError::Thread(std::io::Error::other("it panicked"))),
    }
}

/// The audio thread, which ends when this is dropped.
struct AudioThread {
    commands: Sender<AudioCommand>,
    handle: Option<JoinHandle<Result<(), String>>>,
}

impl AudioThread {
    fn end(&mut self, command: AudioCommand) -> std::thread::Result<Result<(), String>> {
        let Some(handle) = self.handle.take() else { return Ok(Ok(())) };
        // The thread may have ended already.
        let _ = self.commands.send(command);
        handle.join()
    }
}

impl Drop for AudioThread {
    fn drop(&mut self) {
        // `Audio::close` returns the result.
        let _ = self.end(AudioCommand::Abandon);
    }
}
