//! The authorities that this machine trusts, loaded when the first certificate asks for them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;

/// Where the authorities come from that every host is checked against.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum SystemRoots {
    /// The machine's own store.
    #[default]
    Platform,
    /// These files instead, as `SSL_CERT_FILE` and `SSL_CERT_DIR` say.
    Files {
        /// A file of certificates in PEM.
        file: Option<PathBuf>,
        /// Directories of such files.
        directories: Vec<PathBuf>,
    },
    /// None: only the authorities given for a host count.
    None,
}

impl SystemRoots {
    /// The machine's own store, unless `SSL_CERT_FILE` or `SSL_CERT_DIR` is set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| lookup(name).filter(|value| !value.is_empty());
        let file = set("SSL_CERT_FILE").map(PathBuf::from);
        let directories =
            set("SSL_CERT_DIR").map_or_else(Vec::new, |value| std::env::split_paths(&value).collect());
        if file.is_none() && directories.is_empty() {
            Self::Platform
        } else {
            Self::Files { file, directories }
        }
    }

    fn load(&self) -> RootCertStore {
        let mut results = Vec::new();
        match self {
            Self::Platform => results.push(rustls_native_certs::load_native_certs()),
            Self::Files { file, directories } => {
                if file.is_some() {
                    results.push(rustls_native_certs::load_certs_from_paths(file.as_deref(), None));
                }
                for directory in directories {
                    results.push(rustls_native_certs::load_certs_from_paths(None, Some(directory)));
                }
            }
            Self::None => {}
        }
        let mut store = RootCertStore::empty();
        for result in results {
            for error in result.errors {
                tracing::warn!(%error, "a trusted certificate authority could not be loaded: {error}");
            }
            store.add_parsable_certificates(result.certs);
        }
        store
    }
}

/// The system's authorities, loaded once, when first needed: that takes milliseconds.
#[derive(Debug)]
pub(super) struct LazyRoots {
    source: SystemRoots,
    provider: Arc<CryptoProvider>,
    verifier: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
}

impl LazyRoots {
    pub(super) fn new(source: SystemRoots, provider: Arc<CryptoProvider>) -> Self {
        Self { source, provider, verifier: OnceLock::new() }
    }

    /// The verifier for the system's authorities; `None` if there are none. Blocks on its first call.
    pub(super) fn verifier(&self) -> Option<&Arc<WebPkiServerVerifier>> {
        self.verifier.get_or_init(|| verifier_of(self.source.load(), &self.provider)).as_ref()
    }

    /// Whether the authorities were needed so far.
    pub(super) fn is_loaded(&self) -> bool {
        self.verifier.get().is_some()
    }
}

/// A verifier for `roots`; `None` if they are empty.
pub(super) fn verifier_of(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_replace_the_platforms_store() {
        let none = SystemRoots::from_lookup(|_| None);
        assert_eq!(none, SystemRoots::Platform);
        let empty = SystemRoots::from_lookup(|_| Some(OsString::new()));
        assert_eq!(empty, SystemRoots::Platform);
        let file = SystemRoots::from_lookup(|name| (name == "SSL_CERT_FILE").then(|| "/x/ca.pem".into()));
        assert_eq!(file, SystemRoots::Files { file: Some("/x/ca.pem".into()), directories: Vec::new() });
    }

    #[test]
    fn unreadable_files_leave_no_authorities() {
        let source = SystemRoots::Files { file: Some("/nonexistent/ca.pem".into()), directories: Vec::new() };
        assert!(source.load().is_empty());
    }
}
