//! The checks that every file goes through, whichever role it belongs to.

use bytes::Bytes;

use crate::digest::{Digest, HashError};
use crate::metadata::{Document, Envelope, FileMeta, MetadataError};
use crate::name::RoleName;
use crate::signature::{RoleKeys, Verified};
use crate::time::{UpdateStart, is_expired};
use crate::trust::{Environment, Seen, TrustError};

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
    /// What its snapshot or timestamp says of it, and which of the two.
    pub(super) listed: Option<(&'a FileMeta, &'static str)>,
}

impl Expected<'_> {
    /// Runs every check on a file, in the order: size, hashes, form, signatures, version, expiry.
    ///
    /// Source: TUF 1.0.34 §5.4 to §5.6; notary `tuf/builder.go` (order).
    pub(super) fn accept<T: Document>(
        &self,
        offered: Offered,
        environment: &Environment,
        seen: &Seen,
    ) -> Result<Verified<T>, TrustError> {
        self.admit_size(&offered.bytes, environment)?;
        let digest = Digest::sha256(&offered.bytes);
        self.admit_hashes(&offered, digest)?;
        let document = self.verify(offered.bytes, digest, environment)?;
        seen.admit(self.role, self.keys, &document)?;
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

    fn admit_size(&self, bytes: &Bytes, environment: &Environment) -> Result<(), TrustError> {
        let (found, max) = (bytes.len() as u64, environment.limits.file_bytes(self.role.top()));
        if found > max {
            let source = MetadataError::Large { found, max };
            return Err(TrustError::Metadata { role: self.role.clone(), source });
        }
        self.listed.map_or(Ok(()), |(meta, listed_by)| admit_length(self.role, bytes, meta, listed_by))
    }

    fn admit_hashes(&self, offered: &Offered, digest: Digest) -> Result<(), TrustError> {
        let Some((meta, listed_by)) = self.listed else { return Ok(()) };
        let hashes = &meta.hashes;
        let named = hashes.sha256().ok_or(HashError::NoneKnown);
        let by_sha256 = |expected| {
            if expected == digest { Ok(()) } else { Err(HashError::Mismatch { expected, found: digest }) }
        };
        let checked = named.and_then(by_sha256).and_then(|()| match (offered.origin, hashes.sha512()) {
            (Origin::Fetched, Some(sha512)) => sha512.verify(&offered.bytes),
            _ => Ok(()),
        });
        checked.map_err(|source| TrustError::Hash { role: self.role.clone(), listed_by, source })
    }
}

/// Refuses a file of `role` that is longer than `meta` says, or has another hash than any that `meta` names.
pub(super) fn admit_listed(
    role: &RoleName,
    bytes: &Bytes,
    meta: &FileMeta,
    listed_by: &'static str,
) -> Result<(), TrustError> {
    admit_length(role, bytes, meta, listed_by)?;
    meta.hashes.verify(bytes).map_err(|source| TrustError::Hash { role: role.clone(), listed_by, source })
}

fn admit_length(
    role: &RoleName,
    bytes: &Bytes,
    meta: &FileMeta,
    listed_by: &'static str,
) -> Result<(), TrustError> {
    let (found, length) = (bytes.len() as u64, meta.length);
    if found > length {
        return Err(TrustError::Length { role: role.clone(), listed_by, found, length });
    }
    Ok(())
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
    Envelope::parse_hashed(bytes, digest, &environment.limits)
        .map_err(|source| TrustError::Metadata { role: role.clone(), source })
}
