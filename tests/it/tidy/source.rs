//! Source files as the tidy rules see them: without comments, literals and tests.

use std::fs;
use std::path::Path;

/// One Rust file of the package.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// From the root of the package, with `/`.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// What runs in the program: comments, literals and test code are blanks, lines are kept.
    pub(crate) code: String,
}

impl Source {
    /// Reads a text as a file of the given path.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = without_tests(&without_comments_and_literals(text));
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    /// Returns the module below `src` that the file belongs to; empty for `lib.rs` and `main.rs`.
    pub(crate) fn top_module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        match inside.split_once('/') {
            Some((folder, _)) => folder,
            None if inside == "lib.rs" || inside == "main.rs" => "",
            None => inside.trim_end_matches(".rs"),
        }
    }

    /// Returns each line number on which a word stands in the code.
    pub(crate) fn lines_with(&self, word: &str) -> Vec<usize> {
        let numbered = self.code.lines().enumerate();
        numbered.filter(|(_, line)| has_word(line, word)).map(|(index, _)| index + 1).collect()
    }

    /// Returns every path that starts at `crate::`, grouped imports taken apart, without `crate::`.
    pub(crate) fn crate_paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (position, _) in self.code.match_indices("crate::") {
            let before = self.code[..position].chars().next_back();
            if before.is_none_or(|character| !is_word(character) && character != '$') {
                expand(&self.code[position + "crate::".len()..], "", &mut found);
            }
        }
        found
    }
}

/// Reads every Rust file of the program; files that only tests include have no code.
pub(crate) fn program() -> Vec<Source> {
    let mut sources = rust_files("src");
    let tests: Vec<String> = sources.iter().flat_map(test_files_named_in).collect();
    for source in &mut sources {
        if tests
            .iter()
            .any(|test| source.path == format!("{test}.rs") || source.path.starts_with(&format!("{test}/")))
        {
            source.code = String::new();
        }
    }
    sources
}

/// Reads every Rust file of the package, tests and benchmarks included.
pub(crate) fn all_rust() -> Vec<Source> {
    let others = ["tests", "benches"].iter().flat_map(|folder| rust_files(folder));
    program().into_iter().chain(others).collect()
}

/// Reads every Rust file below a folder of the package, in order of path; none if there is no such folder.
pub(crate) fn rust_files(folder: &str) -> Vec<Source> {
    let paths = files_below(folder).into_iter().filter(|path| path.ends_with(".rs"));
    paths.map(|path| Source::new(&path, &read(&path))).collect()
}

/// What fuzzing leaves behind, which is not committed.
const FUZZING_LEFTOVERS: [&str; 4] =
    ["tests/fuzz/artifacts", "tests/fuzz/corpus", "tests/fuzz/coverage", "tests/fuzz/target"];

/// Returns the paths of all files below a folder of the package, in order.
pub(crate) fn files_below(folder: &str) -> Vec<String> {
    if FUZZING_LEFTOVERS.contains(&folder) {
        return Vec::new();
    }
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return Vec::new() };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.expect("a folder of the package can be listed");
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() { paths.extend(files_below(&path)) } else { paths.push(path) }
    }
    paths.sort();
    paths
}

/// Reads a file of the package.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}

/// Returns the folder that holds `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Tells whether a word stands in a line, and not as a part of a longer name.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back().filter(|_| word.starts_with(is_word));
        let after = line[start + word.len()..].chars().next().filter(|_| word.ends_with(is_word));
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Takes a path apart that may end in a group: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(rest: &str, prefix: &str, found: &mut Vec<String>) {
    let rest = rest.trim_start();
    if let Some(group) = rest.strip_prefix('{') {
        for part in parts_of_group(group) {
            expand(part, prefix, found);
        }
        return;
    }
    let end = rest.find(|character: char| !is_word(character) && character != ':').unwrap_or(rest.len());
    let path = format!("{prefix}{}", &rest[..end]);
    match path.strip_suffix("::") {
        Some(_) if rest[end..].starts_with('{') => expand(&rest[end..], &path, found),
        Some(whole) => found.push(whole.to_owned()),
        None if path.is_empty() => {}
        None => found.push(path.trim_end_matches(':').to_owned()),
    }
}

/// Splits the inside of a brace group at its own commas, up to its closing brace.
fn parts_of_group(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (index, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..index]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts
}

/// Replaces comments, strings and characters by blanks.
fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_word = code.chars().next_back().is_some_and(is_word);
        let length = skipped_length(rest, after_word);
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

/// Returns how many bytes of comment or literal a text starts with.
fn skipped_length(rest: &str, after_word: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(rest.len(), |end| end + 2);
    }
    if rest.starts_with('"') {
        return string_length(rest);
    }
    if rest.starts_with('r') && !after_word {
        return raw_string_length(rest);
    }
    if rest.starts_with('\'') { character_length(rest) } else { 0 }
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

fn raw_string_length(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|character| *character == '#').count();
    let Some(inside) = rest[1 + hashes..].strip_prefix('"') else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    inside.find(&end).map_or(rest.len(), |index| 2 + hashes + index + end.len())
}

/// A character, not a lifetime: the closing quote is near.
fn character_length(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(0, |index| index + 4),
        Some(_) => {
            characters.next().filter(|(_, character)| *character == '\'').map_or(0, |(index, _)| index + 1)
        }
        None => 0,
    }
}

/// Replaces what follows `#[cfg(test)]` by blanks, one item each.
fn without_tests(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(position) = rest.find("#[cfg(test)]") {
        let length = item_length(&rest[position..]);
        kept.push_str(&rest[..position]);
        kept.extend(rest[position..position + length].chars().filter(|character| *character == '\n'));
        rest = &rest[position + length..];
    }
    kept + rest
}

/// Returns the bytes of an item: to its `;`, or to the brace that closes it.
fn item_length(item: &str) -> usize {
    let mut depth = 0_usize;
    for (index, character) in item.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth <= 1 => return index + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return index + 1,
            _ => {}
        }
    }
    item.len()
}

/// Returns the paths, without `.rs`, of files that a file includes for tests only.
fn test_files_named_in(source: &Source) -> Vec<String> {
    let code = without_comments_and_literals(&source.text);
    let own = source.path.trim_end_matches(".rs");
    let folder =
        own.strip_suffix("/mod").or(own.strip_suffix("/lib")).or(own.strip_suffix("/main")).unwrap_or(own);
    let items = code
        .match_indices("#[cfg(test)]")
        .map(|(start, _)| &code[start..start + item_length(&code[start..])]);
    let names = items.filter_map(|item| item.rsplit_once("mod ")?.1.strip_suffix(';'));
    names.map(|name| format!("{folder}/{}", name.trim())).collect()
}

#[test]
fn comments_literals_and_tests_are_no_code() {
    let text = "use crate::pcm; // crate::ui\nlet a = \"crate::net\"; let b = '\"'; let c: &'static str = r#\"crate::\"x\"#;\n#[cfg(test)]\nmod tests { use crate::server; fn f() {} }\nfn after() {}";
    let source = Source::new("src/session/turn.rs", text);
    assert_eq!(source.crate_paths(), ["pcm"]);
    assert_eq!(source.lines_with("after"), [5]);
    assert_eq!(source.lines_with("static"), [2]);
}

#[test]
fn grouped_imports_are_taken_apart() {
    let source = Source::new(
        "src/ui/model.rs",
        "use crate::{pcm::frame::{Frame, Rate}, session::io, net};\ncrate::protocol::X::new();\nuse crate::app::*;",
    );
    let expected = ["pcm::frame::Frame", "pcm::frame::Rate", "session::io", "net", "protocol::X::new", "app"];
    assert_eq!(source.crate_paths(), expected);
}

#[test]
fn files_of_tests_next_to_the_code_are_known() {
    let source = Source::new(
        "src/session/mod.rs",
        "mod turn;\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\n#[expect(x)]\nmod manual;",
    );
    assert_eq!(test_files_named_in(&source), ["src/session/tests", "src/session/manual"]);
}
