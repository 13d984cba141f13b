//! The checks that every file goes through, whichever role it belongs to.

use bytes::Bytes;

use crate::digest::{Digest, HashError};
use crate::metadata::{Document, Envelope, FileMeta, MetadataError};
use crate::name::RoleName;
use crate::number::MetaVersion;
use crate::signature::{RoleKeys, Verified};
use crate::time::{UpdateStart, is_expired};
use crate::trust::{Base, Environment, TrustError};

/// A file put forward for trust.
#[derive(Clone, Debug)]
pub struct Offered {
    /// The file's bytes.
    pub bytes: Bytes,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a file comes from; decides how much of it is checked again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// From outside: every named hash is checked, and its expiry.
    Fetched,
    /// From a cache whose files were checked when they came: SHA-256 and expiry.
    Cached,
    /// From a server's own store, not part of the upload in hand: SHA-256; it may have expired since.
    Stored,
}

impl Offered {
    /// A file from outside.
    pub fn fetched(bytes: Bytes) -> Self {
        Self { bytes, origin: Origin::Fetched }
    }

    /// A file from the cache.
    pub fn cached(bytes: Bytes) -> Self {
        Self { bytes, origin: Origin::Cached }
    }

    /// A file from a server's store.
    pub fn stored(bytes: Bytes) -> Self {
        Self { bytes, origin: Origin::Stored }
    }
}

/// What a file is held against.
pub(super) struct Expected<'a> {
    pub(super) role: &'a RoleName,
    pub(super) keys: &'a RoleKeys,
    /// What its snapshot or timestamp says of it.
    pub(super) listed: Option<Listed<'a>>,
}

/// What a listing says of a file.
#[derive(Clone, Copy)]
pub(super) struct Listed<'a> {
    pub(super) meta: &'a FileMeta,
    /// The role whose file it stands in.
    pub(super) by: &'static str,
}

impl Expected<'_> {
    /// Runs every check on a file, in the order: size, hashes, form, signatures, versions, expiry.
    ///
    /// Source: TUF 1.0.34 §5.4 to §5.6; notary `tuf/builder.go` (order).
    pub(super) fn accept<T: Document>(
        &self,
        offered: Offered,
        base: &Base,
    ) -> Result<Verified<T>, TrustError> {
        let Base { environment, seen, floors, .. } = base;
        self.admit_size(&offered.bytes, environment)?;
        let digest = Digest::sha256(&offered.bytes);
        if let Some(listed) = self.listed {
            listed.admit_hashes(self.role, &offered, digest)?;
        }
        let document: Verified<T> = self.verify(offered.bytes, digest, environment)?;
        if let Some(listed) = self.listed {
            listed.admit_version(self.role, document.version())?;
        }
        seen.admit(self.role, self.keys, &document)?;
        floors.admit(self.role, &*document)?;
        if offered.origin != Origin::Stored {
            unexpired(self.role, &*document, environment.start)?;
        }
        Ok(document)
    }

    /// Verifies a stale file: it may have expired and been superseded, so it can only serve as a floor.
    pub(super) fn verify_stale<T: Document>(
        &self,
        bytes: Bytes,
        environment: &Environment,
    ) -> Result<Verified<T>, TrustError> {
        self.admit_size(&bytes, environment)?;
        let digest = Digest::sha256(&bytes);
        self.verify(bytes, digest, environment)
    }

    fn verify<T: Document>(
        &self,
        bytes: Bytes,
        digest: Digest,
        environment: &Environment,
    ) -> Result<Verified<T>, TrustError> {
        let envelope = envelope(self.role, bytes, digest, environment)?;
        self.keys.verify(&envelope).map_err(|source| TrustError::unverified(self.role, source))
    }

    /// Checks size, hashes and form of a file, and no signature.
    pub(super) fn envelope(&self, bytes: Bytes, environment: &Environment) -> Result<Envelope, TrustError> {
        self.admit_size(&bytes, environment)?;
        let digest = Digest::sha256(&bytes);
        if let Some(listed) = self.listed {
            listed.admit_hashes(self.role, &Offered::fetched(bytes.clone()), digest)?;
        }
        envelope(self.role, bytes, digest, environment)
    }

    fn admit_size(&self, bytes: &Bytes, environment: &Environment) -> Result<(), TrustError> {
        let (found, max) = (bytes.len() as u64, environment.limits.file_bytes(self.role.top()));
        if found > max {
            let source = MetadataError::Large { found, max };
            return Err(TrustError::Metadata { role: self.role.clone(), source });
        }
        self.listed.map_or(Ok(()), |listed| listed.admit_length(self.role, bytes))
    }
}

impl Listed<'_> {
    /// Refuses a file that is already trusted, if it is not the one that is meant.
    pub(super) fn admit(&self, role: &RoleName, file: &Verified<impl Document>) -> Result<(), TrustError> {
        self.admit_length(role, file.bytes())?;
        self.admit_hashes(role, &Offered::fetched(file.bytes().clone()), file.digest())?;
        self.admit_version(role, file.version())
    }

    fn admit_length(&self, role: &RoleName, bytes: &Bytes) -> Result<(), TrustError> {
        let (found, length) = (bytes.len() as u64, self.meta.length);
        if found > length {
            return Err(TrustError::Length { role: role.clone(), listed_by: self.by, found, length });
        }
        Ok(())
    }

    fn admit_hashes(&self, role: &RoleName, offered: &Offered, digest: Digest) -> Result<(), TrustError> {
        let hashes = &self.meta.hashes;
        let checked = match (hashes.sha256(), self.meta.version) {
            (Some(expected), _) if expected != digest => Err(HashError::Mismatch { expected, found: digest }),
            (Some(_), _) => match (offered.origin, hashes.sha512()) {
                (Origin::Fetched, Some(sha512)) => sha512.verify(&offered.bytes),
                _ => Ok(()),
            },
            // What names a version need not name a hash.
            (None, Some(_)) if hashes.is_empty() => Ok(()),
            (None, Some(_)) => hashes.verify(&offered.bytes),
            (None, None) => Err(HashError::NoneKnown),
        };
        checked.map_err(|source| TrustError::Hash { role: role.clone(), listed_by: self.by, source })
    }

    fn admit_version(&self, role: &RoleName, offered: MetaVersion) -> Result<(), TrustError> {
        match self.meta.version {
            Some(listed) if listed != offered => {
                Err(TrustError::Version { role: role.clone(), listed_by: self.by, offered, listed })
            }
            _ => Ok(()),
        }
    }
}

/// Refuses a document whose time is over.
pub(super) fn unexpired(
    role: &RoleName,
    document: &impl Document,
    start: UpdateStart,
) -> Result<(), TrustError> {
    let expires = document.expires();
    if is_expired(expires, start) {
        return Err(TrustError::Expired { role: role.clone(), expires, start: start.0 });
    }
    Ok(())
}

/// Parses a file of `role`.
pub(super) fn envelope(
    role: &RoleName,
    bytes: Bytes,
    digest: Digest,
    environment: &Environment,
) -> Result<Envelope, TrustError> {
    Envelope::parse_hashed(environment.dialect, bytes, digest, &environment.limits)
        .map_err(|source| TrustError::Metadata { role: role.clone(), source })
}
