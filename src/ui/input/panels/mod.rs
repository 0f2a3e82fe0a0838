//! Panels over the conversation: one at a time, each a small state with a pure key handler.

pub mod key;
pub mod kind;
pub mod list;
pub mod devices;
pub mod settings;
pub mod latency;
pub mod events;

use crate::ui::input::panels::devices::DevicesPanel;
use crate::ui::input::panels::events::EventsPanel;
use crate::ui::input::panels::kind::PanelKind;
use crate::ui::input::panels::latency::LatencyPanel;
use crate::ui::input::panels::settings::SettingsPanel;

/// A panel that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Panel {
    /// Microphones and speakers.
    Devices(DevicesPanel),
    /// Settings that can be changed during a call.
    Settings(SettingsPanel),
    /// Where the delays of the last answers came from.
    Latency(LatencyPanel),
    /// Protocol events.
    Events(EventsPanel),
}

impl Panel {
    /// Returns the kind.
    pub fn kind(&self) -> PanelKind {
        match self {
            Self::Devices(_) => PanelKind::Devices,
            Self::Settings(_) => PanelKind::Settings,
            Self::Latency(_) => PanelKind::Latency,
            Self::Events(_) => PanelKind::Events,
        }
    }
}
