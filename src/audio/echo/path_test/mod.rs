//! Measures the way from the speaker to the microphone: chirps tell of the echo, words of what the canceller
//! makes of it.
//!
//! All is played twice, because an echo is the same each time, and what else is heard is not. Pure: it is told
//! what the microphone heard, and where in it the speaker was given the first sample.

use std::ops::Range;
use std::time::Duration;

use crate::audio::echo::{
    BLOCK, Block, EchoControl, EchoMode, EchoPolicy, NearEnd, Processing, RATE, SURE, decibels, power,
};
use crate::dsp::chirp::{chirp, response};
use crate::dsp::frame::Frame;
use crate::dsp::resample::to_floats;

/// How long each chirp is.
const CHIRP: Duration = Duration::from_millis(250);
/// How late an echo may be; sound over the air to a headset takes a third of a second.
const LATEST: Duration = Duration::from_millis(450);
/// How long a room goes on sounding, as far as it counts.
const RINGING: Duration = Duration::from_millis(120);
/// How far around its place a chirp is found, too.
const WIDTH: Duration = Duration::from_millis(5);
/// From the beginning of the first chirp to that of the second, and from there to the words: the echo of the
/// one has to be over before that of the other is looked for.
const NEXT: Duration = Duration::from_millis(700);
const WORDS: Duration = Duration::from_millis(850);
/// The pause between the words and the words again.
const PAUSE: Duration = Duration::from_millis(200);
/// How much is to be heard behind the words: their echo.
const TAIL: Duration = Duration::from_millis(500);
/// An echo that is softer than this, in dB, is none: of an answer at 20 dB below full scale it leaves less than
/// the meter of a call takes for silence.
const FAINT_DB: f32 = -35.0;
/// How many samples the clocks of both devices may go apart from one chirp to the other: 300 millionths.
const DRIFT: usize = 5;
/// How much more disturbance than echo there may be, as power: the chirps are that much clearer than noise.
const DISTURBED: f32 = 2.0;
/// How much disturbance there may be beside the words, as a part of their echo: a canceller that works takes as
/// much away.
const DISTURBED_WORDS: f32 = 0.1;
/// How much louder than the steady noise of the room it is then, as power.
const UNSTEADY: f32 = 2.0;
/// What is softest for so long before anything is played is that noise: who speaks makes pauses.
const MOMENT: Duration = Duration::from_millis(50);
/// What is softer than this, in dB below full scale, disturbs nobody.
const HARMLESS_DBFS: f32 = -50.0;
/// How often the canceller hears it: after that many seconds a call has settled.
const TIMES: usize = 5;
/// Samples at the end of the scale are cut off.
const CUT_OFF: u16 = 32_000;

/// What is played, and what it needs to be judged.
#[derive(Debug)]
pub struct EchoPathTest {
    samples: Vec<i16>,
    /// Where the words are, and where they are again.
    words: [Range<usize>; 2],
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PathTestOutcome {
    /// The microphone hears the speaker.
    Echo(MeasuredEcho),
    /// It does not; an echo would have to be softer than this, in dB of what is played.
    Unheard(f32),
    /// What was heard tells nothing.
    Unclear(InconclusiveReason),
}

/// An echo, measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeasuredEcho {
    /// From the speaker being given a sound to the microphone giving it.
    pub delay: Duration,
    /// How loud it is, in dB of what is played: mostly below 0.
    pub leak_db: f32,
    /// How much of it the canceller takes away, in dB (echo return loss enhancement), where it works on it.
    pub enhancement_db: Option<f32>,
    /// Where `auto` comes to; [`EchoMode::Off`] where it finds nothing to do.
    pub settles: EchoMode,
}

/// Why nothing can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InconclusiveReason {
    /// The microphone gave nothing but zeros.
    Zeros,
    /// The echo is so loud that its peaks are cut off.
    TooLoud,
    /// There was noise, somebody spoke, or there were gaps in it.
    Disturbed,
}

impl EchoPathTest {
    /// Makes one of some words at 24 kHz, about a second long and as loud as an answer.
    pub fn new(words: &[i16]) -> Self {
        let chirp = chirp(RATE, CHIRP).samples;
        let first = length(NEXT) + length(WORDS);
        let again = first + words.len() + length(PAUSE);
        let mut samples = vec![0; again + words.len()];
        for (at, part) in [(0, &*chirp), (length(NEXT), &*chirp), (first, words), (again, words)] {
            samples[at..][..part.len()].copy_from_slice(part);
        }
        Self { samples, words: [first, again].map(|at| at..at + words.len()) }
    }

    /// Returns what is to be played, in one piece.
    pub fn frame(&self) -> Frame {
        Frame::new(RATE, &*self.samples)
    }

    /// Returns how much has to be heard from the moment on at which the speaker is given the first sample.
    pub fn duration(&self) -> Duration {
        RATE.duration(self.samples.len() as u64) + TAIL
    }

    /// Judges what was heard at 24 kHz without a canceller; the speaker was given the first sample when the
    /// sample number `given` came. It takes up to a second of computing.
    pub fn judge(&self, heard: &[i16], given: usize) -> PathTestOutcome {
        let end = given + self.samples.len() + length(TAIL);
        let Some(heard) = heard.get(..end) else {
            return PathTestOutcome::Unclear(InconclusiveReason::Disturbed);
        };
        if heard.iter().all(|sample| *sample == 0) {
            return PathTestOutcome::Unclear(InconclusiveReason::Zeros);
        }
        if heard.iter().any(|sample| sample.unsigned_abs() > CUT_OFF) {
            return PathTestOutcome::Unclear(InconclusiveReason::TooLoud);
        }
        let heard = to_floats(heard);
        let chirps = Chirps::find(&heard[given..]);
        let late = chirps.place();
        if !chirps.is_clear(late) {
            let most = chirps.most_db(late);
            let is_faint = most < FAINT_DB;
            return if is_faint {
                PathTestOutcome::Unheard(most)
            } else {
                PathTestOutcome::Unclear(InconclusiveReason::Disturbed)
            };
        }
        if self.is_disturbed(&heard[given + late..], steady(&heard[..given])) {
            return PathTestOutcome::Unclear(InconclusiveReason::Disturbed);
        }
        let call = self.call(&heard, given, late);
        PathTestOutcome::Echo(MeasuredEcho {
            delay: RATE.duration(late as u64),
            leak_db: chirps.leak_db(late),
            enhancement_db: call.enhancement_db(),
            settles: call.settles(),
        })
    }

    /// Returns whether the words did not come back as they did before; `echo` begins with that of the first sample, and
    /// the power of the room's noise is `steady`.
    fn is_disturbed(&self, echo: &[f32], steady: f32) -> bool {
        let [first, again] = self.words.clone();
        let first = &echo[first];
        let wide = again.start - DRIFT..again.end + DRIFT;
        let again = nearest(first, &echo[wide]);
        let count = first.len().max(1) as f32;
        let (apart, alike) = (difference_power(first, again) / count, cross_power(first, again) / count);
        let is_noise = apart < alike && apart < steady * UNSTEADY;
        decibels(apart) > HARMLESS_DBFS && apart > alike * DISTURBED_WORDS && !is_noise
    }

    /// Holds a call in which the same is played again and again.
    fn call(&self, heard: &[f32], given: usize, late: usize) -> AutoModeSimulation {
        let mut far = vec![0.0; given];
        far.extend(to_floats(&self.samples));
        far.resize(heard.len(), 0.0);
        let (far, near) = (far.as_chunks::<BLOCK>().0, heard.as_chunks::<BLOCK>().0);
        let block = |sample: usize| (given + late + sample) / BLOCK;
        let [first, again] = &self.words;
        let words = block(first.start)..block(again.end);
        let mut call = AutoModeSimulation::new();
        for time in 1..=TIMES {
            for (number, (far, near)) in far.iter().zip(near).enumerate() {
                call.step(far, *near);
                if time == TIMES && words.contains(&number) {
                    call.count();
                }
            }
        }
        call
    }
}

/// What came back of the two chirps: how loud it is from each place on.
struct Chirps {
    first: Vec<f32>,
    second: Vec<f32>,
    /// What a chirp finds in itself.
    own: f32,
}

impl Chirps {
    /// Finds them in what was heard from the first sample on that the speaker was given.
    fn find(heard: &[f32]) -> Self {
        let chirp = to_floats(&chirp(RATE, CHIRP).samples);
        let reach = length(LATEST) + length(RINGING) + chirp.len();
        let first = response(&chirp, &heard[..reach]);
        let wide = length(NEXT) - DRIFT..length(NEXT) + reach + DRIFT;
        let second = nearest(&first, &response(&chirp, &heard[wide])).to_vec();
        let mut alone = vec![0.0; length(WIDTH)];
        alone.extend(&chirp);
        alone.resize(alone.len() + length(RINGING), 0.0);
        let own = response(&chirp, &alone);
        let own = cross_power(&own, &own).max(f32::MIN_POSITIVE);
        Self { first, second, own }
    }

    /// Returns how late the echo is, in samples, if there is one.
    fn place(&self) -> usize {
        let both = self.first.iter().zip(&self.second).map(|(first, second)| (first + second).abs());
        let loudest = both.take(length(LATEST)).enumerate().max_by(|left, right| left.1.total_cmp(&right.1));
        loudest.map_or(0, |(place, _)| place)
    }

    /// Returns whether both came back alike, the place itself beyond chance.
    fn is_clear(&self, place: usize) -> bool {
        let near = place.saturating_sub(length(WIDTH))..place + length(WIDTH);
        let (near, all) = (self.at(near), self.at(Self::ringing(place)));
        cross_power(near.0, near.1) > difference_power(near.0, near.1) * DISTURBED
            && cross_power(all.0, all.1) * DISTURBED > difference_power(all.0, all.1)
    }

    /// Returns how loud the echo is, in dB of what is played.
    fn leak_db(&self, place: usize) -> f32 {
        let (first, second) = self.at(Self::ringing(place));
        decibels(cross_power(first, second) / self.own)
    }

    /// Returns how loud an echo may be that hides in what else is heard.
    fn most_db(&self, place: usize) -> f32 {
        let (first, second) = self.at(Self::ringing(place));
        decibels(cross_power(first, second).max(difference_power(first, second)) / self.own)
    }

    fn ringing(place: usize) -> Range<usize> {
        place.saturating_sub(length(WIDTH))..place + length(RINGING)
    }

    fn at(&self, range: Range<usize>) -> (&[f32], &[f32]) {
        (&self.first[range.clone()], &self.second[range])
    }
}

/// A call with `auto`, and what becomes of the echo in it.
struct AutoModeSimulation {
    guard: EchoControl,
    before: f32,
    behind: f32,
}

impl AutoModeSimulation {
    fn new() -> Self {
        let processing = Processing { echo: EchoPolicy::Auto, ..Processing::NONE };
        let guard = EchoControl::new(&processing);
        Self { guard, before: 0.0, behind: 0.0 }
    }

    fn step(&mut self, far: &Block, mut near: Block) {
        self.guard.render(far);
        self.guard.capture(&mut near, NearEnd::Silent);
    }

    /// Counts the last block.
    fn count(&mut self) {
        self.before += self.guard.passed.0;
        self.behind += self.guard.passed.1;
    }

    fn enhancement_db(&self) -> Option<f32> {
        (self.settles() != EchoMode::Off).then(|| decibels(self.before / self.behind.max(f32::MIN_POSITIVE)))
    }

    fn settles(&self) -> EchoMode {
        match self.guard.mode {
            EchoMode::Cancel if self.guard.unheard >= SURE => EchoMode::Off,
            mode @ (EchoMode::Off | EchoMode::Cancel | EchoMode::Duck | EchoMode::HalfDuplex) => mode,
        }
    }
}

fn length(time: Duration) -> usize {
    usize::try_from(RATE.samples(time)).unwrap_or(usize::MAX)
}

/// Returns the power of what is heard all the time.
fn steady(heard: &[f32]) -> f32 {
    heard.chunks_exact(length(MOMENT)).map(power).min_by(f32::total_cmp).unwrap_or_default()
}

/// Returns the part of `wide` that is likest to `narrow`.
fn nearest<'a>(narrow: &[f32], wide: &'a [f32]) -> &'a [f32] {
    let parts = wide.windows(narrow.len().max(1));
    parts
        .max_by(|one, other| cross_power(narrow, one).total_cmp(&cross_power(narrow, other)))
        .unwrap_or_default()
}

/// Returns the power that both have: what is by chance in one is not in the other.
fn cross_power(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// Returns the power of what is by chance in one of them.
fn difference_power(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| (one - other) * (one - other) / 2.0).sum()
}

#[cfg(test)]
mod tests;
