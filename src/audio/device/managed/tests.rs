//! Lives of a device, in virtual time: the test is the thread that opens it, and its callback.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::*;
use crate::audio::device::open::{CallbackFlags, Notifier, OrderReceiver};
use crate::audio::error::Direction;
use crate::dsp::frame::SampleRate;

type EventLog = SyncSender<Result<DeviceHandle<u8>, AudioError>>;

thread_local! {
    /// What the jack wants opened.
    static BEGUN: RefCell<Vec<(OpenRequest, EventLog)>> = const { RefCell::new(Vec::new()) };
}

fn begin(request: OpenRequest) -> Result<OpenAttempt<u8>, AudioError> {
    let (attempt, told) = OpenAttempt::decided_by(request.clone());
    BEGUN.with_borrow_mut(|begun| begun.push((request, told)));
    Ok(attempt)
}

fn begun() -> Vec<(OpenRequest, EventLog)> {
    BEGUN.take()
}

fn named(name: &str) -> OpenRequest {
    OpenRequest { wanted: DeviceRequest::Named(name.to_owned()), host: None }
}

/// An open device: what the jack gets, what its thread keeps, and what its callback shares.
fn device(id: &str) -> (DeviceHandle<u8>, OrderReceiver, Arc<CallbackFlags>) {
    let signals = Arc::new(CallbackFlags::default());
    let (giver, _) = rtrb::RingBuffer::new(1);
    let facts = DeviceInfo {
        id: id.to_owned(),
        name: format!("name of {id}"),
        host: "host".to_owned(),
        rate: SampleRate(48_000),
        channels: 1,
        format: "f32".to_owned(),
    };
    let (open, kept) =
        DeviceHandle::new(facts, giver, Arc::clone(&signals), (WakeMode::Poll, Notifier::none()));
    (open, kept, signals)
}

struct Bench {
    jack: ManagedDevice<u8>,
    now: Duration,
    signals: Arc<CallbackFlags>,
    /// Whether the device still calls back.
    runs: bool,
    news: Vec<DeviceEvent>,
    _kept: Vec<OrderReceiver>,
}

impl Bench {
    fn new(request: OpenRequest) -> Self {
        let (open, kept, signals) = device("first");
        let jack = ManagedDevice::with(request, open, Duration::ZERO, Box::new(begin));
        drop(begun());
        Self { jack, now: Duration::ZERO, signals, runs: true, news: Vec::new(), _kept: vec![kept] }
    }

    /// Lets time pass, with a block of 10 ms at each look.
    fn pass(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            self.now += Duration::from_millis(10);
            if self.runs {
                self.signals.count(480, true);
            }
            self.news.extend(self.jack.turn(self.now, BlockFlow::Asked));
        }
    }

    /// Answers an attempt with a device that works.
    fn open(&mut self, told: &EventLog, id: &str) {
        let (open, kept, signals) = device(id);
        told.send(Ok(open)).unwrap_or_else(|_| panic!("the jack waits for it"));
        self._kept.push(kept);
        (self.signals, self.runs) = (signals, true);
    }

    fn told(&mut self) -> Vec<String> {
        let told = self.news.drain(..).map(|news| match news {
            DeviceEvent::Lost(reason) => format!("lost: {reason}"),
            DeviceEvent::Opened { facts, why } => format!("opened {}: {why:?}", facts.id),
            DeviceEvent::Refused(reason) => format!("refused: {reason}"),
            DeviceEvent::Silent => "silent".to_owned(),
            DeviceEvent::Sounds => "sounds".to_owned(),
        });
        told.collect()
    }
}

#[test]
fn a_lost_device_is_tried_again_until_it_is_back() {
    let mut bench = Bench::new(named("first"));
    bench.pass(2_000);
    bench.runs = false;
    bench.pass(1_100);
    assert_eq!(bench.told(), ["lost: it has not answered for a second"]);
    let attempts = begun();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].0.host.as_deref(), Some("host"), "no other sound system is taken unasked");
    attempts[0].1.send(Err(AudioError::NoDevice(Direction::Input))).unwrap();
    bench.pass(1_000);
    assert_eq!(bench.told(), [""; 0], "what cannot be is not told again and again");
    let attempts = begun();
    bench.open(&attempts[0].1, "first");
    bench.pass(100);
    assert_eq!(bench.told(), ["opened first: Returning"]);
    bench.pass(5_000);
    assert_eq!((bench.told().len(), begun().len()), (0, 0));
}

#[test]
fn attempts_that_hang_are_few_and_the_first_that_comes_back_is_taken() {
    let mut bench = Bench::new(named("first"));
    bench.pass(2_000);
    bench.runs = false;
    bench.pass(300_000);
    let attempts = begun();
    assert_eq!(attempts.len(), MOST_ATTEMPTS);
    bench.open(&attempts[0].1, "first");
    bench.pass(100);
    assert_eq!(bench.told().last().map(String::as_str), Some("opened first: Returning"));
    let (late, ..) = device("late");
    assert!(attempts[2].1.send(Ok(late)).is_err(), "what comes later is closed by who opened it");
}

#[test]
fn another_device_that_the_system_now_has_is_followed_without_a_gap() {
    let mut bench = Bench::new(OpenRequest { wanted: DeviceRequest::Default, host: None });
    bench.pass(1_000);
    let seen = |bench: &Bench, sight| (bench.jack.request().clone(), sight);
    let same = seen(&bench, Lookup::Is("first".to_owned()));
    assert_eq!(bench.jack.see(bench.now, &same), None);
    assert_eq!(begun().len(), 0);
    let other = seen(&bench, Lookup::Is("second".to_owned()));
    assert_eq!(bench.jack.see(bench.now, &other), None);
    assert_eq!(bench.jack.facts().map(|facts| facts.id.as_str()), Some("first"), "it goes on meanwhile");
    let attempts = begun();
    bench.open(&attempts[0].1, "second");
    bench.pass(100);
    assert_eq!(bench.told(), ["opened second: Following"]);
}

#[test]
fn a_device_that_was_asked_for_by_name_is_not_replaced_by_another() {
    let mut bench = Bench::new(named("first"));
    bench.pass(1_000);
    let seen = (bench.jack.request().clone(), Lookup::Missing);
    assert_eq!(bench.jack.see(bench.now, &seen), Some(DeviceEvent::Lost("it was disconnected".to_owned())));
    assert_eq!(bench.jack.facts(), None);
    bench.pass(100);
    let attempts = begun();
    assert_eq!(attempts[0].0.wanted, DeviceRequest::Named("first".to_owned()));
}

#[test]
fn a_chosen_device_takes_over_when_it_is_open_and_a_wrong_one_changes_nothing() {
    let mut bench = Bench::new(OpenRequest { wanted: DeviceRequest::Default, host: None });
    bench.pass(1_000);
    bench.jack.choose(bench.now, DeviceRequest::Named("second".to_owned()));
    bench.pass(1_000);
    let attempts = begun();
    assert_eq!(bench.told(), [""; 0]);
    bench.open(&attempts[0].1, "second");
    bench.pass(1_000);
    assert_eq!(bench.told(), ["opened second: Chosen"]);
    bench.jack.choose(bench.now, DeviceRequest::Named("nowhere".to_owned()));
    let attempts = begun();
    attempts[0].1.send(Err(AudioError::NoDevice(Direction::Input))).unwrap();
    bench.pass(1_000);
    assert_eq!(bench.told(), ["refused: there is no microphone"]);
    assert_eq!(bench.jack.request().wanted, DeviceRequest::Named("second".to_owned()));
    assert!(bench.jack.facts().is_some());
}

#[test]
fn a_closed_device_is_closed_and_opens_as_fast_as_it_can() {
    let mut bench = Bench::new(named("first"));
    bench.pass(1_000);
    bench.jack.close();
    assert!(bench.signals.is_closed(), "its callback hears of it at once");
    bench.runs = false;
    bench.pass(60_000);
    assert_eq!((bench.told().len(), begun().len()), (0, 0));
    bench.jack.reopen(bench.now);
    bench.pass(10);
    let attempts = begun();
    bench.open(&attempts[0].1, "first");
    bench.pass(10);
    assert_eq!(bench.told(), ["opened first: Reopening"]);
}

#[test]
fn zeros_for_a_second_are_told_once_for_each_opening() {
    let mut bench = Bench::new(named("first"));
    bench.runs = false;
    for _ in 0..300 {
        bench.signals.count(480, false);
        bench.pass(10);
    }
    assert_eq!(bench.told(), ["silent"]);
    for n in 0..600 {
        bench.signals.count(480, n == 0 || n == 300);
        bench.pass(10);
    }
    assert_eq!(bench.told(), ["sounds"], "and what it is silent again is a matter of course");
    let mut bench = Bench::new(named("first"));
    bench.runs = false;
    for n in 0..300 {
        bench.signals.count(480, n % 90 == 0);
        bench.pass(10);
    }
    assert_eq!(bench.told(), [""; 0], "a pause is no dead silence");
}
