//! Why a microphone gives nothing but zeros, as far as one can guess.

use crate::audio::device::select::is_monitor;

/// What the program runs on, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// Linux and its relatives.
    Linux,
    /// Linux inside of Windows.
    Wsl,
    /// macOS.
    Mac,
    /// Windows.
    Windows,
}

impl Platform {
    /// Returns the system this program runs on.
    pub(crate) fn this() -> Self {
        if cfg!(target_os = "macos") {
            Self::Mac
        } else if cfg!(windows) {
            Self::Windows
        } else if std::env::var_os("WSL_DISTRO_NAME").is_some() {
            Self::Wsl
        } else {
            Self::Linux
        }
    }
}

/// Returns the likely cause, and what to do.
pub(crate) fn cause(system: Platform, id: &str) -> &'static str {
    if is_monitor(id) {
        return "it hears what a speaker plays, and nothing is played there: choose a real microphone";
    }
    match system {
        Platform::Linux if id.starts_with("alsa:") => {
            "its capture switch is probably off: look into alsamixer (F4, then the space bar)"
        }
        Platform::Linux => {
            "it is probably muted in the system's sound settings (pactl set-source-mute @DEFAULT_SOURCE@ 0), \
             or by a switch on the device"
        }
        Platform::Wsl => {
            "Windows probably does not let it be heard: Settings, Privacy, Microphone, let desktop apps use it"
        }
        Platform::Mac => {
            "the terminal probably may not use it: System Settings, Privacy & Security, Microphone, \
             then start the terminal again"
        }
        Platform::Windows => {
            "it is probably muted, or Settings, Privacy, Microphone keeps desktop apps from using it"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_the_one_of_the_system() {
        for (system, id, expected) in [
            (Platform::Linux, "pulseaudio:alsa_input.usb", "muted in the system's sound settings"),
            (Platform::Linux, "alsa:hw:CARD=0", "alsamixer"),
            (Platform::Linux, "pulseaudio:speaker.monitor", "a real microphone"),
            (Platform::Wsl, "pulseaudio:RDPSource", "Windows"),
            (Platform::Mac, "coreaudio:mic", "terminal"),
            (Platform::Windows, "wasapi:mic", "desktop apps"),
        ] {
            assert!(cause(system, id).contains(expected), "{system:?} {id}: {}", cause(system, id));
        }
    }
}
