//! Endpoint benchmark: time to open a session and to answer.

use std::time::Duration;

use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::call::clock::Clock;
use crate::call::connect::connect;
use crate::call::setup::target::Target;
use crate::commands::bench::asking::{Questions, ask};
use crate::commands::bench::findings::{Findings, MeasurementResult, Metric};
use crate::error::{Error, Kind};
use crate::net::dial::observer::{DialObserver, DialStep};
use crate::net::dial::stream::NetStream;
use crate::net::ws::connection::{WebSocketClient, WebSocketEvent};
use crate::protocol::decode;
use crate::protocol::encode;
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::server::ServerBody;
use crate::session::io::Handshake;
use crate::session::io::delay::Delay;
use crate::session::plan::Plan;

/// Number of dials; a session without input is free.
const DIALS: usize = 3;
/// Timeout of an opening event.
const LONGEST_EVENT: Duration = Duration::from_secs(10);
/// Timeout of the close handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The close code of a normal end (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;

/// Reason for unmeasured answers.
const NOT_ASKED: &str = "questions are billed by paid endpoints; --turns 5 asks five";

/// A step of an answer, and its accessor.
type StepOfAnswer = (Metric, fn(&Delay) -> Option<Duration>);

/// Measures `target` with `turns` questions.
///
/// # Errors
///
/// If it cannot be reached, or does not follow the Realtime protocol.
pub(super) async fn measure(
    target: Target,
    plan: Plan,
    (turns, clock): (u32, Clock),
    findings: &mut Findings,
) -> Result<(), Error> {
    let mut steps: Vec<(Metric, Duration)> = Vec::new();
    for _ in 0..DIALS {
        steps.extend(open(&target, &plan, clock).await?);
    }
    for what in Metric::all() {
        let times: Vec<_> = steps.iter().filter(|(step, _)| *step == what).map(|(_, time)| *time).collect();
        if !times.is_empty() {
            findings.note(what, MeasurementResult::Times(times));
        }
    }
    let delays = match turns {
        0 => Err(NOT_ASKED),
        count => {
            // Answers are not played; speaker latency is measured separately.
            let rates = AudioOptions {
                wire_in: plan.input_rate(),
                wire_out: plan.output_rate(),
                ..AudioOptions::default()
            };
            let sound = AudioOptions { input: AudioSource::Null, output: AudioSink::Null, ..rates };
            Ok(ask(target, plan, (Questions { count, sound }, clock)).await?)
        }
    };
    let times: [StepOfAnswer; 3] = [
        (Metric::Response, |delay| delay.created),
        (Metric::FirstByte, |delay| Some(delay.first_byte)),
        (Metric::FirstAudio, |delay| delay.first_audio),
    ];
    for (what, time) in times {
        let since_asked = |delay: &Delay| Some(time(delay)?.saturating_sub(delay.asked?));
        findings.note(
            what,
            match &delays {
                Ok(delays) => MeasurementResult::of(
                    delays.iter().filter_map(since_asked).collect(),
                    "not sent by the endpoint",
                ),
                Err(why) => MeasurementResult::Not((*why).to_owned()),
            },
        );
    }
    Ok(())
}

/// Opens and closes a session; returns the duration of each step.
async fn open(target: &Target, plan: &Plan, clock: Clock) -> Result<Vec<(Metric, Duration)>, Error> {
    let (mut link, mut steps) = dial(target.clone(), clock).await?;
    let begin = clock.now();
    let created = wait_for(&mut link, clock, |body| {
        let ServerBody::SessionCreated(info) = body else { return None };
        Some(info.shape)
    });
    let shape = created.await?;
    let now = clock.now();
    steps.push((Metric::Created, now.saturating_sub(begin)));
    let dialect = plan.dialect.or(shape).unwrap_or_default();
    let update = ClientBody::SessionUpdate(Box::new(plan.settings.clone())).with_id("bench_1");
    link.queue(encode::client_event(&update, dialect));
    wait_for(&mut link, clock, |body| matches!(body, ServerBody::SessionUpdated(_)).then_some(())).await?;
    steps.push((Metric::Updated, clock.now().saturating_sub(now)));
    leave(&mut link, clock).await;
    Ok(steps)
}

/// Dials, and returns the duration of each step.
async fn dial(
    target: Target,
    clock: Clock,
) -> Result<(WebSocketClient<NetStream>, Vec<(Metric, Duration)>), Error> {
    let mut target = target;
    let (observer, mut steps) = DialObserver::new();
    target.dial_options.observer = observer;
    let begin = clock.now();
    let mut marks = Vec::new();
    let mut dialling = std::pin::pin!(connect(&target, Handshake::Default));
    let reached = loop {
        tokio::select! {
            biased;
            Some(passed) = steps.recv() => marks.push((passed, clock.now())),
            reached = &mut dialling => break reached?,
        }
    };
    let end = clock.now();
    // Steps completed at the same time as the last one.
    while let Ok(passed) = steps.try_recv() {
        marks.push((passed, end));
    }
    Ok((reached.link, steps_of(begin, &marks, end)))
}

/// Returns the duration of each step. Proxy negotiation, including its TLS, counts as connecting.
fn steps_of(begin: Duration, marks: &[(DialStep, Duration)], end: Duration) -> Vec<(Metric, Duration)> {
    let mut last = begin;
    let mut steps: Vec<(Metric, Duration)> = Vec::new();
    for (passed, at) in marks {
        let took = at.saturating_sub(last);
        match passed {
            // A second attempt starts over.
            DialStep::Started(_) => steps.clear(),
            DialStep::LookedUp { .. } => steps.push((Metric::Lookup, took)),
            DialStep::Connected(_) => steps.push((Metric::Connect, took)),
            DialStep::ProxyConnected => {
                let proxy = steps.extract_if(.., |(what, _)| *what != Metric::Lookup);
                let before: Duration = proxy.map(|(_, took)| took).sum();
                steps.push((Metric::Connect, before + took));
            }
            DialStep::TlsEstablished(_) => steps.push((Metric::Tls, took)),
            DialStep::CertificateReceived(_) => continue,
        }
        last = *at;
    }
    steps.push((Metric::Upgrade, end.saturating_sub(last)));
    steps
}

/// Waits for the first event accepted by `wanted`.
async fn wait_for<T>(
    link: &mut WebSocketClient<NetStream>,
    clock: Clock,
    wanted: impl Fn(&ServerBody) -> Option<T>,
) -> Result<T, Error> {
    let until = clock.now() + LONGEST_EVENT;
    loop {
        let event = tokio::select! {
            event = link.next() => event,
            () = clock.wait_until(Some(until)) => {
                return Err(Error::say(Kind::Server, "the endpoint did not open a session within 10 s"));
            }
        };
        match event {
            WebSocketEvent::Drained | WebSocketEvent::Malformed(_) => {}
            WebSocketEvent::Closed(cause) => {
                let error = format!("the endpoint closed the connection: {cause:?}");
                return Err(Error::say(Kind::Network, error));
            }
            WebSocketEvent::Text(text) => {
                let Ok(event) = decode::server_event(&text) else { continue };
                if let Some(found) = wanted(&event.body) {
                    return Ok(found);
                }
                if let ServerBody::Error(error) = &event.body {
                    let said = error.message.clone().or_else(|| error.code.clone()).unwrap_or_default();
                    return Err(Error::say(
                        Kind::Server,
                        format!("the endpoint refused the session: {said}"),
                    ));
                }
            }
        }
    }
}

async fn leave(link: &mut WebSocketClient<NetStream>, clock: Clock) {
    link.close(NORMAL, "");
    let until = clock.now() + CLOSE_TIMEOUT;
    loop {
        tokio::select! {
            event = link.next() => if matches!(event, WebSocketEvent::Closed(_)) { return },
            () = clock.wait_until(Some(until)) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn looked_up() -> DialStep {
        DialStep::LookedUp { host: "a.example".to_owned(), addresses: Vec::new() }
    }

    fn connected() -> DialStep {
        DialStep::Connected(([127, 0, 0, 1], 443).into())
    }

    #[test]
    fn steps_follow_one_another() {
        let marks = [
            (DialStep::Started(None), ms(100)),
            (looked_up(), ms(103)),
            (connected(), ms(110)),
            (DialStep::TlsEstablished("TLSv1.3"), ms(130)),
        ];
        let expected = [
            (Metric::Lookup, ms(3)),
            (Metric::Connect, ms(7)),
            (Metric::Tls, ms(20)),
            (Metric::Upgrade, ms(70)),
        ];
        assert_eq!(steps_of(ms(100), &marks, ms(200)), expected);
        assert_eq!(steps_of(ms(100), &[], ms(101)), [(Metric::Upgrade, ms(1))], "inside this process");
    }

    #[test]
    fn a_proxy_is_part_of_connecting_and_a_refused_way_is_forgotten() {
        let marks = [
            (DialStep::Started(None), ms(0)),
            (connected(), ms(400)),
            (DialStep::Started(None), ms(500)),
            (looked_up(), ms(501)),
            (connected(), ms(505)),
            (DialStep::TlsEstablished("TLSv1.3"), ms(515)),
            (DialStep::ProxyConnected, ms(535)),
            (DialStep::TlsEstablished("TLSv1.3"), ms(565)),
        ];
        let expected = [
            (Metric::Lookup, ms(1)),
            (Metric::Connect, ms(34)),
            (Metric::Tls, ms(30)),
            (Metric::Upgrade, ms(35)),
        ];
        assert_eq!(steps_of(ms(0), &marks, ms(600)), expected);
    }
}
