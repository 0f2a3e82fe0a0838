//! Protocols that share an address or event names with Realtime but are incompatible.

use std::fmt;

use crate::protocol::events::server::{ServerBody, ServerEvent};
use crate::protocol::settings::SessionInfo;

/// A protocol other than Realtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignProtocol {
    /// vLLM at `/v1/realtime`: transcription only, with its own events.
    Vllm,
    /// OpenAI's GPT-Live: no turns, no items, no responses.
    GptLive,
}

impl ForeignProtocol {
    /// Returns the error message for such an endpoint.
    pub fn refusal(self) -> String {
        format!("the endpoint speaks {self}, not the Realtime protocol")
    }
}

impl fmt::Display for ForeignProtocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Vllm => "the transcription protocol of vLLM",
            Self::GptLive => "GPT-Live",
        })
    }
}

impl ServerEvent {
    /// Returns the foreign protocol to which this event belongs, if any.
    pub fn foreign(&self) -> Option<ForeignProtocol> {
        if let ServerBody::Unknown { name, .. } = &self.body {
            return match name.as_str() {
                "transcription.delta" | "transcription.done" => Some(ForeignProtocol::Vllm),
                "session.started" | "session.usage.updated" | "session.delegation.created" => {
                    Some(ForeignProtocol::GptLive)
                }
                _ => None,
            };
        }
        // vLLM puts the session's id and creation time at the top level.
        let has = |name| self.unknown.contains_key(name);
        let bare = matches!(&self.body, ServerBody::SessionCreated(info) if **info == SessionInfo::default());
        (bare && has("id") && has("created") && !has("session")).then_some(ForeignProtocol::Vllm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::decode;

    fn check(text: &str, expected: Option<ForeignProtocol>) {
        assert_eq!(decode::server_event(text).unwrap().foreign(), expected, "{text}");
    }

    #[test]
    fn foreign_protocols_are_recognized_by_their_own_events() {
        check(
            r#"{"type":"session.created","id":"sess-1","created":1764000000}"#,
            Some(ForeignProtocol::Vllm),
        );
        check(r#"{"type":"transcription.delta","delta":"Hel"}"#, Some(ForeignProtocol::Vllm));
        check(r#"{"type":"transcription.done","text":"Hello.","usage":{}}"#, Some(ForeignProtocol::Vllm));
        check(r#"{"type":"session.started","session":{"id":"sess_1"}}"#, Some(ForeignProtocol::GptLive));
        check(r#"{"type":"session.usage.updated","seconds":3}"#, Some(ForeignProtocol::GptLive));
    }

    #[test]
    fn a_minimal_realtime_server_is_not_foreign() {
        for text in [
            r#"{"type":"session.created"}"#,
            r#"{"type":"session.created","event_id":"e1","session":{}}"#,
            r#"{"type":"session.created","id":"e1","created":1,"session":{"id":"sess_1"}}"#,
            r#"{"type":"conversation.created","conversation":{"id":"conv_1"}}"#,
            r#"{"type":"session.finished"}"#,
            r#"{"type":"conversation.item.input_audio_transcription.delta","item_id":"i","delta":"Hel"}"#,
        ] {
            check(text, None);
        }
    }
}
