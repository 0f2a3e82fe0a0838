//! Runs that are killed, and connections that are cut, at any moment.

use std::time::Duration;

use crate::call::captions::file_feed::Pace;
use crate::call::captions::tests::world::{Lcg, Talk, World};
use crate::captions::format::Format;
use crate::session::io::EndReason;

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

/// Returns a run after a share of the steps of an undisturbed one.
fn at_a_moment(talk: &Talk, format: Format, (steps, random): (u64, &mut Lcg)) -> World {
    let mut world = World::new(talk, format, Pace::Max);
    for _ in 0..(steps as f64 * random.share()) as u64 {
        world.step();
    }
    world
}

#[test]
fn a_run_that_is_killed_at_any_moment_resumes_to_the_file_of_an_undisturbed_one() {
    let talk = talk();
    let undisturbed = [Format::Srt, Format::Vtt].map(|format| (format, undisturbed(&talk, format)));
    for (seed, (format, (whole, steps))) in (0..MOMENTS).zip(undisturbed.iter().cycle()) {
        let (format, steps) = (*format, *steps);
        let mut random = Lcg::new(seed);
        let world = at_a_moment(&talk, format, (steps, &mut random));
        let torn = world.file.torn(random.share());
        assert!(whole.as_bytes().starts_with(&torn), "seed {seed}: what is written stays");
        let (resumed, _) = World::resumed(&talk, (format, Pace::Max), &torn).finish();
        assert_eq!(resumed, *whole, "seed {seed}");
    }
}

#[test]
fn a_connection_that_is_cut_at_any_moment_leaves_the_file_of_an_undisturbed_run() {
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
        assert_eq!(file, *whole, "seed {seed}");
    }
}
