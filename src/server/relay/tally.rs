//! Usage of a call, read from the endpoint's events.

use std::rc::Rc;

use crate::protocol::decode;
use crate::protocol::events::response::Usage;
use crate::protocol::events::server::{ServerBody, TranscriptionUsage};
use crate::protocol::price::Prices;
use crate::server::relay::policy::ServerEventKind;

/// Tokens by kind, as in the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenTotals {
    /// Input, cached tokens included.
    pub input: u64,
    /// The cached part of the input.
    pub cached: u64,
    /// Output.
    pub output: u64,
}

/// Usage so far.
#[derive(Clone, Debug, Default)]
pub struct UsageTally {
    prices: Option<Rc<Prices>>,
    /// Model that answers.
    pub model: Option<String>,
    caption_model: Option<String>,
    /// Id of the endpoint's session.
    pub session: Option<String>,
    /// Finished responses.
    pub responses: u64,
    /// All tokens.
    pub tokens: TokenTotals,
    /// Whether a response is in progress.
    pub is_answering: bool,
}

impl UsageTally {
    /// Returns the usage before the first event; without prices, every cost is unknown and counts as zero.
    pub fn new(prices: Option<Rc<Prices>>, model: Option<String>) -> Self {
        Self { prices, model, ..Self::default() }
    }

    /// Reads an event; returns its cost in US dollars.
    pub fn note(&mut self, kind: ServerEventKind, text: &str) -> f64 {
        match kind {
            ServerEventKind::ResponseCreated => {
                self.is_answering = true;
                return 0.0;
            }
            ServerEventKind::Error | ServerEventKind::Other | ServerEventKind::Malformed => return 0.0,
            ServerEventKind::SessionCreated
            | ServerEventKind::SessionUpdated
            | ServerEventKind::ResponseDone
            | ServerEventKind::Transcribed => {}
        }
        let Ok(event) = decode::server_event(text) else { return 0.0 };
        let usd = if let ServerBody::SessionCreated(info) | ServerBody::SessionUpdated(info) = event.body {
            self.session = info.id.or(self.session.take());
            self.model = info.settings.model.or(self.model.take());
            let captions = info.settings.transcription.get().and_then(|captions| captions.model.clone());
            self.caption_model = captions.or(self.caption_model.take());
            None
        } else if let ServerBody::ResponseDone(response) = event.body {
            (self.responses, self.is_answering) = (self.responses + 1, false);
            self.add(response.usage.as_ref());
            self.cost(self.model.as_deref(), response.usage.as_ref())
        } else if let ServerBody::TranscriptionCompleted { usage: Some(usage), .. } = event.body {
            match usage {
                TranscriptionUsage::Tokens(usage) => {
                    self.add(Some(&usage));
                    self.cost(self.caption_model.as_deref(), Some(&usage))
                }
                TranscriptionUsage::Duration(seconds) => {
                    let prices = self.prices.as_ref();
                    prices.and_then(|prices| prices.time(self.caption_model.as_deref(), seconds))
                }
                TranscriptionUsage::Other(_) => None,
            }
        } else {
            None
        };
        usd.unwrap_or(0.0)
    }

    fn cost(&self, model: Option<&str>, usage: Option<&Usage>) -> Option<f64> {
        self.prices.as_ref()?.tokens(model, usage)
    }

    fn add(&mut self, usage: Option<&Usage>) {
        let Some(usage) = usage else { return };
        self.tokens.input += usage.input_tokens.unwrap_or(0);
        self.tokens.cached += usage.cached_tokens.unwrap_or(0);
        self.tokens.output += usage.output_tokens.unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_and_cost_are_read_from_responses_and_captions() {
        let mut tally = UsageTally::new(Some(Rc::new(Prices::openai())), None);
        let created = r#"{"type":"session.created","session":{"type":"realtime","id":"sess_1","model":"gpt-realtime-2","audio":{"input":{"transcription":{"model":"whisper-1"}}}}}"#;
        assert_eq!(tally.note(ServerEventKind::SessionCreated, created), 0.0);
        tally.note(ServerEventKind::ResponseCreated, "{}");
        assert!(tally.is_answering);
        let done = r#"{"type":"response.done","response":{"id":"r","usage":{"total_tokens":1289,"input_tokens":984,"output_tokens":305,"input_token_details":{"text_tokens":984,"audio_tokens":0,"cached_tokens":960,"cached_tokens_details":{"text_tokens":960,"audio_tokens":0}},"output_token_details":{"text_tokens":61,"audio_tokens":244}}}}"#;
        assert_eq!(format!("{:.6}", tally.note(ServerEventKind::ResponseDone, done)), "0.017560");
        assert_eq!((tally.responses, tally.is_answering), (1, false));
        assert_eq!(tally.tokens, TokenTotals { input: 984, cached: 960, output: 305 });
        let captions = r#"{"type":"conversation.item.input_audio_transcription.completed","item_id":"i","content_index":0,"transcript":"hi","usage":{"type":"duration","seconds":60}}"#;
        assert_eq!(format!("{:.4}", tally.note(ServerEventKind::Transcribed, captions)), "0.0060");
        assert_eq!(tally.session.as_deref(), Some("sess_1"));
    }

    #[test]
    fn without_usage_or_prices_nothing_is_counted() {
        let mut tally = UsageTally::new(None, Some("m".to_owned()));
        let done = r#"{"type":"response.done","response":{"id":"r"}}"#;
        assert_eq!(tally.note(ServerEventKind::ResponseDone, done), 0.0);
        assert_eq!((tally.responses, tally.tokens), (1, TokenTotals::default()));
    }
}
