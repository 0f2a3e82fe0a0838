//! Format of a kept conversation: a header, then one record per final fact, each a line of JSON.

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};

use crate::protocol::events::item::Role;
use crate::session::io::message::PastTurn;

/// Version of the format. Readers refuse a higher one; records and fields may be added without another version.
pub(crate) const VERSION: u64 = 1;

/// First line of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptHeader {
    /// Version of the format.
    pub(crate) rtvoice_session: u64,
    /// Name of the file.
    pub(crate) id: String,
    /// Label that the user chose.
    pub(crate) name: Option<String>,
    /// Time of the start, RFC 3339.
    pub(crate) started: Option<String>,
    /// Version of the program.
    pub(crate) program: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) model: Option<String>,
    /// The conversation that it continues; its turns are repeated in this file as far as they were given.
    pub(crate) continues: Option<String>,
}

/// A line after the header.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum KeptRecord {
    /// A message of the user, or what was understood of speech.
    User { at_ms: u64, item: String, text: String },
    /// An answer.
    Assistant {
        at_ms: u64,
        item: String,
        text: String,
        /// The part that was heard, if it was cut off.
        #[serde(skip_serializing_if = "Option::is_none")]
        heard: Option<String>,
        #[serde(default)]
        interrupted: bool,
    },
    /// A turn was removed; without an item, all of them.
    Removed { at_ms: u64, item: Option<String> },
    /// A server is in use.
    Connection { at_ms: u64, session: Option<String>, model: Option<String>, voice: Option<String> },
    /// The end, with the sums.
    End { at_ms: u64, reason: String, total_tokens: Option<u64>, usd: Option<f64> },
    /// A record of a later program.
    #[serde(other)]
    Unknown,
}

/// A file that was read.
#[derive(Debug, PartialEq)]
pub(crate) struct KeptConversation {
    pub(crate) header: KeptHeader,
    /// Turns in the order in which they began.
    pub(crate) turns: Vec<PastTurn>,
}

/// Reads the first line of a file; none if it is no kept conversation.
///
/// # Errors
///
/// When a later version of the program wrote it.
pub(crate) fn header(line: &str) -> anyhow::Result<Option<KeptHeader>> {
    let line = line.trim_start_matches('\u{feff}');
    let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else { return Ok(None) };
    match value.get("rtvoice_session").and_then(serde_json::Value::as_u64) {
        Some(version) if version > VERSION => {
            Err(anyhow!("a later version of rtvoice wrote it (format {version}, this one reads {VERSION})"))
        }
        Some(_) => Ok(serde_json::from_value(value).ok()),
        None => Ok(None),
    }
}

/// Reads a file. Lines that are no records, such as a torn last one, and unknown records are skipped.
///
/// # Errors
///
/// When it is no kept conversation, or of a later version.
pub(crate) fn parse(bytes: &[u8]) -> anyhow::Result<KeptConversation> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let header = header(lines.next().unwrap_or_default())?.context("it is no kept conversation")?;
    let mut turns: Vec<(u64, PastTurn)> = Vec::new();
    for record in lines.filter_map(|line| serde_json::from_str(line).ok()) {
        let (at_ms, item_id, role, text) = match record {
            KeptRecord::User { at_ms, item, text } => (at_ms, item, Role::User, text),
            KeptRecord::Assistant { at_ms, item, text, heard, .. } => {
                (at_ms, item, Role::Assistant, heard.unwrap_or(text))
            }
            KeptRecord::Removed { item: Some(item), .. } => {
                turns.retain(|(_, turn)| turn.item_id != item);
                continue;
            }
            KeptRecord::Removed { item: None, .. } => {
                turns.clear();
                continue;
            }
            KeptRecord::Connection { .. } | KeptRecord::End { .. } | KeptRecord::Unknown => continue,
        };
        if !text.trim().is_empty() {
            turns.push((at_ms, PastTurn { item_id, role, text }));
        }
    }
    // Transcripts of speech become final late.
    turns.sort_by_key(|(at_ms, _)| *at_ms);
    Ok(KeptConversation { header, turns: turns.into_iter().map(|(_, turn)| turn).collect() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ui::text::json;

    fn head() -> KeptHeader {
        KeptHeader {
            rtvoice_session: VERSION,
            id: "20261130-072533-k3f".to_owned(),
            name: Some("plans".to_owned()),
            started: None,
            program: None,
            profile: Some("demo".to_owned()),
            model: None,
            continues: None,
        }
    }

    fn user(at_ms: u64, item: &str, text: &str) -> KeptRecord {
        KeptRecord::User { at_ms, item: item.to_owned(), text: text.to_owned() }
    }

    fn answer(at_ms: u64, item: &str, text: &str, heard: Option<&str>) -> KeptRecord {
        let (item, text, heard) = (item.to_owned(), text.to_owned(), heard.map(str::to_owned));
        KeptRecord::Assistant { at_ms, item, text, interrupted: heard.is_some(), heard }
    }

    fn file(records: &[KeptRecord]) -> String {
        let lines = records.iter().map(|record| json::line(record).unwrap());
        json::line(&head()).unwrap() + &lines.collect::<String>()
    }

    fn texts(file: &str) -> Vec<String> {
        parse(file.as_bytes()).unwrap().turns.into_iter().map(|turn| turn.text).collect()
    }

    #[test]
    fn turns_are_read_in_the_order_in_which_they_began() {
        let file = file(&[answer(20, "a1", "Hi.", None), user(10, "u1", "Hello"), user(30, "u2", "")]);
        assert_eq!(texts(&file), ["Hello", "Hi."]);
    }

    #[test]
    fn of_an_answer_that_was_cut_off_the_heard_part_counts() {
        assert_eq!(texts(&file(&[answer(1, "a1", "One, two, three.", Some("One,"))])), ["One,"]);
        assert_eq!(texts(&file(&[answer(1, "a1", "Unheard.", Some(""))])), [""; 0]);
    }

    #[test]
    fn removed_turns_are_gone() {
        let removed = |item: Option<&str>| KeptRecord::Removed { at_ms: 9, item: item.map(str::to_owned) };
        let both = [user(1, "u1", "one"), answer(2, "a1", "two", None)];
        let [first, second] = both;
        let mut records = vec![first, second, removed(Some("a1")), answer(3, "a2", "three", None)];
        assert_eq!(texts(&file(&records)), ["one", "three"]);
        records.push(removed(None));
        assert_eq!(texts(&file(&records)), [""; 0]);
    }

    #[test]
    fn unknown_records_and_foreign_lines_are_skipped() {
        let text = file(&[user(1, "u1", "one")])
            + "{\"type\":\"hologram\",\"at_ms\":3}\r\n\0\n\nnot json\n"
            + &json::line(&user(4, "u2", "two")).unwrap();
        assert_eq!(texts(&text), ["one", "two"]);
        assert_eq!(texts(&format!("\u{feff}{text}")), ["one", "two"]);
    }

    #[test]
    fn a_torn_last_line_costs_that_line_only() {
        let whole = file(&[user(1, "u1", "one"), user(2, "u2", "two é")]);
        let intact = file(&[user(1, "u1", "one")]).len();
        for end in intact..whole.len() - 1 {
            let turns = parse(&whole.as_bytes()[..end]).unwrap().turns;
            assert!((1..=2).contains(&turns.len()) && turns[0].text == "one", "{end}");
        }
    }

    #[test]
    fn a_later_version_is_refused_and_other_files_are_not_conversations() {
        let later = file(&[]).replace("\"rtvoice_session\":1", "\"rtvoice_session\":2");
        let error = parse(later.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "a later version of rtvoice wrote it (format 2, this one reads 1)");
        for other in ["", "{}", "text\n", "[1]\n"] {
            assert_eq!(parse(other.as_bytes()).unwrap_err().to_string(), "it is no kept conversation");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(text in "\\PC{1,40}[\u{0}-\u{1f}\u{7f}-\u{9f}]{0,4}x") {
            let text = format!("x{text}");
            let record = file(&[user(1, "u1", &text)]);
            prop_assert_eq!(record.lines().count(), 2);
            prop_assert_eq!(texts(&record), [text]);
        }
    }
}
