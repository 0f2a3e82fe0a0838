//! When cues are shown.

use std::time::Duration;

use crate::captions::cue::{CueSpan, TimedText, Timing, Turn};
use crate::captions::segmenter::Segmenter;
use crate::captions::tests::{cues, lines, spoken_by, turn};

fn times(turns: impl IntoIterator<Item = Turn>) -> Vec<(u64, u64)> {
    let ms = |time: Duration| u64::try_from(time.as_millis()).expect("tests are short");
    cues(turns).iter().map(|cue| (ms(cue.span.start), ms(cue.span.end))).collect()
}

#[test]
fn a_short_cue_is_lengthened_into_the_pause() {
    assert_eq!(times([turn(1_000, 1_300, "Yes.")]), [(1_000, 1_833)]);
    assert_eq!(
        times([turn(1_000, 1_300, "Yes."), turn(1_900, 4_000, "No, not at all.")]),
        [(1_000, 1_900), (1_900, 4_000)]
    );
}

#[test]
fn a_short_gap_is_closed_and_a_long_one_is_kept() {
    let first = turn(0, 2_000, "This is the first sentence of them.");
    let shown = times([first.clone(), turn(2_499, 4_000, "Second.")]);
    assert_eq!(shown[0].1, 2_499);
    let shown = times([first, turn(2_700, 4_000, "Second.")]);
    assert_eq!(shown[0].1, 2_058, "it is read in 35 columns / 17 a second");
}

#[test]
fn turns_that_overlap_are_shown_after_each_other() {
    let shown = times([turn(0, 3_000, "One voice says this."), turn(2_500, 5_000, "Another says that.")]);
    assert_eq!(shown, [(0, 2_500), (2_500, 5_000)]);
    let late = times([turn(4_000, 6_000, "Second."), turn(0, 3_000, "It came out of order.")]);
    assert_eq!(
        late,
        [(4_000, 4_833), (4_833, 5_333)].map(|(start, end): (u64, u64)| (start, end.max(start + 833)))
    );
}

#[test]
fn short_turns_of_one_speaker_share_a_cue() {
    let turns = [turn(0, 300, "Yes."), turn(500, 900, "No.")];
    let shown = cues(turns.clone());
    assert_eq!(shown[0].lines, ["Yes.", "No."]);
    assert_eq!(shown[0].item_ids, ["item_0", "item_500"]);
    let [first, second] = turns;
    let shown = cues([spoken_by("Ann", first), spoken_by("Bob", second)]);
    assert_eq!(shown.len(), 2, "two speakers do not");
}

#[test]
fn the_times_of_words_are_those_of_the_server() {
    let word =
        |start, end, text: &str| TimedText { span: CueSpan::from_millis(start, end), text: text.to_owned() };
    let spoken = Turn {
        parts: vec![
            word(0, 500, "First"),
            word(500, 1_000, "sentence."),
            word(5_000, 5_400, "Second"),
            word(5_400, 6_000, "one."),
        ],
        ..turn(0, 6_000, "First sentence. Second one.")
    };
    let shown = cues([spoken]);
    assert_eq!(shown[1].span.start, Duration::from_secs(5));
    assert!(shown.iter().all(|cue| cue.timing == Timing::Server));
}

#[test]
fn text_is_laid_over_speech_and_not_over_silence() {
    let spoken = Turn {
        speech: vec![CueSpan::from_millis(300, 2_000), CueSpan::from_millis(6_000, 7_700)],
        ..turn(0, 8_000, "This is spoken before the pause. That is spoken after the pause.")
    };
    let shown = cues([spoken]);
    assert_eq!(shown[0].span.start, Duration::from_millis(300), "the prefix padding is not speech");
    assert_eq!(shown[1].span.start, Duration::from_secs(6));
    assert!(shown.iter().all(|cue| cue.timing == Timing::Local));
}

#[test]
fn a_phrase_ends_at_the_pause_that_is_near() {
    // By its letters the first sentence would end 146 ms later.
    let spoken = Turn {
        speech: vec![CueSpan::from_millis(0, 3_000), CueSpan::from_millis(3_400, 6_400)],
        ..turn(
            0,
            6_400,
            "Here we have a sentence of about forty chars. And there we have another of the same kind.",
        )
    };
    let shown = cues([spoken]);
    assert_eq!(shown[0].span.end, Duration::from_millis(3_400), "the gap is closed");
    assert_eq!(shown[1].span.start, Duration::from_millis(3_400));
}

#[test]
fn times_without_detected_speech_are_marked_as_estimates() {
    let long = "This is a sentence that is spoken first. This is a sentence that is spoken second. \
                And this is the last one of all.";
    let shown = cues([turn(0, 12_000, long)]);
    assert!(shown.len() > 1);
    assert!(shown.iter().all(|cue| cue.timing == Timing::Estimated));
    assert_eq!(cues([turn(0, 2_000, "One cue.")])[0].timing, Timing::Server);
}

#[test]
fn a_passage_that_is_wanted_at_once_does_not_overlap_the_next() {
    let mut segmenter = Segmenter::default();
    assert_eq!(segmenter.push(turn(0, 2_000, "A long sentence that takes a while to read.")), None);
    let first = segmenter.finish().expect("it is held");
    assert_eq!(segmenter.push(turn(2_100, 4_000, "Hello.")), None);
    let second = segmenter.finish().expect("it is held");
    assert!(first.cues[0].span.end <= second.cues[0].span.start);
    assert_eq!(segmenter.finish(), None);
}

#[test]
fn a_turn_without_text_shows_no_cue() {
    let failed = Turn { has_failed: true, ..turn(2_000, 3_000, "") };
    assert_eq!(cues([turn(0, 1_000, "One."), failed, turn(4_000, 5_000, "  ")]).len(), 1);
}

#[test]
fn sentences_end_cues_and_clauses_end_lines() {
    let text = "When the train arrived at the station, no one was waiting there. \
                It had left without telling anyone.";
    assert_eq!(
        lines(turn(0, 8_000, text)),
        [
            "When the train arrived at the station, | no one was waiting there.",
            "It had left without telling anyone."
        ]
    );
}

#[test]
fn chinese_lines_have_sixteen_characters_at_most() {
    let text = "今天天气很好，我们一起去公园散步吧，然后再去看电影，最后回家吃饭。";
    assert_eq!(
        lines(turn(0, 8_000, text)),
        ["今天天气很好， | 我们一起去公园散步吧，", "然后再去看电影，最后回家吃饭。"]
    );
}

#[test]
fn words_that_belong_together_stay_on_a_line() {
    let text = "The distance to the station is only about 42 km by road.";
    let shown = lines(turn(0, 5_000, text)).join(" | ");
    assert!(!shown.contains("42 |") && !shown.contains("the |"), "{shown}");
}
