//! Why a device that ran may not go on.

/// What a device's callback, or its thread, leaves behind for whoever looks after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "device"), allow(dead_code, reason = "only real devices have troubles"))]
pub(crate) enum DeviceTrouble {
    /// The sound system reports an error; it may well go on.
    Unclear,
    /// The device is not there any more.
    Disconnected,
    /// The sound system has closed the connection.
    Closed,
    /// The sound system itself has ended, or answers no more.
    Ended,
    /// The system does not allow it any more.
    Denied,
    /// Another program has it.
    Taken,
}

impl DeviceTrouble {
    /// All, so that a number can stand for one.
    const ALL: [Self; 6] =
        [Self::Unclear, Self::Disconnected, Self::Closed, Self::Ended, Self::Denied, Self::Taken];

    /// Returns the number that stands for it, from 1 on.
    pub(crate) fn number(self) -> u32 {
        self as u32 + 1
    }

    /// Returns what a number stands for; 0 is no trouble.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get((number as usize).checked_sub(1)?).copied()
    }

    /// Returns whether it means that the device will not go on.
    pub(crate) fn is_final(self) -> bool {
        self != Self::Unclear
    }

    /// Returns what people are told.
    pub(crate) fn meaning(self) -> &'static str {
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
    fn every_trouble_has_a_number_of_its_own() {
        for trouble in DeviceTrouble::ALL {
            assert_eq!(DeviceTrouble::from_number(trouble.number()), Some(trouble));
        }
        assert_eq!((DeviceTrouble::from_number(0), DeviceTrouble::from_number(7)), (None, None));
    }
}
