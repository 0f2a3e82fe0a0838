//! Kinds of panels.

/// Kind of a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanelKind {
    /// Keys and commands.
    Help,
    /// Microphones and speakers.
    Devices,
    /// Settings that can be changed during a call.
    Settings,
    /// Where the delays of the last answers came from.
    Latency,
    /// Protocol events.
    Events,
}

impl PanelKind {
    /// Returns the panel of a function key.
    pub fn of_function_key(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Help,
            2 => Self::Devices,
            3 => Self::Settings,
            4 => Self::Latency,
            5 => Self::Events,
            _ => return None,
        })
    }
}
