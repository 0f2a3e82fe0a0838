//! Token usage of answers and transcriptions, by the documented rates.

use crate::protocol::events::response::{TokenDetails, Usage};
use crate::protocol::events::server::TranscriptionUsage;

/// Step of cached input tokens on real servers.
const CACHE_STEP: u64 = 64;

/// Returns the tokens of text: about four characters each.
pub(crate) fn text_tokens(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4)
}

/// Returns the tokens of input audio: one per 100 ms.
pub(crate) fn input_audio_tokens(samples: u64) -> u64 {
    samples.div_ceil(2_400)
}

/// Returns the tokens of output audio: one per 50 ms.
pub(crate) fn output_audio_tokens(samples: u64) -> u64 {
    samples.div_ceil(1_200)
}

/// Tokens by modality.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// Text.
    pub(crate) text: u64,
    /// Audio.
    pub(crate) audio: u64,
}

impl Tokens {
    /// Returns the sum.
    pub(crate) fn total(self) -> u64 {
        self.text + self.audio
    }

    fn details(self) -> TokenDetails {
        TokenDetails { text: Some(self.text), audio: Some(self.audio), image: None }
    }
}

/// Returns the usage of an answer to `input`; `previous` is the input of the previous answer.
pub(crate) fn of_response(input: Tokens, before: Tokens, output: Tokens) -> Usage {
    let step = |tokens: u64| tokens / CACHE_STEP * CACHE_STEP;
    let cached =
        Tokens { text: step(before.text.min(input.text)), audio: step(before.audio.min(input.audio)) };
    Usage {
        total_tokens: Some(input.total() + output.total()),
        input_tokens: Some(input.total()),
        output_tokens: Some(output.total()),
        input: input.details(),
        cached: cached.details(),
        cached_tokens: Some(cached.total()),
        output: output.details(),
        ..Usage::default()
    }
}

/// Returns the usage of a transcription of `samples` by `model`: by time or by tokens.
pub(crate) fn of_transcription(model: Option<&str>, samples: u64, transcript: &str) -> TranscriptionUsage {
    if !model.is_some_and(|model| model.starts_with("gpt-4o")) {
        return TranscriptionUsage::Duration(samples.div_ceil(24_000) as f64);
    }
    let (input, output) = (input_audio_tokens(samples), text_tokens(transcript));
    TranscriptionUsage::Tokens(Box::new(Usage {
        total_tokens: Some(input + output),
        input_tokens: Some(input),
        output_tokens: Some(output),
        input: TokenDetails { text: Some(0), audio: Some(input), image: None },
        ..Usage::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_costs_the_documented_tokens() {
        assert_eq!((input_audio_tokens(24_000 * 60), output_audio_tokens(24_000 * 60)), (600, 1_200));
    }

    #[test]
    fn cached_tokens_are_part_of_the_input() {
        let input = Tokens { text: 100, audio: 700 };
        let usage = of_response(input, Tokens { text: 90, audio: 900 }, Tokens { text: 5, audio: 7 });
        assert_eq!(usage.cached.text, Some(64));
        assert_eq!(usage.cached.audio, Some(640));
        assert_eq!(
            (usage.cached_tokens, usage.input_tokens, usage.total_tokens),
            (Some(704), Some(800), Some(812))
        );
    }
}
