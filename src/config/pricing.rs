//! Configured prices of models.

use std::collections::BTreeMap;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::config::value::ValueOrigin;

/// Price of a kind of usage. The comments are help texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Price {
    /// Million tokens of text input
    TextIn,
    /// Cached part of text input [default: as text_in]
    TextCached,
    /// Million tokens of text output
    TextOut,
    /// Million tokens of audio input
    AudioIn,
    /// Cached part of audio input [default: as audio_in]
    AudioCached,
    /// Million tokens of audio output
    AudioOut,
    /// Million tokens of image input
    ImageIn,
    /// Cached part of image input [default: as image_in]
    ImageCached,
    /// Minute of audio, for captioning models billed by time
    PerMinute,
}

/// Prices of a model in US dollars with their origin. Absent prices are unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelPrices {
    /// Price by kind, 0 or more.
    pub usd: BTreeMap<Price, f64>,
    /// Their origin.
    pub origin: ValueOrigin,
}

/// Prices of a profile by model; `*` is every model that is not named.
pub type ProfilePrices = BTreeMap<String, ModelPrices>;

impl Price {
    /// Returns all prices in the order in which they are shown.
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// Returns the price of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().iter().copied().find(|price| price.name() == name)
    }

    /// Returns the name in a file.
    pub fn name(self) -> String {
        self.described().get_name().to_owned()
    }

    /// Returns its help text.
    pub fn meaning(self) -> String {
        self.described().get_help().map(ToString::to_string).unwrap_or_default()
    }

    /// Returns a sample price: of a large model, or of captions.
    pub fn example(self) -> f64 {
        match self {
            Self::TextIn => 4.0,
            Self::TextCached | Self::AudioCached => 0.4,
            Self::TextOut => 24.0,
            Self::AudioIn => 32.0,
            Self::AudioOut => 64.0,
            Self::ImageIn => 5.0,
            Self::ImageCached => 0.5,
            Self::PerMinute => 0.006,
        }
    }

    fn described(self) -> PossibleValue {
        self.to_possible_value().expect("no price is skipped")
    }
}

impl ModelPrices {
    /// Returns the prices of a free model.
    pub fn free(origin: ValueOrigin) -> Self {
        Self { usd: Price::all().iter().map(|price| (*price, 0.0)).collect(), origin }
    }
}
