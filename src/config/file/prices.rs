//! Reads what the models of a profile cost.

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
                    let wanted = "a table of prices, or 0 where it costs nothing";
                    return Err(self.expected(&format!("{PRICES}.{model}"), wanted, value));
                }
            };
            if priced.usd.is_empty() {
                let hint = format!("set {}, or {model:?} = 0 where it costs nothing", known());
                return Err(self.wrong(&key.span(), format!("{PRICES}.{model} has no price"), &hint));
            }
            Ok((model, priced))
        });
        models.collect()
    }

    fn prices_of(&self, model: &str, table: &DeTable<'_>) -> Result<BTreeMap<Price, f64>, ConfigFault> {
        let prices = table.iter().map(|(key, value)| {
            let name = key.get_ref().as_ref();
            let Some(price) = Price::named(name) else {
                let what = format!("{name:?} is no price");
                return Err(self.wrong(&key.span(), what, &hint(model, name, value)));
            };
            let dollars = number(value.get_ref()).filter(|dollars| *dollars >= 0.0);
            let name = format!("{PRICES}.{model}.{name}");
            Ok((price, dollars.ok_or_else(|| self.expected(&name, "a number from 0", value))?))
        });
        prices.collect()
    }
}

/// A model with a dot in its name that is not in quotes is a table in a table.
fn hint(model: &str, name: &str, value: &Spanned<DeValue<'_>>) -> String {
    match value.get_ref().as_table() {
        Some(_) => format!("write the name of a model in quotes: {PRICES}.\"{model}.{name}\""),
        None => format!("known here are {}", known()),
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
    fn models_are_priced_in_a_table_or_free() {
        let text = "[profiles.a.prices.\"gpt-1.5\"]\ntext_in = 4\ntext_out = 1_6.5\n\
                    [profiles.a.prices]\n\"*\" = 0\n";
        let file = ConfigFile::parse(text, FileOrigin::User).unwrap();
        let prices = &file.profiles["a"].prices;
        assert_eq!(prices["gpt-1.5"].origin, ValueOrigin::File(1));
        let said: Vec<_> = prices["gpt-1.5"].usd.iter().map(|(price, usd)| (*price, *usd)).collect();
        assert_eq!(said, [(Price::TextIn, 4.0), (Price::TextOut, 16.5)]);
        assert_eq!(prices["*"].origin, ValueOrigin::File(5));
        assert!(
            prices["*"].usd.len() == Price::all().len() && prices["*"].usd.values().all(|usd| *usd == 0.0)
        );
    }

    #[test]
    fn what_is_no_price_is_named_with_its_line() {
        for (text, line, what, hint) in [
            ("[profiles.a.prices.m]\ntext = 4\n", 2, "\"text\" is no price", "text_in, text_cached"),
            ("[profiles.a.prices.m]\ntext_in = \"4\"\n", 2, "prices.m.text_in has to be a number from 0", ""),
            ("[profiles.a.prices.m]\naudio_in = -1\n", 2, "prices.m.audio_in has to be a number from 0", ""),
            ("[profiles.a.prices.m]\naudio_in = inf\n", 2, "prices.m.audio_in has to be a number from 0", ""),
            ("[profiles.a]\nprices.m = 5\n", 2, "prices.m has to be a table of prices, or 0", ""),
            ("[profiles.a]\nprices = 5\n", 2, "prices has to be a table", ""),
            ("\n[profiles.a.prices.m]\n", 2, "prices.m has no price", "\"m\" = 0"),
            ("[profiles.a.prices.gpt-1.5]\ntext_in = 4\n", 1, "\"5\" is no price", "prices.\"gpt-1.5\""),
            ("[prices.m]\ntext_in = 4\n", 1, "\"prices\" is no setting", "profiles"),
            ("[defaults.prices.m]\ntext_in = 4\n", 1, "\"prices\" is no setting", "voice"),
        ] {
            let wrong = ConfigFile::parse(text, FileOrigin::User).unwrap_err();
            assert!(wrong.what.starts_with(what) && wrong.line == Some(line), "{text}: {wrong:?}");
            assert!(wrong.hint.unwrap_or_default().contains(hint), "{text}");
        }
    }
}
