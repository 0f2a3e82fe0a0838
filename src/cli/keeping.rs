//! Flags about kept conversations.

use clap::Args;

use crate::cli::flags::{FlagSet, SettingFlags};
use crate::config::declaration::FlagGroup;

/// Flags about kept conversations.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct KeepingArgs {
    /// Continue the most recent kept conversation
    #[arg(short = 'c', long = "continue", conflicts_with = "session")]
    pub resumes: bool,
    /// Continue the kept conversation of this name, or begin it
    #[arg(long, value_name = "NAME", conflicts_with = "no_save")]
    pub session: Option<String>,
    /// Do not keep this conversation
    #[arg(long, conflicts_with = "save", hide_short_help = true)]
    pub no_save: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub settings: SettingFlags<KeepingArgs>,
}

impl FlagSet for KeepingArgs {
    const GROUPS: &'static [FlagGroup] = &[FlagGroup::Conversation];
}
