//! Kinds of panels.

/// Kind of a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanelKind {
    /// Microphones and speakers.
    Devices,
    /// Settings that can be changed during a call.
    Settings,
    /// Where the delays of the last answers came from.
    Latency,
    /// Protocol events.
    Events,
}
