//! Endpoint benchmark: time to open a session and to answer.

use std::time::Duration;

use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::call::clock::Clock;
use crate::call::connect::connect_observed;
use crate::call::connections::Connections;
use crate::call::connections::observed::{Observation, ObservedCall};
use crate::call::connections::wire::Wire;
use crate::call::setup::target::Target;
use crate::commands::bench::asking::{Questions, ask};
use crate::commands::bench::findings::{Findings, MeasurementResult, Metric};
use crate::commands::exit_code;
use crate::error::{Error, Kind};
use crate::net::dial::observer::DialStep;
use crate::protocol::events::server::ServerBody;
use crate::session::io::delay::Delay;
use crate::session::io::{Input, Output};
use crate::session::plan::Plan;

/// Number of dials; a session without input is free.
const DIALS: usize = 3;
/// Timeout of an opening event.
const LONGEST_EVENT: Duration = Duration::from_secs(10);

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
    let begin = clock.now();
    let (connected, marks) = connect_observed(target, clock).await;
    let link = connected?.link;
    let mut last = clock.now();
    let mut steps = steps_of(begin, &marks, last);
    let wire = Wire { connections: Connections::new(target.clone(), link), trace: None, tap: None, clock };
    let mut call = ObservedCall::start(plan.clone(), wire)?;
    for what in [Metric::Created, Metric::Updated] {
        wait_for(&mut call, what, last + LONGEST_EVENT).await?;
        let now = clock.now();
        steps.push((what, now.saturating_sub(last)));
        last = now;
    }
    call.close().await?;
    Ok(steps)
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

/// Waits for the event of this metric.
async fn wait_for(call: &mut ObservedCall, what: Metric, until: Duration) -> Result<(), Error> {
    loop {
        match call.next(until).await? {
            None => return Err(Error::say(Kind::Server, "the endpoint did not open a session within 10 s")),
            Some(Observation::Output(Output::End(reason))) => {
                exit_code(reason)?;
                return Err(Error::say(Kind::Network, "the endpoint closed the connection"));
            }
            Some(Observation::Input(Input::Server(event))) => {
                let (created, updated) = (
                    matches!(event.body, ServerBody::SessionCreated(_)),
                    matches!(event.body, ServerBody::SessionUpdated(_)),
                );
                if (created && what == Metric::Created) || (updated && what == Metric::Updated) {
                    return Ok(());
                }
            }
            Some(Observation::Input(_) | Observation::Output(_)) => {}
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
