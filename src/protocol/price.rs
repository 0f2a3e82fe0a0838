//! Token prices, from a dated list and from the user. A missing price makes the cost unknown, not zero.

use std::collections::HashMap;

use serde::Deserialize;

use crate::protocol::events::response::{TokenDetails, Usage};

/// Prices of OpenAI in US dollars, as of the date in the file.
const BUILT_IN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/prices.json"));

/// Name in the user's prices for every model without its own.
const ANY_MODEL: &str = "*";

/// Prices by model. Empty, every cost is unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices {
    /// Prices of the user.
    own: HashMap<String, Rates>,
    list: PriceTable,
}

/// Price list of the file. Each model is in one of its tables.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct PriceTable {
    as_of: String,
    per_million_tokens: HashMap<String, Rates>,
    transcription_per_million_tokens: HashMap<String, Rates>,
    per_minute: HashMap<String, f64>,
    aliases: HashMap<String, String>,
}

/// Prices of a model in US dollars per million tokens of each kind, and per minute. Unknown prices are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Rates {
    /// Text input.
    pub text_in: Option<f64>,
    /// Cached text input; defaults to text input.
    pub text_cached: Option<f64>,
    /// Text output.
    pub text_out: Option<f64>,
    /// Audio input.
    pub audio_in: Option<f64>,
    /// Cached audio input; defaults to audio input.
    pub audio_cached: Option<f64>,
    /// Audio output.
    pub audio_out: Option<f64>,
    /// Image input.
    pub image_in: Option<f64>,
    /// Cached image input; defaults to image input.
    pub image_cached: Option<f64>,
    /// Minute of transcribed audio, if billed by time.
    pub per_minute: Option<f64>,
}

impl Prices {
    /// Returns the prices of OpenAI.
    pub fn openai() -> Self {
        let list = serde_json::from_str(BUILT_IN);
        let list = list.expect("the embedded list is valid, and a test reads it");
        Self { own: HashMap::new(), list }
    }

    /// Returns the date of the list, such as `2026-11-20`; none without a list.
    pub fn as_of(&self) -> Option<&str> {
        Some(self.list.as_of.as_str()).filter(|date| !date.is_empty())
    }

    /// Overrides the prices of a model; `*` means every other model.
    pub fn set(&mut self, model: String, rates: Rates) {
        self.own.insert(model, rates);
    }

    /// Returns the cost of a response or transcription of `model` in US dollars, by tokens; none if unknown.
    pub fn tokens(&self, model: Option<&str>, usage: Option<&Usage>) -> Option<f64> {
        self.rates(model)?.cost(usage)
    }

    /// Returns the cost of a transcription of `model` in US dollars, by time.
    pub fn time(&self, model: Option<&str>, seconds: f64) -> Option<f64> {
        Some(self.rates(model)?.per_minute? * seconds / 60.0)
    }

    /// Returns the prices of a model: the user's override the list, and dated names are aliases.
    fn rates(&self, model: Option<&str>) -> Option<Rates> {
        let known_as = model.and_then(|model| self.list.aliases.get(model)).map(String::as_str);
        let names = || [model, known_as].into_iter().flatten();
        let mut own = names().chain([ANY_MODEL]).filter_map(|name| self.own.get(name).copied());
        own.next().or_else(|| names().find_map(|name| self.list.rates(name)))
    }
}

impl PriceTable {
    fn rates(&self, model: &str) -> Option<Rates> {
        let tokens = self.per_million_tokens.get(model);
        let tokens = tokens.or_else(|| self.transcription_per_million_tokens.get(model)).copied();
        let timed = || Some(Rates { per_minute: Some(*self.per_minute.get(model)?), ..Rates::default() });
        tokens.or_else(timed)
    }
}

impl Rates {
    /// Free of charge, even without usage.
    pub const FREE: Self = Self {
        text_in: Some(0.0),
        text_cached: Some(0.0),
        text_out: Some(0.0),
        audio_in: Some(0.0),
        audio_cached: Some(0.0),
        audio_out: Some(0.0),
        image_in: Some(0.0),
        image_cached: Some(0.0),
        per_minute: Some(0.0),
    };

    /// Returns the cost of a usage. Cached tokens are part of the input and are subtracted from it.
    fn cost(&self, usage: Option<&Usage>) -> Option<f64> {
        if *self == Self::FREE {
            return Some(0.0);
        }
        let usage = usage?;
        let input = TokenCounts::of(usage.input, usage.input_tokens)?;
        let cached = TokenCounts::of(usage.cached, usage.cached_tokens.or(Some(0)))?;
        let output = TokenCounts::of(usage.output, usage.output_tokens)?;
        let billed = [
            (input.text - cached.text, self.text_in),
            (cached.text, self.text_cached.or(self.text_in)),
            (input.audio - cached.audio, self.audio_in),
            (cached.audio, self.audio_cached.or(self.audio_in)),
            (input.image - cached.image, self.image_in),
            (cached.image, self.image_cached.or(self.image_in)),
            (output.text, self.text_out),
            (output.audio, self.audio_out),
            (output.image, None),
        ];
        let mut counted = billed.into_iter().filter(|(count, _)| *count > 0.0);
        let dollars = counted.try_fold(0.0, |sum, (count, rate)| Some(sum + count * rate?))?;
        Some(dollars / 1e6)
    }
}

/// Tokens by kind, all known.
#[derive(Clone, Copy, Debug)]
struct TokenCounts {
    text: f64,
    audio: f64,
    image: f64,
}

impl TokenCounts {
    /// Returns the counts if all are known. Missing kinds are zero only if the sum agrees.
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

    fn of(prices: &Prices, model: &str, usage: &Usage) -> String {
        dollars(prices.tokens(Some(model), Some(usage)))
    }

    #[test]
    fn cached_tokens_are_a_part_of_the_input() {
        assert_eq!(of(&Prices::openai(), "gpt-realtime-2", &usage()), "0.017560");
    }

    #[test]
    fn a_dated_name_has_the_price_of_its_model() {
        let prices = Prices::openai();
        let named = of(&prices, "gpt-realtime", &usage());
        assert_ne!(named, "unknown");
        assert_eq!(of(&prices, "gpt-realtime-2025-08-28", &usage()), named);
    }

    #[test]
    fn an_unknown_price_is_not_zero() {
        let prices = Prices::openai();
        assert_eq!(of(&prices, "another-model", &usage()), "unknown");
        let no_details = Usage { input: TokenDetails::default(), ..usage() };
        assert_eq!(of(&prices, "gpt-realtime-2", &no_details), "unknown");
        assert_eq!(of(&prices, "gpt-realtime-2", &Usage::default()), "unknown");
        assert_eq!(prices.tokens(Some("gpt-realtime-2"), None), None);
        assert_eq!(prices.tokens(None, Some(&usage())), None);
        assert_eq!(Prices::default().time(Some("whisper-1"), 60.0), None);
        assert_eq!(of(&prices, "whisper-1", &usage()), "unknown", "it is billed by time");
    }

    #[test]
    fn a_missing_price_makes_the_cost_unknown_only_if_the_kind_is_used() {
        let mut prices = Prices::default();
        let text = Rates { text_in: Some(1.0), text_out: Some(10.0), ..Rates::default() };
        prices.set("m".to_owned(), text);
        assert_eq!(of(&prices, "m", &usage()), "unknown", "audio output has no price");
        prices.set("m".to_owned(), Rates { audio_out: Some(100.0), ..text });
        assert_eq!(of(&prices, "m", &usage()), "0.025994", "cached input costs as much as other input");
        prices.set("m".to_owned(), Rates { audio_out: Some(100.0), text_cached: Some(0.0), ..text });
        assert_eq!(of(&prices, "m", &usage()), "0.025034");
    }

    #[test]
    fn transcriptions_cost_by_tokens_or_by_time() {
        let prices = Prices::openai();
        assert_eq!(dollars(prices.time(Some("whisper-1"), 90.0)), "0.009000");
        let heard = Usage {
            input_tokens: Some(16),
            output_tokens: Some(8),
            input: TokenDetails { text: Some(0), audio: Some(16), image: None },
            output: TokenDetails { text: Some(8), audio: Some(0), image: None },
            ..Usage::default()
        };
        assert_eq!(of(&prices, "gpt-4o-transcribe", &heard), "0.000120");
    }

    #[test]
    fn prices_of_the_user_override_the_list() {
        let mut prices = Prices::openai();
        assert_eq!(prices.as_of(), Some("2026-11-20"));
        let listed = of(&prices, "gpt-realtime-2", &usage());
        let dear =
            Rates { text_in: Some(0.0), text_out: Some(0.0), audio_out: Some(1e6), ..Rates::default() };
        prices.set("gpt-realtime".to_owned(), dear);
        assert_eq!(of(&prices, "gpt-realtime-2025-08-28", &usage()), "244.000000");
        assert_eq!(of(&prices, "gpt-realtime-2", &usage()), listed);
        prices.set("*".to_owned(), Rates::FREE);
        assert_eq!(of(&prices, "gpt-realtime-2", &usage()), "0.000000");
        assert_eq!(of(&prices, "gpt-realtime", &usage()), "244.000000");
    }

    #[test]
    fn free_is_free_even_without_usage() {
        let mut prices = Prices::default();
        assert_eq!((prices.as_of(), prices.tokens(None, None)), (None, None));
        prices.set("*".to_owned(), Rates::FREE);
        assert_eq!(prices.tokens(None, None), Some(0.0));
        assert_eq!(prices.time(None, 60.0), Some(0.0));
        assert_eq!(of(&prices, "m", &Usage::default()), "0.000000");
    }
}
