//! The built-in profiles: data in the format of the user's file.

use crate::config::file::{ConfigFile, FileOrigin};
use crate::error::{Error, Kind};

/// Profile of the endpoint built into the program.
pub const DEMO: &str = "demo";

/// Profile of `rtvoice serve`.
pub const SERVE: &str = "serve";

/// Default port of `rtvoice serve`; not registered with IANA.
pub const SERVE_PORT: u16 = 8642;

/// Profile of a URL whose host no other profile lists.
pub const FALLBACK: &str = "local";

const TEXT: &str = include_str!("profiles.toml");

/// Returns the built-in profiles.
///
/// # Errors
///
/// Never in a tested build.
pub fn profiles() -> Result<ConfigFile, Error> {
    ConfigFile::parse(TEXT, FileOrigin::Program)
        .map_err(|fault| Error::say(Kind::Internal, format!("invalid built-in profiles: {fault}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Setting;
    use crate::config::value::Value;

    #[test]
    fn the_built_in_profiles_parse() {
        let file = profiles().unwrap();
        for name in
            [DEMO, SERVE, FALLBACK, "openai", "azure", "azure-preview", "ope-ai", "openopen8", "new-api"]
        {
            assert!(file.profiles.contains_key(name), "{name}");
        }
    }

    #[test]
    fn the_serve_profile_has_the_default_port_of_serve() {
        let url = &profiles().unwrap().profiles[SERVE].layer[&Setting::Url].value;
        assert_eq!(*url, Value::Text(format!("ws://127.0.0.1:{SERVE_PORT}/v1/realtime")));
    }

    #[test]
    fn no_built_in_profile_holds_a_key() {
        let file = profiles().unwrap();
        for layer in file.profiles.values().map(|profile| &profile.layer) {
            assert!(!layer.contains_key(&Setting::Key) && !layer.contains_key(&Setting::KeyCommand));
        }
    }
}
