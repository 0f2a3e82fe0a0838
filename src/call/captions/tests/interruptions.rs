//! Runs that are killed, and connections that are cut, at any moment.

use std::time::Duration;

use crate::call::captions::file_feed::Pace;
use crate::call::captions::tests::world::{Lcg, Talk, World};
use crate::captions::format::Format;
use crate::session::io::EndReason;

/// How much detection may be off.
const DETECTION: Duration = Duration::from_millis(64);

/// Random moments of each kind.
const MOMENTS: u64 = 200;

fn talk() -> Talk {
    Talk::write(Duration::from_millis(800), &[(400, 1.0), (700, 0.5), (900, 0.3)])
}

/// Returns the whole file of an undisturbed run, and how many steps it takes.
fn undisturbed(talk: &Talk, format: Format) -> (String, u64) {
    let mut world = World::new(talk, format, Pace::Max);
    let mut steps = 0;
    while world.ended.is_none() {
        world.step();
        steps += 1;
    }
    (world.file.text(), steps)
}

/// A cue of the demo: its times and the level in it.
fn cues(file: &str) -> Vec<(Duration, Duration, &str)> {
    let mut lines = file.lines();
    let mut cues = Vec::new();
    while let Some(line) = lines.next() {
        if let Some((start, end)) = line.split_once(" --> ") {
            let level = lines.next().and_then(|text| text.split_once(", ")).expect("a level").1;
            cues.push((clock(start), clock(end), level));
        }
    }
    cues
}

fn clock(text: &str) -> Duration {
    let numbers: Vec<u64> = text.split([':', ',', '.']).map(|part| part.parse().expect("a number")).collect();
    let [hours, minutes, seconds, ms] = numbers[..] else { panic!("{text}") };
    Duration::from_millis(((hours * 60 + minutes) * 60 + seconds) * 1_000 + ms)
}

/// Detection begins anew in the middle of the file, so it may be off by some frames.
fn assert_same(file: &str, whole: &str, seed: u64) {
    let (found, expected) = (cues(file), cues(whole));
    assert_eq!(found.len(), expected.len(), "seed {seed}: {file}");
    for (one, other) in found.iter().zip(&expected) {
        let is_near = |one: Duration, other: Duration| one.abs_diff(other) <= DETECTION;
        assert!(is_near(one.0, other.0) && is_near(one.1, other.1), "seed {seed}: {one:?} for {other:?}");
        assert_eq!(one.2, other.2, "seed {seed}");
    }
    let is_header = |line: &str| line.starts_with("WEBVTT");
    assert_eq!(
        file.lines().filter(|line| is_header(line)).count(),
        whole.lines().filter(|line| is_header(line)).count()
    );
    let numbers = |file: &str| -> Vec<u64> { file.lines().filter_map(|line| line.parse().ok()).collect() };
    assert_eq!(numbers(file), numbers(whole), "seed {seed}: numbers without gaps");
}

/// Returns a run after a share of the steps of an undisturbed one.
fn at_a_moment(talk: &Talk, format: Format, (steps, random): (u64, &mut Lcg)) -> World {
    let mut world = World::new(talk, format, Pace::Max);
    for _ in 0..(steps as f64 * random.share()) as u64 {
        world.step();
    }
    world
}

#[test]
fn a_run_that_is_killed_at_any_moment_resumes_to_the_cues_of_an_undisturbed_one() {
    let talk = talk();
    let undisturbed = [Format::Srt, Format::Vtt].map(|format| (format, undisturbed(&talk, format)));
    for (seed, (format, (whole, steps))) in (0..MOMENTS).zip(undisturbed.iter().cycle()) {
        let (format, steps) = (*format, *steps);
        let mut random = Lcg::new(seed);
        let world = at_a_moment(&talk, format, (steps, &mut random));
        let torn = world.file.torn(random.share());
        assert!(whole.as_bytes().starts_with(&torn), "seed {seed}: what is written stays");
        let (resumed, _) = World::resumed(&talk, (format, Pace::Max), &torn).finish();
        assert_same(&resumed, whole, seed);
    }
}

#[test]
fn a_connection_that_is_cut_at_any_moment_leaves_the_cues_of_an_undisturbed_run() {
    let talk = talk();
    let undisturbed = [Format::Srt, Format::Vtt].map(|format| (format, undisturbed(&talk, format)));
    for (seed, (format, (whole, steps))) in (0..MOMENTS).zip(undisturbed.iter().cycle()) {
        let (format, steps) = (*format, *steps);
        let mut random = Lcg::new(seed);
        let mut world = at_a_moment(&talk, format, (steps, &mut random));
        if world.ended.is_some() {
            continue;
        }
        world.cut(random.share());
        while world.ended.is_none() {
            world.step();
        }
        let file = match world.ended {
            Some(EndReason::InputEnded) => world.file.text(),
            // A connection that breaks while it is opened is not tried again.
            Some(EndReason::Lost(_)) => {
                let written = world.file.torn(1.0);
                World::resumed(&talk, (format, Pace::Max), &written).finish().0
            }
            other => panic!("seed {seed}: {other:?}"),
        };
        assert_same(&file, whole, seed);
    }
}
