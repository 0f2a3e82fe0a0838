//! Language: the terms of the field in names and comments, one type per name.

use std::collections::BTreeMap;

use super::source::{Source, all_rust};
use super::{breached, none};

/// Words that say something in a private way; the field has a term for each.
const PRIVATE_WORDS: &[&str] = &[
    concat!("to", "ld"),
    concat!("fore", "tell"),
    concat!("fore", "tells"),
    concat!("foret", "old"),
    concat!("who", "ever"),
    concat!("no", "body"),
    concat!("some", "body"),
    concat!("wi", "sh"),
    concat!("wi", "shes"),
    concat!("mis", "hap"),
    concat!("ob", "ey"),
    concat!("ob", "eys"),
    concat!("be", "side"),
    concat!("be", "sides"),
    concat!("o", "we"),
    concat!("o", "wes"),
    concat!("o", "wed"),
    concat!("wit", "ness"),
    concat!("good", "bye"),
    concat!("ja", "ck"),
    concat!("look", "out"),
    concat!("gar", "bled"),
];

/// Names that several types share for a reason: associated types that a trait of the standard library or of
/// serde prescribes, and stand-ins for a sound system or for grammars that a build leaves out.
const SHARED_NAMES: &[&str] = &[
    "Err",
    "Value",
    "AudioCallback",
    "DeviceLookup",
    "PulseDevice",
    "PulseLookup",
    "StreamKind",
    "Grammars",
    "HighlightState",
];

#[test]
fn names_and_comments_use_the_terms_of_the_field() {
    none(all_rust().iter().flat_map(private_words));
    for word in PRIVATE_WORDS {
        breached(private_words(&Source::new("src/a.rs", &format!("/// It is {word} of it.\n"))));
    }
    breached(private_words(&Source::new("src/a.rs", concat!("fn is_to", "ld() {}"))));
    breached(private_words(&Source::new("src/a.rs", concat!("struct WhoTo", "ld;"))));
    none(private_words(&Source::new("src/a.rs", "fn tolerates() {}")));
}

fn private_words(source: &Source) -> Vec<String> {
    let lines = source.text.lines().enumerate();
    let found = lines.flat_map(|(index, line)| words(line).map(move |word| (index, word)));
    let private = found.filter(|(_, word)| PRIVATE_WORDS.contains(&word.as_str()));
    private.map(|(index, word)| format!("{}:{}: `{word}`", source.path, index + 1)).collect()
}

/// Returns the words of a line in lower case, names in `snake_case` and `CamelCase` taken apart.
fn words(line: &str) -> impl Iterator<Item = String> {
    let mut apart = String::with_capacity(line.len());
    let mut previous = ' ';
    for character in line.chars() {
        if previous.is_lowercase() && character.is_uppercase() {
            apart.push(' ');
        }
        apart.push(if character.is_alphabetic() { character.to_ascii_lowercase() } else { ' ' });
        previous = character;
    }
    apart.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

#[test]
fn no_two_types_share_a_name() {
    let program = all_rust().into_iter().filter(|source| source.path.starts_with("src/"));
    none(shared_names(&program.collect::<Vec<_>>()));
    let both = [Source::new("src/a.rs", "pub struct Part;"), Source::new("src/b.rs", "enum Part { A }")];
    breached(shared_names(&both));
}

fn shared_names(sources: &[Source]) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for source in sources {
        for name in source.text.lines().filter_map(type_name) {
            places.entry(name.to_owned()).or_default().push(&source.path);
        }
    }
    let shared =
        places.iter().filter(|(name, places)| places.len() > 1 && !SHARED_NAMES.contains(&name.as_str()));
    shared.map(|(name, places)| format!("`{name}`: {}", places.join(", "))).collect()
}

/// Returns the name of the type that a line declares.
fn type_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let item = line.strip_prefix("pub").map_or(line, |rest| match rest.strip_prefix('(') {
        Some(scope) => scope.split_once(')').map_or(rest, |(_, item)| item),
        None => rest,
    });
    let item = item.trim_start();
    let name = ["struct ", "enum ", "trait ", "type "].iter().find_map(|kind| item.strip_prefix(kind))?;
    let end =
        name.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(name.len());
    name.starts_with(char::is_uppercase).then(|| &name[..end])
}
