//! Reasons why a running device may fail.

/// Trouble reported by a device's callback or thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "device"), allow(dead_code, reason = "only real devices have troubles"))]
pub(crate) enum DeviceTrouble {
    /// An error of the sound system that may be transient.
    Unclear,
    /// The device was unplugged.
    Disconnected,
    /// The sound system closed the connection.
    Closed,
    /// The sound system ended or stopped answering.
    Ended,
    /// Access was revoked.
    Denied,
    /// Another program took the device.
    Taken,
}

impl DeviceTrouble {
    /// All variants, in the order of their numbers.
    const ALL: [Self; 6] =
        [Self::Unclear, Self::Disconnected, Self::Closed, Self::Ended, Self::Denied, Self::Taken];

    /// Returns its number, starting at 1.
    pub(crate) fn number(self) -> u32 {
        self as u32 + 1
    }

    /// Returns the trouble with this number; 0 is none.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get((number as usize).checked_sub(1)?).copied()
    }

    /// Returns whether the device will not recover.
    pub(crate) fn is_final(self) -> bool {
        self != Self::Unclear
    }

    /// Returns the text for the user.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Unclear => "the sound system reports an error",
            Self::Disconnected => "it was disconnected",
            Self::Closed => "the sound system closed the connection",
            Self::Ended => "the sound system has ended",
            Self::Denied => "the system does not allow it any more",
            Self::Taken => "another program took it",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_identify_troubles() {
        for trouble in DeviceTrouble::ALL {
            assert_eq!(DeviceTrouble::from_number(trouble.number()), Some(trouble));
        }
        assert_eq!((DeviceTrouble::from_number(0), DeviceTrouble::from_number(7)), (None, None));
    }
}
