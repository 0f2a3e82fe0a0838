//! Writes the detected dialect to the user's configuration file, leaving the rest unchanged.

use std::io;
use std::path::PathBuf;

use anyhow::Context;
use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use crate::call::setup::settings::ResolvedSettings;
use crate::call::setup::target::{EndpointRoute, Target};
use crate::config::built_in::FALLBACK;
use crate::config::file::{ConfigFile, FileOrigin};
use crate::config::settings::Setting;
use crate::error::{Error, Kind};
use crate::files::{self, Permissions};
use crate::net::endpoint::BetaMarker;
use crate::protocol::dialect::Dialect;

/// Writes the dialect for the current profile; returns the path of the file.
///
/// # Errors
///
/// If the profile is not specific to one endpoint, or the file cannot be written.
pub(super) fn dialect(
    settings: &ResolvedSettings,
    target: &Target,
    found: Dialect,
) -> Result<PathBuf, Error> {
    let profile = &settings.in_force.profile;
    if profile == FALLBACK && settings.in_force.own_url.is_none() {
        let error = format!("the profile {FALLBACK} serves any address, so it cannot store a dialect");
        let hint = "put the address as url into a [profiles.NAME] section and use --profile NAME";
        return Err(Error::say(Kind::Config, error).hint(hint));
    }
    let path = settings.sources.path.clone().ok_or_else(|| {
        Error::say(Kind::Config, "no folder for a configuration file")
            .hint("set HOME, or XDG_CONFIG_HOME to an absolute path")
    })?;
    let before = match files::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("cannot read {}", path.display())).map_err(cannot)?,
    };
    let after = edited(&before, profile, &lines(settings, target, found))?;
    let written = files::replace(&path, &after, Permissions::Kept);
    written.with_context(|| format!("cannot write {}", path.display())).map_err(cannot)?;
    Ok(path)
}

fn cannot(error: anyhow::Error) -> Error {
    Error::new(Kind::Config, error).hint("check that the file and its folder are yours")
}

/// A beta dialect requests the beta header; if the endpoint did not need it, that is written as well.
fn lines(settings: &ResolvedSettings, target: &Target, found: Dialect) -> Vec<(String, &'static str)> {
    let (EndpointRoute::Demo(endpoint) | EndpointRoute::Network(endpoint)) = &target.way;
    let is_new = settings.in_force.get(Setting::BetaMarker).is_none();
    let mut lines = vec![(Setting::Dialect.name().to_owned(), found.as_str())];
    if is_new && found == Dialect::Beta && endpoint.beta == BetaMarker::Absent {
        lines.push((Setting::BetaMarker.name().to_owned(), "never"));
    }
    lines
}

/// Returns the text with these settings in the profile.
fn edited(text: &str, profile: &str, lines: &[(String, &'static str)]) -> Result<String, Error> {
    let odd = || {
        Error::say(Kind::Config, format!("profiles.{profile} of the configuration file is not a table"))
            .hint("write it as [profiles.NAME]")
    };
    let mut document: DocumentMut = text.parse().map_err(|_| odd())?;
    // Comments at the end of a file belong to what stands before them: a new table comes after them.
    let end = document.trailing().as_str().unwrap_or_default().to_owned();
    let is_new = document.get("profiles").and_then(|profiles| profiles.get(profile)).is_none();
    let mut implicit = Table::new();
    // `[profiles]` alone says nothing.
    implicit.set_implicit(true);
    let profiles = document.entry("profiles").or_insert(Item::Table(implicit));
    let profiles: &mut dyn TableLike = profiles.as_table_like_mut().ok_or_else(odd)?;
    let item = profiles.entry(profile).or_insert(Item::Table(Table::new()));
    let moves = is_new && item.is_table();
    if let (true, Some(table)) = (moves, item.as_table_mut()) {
        let gap = if text.is_empty() || end.ends_with("\n\n") { "" } else { "\n" };
        table.decor_mut().set_prefix(format!("{end}{gap}"));
        table.set_position(Some(isize::MAX));
    }
    let table = item.as_table_like_mut().ok_or_else(odd)?;
    for (name, word) in lines {
        set(table, name, word);
    }
    if moves {
        document.set_trailing("");
    }
    let text = document.to_string();
    match ConfigFile::parse(&text, FileOrigin::User) {
        Ok(_) => Ok(text),
        Err(wrong) => Err(Error::say(Kind::Config, format!("cannot write the dialect: {wrong}"))),
    }
}

/// Keeps the comment next to an old value.
fn set(table: &mut dyn TableLike, name: &str, word: &str) {
    let decor = table.get(name).and_then(Item::as_value).map(|old| old.decor().clone());
    let mut new = value(word);
    if let (Some(decor), Some(new)) = (decor, new.as_value_mut()) {
        *new.decor_mut() = decor;
    }
    table.insert(name, new);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ga(text: &str, profile: &str) -> String {
        edited(text, profile, &[("dialect".to_owned(), "ga")]).unwrap()
    }

    #[test]
    fn comments_and_order_are_kept() {
        let before = "# mine\nprofile = \"work\"  # not openai\n\n[profiles.work] # the office\n\
                      like = \"azure\"\nresource = \"contoso\" # theirs\n\n[profiles.other]\nmodel = \"m\"\n";
        let after = before.replace("# theirs\n", "# theirs\ndialect = \"ga\"\n");
        assert_eq!(ga(before, "work"), after);
        assert_eq!(ga(&after, "work"), after);
    }

    #[test]
    fn an_old_value_is_replaced_and_its_comment_kept() {
        let before = "[profiles.a]\ndialect = \"beta\" # since spring\nmodel = \"m\"\n";
        assert_eq!(ga(before, "a"), before.replace("beta", "ga"));
    }

    #[test]
    fn a_missing_profile_is_added_and_inline_tables_are_kept() {
        assert_eq!(ga("", "openai"), "[profiles.openai]\ndialect = \"ga\"\n");
        assert_eq!(ga("# nothing\n", "a.b"), "# nothing\n\n[profiles.\"a.b\"]\ndialect = \"ga\"\n");
        let inline = ga("profiles = { a = { model = \"m\" } }\n", "a");
        assert_eq!(inline, "profiles = { a = { model = \"m\" , dialect = \"ga\" } }\n");
    }

    #[test]
    fn a_new_profile_is_added_at_the_end() {
        let before = crate::config::template::text();
        let new = "\n[profiles.openai]\ndialect = \"ga\"\n";
        assert_eq!(ga(&before, "openai"), format!("{before}{new}"));
        let reversed = "[profiles.a]\nmodel = \"m\"\n\n[defaults]\nlang = \"en\"\n# vad = \"off\"\n";
        assert_eq!(ga(reversed, "openai"), format!("{reversed}{new}"));
    }

    #[test]
    fn a_value_that_is_not_a_table_is_refused_without_quoting_it() {
        for text in ["profiles = 1\n", "[profiles]\na = \"sk-secret\"\n", "key = \"sk-secret\n"] {
            let error = edited(text, "a", &[("dialect".to_owned(), "ga")]).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
