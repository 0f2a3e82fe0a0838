//! The flags of `rtvoice doctor`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::endpoint::EndpointArgs;

/// `rtvoice doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Also request short answers and a caption (billed by paid endpoints)
    #[arg(long)]
    pub ask: bool,
    /// Save the detected protocol version to the configuration file
    #[arg(long, conflicts_with = "demo")]
    pub write_dialect: bool,
    /// Microphone to check [default: system microphone]
    #[arg(long, value_name = "DEVICE")]
    pub input: Option<String>,
    /// Speaker to check [default: system speaker]
    #[arg(long, value_name = "DEVICE")]
    pub output: Option<String>,
    /// Skip all audio checks
    #[arg(long, conflicts_with_all = ["input", "output"])]
    pub no_sound: bool,
    /// Skip the echo test, which plays chirps and words
    #[arg(long)]
    pub no_chirp: bool,
    /// Write one JSON object
    #[arg(long)]
    pub json: bool,
    /// Log protocol events with audio, but no keys, to FILE
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub endpoint: EndpointArgs,
}
