//! Converts configured prices to those of a session.

use crate::call::setup::target::{EndpointRoute, Target};
use crate::config::layers::EffectiveSettings;
use crate::config::pricing::{ModelPrices, Price};
use crate::net::endpoint::url::EndpointUrl;
use crate::protocol::price::{Prices, Rates};

/// Returns the prices at `target`, none if unknown.
pub(crate) fn at(target: &Target, in_force: &EffectiveSettings) -> Option<Prices> {
    let (EndpointRoute::Network(endpoint) | EndpointRoute::Demo(endpoint)) = &target.way;
    of(&endpoint.url, in_force)
}

/// Returns the prices at `url`. Endpoints other than OpenAI have only configured prices.
pub(crate) fn of(url: &EndpointUrl, in_force: &EffectiveSettings) -> Option<Prices> {
    let listed = is_openai(url).then(Prices::openai);
    if listed.is_none() && in_force.prices.is_empty() {
        return None;
    }
    let mut prices = listed.unwrap_or_default();
    for (model, priced) in &in_force.prices {
        prices.set(model.clone(), rates(priced));
    }
    Some(prices)
}

/// Returns the source of the prices for messages.
pub(crate) fn described(prices: Option<&Prices>) -> String {
    match prices.map(Prices::as_of) {
        Some(Some(date)) => format!("OpenAI's list of {date}"),
        Some(None) => "from the profile only".to_owned(),
        None => "unknown".to_owned(),
    }
}

fn is_openai(url: &EndpointUrl) -> bool {
    let host = url.host();
    host == "openai.com" || host.ends_with(".openai.com")
}

fn rates(priced: &ModelPrices) -> Rates {
    let mut rates = Rates::default();
    for (price, usd) in &priced.usd {
        let rate = match price {
            Price::TextIn => &mut rates.text_in,
            Price::TextCached => &mut rates.text_cached,
            Price::TextOut => &mut rates.text_out,
            Price::AudioIn => &mut rates.audio_in,
            Price::AudioCached => &mut rates.audio_cached,
            Price::AudioOut => &mut rates.audio_out,
            Price::ImageIn => &mut rates.image_in,
            Price::ImageCached => &mut rates.image_cached,
            Price::PerMinute => &mut rates.per_minute,
        };
        *rate = Some(*usd);
    }
    rates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value::ValueOrigin;

    #[test]
    fn a_free_model_costs_nothing() {
        assert_eq!(rates(&ModelPrices::free(ValueOrigin::BuiltIn)), Rates::FREE);
    }

    #[test]
    fn each_price_is_converted_to_its_own_rate() {
        let usd = Price::all().iter().zip(1_u8..).map(|(price, usd)| (*price, f64::from(usd))).collect();
        let expected = Rates {
            text_in: Some(1.0),
            text_cached: Some(2.0),
            text_out: Some(3.0),
            audio_in: Some(4.0),
            audio_cached: Some(5.0),
            audio_out: Some(6.0),
            image_in: Some(7.0),
            image_cached: Some(8.0),
            per_minute: Some(9.0),
        };
        assert_eq!(rates(&ModelPrices { usd, origin: ValueOrigin::BuiltIn }), expected);
    }
}
