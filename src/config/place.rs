//! Where the configuration file lies.

use std::env;
use std::path::{Path, PathBuf};

/// Returns the path of the configuration file, whether or not it is there:
/// `$XDG_CONFIG_HOME/rtvoice/config.toml`, else `~/.config/rtvoice/config.toml`. None without a home.
pub fn config_file() -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from);
    below(folder("XDG_CONFIG_HOME").as_deref(), folder("HOME").as_deref())
}

/// A relative path in the variable counts for nothing (XDG Base Directory Specification, section 3).
fn below(config_home: Option<&Path>, home: Option<&Path>) -> Option<PathBuf> {
    let absolute = |path: Option<&Path>| path.filter(|path| path.is_absolute()).map(Path::to_owned);
    let folder = absolute(config_home).or_else(|| Some(absolute(home)?.join(".config")))?;
    Some(folder.join("rtvoice").join("config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_lies_where_the_freedesktop_rule_says() {
        let find = |config_home: Option<&str>, home: Option<&str>| {
            below(config_home.map(Path::new), home.map(Path::new)).map(|path| path.display().to_string())
        };
        let in_home = Some("/home/u/.config/rtvoice/config.toml".to_owned());
        assert_eq!(find(Some("/etc/u"), Some("/home/u")), Some("/etc/u/rtvoice/config.toml".to_owned()));
        assert_eq!(find(None, Some("/home/u")), in_home);
        assert_eq!(find(Some("relative"), Some("/home/u")), in_home);
        assert_eq!(find(Some(""), None), None);
    }
}
