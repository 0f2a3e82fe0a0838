//! Tests of a device in virtual time; the test plays its thread and its callback.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::*;
use crate::audio::api::Direction;
use crate::audio::device::handle::{Notifier, OrderReceiver};
use crate::audio::realtime::slot::CallbackFlags;
use crate::dsp::frame::SampleRate;

type ResultSender = SyncSender<Result<DeviceHandle<u8>, AudioError>>;

thread_local! {
    /// Attempts started so far.
    static ATTEMPTS: RefCell<Vec<(OpenRequest, ResultSender)>> = const { RefCell::new(Vec::new()) };
}

fn begin(request: OpenRequest) -> Result<OpenAttempt<u8>, AudioError> {
    let (attempt, sender) = OpenAttempt::scripted(request.clone());
    ATTEMPTS.with_borrow_mut(|attempts| attempts.push((request, sender)));
    Ok(attempt)
}

fn take_attempts() -> Vec<(OpenRequest, ResultSender)> {
    ATTEMPTS.take()
}

fn named(name: &str) -> OpenRequest {
    OpenRequest { wanted: DeviceRequest::Named(name.to_owned()), host: None }
}

/// An open device: its handle, its order receiver and its flags.
fn device(id: &str) -> (DeviceHandle<u8>, OrderReceiver, Arc<CallbackFlags>) {
    let flags = Arc::new(CallbackFlags::default());
    let (producer, _) = rtrb::RingBuffer::new(1);
    let info = DeviceInfo {
        id: id.to_owned(),
        name: format!("name of {id}"),
        host: "host".to_owned(),
        rate: SampleRate(48_000),
        channels: 1,
        format: "f32".to_owned(),
    };
    let (open, orders) =
        DeviceHandle::new(info, producer, Arc::clone(&flags), (WakeMode::Poll, Notifier::none()));
    (open, orders, flags)
}

struct ManagedBench {
    device: ManagedDevice<u8>,
    now: Duration,
    flags: Arc<CallbackFlags>,
    /// Whether the device still calls back.
    runs: bool,
    events: Vec<DeviceEvent>,
    _orders: Vec<OrderReceiver>,
}

impl ManagedBench {
    fn new(request: OpenRequest) -> Self {
        let (open, orders, flags) = device("first");
        let device = ManagedDevice::with(request, open, Duration::ZERO, Box::new(begin));
        drop(take_attempts());
        Self { device, now: Duration::ZERO, flags, runs: true, events: Vec::new(), _orders: vec![orders] }
    }

    /// Lets time pass, with a block every 10 ms.
    fn pass(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            self.now += Duration::from_millis(10);
            if self.runs {
                self.flags.count(480, true);
            }
            self.events.extend(self.device.poll(self.now, BlockFlow::Running));
        }
    }

    /// Completes an attempt with a working device.
    fn open(&mut self, sender: &ResultSender, id: &str) {
        let (open, orders, flags) = device(id);
        sender.send(Ok(open)).unwrap_or_else(|_| panic!("the device waits for it"));
        self._orders.push(orders);
        (self.flags, self.runs) = (flags, true);
    }

    fn take_events(&mut self) -> Vec<String> {
        let events = self.events.drain(..).map(|events| match events {
            DeviceEvent::Lost(reason) => format!("lost: {reason}"),
            DeviceEvent::Opened { info, reason } => format!("opened {}: {reason:?}", info.id),
            DeviceEvent::Refused(reason) => format!("refused: {reason}"),
            DeviceEvent::Silent => "silent".to_owned(),
            DeviceEvent::Sounds => "sounds".to_owned(),
        });
        events.collect()
    }
}

#[test]
fn a_lost_device_is_retried_until_it_is_back() {
    let mut bench = ManagedBench::new(named("first"));
    bench.pass(2_000);
    bench.runs = false;
    bench.pass(1_100);
    assert_eq!(bench.take_events(), ["lost: it has not answered for a second"]);
    let attempts = take_attempts();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].0.host.as_deref(), Some("host"), "no other sound system is used");
    attempts[0].1.send(Err(AudioError::NoDevice(Direction::Input))).unwrap();
    bench.pass(1_000);
    assert_eq!(bench.take_events(), [""; 0], "an error is not reported again");
    let attempts = take_attempts();
    bench.open(&attempts[0].1, "first");
    bench.pass(100);
    assert_eq!(bench.take_events(), ["opened first: Recovered"]);
    bench.pass(5_000);
    assert_eq!((bench.take_events().len(), take_attempts().len()), (0, 0));
}

#[test]
fn hanging_attempts_are_limited_and_the_first_to_return_is_used() {
    let mut bench = ManagedBench::new(named("first"));
    bench.pass(2_000);
    bench.runs = false;
    bench.pass(300_000);
    let attempts = take_attempts();
    assert_eq!(attempts.len(), MAX_ATTEMPTS);
    bench.open(&attempts[0].1, "first");
    bench.pass(100);
    assert_eq!(bench.take_events().last().map(String::as_str), Some("opened first: Recovered"));
    let (late, ..) = device("late");
    assert!(attempts[2].1.send(Ok(late)).is_err(), "what comes later is closed by who opened it");
}

#[test]
fn a_new_default_device_is_followed_without_a_gap() {
    let mut bench = ManagedBench::new(OpenRequest { wanted: DeviceRequest::Default, host: None });
    bench.pass(1_000);
    let seen = |bench: &ManagedBench, sight| (bench.device.request().clone(), sight);
    let same = seen(&bench, Lookup::Is("first".to_owned()));
    assert_eq!(bench.device.handle_lookup(bench.now, &same), None);
    assert_eq!(take_attempts().len(), 0);
    let other = seen(&bench, Lookup::Is("second".to_owned()));
    assert_eq!(bench.device.handle_lookup(bench.now, &other), None);
    assert_eq!(bench.device.info().map(|info| info.id.as_str()), Some("first"), "it stays in use meanwhile");
    let attempts = take_attempts();
    bench.open(&attempts[0].1, "second");
    bench.pass(100);
    assert_eq!(bench.take_events(), ["opened second: Following"]);
}

#[test]
fn a_named_device_is_not_replaced() {
    let mut bench = ManagedBench::new(named("first"));
    bench.pass(1_000);
    let seen = (bench.device.request().clone(), Lookup::Missing);
    assert_eq!(
        bench.device.handle_lookup(bench.now, &seen),
        Some(DeviceEvent::Lost("it was disconnected".to_owned()))
    );
    assert_eq!(bench.device.info(), None);
    bench.pass(100);
    let attempts = take_attempts();
    assert_eq!(attempts[0].0.wanted, DeviceRequest::Named("first".to_owned()));
}

#[test]
fn a_selected_device_takes_over_once_open_and_a_missing_one_changes_nothing() {
    let mut bench = ManagedBench::new(OpenRequest { wanted: DeviceRequest::Default, host: None });
    bench.pass(1_000);
    bench.device.select(bench.now, DeviceRequest::Named("second".to_owned()));
    bench.pass(1_000);
    let attempts = take_attempts();
    assert_eq!(bench.take_events(), [""; 0]);
    bench.open(&attempts[0].1, "second");
    bench.pass(1_000);
    assert_eq!(bench.take_events(), ["opened second: Chosen"]);
    bench.device.select(bench.now, DeviceRequest::Named("nowhere".to_owned()));
    let attempts = take_attempts();
    attempts[0].1.send(Err(AudioError::NoDevice(Direction::Input))).unwrap();
    bench.pass(1_000);
    assert_eq!(bench.take_events(), ["refused: no microphone found"]);
    assert_eq!(bench.device.request().wanted, DeviceRequest::Named("second".to_owned()));
    assert!(bench.device.info().is_some());
}

#[test]
fn a_closed_device_stays_closed_and_reopens_immediately() {
    let mut bench = ManagedBench::new(named("first"));
    bench.pass(1_000);
    bench.device.close();
    assert!(bench.flags.is_closed(), "its callback is disabled at once");
    bench.runs = false;
    bench.pass(60_000);
    assert_eq!((bench.take_events().len(), take_attempts().len()), (0, 0));
    bench.device.reopen(bench.now);
    bench.pass(10);
    let attempts = take_attempts();
    bench.open(&attempts[0].1, "first");
    bench.pass(10);
    assert_eq!(bench.take_events(), ["opened first: Reopening"]);
}

#[test]
fn an_all_zero_microphone_is_reported_within_800_ms_and_once_per_opening() {
    let mut bench = ManagedBench::new(named("first"));
    bench.runs = false;
    let mut zeros = |count: usize| {
        for _ in 0..count {
            bench.flags.count(480, false);
            bench.pass(10);
        }
        bench.take_events()
    };
    assert_eq!(zeros(60), [""; 0]);
    // The audio thread polls every 100 ms.
    assert_eq!(zeros(10), ["silent"]);
    assert_eq!(zeros(230), [""; 0]);
    for n in 0..600 {
        bench.flags.count(480, n == 0 || n == 300);
        bench.pass(10);
    }
    assert_eq!(bench.take_events(), ["sounds"], "a second silence is not reported");
    let mut bench = ManagedBench::new(named("first"));
    bench.runs = false;
    for n in 0..300 {
        bench.flags.count(480, n % 60 == 0);
        bench.pass(10);
    }
    assert_eq!(bench.take_events(), [""; 0], "a pause is no dead silence");
}
