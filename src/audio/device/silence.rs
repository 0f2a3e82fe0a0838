//! The likely cause of digital silence from a microphone.

use crate::audio::device::select::is_monitor;

/// The platform, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// Linux and other Unix systems.
    Linux,
    /// Windows Subsystem for Linux.
    Wsl,
    /// macOS.
    Mac,
    /// Windows.
    Windows,
}

impl Platform {
    /// Returns the current platform.
    pub(crate) fn current() -> Self {
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

/// Returns the likely cause and what to do.
pub(crate) fn cause(platform: Platform, id: &str) -> &'static str {
    if is_monitor(id) {
        return "it captures the output of a speaker, and nothing is playing; select a real microphone";
    }
    match platform {
        Platform::Linux if id.starts_with("alsa:") => {
            "its capture switch is probably off; check alsamixer (F4, then the space bar)"
        }
        Platform::Linux => {
            "it is probably muted in the system's sound settings (pactl set-source-mute @DEFAULT_SOURCE@ 0), \
             or by a switch on the device"
        }
        Platform::Wsl => "Windows probably blocks it: Settings, Privacy, Microphone, let desktop apps use it",
        Platform::Mac => {
            "the terminal probably has no access to it: System Settings, Privacy & Security, Microphone, \
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
    fn the_cause_depends_on_the_platform() {
        for (platform, id, expected) in [
            (Platform::Linux, "pulseaudio:alsa_input.usb", "muted in the system's sound settings"),
            (Platform::Linux, "alsa:hw:CARD=0", "alsamixer"),
            (Platform::Linux, "pulseaudio:speaker.monitor", "a real microphone"),
            (Platform::Wsl, "pulseaudio:RDPSource", "Windows"),
            (Platform::Mac, "coreaudio:mic", "terminal"),
            (Platform::Windows, "wasapi:mic", "desktop apps"),
        ] {
            assert!(cause(platform, id).contains(expected), "{platform:?} {id}: {}", cause(platform, id));
        }
    }
}
