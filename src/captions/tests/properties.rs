//! What holds for the cues of any turns.

use std::time::Duration;

use proptest::prelude::*;

use crate::captions::cue::{Cue, CueSpan, MAX_DURATION, MIN_DURATION, MIN_GAP, Turn};
use crate::captions::line_break::is_kinsoku;
use crate::captions::tests::{cues, turn};
use crate::captions::text::line_width;

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z]{1,12}[,.!?;:]?",
        1 => "[0-9]{1,4}([.,][0-9]{1,3})? (km|kg|%)",
        3 => "[的一是不了人我在有他这中大来上国]{1,30}[，。！？、…]?",
        1 => "（[日本語はひらがなとカタカナっゃー]{1,20}）",
        1 => "[가나다라마바사아자차카타파하]{1,6}",
        1 => Just("👩‍👩‍👧‍👦".to_owned()),
        1 => Just("naïve".to_owned()),
        1 => "[שלוםעולם]{2,8}",
        1 => Just("https://example.org/a/very/long/path/that/does/not/end/for/a/long/time".to_owned()),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(word(), 1..60).prop_map(|words| words.join(" "))
}

/// Turns in the order of their starts, some of which overlap, with detected speech in some.
fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let one = (0_u64..3_000, 1_u64..40_000, -500_i64..5_000, text(), any::<bool>());
    prop::collection::vec(one, 1..6).prop_map(|list| {
        let mut at = 0_u64;
        list.into_iter()
            .map(|(shift, length, gap, text, is_detected)| {
                let start = at + shift;
                at = (start + length).saturating_add_signed(gap);
                let mut turn = turn(start, start + length, &text);
                if is_detected && length > 1_000 {
                    let middle = start + length / 2;
                    turn.speech = vec![
                        CueSpan::from_millis(start + 100, middle - 100),
                        CueSpan::from_millis(middle + 200, start + length - 50),
                    ];
                }
                turn
            })
            .collect()
    })
}

fn without_spaces(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

fn check_times(cues: &[Cue]) {
    for cue in cues {
        assert!(cue.span.start < cue.span.end, "{cue:?}");
        assert!(cue.span.duration() >= MIN_DURATION, "{cue:?}");
        assert!(cue.span.duration() <= MAX_DURATION, "{cue:?}");
        assert_eq!(cue.span.start.subsec_nanos() % 1_000_000, 0);
        assert_eq!(cue.span.end.subsec_nanos() % 1_000_000, 0);
    }
    for pair in cues.windows(2) {
        let gap = pair[1].span.start.checked_sub(pair[0].span.end);
        let gap = gap.unwrap_or_else(|| panic!("cues overlap: {pair:?}"));
        let is_longest = pair[0].span.duration() == MAX_DURATION;
        assert!(gap == Duration::ZERO || gap >= MIN_GAP || is_longest, "{gap:?} between {pair:?}");
    }
}

#[test]
fn the_cues_after_a_joined_one_do_not_overlap_it() {
    let url = "https://example.org/a/very/long/path/that/does/not/end/for/a/long/time";
    let first = turn(0, 1, "的国是上这他了的他不中人来我不来来大一中上来不一来中 AaaAAaAaaAa!");
    let shown = cues([first, turn(1, 2, &format!("👩\u{200d}👩\u{200d}👧\u{200d}👦 {url} {url}"))]);
    assert!(shown.iter().any(|cue| cue.item_ids.len() == 2), "two turns share a cue: {shown:?}");
    check_times(&shown);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_cue_overlaps_is_too_short_or_too_long(turns in turns()) {
        check_times(&cues(turns));
    }

    #[test]
    fn a_cue_has_two_lines_that_fit_at_most(turns in turns()) {
        for cue in cues(turns) {
            prop_assert!((1..=2).contains(&cue.lines.len()), "{cue:?}");
            for line in &cue.lines {
                let (width, limit) = line_width(line);
                prop_assert!(width <= limit, "{width} columns: {line}");
                prop_assert_eq!(line.trim(), line);
                prop_assert!(!line.is_empty());
            }
        }
    }

    #[test]
    fn the_cues_of_a_turn_hold_its_text(turns in turns()) {
        let texts: String = turns.iter().map(|turn| without_spaces(&turn.text)).collect();
        let shown: String = cues(turns).iter().flat_map(|cue| &cue.lines).map(|line| without_spaces(line)).collect();
        prop_assert_eq!(shown, texts);
    }

    #[test]
    fn no_line_breaks_the_rules_of_cjk_punctuation(turns in turns()) {
        let begins: Vec<char> = turns.iter().filter_map(|turn| turn.text.chars().next()).collect();
        for line in cues(turns).iter().flat_map(|cue| &cue.lines) {
            let is_beginning = line.starts_with(|first| begins.contains(&first));
            prop_assert!(!is_kinsoku(line) || is_beginning, "{line}");
        }
    }

    #[test]
    fn a_word_that_fits_into_a_line_is_not_divided(words in prop::collection::vec("[a-z]{1,42}", 1..40)) {
        for line in cues([turn(0, 60_000, &words.join(" "))]).iter().flat_map(|cue| &cue.lines) {
            for word in line.split(' ') {
                prop_assert!(words.iter().any(|whole| whole == word), "{word} of {words:?}");
            }
        }
    }
}
