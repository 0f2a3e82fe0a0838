//! Audio that is opened during a session: when answers are first spoken, and when the user calls again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::audio::Audio;
use crate::audio::api::{DeviceRequest, Direction, Mute, Volume};
use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::call::driver::CallDriver;
use crate::error::Error;
use crate::session::io::{Input, Notice};

impl CallDriver {
    /// Uses audio that was opened later.
    pub(super) fn audio_started(
        &mut self,
        started: Result<Option<Audio>, Error>,
    ) -> Result<Option<Input>, Error> {
        self.starting = None;
        match started {
            Ok(audio) => {
                if let Some(audio) = &audio {
                    audio.control.set_mute(mute(self.muted));
                    self.levels.connect(audio);
                    if self.session.is_live() {
                        audio.control.begin_recording();
                    }
                }
                self.audio = audio;
                Ok(None)
            }
            Err(error) => {
                let message = format!("{:#}", error.source);
                self.show(self.clock.now(), &Notice::Error { code: None, message })?;
                Ok(Some(Input::NoAudio))
            }
        }
    }

    /// Returns the options of audio that is opened now. Each call has a recording of its own.
    pub(super) fn next_audio_options(&mut self) -> Option<AudioOptions> {
        self.openings += 1;
        let mut options = self.to_open.clone()?;
        options.record = options.record.map(|path| numbered(&path, self.openings));
        Some(options)
    }

    /// Closes the devices after a call, or gives them up while they are being opened.
    pub(super) fn close_audio(&mut self, now: Duration) -> Result<(), Error> {
        self.starting = None;
        self.levels.disconnect();
        match self.audio.take().map(Audio::close) {
            Some(Err(message)) => self.show(now, &Notice::Error { code: None, message }),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Sets the volume of this call, of the next one, and of later runs.
    pub(super) fn set_volume(&mut self, now: Duration, volume: Volume) -> Result<(), Error> {
        if let Some(audio) = &self.audio {
            audio.control.set_volume(volume);
        }
        if let Some(options) = &mut self.to_open {
            options.volume = volume;
        }
        match self.memory.volume(volume.percent()) {
            Some(message) => self.show(now, &Notice::Error { code: None, message }),
            None => Ok(()),
        }
    }

    /// Uses this device in the next call too.
    pub(super) fn use_device_again(&mut self, direction: Direction, id: Option<&str>) {
        let request = id.map_or(DeviceRequest::Default, |id| DeviceRequest::Named(id.to_owned()));
        match (&mut self.to_open, direction) {
            (Some(options), Direction::Input) => options.input = AudioSource::Device(request),
            (Some(options), Direction::Output) => options.output = AudioSink::Device(request),
            (None, _) => {}
        }
    }
}

pub(super) fn mute(muted: bool) -> Mute {
    if muted { Mute::Muted } else { Mute::Live }
}

/// Returns a path with a number after its stem; the first has none.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number < 2 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_a_recording_of_its_own() {
        let path = Path::new("talks/call.wav");
        assert_eq!(numbered(path, 1), path);
        assert_eq!(numbered(path, 2), Path::new("talks/call-2.wav"));
        assert_eq!(numbered(Path::new("call"), 3), Path::new("call-3"));
    }
}
