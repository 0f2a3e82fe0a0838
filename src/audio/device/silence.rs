//! Why a microphone gives nothing but zeros, as far as one can guess.

use crate::audio::device::select::is_monitor;

/// What the program runs on, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    /// Linux and its relatives.
    Linux,
    /// Linux inside of Windows.
    Wsl,
    /// macOS.
    Mac,
    /// Windows.
    Windows,
}

impl System {
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
pub(crate) fn cause(system: System, id: &str) -> &'static str {
    if is_monitor(id) {
        return "it hears what a speaker plays, and nothing is played there: choose a real microphone";
    }
    match system {
        System::Linux if id.starts_with("alsa:") => {
            "its capture switch is probably off: look into alsamixer (F4, then the space bar)"
        }
        System::Linux => {
            "it is probably muted in the system's sound settings (pactl set-source-mute @DEFAULT_SOURCE@ 0), \
             or by a switch on the device"
        }
        System::Wsl => {
            "Windows probably does not let it be heard: Settings, Privacy, Microphone, let desktop apps use it"
        }
        System::Mac => {
            "the terminal probably may not use it: System Settings, Privacy & Security, Microphone, \
             then start the terminal again"
        }
        System::Windows => {
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
            (System::Linux, "pulseaudio:alsa_input.usb", "muted in the system's sound settings"),
            (System::Linux, "alsa:hw:CARD=0", "alsamixer"),
            (System::Linux, "pulseaudio:speaker.monitor", "a real microphone"),
            (System::Wsl, "pulseaudio:RDPSource", "Windows"),
            (System::Mac, "coreaudio:mic", "terminal"),
            (System::Windows, "wasapi:mic", "desktop apps"),
        ] {
            assert!(cause(system, id).contains(expected), "{system:?} {id}: {}", cause(system, id));
        }
    }
}
