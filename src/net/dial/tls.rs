//! TLS client configuration, CA files and handshake failures.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use crate::net::dial::certificate::TrustedRoots;
use crate::net::dial::observer::DialObserver;
use crate::net::dial::verifier::RecordingVerifier;

/// Cause of a TLS failure.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TlsFault {
    /// Signed by an untrusted authority; often a company proxy or a self-signed certificate.
    #[error("the certificate is signed by an unknown authority")]
    UnknownAuthority,
    /// A CA certificate used as a server certificate, as `openssl req -x509` makes it.
    #[error("the certificate is that of an authority, which a server must not use")]
    AuthorityItself,
    /// The certificate has expired.
    #[error("the certificate has expired")]
    Expired,
    /// The validity of the certificate has not begun.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// The certificate is for another name.
    #[error("the certificate is for another name")]
    WrongName,
    /// The certificate was revoked.
    #[error("the certificate has been revoked")]
    Revoked,
    /// The server does not speak TLS.
    #[error("the server does not speak TLS")]
    NotTls,
    /// This machine has no root certificates.
    #[error("this machine has no root certificates")]
    NoRoots,
    /// A certificate of the CA file cannot be used as a root.
    #[error("a certificate of the CA file cannot be used")]
    BadRoot,
    /// Any other failure, in the library's words.
    #[error("{0}")]
    Other(String),
}

impl TlsFault {
    /// Returns advice for the user, if any.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownAuthority => "if you trust that authority, pass its certificate with --ca-file",
            Self::AuthorityItself => {
                "recreate the server's certificate with basicConstraints=CA:FALSE, and pass it with --ca-file"
            }
            Self::Expired | Self::NotYetValid => {
                "check this machine's clock; if it is right, the server needs a new certificate"
            }
            Self::WrongName => "use a name that the certificate is valid for",
            Self::NotTls => "use ws:// if it is a server on this machine, or check the port",
            Self::NoRoots => {
                "install the package ca-certificates, check SSL_CERT_FILE and SSL_CERT_DIR, or use --ca-file"
            }
            Self::BadRoot => "pass a PEM file with CA certificates to --ca-file",
            Self::Revoked | Self::Other(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// Classifies a failed handshake; `None` if the failure is not one of TLS.
    #[expect(clippy::wildcard_enum_match_arm, reason = "other variants use the library's message")]
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        Some(match error {
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            other => Self::Other(other.to_string()),
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "other variants use the library's message")]
    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            // A bad signature occurs if another authority has the name of a known one.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownAuthority,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            CertificateError::Revoked => Self::Revoked,
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                Self::AuthorityItself
            }
            other => Self::Other(other.to_string()),
        }
    }
}

/// Returns a configuration that trusts the system's roots and `extra`, and reports the server's certificate
/// to `observer`. Reads files: must not run on the call's thread.
///
/// # Errors
/// When there are no roots, or an extra one is invalid.
pub(crate) fn client_config(
    extra: &[CertificateDer<'static>],
    observer: DialObserver,
) -> Result<ClientConfig, TlsFault> {
    let mut roots = RootCertStore::empty();
    for certificate in extra {
        roots.add(certificate.clone()).map_err(|_| TlsFault::BadRoot)?;
    }
    // System stores may contain unreadable certificates.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(TlsFault::NoRoots);
    }
    let (roots, provider) = (Arc::new(roots), Arc::new(ring::default_provider()));
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsFault::Other(error.to_string()))?
        .with_root_certificates(Arc::clone(&roots))
        .with_no_client_auth();
    if observer.is_active() {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), provider).build();
        let inner = verifier.map_err(|error| TlsFault::Other(error.to_string()))?;
        let roots = TrustedRoots { store: roots, from_ca_file: extra.len() };
        let recording = RecordingVerifier { inner, roots, observer };
        // The verifier is the same; the wrapper only reports.
        config.dangerous().set_certificate_verifier(Arc::new(recording));
    }
    // Without ALPN some servers choose HTTP/2, which has no upgrade.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A configuration serves one connection, so sessions are never resumed.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Reads the certificates of a PEM file for `--ca-file`.
///
/// # Errors
/// When the file is unreadable, or has no usable certificate.
pub fn read_ca_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, CaFileError> {
    let path_of = || path.to_owned();
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| CaFileError::Unreadable { path: path_of(), source })?;
    if found.is_empty() {
        return Err(CaFileError::Empty { path: path_of() });
    }
    let mut roots = RootCertStore::empty();
    for (certificate, number) in found.iter().zip(1..) {
        let added = roots.add(certificate.clone());
        added.map_err(|source| CaFileError::Unusable { path: path_of(), number, source })?;
    }
    Ok(found)
}

/// Failure to read a CA file.
#[derive(Debug, Error)]
pub enum CaFileError {
    /// Missing, not permitted, or not PEM.
    #[error("cannot read certificates from {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: pem::Error,
    },
    /// The file has no certificate.
    #[error("no certificate in {}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A certificate is invalid.
    #[error("certificate {number} of {} cannot be used", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Index of the certificate, from 1.
        number: usize,
        /// The cause.
        source: rustls::Error,
    },
}

impl CaFileError {
    /// Returns advice for the user.
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { source: pem::Error::Io(_), .. } => {
                "check the path, and that you may read the file"
            }
            Self::Unreadable { .. } | Self::Unusable { .. } => {
                "ask the server's operator for the file again; it must be a certificate in PEM form"
            }
            Self::Empty { .. } => {
                "it must be in PEM form; to convert: openssl x509 -inform der -in FILE -out ca.pem"
            }
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ca_file(text: &str) -> Result<usize, CaFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, text).unwrap();
        read_ca_file(&path).map(|found| found.len())
    }

    #[test]
    fn a_ca_file_may_hold_several_certificates_and_other_content() {
        let first = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
        let second = rcgen::generate_simple_self_signed(["b.test".to_owned()]).unwrap();
        let text =
            format!("# ours\n{}{}{}", first.cert.pem(), first.signing_key.serialize_pem(), second.cert.pem());
        assert_eq!(ca_file(&text).unwrap(), 2);
    }

    #[test]
    fn a_ca_file_without_usable_certificates_is_reported() {
        let error = ca_file("nothing here\n").unwrap_err();
        assert!(error.to_string().starts_with("no certificate in "), "{error}");
        let error = ca_file("-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n").unwrap_err();
        assert!(error.to_string().starts_with("cannot read certificates from "), "{error}");
        let error = ca_file("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap_err();
        assert!(error.to_string().starts_with("certificate 1 of "), "{error}");
        assert!(error.hint().contains("PEM"));
        let error = read_ca_file(Path::new("/nowhere/ca.pem")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read certificates from /nowhere/ca.pem");
    }
}
