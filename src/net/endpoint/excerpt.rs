//! Readable excerpt of a server's error response.

use serde_json::Value;

/// Maximum number of lines shown.
const LINES_MAX: usize = 3;

/// Maximum length of a line, in characters.
const LINE_MAX_CHARS: usize = 200;

/// Returns at most three lines of a body: message and code of a JSON error, else the beginning.
pub fn of_text(body: &str) -> Vec<String> {
    if let Some(line) = json_message(body) {
        return vec![line];
    }
    if looks_like_html(body) {
        return of_html(body);
    }
    first_lines(body)
}

/// Returns at most three lines of the visible text of an HTML page.
pub fn of_html(body: &str) -> Vec<String> {
    first_lines(&html_text(body))
}

/// Returns the error code of a JSON body.
pub fn code(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let error = value.get("error").unwrap_or(&value);
    text_of(error, "code").or_else(|| text_of(error, "type")).map(str::to_owned)
}

/// Returns a text as one line without control and invisible characters, at most `max_chars` long.
pub fn plain_line(text: &str, max_chars: usize) -> String {
    let visible = text.split(|character: char| character.is_whitespace() || is_unsafe(character));
    let line = visible.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(max_chars) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// Skips repetitions: error pages often repeat their title as heading.
fn first_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().map(|line| plain_line(line, LINE_MAX_CHARS)) {
        if lines.len() < LINES_MAX && !line.is_empty() && lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Fields that carry a message, the most specific one first: OpenAI, new-api and Azure use `error.message`,
/// FastAPI `detail`, others `message`, a bare `error` or `title`.
const MESSAGE_FIELDS: [&str; 8] =
    ["message", "detail", "msg", "error_description", "error", "errors", "reason", "title"];

/// Maximum nesting depth of a message.
const MESSAGE_DEPTH: u32 = 4;

fn json_message(body: &str) -> Option<String> {
    let value: Value = serde_json::from_str(body).ok()?;
    let error = value.get("error").unwrap_or(&value);
    let message = plain_line(&message_in(&value, MESSAGE_DEPTH)?, LINE_MAX_CHARS);
    Some(match text_of(error, "code").or_else(|| text_of(error, "type")) {
        Some(code) if !message.contains(code) => format!("{message} ({})", plain_line(code, 60)),
        Some(_) | None => message,
    })
}

/// Returns the message of an error of any shape; list entries, such as FastAPI's per-field errors, are
/// joined.
fn message_in(value: &Value, depth: u32) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Array(list) => {
            let messages: Vec<String> =
                list.iter().filter_map(|value| message_in(value, depth)).take(LINES_MAX).collect();
            Some(messages.join("; ")).filter(|text| !text.is_empty())
        }
        Value::Object(fields) => {
            let found = MESSAGE_FIELDS.iter().filter_map(|name| fields.get(*name));
            let message = found.into_iter().find_map(|value| message_in(value, depth))?;
            Some(match field_path(value) {
                Some(path) => format!("{path}: {message}"),
                None => message,
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Returns the field named by an entry of FastAPI's `detail`: its `loc`, such as `["query", "model"]`.
fn field_path(entry: &Value) -> Option<String> {
    let parts = entry.get("loc")?.as_array()?.iter().filter_map(|part| match part {
        Value::String(name) => Some(name.clone()),
        Value::Number(index) => Some(index.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    Some(parts.collect::<Vec<_>>().join(".")).filter(|path| !path.is_empty())
}

fn text_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn looks_like_html(body: &str) -> bool {
    let start: String = body.trim_start().chars().take(15).collect::<String>().to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// Extracts text: each tag ends a line; scripts and styles are omitted.
fn html_text(body: &str) -> String {
    // Only ASCII letters change, so byte offsets match.
    let small = body.to_ascii_lowercase();
    let mut text = String::new();
    let mut at = 0;
    while let Some(open) = body[at..].find('<') {
        text.push_str(&body[at..at + open]);
        text.push('\n');
        at = tag_end(&small, at + open).unwrap_or(body.len());
    }
    text.push_str(&body[at..]);
    for (entity, character) in
        [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
    {
        text = text.replace(entity, character);
    }
    text
}

/// Returns the end of the tag at `open`; comments, scripts and styles include their content.
fn tag_end(small: &str, open: usize) -> Option<usize> {
    let after = |start: usize, mark: &str| small[start..].find(mark).map(|at| start + at + mark.len());
    let name = &small[open + 1..];
    if name.starts_with("!--") {
        return after(open, "-->");
    }
    for (name_of_hidden, end) in [("script", "</script"), ("style", "</style")] {
        if name.starts_with(name_of_hidden) {
            return after(open, end).and_then(|closing| after(closing, ">"));
        }
    }
    after(open, ">")
}

/// Returns whether a character is a control, direction or invisible character.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_error_is_shown_as_message_and_code() {
        for (body, line) in [
            (
                r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key","param":null}}"#,
                "Incorrect API key provided (invalid_api_key)",
            ),
            (
                r#"{"error":{"message":"No channel","type":"new_api_error","code":""}}"#,
                "No channel (new_api_error)",
            ),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            (r#"{"error":"no such model"}"#, "no such model"),
            (r#"{"message":"slow\ndown","code":429}"#, "slow down"),
        ] {
            assert_eq!(of_text(body), [line], "{body}");
        }
    }

    #[test]
    fn a_detail_body_is_shown_in_every_shape() {
        for (body, line) in [
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            (
                r#"{"detail":[{"type":"missing","loc":["query","model"],"msg":"Field required","input":null}]}"#,
                "query.model: Field required",
            ),
            (
                r#"{"detail":[{"loc":["body",0],"msg":"too long"},{"loc":[],"msg":"no voice"},"and more"]}"#,
                "body.0: too long; no voice; and more",
            ),
            (r#"{"detail":{"error":"model_missing","message":"It has no model"}}"#, "It has no model"),
            (
                r#"{"detail":{"message":"The model is not there","code":"no_model"}}"#,
                "The model is not there",
            ),
            (r#"{"detail":{"error":{"message":"No credit"}}}"#, "No credit"),
            (r#"{"error":{"detail":"inside"}}"#, "inside"),
            (r#"{"errors":[{"message":"one"},{"message":"two"}]}"#, "one; two"),
            (r#"{"error":true,"reason":"closed"}"#, "closed"),
        ] {
            assert_eq!(of_text(body), [line], "{body}");
        }
    }

    #[test]
    fn a_page_is_shown_as_a_browser_would() {
        let page = "<!DOCTYPE html><html><head><title>403 Forbidden</title><style>a{b:c}</style></head>\n\
                    <body><!-- x > y --><script>if (a<b) {}</script><h1>403 Forbidden</h1>\n\
                    <p>You &amp; your key</p><hr>nginx</body></html>";
        assert_eq!(of_text(page), ["403 Forbidden", "You & your key", "nginx"]);
    }

    #[test]
    fn plain_text_is_shown_by_its_first_three_lines() {
        assert_eq!(of_text("one\n\n two \nthree\nfour"), ["one", "two", "three"]);
        assert_eq!(of_text(""), Vec::<String>::new());
    }

    #[test]
    fn escape_sequences_and_direction_marks_are_removed() {
        assert_eq!(plain_line("a\x1b[31mred\u{202e}b\u{9b}c\r\nd", 60), "a [31mred b c d");
        assert_eq!(plain_line("abcdef", 3), "abc…");
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_panic(body in ".{0,200}", tags in "[<>!/a-z &;-]{0,200}") {
            for text in [body.as_str(), tags.as_str()] {
                proptest::prop_assert!(of_text(text).len() <= LINES_MAX);
                proptest::prop_assert!(of_html(text).len() <= LINES_MAX);
            }
        }
    }
}
