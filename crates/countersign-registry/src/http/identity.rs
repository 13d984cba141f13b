//! A client certificate in two files, and authorities in one: how Docker keeps those of a daemon.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::host_files::{HostFilesError, certificates, private_key};

/// Our certificate with its key.
#[derive(Clone)]
pub struct ClientIdentity(Arc<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>);

impl ClientIdentity {
    /// Reads both files, PEM, the key unencrypted.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, HostFilesError> {
        Ok(Self(Arc::new((certificates(certificate)?, private_key(key)?))))
    }

    pub(super) fn pair(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.0.0.clone(), self.0.1.clone_key())
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(..)")
    }
}

/// Reads a file of authorities, PEM, for [`extra_roots`](super::HttpConfig::extra_roots).
pub fn read_authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, HostFilesError> {
    certificates(file)
}
