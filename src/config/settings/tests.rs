//! Every declaration is complete, and the documentation lists it.

use std::fmt::Write;

use super::*;
use crate::config::value::Value;
use crate::keys::action::{ACTIONS, ActionSpec};

#[test]
fn every_declaration_is_complete() {
    let mut names = std::collections::BTreeSet::new();
    for setting in Setting::all() {
        let declaration = setting.declaration();
        let name = declaration.name;
        assert!(names.insert(name), "{name} is declared twice");
        assert_eq!(Setting::named(name), Some(*setting));
        assert!(declaration.help.len() > 3 && !declaration.help.ends_with('.'), "{name}");
        assert!(declaration.note.is_none_or(|note| note.ends_with('.')), "{name}");
        assert!(!declaration.example.is_empty(), "{name} has neither default nor example");
        let default = declaration.default.map(|text| declaration.kind.parse(text));
        assert!(default.is_none_or(|value| value.is_some()), "{name}");
        if let Some(flag) = declaration.flag {
            assert_eq!(flag.spelling(), format!("--{}", name.replace('_', "-")));
        }
        if let Some(variable) = declaration.variable {
            assert_eq!(variable, format!("RTVOICE_{}", name.to_uppercase()));
        }
    }
}

#[test]
fn values_have_the_type_of_their_setting() {
    let parse = |setting: Setting, text: &str| setting.declaration().kind.parse(text);
    assert_eq!(parse(Setting::VadThreshold, "0.5"), Some(Value::Float(0.5)));
    assert_eq!(parse(Setting::SilenceDurationMs, "500"), Some(Value::Integer(500)));
    assert_eq!(parse(Setting::SilenceDurationMs, "99"), None);
    assert_eq!(parse(Setting::Plain, "true"), Some(Value::Bool(true)));
    assert_eq!(parse(Setting::CaFile, "a.pem"), Some(Value::Path("a.pem".into())));
    assert_eq!(parse(Setting::Vad, "server"), Some(Value::Text("server".to_owned())));
    assert_eq!(parse(Setting::Vad, "klingon"), None);
}

#[test]
fn choices_have_documented_words() {
    let words = |setting: Setting| setting.declaration().kind.words();
    assert_eq!(
        words(Setting::Auth),
        ["bearer", "header", "subprotocol", "query", "bearer-and-query", "none"]
    );
    assert_eq!(words(Setting::InputFormat), ["pcm16", "pcm", "g711_ulaw", "g711_alaw"]);
    assert_eq!(
        words(Setting::TranscriptionQuery),
        ["intent", "intent-and-model", "intent-and-transcription-model", "model"]
    );
}

/// Returns the table of the settings of one scope in Markdown.
fn table(scope: Scope) -> String {
    let mut table = "| setting | flag, variable | default | meaning |\n|---|---|---|---|\n".to_owned();
    for setting in Setting::in_scope(scope) {
        let Declaration { name, kind, help, note, default, flag, variable, .. } = setting.declaration();
        let spellings = flag.map(|flag| flag.spelling()).into_iter().chain(*variable);
        let spellings = spellings.map(|spelling| format!("`{spelling}`")).collect::<Vec<_>>().join(", ");
        let default = default.map(|default| format!("`{default}`")).unwrap_or_default();
        let range = kind.range().map(|range| format!(" ({range})")).unwrap_or_default();
        let note = note.map(|note| format!(" {note}")).unwrap_or_default();
        writeln!(table, "| `{name}` | {spellings} | {default} | {help}{range}.{note} |").unwrap();
    }
    table
}

/// Returns the table of the actions and their keys in Markdown.
fn key_table() -> String {
    let mut table = "| action | keys | does |\n|---|---|---|\n".to_owned();
    for ActionSpec { name, keys, help, .. } in &ACTIONS {
        let keys = keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        writeln!(table, "| `{name}` | {keys} | {help} |").unwrap();
    }
    table
}

/// With `UPDATE_DOCS` in the environment the tables are written instead.
#[test]
fn the_documented_tables_are_those_of_the_declarations() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let page = std::fs::read_to_string(path).unwrap();
    let mut expected = page.clone();
    for (scope, name) in [(Scope::Defaults, "defaults"), (Scope::Profile, "profile")] {
        let (start, end) =
            (format!("<!-- {name} settings -->\n"), format!("<!-- end of {name} settings -->\n"));
        let (before, rest) = expected.split_once(&start).expect("the page has the mark");
        let (_, after) = rest.split_once(&end).expect("the page has the end mark");
        expected = format!("{before}{start}\n{}\n{end}{after}", table(scope));
    }
    let (before, rest) = expected.split_once("<!-- keys -->\n").expect("the page has the mark");
    let (_, after) = rest.split_once("<!-- end of keys -->\n").expect("the page has the end mark");
    expected = format!("{before}<!-- keys -->\n\n{}\n<!-- end of keys -->\n{after}", key_table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, expected).unwrap();
    } else {
        assert!(page == expected, "run this test once with UPDATE_DOCS=1");
    }
}
