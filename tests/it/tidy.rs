//! How the code is kept: layers, sizes, and words that must not stand in certain files.

mod language;
mod structure;
mod source;

use source::{Source, all_rust, files_below, has_word, program, read, root};

/// Which modules a module may name apart from itself; the table of `src/lib.rs`.
const LAYERS: &[(&str, &[&str])] = &[
    ("dsp", &[]),
    ("protocol", &["dsp"]),
    ("session", &["protocol", "dsp", "audio::api"]),
    ("captions", &[]),
    ("audio", &["dsp", "files", "test_hooks"]),
    ("net", &["protocol", "secret"]),
    (
        "ui",
        &["keys", "session::io", "captions", "dsp", "protocol::events::response", "audio::api", "markdown"],
    ),
    ("server", &["protocol", "dsp", "secret", "net"]),
    ("config", &["error", "files", "keys", "secret"]),
    ("cli", &["config", "keys"]),
    ("keys", &[]),
    ("error", &[]),
    ("secret", &[]),
    ("files", &[]),
    ("markdown", &[]),
    ("test_hooks", &[]),
    (
        "call",
        &[
            "dsp",
            "protocol",
            "session",
            "captions",
            "audio",
            "net",
            "ui",
            "server",
            "config",
            "cli",
            "error",
            "secret",
            "files",
            "keys",
            "test_hooks",
            "markdown",
        ],
    ),
    (
        "commands",
        &[
            "dsp",
            "protocol",
            "session",
            "captions",
            "audio",
            "net",
            "ui",
            "server",
            "config",
            "cli",
            "error",
            "secret",
            "files",
            "keys",
            "test_hooks",
            "markdown",
            "call",
        ],
    ),
];

/// Words that may stand only in files whose path starts so; the reason is what the failure says.
const HOMES: &[(&str, &[&str], &str)] = &[
    ("cpal", &["src/audio/backend/system", "src/audio/realtime/cards"], "one place names the sound library"),
    ("crossterm", &["src/ui/terminal", "src/ui/input/keys"], "one place touches the terminal"),
    ("TcpStream::connect", &["src/net/dial"], "one file dials out"),
    ("Instant::now", CLOCKS, "time is handed in"),
    ("SystemTime::now", CLOCKS, "time is handed in"),
    ("process::exit", &["src/main.rs"], "endings go through `main`, so that the terminal is restored"),
    ("Mutex", &[], "a message does instead"),
    ("RwLock", &[], "a message does instead"),
];

/// Where the time is read: the program's clock, and the thread that waits for the sound card.
const CLOCKS: &[&str] = &["src/call/clock.rs", "src/audio/thread/mod.rs"];

/// What takes time without bound, or may: heap, locks, system calls, output, panics.
const NOT_IN_A_CALLBACK: &[&str] = &[
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "dbg!",
    "log::",
    "tracing",
    "std::fs",
    "std::io",
    "std::thread",
    "Mutex",
    "RwLock",
    "Condvar",
    "lock(",
    "sleep",
    "spawn",
    "Instant",
    "SystemTime",
    "Vec::new",
    "with_capacity",
    "vec!",
    "Box::new",
    "Arc::new",
    "Rc::new",
    "format!",
    "String",
    "to_string",
    "to_owned",
    "to_vec",
    "collect",
    "unwrap",
    "expect(",
    "panic!",
    "assert!",
    "assert_eq!",
    "assert_ne!",
    "unreachable!",
    "todo!",
    "unimplemented!",
];

/// What makes a test weak, spelled so that this file does not hold it.
const NOT_IN_A_TEST: [&str; 3] =
    [concat!("#[ign", "ore"), concat!("#[should_p", "anic"), concat!("thread::sl", "eep(")];

/// Longest file, in lines.
const FILE_LINES: usize = 500;
/// Longest ARCHITECTURE.md, in lines.
const ARCHITECTURE_LINES: usize = 120;
/// What a reader sees without scrolling, in lines.
const SCREEN_LINES: usize = 30;
/// The lock file stays under so many crates.
const CRATES: usize = 450;

#[test]
fn a_module_names_only_the_layers_below_it() {
    none(program().iter().flat_map(layer_breaches));
    breached(layer_breaches(&Source::new("src/session/turn.rs", "use crate::net::dial;")));
    breached(layer_breaches(&Source::new("src/server/voice.rs", "use crate::{dsp, session::io};")));
    breached(layer_breaches(&Source::new("src/ui/model.rs", "use crate::session::Session;")));
    breached(layer_breaches(&Source::new("src/unlisted.rs", "")));
}

#[test]
fn the_demo_endpoint_shares_no_code_with_the_client() {
    let demo = program().into_iter().filter(|source| source.path.starts_with("src/server/demo"));
    none(demo.collect::<Vec<_>>().iter().flat_map(dials));
    breached(dials(&Source::new("src/server/demo/drive.rs", "use crate::net::dial;")));
}

fn dials(source: &Source) -> Vec<String> {
    let paths = source.crate_paths().into_iter().filter(|path| path.starts_with("net::"));
    paths.map(|path| format!("{}: the demo endpoint must not use `{path}`", source.path)).collect()
}

fn layer_breaches(source: &Source) -> Vec<String> {
    let module = source.top_module();
    if module.is_empty() {
        return Vec::new();
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{}: the layer table does not know `{module}`", source.path)];
    };
    let may = |path: &str| {
        let below = |layer: &str| path == layer || path.starts_with(&format!("{layer}::"));
        below(module) || allowed.iter().any(|layer| below(layer))
    };
    let breaches = source.crate_paths().into_iter().filter(|path| !may(path));
    breaches.map(|path| format!("{}: `{module}` must not use `{path}`", source.path)).collect()
}

#[test]
fn nothing_climbs_to_the_root_of_the_crate_by_super() {
    none(program().iter().flat_map(climbs));
    breached(climbs(&Source::new("src/net/dial.rs", "use super::super::ui;")));
    breached(climbs(&Source::new("src/net/mod.rs", "use super::ui;")));
}

fn climbs(source: &Source) -> Vec<String> {
    let depth = source.path.matches('/').count();
    let at_top = depth == 1 || depth == 2 && source.path.ends_with("/mod.rs");
    let words: &[&str] = if at_top { &["super::"] } else { &["super::super"] };
    words.iter().flat_map(|word| at(source, word, "`use crate::…` shows the layer")).collect()
}

#[test]
fn the_map_holds_no_code() {
    let map = Source::new("src/lib.rs", &read("src/lib.rs"));
    let is_map = |line: &str| line.is_empty() || line.starts_with("pub mod ") && line.ends_with(';');
    none(
        map.code
            .lines()
            .map(str::trim)
            .filter(|line| !is_map(line))
            .map(|line| format!("src/lib.rs: `{line}`")),
    );
    let known = |name: &str| LAYERS.iter().any(|(layer, _)| *layer == name);
    let names = map.code.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    none(names.filter(|name| !known(name)).map(|name| format!("the layer table does not know `{name}`")));
}

#[test]
fn every_file_opens_with_a_sentence_on_what_it_owns() {
    none(all_rust().iter().filter_map(opening_breach));
    breached(opening_breach(&Source::new("src/a.rs", "use std::fs;\n")));
    breached(opening_breach(&Source::new("src/a.rs", "//!\n")));
}

fn opening_breach(source: &Source) -> Option<String> {
    let first = source.text.lines().next().unwrap_or_default();
    let has_words = first.strip_prefix("//! ").is_some_and(|sentence| !sentence.trim().is_empty());
    (!has_words).then(|| format!("{}: the first line is no `//!` sentence", source.path))
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    none(all_rust().iter().filter_map(size_breach));
    breached(size_breach(&Source::new("src/a.rs", &"\n".repeat(FILE_LINES + 1))));
}

fn size_breach(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    (lines > FILE_LINES).then(|| format!("{}: {lines} lines; what is the second subject?", source.path))
}

#[test]
fn the_world_is_touched_in_one_place_each() {
    none(program().iter().flat_map(strays));
    for (word, _, _) in HOMES {
        breached(strays(&Source::new("src/session/turn.rs", &format!("let x = {word};"))));
    }
}

fn strays(source: &Source) -> Vec<String> {
    let away = HOMES.iter().filter(|(_, homes, _)| !homes.iter().any(|home| source.path.starts_with(home)));
    away.flat_map(|(word, _, reason)| at(source, word, reason)).collect()
}

#[test]
fn the_realtime_code_neither_waits_nor_allocates_nor_panics() {
    let folder = "src/audio/realtime/";
    assert!(program().iter().any(|source| source.path.starts_with(folder)), "no realtime code in {folder}");
    none(program().iter().filter(|source| source.path.starts_with(folder)).flat_map(waits));
    for word in NOT_IN_A_CALLBACK {
        breached(waits(&Source::new("src/audio/realtime/callback.rs", &format!("let x = {word};"))));
    }
}

fn waits(source: &Source) -> Vec<String> {
    NOT_IN_A_CALLBACK.iter().flat_map(|word| at(source, word, "not in a realtime callback")).collect()
}

#[test]
fn no_test_is_ignored_expects_a_panic_or_sleeps() {
    none(all_rust().iter().flat_map(weak_tests));
    for word in NOT_IN_A_TEST {
        breached(weak_tests(&Source::new("tests/it/a.rs", word)));
        breached(weak_tests(&Source::new("src/a.rs", &format!("#[cfg(test)]\nmod tests {{\n{word}\n}}"))));
    }
    // A thread that may wait may sleep; a test may not.
    assert_eq!(weak_tests(&Source::new("src/a.rs", NOT_IN_A_TEST[2])), [""; 0]);
}

fn weak_tests(source: &Source) -> Vec<String> {
    let of_program = if source.path.starts_with("src/") { source.code.lines() } else { "".lines() };
    let lines = source.text.lines().zip(of_program.chain(std::iter::repeat("")));
    let weak = lines.filter(|(line, of_program)| {
        NOT_IN_A_TEST.iter().any(|word| line.contains(word) && !of_program.contains(word))
    });
    weak.map(|(line, _)| format!("{}: {}", source.path, line.trim())).collect()
}

#[test]
fn the_project_stands_alone() {
    let mut paths: Vec<String> = ["src", "tests", "benches", "assets", "docs", ".ci", ".github"]
        .iter()
        .flat_map(|folder| files_below(folder))
        .collect();
    paths.extend(
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "Cargo.toml", "install.sh"].map(str::to_owned),
    );
    none(paths.iter().filter(|path| is_text(path)).flat_map(|path| outside_mentions(path, &read(path))));
    breached(outside_mentions("src/a.rs", concat!("see ../sha", "red/notes")));
    breached(outside_mentions("src/a.rs", concat!("(PROTO", "COL.md, section 1)")));
}

fn is_text(path: &str) -> bool {
    std::fs::read(root().join(path)).is_ok_and(|bytes| String::from_utf8(bytes).is_ok())
}

/// The workshop's folders and papers, which no one who has the project has.
fn outside_mentions(path: &str, text: &str) -> Vec<String> {
    let words = [concat!("sha", "red/"), concat!("/wo", "rk/")];
    let papers = [concat!("PROTO", "COL.md"), concat!("AU", "DIO.md"), concat!("DES", "IGN.md")];
    let is_outside = |line: &&str| {
        words.iter().any(|word| has_word(line, word)) || papers.iter().any(|paper| line.contains(paper))
    };
    let lines = text.lines().filter(is_outside);
    lines.map(|line| format!("{path}: {}", line.trim())).collect()
}

#[test]
fn the_changelog_has_a_place_for_what_comes() {
    assert!(read("CHANGELOG.md").lines().any(|line| line == "## [Unreleased]"));
}

#[test]
fn the_first_screen_of_the_readme_has_the_two_commands() {
    let text = read("README.md");
    let first_screen = text.lines().take(SCREEN_LINES).take_while(|line| !line.starts_with("## "));
    let commands: Vec<&str> = first_screen.filter(|line| line.starts_with("./install.sh")).collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    assert!(commands[0].contains("--demo") && commands[1].contains("--test"), "{commands:?}");
}

#[test]
fn the_architecture_is_short_and_names_only_what_exists() {
    let text = read("ARCHITECTURE.md");
    assert!(text.lines().count() <= ARCHITECTURE_LINES, "ARCHITECTURE.md has {} lines", text.lines().count());
    none(missing_files(&text));
    breached(missing_files("see `audio/nowhere.rs`"));
    assert_eq!(missing_files("see `src/lib.rs`, lib.rs and Cargo.toml"), [""; 0]);
}

/// Every word that looks like a file or a folder must be one, from the root or from `src`.
fn missing_files(text: &str) -> Vec<String> {
    let is_part = |character: char| character.is_alphanumeric() || "/._-".contains(character);
    let words = text.split(|character| !is_part(character)).map(|word| word.trim_end_matches('.'));
    let ends = [".rs", ".md", ".toml", ".sh", "/"];
    let named = words.filter(|word| word.len() > 1 && ends.iter().any(|end| word.ends_with(end)));
    let exists = |word: &&str| root().join(word).exists() || root().join("src").join(word).exists();
    named
        .filter(|word| !exists(word))
        .map(|word| format!("ARCHITECTURE.md names {word}, which is not there"))
        .collect()
}

#[test]
fn the_lock_file_stays_small() {
    let crates = read("Cargo.lock").lines().filter(|line| *line == "[[package]]").count();
    assert!(crates < CRATES, "{crates} crates: which of them saves more lines than it hides?");
}

fn at(source: &Source, word: &str, reason: &str) -> Vec<String> {
    let lines = source.lines_with(word).into_iter();
    lines.map(|line| format!("{}:{line}: `{word}`: {reason}", source.path)).collect()
}

fn none(breaches: impl IntoIterator<Item = String>) {
    let breaches: Vec<String> = breaches.into_iter().collect();
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

/// Shows that a rule can be broken: a check that finds nothing anywhere is no check.
fn breached(breaches: impl IntoIterator<Item = String>) {
    assert!(breaches.into_iter().next().is_some(), "the rule does not see a breach");
}
