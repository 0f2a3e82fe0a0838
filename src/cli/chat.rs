//! Flags of `rtvoice chat`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::display::DisplayArgs;
use crate::cli::endpoint::EndpointArgs;
use crate::cli::flags::{AUDIO, FlagSet, SettingFlags};
use crate::cli::keeping::KeepingArgs;
use crate::config::declaration::FlagGroup::{self, Display, Limits, Speech};

/// `rtvoice chat`.
#[derive(Debug, Args)]
pub struct Chat {
    /// Question to ask, quoted or not; text on standard input is its material, `-` is that text alone
    #[arg(value_name = "PROMPT")]
    pub prompt: Vec<String>,
    /// Text file to send with the question; repeatable
    #[arg(short, long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// Image to send with the question (PNG, JPEG, WebP or GIF); repeatable
    #[arg(long, value_name = "FILE")]
    pub image: Vec<PathBuf>,
    /// Role of the configuration: instructions, model and settings under a name
    #[arg(short, long, value_name = "NAME")]
    pub role: Option<String>,
    /// Speak the answers, too
    #[arg(long, help_heading = AUDIO)]
    pub speak: bool,
    /// Show what would be sent, and send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Write only the first code block of the answer
    #[arg(short = 'x', long, help_heading = "Output", conflicts_with_all = ["extract_last", "json"])]
    pub extract: bool,
    /// Write only the last code block of the answer
    #[arg(long, help_heading = "Output", conflicts_with = "json")]
    pub extract_last: bool,
    /// Write the answer as its Markdown source, on a terminal too
    #[arg(long, help_heading = "Output")]
    pub no_markdown: bool,
    /// Write the answer once it is complete
    #[arg(long, help_heading = "Output")]
    pub no_stream: bool,
    /// Write tokens and cost to standard error at the end
    #[arg(short, long, help_heading = "Output")]
    pub usage: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub endpoint: EndpointArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub settings: SettingFlags<Chat>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub keeping: KeepingArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub showing: DisplayArgs,
}

impl FlagSet for Chat {
    const GROUPS: &'static [FlagGroup] = &[Speech, Display, Limits];
}
