//! The key that makes turns by hand: held while somebody speaks, where the terminal tells when a key is let
//! go; elsewhere pressed to begin and pressed again to end.
//!
//! A hold cannot stick: it ends when the terminal is left, and when the key gives no sign of itself any
//! more. Pure: the time is handed in.

use std::time::Duration;

use crate::session::io::UserCommand;

/// Held keys repeat at least twice a second; a slow line may swallow some.
const REPEATS_WITHIN: Duration = Duration::from_secs(3);

/// How long a hold lasts of which nothing is known: some keyboards do not repeat, and a second key stops the
/// first.
const SIGN_WITHIN: Duration = Duration::from_secs(60);

/// Presses that follow each other faster than this come from a key that is held, where that is all that a
/// terminal tells of it.
const REPEATS_APART: Duration = Duration::from_millis(150);

/// Whether the terminal tells when a key is let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReleaseEvents {
    /// Not that it has been seen.
    #[default]
    Unsupported,
    /// It does.
    Told,
}

/// The state of the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushToTalkKey {
    releases: ReleaseEvents,
    hold: Option<KeyHold>,
    last_press: Option<Duration>,
}

/// The key is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KeyHold {
    /// When it last gave a sign of itself.
    sign: Duration,
    within: Duration,
}

impl PushToTalkKey {
    /// Returns whether the key is held while somebody speaks, or pressed to begin and to end.
    pub fn releases(&self) -> ReleaseEvents {
        self.releases
    }

    /// Returns whether a turn is being held.
    pub fn is_held(&self) -> bool {
        self.hold.is_some()
    }

    /// Takes note of what is known of the terminal. What was seen of it is not forgotten.
    pub fn learn(&mut self, releases: ReleaseEvents) {
        if releases == ReleaseEvents::Told {
            self.releases = releases;
        }
    }

    /// The key is pressed.
    pub fn press(&mut self, now: Duration) -> Option<UserCommand> {
        if self.is_held() {
            // Some systems call it a press each time.
            return self.repeat(now);
        }
        let before = self.last_press.replace(now);
        match self.releases {
            ReleaseEvents::Told => {
                self.hold = Some(KeyHold { sign: now, within: SIGN_WITHIN });
                Some(UserCommand::BeginTurn)
            }
            ReleaseEvents::Unsupported => {
                let repeats = before.is_some_and(|before| now.saturating_sub(before) < REPEATS_APART);
                (!repeats).then_some(UserCommand::SwitchTurn)
            }
        }
    }

    /// The key is still held. A hold that has ended is not begun again by that.
    pub fn repeat(&mut self, now: Duration) -> Option<UserCommand> {
        self.learn(ReleaseEvents::Told);
        if let Some(hold) = &mut self.hold {
            *hold = KeyHold { sign: now, within: REPEATS_WITHIN };
        }
        None
    }

    /// The key is let go.
    pub fn release(&mut self) -> Option<UserCommand> {
        let was_known = std::mem::replace(&mut self.releases, ReleaseEvents::Told);
        let was_held = self.hold.take().is_some();
        // The press that taught this may have begun a turn.
        (was_held || was_known == ReleaseEvents::Unsupported).then_some(UserCommand::EndTurn)
    }

    /// Another key is pressed: it may be the one that repeats from here on.
    pub fn other(&mut self, now: Duration) {
        if let Some(hold) = &mut self.hold {
            *hold = KeyHold { sign: now, within: SIGN_WITHIN };
        }
    }

    /// The key cannot be seen any more, or counts no more.
    pub fn let_go(&mut self) -> Option<UserCommand> {
        self.hold.take().map(|_| UserCommand::EndTurn)
    }

    /// Ends a hold whose key has been silent for too long.
    pub fn tick(&mut self, now: Duration) -> Option<UserCommand> {
        let is_lost = self.hold.is_some_and(|hold| now.saturating_sub(hold.sign) >= hold.within);
        if is_lost { self.let_go() } else { None }
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

    fn told() -> PushToTalkKey {
        let mut key = PushToTalkKey::default();
        key.learn(ReleaseEvents::Told);
        key
    }

    #[test]
    fn a_turn_lasts_as_long_as_the_key_is_held() {
        let mut key = told();
        assert_eq!(key.press(ms(0)), BEGIN);
        for time in (500..8_000).step_by(30) {
            assert_eq!((key.repeat(ms(time)), key.tick(ms(time))), (None, None));
        }
        assert_eq!(key.release(), END);
        assert_eq!((key.release(), key.tick(ms(900_000))), (None, None), "it ends once");
    }

    #[test]
    fn a_hold_ends_when_its_repeats_stop() {
        let mut key = told();
        key.press(ms(0));
        key.repeat(ms(500));
        key.repeat(ms(530));
        assert_eq!(key.tick(ms(3_529)), None);
        assert_eq!(key.tick(ms(3_530)), END);
        assert_eq!((key.repeat(ms(3_600)), key.is_held()), (None, false), "what comes late begins nothing");
        assert_eq!(key.press(ms(4_000)), BEGIN);
    }

    #[test]
    fn a_key_that_does_not_repeat_is_believed_for_a_minute() {
        let mut key = told();
        key.press(ms(0));
        assert_eq!(key.tick(ms(59_999)), None);
        assert_eq!(key.tick(ms(60_000)), END);
    }

    #[test]
    fn another_key_stops_the_repeats_and_not_the_hold() {
        let mut key = told();
        key.press(ms(0));
        key.repeat(ms(500));
        key.other(ms(1_000));
        assert_eq!(key.tick(ms(20_000)), None);
        assert_eq!(key.release(), END);
    }

    #[test]
    fn a_key_that_cannot_be_seen_is_let_go() {
        let mut key = told();
        key.press(ms(0));
        assert_eq!(key.let_go(), END);
        assert_eq!((key.let_go(), key.repeat(ms(100)), key.release()), (None, None, None));
    }

    #[test]
    fn without_releases_a_press_begins_and_a_press_ends() {
        let mut key = PushToTalkKey::default();
        assert_eq!(key.press(ms(0)), SWITCH);
        assert_eq!(key.press(ms(2_000)), SWITCH);
        assert_eq!(key.tick(ms(900_000)), None, "nothing is held");
    }

    #[test]
    fn the_presses_of_a_held_key_are_not_many_turns() {
        let mut key = PushToTalkKey::default();
        let times = [0, 500, 530, 560, 590, 650, 2_000];
        let commands: Vec<bool> = times.iter().map(|time| key.press(ms(*time)).is_some()).collect();
        assert_eq!(commands, [true, true, false, false, false, false, true]);
    }

    #[test]
    fn a_terminal_shows_by_its_first_release_what_it_can_do() {
        let mut key = PushToTalkKey::default();
        assert_eq!(key.press(ms(0)), SWITCH);
        assert_eq!(key.release(), END, "the press has begun a turn");
        assert_eq!(key.releases(), ReleaseEvents::Told);
        assert_eq!((key.press(ms(3_000)), key.release()), (BEGIN, END));
    }
}
