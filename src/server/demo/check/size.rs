//! Limits on a whole event, checked before it is held in memory as JSON values.

use crate::server::demo::client_error::ClientError;

/// Maximum number of values. A value takes dozens of bytes in memory even if its text is one digit.
const MAX_VALUES: usize = 100_000;

/// Maximum length of an event without items or audio. A model's instructions and tools fit into 64 KiB.
const MAX_PLAIN_BYTES: usize = 1 << 20;

/// Events with items or audio, which have their own limits.
const WITH_DATA: [&str; 4] = [
    "input_audio_buffer.append",
    "session.input_audio_buffer.append",
    "conversation.item.create",
    "response.create",
];

/// Checks the number of values in the JSON text.
pub(super) fn check_values(text: &str) -> Result<(), ClientError> {
    if values(text) <= MAX_VALUES {
        return Ok(());
    }
    Err(ClientError::new("invalid_event", format!("Invalid event: it has more than {MAX_VALUES} values.")))
}

/// Checks the length of the event `name`.
pub(super) fn check_length(name: &str, bytes: usize) -> Result<(), ClientError> {
    if bytes <= MAX_PLAIN_BYTES || WITH_DATA.contains(&name) {
        return Ok(());
    }
    let message = format!(
        "Invalid event: a '{name}' event has at most {MAX_PLAIN_BYTES} bytes, but this one has {bytes}."
    );
    Err(ClientError::new("string_above_max_length", message))
}

/// Counts the characters that separate or open values, outside of strings.
fn values(text: &str) -> usize {
    let mut bytes = text.bytes();
    let mut count = 0;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => {
                            bytes.next();
                        }
                        _ => {}
                    }
                }
            }
            b',' | b':' | b'[' | b'{' => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_with_too_many_values_is_rejected_before_parsing() {
        assert_eq!(values(r#"{"a":[1,{"b":"x,y:[\",{"}],"c":null}"#), 8);
        let list = format!("[{}0]", "0,".repeat(MAX_VALUES - 1));
        assert_eq!(check_values(&list), Ok(()));
        assert!(check_values(&format!("[{list}]")).is_err());
        assert_eq!(check_values(&format!("\"{}\"", ",".repeat(2 * MAX_VALUES))), Ok(()));
    }

    #[test]
    fn only_events_with_items_or_audio_may_be_long() {
        assert_eq!(check_length("session.update", MAX_PLAIN_BYTES), Ok(()));
        assert!(check_length("session.update", MAX_PLAIN_BYTES + 1).is_err());
        assert_eq!(check_length("input_audio_buffer.append", 20 << 20), Ok(()));
    }
}
