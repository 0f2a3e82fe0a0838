//! Structure: no import cycles between files, no crowded folders.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, program};
use super::{breached, none};

/// Most entries of a folder of `src`.
const FOLDER_ENTRIES: usize = 16;

type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_files_import_each_other_in_a_circle() {
    none(cycles(&imports(&program())));
    let source = |path: &str, code: &str| Source::new(path, code);
    let a = source("src/a/mod.rs", "use crate::a::b::B;");
    let b = source("src/a/b.rs", "use crate::c::C;");
    breached(cycles(&imports(&[a.clone(), b.clone(), source("src/c.rs", "use crate::a::A;")])));
    none(cycles(&imports(&[a, b, source("src/c.rs", "struct C;")])));
}

/// Returns, by module, the modules that its file imports by an absolute path.
fn imports(sources: &[Source]) -> Imports {
    let modules: BTreeSet<String> = sources.iter().filter_map(|source| module(&source.path)).collect();
    let mut imports = Imports::new();
    for source in sources {
        let Some(own) = module(&source.path) else { continue };
        let used = source.crate_paths().into_iter().filter_map(|path| longest_module(&path, &modules));
        let used = used.filter(|used| *used != own).collect();
        imports.insert(own, used);
    }
    imports
}

/// Returns the module of a file; none for the roots of the crates.
fn module(path: &str) -> Option<String> {
    let inside = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    (!["lib", "main"].contains(&inside)).then(|| inside.replace('/', "::"))
}

/// Returns the module that a path such as `a::b::Type` leads into.
fn longest_module(path: &str, modules: &BTreeSet<String>) -> Option<String> {
    let ends = path.match_indices("::").map(|(end, _)| end).chain([path.len()]);
    ends.map(|end| &path[..end]).filter(|prefix| modules.contains(*prefix)).last().map(str::to_owned)
}

/// Returns the groups of modules that reach each other.
fn cycles(imports: &Imports) -> Vec<String> {
    let reached: Imports =
        imports.keys().map(|module| (module.clone(), reachable_from(module, imports))).collect();
    let in_a_circle = reached.iter().filter(|(module, reached)| reached.contains(*module));
    let groups: BTreeSet<Vec<&str>> = in_a_circle
        .map(|(module, others)| {
            let mutual = others.iter().filter(|other| reached[*other].contains(module));
            mutual.map(String::as_str).collect()
        })
        .collect();
    groups.into_iter().map(|group| format!("import cycle: {}", group.join(", "))).collect()
}

fn reachable_from(module: &str, imports: &Imports) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![module.to_owned()];
    while let Some(next) = open.pop() {
        for import in imports.get(&next).into_iter().flatten() {
            if reached.insert(import.clone()) {
                open.push(import.clone());
            }
        }
    }
    reached
}

#[test]
fn no_folder_holds_more_than_a_reader_can_survey() {
    none(crowded(program().iter().map(|source| source.path.as_str())));
    let paths: Vec<String> = (0..=FOLDER_ENTRIES).map(|index| format!("src/a/{index}.rs")).collect();
    breached(crowded(paths.iter().map(String::as_str)));
}

fn crowded<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut entries: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in paths {
        for (end, _) in path.match_indices('/') {
            let entry = path[end + 1..].split('/').next().unwrap_or_default();
            entries.entry(&path[..end]).or_default().insert(entry);
        }
    }
    let crowded =
        entries.iter().filter(|(folder, entries)| **folder != "src" && entries.len() > FOLDER_ENTRIES);
    crowded.map(|(folder, entries)| format!("{folder} has {} entries", entries.len())).collect()
}
