//! Levels of the microphone and the speaker for the screen, over all calls of a program.

use std::sync::Arc;

use tokio::sync::watch;

use crate::audio::Audio;
use crate::dsp::level::{LevelMeter, LevelReading};

/// Levels for the screen, silent while no audio is open.
#[derive(Clone, Debug, Default)]
pub(crate) struct LevelMeters {
    input: watch::Sender<Option<Arc<LevelMeter>>>,
    output: watch::Sender<Option<Arc<LevelMeter>>>,
}

impl LevelMeters {
    /// Shows the meters of the audio streams.
    pub(crate) fn connect(&self, audio: &Audio) {
        self.input.send_replace(Some(Arc::clone(&audio.input_meter)));
        self.output.send_replace(Some(Arc::clone(&audio.output_meter)));
    }

    /// Returns what reads the level of the microphone.
    pub(crate) fn input(&self) -> Box<dyn Fn() -> LevelReading + Send> {
        level(&self.input)
    }

    /// Returns what reads the level of the speaker.
    pub(crate) fn output(&self) -> Box<dyn Fn() -> LevelReading + Send> {
        level(&self.output)
    }

    /// Shows silence.
    pub(crate) fn disconnect(&self) {
        self.input.send_replace(None);
        self.output.send_replace(None);
    }
}

fn level(meter: &watch::Sender<Option<Arc<LevelMeter>>>) -> Box<dyn Fn() -> LevelReading + Send> {
    let meter = meter.subscribe();
    Box::new(move || meter.borrow().as_ref().map_or(LevelReading::SILENCE, |meter| meter.reading()))
}
