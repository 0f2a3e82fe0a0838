//! Files that were cut off, and what a run that continues them writes.

use std::time::Duration;

use crate::captions::cue::Turn;
use crate::captions::format::{CaptionWriter, Format};
use crate::captions::resume::{ResumeError, last_whole};
use crate::captions::segmenter::Segmenter;
use crate::captions::tests::{file, turn};

const RESUMABLE: [Format; 3] = [Format::Srt, Format::Vtt, Format::Jsonl];

fn talk() -> Vec<Turn> {
    vec![
        turn(400, 1_200, "Good evening."),
        turn(2_000, 2_300, "Yes."),
        turn(2_500, 3_000, "No."),
        turn(5_000, 7_000, "Is anybody there? --> <b>"),
        Turn { has_failed: true, ..turn(7_600, 8_000, "") },
        turn(9_000, 12_000, "今天天气很好，我们一起去公园散步吧。"),
        turn(12_100, 14_000, "The end."),
    ]
}

/// Continues a file that is cut off: what is kept, and what turns after its end add.
fn resumed(format: Format, cut: &[u8]) -> String {
    let whole = last_whole(format, cut).expect("our own files can be continued");
    let kept = &cut[..usize::try_from(whole.bytes).expect("it is short")];
    let mut writer = CaptionWriter::resumed(format, whole.cues);
    let mut segmenter = Segmenter::resumed_at(whole.end);
    let left = talk().into_iter().filter(|turn| turn.span.end > whole.end);
    let mut passages: Vec<_> = left.filter_map(|turn| segmenter.push(turn)).collect();
    passages.extend(segmenter.finish());
    let header = if kept.is_empty() { writer.header() } else { "" };
    let body: String = passages.iter().map(|passage| writer.passage(passage)).collect();
    String::from_utf8(kept.to_vec()).expect("whole cues are text") + header + &body
}

#[test]
fn a_file_that_is_cut_anywhere_resumes_to_the_undisturbed_one() {
    for format in RESUMABLE {
        let whole = file(format, talk());
        for cut in 0..=whole.len() {
            assert_eq!(resumed(format, &whole.as_bytes()[..cut]), whole, "{format:?} cut at {cut}");
        }
    }
}

#[test]
fn what_is_kept_ends_with_a_whole_cue() {
    let srt = "1\n00:00:00,400 --> 00:00:01,233\nHello.\n\n2\n00:00:02,000 --> 00:00:03,";
    let whole = last_whole(Format::Srt, srt.as_bytes()).expect("it is a subtitle file");
    assert_eq!((whole.bytes, whole.cues, whole.end), (40, 1, Duration::from_millis(1_233)));
}

#[test]
fn a_file_of_another_program_is_not_cut() {
    let cases: [(Format, &[u8]); 5] = [
        (Format::Srt, b"my notes\n\nwith paragraphs\n\n"),
        (Format::Srt, b"1\n00:00:02,000 --> 00:00:01,000\nends before it begins\n\n"),
        (Format::Vtt, b"WEBVTT - with a title\n\n00:00.000 --> 00:01.000\nHello\n\n"),
        (Format::Vtt, b"something else"),
        (Format::Jsonl, b"{\"type\":\"session.created\"}\n"),
    ];
    for (format, file) in cases {
        assert!(matches!(last_whole(format, file), Err(ResumeError::Foreign(_))), "{format:?}");
    }
}

#[test]
fn formats_without_end_times_cannot_be_resumed() {
    for format in [Format::Text, Format::Markdown, Format::Lrc] {
        assert_eq!(last_whole(format, b""), Err(ResumeError::NoTimes));
    }
}
