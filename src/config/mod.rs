//! Where settings come from: flags, the environment, `.env`, the configuration file, built-in profiles.
//!
//! Nothing here knows the network: what a setting means for a connection is decided in `app`.

pub mod setting;
pub mod choice;
pub mod value;
pub mod price;
pub mod file;
pub mod place;
pub mod regular_file;
pub mod dotenv;
pub mod remembered;
pub mod built_in;
pub mod sources;
pub mod in_force;
pub mod key;
pub mod key_command;
pub mod template;
