//! Parser of the prices of a profile.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::file::{ConfigFault, ConfigReader, PRICES, number};
use crate::config::pricing::{ModelPrices, Price, ProfilePrices};

impl ConfigReader<'_> {
    pub(super) fn prices(&self, table: &DeTable<'_>) -> Result<ProfilePrices, ConfigFault> {
        let models = table.iter().map(|(key, value)| {
            let model = key.get_ref().to_string();
            let origin = self.origin(&key.span());
            let priced = match (value.get_ref().as_table(), number(value.get_ref())) {
                (Some(table), _) => ModelPrices { usd: self.prices_of(&model, table)?, origin },
                (None, Some(0.0)) => ModelPrices::free(origin),
                (None, _) => {
                    let wanted = "a table of prices, or 0 if it is free";
                    return Err(self.unexpected(&format!("{PRICES}.{model}"), wanted, value));
                }
            };
            if priced.usd.is_empty() {
                let hint = format!("set {}, or {model:?} = 0 if it is free", known());
                return Err(self.fault(&key.span(), format!("{PRICES}.{model} has no price"), &hint));
            }
            Ok((model, priced))
        });
        models.collect()
    }

    fn prices_of(&self, model: &str, table: &DeTable<'_>) -> Result<BTreeMap<Price, f64>, ConfigFault> {
        let prices = table.iter().map(|(key, value)| {
            let name = key.get_ref().as_ref();
            let Some(price) = Price::named(name) else {
                let cause = format!("unknown price {name:?}");
                return Err(self.fault(&key.span(), cause, &hint(model, name, value)));
            };
            let dollars = number(value.get_ref()).filter(|dollars| *dollars >= 0.0);
            let name = format!("{PRICES}.{model}.{name}");
            Ok((price, dollars.ok_or_else(|| self.unexpected(&name, "a number from 0", value))?))
        });
        prices.collect()
    }
}

/// Without quotes, a model with a dot in its name is a table in a table.
fn hint(model: &str, name: &str, value: &Spanned<DeValue<'_>>) -> String {
    match value.get_ref().as_table() {
        Some(_) => format!("put the model name in quotes: {PRICES}.\"{model}.{name}\""),
        None => format!("valid here: {}", known()),
    }
}

fn known() -> String {
    Price::all().iter().map(|price| price.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use crate::config::file::{ConfigFile, FileOrigin};
    use crate::config::pricing::Price;
    use crate::config::value::ValueOrigin;

    #[test]
    fn a_model_has_a_table_of_prices_or_is_free() {
        let text = "[profiles.a.prices.\"gpt-1.5\"]\ntext_in = 4\ntext_out = 1_6.5\n\
                    [profiles.a.prices]\n\"*\" = 0\n";
        let file = ConfigFile::parse(text, FileOrigin::User).unwrap();
        let prices = &file.profiles["a"].prices;
        assert_eq!(prices["gpt-1.5"].origin, ValueOrigin::File(1));
        let set_prices: Vec<_> = prices["gpt-1.5"].usd.iter().map(|(price, usd)| (*price, *usd)).collect();
        assert_eq!(set_prices, [(Price::TextIn, 4.0), (Price::TextOut, 16.5)]);
        assert_eq!(prices["*"].origin, ValueOrigin::File(5));
        assert!(
            prices["*"].usd.len() == Price::all().len() && prices["*"].usd.values().all(|usd| *usd == 0.0)
        );
    }

    #[test]
    fn an_unknown_price_is_reported_with_its_line() {
        for (text, line, cause, hint) in [
            ("[profiles.a.prices.m]\ntext = 4\n", 2, "unknown price \"text\"", "text_in, text_cached"),
            ("[profiles.a.prices.m]\ntext_in = \"4\"\n", 2, "prices.m.text_in must be a number from 0", ""),
            ("[profiles.a.prices.m]\naudio_in = -1\n", 2, "prices.m.audio_in must be a number from 0", ""),
            ("[profiles.a.prices.m]\naudio_in = inf\n", 2, "prices.m.audio_in must be a number from 0", ""),
            ("[profiles.a]\nprices.m = 5\n", 2, "prices.m must be a table of prices, or 0", ""),
            ("[profiles.a]\nprices = 5\n", 2, "prices must be a table", ""),
            ("\n[profiles.a.prices.m]\n", 2, "prices.m has no price", "\"m\" = 0"),
            ("[profiles.a.prices.gpt-1.5]\ntext_in = 4\n", 1, "unknown price \"5\"", "prices.\"gpt-1.5\""),
            ("[prices.m]\ntext_in = 4\n", 1, "unknown setting \"prices\"", "profiles"),
            ("[defaults.prices.m]\ntext_in = 4\n", 1, "unknown setting \"prices\"", "voice"),
        ] {
            let wrong = ConfigFile::parse(text, FileOrigin::User).unwrap_err();
            assert!(wrong.cause.starts_with(cause) && wrong.line == Some(line), "{text}: {wrong:?}");
            assert!(wrong.hint.unwrap_or_default().contains(hint), "{text}");
        }
    }
}
