//! Whole files of each format, character by character.

use crate::captions::cue::Turn;
use crate::captions::format::Format;
use crate::captions::tests::{file, spoken_by, turn};

fn talk() -> Vec<Turn> {
    vec![
        spoken_by("Ann", turn(400, 2_000, "Is <i>this</i> & that --> it?")),
        spoken_by("Ann", turn(3_000, 4_500, "[laughs] שלום 👩‍👩‍👧‍👦")),
        Turn { has_failed: true, ..turn(5_000, 6_000, "") },
        spoken_by("Bob > Co", turn(7_000, 9_000, "今天天气很好，我们一起去公园散步吧。")),
        spoken_by("Ann", turn(360_000_000, 360_001_500, "  A hundred\n\nhours  later. ")),
    ]
}

#[test]
fn each_format_writes_its_golden_file() {
    let files = [
        (Format::Srt, include_str!("golden/talk.srt")),
        (Format::Vtt, include_str!("golden/talk.vtt")),
        (Format::Jsonl, include_str!("golden/talk.jsonl")),
        (Format::Markdown, include_str!("golden/talk.md")),
        (Format::Text, include_str!("golden/talk.txt")),
        (Format::Lrc, include_str!("golden/talk.lrc")),
    ];
    for (format, golden) in files {
        assert_eq!(file(format, talk()), golden, "{format:?}");
    }
}
