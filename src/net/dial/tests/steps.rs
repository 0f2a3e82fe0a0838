//! What a witness is told of dialling.

use super::*;
use crate::net::dial::certificate::{Certificate, Root, TrustSource};

/// Dials by a name and returns what was told, with whether it was reached.
async fn told(authority: &Authority, name: &str, roots: &[&Authority]) -> (Vec<DialStep>, bool) {
    let (witness, mut steps) = DialObserver::new();
    let extra_roots = roots.iter().map(|authority| authority.root.clone()).collect();
    let options = DialOptions { extra_roots, witness, ..DialOptions::default() };
    let reached = authority.dialled_by(name, &options).await.is_ok();
    let mut told = Vec::new();
    while let Ok(step) = steps.try_recv() {
        told.push(step);
    }
    (told, reached)
}

fn certificate(steps: Vec<DialStep>) -> Certificate {
    let shown = steps.into_iter().find_map(|step| match step {
        DialStep::Shown(certificate) => Some(*certificate),
        DialStep::Begun(_)
        | DialStep::LookedUp { .. }
        | DialStep::Connected(_)
        | DialStep::ProxyConnected
        | DialStep::Agreed(_) => None,
    });
    shown.unwrap()
}

#[tokio::test]
async fn each_step_is_told_in_its_order() {
    let authority = Authority::signing_for("localhost", |_| {});
    let (steps, reached) = told(&authority, "localhost", &[&authority]).await;
    assert!(reached);
    assert!(
        matches!(
            &steps[..],
            [
                DialStep::Begun(None),
                DialStep::LookedUp { host, addresses },
                DialStep::Connected(address),
                DialStep::Shown(_),
                DialStep::Agreed("TLS 1.3"),
            ] if host == "localhost" && addresses.iter().any(|found| found.ip() == address.ip())
        ),
        "{steps:?}"
    );
}

#[tokio::test]
async fn a_certificate_is_described_with_whoever_is_trusted_for_it() {
    let authority = Authority::signing_for("localhost", |params| {
        params.not_after = rcgen::date_time_ymd(2099, 1, 1);
    });
    let shown = certificate(told(&authority, "localhost", &[&authority]).await.0);
    assert_eq!((shown.host.as_str(), &shown.names[..]), ("localhost", &["localhost".to_owned()][..]));
    assert_eq!(shown.issuer, "authority for localhost");
    let root = Root { name: "authority for localhost".to_owned(), trusted_by: TrustSource::CaFile };
    assert_eq!(shown.root, Some(root));
    // 2099-01-01 in Unix time.
    assert_eq!(shown.not_after, 4_070_908_800);
    assert!(shown.shown_at > 1_700_000_000);
}

#[tokio::test]
async fn a_certificate_that_is_refused_is_described_too_and_still_refused() {
    let (authority, stranger) =
        (Authority::signing_for("localhost", |_| {}), Authority::signing_for("stranger.test", |_| {}));
    let (steps, reached) = told(&authority, "localhost", &[&stranger]).await;
    assert!(!reached);
    let shown = certificate(steps);
    assert_eq!((shown.root, shown.top.as_str()), (None, "authority for localhost"));
    // One of the same name and another key is another.
    let double = Authority::signing_for("localhost", |_| {});
    assert!(!told(&authority, "localhost", &[&double]).await.1);
    let other = Authority::signing_for("other.test", |_| {});
    let (steps, reached) = told(&other, "localhost", &[&other]).await;
    assert!(!reached && certificate(steps).names == ["other.test"]);
}

#[tokio::test]
async fn an_address_is_not_looked_up_and_names_are_shown_as_addresses() {
    let authority = Authority::signing_for("127.0.0.1", |_| {});
    let (steps, reached) = told(&authority, "127.0.0.1", &[&authority]).await;
    assert!(reached && !steps.iter().any(|step| matches!(step, DialStep::LookedUp { .. })), "{steps:?}");
    assert_eq!(certificate(steps).names, ["127.0.0.1"]);
}
