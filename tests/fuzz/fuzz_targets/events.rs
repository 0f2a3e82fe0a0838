//! Decodes arbitrary text as events of both sides.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rtvoice::protocol::decode::{client_event, server_event};

fuzz_target!(|text: &str| {
    let _ = server_event(text);
    let _ = client_event(text);
    // Most texts are not JSON: the same as the value of a field that carries most of what is decoded.
    for kind in ["response.done", "conversation.item.added", "session.updated", "error"] {
        let _ = server_event(&format!("{{\"type\":\"{kind}\",{text}}}"));
    }
    for kind in ["session.update", "conversation.item.create", "response.create"] {
        let _ = client_event(&format!("{{\"type\":\"{kind}\",{text}}}"));
    }
});
