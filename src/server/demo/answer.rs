//! An answer in progress, and the schedule of its pieces.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::dsp::codec::Codec;
use crate::dsp::frame::SampleRate;
use crate::dsp::resample::resample_clip;
use crate::protocol::settings::{AudioFormat, Modality, TokenLimit, Voice};
use crate::server::demo::active_settings::codec;
use crate::server::demo::faults::Fault;
use crate::server::demo::function_calls::choice::FunctionCall;
use crate::server::demo::usage::Tokens;
use crate::server::demo::voice::delivery::{AnswerPiece, DeliveryTiming};
use crate::server::demo::voice::persona::SpeechPart;

/// Audio per delta.
const DELTA_DURATION: Duration = Duration::from_millis(100);

/// Maximum number of deltas for the arguments of a function call.
const ARGUMENT_DELTAS: usize = 20;

/// Minimum number of characters in a delta of arguments.
const ARGUMENT_DELTA_CHARS: usize = 8;

/// Interval of the words in a written answer, at pace 1.
const WORD_INTERVAL: Duration = Duration::from_millis(100);

/// Lead of the transcript, as a factor: words are sent in this fraction of their spoken time.
const TRANSCRIPT_LEAD: u32 = 2;

/// An answer that was requested and is sent in pieces once prepared.
#[derive(Debug)]
pub(crate) struct StreamedAnswer {
    /// `resp_…`.
    pub(crate) id: String,
    /// The assistant's item.
    pub(crate) item_id: String,
    /// Output settings.
    pub(crate) mode: DeliveryMode,
    /// Its contents, for synthesis.
    pub(crate) parts: Vec<SpeechPart>,
    /// Job of its speech synthesis.
    pub(crate) job: u64,
    /// Tokens of the conversation at the time of the request.
    pub(crate) input: Tokens,
    /// The function call it consists of, instead of speech or text.
    pub(crate) call: Option<OutgoingCall>,
    /// The pieces to send; `None` until the speech is ready.
    pub(crate) schedule: Option<Schedule>,
    /// Position at which the client truncated it while it was being sent, in samples at 24 kHz.
    pub(crate) cut: Option<u64>,
}

/// A function call being sent.
#[derive(Clone, Debug)]
pub(crate) struct OutgoingCall {
    /// `call_…`, referenced by the output.
    pub(crate) call_id: String,
    /// The function and its arguments.
    pub(crate) call: FunctionCall,
}

/// Output settings of an answer.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryMode {
    /// Spoken or written.
    pub(crate) modality: Modality,
    /// Audio format.
    pub(crate) format: AudioFormat,
    /// Voice.
    pub(crate) voice: Voice,
    /// Maximum length.
    pub(crate) limit: TokenLimit,
    /// Whether it is part of the conversation.
    pub(crate) membership: ConversationMembership,
    /// Metadata of the request.
    pub(crate) metadata: Option<Map<String, Value>>,
}

/// Whether an answer is a part of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConversationMembership {
    /// Part of the conversation; only one at a time.
    Conversation,
    /// Out of band (`conversation: "none"`).
    OutOfBand,
}

/// The unsent pieces of an answer, and what has been sent.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// Time at which the first piece was due.
    pub(crate) started: Duration,
    pieces: VecDeque<(Duration, AnswerPiece)>,
    bytes: Vec<u8>,
    /// Bytes per second.
    byte_rate: u64,
    /// The complete audio at 24 kHz.
    pub(crate) pcm: Vec<i16>,
    /// Text sent so far.
    pub(crate) text: String,
    sent: usize,
    /// Whether the token limit truncated the answer.
    pub(crate) limited: OutputTruncation,
}

/// Whether an answer was truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputTruncation {
    /// Truncated by `max_output_tokens`.
    Yes,
    /// Complete.
    No,
}

impl Schedule {
    /// Schedules a spoken answer.
    pub(crate) fn spoken(text: &str, pcm: Vec<i16>, mode: &DeliveryMode, timing: DeliveryTiming<'_>) -> Self {
        let (pcm, text, limited) = limit_audio(pcm, text, mode.limit);
        let (codec, rate) = codec(Some(&mode.format));
        let bytes = codec.encode(&resample_clip(&pcm, SampleRate::HZ_24000, rate));
        let width = if codec == Codec::Pcm16 { 2 } else { 1 };
        let byte_rate = u64::from(rate.0) * width;
        let odd_byte = usize::from(timing.faults.has(Fault::OddBytes));
        let step = usize::try_from(rate.samples(DELTA_DURATION) * width).unwrap_or(1) + odd_byte;
        let length = SampleRate::HZ_24000.duration(pcm.len() as u64);
        let words = words(&text);
        let word_time = length / u32::try_from(words.len().max(1)).unwrap_or(1) / TRANSCRIPT_LEAD;
        let mut pieces: Vec<(Duration, AnswerPiece)> = words
            .into_iter()
            .zip(0_u32..)
            .map(|(word, index)| (word_time * index, AnswerPiece::Text(word)))
            .collect();
        pieces.extend((0..bytes.len()).step_by(step).zip(0_u32..).map(|(start, index)| {
            (DELTA_DURATION * index, AnswerPiece::Audio(start..(start + step).min(bytes.len())))
        }));
        // The sort is stable: of pieces due together, text comes first.
        pieces.sort_by_key(|(offset, _)| *offset);
        Self { bytes, byte_rate, pcm, ..Self::planned(pieces, limited, timing) }
    }

    /// Schedules a written answer.
    pub(crate) fn written(text: &str, mode: &DeliveryMode, timing: DeliveryTiming<'_>) -> Self {
        let (text, limited) = limit_text(text, mode.limit);
        let pieces = words(&text).into_iter().zip(0_u32..);
        let pieces = pieces.map(|(word, index)| (WORD_INTERVAL * index, AnswerPiece::Text(word))).collect();
        Self::planned(pieces, limited, timing)
    }

    /// Schedules the arguments of a function call.
    pub(crate) fn arguments(text: &str, limit: TokenLimit, timing: DeliveryTiming<'_>) -> Self {
        let (text, limited) = limit_text(text, limit);
        let letters: Vec<char> = text.chars().collect();
        let length = letters.len().div_ceil(ARGUMENT_DELTAS).max(ARGUMENT_DELTA_CHARS);
        let pieces = letters.chunks(length).zip(0_u32..);
        let pieces = pieces
            .map(|(part, index)| (WORD_INTERVAL * index, AnswerPiece::Text(part.iter().collect())))
            .collect();
        Self::planned(pieces, limited, timing)
    }

    fn planned(
        pieces: Vec<(Duration, AnswerPiece)>,
        limited: OutputTruncation,
        timing: DeliveryTiming<'_>,
    ) -> Self {
        Self {
            started: timing.now,
            pieces: timing.planned(pieces),
            bytes: Vec::new(),
            byte_rate: 1,
            pcm: Vec::new(),
            text: String::new(),
            sent: 0,
            limited,
        }
    }

    /// Returns the due time of the next piece; `None` once all are sent.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.pieces.front().map(|(due, _)| *due)
    }

    /// Returns the next piece if it is due.
    pub(crate) fn next(&mut self, now: Duration) -> Option<AnswerPiece> {
        self.due().filter(|due| *due <= now)?;
        let (_, piece) = self.pieces.pop_front()?;
        match &piece {
            AnswerPiece::Text(text) => self.text.push_str(text),
            AnswerPiece::Audio(range) => self.sent = range.end,
            AnswerPiece::Break => {}
        }
        Some(piece)
    }

    /// Returns the bytes of an audio piece.
    pub(crate) fn bytes(&self, range: Range<usize>) -> Vec<u8> {
        self.bytes[range].to_vec()
    }

    /// Returns the number of samples sent, at 24 kHz.
    pub(crate) fn sent_samples(&self) -> u64 {
        let samples = self.sent as u64 * u64::from(SampleRate::HZ_24000.0) / self.byte_rate;
        samples.min(self.pcm.len() as u64)
    }
}

/// Splits text after each word; the parts concatenate to the whole.
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
    let max = match limit {
        TokenLimit::Unlimited => return (text.to_owned(), OutputTruncation::No),
        TokenLimit::Tokens(tokens) => usize::try_from(tokens.saturating_mul(4)).unwrap_or(usize::MAX),
    };
    let cut: String = text.chars().take(max).collect();
    let limited = if cut.len() < text.len() { OutputTruncation::Yes } else { OutputTruncation::No };
    (cut, limited)
}

/// Truncates audio to the limit, at 20 tokens per second, and its transcript in proportion.
fn limit_audio(mut pcm: Vec<i16>, text: &str, limit: TokenLimit) -> (Vec<i16>, String, OutputTruncation) {
    let max = match limit {
        TokenLimit::Unlimited => usize::MAX,
        TokenLimit::Tokens(tokens) => usize::try_from(tokens.saturating_mul(1_200)).unwrap_or(usize::MAX),
    };
    if pcm.len() <= max {
        return (pcm, text.to_owned(), OutputTruncation::No);
    }
    let letters = text.chars().count() * max / pcm.len();
    pcm.truncate(max);
    (pcm, text.chars().take(letters).collect(), OutputTruncation::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::demo::faults::Faults;

    const SECOND: Duration = Duration::from_secs(1);

    fn mode(format: AudioFormat, limit: TokenLimit) -> DeliveryMode {
        DeliveryMode {
            modality: Modality::Audio,
            format,
            voice: Voice::Named("alloy".to_owned()),
            limit,
            membership: ConversationMembership::Conversation,
            metadata: None,
        }
    }

    fn plan(faults: &str, mode: &DeliveryMode) -> Schedule {
        let faults = Faults::parse(faults).unwrap();
        let timing = DeliveryTiming { now: SECOND, pace: 5.0, faults: &faults, seed: 1 };
        Schedule::spoken("one two  three four", vec![1; 48_000], mode, timing)
    }

    fn pcm() -> DeliveryMode {
        mode(AudioFormat::PCM24K, TokenLimit::Unlimited)
    }

    fn audio_lengths(schedule: &Schedule) -> Vec<usize> {
        let length = |(_, piece): &(Duration, AnswerPiece)| match piece {
            AnswerPiece::Audio(range) => Some(range.len()),
            AnswerPiece::Text(_) | AnswerPiece::Break => None,
        };
        schedule.pieces.iter().filter_map(length).collect()
    }

    #[test]
    fn audio_is_sent_at_five_times_real_time_and_its_text_first() {
        let mut schedule = plan("", &pcm());
        assert_eq!(schedule.pieces.back().map(|(due, _)| *due), Some(SECOND + Duration::from_millis(380)));
        assert_eq!(schedule.next(SECOND), Some(AnswerPiece::Text("one ".to_owned())));
        assert_eq!(schedule.next(SECOND), Some(AnswerPiece::Audio(0..4_800)));
        assert_eq!(schedule.next(SECOND), None);
        while schedule.next(SECOND + Duration::from_millis(200)).is_some() {}
        assert_eq!(schedule.text, "one two  three four");
        assert_eq!(schedule.sent_samples(), 11 * 2_400);
    }

    #[test]
    fn telephone_deltas_have_the_same_duration() {
        let schedule = plan("", &mode(AudioFormat::Ulaw, TokenLimit::Unlimited));
        assert_eq!(audio_lengths(&schedule), [800; 20]);
    }

    #[test]
    fn deltas_can_split_samples_and_be_sent_at_once() {
        let schedule = plan("odd-bytes,burst", &pcm());
        assert_eq!(audio_lengths(&schedule)[0], 4_801);
        assert_eq!(audio_lengths(&schedule).iter().sum::<usize>(), 96_000);
        assert!(schedule.pieces.iter().all(|(due, _)| *due == SECOND));
    }

    #[test]
    fn a_stall_occurs_in_the_middle() {
        let schedule = plan("stall=500", &pcm());
        let dues: Vec<Duration> = schedule.pieces.iter().map(|(due, _)| *due).collect();
        let longest = dues.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(longest >= Some(Duration::from_millis(500)), "{dues:?}");
    }

    #[test]
    fn the_token_limit_truncates_audio_and_text() {
        let schedule = plan("", &mode(AudioFormat::PCM24K, TokenLimit::Tokens(20)));
        assert_eq!((schedule.pcm.len(), schedule.limited), (24_000, OutputTruncation::Yes));
        let timing = DeliveryTiming { now: SECOND, pace: 5.0, faults: &Faults::default(), seed: 1 };
        let schedule =
            Schedule::written("12345678", &mode(AudioFormat::PCM24K, TokenLimit::Tokens(1)), timing);
        assert_eq!(schedule.pieces[0].1, AnswerPiece::Text("1234".to_owned()));
    }
}
