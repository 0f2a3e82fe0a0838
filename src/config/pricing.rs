//! What a model costs, as the configuration says it: the names of the prices, and what each is for.

use std::collections::BTreeMap;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::config::value::ValueOrigin;

/// A price. The comments are what users read, in the order in which they read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Price {
    /// A million tokens of text in
    TextIn,
    /// Of those, what was cached; without it as text_in
    TextCached,
    /// A million tokens of text out
    TextOut,
    /// A million tokens of sound in
    AudioIn,
    /// Of those, what was cached; without it as audio_in
    AudioCached,
    /// A million tokens of sound out
    AudioOut,
    /// A million tokens of images in
    ImageIn,
    /// Of those, what was cached; without it as image_in
    ImageCached,
    /// A minute of sound, for a model of captions that is billed by time
    PerMinute,
}

/// The prices of a model in US dollars, and who says so. What is not named is not known.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelPrices {
    /// Each 0 or more.
    pub usd: BTreeMap<Price, f64>,
    /// Who says so.
    pub origin: ValueOrigin,
}

/// The prices of a profile by model; `*` is every model that is not named.
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

    /// Returns its name in a file.
    pub fn name(self) -> String {
        self.described().get_name().to_owned()
    }

    /// Returns what it is the price of.
    pub fn meaning(self) -> String {
        self.described().get_help().map(ToString::to_string).unwrap_or_default()
    }

    /// Returns what it may be, as an example: the price of a large model, or of captions.
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
    /// Returns what costs nothing.
    pub fn free(origin: ValueOrigin) -> Self {
        Self { usd: Price::all().iter().map(|price| (*price, 0.0)).collect(), origin }
    }
}
