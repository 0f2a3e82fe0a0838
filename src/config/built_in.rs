//! The built-in profiles: a file like the user's own, read by the same reader.

use crate::config::file::{ConfigFile, FileOrigin};
use crate::error::{Error, Kind};

/// The profile of the endpoint inside the program.
pub const DEMO: &str = "demo";

/// The profile of what `rtvoice serve` serves.
pub const SERVE: &str = "serve";

/// The profile of a URL that no other profile knows.
pub const FALLBACK: &str = "local";

const TEXT: &str = include_str!("built_in.toml");

/// Returns the built-in profiles and defaults.
///
/// # Errors
///
/// Never in a program that was tested.
pub fn profiles() -> Result<ConfigFile, Error> {
    ConfigFile::parse(TEXT, FileOrigin::Program)
        .map_err(|wrong| Error::say(Kind::Internal, format!("the built-in profiles: {wrong}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Setting;
    use crate::config::value::Value;

    #[test]
    fn the_built_in_profiles_can_be_read() {
        let file = profiles().unwrap();
        for name in
            [DEMO, SERVE, FALLBACK, "openai", "azure", "azure-preview", "ope-ai", "openopen8", "new-api"]
        {
            assert!(file.profiles.contains_key(name), "{name}");
        }
        assert!(file.defaults.contains_key(&Setting::Auth));
    }

    #[test]
    fn what_is_served_is_dialled_at_its_usual_port() {
        let port = crate::cli::DEFAULT_PORT;
        let url = &profiles().unwrap().profiles[SERVE].layer[&Setting::Url].value;
        assert_eq!(*url, Value::Text(format!("ws://127.0.0.1:{port}/v1/realtime")));
    }

    #[test]
    fn no_built_in_profile_holds_a_key() {
        let file = profiles().unwrap();
        let layers = file.profiles.values().map(|profile| &profile.layer);
        for layer in layers.chain([&file.defaults]) {
            assert!(!layer.contains_key(&Setting::Key) && !layer.contains_key(&Setting::KeyCommand));
        }
    }
}
