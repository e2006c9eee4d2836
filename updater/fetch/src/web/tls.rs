//! Whose certificates are trusted, and what is said when they are not.

use std::sync::Arc;

use rustls::CertificateError;
use rustls::crypto::ring;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::error::TlsFault;
use crate::settings::Roots;

/// The settings of TLS connections.
pub(super) fn config(roots: &Roots) -> Result<TlsConfig, TlsFault> {
    let certificates: Vec<_> = match roots {
        Roots::System => system()?,
        Roots::Only(all) => all.iter().map(|der| Certificate::from_der(der).to_owned()).collect(),
    };
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&certificates))
        // Named, since in a build of the whole workspace there are two, and none would be the default.
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build())
}

/// Reads the certificates that the system trusts. A few that cannot be read do not matter.
fn system() -> Result<Vec<Certificate<'static>>, TlsFault> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let reasons: String = found.errors.iter().map(|error| format!(": {error}")).collect();
        return Err(TlsFault::NoRoots(reasons));
    }
    Ok(found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect())
}

/// What is wrong, and whether it may pass by itself.
pub(super) fn fault(error: &rustls::Error) -> (TlsFault, bool) {
    let fault = match error {
        rustls::Error::InvalidCertificate(error) => match error {
            // The latter when it claims to be of one of them.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::Issuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsFault::Name
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsFault::Date,
            other => TlsFault::Other(other.to_string()),
        },
        other => TlsFault::Other(other.to_string()),
    };
    // What was damaged on the way is sent again; what the other side is stays.
    let may_pass = matches!(
        error,
        rustls::Error::DecryptError | rustls::Error::PeerMisbehaved(_) | rustls::Error::General(_)
    );
    (fault, may_pass)
}
