//! Tests of the limits in virtual time.

use super::*;

const ANY: RelayLimits = RelayLimits {
    calls: None,
    calls_per_token: None,
    calls_per_address: None,
    connects_per_minute: None,
    duration: None,
    idle: None,
    usd_per_call: None,
    usd_per_day: None,
};

fn ip(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn seconds(count: f64) -> Duration {
    Duration::from_secs_f64(count)
}

fn admit(slots: &mut CallSlots, now: f64, token: usize, address: IpAddr) -> Result<(), AdmissionLimit> {
    slots.check(seconds(now), Some(token), address)?;
    slots.take(seconds(now), Some(token), address);
    Ok(())
}

#[test]
fn calls_are_limited_in_all_by_token_and_by_address() {
    let limits = RelayLimits { calls: Some(4), calls_per_token: Some(2), calls_per_address: Some(3), ..ANY };
    let mut slots = CallSlots::new(limits);
    assert_eq!(admit(&mut slots, 0.0, 1, ip(1)), Ok(()));
    assert_eq!(admit(&mut slots, 0.0, 1, ip(1)), Ok(()));
    assert_eq!(admit(&mut slots, 0.0, 1, ip(2)), Err(AdmissionLimit::TokenCalls));
    assert_eq!(admit(&mut slots, 0.0, 2, ip(1)), Ok(()));
    assert_eq!(admit(&mut slots, 0.0, 2, ip(1)), Err(AdmissionLimit::AddressCalls));
    assert_eq!(admit(&mut slots, 0.0, 2, ip(2)), Ok(()));
    assert!(slots.is_full());
    assert_eq!(admit(&mut slots, 0.0, 3, ip(3)), Err(AdmissionLimit::Calls));
    slots.release(Some(1), ip(1));
    assert_eq!((slots.calls(), admit(&mut slots, 0.0, 1, ip(3))), (3, Ok(())));
}

#[test]
fn an_address_may_connect_thirty_times_a_minute() {
    let mut slots = CallSlots::new(RelayLimits { connects_per_minute: Some(30), ..ANY });
    let attempts = |slots: &mut CallSlots, at| (0..40).filter(|_| admit(slots, at, 1, ip(1)).is_ok()).count();
    assert_eq!(attempts(&mut slots, 0.0), 30);
    assert_eq!(slots.check(seconds(1.0), None, ip(1)), Err(AdmissionLimit::Connects));
    assert_eq!(slots.check(seconds(1.0), None, ip(2)), Ok(()));
    assert_eq!(attempts(&mut slots, 20.0), 10);
    assert_eq!(attempts(&mut slots, 600.0), 30);
}

#[test]
fn ten_wrong_tokens_in_a_minute_lock_an_address_for_a_while() {
    let mut slots = CallSlots::new(ANY);
    for _ in 0..10 {
        assert!(!slots.is_guessing(seconds(0.0), ip(1)));
        slots.note_wrong_token(seconds(0.0), ip(1));
    }
    assert!(slots.is_guessing(seconds(5.9), ip(1)) && !slots.is_guessing(seconds(5.9), ip(2)));
    assert!(!slots.is_guessing(seconds(6.1), ip(1)), "one more try every six seconds");
}

#[test]
fn the_memory_for_addresses_is_bounded_and_keeps_those_with_calls() {
    let mut slots = CallSlots::new(RelayLimits { calls_per_address: Some(1), ..ANY });
    assert_eq!(admit(&mut slots, 0.0, 1, ip(1)), Ok(()));
    for number in 0..30_000_u32 {
        slots.note_wrong_token(seconds(0.0), IpAddr::from(number.to_be_bytes()));
    }
    assert!(slots.by_address.len() <= ADDRESSES_MAX);
    assert_eq!(admit(&mut slots, 0.0, 1, ip(1)), Err(AdmissionLimit::AddressCalls));
}

#[test]
fn the_dollars_of_a_token_return_on_the_next_day() {
    let mut slots = CallSlots::new(RelayLimits { usd_per_day: Some(1.0), ..ANY });
    slots.spend(20_000, Some(1), 0.6);
    assert_eq!(slots.check(seconds(0.0), Some(1), ip(1)), Ok(()));
    slots.spend(20_000, Some(1), 0.6);
    assert_eq!(slots.check(seconds(0.0), Some(1), ip(1)), Err(AdmissionLimit::DailySpend));
    assert_eq!(slots.check(seconds(0.0), Some(2), ip(1)), Ok(()));
    slots.start_day(20_001);
    assert_eq!(slots.check(seconds(0.0), Some(1), ip(1)), Ok(()));
}

#[test]
fn a_call_ends_by_duration_idle_time_or_spending() {
    let limits = RelayLimits {
        duration: Some(Duration::from_mins(60)),
        idle: Some(Duration::from_mins(10)),
        usd_per_call: Some(0.5),
        ..ANY
    };
    let mut meter = CallMeter::new(limits);
    let minutes = |count: u64| Duration::from_mins(count);
    assert_eq!(meter.reached(minutes(9)), None);
    assert_eq!(meter.reached(minutes(10)), Some(CallLimit::Idle));
    meter.note_message(minutes(9), 100);
    assert_eq!(meter.reached(minutes(18)), None);
    meter.spend(0.4);
    assert_eq!(meter.reached(minutes(18)), None);
    meter.spend(0.1);
    assert_eq!(meter.reached(minutes(18)), Some(CallLimit::Spend));
    assert_eq!(meter.reached(minutes(60)), Some(CallLimit::Duration));
}

#[test]
fn audio_faster_than_four_times_real_time_pauses_after_ten_seconds_of_credit() {
    let mut meter = CallMeter::new(ANY);
    let second = 64_000;
    for _ in 0..10 {
        meter.note_message(seconds(0.0), second);
    }
    assert!(!meter.is_too_fast(seconds(0.0)), "ten seconds at once");
    meter.note_message(seconds(0.0), second);
    assert!(meter.is_too_fast(seconds(0.0)) && meter.is_too_fast(seconds(0.2)));
    assert!(!meter.is_too_fast(seconds(0.3)), "a second of speech is paid back in a quarter");
    let mut steady = CallMeter::new(ANY);
    for step in 0..400 {
        let now = seconds(f64::from(step) / 4.0);
        steady.note_message(now, second);
        assert!(!steady.is_too_fast(now), "four times real time is allowed");
    }
}

#[test]
fn more_than_five_hundred_messages_a_second_pause() {
    let mut meter = CallMeter::new(ANY);
    for _ in 0..501 {
        meter.note_message(seconds(0.0), 2);
    }
    assert!(meter.is_too_fast(seconds(0.0)) && !meter.is_too_fast(seconds(0.01)));
}
