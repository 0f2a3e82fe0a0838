//! Ctrl-C in a text chat: stops an answer, then clears the typed text, then leaves.

/// Effect of one press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CtrlCAction {
    /// Stop the answer in progress.
    StopAnswer,
    /// Clear the typed text.
    ClearText,
    /// Announce that the next press leaves.
    Announce,
    /// Leave.
    Leave,
}

/// Presses of Ctrl-C in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CtrlCPresses {
    is_announced: bool,
}

impl CtrlCPresses {
    /// Returns the effect of a press.
    pub fn press(&mut self, is_answering: bool, has_text: bool) -> CtrlCAction {
        let was_announced = std::mem::take(&mut self.is_announced);
        match (is_answering, has_text, was_announced) {
            (true, _, _) => CtrlCAction::StopAnswer,
            (false, true, _) => CtrlCAction::ClearText,
            (false, false, true) => CtrlCAction::Leave,
            (false, false, false) => {
                self.is_announced = true;
                CtrlCAction::Announce
            }
        }
    }

    /// Notes another key, after which a press does not leave.
    pub fn other_key(&mut self) {
        self.is_announced = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_stops_the_answer_then_clears_the_text_then_leaves() {
        let mut presses = CtrlCPresses::default();
        let actions = [(true, true), (false, true), (false, false), (false, false)]
            .map(|(is_answering, has_text)| presses.press(is_answering, has_text));
        let expected =
            [CtrlCAction::StopAnswer, CtrlCAction::ClearText, CtrlCAction::Announce, CtrlCAction::Leave];
        assert_eq!(actions, expected);
    }

    #[test]
    fn only_two_presses_in_a_row_leave() {
        let mut presses = CtrlCPresses::default();
        assert_eq!(presses.press(false, false), CtrlCAction::Announce);
        presses.other_key();
        assert_eq!(presses.press(false, false), CtrlCAction::Announce);
        assert_eq!(presses.press(true, false), CtrlCAction::StopAnswer);
        assert_eq!(presses.press(false, false), CtrlCAction::Announce);
    }
}
