//! The flags of `rtvoice doctor`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::EndpointArgs;

/// `rtvoice doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Ask the endpoint for short answers too, written, spoken and with a function, and for captions: it costs a little
    #[arg(long)]
    pub ask: bool,
    /// Write the dialect that is found into the configuration file, for this profile
    #[arg(long, conflicts_with = "demo")]
    pub write_dialect: bool,
    /// Look at this microphone [default: the system's]
    #[arg(long, value_name = "DEVICE")]
    pub input: Option<String>,
    /// Look at this speaker [default: the system's]
    #[arg(long, value_name = "DEVICE")]
    pub output: Option<String>,
    /// Leave the microphone and the speaker alone
    #[arg(long, conflicts_with_all = ["input", "output"])]
    pub no_sound: bool,
    /// Play no chirps and no words: look at the microphone and the speaker in silence, and not for an echo
    #[arg(long)]
    pub no_chirp: bool,
    /// Write one JSON object at the end
    #[arg(long)]
    pub json: bool,
    /// Write every event of both directions to this file, sound included, keys never
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub endpoint: EndpointArgs,
}
