//! What one frame of the screen is drawn from.

use std::time::Duration;

use crate::ui::input::editor::Editor;
use crate::ui::model::Model;
use crate::ui::view::meter::ballistics::MeterLevel;
use crate::ui::view::meter::wave::Wave;
use crate::ui::view::other_mode::OtherMode;
use crate::ui::view::theme::Theme;

/// Values that change without a notice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LiveStatus {
    /// Time since the start.
    pub now: Duration,
    /// Meter of the microphone.
    pub input: MeterLevel,
    /// Meter of the speaker.
    pub output: MeterLevel,
    /// Levels of the last seconds.
    pub wave: Wave,
}

/// Inputs of a frame.
#[derive(Clone, Copy, Debug)]
pub struct ScreenState<'a> {
    /// Session state.
    pub model: &'a Model,
    /// Local state of the screen.
    pub editor: &'a Editor,
    /// Levels and time.
    pub live: LiveStatus,
    /// Colours and character set.
    pub theme: &'a Theme,
    /// The session that is not shown.
    pub other: Option<OtherMode>,
}
