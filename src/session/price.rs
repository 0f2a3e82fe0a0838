//! What tokens cost, from a dated table. What the table does not know costs an unknown amount, not nothing.

use std::collections::HashMap;

use serde::Deserialize;

use crate::protocol::response::{TokenDetails, Usage};

/// The prices at OpenAI, in US dollars, as of the date in the file.
const BUILT_IN: &str = include_str!("../../assets/prices.json");

/// Prices by model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Prices {
    per_million_tokens: HashMap<String, Rates>,
    transcription_per_million_tokens: HashMap<String, Rates>,
    per_minute: HashMap<String, f64>,
    aliases: HashMap<String, String>,
}

/// Dollars for a million tokens of each kind; a kind that is not billed is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Rates {
    text_in: f64,
    text_cached: f64,
    text_out: f64,
    audio_in: f64,
    audio_cached: f64,
    audio_out: f64,
    image_in: f64,
    image_cached: f64,
}

impl Prices {
    /// Returns the prices at OpenAI.
    pub fn openai() -> Self {
        serde_json::from_str(BUILT_IN).expect("the table is a part of this program, and a test reads it")
    }

    /// Returns what a response of `model` cost in dollars; none where price or usage is unknown.
    pub fn response(&self, model: &str, usage: &Usage) -> Option<f64> {
        self.per_million_tokens.get(self.name(model))?.cost(usage)
    }

    /// Returns what a transcription of `model` cost in dollars, by its tokens.
    pub fn transcription(&self, model: &str, usage: &Usage) -> Option<f64> {
        self.transcription_per_million_tokens.get(self.name(model))?.cost(usage)
    }

    /// Returns what a transcription of `model` cost in dollars, by its time.
    pub fn transcribed(&self, model: &str, seconds: f64) -> Option<f64> {
        Some(self.per_minute.get(self.name(model))? * seconds / 60.0)
    }

    /// Dated names are those of the model they were.
    fn name<'a>(&'a self, model: &'a str) -> &'a str {
        self.aliases.get(model).map_or(model, String::as_str)
    }
}

impl Rates {
    /// Cached tokens are a part of the input: they are taken out of it before it is billed.
    fn cost(&self, usage: &Usage) -> Option<f64> {
        let Counts { text, audio, image } = Counts::of(usage.input, usage.input_tokens)?;
        let cached = Counts::of(usage.cached, usage.cached_tokens.or(Some(0)))?;
        let output = Counts::of(usage.output, usage.output_tokens)?;
        let dollars = (text - cached.text).max(0.0) * self.text_in
            + cached.text * self.text_cached
            + (audio - cached.audio).max(0.0) * self.audio_in
            + cached.audio * self.audio_cached
            + (image - cached.image).max(0.0) * self.image_in
            + cached.image * self.image_cached
            + output.text * self.text_out
            + output.audio * self.audio_out;
        Some(dollars / 1e6)
    }
}

/// Tokens by kind, all known.
#[derive(Clone, Copy, Debug)]
struct Counts {
    text: f64,
    audio: f64,
    image: f64,
}

impl Counts {
    /// Kinds that are not named are zero only where their sum says so.
    fn of(details: TokenDetails, sum: Option<u64>) -> Option<Self> {
        let TokenDetails { text, audio, image } = details;
        let named = [text, audio, image].into_iter().flatten().sum::<u64>();
        let is_known = (text.is_some() && audio.is_some()) || sum == Some(named);
        let number = |count: Option<u64>| count.unwrap_or(0) as f64;
        is_known.then(|| Self { text: number(text), audio: number(audio), image: number(image) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage() -> Usage {
        Usage {
            total_tokens: Some(1289),
            input_tokens: Some(984),
            output_tokens: Some(305),
            input: TokenDetails { text: Some(984), audio: Some(0), image: None },
            cached: TokenDetails { text: Some(960), audio: Some(0), image: None },
            cached_tokens: Some(960),
            output: TokenDetails { text: Some(61), audio: Some(244), image: None },
            ..Usage::default()
        }
    }

    fn dollars(cost: Option<f64>) -> String {
        cost.map_or("unknown".to_owned(), |cost| format!("{cost:.6}"))
    }

    #[test]
    fn cached_tokens_are_a_part_of_the_input() {
        assert_eq!(dollars(Prices::openai().response("gpt-realtime-2", &usage())), "0.017560");
    }

    #[test]
    fn a_dated_name_costs_what_its_model_costs() {
        let prices = Prices::openai();
        let named = prices.response("gpt-realtime", &usage());
        assert!(named.is_some());
        assert_eq!(prices.response("gpt-realtime-2025-08-28", &usage()), named);
    }

    #[test]
    fn what_is_not_known_is_not_free() {
        let prices = Prices::openai();
        assert_eq!(prices.response("another-model", &usage()), None);
        let no_details = Usage { input: TokenDetails::default(), ..usage() };
        assert_eq!(prices.response("gpt-realtime-2", &no_details), None);
        assert_eq!(prices.response("gpt-realtime-2", &Usage::default()), None);
        assert_eq!(Prices::default().transcribed("whisper-1", 60.0), None);
    }

    #[test]
    fn transcriptions_cost_by_tokens_or_by_time() {
        let prices = Prices::openai();
        assert_eq!(dollars(prices.transcribed("whisper-1", 90.0)), "0.009000");
        let heard = Usage {
            input_tokens: Some(16),
            output_tokens: Some(8),
            input: TokenDetails { text: Some(0), audio: Some(16), image: None },
            output: TokenDetails { text: Some(8), audio: Some(0), image: None },
            ..Usage::default()
        };
        assert_eq!(dollars(prices.transcription("gpt-4o-transcribe", &heard)), "0.000120");
    }
}
