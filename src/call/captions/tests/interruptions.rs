//! Runs that are killed, and connections that are cut, at any moment.

use crate::call::captions::file_feed::Pace;
use crate::call::captions::tests::world::{Lcg, Talk, World};
use crate::captions::format::Format;

/// Random moments of each kind.
const MOMENTS: u64 = 200;

fn talk() -> Talk {
    Talk::write(&[(400, 1.0), (900, 0.5), (1_600, 0.25), (800, 0.8)])
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

fn formats() -> impl Iterator<Item = Format> {
    [Format::Srt, Format::Vtt].into_iter().cycle()
}

#[test]
fn a_run_that_is_killed_at_any_moment_resumes_to_the_undisturbed_file() {
    let talk = talk();
    for (seed, format) in (0..MOMENTS).zip(formats()) {
        let (whole, steps) = undisturbed(&talk, format);
        let mut random = Lcg::new(seed);
        let mut world = World::new(&talk, format, Pace::Max);
        for _ in 0..(steps as f64 * random.share()) as u64 {
            world.step();
        }
        let torn = world.file.torn(random.share());
        assert!(whole.as_bytes().starts_with(&torn), "seed {seed}: what is written stays");
        let (resumed, _) = World::resumed(&talk, (format, Pace::Max), &torn).finish();
        assert_eq!(resumed, whole, "seed {seed}, killed after {} bytes", torn.len());
    }
}

#[test]
fn a_connection_that_is_cut_at_any_moment_leaves_the_undisturbed_file() {
    let talk = talk();
    for (seed, format) in (0..MOMENTS).zip(formats()) {
        let (whole, steps) = undisturbed(&talk, format);
        let mut random = Lcg::new(seed);
        let mut world = World::new(&talk, format, Pace::Max);
        for _ in 0..(steps as f64 * random.share()) as u64 {
            world.step();
        }
        if world.ended.is_some() {
            continue;
        }
        world.cut(random.share());
        assert_eq!(world.finish().0, whole, "seed {seed}");
    }
}
