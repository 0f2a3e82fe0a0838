//! Settings that the relay itself sends at the start of a session.

use crate::protocol::dialect::Dialect;
use crate::protocol::encode;
use crate::protocol::events::client::ClientBody;
use crate::protocol::settings::{
    Modality, SessionSettings, TokenLimit, Transcription, TurnDetection, TurnMethod,
};
use crate::protocol::value::{FieldUpdate, Unknown};
use crate::server::relay::admission::RelayRoute;
use crate::server::relay::policy::EventPolicy;

/// Id of the relay's own event, to recognize an error that refuses it.
pub const SETUP_ID: &str = "event_relay_setup";

/// Returns the event that sets up a session; none if the client's settings suffice.
pub fn event(
    route: RelayRoute,
    policy: &EventPolicy,
    caption_model: &str,
    dialect: Dialect,
) -> Option<String> {
    let mut settings = SessionSettings {
        instructions: policy.instructions.clone(),
        max_output_tokens: policy.max_output_tokens.map(|limit| TokenLimit::Tokens(limit.into())),
        ..SessionSettings::default()
    };
    match route {
        RelayRoute::Voice => {
            settings.output = Some(Modality::Audio);
            settings.transcription = FieldUpdate::Set(Transcription {
                model: Some(caption_model.to_owned()),
                ..Transcription::default()
            });
            settings.turn_detection = FieldUpdate::Set(server_vad());
        }
        RelayRoute::TextChat => settings.output = Some(Modality::Text),
        RelayRoute::Realtime | RelayRoute::Index | RelayRoute::Health | RelayRoute::Ready => {}
    }
    if settings == SessionSettings::default() {
        return None;
    }
    let event = ClientBody::SessionUpdate(Box::new(settings)).with_id(SETUP_ID);
    Some(encode::client_event(&event, dialect))
}

fn server_vad() -> TurnDetection {
    let method = TurnMethod::ServerVad {
        threshold: None,
        prefix_padding_ms: None,
        silence_duration_ms: None,
        idle_timeout_ms: FieldUpdate::Keep,
    };
    TurnDetection { method, create_response: None, interrupt_response: None, unknown: Unknown::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voice_and_text_are_set_up_in_the_dialect_of_the_endpoint() {
        let event = |route, dialect| event(route, &EventPolicy::default(), "gpt-transcribe", dialect);
        assert_eq!(
            event(RelayRoute::TextChat, Dialect::Ga).unwrap(),
            r#"{"event_id":"event_relay_setup","session":{"output_modalities":["text"],"type":"realtime"},"type":"session.update"}"#
        );
        assert_eq!(
            event(RelayRoute::Voice, Dialect::Ga).unwrap(),
            r#"{"event_id":"event_relay_setup","session":{"audio":{"input":{"transcription":{"model":"gpt-transcribe"},"turn_detection":{"type":"server_vad"}}},"output_modalities":["audio"],"type":"realtime"},"type":"session.update"}"#
        );
        let beta = event(RelayRoute::Voice, Dialect::Beta).unwrap();
        assert!(beta.contains(r#""modalities":["text","audio"]"#), "{beta}");
        assert_eq!(event(RelayRoute::Realtime, Dialect::Ga), None);
    }

    #[test]
    fn instructions_and_the_longest_answer_are_set_on_every_route() {
        let policy = EventPolicy {
            instructions: Some("Be kind.".to_owned()),
            max_output_tokens: Some(500),
            ..EventPolicy::default()
        };
        assert_eq!(
            event(RelayRoute::Realtime, &policy, "m", Dialect::Ga).unwrap(),
            r#"{"event_id":"event_relay_setup","session":{"instructions":"Be kind.","max_output_tokens":500,"type":"realtime"},"type":"session.update"}"#
        );
    }
}
