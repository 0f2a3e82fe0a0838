//! What the microphone's sound goes through before it is cut into frames: echo, noise, loudness, voice.

use rtrb::Consumer;
use tokio::sync::mpsc::UnboundedSender;

use crate::audio::api::{AudioThreadEvent, Mute};
use crate::audio::capture::speech_detector::{
    DetectionContext, FarEnd, ListenMode, SpeechDetector, SpeechRule, SpeechTransition,
};
use crate::audio::echo::{
    BLOCK, Block, EchoControl, EchoMode, EchoPolicy, EchoState, NearEnd, Processing, ProcessingStep, RATE,
};
use crate::dsp::frame::SampleRate;
use crate::dsp::resample::Resampler;

/// How many samples are taken out of the ring at a time.
const PIECE: usize = 1_024;

impl Processing {
    /// Nothing is done to the sound.
    pub const NONE: Self = Self {
        echo: EchoPolicy::Fixed(EchoMode::Off),
        noise_suppression: ProcessingStep::Off,
        gain_control: ProcessingStep::Off,
        voice: ListenMode::Off,
    };

    /// Returns what is to be done where no speaker can be heard by a microphone: files, pipes.
    pub(crate) fn without_echo_control(self) -> Self {
        match self.echo {
            EchoPolicy::Auto => Self { echo: EchoPolicy::Fixed(EchoMode::Off), ..self },
            EchoPolicy::Fixed(_) => self,
        }
    }
}

/// Works on the microphone's sound, with what the speaker was given beside it.
pub(crate) struct Processor {
    processing: Processing,
    listener: SpeechListener,
    reference: Reference,
    /// From the rate of the blocks to that of the wire.
    back: Resampler,
    waiting: Vec<f32>,
    done: Vec<f32>,
    events: UnboundedSender<AudioThreadEvent>,
}

/// What a processor is made of.
pub(crate) struct ProcessorParts {
    pub(crate) processing: Processing,
    /// What the speaker was given, at the rate of the speaker.
    pub(crate) reference: Consumer<f32>,
    pub(crate) device_out: SampleRate,
    pub(crate) wire: SampleRate,
    pub(crate) events: UnboundedSender<AudioThreadEvent>,
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
    pub(crate) const RATE: SampleRate = RATE;

    /// Makes one, if there is anything to do.
    pub(crate) fn new(parts: ProcessorParts) -> Option<Self> {
        let ProcessorParts { processing, reference, device_out, wire, events } = parts;
        (processing != Processing::NONE).then(|| Self {
            processing,
            listener: SpeechListener::new(&processing),
            reference: Reference::new(reference, device_out),
            back: Resampler::new(RATE, wire),
            waiting: Vec::new(),
            done: Vec::new(),
            events,
        })
    }

    /// Begins anew with another speaker, of this rate: what is known of the echo was of the former one.
    pub(crate) fn connect(&mut self, reference: Consumer<f32>, device_out: SampleRate) {
        self.reference = Reference::new(reference, device_out);
        self.listener.guard = EchoControl::new(&self.processing);
    }

    /// Begins anew with another microphone: whoever spoke into the former one is not heard any more.
    pub(crate) fn restart(&mut self) {
        let change = self.listener.end();
        if let Some(change) = change {
            tell(&self.events, change.into());
        }
        self.listener = SpeechListener { mute: self.listener.mute, ..SpeechListener::new(&self.processing) };
        self.waiting.clear();
    }

    /// Listens to nobody who is not sent.
    pub(crate) fn set_mute(&mut self, mute: Mute) {
        self.listener.mute = mute;
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
            let news = self.listener.news();
            for event in
                change.map(AudioThreadEvent::from).into_iter().chain(news.map(AudioThreadEvent::Echo))
            {
                tell(&self.events, event);
            }
            self.done.extend_from_slice(block);
        }
        self.waiting.drain(..whole);
        self.back.process(&self.done, output);
    }
}

fn tell(events: &UnboundedSender<AudioThreadEvent>, event: AudioThreadEvent) {
    // Whoever listened may be gone already; then nobody wants to know.
    let _ = events.send(event);
}

impl Reference {
    fn new(ring: Consumer<f32>, device_out: SampleRate) -> Self {
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

impl From<SpeechTransition> for AudioThreadEvent {
    fn from(change: SpeechTransition) -> Self {
        match change {
            SpeechTransition::Started => Self::VoiceStarted,
            SpeechTransition::Confirmed => Self::VoiceConfirmed,
            SpeechTransition::Stopped { silent } => Self::VoiceStopped { silent },
        }
    }
}

/// Takes the echo out of a block, and looks for somebody's voice in what is left.
struct SpeechListener {
    guard: EchoControl,
    voice: Option<SpeechDetector>,
    listening: ListenMode,
    mute: Mute,
}

impl SpeechListener {
    fn new(processing: &Processing) -> Self {
        // Ducking has to know who speaks, whether it is told or not.
        let ducks = match processing.echo {
            EchoPolicy::Auto | EchoPolicy::Fixed(EchoMode::Duck) => true,
            EchoPolicy::Fixed(EchoMode::Off | EchoMode::Cancel | EchoMode::HalfDuplex) => false,
        };
        let rule = match processing.voice {
            ListenMode::Turns(rule) => Some(rule),
            ListenMode::Interruptions => Some(SpeechRule::default()),
            ListenMode::Off => ducks.then(SpeechRule::default),
        };
        Self {
            guard: EchoControl::new(processing),
            voice: rule.map(SpeechDetector::new),
            listening: processing.voice,
            mute: Mute::Live,
        }
    }

    fn render(&mut self, block: &Block) {
        self.guard.render(block);
    }

    fn capture(&mut self, block: &mut Block) -> Option<SpeechTransition> {
        let talker = self.voice.as_ref().map_or(NearEnd::Silent, SpeechDetector::talker);
        let trust = self.guard.capture(block, talker);
        let beside = self.guard.beside();
        match (self.mute, self.listening, beside) {
            (Mute::Live, ListenMode::Turns(_), FarEnd::Silence | FarEnd::Speaker)
            | (Mute::Live, ListenMode::Interruptions | ListenMode::Off, FarEnd::Speaker) => {
                let change =
                    self.voice.as_mut()?.listen(block, DetectionContext { trust, beside }, self.guard.rest());
                change.filter(|_| self.listening != ListenMode::Off)
            }
            (Mute::Live, ListenMode::Interruptions | ListenMode::Off, FarEnd::Silence)
            | (Mute::Muted, ..) => self.end(),
        }
    }

    /// Whoever speaks is not listened to any more.
    fn end(&mut self) -> Option<SpeechTransition> {
        self.voice.as_mut()?.end().filter(|_| self.listening != ListenMode::Off)
    }

    fn news(&mut self) -> Option<EchoState> {
        self.guard.news()
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod listening_tests;

#[cfg(test)]
mod hearing_tests;
