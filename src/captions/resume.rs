//! Reads a caption file that a program wrote before it was stopped, to find where to go on.

use std::time::Duration;

use serde::Deserialize;

use crate::captions::format::{Format, time};

/// What of a caption file is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// How many bytes to keep: up to the end of the last whole cue.
    pub bytes: u64,
    /// How many cues they hold.
    pub cues: u64,
    /// When the last of them ends; zero if there is none.
    pub end: Duration,
}

/// How much before the end of a resumed file the audio begins, so that speech is detected as in the middle of it.
const LEAD: Duration = Duration::from_millis(500);

/// The audio begins at a multiple of this, so that frames of audio and of voice activity detection are those of an
/// undisturbed run.
const GRID_MS: u64 = 800;

/// How much audio before that prepares voice activity detection: a multiple of the grid.
pub const WARM_UP: Duration = Duration::from_millis(12 * GRID_MS);

impl Whole {
    /// Returns the media time at which the input is to begin.
    pub fn media_start(&self) -> Duration {
        let ms = u64::try_from(self.end.saturating_sub(LEAD).as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(ms / GRID_MS * GRID_MS)
    }
}

/// Why a file cannot be continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// The format does not hold the end of a cue.
    #[error("a file of this format does not say where its captions end")]
    NoTimes,
    /// The beginning is not that of a file of this format.
    #[error("line {0} is not a caption of this format")]
    Foreign(usize),
}

/// Finds the last whole cue of a file.
///
/// # Errors
///
/// When the format has no end times, or when a line before the last cue is not of this format: such a file was
/// written by another program, and nothing of it is to be cut.
pub fn last_whole(format: Format, file: &[u8]) -> Result<Whole, ResumeError> {
    match format {
        Format::Srt => Ok(blocks(file, 0, srt)?),
        Format::Vtt => vtt_file(file),
        Format::Jsonl => jsonl(file),
        Format::Text | Format::Markdown | Format::Lrc => Err(ResumeError::NoTimes),
    }
}

/// Reads blocks that each end with an empty line; `end` returns the end of a block's cue, zero for other blocks.
fn blocks(
    file: &[u8],
    start: usize,
    end: impl Fn(&[&str]) -> Option<Duration>,
) -> Result<Whole, ResumeError> {
    let mut whole = Whole { bytes: start as u64, ..Whole::default() };
    let mut at = start;
    let mut first_line = file[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
    while let Some(length) = file[at..].windows(2).position(|pair| pair == b"\n\n") {
        let block = std::str::from_utf8(&file[at..at + length]).ok();
        let lines: Vec<&str> = block.map(|block| block.lines().collect()).unwrap_or_default();
        let cue_end = end(&lines).ok_or(ResumeError::Foreign(first_line))?;
        first_line += lines.len() + 1;
        at += length + 2;
        let cues = whole.cues + u64::from(!cue_end.is_zero());
        whole = Whole { bytes: at as u64, cues, end: whole.end.max(cue_end) };
    }
    Ok(whole)
}

fn srt(lines: &[&str]) -> Option<Duration> {
    let [number, times, _, ..] = lines else { return None };
    number.parse::<u64>().ok()?;
    cue_end(times)
}

fn vtt_file(file: &[u8]) -> Result<Whole, ResumeError> {
    const HEADER: &[u8] = b"WEBVTT\n\n";
    if HEADER.starts_with(file) && file.len() < HEADER.len() {
        return Ok(Whole::default());
    }
    if !file.starts_with(HEADER) {
        return Err(ResumeError::Foreign(1));
    }
    blocks(file, HEADER.len(), |lines| {
        if lines.first().is_some_and(|line| line.starts_with("NOTE ")) {
            return Some(Duration::ZERO);
        }
        let [times, _, ..] = lines else { return None };
        cue_end(times)
    })
}

fn cue_end(times: &str) -> Option<Duration> {
    let (start, end) = times.split_once(" --> ")?;
    let (start, end) = (time::read(start)?, time::read(end)?);
    (start < end).then_some(end)
}

/// The fields of a line of JSON that matter here.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum ParsedEntry {
    Cue {
        end_ms: u64,
        item_ids: Vec<String>,
    },
    #[serde(alias = "gap")]
    Turn {
        end_ms: u64,
        item_id: String,
    },
    Mark {},
}

/// Reads up to a place where each cue has all of its turns.
fn jsonl(file: &[u8]) -> Result<Whole, ResumeError> {
    let mut whole = Whole::default();
    let (mut at, mut cues, mut end) = (0, 0, Duration::ZERO);
    let mut missing: Vec<String> = Vec::new();
    let mut number = 0;
    while let Some(length) = file[at..].iter().position(|byte| *byte == b'\n') {
        number += 1;
        let entry = serde_json::from_slice(&file[at..at + length]);
        at += length + 1;
        let end_ms = match entry.map_err(|_| ResumeError::Foreign(number))? {
            ParsedEntry::Cue { end_ms, item_ids } => {
                cues += 1;
                missing.extend(item_ids);
                end_ms
            }
            ParsedEntry::Turn { end_ms, item_id } => {
                missing.retain(|missing| *missing != item_id);
                end_ms
            }
            ParsedEntry::Mark {} => 0,
        };
        end = end.max(Duration::from_millis(end_ms));
        if missing.is_empty() {
            whole = Whole { bytes: at as u64, cues, end };
        }
    }
    Ok(whole)
}
