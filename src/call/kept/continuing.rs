//! Continuing a kept conversation: how much of it the server gets, and how it is shown.

use crate::protocol::events::item::Role;
use crate::session::io::message::PastTurn;
use crate::session::io::{AssistantLine, Notice, UserUtterance};

/// Most turns to give. More text of the assistant makes a speech model write instead.
const MOST_TURNS: usize = 40;

/// Most tokens to give, estimated; every response is billed for them again.
const MOST_TOKENS: usize = 4_000;

/// The turns to give, and what a sentence says about them.
#[derive(Debug, PartialEq)]
pub(crate) struct GivenTurns {
    /// Oldest first.
    pub(crate) turns: Vec<PastTurn>,
    /// Their estimated tokens.
    pub(crate) tokens: usize,
    /// Number of older turns that are left out.
    pub(crate) omitted: usize,
}

impl GivenTurns {
    /// Takes the newest turns within the limits, but at least one.
    pub(crate) fn of(all: Vec<PastTurn>) -> Self {
        let mut tokens = 0;
        let newest = all.iter().rev().take(MOST_TURNS).enumerate();
        let fitting = newest.take_while(|(index, turn)| {
            let with = tokens + estimate(&turn.text);
            let fits = *index == 0 || with <= MOST_TOKENS;
            tokens = if fits { with } else { tokens };
            fits
        });
        let count = fitting.count();
        let omitted = all.len() - count;
        // Ids of earlier servers mean nothing to the next one.
        let turns = (1..).zip(all.into_iter().skip(omitted));
        let turns =
            turns.map(|(number, turn)| PastTurn { item_id: format!("rtv_kept_{number}"), ..turn }).collect();
        Self { turns, tokens, omitted }
    }

    /// Returns what is given, for the user.
    pub(crate) fn described(&self) -> String {
        let turns = if self.turns.len() == 1 { "turn" } else { "turns" };
        let omitted = match self.omitted {
            0 => String::new(),
            omitted => format!("; {omitted} older left out"),
        };
        format!("{} {turns}, about {} tokens{omitted}", self.turns.len(), self.tokens)
    }
}

/// Returns a turn of an earlier conversation as it was shown then.
pub(crate) fn notice(turn: &PastTurn) -> Notice {
    let (item_id, text) = (turn.item_id.clone(), turn.text.clone());
    let is_final = true;
    match turn.role {
        Role::Assistant => Notice::Assistant(AssistantLine {
            item_id,
            heard_bytes: text.len(),
            text,
            is_final,
            heard_ms: None,
            interrupted: false,
        }),
        Role::User | Role::System | Role::Other(_) => {
            let (after, spoken, has_failed) = (None, None, false);
            Notice::User(UserUtterance { item_id, text, is_final, after, spoken, has_failed })
        }
    }
}

/// Returns the estimated tokens of a text: four letters each, and one for each sign of other scripts.
fn estimate(text: &str) -> usize {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    ascii / 4 + text.chars().filter(|character| !character.is_ascii()).count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(count: usize, text: &str) -> Vec<PastTurn> {
        let turn = |number: usize| PastTurn {
            item_id: format!("item_{number}"),
            role: if number.is_multiple_of(2) { Role::User } else { Role::Assistant },
            text: format!("{number} {text}"),
        };
        (0..count).map(turn).collect()
    }

    #[test]
    fn the_newest_turns_are_given_within_both_limits() {
        let given = GivenTurns::of(turns(100, "words"));
        assert_eq!((given.turns.len(), given.turns[0].text.as_str(), given.omitted), (40, "60 words", 60));
        let given = GivenTurns::of(turns(20, &"word ".repeat(400)));
        assert_eq!((given.turns.len(), given.omitted), (7, 13));
        assert!(given.tokens <= MOST_TOKENS, "{}", given.tokens);
        assert_eq!(given.turns[0].item_id, "rtv_kept_1");
        assert!(given.described().ends_with(" tokens; 13 older left out"), "{}", given.described());
    }

    #[test]
    fn one_turn_is_given_however_long_it_is() {
        let given = GivenTurns::of(turns(2, &"字".repeat(5_000)));
        assert_eq!((given.turns.len(), given.omitted), (1, 1));
        assert_eq!(GivenTurns::of(turns(1, "Hi.")).described(), "1 turn, about 2 tokens");
    }

    #[test]
    fn signs_of_other_scripts_count_one_token_each() {
        assert_eq!(estimate("four letters"), 4);
        assert_eq!(estimate("中文"), 3);
    }
}
