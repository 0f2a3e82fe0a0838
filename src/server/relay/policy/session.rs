//! Rules for the events that the relay reads in full: session settings, requests for responses, new items.

use serde_json::{Map, Value, json};

use crate::server::relay::policy::{EventPolicy, PolicyRefusal};

type Checked = Result<(), PolicyRefusal>;

impl EventPolicy {
    pub(super) fn session_update(&self, event: &mut Map<String, Value>) -> Checked {
        let Some(session) = event.get_mut("session").and_then(Value::as_object_mut) else {
            return Err(PolicyRefusal::of("invalid_event", "session", "The event needs a session object."));
        };
        match session.remove("model") {
            Some(Value::String(model)) if Some(&model) == self.model.as_ref() => {}
            Some(Value::Null) | None => {}
            Some(_) => {
                let message = "The model of a call is fixed when it starts.";
                return Err(PolicyRefusal::of("model_locked", "session.model", message));
            }
        }
        self.settings(session, "session")?;
        // Each answer after an idle timeout is billed without anybody speaking.
        for path in ["/audio/input/turn_detection", "/turn_detection"] {
            remove_idle_timeout(session, path);
        }
        Ok(())
    }

    pub(super) fn response_create(&self, event: &mut Map<String, Value>) -> Checked {
        if self.max_output_tokens.is_some() && event.get("response").is_none_or(Value::is_null) {
            event.insert("response".to_owned(), json!({}));
        }
        let Some(response) = event.get_mut("response").filter(|response| !response.is_null()) else {
            return Ok(());
        };
        let Some(response) = response.as_object_mut() else {
            return Err(PolicyRefusal::of("invalid_event", "response", "The response must be an object."));
        };
        if response.remove("model").is_some_and(|model| !model.is_null()) {
            let message = "The model of a call is fixed when it starts.";
            return Err(PolicyRefusal::of("model_locked", "response.model", message));
        }
        self.settings(response, "response")?;
        let items = response.get("input").and_then(Value::as_array).into_iter().flatten();
        for (index, item) in items.enumerate() {
            self.item(item, &format!("response.input[{index}]"))?;
        }
        Ok(())
    }

    pub(super) fn item_create(&self, event: &mut Map<String, Value>) -> Checked {
        self.item(event.get("item").unwrap_or(&Value::Null), "item")
    }

    /// Checks the settings that sessions and responses have in common.
    fn settings(&self, settings: &mut Map<String, Value>, path: &str) -> Checked {
        if settings.remove("prompt").is_some_and(|prompt| !prompt.is_null()) {
            let message = "The relay does not allow stored prompts.";
            return Err(PolicyRefusal::of("prompt_not_allowed", format!("{path}.prompt"), message));
        }
        settings.remove("tracing");
        self.tools(settings, path)?;
        self.instructions(settings, path)?;
        if let Some(limit) = self.max_output_tokens {
            cap(settings, limit);
        }
        Ok(())
    }

    /// Checks that tools are functions: an endpoint calls those of other types itself, at any address and on the
    /// operator's bill.
    fn tools(&self, settings: &mut Map<String, Value>, path: &str) -> Checked {
        if self.is_locked
            && settings.remove("tools").is_some_and(|tools| tools != json!([]) && !tools.is_null())
        {
            let message = "The tools of this relay are fixed.";
            return Err(PolicyRefusal::of("tools_locked", format!("{path}.tools"), message));
        }
        let is_function = |tool: &Value| tool.get("type").and_then(Value::as_str) == Some("function");
        let refuse = |param| {
            let message = "The relay passes on tools of type function only.";
            Err(PolicyRefusal::of("tool_type_not_allowed", param, message))
        };
        match settings.get("tools") {
            Some(Value::Array(tools)) => {
                if let Some(index) = tools.iter().position(|tool| !is_function(tool)) {
                    return refuse(format!("{path}.tools[{index}]"));
                }
            }
            Some(Value::Null) | None => {}
            Some(_) => return refuse(format!("{path}.tools")),
        }
        match settings.get("tool_choice") {
            Some(choice) if choice.is_object() && !is_function(choice) => {
                refuse(format!("{path}.tool_choice"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn instructions(&self, settings: &mut Map<String, Value>, path: &str) -> Checked {
        if !self.is_locked {
            return Ok(());
        }
        match settings.remove("instructions") {
            Some(Value::String(text)) if Some(&text) == self.instructions.as_ref() => Ok(()),
            Some(Value::Null) | None => Ok(()),
            Some(_) => Err(locked(format!("{path}.instructions"))),
        }
    }

    fn item(&self, item: &Value, path: &str) -> Checked {
        let kind = item.get("type").and_then(Value::as_str).unwrap_or("message");
        if !["message", "function_call", "function_call_output", "item_reference"].contains(&kind) {
            let message = "The relay passes on messages and function calls only.";
            return Err(PolicyRefusal::of("item_type_not_allowed", format!("{path}.type"), message));
        }
        let role = item.get("role").and_then(Value::as_str).unwrap_or("user");
        if self.is_locked && !["user", "assistant"].contains(&role) {
            return Err(locked(format!("{path}.role")));
        }
        Ok(())
    }
}

fn locked(param: String) -> PolicyRefusal {
    PolicyRefusal::of("instructions_locked", param, "The instructions of this relay are fixed.")
}

/// Lowers the longest answer to the limit, by the names of both dialects; by the current one if neither is given.
fn cap(settings: &mut Map<String, Value>, limit: u32) {
    let names = ["max_output_tokens", "max_response_output_tokens"];
    let is_within = |value: &Value| value.as_u64().is_some_and(|tokens| tokens <= limit.into());
    let mut given = false;
    for name in names {
        if let Some(value) = settings.get_mut(name) {
            given = true;
            if !is_within(value) {
                *value = limit.into();
            }
        }
    }
    // The shapes of beta, which knows no `max_output_tokens`.
    let is_beta = ["modalities", "input_audio_format", "turn_detection", "voice"]
        .iter()
        .any(|name| settings.contains_key(*name));
    if !given {
        settings.insert(names[usize::from(is_beta)].to_owned(), limit.into());
    }
}

fn remove_idle_timeout(session: &mut Map<String, Value>, path: &str) {
    let mut names = path[1..].split('/');
    let first = names.next().and_then(|name| session.get_mut(name));
    let found = names.fold(first, |value, name| value.and_then(|value| value.get_mut(name)));
    if let Some(Value::Object(turn_detection)) = found {
        turn_detection.remove("idle_timeout_ms");
    }
}
