//! Dial checks: name resolution, TCP, proxy, TLS, handshake.

use std::cmp::Ordering;
use std::net::SocketAddr;
use std::time::Duration;

use crate::call::clock::Clock;
use crate::call::connect::{EndpointConnection, connect_observed};
use crate::call::setup::target::{EndpointRoute, Target};
use crate::commands::doctor::report::{Check, DoctorFinding, Level, ms};
use crate::error::Error;
use crate::net::dial::certificate::{Certificate, TrustSource};
use crate::net::dial::error::ProxyFault;
use crate::net::dial::error::{DialError, DialPhase};
use crate::net::dial::observer::DialStep;
use crate::net::dial::stream::NetStream;
use crate::net::endpoint::Endpoint;
use crate::net::endpoint::url::Scheme;
use crate::net::proxy::{Proxy, ProxyKind};
use crate::net::ws::connection::WebSocketClient;

/// Remaining days below which a certificate causes a warning.
const SOON_DAYS: i64 = 14;

const SECONDS_A_DAY: i64 = 86_400;

/// Completed dial steps.
#[derive(Debug, Default)]
struct DialLog {
    /// Number of attempts: two if the beta header was refused.
    begun: u32,
    proxy: Option<Proxy>,
    looked_up: Vec<(String, Vec<SocketAddr>)>,
    connected: Option<(SocketAddr, Duration)>,
    proxy_connected: Option<Duration>,
    certificate: Option<Certificate>,
    tls: Option<(&'static str, Duration)>,
}

/// Result of dialling.
pub(super) struct DialedConnection {
    /// Findings from name resolution to handshake.
    pub(super) findings: Vec<DoctorFinding>,
    /// The open connection, if any.
    pub(super) link: Option<WebSocketClient<NetStream>>,
}

/// Dials `target` and records each step.
pub(super) async fn run(target: &Target, clock: Clock) -> DialedConnection {
    let began = clock.now();
    let (connected_result, steps) = connect_observed(target, clock).await;
    let took = clock.now().saturating_sub(began);
    let mut log = DialLog::default();
    for (step, at) in steps {
        log.record(step, at.saturating_sub(began));
    }
    let mut findings = match &target.way {
        EndpointRoute::Demo(_) => built_in(took, connected_result.as_ref().err()),
        EndpointRoute::Network(endpoint) => log.findings(endpoint, connected_result.as_ref().err(), took),
    };
    let Ok(EndpointConnection { link, note }) = connected_result else {
        return DialedConnection { findings, link: None };
    };
    if let Some(note) = note
        && let Some(handshake) = findings.pop()
    {
        findings.push(handshake.hint(note));
    }
    DialedConnection { findings, link: Some(link) }
}

fn built_in(took: Duration, error: Option<&Error>) -> Vec<DoctorFinding> {
    let mut findings: Vec<DoctorFinding> = Check::Dns
        .to(Check::Tls)
        .map(|check| DoctorFinding::skipped(check, "the endpoint is built in"))
        .collect();
    findings.push(match error {
        Some(error) => DoctorFinding::failed(Check::Handshake, error),
        None => upgraded(took, 1),
    });
    findings
}

impl DialLog {
    /// Records a step at its time since the start.
    fn record(&mut self, step: DialStep, at: Duration) {
        match step {
            DialStep::Started(proxy) => *self = Self { begun: self.begun + 1, proxy, ..Self::default() },
            DialStep::LookedUp { host, addresses } => self.looked_up.push((host, addresses)),
            DialStep::Connected(address) => self.connected = Some((address, at)),
            DialStep::ProxyConnected => {
                // Earlier TLS facts were the proxy's.
                (self.certificate, self.tls) = (None, None);
                self.proxy_connected = Some(at);
            }
            DialStep::CertificateReceived(certificate) => self.certificate = Some(*certificate),
            DialStep::TlsEstablished(version) => self.tls = Some((version, at)),
        }
    }

    /// Returns one finding per step: passed ones, the failed one, and skipped ones.
    fn findings(&self, endpoint: &Endpoint, error: Option<&Error>, took: Duration) -> Vec<DoctorFinding> {
        let passed = [self.dns(), self.tcp(), self.proxy(), self.tls(endpoint), upgraded(took, self.begun)];
        let Some(error) = error else { return passed.into() };
        let failed = failed_at(error);
        let of_step = |finding: DoctorFinding| match finding.check.cmp(&failed) {
            Ordering::Less => finding,
            Ordering::Equal => self.failure(failed, error),
            Ordering::Greater => DoctorFinding::skipped(finding.check, &format!("{} failed", failed.name())),
        };
        passed.into_iter().map(of_step).collect()
    }

    fn failure(&self, check: Check, error: &Error) -> DoctorFinding {
        let finding = DoctorFinding::failed(check, error);
        match error.source.downcast_ref::<DialError>() {
            Some(error @ DialError::HttpRefused { refusal, .. }) => {
                with_body(finding, error.body()).detail("status", refusal.status)
            }
            Some(DialError::Tls { .. }) => self.with_certificate(finding),
            Some(error) => with_body(finding, error.body()),
            None => finding,
        }
    }

    /// Describes an untrusted certificate, which shows who issued it.
    fn with_certificate(&self, finding: DoctorFinding) -> DoctorFinding {
        let Some(certificate) = &self.certificate else { return finding };
        let said = format!(
            "{} ({}, up to {}, {})",
            finding.said,
            described(certificate),
            certificate.top,
            validity(certificate)
        );
        with_facts(DoctorFinding { said, ..finding }, certificate)
    }

    fn dns(&self) -> DoctorFinding {
        let check = Check::Dns;
        if self.looked_up.is_empty() {
            let why =
                if self.connected.is_some() { "no lookup needed for an address" } else { "not reached" };
            return DoctorFinding::skipped(check, why);
        }
        let of_host = |addresses: &[SocketAddr]| {
            addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>()
        };
        let said: Vec<String> = self
            .looked_up
            .iter()
            .map(|(host, addresses)| format!("{host} is {}", of_host(addresses).join(", ")))
            .collect();
        let addresses: Vec<String> =
            self.looked_up.iter().flat_map(|(_, addresses)| of_host(addresses)).collect();
        DoctorFinding::ok(check, said.join("; ")).detail("addresses", addresses)
    }

    fn tcp(&self) -> DoctorFinding {
        let Some((address, at)) = self.connected else {
            return DoctorFinding::skipped(Check::Tcp, "not reached");
        };
        let whose = if self.proxy.is_some() { ", the proxy" } else { "" };
        DoctorFinding::ok(Check::Tcp, format!("connected to {address}{whose} in {} ms", at.as_millis()))
            .detail("address", address.to_string())
            .detail("after_ms", ms(at))
    }

    fn proxy(&self) -> DoctorFinding {
        let check = Check::Proxy;
        let Some(proxy) = &self.proxy else {
            return DoctorFinding::ok(check, "none").detail("proxy", serde_json::Value::Null);
        };
        let finding = match self.proxy_connected {
            Some(at) => DoctorFinding::ok(check, format!("proxy {proxy} connected in {} ms", at.as_millis())),
            None => DoctorFinding::skipped(check, "not reached"),
        };
        let whose = match proxy.kind {
            ProxyKind::Socks5 => "this machine",
            ProxyKind::Socks5h | ProxyKind::Http | ProxyKind::Https => "the proxy",
        };
        finding.detail("proxy", proxy.to_string()).detail("names_looked_up_by", whose)
    }

    fn tls(&self, endpoint: &Endpoint) -> DoctorFinding {
        let check = Check::Tls;
        match endpoint.url.scheme() {
            Scheme::Ws if endpoint.url.is_loopback() => {
                return DoctorFinding::skipped(check, "not used by ws:// on this machine");
            }
            Scheme::Ws => {
                return DoctorFinding::new(
                    check,
                    Level::Warning,
                    "ws:// is not encrypted: others on the network can listen",
                )
                .hint("use wss:// if the endpoint supports it");
            }
            Scheme::Wss => {}
        }
        let Some((version, _)) = self.tls else {
            return DoctorFinding::skipped(check, "not reached");
        };
        let Some(certificate) = &self.certificate else {
            return DoctorFinding::ok(check, version.to_string()).detail("version", version);
        };
        let root = certificate.root.as_ref().map(|root| {
            let by = match root.trusted_by {
                TrustSource::System => "the system",
                TrustSource::CaFile => "--ca-file",
            };
            format!(", root {} (trusted by {by})", root.name)
        });
        let root = root.unwrap_or_default();
        let said = format!("{version}, {}{root}, {}", described(certificate), validity(certificate));
        let days = days_left(certificate);
        let finding = if days < SOON_DAYS {
            DoctorFinding::new(check, Level::Warning, said).hint("renew the certificate of the server soon")
        } else {
            DoctorFinding::ok(check, said)
        };
        with_facts(finding, certificate).detail("version", version)
    }
}

/// Returns the step at which dialling failed.
fn failed_at(error: &Error) -> Check {
    match error.source.downcast_ref::<DialError>() {
        Some(error) => step_of(error),
        None => Check::Handshake,
    }
}

fn step_of(error: &DialError) -> Check {
    match error {
        DialError::UnknownHost { .. } | DialError::Timeout { step: DialPhase::Lookup, .. } => Check::Dns,
        DialError::Refused { .. }
        | DialError::Unreachable { .. }
        | DialError::Timeout { step: DialPhase::Connect, .. }
        | DialError::Broken { step: DialPhase::Lookup | DialPhase::Connect, .. } => Check::Tcp,
        DialError::Proxy(error) => match &error.fault {
            // TLS to the proxy belongs to the proxy check.
            ProxyFault::NotReached(error) => step_of(error).min(Check::Proxy),
            ProxyFault::Timeout { .. }
            | ProxyFault::Broken(_)
            | ProxyFault::NotProxy { .. }
            | ProxyFault::Refused { .. }
            | ProxyFault::LoginRequired
            | ProxyFault::LoginRejected
            | ProxyFault::UnsupportedLogin(_)
            | ProxyFault::Socks { .. } => Check::Proxy,
        },
        DialError::ProxySetting(_) | DialError::Request(_) => Check::Proxy,
        DialError::Tls { .. }
        | DialError::Timeout { step: DialPhase::Tls, .. }
        | DialError::Broken { step: DialPhase::Tls, .. } => Check::Tls,
        DialError::Timeout { step: DialPhase::Upgrade, .. }
        | DialError::Broken { step: DialPhase::Upgrade, .. }
        | DialError::NeedsTls { .. }
        | DialError::NotWebSocket { .. }
        | DialError::HttpRefused { .. }
        | DialError::NoSubprotocol { .. } => Check::Handshake,
    }
}

fn upgraded(took: Duration, begun: u32) -> DoctorFinding {
    let said = format!("101 Switching Protocols after {} ms", took.as_millis());
    let finding = if begun > 1 {
        let said = format!("{said}, at the second attempt: the beta header was refused");
        DoctorFinding::new(Check::Handshake, Level::Note, said)
            .hint("beta_marker = \"never\" in the profile avoids the first attempt")
    } else {
        DoctorFinding::ok(Check::Handshake, said)
    };
    finding.detail("status", 101).detail("after_ms", ms(took))
}

/// The first line is part of the message.
fn with_body(finding: DoctorFinding, body: &[String]) -> DoctorFinding {
    let more: String = body.iter().skip(1).map(|line| format!(" | {line}")).collect();
    let said = format!("{}{more}", finding.said);
    DoctorFinding { said, ..finding }.detail("body", body.to_vec())
}

fn described(certificate: &Certificate) -> String {
    format!("certificate for {}, signed by {}", certificate.names.join(", "), certificate.issuer)
}

fn validity(certificate: &Certificate) -> String {
    match days_left(certificate) {
        days @ ..0 => format!("expired {} days ago", -days),
        days @ 0.. => format!("valid for {days} more days"),
    }
}

fn days_left(certificate: &Certificate) -> i64 {
    (certificate.not_after - certificate.shown_at).div_euclid(SECONDS_A_DAY)
}

fn with_facts(finding: DoctorFinding, certificate: &Certificate) -> DoctorFinding {
    finding
        .detail("names", certificate.names.clone())
        .detail("issuer", certificate.issuer.clone())
        .detail("root", certificate.root.as_ref().map(|root| root.name.clone()))
        .detail("not_after", certificate.not_after)
        .detail("days_left", days_left(certificate))
}

#[cfg(test)]
mod tests;
