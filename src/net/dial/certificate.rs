//! What a server's certificate says of itself: for whom, by whom, until when, and whom this machine trusts for it.

use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

use crate::net::dial::observer::{DialObserver, DialStep};

/// How many of its names are kept: a large provider's certificate has hundreds.
const MOST_NAMES: usize = 5;

/// A certificate as it was shown. Its texts are the server's: not cleaned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it was asked of.
    pub host: String,
    /// The first names it is for.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// The authority that this machine trusts, where one signed any of what was shown.
    pub root: Option<Root>,
    /// The last authority in what was shown.
    pub top: String,
    /// Until when it is valid, in seconds of Unix time.
    pub not_after: i64,
    /// When it was shown, in seconds of Unix time.
    pub shown_at: i64,
}

/// An authority that this machine trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its name.
    pub name: String,
    /// Who says that it is to be trusted.
    pub trusted_by: TrustSource,
}

/// Who says that an authority is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustSource {
    /// The system, or `SSL_CERT_FILE` in its place.
    System,
    /// `--ca-file`.
    CaFile,
}

/// Judges certificates as the library does, and tells before what they say.
#[derive(Debug)]
pub(crate) struct RecordingVerifier {
    pub(crate) judge: Arc<WebPkiServerVerifier>,
    pub(crate) roots: Arc<RootCertStore>,
    /// So many of the roots, the first ones, are from `--ca-file`.
    pub(crate) from_ca_file: usize,
    pub(crate) witness: DialObserver,
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain: Vec<&CertificateDer<'_>> = [end_entity].into_iter().chain(intermediates).collect();
        if let Some(certificate) = self.read(&chain, &server_name.to_str(), now) {
            self.witness.tell(|| DialStep::Shown(Box::new(certificate)));
        }
        self.judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

impl RecordingVerifier {
    /// Returns what the first certificate of a chain says; nothing if it cannot be read.
    fn read(&self, chain: &[&CertificateDer<'_>], host: &str, now: UnixTime) -> Option<Certificate> {
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
        let place = self.roots.roots.iter().position(|root| is_name_of(issuer, &root.subject))?;
        let trusted_by = if place < self.from_ca_file { TrustSource::CaFile } else { TrustSource::System };
        Some(Root { name: name(issuer), trusted_by })
    }
}

/// An anchor's name stands there without the sequence that it is the content of: two bytes to four.
fn is_name_of(issuer: &X509Name<'_>, subject: &[u8]) -> bool {
    let raw = issuer.as_raw();
    raw.ends_with(subject) && (2..=4).contains(&(raw.len() - subject.len()))
}

/// Returns the names that a certificate is for: those that count, or else the one of old.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let listed = alternative.iter().flat_map(|names| &names.value.general_names);
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are no names of servers")]
    let listed: Vec<String> = listed
        .filter_map(|listed| match listed {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .take(MOST_NAMES)
        .collect();
    if listed.is_empty() { vec![name(certificate.subject())] } else { listed }
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(|bytes| std::net::Ipv4Addr::from(bytes).to_string());
    let sixteen = <[u8; 16]>::try_from(bytes).map(|bytes| std::net::Ipv6Addr::from(bytes).to_string());
    four.or(sixteen).ok()
}

/// The common name, which people know; else the whole name.
fn name(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().find_map(|part| part.as_str().ok());
    let organization = || name.iter_organization().find_map(|part| part.as_str().ok());
    common.or_else(organization).map_or_else(|| name.to_string(), str::to_owned)
}
