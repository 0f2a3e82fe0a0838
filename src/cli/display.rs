//! Output flags of the commands that hold a call.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::config::values::{ThemeSetting, UiLanguageSetting};
use crate::keys::bindings::KeyBindings;

/// Output flags.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct DisplayArgs {
    /// Whether the settings ask for lines instead of a screen.
    #[arg(skip)]
    pub plain: bool,
    /// Colors of the screen, by the settings.
    #[arg(skip)]
    pub theme: ThemeSetting,
    /// Language of the interface, by the settings.
    #[arg(skip)]
    pub ui_lang: UiLanguageSetting,
    /// Keys of the screen, by the configuration.
    #[arg(skip)]
    pub keys: Arc<KeyBindings>,
    /// Whether the settings ask for little motion.
    #[arg(skip)]
    pub calm: bool,
    /// Write JSON lines
    #[arg(long, conflicts_with = "plain")]
    pub json: bool,
    /// Log protocol events with audio, but no keys, to FILE
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Show debugging details
    #[arg(short, long)]
    pub verbose: bool,
}
