//! TLS: whom to trust, and what went wrong in plain words.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use crate::net::dial::certificate::RecordingVerifier;
use crate::net::dial::observer::DialObserver;

/// What went wrong with TLS.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TlsFault {
    /// Signed by nobody this machine trusts; often a proxy of the company, or a server's own.
    #[error("its certificate is signed by an authority that this machine does not know")]
    UnknownAuthority,
    /// An authority's own certificate, as `openssl req -x509` makes it.
    #[error("its certificate is one of an authority, which must not be a server's")]
    AuthorityItself,
    /// The certificate's time is over.
    #[error("its certificate has expired")]
    Expired,
    /// The certificate's time has not come.
    #[error("its certificate is not valid yet")]
    NotYetValid,
    /// The certificate is for another name.
    #[error("its certificate is for another name")]
    WrongName,
    /// The certificate was taken back.
    #[error("its certificate has been revoked")]
    Revoked,
    /// There is something, but it does not speak TLS.
    #[error("it does not speak TLS")]
    NotTls,
    /// This machine has no root certificates.
    #[error("this machine has no root certificates to check its certificate against")]
    NoRoots,
    /// A certificate of the user's that cannot be used as an authority.
    #[error("a certificate of the CA file cannot be used")]
    BadRoot,
    /// Something else, in the words of the library.
    #[error("the TLS handshake failed: {0}")]
    Other(String),
}

impl TlsFault {
    /// Returns one sentence on what to do, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownAuthority => "if you trust that authority, give its certificate with --ca-file",
            Self::AuthorityItself => {
                "make the server's certificate again with basicConstraints=CA:FALSE, and give it with --ca-file"
            }
            Self::Expired | Self::NotYetValid => {
                "check this machine's clock; if it is right, the server needs a new certificate"
            }
            Self::WrongName => "use the name that the certificate is for",
            Self::NotTls => "use ws:// if it is a server on this machine, or check the port",
            Self::NoRoots => {
                "install the package ca-certificates, check SSL_CERT_FILE and SSL_CERT_DIR, or use --ca-file"
            }
            Self::BadRoot => "give --ca-file a file of authority certificates in PEM form",
            Self::Revoked | Self::Other(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// Reads what a failed handshake says; nothing if it was not TLS that failed.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are said in the library's words")]
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        Some(match error {
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            other => Self::Other(other.to_string()),
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are said in the library's words")]
    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            // A bad signature is that of an authority with a known one's name and another key.
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

/// Returns the configuration that trusts the system's roots and these; `witness` is told which certificate
/// is shown. Reads files: not for the thread that carries the call.
///
/// # Errors
/// When there are no roots, or one of the extra ones is none.
pub(crate) fn client_config(
    extra: &[CertificateDer<'static>],
    witness: DialObserver,
) -> Result<ClientConfig, TlsFault> {
    let mut roots = RootCertStore::empty();
    for certificate in extra {
        roots.add(certificate.clone()).map_err(|_| TlsFault::BadRoot)?;
    }
    // Machines have certificates that cannot be read among those that can.
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
    if witness.is_there() {
        let judge = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), provider).build();
        let judge = judge.map_err(|error| TlsFault::Other(error.to_string()))?;
        let telling = RecordingVerifier { judge, roots, from_ca_file: extra.len(), witness };
        // The judge is the one that was there; it is only listened to.
        config.dangerous().set_certificate_verifier(Arc::new(telling));
    }
    // Without it some servers choose HTTP/2, which has no upgrade.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A configuration serves one connection, so there is nothing to resume.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Reads the certificates of a PEM file, for `--ca-file`.
///
/// # Errors
/// When the file cannot be read, or holds no certificate or one that cannot be used.
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

/// Why a file gives no authority certificates.
#[derive(Debug, Error)]
pub enum CaFileError {
    /// It is not there, not allowed, or not PEM.
    #[error("cannot read the certificates of {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// It holds none.
    #[error("there is no certificate in {}", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// One of them is broken.
    #[error("certificate {number} of {} cannot be used", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Which of the certificates, from 1.
        number: usize,
        /// Why.
        source: rustls::Error,
    },
}

impl CaFileError {
    /// Returns one sentence on what to do.
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { source: pem::Error::Io(_), .. } => {
                "check the path, and that you may read the file"
            }
            Self::Unreadable { .. } | Self::Unusable { .. } => {
                "get the file again from who runs the server; it must be a certificate in PEM form"
            }
            Self::Empty { .. } => {
                "it must be in PEM form; convert another one: openssl x509 -inform der -in FILE -out ca.pem"
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
    fn a_ca_file_may_hold_several_certificates_and_other_things() {
        let first = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
        let second = rcgen::generate_simple_self_signed(["b.test".to_owned()]).unwrap();
        let text =
            format!("# ours\n{}{}{}", first.cert.pem(), first.signing_key.serialize_pem(), second.cert.pem());
        assert_eq!(ca_file(&text).unwrap(), 2);
    }

    #[test]
    fn a_ca_file_without_certificates_is_named() {
        let error = ca_file("nothing here\n").unwrap_err();
        assert!(error.to_string().starts_with("there is no certificate in "), "{error}");
        let error = ca_file("-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n").unwrap_err();
        assert!(error.to_string().starts_with("cannot read the certificates of "), "{error}");
        let error = ca_file("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap_err();
        assert!(error.to_string().starts_with("certificate 1 of "), "{error}");
        assert!(error.hint().contains("PEM"));
        let error = read_ca_file(Path::new("/nowhere/ca.pem")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the certificates of /nowhere/ca.pem");
    }
}
