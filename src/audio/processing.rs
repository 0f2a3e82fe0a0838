//! What the microphone's sound goes through before it is cut into frames: echo, noise, loudness, voice.

use rtrb::Consumer;
use tokio::sync::mpsc::UnboundedSender;

use crate::audio::echo::{
    BLOCK, Block, EchoControl, EchoMode, EchoState, Guard, Processing, RATE, Step, Talker,
};
use crate::audio::event::Event;
use crate::audio::voice::{Change, Voice};
use crate::pcm::frame::Rate;
use crate::pcm::resample::Resampler;

/// How many samples are taken out of the ring at a time.
const PIECE: usize = 1_024;

impl Processing {
    /// Nothing is done to the sound.
    pub const NONE: Self = Self {
        echo: EchoControl::Fixed(EchoMode::Off),
        noise_suppression: Step::Off,
        gain_control: Step::Off,
        voice: Step::Off,
    };

    /// Returns what is to be done where no speaker can be heard by a microphone: files, pipes.
    pub(crate) fn without_a_room(self) -> Self {
        match self.echo {
            EchoControl::Auto => Self { echo: EchoControl::Fixed(EchoMode::Off), ..self },
            EchoControl::Fixed(_) => self,
        }
    }
}

/// Works on the microphone's sound, with what the speaker was given beside it.
pub(crate) struct Processor {
    processing: Processing,
    listener: Listener,
    reference: Reference,
    /// From the rate of the blocks to that of the wire.
    back: Resampler,
    waiting: Vec<f32>,
    done: Vec<f32>,
    events: UnboundedSender<Event>,
}

/// What a processor is made of.
pub(crate) struct ProcessorParts {
    pub(crate) processing: Processing,
    /// What the speaker was given, at the rate of the speaker.
    pub(crate) reference: Consumer<f32>,
    pub(crate) device_out: Rate,
    pub(crate) wire: Rate,
    pub(crate) events: UnboundedSender<Event>,
}

/// What the speaker was given, in blocks.
struct Reference {
    ring: Consumer<f32>,
    resampler: Resampler,
    piece: Vec<f32>,
    waiting: Vec<f32>,
}

impl Processor {
    /// The rate of what it takes.
    pub(crate) const RATE: Rate = RATE;

    /// Makes one, if there is anything to do.
    pub(crate) fn new(parts: ProcessorParts) -> Option<Self> {
        let ProcessorParts { processing, reference, device_out, wire, events } = parts;
        (processing != Processing::NONE).then(|| Self {
            processing,
            listener: Listener::new(&processing),
            reference: Reference::new(reference, device_out),
            back: Resampler::new(RATE, wire),
            waiting: Vec::new(),
            done: Vec::new(),
            events,
        })
    }

    /// Begins anew with another speaker, of this rate: what is known of the echo was of the former one.
    pub(crate) fn connect(&mut self, reference: Consumer<f32>, device_out: Rate) {
        self.reference = Reference::new(reference, device_out);
        self.restart();
    }

    /// Begins anew with another microphone.
    pub(crate) fn restart(&mut self) {
        self.listener = Listener::new(&self.processing);
        self.waiting.clear();
    }

    /// Returns how many samples come out once `input` samples and enough silence went in: those of the input,
    /// and by how much they are late.
    pub(crate) fn output_len(&self, input: u64) -> u64 {
        self.back.output_len(input + self.listener.guard.delay()) + self.back.delay()
    }

    /// Appends to `output`, at the rate of the wire, what is ready once `input` is taken in.
    pub(crate) fn process(&mut self, input: &[f32], output: &mut Vec<f32>) {
        // What was played comes before its echo.
        self.reference.take(|block| self.listener.render(block));
        self.waiting.extend_from_slice(input);
        self.done.clear();
        let (blocks, rest) = self.waiting.as_chunks_mut::<BLOCK>();
        let whole = blocks.len() * BLOCK;
        debug_assert!(rest.len() < BLOCK);
        for block in blocks {
            let change = self.listener.capture(block);
            let news = self.listener.news().map(Event::Echo);
            for event in change.map(Event::from).into_iter().chain(news) {
                // Whoever listened may be gone already; then nobody wants to know.
                let _ = self.events.send(event);
            }
            self.done.extend_from_slice(block);
        }
        self.waiting.drain(..whole);
        self.back.process(&self.done, output);
    }
}

impl Reference {
    fn new(ring: Consumer<f32>, device_out: Rate) -> Self {
        let (piece, waiting) = (vec![0.0; PIECE], Vec::new());
        Self { ring, resampler: Resampler::new(device_out, RATE), piece, waiting }
    }

    fn take(&mut self, mut block: impl FnMut(&Block)) {
        loop {
            let (samples, _) = self.ring.pop_partial_slice(&mut self.piece);
            let count = samples.len();
            if count == 0 {
                break;
            }
            self.resampler.process(&self.piece[..count], &mut self.waiting);
        }
        let whole = self.waiting.as_chunks::<BLOCK>().0;
        let taken = whole.len() * BLOCK;
        whole.iter().for_each(&mut block);
        self.waiting.drain(..taken);
    }
}

impl From<Change> for Event {
    fn from(change: Change) -> Self {
        match change {
            Change::Started => Self::VoiceStarted,
            Change::Confirmed => Self::VoiceConfirmed,
            Change::Stopped => Self::VoiceStopped,
        }
    }
}

/// Takes the echo out of a block, and looks for somebody's voice in what is left.
struct Listener {
    guard: Guard,
    voice: Option<Voice>,
    told: Step,
}

impl Listener {
    fn new(processing: &Processing) -> Self {
        // Ducking has to know who speaks, whether it is told or not.
        let ducks = match processing.echo {
            EchoControl::Auto | EchoControl::Fixed(EchoMode::Duck) => true,
            EchoControl::Fixed(EchoMode::Off | EchoMode::Cancel | EchoMode::HalfDuplex) => false,
        };
        let voice = (ducks || processing.voice == Step::On).then(Voice::default);
        Self { guard: Guard::new(processing), voice, told: processing.voice }
    }

    fn render(&mut self, block: &Block) {
        self.guard.render(block);
    }

    fn capture(&mut self, block: &mut Block) -> Option<Change> {
        let talker = self.voice.as_ref().map_or(Talker::Silent, Voice::talker);
        let trust = self.guard.capture(block, talker);
        let voice = self.voice.as_mut()?;
        let change = if self.guard.is_sounding() { voice.listen(block, trust) } else { voice.end() };
        change.filter(|_| self.told == Step::On)
    }

    fn news(&mut self) -> Option<EchoState> {
        self.guard.news()
    }
}

#[cfg(test)]
#[path = "processing_tests.rs"]
mod tests;
