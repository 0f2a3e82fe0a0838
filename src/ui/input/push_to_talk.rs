//! Push-to-talk key: held while speaking if the terminal reports key releases, else pressed to begin and
//! pressed again to end.
//!
//! A hold cannot get stuck: it ends when the terminal loses focus and when key repeats stop. Pure: the time is
//! passed in.

use std::time::Duration;

use crate::session::io::UserCommand;

/// Held keys repeat at least twice a second; a slow connection may drop some.
const REPEAT_TIMEOUT: Duration = Duration::from_secs(3);

/// Timeout of a hold without repeats: some keyboards do not repeat, and a second key stops the repeats of the
/// first.
const NO_REPEAT_TIMEOUT: Duration = Duration::from_secs(60);

/// Presses faster than this are repeats of a held key, on terminals that report every repeat as a press.
const REPEAT_GAP: Duration = Duration::from_millis(150);

/// Whether the terminal reports key releases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReleaseEvents {
    /// Not observed so far.
    #[default]
    Unsupported,
    /// Reported.
    Supported,
}

/// State of the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushToTalkKey {
    releases: ReleaseEvents,
    hold: Option<KeyHold>,
    last_press: Option<Duration>,
}

/// The key is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KeyHold {
    /// Time of the last event of the key.
    last_event: Duration,
    timeout: Duration,
}

impl PushToTalkKey {
    /// Returns whether the key works as hold-to-talk or as a toggle.
    pub fn release_events(&self) -> ReleaseEvents {
        self.releases
    }

    /// Returns whether the key is held.
    pub fn is_held(&self) -> bool {
        self.hold.is_some()
    }

    /// Records whether releases are supported. Support that was observed stays.
    pub fn observe_releases(&mut self, releases: ReleaseEvents) {
        if releases == ReleaseEvents::Supported {
            self.releases = releases;
        }
    }

    /// Handles a press.
    pub fn press(&mut self, now: Duration) -> Option<UserCommand> {
        if self.is_held() {
            // Some systems report every repeat as a press.
            return self.repeat(now);
        }
        let before = self.last_press.replace(now);
        match self.releases {
            ReleaseEvents::Supported => {
                self.hold = Some(KeyHold { last_event: now, timeout: NO_REPEAT_TIMEOUT });
                Some(UserCommand::BeginTurn)
            }
            ReleaseEvents::Unsupported => {
                let repeats = before.is_some_and(|before| now.saturating_sub(before) < REPEAT_GAP);
                (!repeats).then_some(UserCommand::SwitchTurn)
            }
        }
    }

    /// Handles a repeat. It does not restart a hold that has ended.
    pub fn repeat(&mut self, now: Duration) -> Option<UserCommand> {
        self.observe_releases(ReleaseEvents::Supported);
        if let Some(hold) = &mut self.hold {
            *hold = KeyHold { last_event: now, timeout: REPEAT_TIMEOUT };
        }
        None
    }

    /// Handles a release.
    pub fn release(&mut self) -> Option<UserCommand> {
        let previous = std::mem::replace(&mut self.releases, ReleaseEvents::Supported);
        let was_held = self.hold.take().is_some();
        // The press before this first release may have begun a turn.
        (was_held || previous == ReleaseEvents::Unsupported).then_some(UserCommand::EndTurn)
    }

    /// Handles another key, whose repeats may replace those of this one.
    pub fn other_key(&mut self, now: Duration) {
        if let Some(hold) = &mut self.hold {
            *hold = KeyHold { last_event: now, timeout: NO_REPEAT_TIMEOUT };
        }
    }

    /// Ends a hold because the key can no longer be observed.
    pub fn cancel(&mut self) -> Option<UserCommand> {
        self.hold.take().map(|_| UserCommand::EndTurn)
    }

    /// Ends a hold without recent key events.
    pub fn tick(&mut self, now: Duration) -> Option<UserCommand> {
        let is_stuck = self.hold.is_some_and(|hold| now.saturating_sub(hold.last_event) >= hold.timeout);
        if is_stuck { self.cancel() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Option<UserCommand> = Some(UserCommand::BeginTurn);
    const END: Option<UserCommand> = Some(UserCommand::EndTurn);
    const SWITCH: Option<UserCommand> = Some(UserCommand::SwitchTurn);

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    fn hold_to_talk() -> PushToTalkKey {
        let mut key = PushToTalkKey::default();
        key.observe_releases(ReleaseEvents::Supported);
        key
    }

    #[test]
    fn a_turn_lasts_as_long_as_the_key_is_held() {
        let mut key = hold_to_talk();
        assert_eq!(key.press(ms(0)), BEGIN);
        for time in (500..8_000).step_by(30) {
            assert_eq!((key.repeat(ms(time)), key.tick(ms(time))), (None, None));
        }
        assert_eq!(key.release(), END);
        assert_eq!((key.release(), key.tick(ms(900_000))), (None, None), "it ends once");
    }

    #[test]
    fn a_hold_ends_when_its_repeats_stop() {
        let mut key = hold_to_talk();
        key.press(ms(0));
        key.repeat(ms(500));
        key.repeat(ms(530));
        assert_eq!(key.tick(ms(3_529)), None);
        assert_eq!(key.tick(ms(3_530)), END);
        assert_eq!((key.repeat(ms(3_600)), key.is_held()), (None, false), "a late repeat begins nothing");
        assert_eq!(key.press(ms(4_000)), BEGIN);
    }

    #[test]
    fn a_hold_without_repeats_lasts_a_minute() {
        let mut key = hold_to_talk();
        key.press(ms(0));
        assert_eq!(key.tick(ms(59_999)), None);
        assert_eq!(key.tick(ms(60_000)), END);
    }

    #[test]
    fn another_key_stops_the_repeats_and_not_the_hold() {
        let mut key = hold_to_talk();
        key.press(ms(0));
        key.repeat(ms(500));
        key.other_key(ms(1_000));
        assert_eq!(key.tick(ms(20_000)), None);
        assert_eq!(key.release(), END);
    }

    #[test]
    fn a_key_that_cannot_be_observed_is_released() {
        let mut key = hold_to_talk();
        key.press(ms(0));
        assert_eq!(key.cancel(), END);
        assert_eq!((key.cancel(), key.repeat(ms(100)), key.release()), (None, None, None));
    }

    #[test]
    fn without_releases_a_press_begins_and_a_press_ends() {
        let mut key = PushToTalkKey::default();
        assert_eq!(key.press(ms(0)), SWITCH);
        assert_eq!(key.press(ms(2_000)), SWITCH);
        assert_eq!(key.tick(ms(900_000)), None, "nothing is held");
    }

    #[test]
    fn repeated_presses_of_a_held_key_are_one_turn() {
        let mut key = PushToTalkKey::default();
        let times = [0, 500, 530, 560, 590, 650, 2_000];
        let commands: Vec<bool> = times.iter().map(|time| key.press(ms(*time)).is_some()).collect();
        assert_eq!(commands, [true, true, false, false, false, false, true]);
    }

    #[test]
    fn the_first_release_shows_that_releases_are_supported() {
        let mut key = PushToTalkKey::default();
        assert_eq!(key.press(ms(0)), SWITCH);
        assert_eq!(key.release(), END, "the press has begun a turn");
        assert_eq!(key.release_events(), ReleaseEvents::Supported);
        assert_eq!((key.press(ms(3_000)), key.release()), (BEGIN, END));
    }
}
