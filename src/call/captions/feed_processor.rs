//! Processes the audio of a file as that of a microphone: noise suppression, gain control, turns detected here.

use rtrb::RingBuffer;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::audio::api::AudioEvent;
use crate::audio::capture::processing::{Processor, ProcessorParts};
use crate::audio::echo::block::BLOCK;
use crate::audio::options::Processing;
use crate::dsp::frame::SampleRate;

/// A processor without a far end.
pub(super) struct FeedProcessor {
    processor: Processor,
    /// Bounded by the audio that is read before a frame of it is taken.
    events: UnboundedReceiver<AudioEvent>,
    /// Samples of its delay that are still to be left out.
    delay: usize,
    /// Samples that it got, and that it returned with the delay.
    taken: u64,
    returned: u64,
}

impl FeedProcessor {
    /// The rate of the samples that it takes.
    pub(super) const RATE: SampleRate = Processor::RATE;

    /// Makes a processor that returns samples at a rate, if there is anything to do.
    pub(super) fn new(processing: Processing, rate: SampleRate) -> Option<Self> {
        let (_, reference) = RingBuffer::new(1);
        let (sender, events) = unbounded_channel();
        let processor = Processor::new(ProcessorParts {
            processing: processing.without_echo_control(),
            reference,
            device_out: Self::RATE,
            wire: rate,
            events: sender,
        })?;
        let delay = usize::try_from(processor.output_len(0)).unwrap_or(0);
        Some(Self { processor, events, delay, taken: 0, returned: 0 })
    }

    /// Returns what was detected in the audio so far.
    pub(super) fn event(&mut self) -> Option<AudioEvent> {
        // A file has no echo, so its state says nothing.
        std::iter::from_fn(|| self.events.try_recv().ok()).find(|event| !matches!(event, AudioEvent::Echo(_)))
    }

    /// Processes samples, and appends what is complete.
    pub(super) fn process(&mut self, samples: &[f32], output: &mut Vec<f32>) {
        self.taken += samples.len() as u64;
        self.append(samples, output);
    }

    /// Appends the rest at the end of the audio.
    pub(super) fn finish(&mut self, output: &mut Vec<f32>) {
        let end = self.processor.output_len(self.taken);
        while self.returned < end {
            self.append(&[0.0; BLOCK], output);
        }
        let surplus = usize::try_from(self.returned - end).unwrap_or(0);
        output.truncate(output.len().saturating_sub(surplus));
    }

    fn append(&mut self, samples: &[f32], output: &mut Vec<f32>) {
        let before = output.len();
        self.processor.process(samples, output);
        let added = output.len() - before;
        self.returned += added as u64;
        let early = self.delay.min(added);
        output.drain(before..before + early);
        self.delay -= early;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::options::{EchoPolicy, ListenMode, ProcessingStep, SpeechRule};
    use crate::dsp::audio_file::read_clip;

    const TURNS: Processing = Processing {
        voice: ListenMode::Turns(SpeechRule {
            threshold: 0.5,
            silence: std::time::Duration::from_millis(500),
        }),
        ..Processing::NONE
    };

    #[test]
    fn audio_is_as_long_as_before_and_in_its_place_at_every_rate() {
        let suppressed =
            Processing { noise_suppression: ProcessingStep::On, echo: EchoPolicy::Auto, ..Processing::NONE };
        for (processing, rate) in [(TURNS, 24_000), (TURNS, 16_000), (TURNS, 8_000), (suppressed, 24_000)] {
            let mut processor = FeedProcessor::new(processing, SampleRate(rate)).unwrap();
            let mut output = Vec::new();
            let click = |n: usize| if n == 12_000 { 0.9 } else { 0.0 };
            let samples: Vec<f32> = (0..24_000).map(click).collect();
            samples.chunks(700).for_each(|piece| processor.process(piece, &mut output));
            processor.finish(&mut output);
            assert!(output.len().abs_diff(rate as usize) <= 1, "{} at {rate}", output.len());
            if processing == TURNS {
                let loudest = (0..output.len()).max_by(|a, b| output[*a].total_cmp(&output[*b])).unwrap();
                assert!(loudest.abs_diff(rate as usize / 2) <= 1, "{loudest} at {rate}");
            }
        }
    }

    #[test]
    fn turns_are_detected_and_silence_is_none() {
        let (rate, hello) = read_clip(include_bytes!("../../../assets/hello.wav").as_slice()).unwrap();
        assert_eq!(rate, FeedProcessor::RATE);
        let mut processor = FeedProcessor::new(TURNS, rate).unwrap();
        let mut output = Vec::new();
        processor.process(&vec![0.0; 24_000], &mut output);
        assert_eq!(processor.event(), None);
        processor.process(&hello, &mut output);
        processor.process(&vec![0.0; 24_000], &mut output);
        let events: Vec<AudioEvent> = std::iter::from_fn(|| processor.event()).collect();
        assert_eq!(events[..2], [AudioEvent::VoiceStarted, AudioEvent::VoiceConfirmed]);
        assert!(matches!(events.last(), Some(AudioEvent::VoiceStopped { .. })), "{events:?}");
    }

    #[test]
    fn nothing_to_do_is_no_processor() {
        assert!(FeedProcessor::new(Processing::NONE, SampleRate::HZ_24000).is_none());
    }
}
