//! Where settings come from: flags, the environment, `.env`, the configuration file, built-in profiles.
//!
//! Nothing here knows the network: what a setting means for a connection is decided in `app`.

pub mod value;
pub mod file;
pub mod regular_file;
pub mod dotenv;
pub mod built_in;
pub mod sources;
pub mod key_command;
pub mod template;
pub mod layers;
pub mod paths;
pub mod state;
pub mod credentials;
pub mod pricing;
pub mod values;
pub mod settings;
