//! The files that a host's TLS directory holds: its authorities and our certificates for it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// Largest file read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What `<config>/tls/<host[:port]>/` holds.
#[derive(Debug, Default)]
pub(super) struct HostFiles {
    /// Certificates of every `*.crt`.
    pub(super) authorities: Vec<CertificateDer<'static>>,
    /// Our certificates with their keys, by name.
    pub(super) identities: Vec<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl HostFiles {
    /// Adds what `directory` holds; a directory that does not exist holds nothing.
    ///
    /// Source: docker/docker `registry/registry.go`, `ReadCertsDirectory`.
    pub(super) fn read(&mut self, directory: &Path) -> Result<(), HostFilesError> {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(());
            }
            Err(source) => return Err(HostFilesError::Read { path: directory.to_owned(), source }),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry =
                entry.map_err(|source| HostFilesError::Read { path: directory.to_owned(), source })?;
            names.extend(entry.file_name().into_string());
        }
        names.sort();
        for name in &names {
            let path = directory.join(name);
            if name.strip_suffix(".crt").is_some() {
                self.authorities.extend(certificates(&path)?);
            } else if let Some(stem) = name.strip_suffix(".cert") {
                let key = format!("{stem}.key");
                if !names.contains(&key) {
                    return Err(HostFilesError::MissingKey { key, certificate: name.clone() });
                }
                self.identities.push((certificates(&path)?, private_key(&directory.join(key))?));
            } else if let Some(stem) = name.strip_suffix(".key") {
                let certificate = format!("{stem}.cert");
                if !names.contains(&certificate) {
                    return Err(HostFilesError::MissingCertificate { certificate, key: name.clone() });
                }
            }
        }
        Ok(())
    }
}

/// Files for a host that can't be used. The first two speak Docker's words.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HostFilesError {
    /// A client certificate without its key.
    #[error(
        "missing key {key} for client certificate {certificate}. CA certificates must use the extension .crt"
    )]
    MissingKey {
        /// The file that isn't there.
        key: String,
        /// The file that is.
        certificate: String,
    },
    /// A key without its client certificate.
    #[error("missing client certificate {certificate} for key {key}")]
    MissingCertificate {
        /// The file that isn't there.
        certificate: String,
        /// The file that is.
        key: String,
    },
    /// A file that can't be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What reading it said.
        source: io::Error,
    },
    /// A file with something else in it.
    #[error("`{}` holds no {expected} in PEM", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// A key that can't be used with its certificate.
    #[error("a client key does not fit its certificate or is of a kind that TLS does not use: {0}")]
    Key(String),
}

fn read(path: &Path) -> Result<Vec<u8>, HostFilesError> {
    let failed = |source| HostFilesError::Read { path: path.to_owned(), source };
    if fs::metadata(path).map_err(failed)?.len() > MAX_FILE_BYTES {
        return Err(failed(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    fs::read(path).map_err(failed)
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, HostFilesError> {
    let wrong = || HostFilesError::Content { path: path.to_owned(), expected: "certificate" };
    let text = read(path)?;
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|_| wrong())?;
    if found.is_empty() { Err(wrong()) } else { Ok(found) }
}

pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, HostFilesError> {
    let text = zeroize::Zeroizing::new(read(path)?);
    let wrong = |_| HostFilesError::Content { path: path.to_owned(), expected: "unencrypted private key" };
    PrivateKeyDer::from_pem_slice(&text).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(files: &[(&str, &str)]) -> Result<HostFiles, HostFilesError> {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, content) in files {
            fs::write(directory.path().join(name), content).expect("a file");
        }
        let mut found = HostFiles::default();
        found.read(directory.path()).map(|()| found)
    }

    #[test]
    fn directory_yields_authorities_and_identities() {
        let pair = rcgen::generate_simple_self_signed(["r.example".to_owned()]).expect("a certificate");
        let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
        let both = format!("{certificate}{certificate}");
        let found =
            read_with(&[("ca.crt", &both), ("me.cert", &certificate), ("me.key", &key), ("notes.txt", "x")])
                .expect("legal files");
        assert_eq!((found.authorities.len(), found.identities.len()), (2, 1));
        let mut nothing = HostFiles::default();
        nothing.read(Path::new("/nonexistent/tls/r.example")).expect("a missing directory is fine");
        assert!(nothing.authorities.is_empty());
    }

    #[test]
    fn incomplete_pairs_are_refused_in_dockers_words() {
        let message = |files| read_with(files).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(
            message(&[("me.cert", "")]),
            Err("missing key me.key for client certificate me.cert. CA certificates must use the extension .crt"
                .to_owned())
        );
        assert_eq!(
            message(&[("me.key", "")]),
            Err("missing client certificate me.cert for key me.key".to_owned())
        );
    }

    #[test]
    fn files_with_other_content_are_refused() {
        assert!(matches!(read_with(&[("ca.crt", "hello")]), Err(HostFilesError::Content { .. })));
        let broken = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        assert!(matches!(read_with(&[("ca.crt", broken)]), Err(HostFilesError::Content { .. })));
    }
}
