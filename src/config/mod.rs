//! Settings: declarations, sources and precedence. `call::setup` turns them into a connection.

pub mod value;
pub mod values;
pub mod declaration;
pub mod settings;
pub mod file;
pub mod regular_file;
pub mod dotenv;
pub mod built_in;
pub mod sources;
pub mod template;
pub mod key_table;
pub mod layers;
pub mod paths;
pub mod state;
pub mod credentials;
pub mod pricing;
