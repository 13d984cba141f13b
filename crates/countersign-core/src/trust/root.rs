//! The root phase: which keys are the right ones.

use std::sync::Arc;

use bytes::Bytes;

use crate::digest::{Digest, HashError};
use crate::metadata::{Envelope, MetadataError, Root};
use crate::name::TopRole;
use crate::number::MetaVersion;
use crate::signature::{RoleKeys, Verified};
use crate::trust::anchor::Leaves;
use crate::trust::file::{envelope, unexpired};
use crate::trust::{Base, Environment, ListedFloors, Seen, SeenFile, TimestampPhase, TrustError};

/// A trusted root that may still be followed by newer ones.
#[derive(Clone, Debug)]
pub struct RootPhase(Base);

impl RootPhase {
    /// Trusts `bytes` as the first root that is ever seen here, if the pinning rules allow it.
    ///
    /// `bytes` is the newest root file. Pins and expiry are looked at when the phase is finished. Where `seen` knows a root
    /// there is no first use: only that very file is taken.
    ///
    /// # Errors
    /// - [`TrustError::NoPin`]: nothing is pinned and first use is switched off.
    /// - [`TrustError::Hash`]: `seen` knows another root.
    /// - [`TrustError::NoLeaf`], [`TrustError::Signature`]: its own certificates or signatures do not hold.
    ///
    /// Source: TUF 1.0.34 §5.2; notary `trustpinning/certs.go`.
    pub fn trust_first(environment: Arc<Environment>, bytes: Bytes, seen: Seen) -> Result<Self, TrustError> {
        environment.anchor.admit_first()?;
        match seen.file(&TopRole::Root.into()).cloned() {
            Some(remembered) => Self::trust_remembered(environment, bytes, seen, &remembered),
            None => Self::trust_cached(environment, bytes, seen),
        }
    }

    /// Trusts `bytes` as the root that was trusted before: it comes from the cache or from a server's store.
    ///
    /// It may have expired, and so may its certificates: it may still lead to a newer root.
    ///
    /// # Errors
    /// - [`TrustError::Rollback`], [`TrustError::Equivocation`]: `seen` knows a newer root, or another of this version.
    /// - [`TrustError::NoLeaf`], [`TrustError::Signature`]: its own certificates or signatures do not hold.
    pub fn trust_cached(
        environment: Arc<Environment>,
        bytes: Bytes,
        mut seen: Seen,
    ) -> Result<Self, TrustError> {
        let root = verify_by_itself(&environment, &parse(&environment, bytes)?, Leaves::Named)?;
        if let Some(floor) = seen.file(&TopRole::Root.into()) {
            floor.admit(&TopRole::Root.into(), &root)?;
        }
        seen.record(TopRole::Root.into(), &root);
        Ok(Self(Base { environment, root, seen, floors: ListedFloors::default() }))
    }

    /// Trusts `bytes` because it is the very file that `seen` remembers, although the cache lost it.
    ///
    /// # Errors
    /// - [`TrustError::Hash`]: it is another file.
    /// - As [`RootPhase::trust_cached`].
    pub fn trust_remembered(
        environment: Arc<Environment>,
        bytes: Bytes,
        seen: Seen,
        remembered: &SeenFile,
    ) -> Result<Self, TrustError> {
        let found = Digest::sha256(&bytes);
        if found != remembered.sha256 {
            let source = HashError::Mismatch { expected: remembered.sha256, found };
            return Err(TrustError::Hash {
                role: TopRole::Root.into(),
                listed_by: "record of trusted versions",
                source,
            });
        }
        Self::trust_cached(environment, bytes, seen)
    }

    /// Accepts `bytes` as the next root version and returns the phase that trusts it.
    ///
    /// Expiry is not looked at here: an expired root may still lead to a newer one (TUF 1.0.34 §5.3.6).
    ///
    /// # Errors
    /// - [`TrustError::VersionGap`]: its version is not exactly one more than the trusted one.
    /// - [`TrustError::Rotation`]: too few keys of the trusted root signed it.
    /// - [`TrustError::NoLeaf`], [`TrustError::Signature`]: its own certificates or signatures do not hold.
    ///
    /// Deviation: Notary skips versions when the old key signed the newest root (13 B4); test `s5_3_5_version_gap_is_rejected`.
    ///
    /// Source: TUF 1.0.34 §5.3.4, §5.3.5; notary `trustpinning/certs.go` (leaves of the previous root, expiry not checked).
    pub fn accept_root(mut self, bytes: Bytes) -> Result<Self, TrustError> {
        let trusted = self.0.root.version;
        let expected =
            trusted.next().map_err(|_| TrustError::VersionGap { offered: trusted, expected: trusted })?;
        self.0.root = follow(&self.0, bytes, expected)?;
        self.0.seen.record(TopRole::Root.into(), &self.0.root);
        Ok(self)
    }

    /// Accepts `bytes` as the published form of a root that was begun here, and of which nothing was ever seen published.
    ///
    /// Notary signs the first root twice: once when a collection is begun, into the cache, and once when it is published, with
    /// the same version. Only the caller knows that nothing was published yet; where something was, two roots of one
    /// version are an equivocation.
    ///
    /// # Errors
    /// - [`TrustError::VersionGap`]: it has another version.
    /// - [`TrustError::Rotation`]: too few keys of the trusted root signed it.
    /// - [`TrustError::NoLeaf`], [`TrustError::Signature`]: its own certificates or signatures do not hold.
    ///
    /// Source: notary `client/client.go` (`Initialize`, `Publish`); reference behaviour 6.6, 6.8.
    pub fn accept_published(mut self, bytes: Bytes) -> Result<Self, TrustError> {
        let trusted = self.0.root.version;
        self.0.root = follow(&self.0, bytes, trusted)?;
        self.0.seen.record(TopRole::Root.into(), &self.0.root);
        Ok(self)
    }

    /// The trusted root.
    pub fn root(&self) -> &Verified<Root> {
        &self.0.root
    }

    /// The version that would follow.
    pub fn next_version(&self) -> Option<MetaVersion> {
        self.0.root.version.next().ok()
    }

    /// Ends the phase: the trusted root is the newest one, and must hold now.
    ///
    /// # Errors
    /// - [`TrustError::Pin`]: its certificates do not match the pin.
    /// - [`TrustError::NoLeaf`], [`TrustError::Signature`]: not enough certificates are valid at this time.
    /// - [`TrustError::Expired`]: it expired.
    ///
    /// Source: TUF 1.0.34 §5.3.10; notary `trustpinning/certs.go`.
    pub fn finish_root(self) -> Result<TimestampPhase, TrustError> {
        let Base { environment, root, .. } = &self.0;
        let role = TopRole::Root.into();
        let envelope = parse(environment, root.bytes().clone())?;
        verify_by_itself(environment, &envelope, Leaves::ValidAndPinned)?;
        unexpired(&role, &**root, environment.start)?;
        Ok(TimestampPhase::new(self.0))
    }
}

/// Verifies a root of the version `expected` by the keys of the trusted root and by its own.
fn follow(base: &Base, bytes: Bytes, expected: MetaVersion) -> Result<Verified<Root>, TrustError> {
    let envelope = parse(&base.environment, bytes)?;
    let offered = envelope.claim::<Root>().map_err(malformed)?.version;
    if offered != expected {
        return Err(TrustError::VersionGap { offered, expected });
    }
    let previous = root_keys(&base.environment, &base.root, Leaves::Named)?;
    previous.verify::<Root>(&envelope).map_err(|source| TrustError::Rotation {
        offered,
        trusted: base.root.version,
        source,
    })?;
    verify_by_itself(&base.environment, &envelope, Leaves::Named)
}

fn parse(environment: &Environment, bytes: Bytes) -> Result<Envelope, TrustError> {
    let (found, max) = (bytes.len() as u64, environment.limits.root_bytes);
    if found > max {
        return Err(malformed(MetadataError::Large { found, max }));
    }
    let digest = Digest::sha256(&bytes);
    envelope(&TopRole::Root.into(), bytes, digest, environment)
}

fn malformed(source: MetadataError) -> TrustError {
    TrustError::Metadata { role: TopRole::Root.into(), source }
}

fn verify_by_itself(
    environment: &Environment,
    envelope: &Envelope,
    which: Leaves,
) -> Result<Verified<Root>, TrustError> {
    let claim: Root = envelope.claim().map_err(malformed)?;
    let verified = root_keys(environment, &claim, which)?.verify(envelope);
    verified.map_err(|source| TrustError::unverified(&TopRole::Root.into(), source))
}

fn root_keys(environment: &Environment, root: &Root, which: Leaves) -> Result<RoleKeys, TrustError> {
    environment.anchor.root_keys(root, which, environment.start)
}
