//! Answers that come at once, live and unevenly, or with a stall, as the speaker is heard to play them.

use std::thread;
use std::time::Duration;

use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::signal::Sound;
use crate::support::sound::{RATE, SoundServer};
use crate::support::speech;
use crate::support::trace::received_audio;

/// Longest wait for a call, on a loaded machine too.
const LIMIT: Duration = Duration::from_secs(120);
/// What is louder was played; silence of a virtual speaker is exact.
const AUDIBLE_DBFS: f32 = -60.0;
/// How far the sound server's record of a piece may be from the piece itself, 1 being the same.
const ALIKE: f32 = 0.97;
/// How long the pieces are in which a recording is compared.
const PIECE_MS: usize = 150;
/// How long head and tail are: a tail dies away in a noise that is like itself everywhere.
const END_MS: usize = 400;
/// Below this a piece is a pause, and found anywhere.
const QUIET_DBFS: f32 = -45.0;
/// What follows later by less than that was not held up: two windows, and what the sound server slips.
const EXACT_MS: usize = 15;
/// How much later a piece is sought than the ones before it.
const FURTHEST_MS: usize = 500;

/// How long a silence is a pause, which may become longer without being a gap.
const PAUSE_MS: usize = 60;
/// A pause becomes longer by what may come late of live sound.
const LONGER_MS: usize = 160;

/// Each delivery, and for how long the answer may be held up, once at most.
const DELIVERIES: [(&str, usize); 3] = [("burst", 0), ("lead=160,jitter=80", 0), ("lead=160,stall=300", 300)];

#[test]
fn however_an_answer_is_delivered_it_is_heard_whole() {
    let sound = SoundServer::start_for_long();
    // All at once, because calls take their time.
    thread::scope(|scope| {
        for (number, (fault, held_up)) in DELIVERIES.into_iter().enumerate() {
            let sound = &sound;
            scope.spawn(move || {
                let speaker = format!("delivery_{number}");
                sound.add_speaker(&speaker);
                assert_eq!(hear(sound, &speaker, fault, held_up), None, "{fault}");
            });
        }
    });
}

/// Holds a call; says how what was heard of the answer is not what was sent.
fn hear(sound: &SoundServer, speaker: &str, fault: &str, held_up: usize) -> Option<String> {
    let server = Server::with_fault(fault);
    let args = format!(
        "talk --url {} --model any --json --trace trace.jsonl --input short.wav --output {speaker}",
        server.url
    );
    let program = Program::rtvoice(&args).envs(sound.env());
    speech::write_plain(&program.file("short.wav"), &speech::short());
    let recording = sound.record_from(&format!("{speaker}.monitor"));
    let outcome = program.start().wait(LIMIT).expect_code(0);
    let recorded = recording.stop();

    let lines = outcome.json_lines();
    let answer = lines.iter().rfind(|line| line["type"] == "assistant").expect("it was answered");
    let item_id = answer["item_id"].as_str().expect("an answer has an item");
    let sent = received_audio(&outcome.home.path().join("trace.jsonl"), item_id);
    assert!(sent.ms() > 2_500, "a gap in {} ms is a matter of luck", sent.ms());
    let reported = lines
        .iter()
        .filter_map(|line| line["message"].as_str())
        .find(|reported| reported.contains(" in what was played"));
    if held_up == 0 && reported.is_some() {
        return reported.map(str::to_owned);
    }
    compare(&sent, &recorded, held_up)
}

/// Says how a recording is not the answer that was sent, but for one gap of at most `held_up` milliseconds.
fn compare(sent: &Sound, recorded: &Sound, held_up: usize) -> Option<String> {
    let (there, here) = (audible(sent), audible(recorded));
    let head = recorded.between(here.start..here.start + FURTHEST_MS);
    let head = head.find(&sent.between(there.start..there.start + END_MS));
    let tail = recorded.between(here.end.saturating_sub(FURTHEST_MS)..here.end + 2 * EXACT_MS);
    let tail = tail.find(&sent.between(there.end - END_MS..there.end));
    if head.correlation < ALIKE || tail.correlation < ALIKE {
        return Some(format!("head {head:?}, tail {tail:?}"));
    }
    let begins = begins(sent, recorded, here.start.saturating_sub(there.start));
    let moves: Vec<Move> = begins.windows(2).filter_map(|pair| Move::between(sent, pair)).collect();
    let (gaps, pauses): (Vec<&Move>, Vec<&Move>) = moves.iter().partition(|moved| moved.place == Place::Word);
    let is_later = |moved: &&Move, most: usize| moved.by > 0.0 && moved.by <= ms(most + EXACT_MS);
    let moved: f32 = moves.iter().map(|moved| moved.by).sum();
    let longer = ms(here.len()) - ms(there.len());
    let is_whole = match held_up {
        0 => moves.is_empty(),
        // In a pause it is no gap; what it took of the lead is gathered again in another.
        _ => {
            gaps.len() <= 1
                && !moves.is_empty()
                && gaps.iter().all(|gap| is_later(gap, held_up))
                && pauses.iter().all(|pause| is_later(pause, held_up.max(LONGER_MS)))
        }
    };
    let is_whole = is_whole && (longer - moved).abs() <= ms(2 * EXACT_MS);
    (!is_whole).then(|| format!("{moves:.0?}, longer by {longer} ms, pieces begin at {begins:.0?}"))
}

/// What is later from one piece to the next.
#[derive(Debug)]
struct Move {
    by: f32,
    place: Place,
}

#[derive(Debug, PartialEq)]
enum Place {
    Pause,
    Word,
}

impl Move {
    fn between(sent: &Sound, pair: &[(usize, f32)]) -> Option<Self> {
        let ((before, early), (after, late)) = (pair[0], pair[1]);
        let there = sent.between(before..after + PIECE_MS);
        let pause = there.gaps_ms(QUIET_DBFS, PAUSE_MS);
        let place = if pause.is_empty() { Place::Word } else { Place::Pause };
        let by = late - early;
        (by.abs() > ms(EXACT_MS)).then_some(Self { by, place })
    }
}

/// Returns where the pieces begin and how much later they are in the recording, in milliseconds; those that
/// a gap divides are left out.
fn begins(sent: &Sound, recorded: &Sound, begin: usize) -> Vec<(usize, f32)> {
    let (mut begins, mut last) = (Vec::new(), begin);
    for at in (0..sent.ms().saturating_sub(PIECE_MS)).step_by(PIECE_MS) {
        let piece = sent.between(at..at + PIECE_MS);
        let from = (last + at).saturating_sub(EXACT_MS);
        let around = recorded.between(from..from + PIECE_MS + FURTHEST_MS);
        if piece.dbfs() < QUIET_DBFS || around.samples.len() < piece.samples.len() {
            continue;
        }
        let found = around.find(&piece);
        if found.correlation > ALIKE {
            let late = ms(from) + found.at_ms - ms(at);
            begins.push((at, late));
            last = from + whole_ms(found.at_ms) - at;
        }
    }
    begins
}

fn audible(sound: &Sound) -> std::ops::Range<usize> {
    sound.loud_ms(AUDIBLE_DBFS).expect("there is something to hear")
}

#[expect(clippy::cast_precision_loss, reason = "recordings are short")]
fn ms(ms: usize) -> f32 {
    ms as f32
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "recordings are short")]
fn whole_ms(ms: f32) -> usize {
    ms.max(0.0) as usize
}

#[test]
fn a_gap_a_lost_head_and_a_lost_tail_are_seen() {
    let sent = speech::hello().at_rate(RATE);
    let of = |parts: &[&[f32]]| Sound { samples: parts.concat(), rate: RATE };
    let (samples, silence) = (&sent.samples[..], vec![0.0; RATE / 5]);
    let loud = audible(&sent);
    let (middle, head, tail) = (samples.len() / 2, loud.start * RATE / 1_000, loud.end * RATE / 1_000);
    let gap = of(&[&silence, &samples[..middle], &silence, &samples[middle..]]);
    let whole = of(&[&silence, samples]);
    assert_eq!((compare(&sent, &whole, 0), compare(&sent, &gap, 300)), (None, None));
    let twice = of(&[
        &samples[..middle],
        &silence,
        &samples[middle..middle + RATE / 2],
        &silence,
        &samples[middle + RATE / 2..],
    ]);
    let without = RATE / 20;
    for (recorded, held_up) in [
        (&gap, 0),
        (&gap, 150),
        (&twice, 300),
        (&of(&[&silence, &samples[head + without..]]), 0),
        (&of(&[&silence, &samples[..tail - without]]), 0),
        (&of(&[&samples[..middle], &samples[middle + without..]]), 0),
    ] {
        assert!(compare(&sent, recorded, held_up).is_some());
    }
}
