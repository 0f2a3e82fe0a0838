//! Flags of `rtvoice serve --relay`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

/// Relay flags. Each has a variable, which a flag overrides and `.env` may hold.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Relay")]
pub struct RelayArgs {
    /// Relay calls to the endpoint of a profile, whose key stays here
    #[arg(long)]
    pub relay: bool,
    /// Address to listen on [env: HOST] [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", requires = "relay")]
    pub host: Option<IpAddr>,
    /// Clients may not change instructions or tools [env: RELAY_LOCK]
    #[arg(long, requires = "relay")]
    pub lock_instructions: bool,
    /// Proxy whose X-Forwarded-For counts; repeatable [env: RELAY_TRUSTED_PROXIES]
    #[arg(long, value_name = "ADDRESS[/BITS]", requires = "relay")]
    pub trusted_proxy: Vec<String>,
    /// Calls at a time; 0 means no limit, here and below [env: RELAY_MAX_CALLS] [default: 1000]
    #[arg(long, value_name = "N", requires = "relay")]
    pub max_calls: Option<u32>,
    /// Calls at a time with one token [env: RELAY_MAX_CALLS_PER_TOKEN] [default: 20]
    #[arg(long, value_name = "N", requires = "relay")]
    pub max_calls_per_token: Option<u32>,
    /// Calls at a time from one address [env: RELAY_MAX_CALLS_PER_ADDRESS] [default: 10]
    #[arg(long, value_name = "N", requires = "relay")]
    pub max_calls_per_address: Option<u32>,
    /// New calls of one address per minute [env: RELAY_MAX_CONNECTS] [default: 30]
    #[arg(long, value_name = "N", requires = "relay")]
    pub max_connects: Option<u32>,
    /// Longest call in minutes [env: RELAY_MAX_MINUTES] [default: 60]
    #[arg(long, value_name = "MINUTES", requires = "relay")]
    pub max_minutes: Option<u32>,
    /// End calls whose client sends nothing for this long [env: RELAY_IDLE_MINUTES] [default: 10]
    #[arg(long, value_name = "MINUTES", requires = "relay")]
    pub idle_minutes: Option<u32>,
    /// Largest message of a client in KiB [env: RELAY_MAX_MESSAGE_KIB] [default: 1024]
    #[arg(long, value_name = "KIB", requires = "relay")]
    pub max_message_kib: Option<u32>,
    /// Longest answer in tokens [env: RELAY_MAX_OUTPUT_TOKENS] [default: no limit]
    #[arg(long, value_name = "N", requires = "relay")]
    pub max_output_tokens: Option<u32>,
    /// Spending limit of a call in US dollars [env: RELAY_MAX_COST] [default: no limit]
    #[arg(long, value_name = "USD", requires = "relay")]
    pub max_cost: Option<f64>,
    /// Spending limit of a token per day (UTC) [env: RELAY_MAX_COST_PER_DAY] [default: no limit]
    #[arg(long, value_name = "USD", requires = "relay")]
    pub max_cost_per_day: Option<f64>,
    /// Serve metrics for Prometheus on this address [env: RELAY_METRICS]
    #[arg(long, value_name = "ADDRESS:PORT", requires = "relay")]
    pub metrics: Option<SocketAddr>,
    /// Seconds for calls to end by themselves after SIGTERM [env: RELAY_DRAIN] [default: 20]
    #[arg(long, value_name = "SECONDS", requires = "relay")]
    pub drain: Option<u32>,
    /// Certificate chain (PEM), to serve TLS [env: RELAY_CERT]
    #[arg(long, value_name = "FILE", requires = "relay")]
    pub cert: Option<PathBuf>,
    /// Private key of the certificate (PEM) [env: RELAY_KEY]
    #[arg(long, value_name = "FILE", requires = "relay")]
    pub key: Option<PathBuf>,
}
