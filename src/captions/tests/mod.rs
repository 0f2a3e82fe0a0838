//! Captions from turns to files: what readers, players and a resumed run rely on.

mod properties;
mod golden;
mod timing;
mod resume;

use crate::captions::cue::{Cue, CueSpan, Passage, Timing, Turn};
use crate::captions::format::{CaptionWriter, Format};
use crate::captions::segmenter::Segmenter;

/// Makes a turn whose times the server reported, from milliseconds.
pub(super) fn turn(start: u64, end: u64, text: &str) -> Turn {
    Turn {
        item_id: format!("item_{start}"),
        span: CueSpan::from_millis(start, end),
        timing: Timing::Server,
        text: text.to_owned(),
        ..Turn::default()
    }
}

pub(super) fn spoken_by(name: &str, turn: Turn) -> Turn {
    Turn { speaker: Some(name.to_owned()), ..turn }
}

pub(super) fn passages(turns: impl IntoIterator<Item = Turn>) -> Vec<Passage> {
    let mut segmenter = Segmenter::default();
    let mut passages: Vec<Passage> = turns.into_iter().filter_map(|turn| segmenter.push(turn)).collect();
    passages.extend(segmenter.finish());
    passages
}

pub(super) fn cues(turns: impl IntoIterator<Item = Turn>) -> Vec<Cue> {
    passages(turns).into_iter().flat_map(|passage| passage.cues).collect()
}

/// Returns a whole file.
pub(super) fn file(format: Format, turns: impl IntoIterator<Item = Turn>) -> String {
    let mut writer = CaptionWriter::new(format);
    let body: Vec<String> = passages(turns).iter().map(|passage| writer.passage(passage)).collect();
    writer.header().to_owned() + &body.concat()
}

/// Returns the cues of one turn, line by line, a bar between the two lines of a cue.
pub(super) fn lines(turn: Turn) -> Vec<String> {
    cues([turn]).iter().map(|cue| cue.lines.join(" | ")).collect()
}
