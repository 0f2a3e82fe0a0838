//! Steps reported to a dial observer.

use super::*;
use crate::net::dial::certificate::{Certificate, Root, TrustSource};

/// Dials by name; returns the reported steps and whether the server was reached.
async fn dial_steps(authority: &Authority, name: &str, roots: &[&Authority]) -> (Vec<DialStep>, bool) {
    let (observer, mut steps) = DialObserver::new();
    let extra_roots = roots.iter().map(|authority| authority.root.clone()).collect();
    let options = DialOptions { extra_roots, observer, ..DialOptions::default() };
    let reached = authority.dialled_by(name, &options).await.is_ok();
    let mut shown = Vec::new();
    while let Ok(step) = steps.try_recv() {
        shown.push(step);
    }
    (shown, reached)
}

fn certificate(steps: Vec<DialStep>) -> Certificate {
    let shown = steps.into_iter().find_map(|step| match step {
        DialStep::CertificateReceived(certificate) => Some(*certificate),
        DialStep::Started(_)
        | DialStep::LookedUp { .. }
        | DialStep::Connected(_)
        | DialStep::ProxyConnected
        | DialStep::TlsEstablished(_) => None,
    });
    shown.unwrap()
}

#[tokio::test]
async fn steps_are_reported_in_order() {
    let authority = Authority::signing_for("localhost", |_| {});
    let (steps, reached) = dial_steps(&authority, "localhost", &[&authority]).await;
    assert!(reached);
    assert!(
        matches!(
            &steps[..],
            [
                DialStep::Started(None),
                DialStep::LookedUp { host, addresses },
                DialStep::Connected(address),
                DialStep::CertificateReceived(_),
                DialStep::TlsEstablished("TLS 1.3"),
            ] if host == "localhost" && addresses.iter().any(|found| found.ip() == address.ip())
        ),
        "{steps:?}"
    );
}

#[tokio::test]
async fn a_certificate_is_described_with_its_trusted_root() {
    let authority = Authority::signing_for("localhost", |params| {
        params.not_after = rcgen::date_time_ymd(2099, 1, 1);
    });
    let shown = certificate(dial_steps(&authority, "localhost", &[&authority]).await.0);
    assert_eq!((shown.host.as_str(), &shown.names[..]), ("localhost", &["localhost".to_owned()][..]));
    assert_eq!(shown.issuer, "authority for localhost");
    let root = Root { name: "authority for localhost".to_owned(), trusted_by: TrustSource::CaFile };
    assert_eq!(shown.root, Some(root));
    // 2099-01-01 in Unix time.
    assert_eq!(shown.not_after, 4_070_908_800);
    assert!(shown.shown_at > 1_700_000_000);
}

#[tokio::test]
async fn a_rejected_certificate_is_described_and_still_rejected() {
    let (authority, stranger) =
        (Authority::signing_for("localhost", |_| {}), Authority::signing_for("stranger.test", |_| {}));
    let (steps, reached) = dial_steps(&authority, "localhost", &[&stranger]).await;
    assert!(!reached);
    let shown = certificate(steps);
    assert_eq!((shown.root, shown.top.as_str()), (None, "authority for localhost"));
    // A root with the same name and another key is another root.
    let double = Authority::signing_for("localhost", |_| {});
    assert!(!dial_steps(&authority, "localhost", &[&double]).await.1);
    let other = Authority::signing_for("other.test", |_| {});
    let (steps, reached) = dial_steps(&other, "localhost", &[&other]).await;
    assert!(!reached && certificate(steps).names == ["other.test"]);
}

#[tokio::test]
async fn an_address_is_not_looked_up_and_certificate_addresses_are_shown() {
    let authority = Authority::signing_for("127.0.0.1", |_| {});
    let (steps, reached) = dial_steps(&authority, "127.0.0.1", &[&authority]).await;
    assert!(reached && !steps.iter().any(|step| matches!(step, DialStep::LookedUp { .. })), "{steps:?}");
    assert_eq!(certificate(steps).names, ["127.0.0.1"]);
}
