//! Speech without a synthesizer: concatenated recorded phrases.

use std::ops::Range;

use crate::dsp::frame::SampleRate;
use crate::dsp::g711::decode_ulaw;
use crate::dsp::resample::resample_clip;

/// All phrases, concatenated, as G.711 µ-law at 8 kHz.
const VOICE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/voice.ul"));
/// Start, length and words of each phrase.
const INDEX: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/voice.tsv"));

/// Said instead of a text that is not recorded.
const UNRECORDED: &str = "Please read the answer in the transcript. I have no clip of it.";

/// Silence between phrases, in samples at 8 kHz.
const GAP: usize = 240;

/// Returns `text` as speech at 24 kHz.
pub(crate) fn say(text: &str) -> Vec<i16> {
    let ranges = phrases(text).or_else(|| phrases(UNRECORDED)).unwrap_or_default();
    let mut samples: Vec<i16> = Vec::new();
    for range in ranges {
        samples.extend(VOICE[range].iter().map(|code| decode_ulaw(*code)));
        samples.extend([0; GAP]);
    }
    resample_clip(&samples, SampleRate::TELEPHONE, SampleRate::HZ_24000)
}

/// Returns the clips that say `text`; `None` if a word is not recorded.
pub(crate) fn phrases(text: &str) -> Option<Vec<Range<usize>>> {
    let bank: Vec<(Vec<String>, Range<usize>)> = INDEX.lines().filter_map(phrase).collect();
    let words = words(text);
    let mut rest = &words[..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let fitting = bank.iter().filter(|(phrase, _)| rest.starts_with(phrase));
        let (phrase, range) = fitting.max_by_key(|(phrase, _)| phrase.len())?;
        found.push(range.clone());
        rest = &rest[phrase.len()..];
    }
    Some(found)
}

fn phrase(line: &str) -> Option<(Vec<String>, Range<usize>)> {
    let mut columns = line.splitn(3, '\t');
    let start: usize = columns.next()?.parse().ok()?;
    let length: usize = columns.next()?.parse().ok()?;
    let words = words(columns.next()?);
    let range = start..start.checked_add(length)?;
    (range.end <= VOICE.len() && !words.is_empty()).then_some((words, range))
}

/// Returns the words as spoken: lower case, with numbers spelled out.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for token in text.split_whitespace() {
        let bare = token.trim_matches(|letter: char| !letter.is_alphanumeric() && letter != '-');
        if bare.trim_start_matches('-').starts_with(|letter: char| letter.is_ascii_digit()) {
            push_number(bare, &mut words);
        } else if !bare.is_empty() {
            words.push(bare.to_lowercase());
        }
    }
    words
}

fn push_number(number: &str, words: &mut Vec<String>) {
    let number = match number.strip_prefix('-') {
        Some(rest) => {
            words.push("minus".to_owned());
            rest
        }
        None => number,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    push_whole(whole.parse().unwrap_or(0), words);
    if !fraction.is_empty() {
        words.push("point".to_owned());
        for digit in fraction.chars().filter_map(|digit| digit.to_digit(10)) {
            push_whole(digit, words);
        }
    }
}

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// Spells a number, limited to 9,999, which exceeds every call.
fn push_whole(number: u32, words: &mut Vec<String>) {
    let number = number.min(9_999);
    if number >= 100 {
        push_whole(number / 100, words);
        words.push("hundred".to_owned());
        if !number.is_multiple_of(100) {
            push_whole(number % 100, words);
        }
    } else if number >= 20 {
        words.push(TENS[number as usize / 10].to_owned());
        if !number.is_multiple_of(10) {
            push_whole(number % 10, words);
        }
    } else {
        words.push(SMALL[number as usize].to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_fits_the_recording() {
        assert_eq!(INDEX.lines().filter_map(phrase).count(), INDEX.lines().count());
        let end = INDEX.lines().filter_map(phrase).map(|(_, range)| range.end).max();
        assert_eq!(end, Some(VOICE.len()));
    }

    #[test]
    fn numbers_are_said_in_words() {
        let spoken = |text| words(text).join(" ");
        assert_eq!(spoken("-23 decibels."), "minus twenty three decibels");
        assert_eq!(spoken("1.8 seconds, at"), "one point eight seconds at");
        assert_eq!(spoken("120.0"), "one hundred twenty point zero");
    }

    #[test]
    fn every_length_and_level_can_be_said() {
        for tenths in 0..4_000 {
            let text = format!(
                "I heard you speak for {:.1} seconds, at -{} decibels.",
                f64::from(tenths) / 10.0,
                tenths % 97
            );
            assert!(phrases(&text).is_some(), "{text}");
        }
    }

    #[test]
    fn speech_is_audible_and_of_plausible_length() {
        let samples = say("I heard you speak for 1.8 seconds, at -23 decibels.");
        assert!((24_000..120_000).contains(&samples.len()), "{}", samples.len());
        let level = crate::dsp::level::rms_dbfs(&samples);
        assert!((-35.0..-10.0).contains(&level), "{level}");
    }

    #[test]
    fn unrecorded_text_is_replaced_by_a_notice() {
        assert_eq!(phrases("quantum chromodynamics"), None);
        assert_eq!(say("quantum chromodynamics"), say(UNRECORDED));
    }
}
