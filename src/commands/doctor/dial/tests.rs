//! Tests of dial findings from recorded steps.

use std::io;

use super::*;
use crate::error::Kind;
use crate::net::dial::certificate::Root;
use crate::net::dial::error::ProxyError;
use crate::net::dial::http_response::HttpRefusal;
use crate::net::dial::tls::TlsFault;
use crate::net::endpoint::url::EndpointUrl;
use crate::net::endpoint::{Auth, Purpose};
use crate::net::proxy::ProxySettings;

const AT: Duration = Duration::from_millis(7);

fn endpoint(url: &str) -> Endpoint {
    Endpoint::new(EndpointUrl::parse(url).unwrap(), Purpose::Conversation { model: None }, Auth::None)
}

fn certificate(days: i64) -> Certificate {
    Certificate {
        host: "voice.test".to_owned(),
        names: vec!["voice.test".to_owned()],
        issuer: "Middle".to_owned(),
        root: Some(Root { name: "Top".to_owned(), trusted_by: TrustSource::System }),
        top: "Top".to_owned(),
        not_after: 1_000_000 + days * SECONDS_A_DAY,
        shown_at: 1_000_000,
    }
}

fn log(steps: Vec<DialStep>) -> DialLog {
    let mut log = DialLog::default();
    steps.into_iter().for_each(|step| log.record(step, AT));
    log
}

fn looked_up(host: &str) -> DialStep {
    DialStep::LookedUp { host: host.to_owned(), addresses: vec!["192.0.2.1:443".parse().unwrap()] }
}

fn all_of_it(days: i64) -> Vec<DialStep> {
    vec![
        DialStep::Started(None),
        looked_up("voice.test"),
        DialStep::Connected("192.0.2.1:443".parse().unwrap()),
        DialStep::CertificateReceived(Box::new(certificate(days))),
        DialStep::TlsEstablished("TLS 1.3"),
    ]
}

fn outcome(log: &DialLog, url: &str, error: Option<DialError>) -> Vec<(Level, String)> {
    let error = error.map(|error| Error::new(Kind::Network, error));
    let findings = log.findings(&endpoint(url), error.as_ref(), AT);
    findings.into_iter().map(|finding| (finding.level, finding.said)).collect()
}

#[test]
fn a_successful_dial_has_five_findings() {
    let findings = outcome(&log(all_of_it(90)), "wss://voice.test", None);
    let said: Vec<&str> = findings.iter().map(|(_, said)| said.as_str()).collect();
    assert_eq!(
        said,
        [
            "voice.test is 192.0.2.1",
            "connected to 192.0.2.1:443 in 7 ms",
            "none",
            "TLS 1.3, certificate for voice.test, signed by Middle, root Top (trusted by the system), valid for 90 more days",
            "101 Switching Protocols after 7 ms",
        ]
    );
    assert!(findings.iter().all(|(level, _)| *level == Level::Ok));
}

#[test]
fn a_certificate_that_expires_soon_is_a_warning() {
    let findings = outcome(&log(all_of_it(3)), "wss://voice.test", None);
    assert_eq!(findings[3].0, Level::Warning);
}

#[test]
fn an_unencrypted_remote_connection_is_a_warning() {
    let steps = || vec![DialStep::Started(None), DialStep::Connected("192.0.2.1:80".parse().unwrap())];
    let remote = outcome(&log(steps()), "ws://192.0.2.1", None);
    assert_eq!((remote[0].0, remote[3].0), (Level::NotChecked, Level::Warning));
    let here = outcome(&log(steps()), "ws://127.0.0.1", None);
    assert_eq!(here[3].0, Level::NotChecked);
}

#[test]
fn a_failure_is_reported_at_its_step_and_later_steps_are_skipped() {
    let address = || "voice.test:443".to_owned();
    let late = |step| DialError::Timeout { address: address(), step, limit: AT };
    let refused = |source| DialError::Refused { address: address(), source };
    let io = || io::Error::from(io::ErrorKind::ConnectionRefused);
    let proxy = |fault| DialError::Proxy(ProxyError { address: address(), variable: "https_proxy", fault });
    let refusal =
        HttpRefusal { status: 401, body: Vec::new(), retry_after: None, location: None, code: None };
    let tls = || DialError::Tls { host: "voice.test".to_owned(), fault: TlsFault::WrongName };
    for (error, at) in [
        (DialError::UnknownHost { host: "voice.test".to_owned(), source: io() }, 0),
        (late(DialPhase::Lookup), 0),
        (refused(io()), 1),
        (late(DialPhase::Connect), 1),
        (proxy(ProxyFault::NotReached(Box::new(refused(io())))), 1),
        (proxy(ProxyFault::NotReached(Box::new(tls()))), 2),
        (proxy(ProxyFault::LoginRequired), 2),
        (tls(), 3),
        (late(DialPhase::Tls), 3),
        (late(DialPhase::Upgrade), 4),
        (DialError::HttpRefused { host: "voice.test".to_owned(), refusal: Box::new(refusal) }, 4),
    ] {
        let said = error.to_string();
        let levels: Vec<Level> = outcome(&log(all_of_it(90)), "wss://voice.test", Some(error))
            .into_iter()
            .map(|(level, _)| level)
            .collect();
        assert_eq!(levels[at], Level::Failure(Kind::Network), "{said}: {levels:?}");
        assert!(levels[at + 1..].iter().all(|level| *level == Level::NotChecked), "{said}: {levels:?}");
    }
}

#[test]
fn an_untrusted_certificate_is_described() {
    let stranger = Certificate { root: None, ..certificate(90) };
    let steps = vec![DialStep::Started(None), DialStep::CertificateReceived(Box::new(stranger))];
    let error = DialError::Tls { host: "voice.test".to_owned(), fault: TlsFault::UnknownAuthority };
    let findings = outcome(&log(steps), "wss://voice.test", Some(error));
    assert!(
        findings[3]
            .1
            .contains("(certificate for voice.test, signed by Middle, up to Top, valid for 90 more days)"),
        "{findings:?}"
    );
}

#[test]
fn proxy_tls_is_separate_and_a_second_attempt_is_reported() {
    let settings =
        ProxySettings::read(|name| (name == "https_proxy").then(|| "https://proxy.test:8443".to_owned()));
    let proxy = settings.choose(&EndpointUrl::parse("wss://voice.test").unwrap()).unwrap();
    let mut steps = all_of_it(90);
    steps[0] = DialStep::Started(proxy);
    steps.push(DialStep::ProxyConnected);
    let by_proxy = log(steps);
    assert!(by_proxy.certificate.is_none(), "it was the proxy's");
    let said = outcome(&by_proxy, "wss://voice.test", None);
    assert_eq!(said[2].1, "proxy https://proxy.test:8443 from https_proxy connected in 7 ms");
    assert!(said[1].1.contains(", the proxy"));
    let twice = log(all_of_it(90).into_iter().chain(all_of_it(90)).collect());
    let said = outcome(&twice, "wss://voice.test", None);
    assert!(said[4].0 == Level::Note && said[4].1.contains("second attempt"), "{said:?}");
}
