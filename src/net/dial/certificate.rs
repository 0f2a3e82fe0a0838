//! Description of a server's certificate: names, issuer, validity and trusted root.

use std::sync::Arc;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

/// Maximum number of names kept: a large provider's certificate has hundreds.
const MAX_NAMES: usize = 5;

/// A certificate as presented. Its texts come from the server and are not sanitized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The dialed host.
    pub host: String,
    /// The first names it is valid for.
    pub names: Vec<String>,
    /// Its issuer.
    pub issuer: String,
    /// The trusted root that signed any part of the presented chain.
    pub root: Option<Root>,
    /// The last issuer in the presented chain.
    pub top: String,
    /// End of validity, in seconds of Unix time.
    pub not_after: i64,
    /// Time of the handshake, in seconds of Unix time.
    pub shown_at: i64,
}

/// A trusted root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its name.
    pub name: String,
    /// Source of the trust.
    pub trusted_by: TrustSource,
}

/// Source of trust in a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustSource {
    /// The system, or `SSL_CERT_FILE` in its place.
    System,
    /// `--ca-file`.
    CaFile,
}

/// The roots that this machine trusts.
#[derive(Debug)]
pub(crate) struct TrustedRoots {
    pub(crate) store: Arc<RootCertStore>,
    /// Number of roots from `--ca-file`; they come first.
    pub(crate) from_ca_file: usize,
}

impl TrustedRoots {
    /// Describes the first certificate of a chain; `None` if it cannot be parsed.
    pub(crate) fn describe(
        &self,
        chain: &[&CertificateDer<'_>],
        host: &str,
        now: UnixTime,
    ) -> Option<Certificate> {
        let chain: Vec<X509Certificate<'_>> =
            chain.iter().map_while(|one| Some(X509Certificate::from_der(one).ok()?.1)).collect();
        let (first, last) = (chain.first()?, chain.last()?);
        Some(Certificate {
            host: host.to_owned(),
            names: names(first),
            issuer: name(first.issuer()),
            root: chain.iter().find_map(|one| self.root(one.issuer())),
            top: name(last.issuer()),
            not_after: first.validity().not_after.timestamp(),
            shown_at: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        })
    }

    fn root(&self, issuer: &X509Name<'_>) -> Option<Root> {
        let index = self.store.roots.iter().position(|root| is_name_of(issuer, &root.subject))?;
        let trusted_by = if index < self.from_ca_file { TrustSource::CaFile } else { TrustSource::System };
        Some(Root { name: name(issuer), trusted_by })
    }
}

/// Compares an issuer with a trust anchor, whose name lacks the header of its DER sequence: two to four
/// bytes.
fn is_name_of(issuer: &X509Name<'_>, subject: &[u8]) -> bool {
    let raw = issuer.as_raw();
    raw.ends_with(subject) && (2..=4).contains(&(raw.len() - subject.len()))
}

/// Returns the alternative names of a certificate, or else its subject.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let listed = alternative.iter().flat_map(|names| &names.value.general_names);
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others do not name a server")]
    let listed: Vec<String> = listed
        .filter_map(|listed| match listed {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .take(MAX_NAMES)
        .collect();
    if listed.is_empty() { vec![name(certificate.subject())] } else { listed }
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(|bytes| std::net::Ipv4Addr::from(bytes).to_string());
    let sixteen = <[u8; 16]>::try_from(bytes).map(|bytes| std::net::Ipv6Addr::from(bytes).to_string());
    four.or(sixteen).ok()
}

/// Returns the common name, else the organization, else the whole name.
fn name(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().find_map(|part| part.as_str().ok());
    let organization = || name.iter_organization().find_map(|part| part.as_str().ok());
    common.or_else(organization).map_or_else(|| name.to_string(), str::to_owned)
}
