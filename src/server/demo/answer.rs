//! One answer on its way: what is sent of it, and when.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::dsp::codec::Codec;
use crate::dsp::frame::SampleRate;
use crate::dsp::resample::resample_clip;
use crate::protocol::settings::{AudioFormat, Modality, TokenLimit, Voice};
use crate::server::demo::effective::codec;
use crate::server::demo::faults::Fault;
use crate::server::demo::function_calls::choice::Call;
use crate::server::demo::usage::Tokens;
use crate::server::demo::voice::delivery::Timing;
use crate::server::demo::voice::persona::SpeechPart;

/// How much sound is in one delta.
const DELTA: Duration = Duration::from_millis(100);

/// Deltas of the arguments of a function call, at most.
const ARGUMENT_DELTAS: usize = 20;

/// Characters in a delta of arguments, at least.
const ARGUMENT_DELTA_CHARS: usize = 8;

/// How fast a written answer comes, for each word, at a pace of 1.
const WORD: Duration = Duration::from_millis(100);

/// How much sooner a word is sent than its sound, as a factor: transcripts run ahead.
const AHEAD: u32 = 2;

/// An answer that is asked for, and, once it is made, sent piece by piece.
#[derive(Debug)]
pub(crate) struct StreamedAnswer {
    /// `resp_…`.
    pub(crate) id: String,
    /// The assistant's item.
    pub(crate) item_id: String,
    /// What it is like.
    pub(crate) manner: DeliveryMode,
    /// What it is made of; the job of the speech that is awaited.
    pub(crate) parts: Vec<SpeechPart>,
    /// Which speech belongs to it.
    pub(crate) job: u64,
    /// What the conversation held when it was asked for.
    pub(crate) input: Tokens,
    /// The function call it consists of, in place of something said.
    pub(crate) call: Option<OutgoingCall>,
    /// Nothing until it is made.
    pub(crate) schedule: Option<Schedule>,
    /// Where the client cut it while it was on its way, in samples at 24 kHz.
    pub(crate) cut: Option<u64>,
}

/// A function call on its way.
#[derive(Clone, Debug)]
pub(crate) struct OutgoingCall {
    /// `call_…`, which the output has to name.
    pub(crate) call_id: String,
    /// The function and its arguments.
    pub(crate) call: Call,
}

/// How an answer is given.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryMode {
    /// Spoken or written.
    pub(crate) modality: Modality,
    /// In which format.
    pub(crate) format: AudioFormat,
    /// With which voice.
    pub(crate) voice: Voice,
    /// At most how long.
    pub(crate) limit: TokenLimit,
    /// In the conversation or beside it.
    pub(crate) place: ConversationMembership,
    /// The client's notes.
    pub(crate) metadata: Option<Map<String, Value>>,
}

/// Whether an answer is a part of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConversationMembership {
    /// It is; only one at a time.
    Conversation,
    /// It is not (`conversation: "none"`).
    Nowhere,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AnswerPiece {
    /// Of the text or the transcript.
    Text(String),
    /// Of the sound, in bytes of the wire.
    Sound(Range<usize>),
    /// Here the endpoint misbehaves.
    Break,
}

/// What is still to be sent, and what was.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// When the first piece was due.
    pub(crate) begun: Duration,
    pieces: VecDeque<(Duration, AnswerPiece)>,
    bytes: Vec<u8>,
    /// Bytes a second.
    byte_rate: u64,
    /// The whole sound at 24 kHz.
    pub(crate) sound: Vec<i16>,
    /// The text that was sent.
    pub(crate) text: String,
    sent: usize,
    /// Whether the token limit left something out.
    pub(crate) limited: OutputTruncation,
}

/// Whether an answer is shorter than it would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputTruncation {
    /// By `max_output_tokens`.
    Yes,
    /// It is whole.
    No,
}

impl Schedule {
    /// Plans a spoken answer.
    pub(crate) fn spoken(text: &str, sound: Vec<i16>, manner: &DeliveryMode, timing: Timing<'_>) -> Self {
        let (sound, text, limited) = limit_sound(sound, text, manner.limit);
        let (codec, rate) = codec(Some(&manner.format));
        let bytes = codec.encode(&resample_clip(&sound, SampleRate::HZ_24000, rate));
        let width = if codec == Codec::Pcm16 { 2 } else { 1 };
        let byte_rate = u64::from(rate.0) * width;
        let odd = usize::from(timing.faults.has(Fault::OddBytes));
        let step = usize::try_from(rate.samples(DELTA) * width).unwrap_or(1) + odd;
        let length = SampleRate::HZ_24000.duration(sound.len() as u64);
        let words = words(&text);
        let word_time = length / u32::try_from(words.len().max(1)).unwrap_or(1) / AHEAD;
        let mut pieces: Vec<(Duration, AnswerPiece)> = words
            .into_iter()
            .zip(0_u32..)
            .map(|(word, index)| (word_time * index, AnswerPiece::Text(word)))
            .collect();
        pieces.extend((0..bytes.len()).step_by(step).zip(0_u32..).map(|(start, index)| {
            (DELTA * index, AnswerPiece::Sound(start..(start + step).min(bytes.len())))
        }));
        // The sort is stable: of what is due together the text comes first.
        pieces.sort_by_key(|(offset, _)| *offset);
        Self { bytes, byte_rate, sound, ..Self::planned(pieces, limited, timing) }
    }

    /// Plans a written answer.
    pub(crate) fn written(text: &str, manner: &DeliveryMode, timing: Timing<'_>) -> Self {
        let (text, limited) = limit_text(text, manner.limit);
        let pieces = words(&text).into_iter().zip(0_u32..);
        let pieces = pieces.map(|(word, index)| (WORD * index, AnswerPiece::Text(word))).collect();
        Self::planned(pieces, limited, timing)
    }

    /// Plans the arguments of a function call.
    pub(crate) fn arguments(text: &str, limit: TokenLimit, timing: Timing<'_>) -> Self {
        let (text, limited) = limit_text(text, limit);
        let letters: Vec<char> = text.chars().collect();
        let length = letters.len().div_ceil(ARGUMENT_DELTAS).max(ARGUMENT_DELTA_CHARS);
        let pieces = letters.chunks(length).zip(0_u32..);
        let pieces =
            pieces.map(|(part, index)| (WORD * index, AnswerPiece::Text(part.iter().collect()))).collect();
        Self::planned(pieces, limited, timing)
    }

    fn planned(pieces: Vec<(Duration, AnswerPiece)>, limited: OutputTruncation, timing: Timing<'_>) -> Self {
        Self {
            begun: timing.now,
            pieces: timing.planned(pieces),
            bytes: Vec::new(),
            byte_rate: 1,
            sound: Vec::new(),
            text: String::new(),
            sent: 0,
            limited,
        }
    }

    /// Returns when the next piece is due; nothing when all are sent.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.pieces.front().map(|(due, _)| *due)
    }

    /// Returns the next piece if it is due.
    pub(crate) fn next(&mut self, now: Duration) -> Option<AnswerPiece> {
        self.due().filter(|due| *due <= now)?;
        let (_, piece) = self.pieces.pop_front()?;
        match &piece {
            AnswerPiece::Text(text) => self.text.push_str(text),
            AnswerPiece::Sound(range) => self.sent = range.end,
            AnswerPiece::Break => {}
        }
        Some(piece)
    }

    /// Returns the bytes of a piece of sound.
    pub(crate) fn bytes(&self, range: Range<usize>) -> Vec<u8> {
        self.bytes[range].to_vec()
    }

    /// Returns how much sound was sent, in samples at 24 kHz.
    pub(crate) fn sent_samples(&self) -> u64 {
        let samples = self.sent as u64 * u64::from(SampleRate::HZ_24000.0) / self.byte_rate;
        samples.min(self.sound.len() as u64)
    }
}

/// Cuts text behind each word, so that the pieces make the whole again.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for part in text.split_inclusive(char::is_whitespace) {
        match words.last_mut() {
            Some(last) if part.trim().is_empty() => last.push_str(part),
            Some(_) | None => words.push(part.to_owned()),
        }
    }
    words
}

fn limit_text(text: &str, limit: TokenLimit) -> (String, OutputTruncation) {
    let most = match limit {
        TokenLimit::Unlimited => return (text.to_owned(), OutputTruncation::No),
        TokenLimit::Tokens(tokens) => usize::try_from(tokens.saturating_mul(4)).unwrap_or(usize::MAX),
    };
    let cut: String = text.chars().take(most).collect();
    let limited = if cut.len() < text.len() { OutputTruncation::Yes } else { OutputTruncation::No };
    (cut, limited)
}

/// Sound is twenty tokens a second; the transcript is cut in proportion.
fn limit_sound(mut sound: Vec<i16>, text: &str, limit: TokenLimit) -> (Vec<i16>, String, OutputTruncation) {
    let most = match limit {
        TokenLimit::Unlimited => usize::MAX,
        TokenLimit::Tokens(tokens) => usize::try_from(tokens.saturating_mul(1_200)).unwrap_or(usize::MAX),
    };
    if sound.len() <= most {
        return (sound, text.to_owned(), OutputTruncation::No);
    }
    let letters = text.chars().count() * most / sound.len();
    sound.truncate(most);
    (sound, text.chars().take(letters).collect(), OutputTruncation::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::demo::faults::Faults;

    const SECOND: Duration = Duration::from_secs(1);

    fn manner(format: AudioFormat, limit: TokenLimit) -> DeliveryMode {
        DeliveryMode {
            modality: Modality::Audio,
            format,
            voice: Voice::Named("alloy".to_owned()),
            limit,
            place: ConversationMembership::Conversation,
            metadata: None,
        }
    }

    fn plan(faults: &str, manner: &DeliveryMode) -> Schedule {
        let faults = Faults::parse(faults).unwrap();
        let timing = Timing { now: SECOND, pace: 5.0, faults: &faults, seed: 1 };
        Schedule::spoken("one two  three four", vec![1; 48_000], manner, timing)
    }

    fn pcm() -> DeliveryMode {
        manner(AudioFormat::PCM24K, TokenLimit::Unlimited)
    }

    fn sound_lengths(schedule: &Schedule) -> Vec<usize> {
        let length = |(_, piece): &(Duration, AnswerPiece)| match piece {
            AnswerPiece::Sound(range) => Some(range.len()),
            AnswerPiece::Text(_) | AnswerPiece::Break => None,
        };
        schedule.pieces.iter().filter_map(length).collect()
    }

    #[test]
    fn sound_comes_five_times_faster_than_it_plays_and_its_text_before_it() {
        let mut schedule = plan("", &pcm());
        assert_eq!(schedule.pieces.back().map(|(due, _)| *due), Some(SECOND + Duration::from_millis(380)));
        assert_eq!(schedule.next(SECOND), Some(AnswerPiece::Text("one ".to_owned())));
        assert_eq!(schedule.next(SECOND), Some(AnswerPiece::Sound(0..4_800)));
        assert_eq!(schedule.next(SECOND), None);
        while schedule.next(SECOND + Duration::from_millis(200)).is_some() {}
        assert_eq!(schedule.text, "one two  three four");
        assert_eq!(schedule.sent_samples(), 11 * 2_400);
    }

    #[test]
    fn telephone_deltas_last_as_long() {
        let schedule = plan("", &manner(AudioFormat::Ulaw, TokenLimit::Unlimited));
        assert_eq!(sound_lengths(&schedule), [800; 20]);
    }

    #[test]
    fn deltas_can_split_samples_and_come_all_at_once() {
        let schedule = plan("odd-bytes,burst", &pcm());
        assert_eq!(sound_lengths(&schedule)[0], 4_801);
        assert_eq!(sound_lengths(&schedule).iter().sum::<usize>(), 96_000);
        assert!(schedule.pieces.iter().all(|(due, _)| *due == SECOND));
    }

    #[test]
    fn a_stall_is_in_the_middle() {
        let schedule = plan("stall=500", &pcm());
        let dues: Vec<Duration> = schedule.pieces.iter().map(|(due, _)| *due).collect();
        let longest = dues.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(longest >= Some(Duration::from_millis(500)), "{dues:?}");
    }

    #[test]
    fn the_token_limit_cuts_sound_and_text() {
        let schedule = plan("", &manner(AudioFormat::PCM24K, TokenLimit::Tokens(20)));
        assert_eq!((schedule.sound.len(), schedule.limited), (24_000, OutputTruncation::Yes));
        let timing = Timing { now: SECOND, pace: 5.0, faults: &Faults::default(), seed: 1 };
        let schedule =
            Schedule::written("12345678", &manner(AudioFormat::PCM24K, TokenLimit::Tokens(1)), timing);
        assert_eq!(schedule.pieces[0].1, AnswerPiece::Text("1234".to_owned()));
    }
}
