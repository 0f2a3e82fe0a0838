//! Sound in and out: devices, files and pipes, the realtime callbacks, the engine between.
//!
//! Knows nothing of sessions or protocols. One thread of its own; tokio only for the ends of its channels.

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

use crate::audio::api::{AudioCommand, AudioThreadEvent, Duck, Mute};
use crate::audio::device::open::Waker;
use crate::audio::device::select::{DeviceRequest, ListDetail, ListedDevice};
use crate::audio::error::{AudioError, Direction};
use crate::audio::options::AudioOptions;
use crate::audio::thread::{AudioChannels, InitialDevices, Runner};
use crate::dsp::frame::{ClipId, Frame};
use crate::dsp::level::LevelMeter;

/// How long a sound system may take to open; PulseAudio's own patience is 2 s a step.
const OPENING_SECONDS: u64 = 10;

/// Sound that is running. Dropping it stops the sound and waits for the audio thread; an output file is
/// completed if something was played, and else stays as it was.
pub struct Audio {
    /// The microphone, about a second deep: whoever is too slow loses the oldest frames and is told how many.
    pub mic: broadcast::Receiver<Frame>,
    /// What happens.
    pub events: UnboundedReceiver<AudioThreadEvent>,
    /// What can be done.
    pub control: Control,
    /// How loud the microphone is, as it is sent.
    pub input_meter: Arc<LevelMeter>,
    /// How loud the speaker is.
    pub output_meter: Arc<LevelMeter>,
    /// The microphone and the speaker that were opened, where they are devices.
    pub(crate) opened: InitialDevices,
    thread: AudioThread,
}

impl Audio {
    /// Stops the sound, completes output file and recording, silent ones too, and waits for the audio thread.
    ///
    /// # Errors
    ///
    /// One sentence if one of them could not be completed.
    pub fn close(mut self) -> Result<(), String> {
        self.thread.end(AudioCommand::Close).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Tells the audio thread what to do, at once and without waiting. Cheap to clone.
///
/// Its channel has no bound: what is sent is taken within milliseconds, and the queue behind it has a guard
/// of ten minutes. Nothing is done once the audio thread has ended.
#[derive(Clone, Debug)]
pub struct Control {
    commands: Sender<AudioCommand>,
}

impl Control {
    /// Appends a frame to a clip. Clips are played in the order in which they began.
    pub fn play(&self, clip: ClipId, frame: Frame) {
        self.send(AudioCommand::Play { clip, frame });
    }

    /// Says that a clip is whole: it is played without waiting for more.
    pub fn end_clip(&self, clip: ClipId) {
        self.send(AudioCommand::EndClip(clip));
    }

    /// Stops the sound with a short fade and forgets what waits; `AudioThreadEvent::Flushed` answers.
    pub fn flush(&self) {
        self.send(AudioCommand::Flush);
    }

    /// Begins the recording, where one was asked for; once it runs this does nothing.
    pub fn begin_recording(&self) {
        self.send(AudioCommand::Record);
    }

    /// Makes the speaker soft within milliseconds, or as loud as it was; nothing of the sound is left out. A
    /// flush makes it loud again.
    pub fn set_duck(&self, duck: Duck) {
        self.send(AudioCommand::Duck(duck));
    }

    /// Sends silence in place of the microphone, or the microphone again.
    pub fn set_mute(&self, mute: Mute) {
        self.send(AudioCommand::Mute(mute));
    }

    /// Takes another device for one direction, where that goes to a device; `AudioThreadEvent::Device` answers. The one
    /// in use goes on until the other is open, and beyond if that cannot be opened.
    pub fn use_device(&self, direction: Direction, wanted: DeviceRequest) {
        self.send(AudioCommand::Use(direction, wanted));
    }

    /// Asks which devices there are; `AudioThreadEvent::Devices` answers, unless the sound system hangs.
    pub fn list_devices(&self) {
        self.send(AudioCommand::List);
    }

    fn send(&self, command: AudioCommand) {
        // The thread ends before its controls only on purpose.
        let _ = self.commands.send(command);
    }
}

/// Lists the devices of all sound systems, and how each of them runs. It takes as long as these take.
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
/// Says what cannot be opened, before anything has been written.
pub fn start(options: AudioOptions) -> Result<Audio, AudioError> {
    let (commands, commands_rx) = channel();
    let (opened, opened_rx) = sync_channel(1);
    let waker = Waker::new(commands.clone());
    let handle = std::thread::Builder::new()
        .name("audio".to_owned())
        .spawn(move || {
            // Devices are opened where they are used and closed; some systems insist on it.
            match Runner::open(&options, &waker) {
                Err(error) => {
                    // Whoever asked may have given up waiting.
                    let _ = opened.send(Err(error));
                    Ok(())
                }
                Ok((runner, ends)) => match opened.send(Ok(ends)) {
                    Ok(()) => runner.run(&commands_rx),
                    Err(_) => Ok(()),
                },
            }
        })
        .map_err(AudioError::Thread)?;
    let ends = wait_until_open(&opened_rx)?;
    let AudioChannels { mic, events, input_meter, output_meter, opened } = ends;
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

/// The audio thread, which ends with this.
struct AudioThread {
    commands: Sender<AudioCommand>,
    handle: Option<JoinHandle<Result<(), String>>>,
}

impl AudioThread {
    fn end(&mut self, command: AudioCommand) -> std::thread::Result<Result<(), String>> {
        let Some(handle) = self.handle.take() else { return Ok(Ok(())) };
        // If it has ended already there is nobody to tell.
        let _ = self.commands.send(command);
        handle.join()
    }
}

impl Drop for AudioThread {
    fn drop(&mut self) {
        // Whoever wants to know how it ended calls `Audio::close`.
        let _ = self.end(AudioCommand::Leave);
    }
}
