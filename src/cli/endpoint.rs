//! Flags that select the endpoint.

use clap::Args;

use crate::cli::flags::{FlagSet, SettingFlags};
use crate::config::declaration::FlagGroup;

/// Endpoint flags.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Endpoint")]
pub struct EndpointArgs {
    /// Use the built-in endpoint: no key or network
    #[arg(long, conflicts_with_all = ["profile", "url", "model", "auth", "ca_file"])]
    pub demo: bool,
    /// Endpoint profile (openai, azure, xai, …)
    ///
    /// [env: RTVOICE_PROFILE]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub settings: SettingFlags<EndpointArgs>,
}

impl EndpointArgs {
    /// Returns whether any of the flags was given.
    pub fn is_given(&self) -> bool {
        self.demo || self.profile.is_some() || !self.settings.layer.is_empty()
    }
}

impl FlagSet for EndpointArgs {
    const GROUPS: &'static [FlagGroup] = &[FlagGroup::Endpoint];
}
