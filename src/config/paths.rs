//! Paths of the configuration and state files.

use std::env;
use std::path::{Path, PathBuf};

/// Returns the path of the configuration file, which may be absent:
/// `$XDG_CONFIG_HOME/rtvoice/config.toml`, else `~/.config/rtvoice/config.toml`. None without a home.
pub fn config_file() -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from);
    let name = Path::new("rtvoice/config.toml");
    base_folder(folder("XDG_CONFIG_HOME").as_deref(), folder("HOME").as_deref(), ".config")
        .map(|path| path.join(name))
}

/// Returns the path of the remembered settings, which may be absent:
/// `$XDG_STATE_HOME/rtvoice/devices.json`, else `~/.local/state/rtvoice/devices.json`. None without a home.
pub fn devices_file() -> Option<PathBuf> {
    state_file("rtvoice/devices.json")
}

/// Returns the path of the texts sent on a screen, which may be absent: `history` in the same folder.
pub fn history_file() -> Option<PathBuf> {
    state_file("rtvoice/history")
}

/// Returns the folder of kept conversations, which may be absent:
/// `$XDG_DATA_HOME/rtvoice/sessions`, else `~/.local/share/rtvoice/sessions`. None without a home.
pub fn sessions_folder() -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from);
    let place = base_folder(folder("XDG_DATA_HOME").as_deref(), folder("HOME").as_deref(), ".local/share");
    place.map(|path| path.join("rtvoice/sessions"))
}

fn state_file(name: &str) -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from);
    let place = base_folder(folder("XDG_STATE_HOME").as_deref(), folder("HOME").as_deref(), ".local/state");
    place.map(|path| path.join(name))
}

/// Relative paths in the variable are ignored (XDG Base Directory Specification, section 3).
fn base_folder(variable: Option<&Path>, home: Option<&Path>, fallback: &str) -> Option<PathBuf> {
    let absolute = |path: Option<&Path>| path.filter(|path| path.is_absolute()).map(Path::to_owned);
    absolute(variable).or_else(|| Some(absolute(home)?.join(fallback)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_follow_the_xdg_base_directories() {
        let find = |variable: Option<&str>, home: Option<&str>| {
            let found = base_folder(variable.map(Path::new), home.map(Path::new), ".config");
            found.map(|path| path.display().to_string())
        };
        let in_home = Some("/home/u/.config".to_owned());
        assert_eq!(find(Some("/etc/u"), Some("/home/u")), Some("/etc/u".to_owned()));
        assert_eq!(find(None, Some("/home/u")), in_home);
        assert_eq!(find(Some("relative"), Some("/home/u")), in_home);
        assert_eq!(find(Some(""), None), None);
    }
}
