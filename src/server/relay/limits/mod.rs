//! Limits of the relay: calls, rates, duration, idle time and spending. Pure; time is passed in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Maximum number of addresses remembered; those without a call are forgotten first.
const ADDRESSES_MAX: usize = 10_000;

/// Wrong tokens of an address in a minute.
const WRONG_TOKENS_PER_MINUTE: u32 = 10;

/// Bytes of audio events in a second of speech: 24 kHz, 16 bits, base64.
const SPEECH_BYTES_PER_SECOND: f64 = 64_000.0;

/// Speed of a client's audio relative to real time, after [`AUDIO_CREDIT_SECONDS`] without a limit.
const AUDIO_SPEED_MAX: f64 = 4.0;

/// Seconds of audio that a client may send at once.
const AUDIO_CREDIT_SECONDS: f64 = 10.0;

/// Messages of a client in a second.
const MESSAGES_PER_SECOND: f64 = 500.0;

/// The configured limits; absent means none.
#[derive(Clone, Debug, PartialEq)]
pub struct RelayLimits {
    /// Calls at a time.
    pub calls: Option<u32>,
    /// Calls at a time with one token.
    pub calls_per_token: Option<u32>,
    /// Calls at a time from one address.
    pub calls_per_address: Option<u32>,
    /// New calls of an address in a minute.
    pub connects_per_minute: Option<u32>,
    /// Duration of a call.
    pub duration: Option<Duration>,
    /// Time without an event from the client.
    pub idle: Option<Duration>,
    /// Cost of a call in US dollars.
    pub usd_per_call: Option<f64>,
    /// Cost of a token's calls in a day (UTC) in US dollars.
    pub usd_per_day: Option<f64>,
}

impl Default for RelayLimits {
    fn default() -> Self {
        Self {
            calls: Some(1_000),
            calls_per_token: Some(20),
            calls_per_address: Some(10),
            connects_per_minute: Some(30),
            duration: Some(Duration::from_mins(60)),
            idle: Some(Duration::from_mins(10)),
            usd_per_call: None,
            usd_per_day: None,
        }
    }
}

/// A limit that refuses a new call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdmissionLimit {
    /// The process is full.
    Calls,
    /// The token has too many calls.
    TokenCalls,
    /// The address has too many calls.
    AddressCalls,
    /// The address connects too often.
    Connects,
    /// The address sent too many wrong tokens.
    WrongTokens,
    /// The token has spent its dollars for today.
    DailySpend,
}

/// A limit that ends a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallLimit {
    /// Too long.
    Duration,
    /// No events from the client for too long.
    Idle,
    /// The call has spent its dollars.
    Spend,
    /// The token has spent its dollars for today.
    DailySpend,
}

impl CallLimit {
    /// Returns the error code for the client.
    pub fn code(self) -> &'static str {
        match self {
            Self::Duration => "session_duration_limit",
            Self::Idle => "session_idle_limit",
            Self::Spend => "session_spend_limit",
            Self::DailySpend => "daily_spend_limit",
        }
    }

    /// Returns the error message for the client.
    pub fn message(self) -> &'static str {
        match self {
            Self::Duration => "The relay ended the call: it reached the longest duration.",
            Self::Idle => "The relay ended the call: the client sent nothing for too long.",
            Self::Spend => "The relay ended the call: it reached its spending limit.",
            Self::DailySpend => "The relay ended the call: this token reached its spending limit for today.",
        }
    }
}

/// A token bucket. It may be overdrawn by one message of any size.
#[derive(Clone, Copy, Debug)]
pub struct RateBucket {
    level: f64,
    capacity: f64,
    per_second: f64,
    at: Duration,
}

impl RateBucket {
    /// Returns a full bucket.
    pub fn new(now: Duration, capacity: f64, per_second: f64) -> Self {
        Self { level: capacity, capacity, per_second, at: now }
    }

    fn per_minute(now: Duration, count: u32) -> Self {
        Self::new(now, f64::from(count), f64::from(count) / 60.0)
    }

    fn refill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.level = (self.level + passed * self.per_second).min(self.capacity);
        self.at = now;
    }

    /// Takes an amount if all of it is there.
    pub fn take(&mut self, now: Duration, amount: f64) -> bool {
        self.refill(now);
        let has = self.level >= amount;
        if has {
            self.level -= amount;
        }
        has
    }

    /// Takes an amount in any case.
    fn overdraw(&mut self, now: Duration, amount: f64) {
        self.refill(now);
        self.level -= amount;
    }

    fn is_overdrawn(&mut self, now: Duration) -> bool {
        self.refill(now);
        self.level < 0.0
    }
}

/// State of an address.
#[derive(Debug)]
struct AddressState {
    calls: u32,
    connects: RateBucket,
    wrong_tokens: RateBucket,
}

/// Calls in progress, by token and address.
#[derive(Debug)]
pub struct CallSlots {
    limits: RelayLimits,
    calls: u32,
    by_token: HashMap<usize, u32>,
    by_address: HashMap<IpAddr, AddressState>,
    /// The day of `spent`, counted from 1970.
    day: u64,
    /// Dollars of `day` by token; `None` is for relays without tokens.
    spent: HashMap<Option<usize>, f64>,
}

impl CallSlots {
    /// Returns the state without calls.
    pub fn new(limits: RelayLimits) -> Self {
        let (by_token, by_address, spent) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { limits, calls: 0, by_token, by_address, day: 0, spent }
    }

    /// Returns the configured limits.
    pub fn limits(&self) -> &RelayLimits {
        &self.limits
    }

    /// Returns the number of calls.
    pub fn calls(&self) -> u32 {
        self.calls
    }

    /// Returns whether no further call is taken.
    pub fn is_full(&self) -> bool {
        is_reached(self.limits.calls, self.calls)
    }

    /// Returns the limit that a new call would reach. Counts an attempt to connect unless it is refused for
    /// another reason.
    ///
    /// # Errors
    ///
    /// When a limit is reached.
    pub fn check(
        &mut self,
        now: Duration,
        token: Option<usize>,
        address: IpAddr,
    ) -> Result<(), AdmissionLimit> {
        if self.is_full() {
            return Err(AdmissionLimit::Calls);
        }
        let of_token = token.and_then(|token| self.by_token.get(&token)).copied().unwrap_or(0);
        if is_reached(self.limits.calls_per_token, of_token) {
            return Err(AdmissionLimit::TokenCalls);
        }
        if self.is_spent(token) {
            return Err(AdmissionLimit::DailySpend);
        }
        let per_address = self.limits.calls_per_address;
        let (limited, state) = (self.limits.connects_per_minute.is_some(), self.address(now, address));
        if is_reached(per_address, state.calls) {
            return Err(AdmissionLimit::AddressCalls);
        }
        if limited && !state.connects.take(now, 1.0) {
            return Err(AdmissionLimit::Connects);
        }
        Ok(())
    }

    /// Counts a call that was checked.
    pub fn take(&mut self, now: Duration, token: Option<usize>, address: IpAddr) {
        self.calls += 1;
        if let Some(token) = token {
            *self.by_token.entry(token).or_default() += 1;
        }
        self.address(now, address).calls += 1;
    }

    /// Ends a call that was counted.
    pub fn release(&mut self, token: Option<usize>, address: IpAddr) {
        self.calls -= 1;
        if let Some(calls) = token.and_then(|token| self.by_token.get_mut(&token)) {
            *calls -= 1;
        }
        if let Some(state) = self.by_address.get_mut(&address) {
            state.calls -= 1;
        }
    }

    /// Counts a wrong token.
    pub fn note_wrong_token(&mut self, now: Duration, address: IpAddr) {
        self.address(now, address).wrong_tokens.take(now, 1.0);
    }

    /// Returns whether tokens of this address are refused unseen.
    pub fn is_guessing(&mut self, now: Duration, address: IpAddr) -> bool {
        let state = self.address(now, address);
        state.wrong_tokens.refill(now);
        state.wrong_tokens.level < 1.0
    }

    /// Adds a cost on a day, counted from 1970.
    pub fn spend(&mut self, day: u64, token: Option<usize>, usd: f64) {
        self.start_day(day);
        *self.spent.entry(token).or_default() += usd;
    }

    /// Forgets what was spent on other days.
    pub fn start_day(&mut self, day: u64) {
        if self.day != day {
            self.day = day;
            self.spent.clear();
        }
    }

    /// Returns whether the token has reached its limit of the day.
    pub fn is_spent(&self, token: Option<usize>) -> bool {
        let spent = self.spent.get(&token).copied().unwrap_or(0.0);
        self.limits.usd_per_day.is_some_and(|limit| spent >= limit)
    }

    fn address(&mut self, now: Duration, address: IpAddr) -> &mut AddressState {
        if self.by_address.len() >= ADDRESSES_MAX {
            self.by_address.retain(|_, state| state.calls > 0);
        }
        let connects = self.limits.connects_per_minute.unwrap_or(0);
        self.by_address.entry(address).or_insert_with(|| AddressState {
            calls: 0,
            connects: RateBucket::per_minute(now, connects),
            wrong_tokens: RateBucket::per_minute(now, WRONG_TOKENS_PER_MINUTE),
        })
    }
}

fn is_reached(limit: Option<u32>, count: u32) -> bool {
    limit.is_some_and(|limit| count >= limit)
}

/// Limits of a call in progress.
#[derive(Debug)]
pub struct CallMeter {
    limits: RelayLimits,
    last_event: Duration,
    usd: f64,
    bytes: RateBucket,
    messages: RateBucket,
}

impl CallMeter {
    /// Returns the meter of a call that starts at zero.
    pub fn new(limits: RelayLimits) -> Self {
        let bytes = RateBucket::new(
            Duration::ZERO,
            SPEECH_BYTES_PER_SECOND * AUDIO_CREDIT_SECONDS,
            SPEECH_BYTES_PER_SECOND * AUDIO_SPEED_MAX,
        );
        let messages = RateBucket::new(Duration::ZERO, MESSAGES_PER_SECOND, MESSAGES_PER_SECOND);
        Self { limits, last_event: Duration::ZERO, usd: 0.0, bytes, messages }
    }

    /// Counts a message of the client.
    pub fn note_message(&mut self, now: Duration, bytes: usize) {
        self.last_event = now;
        self.bytes.overdraw(now, bytes as f64);
        self.messages.overdraw(now, 1.0);
    }

    /// Returns whether the client sends too fast and must not be read from for now.
    pub fn is_too_fast(&mut self, now: Duration) -> bool {
        self.bytes.is_overdrawn(now) || self.messages.is_overdrawn(now)
    }

    /// Adds a cost.
    pub fn spend(&mut self, usd: f64) {
        self.usd += usd;
    }

    /// Returns the cost of the call so far.
    pub fn usd(&self) -> f64 {
        self.usd
    }

    /// Returns the limit that the call has reached.
    pub fn reached(&self, now: Duration) -> Option<CallLimit> {
        let RelayLimits { duration, idle, usd_per_call, .. } = &self.limits;
        if duration.is_some_and(|limit| now >= limit) {
            Some(CallLimit::Duration)
        } else if idle.is_some_and(|limit| now.saturating_sub(self.last_event) >= limit) {
            Some(CallLimit::Idle)
        } else if usd_per_call.is_some_and(|limit| self.usd >= limit) {
            Some(CallLimit::Spend)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
