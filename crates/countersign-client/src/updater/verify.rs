//! The phases of the core, fed with files: those at hand first, then those that have to be fetched.

use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::trust::{
    DelegationsPhase, Offered, Origin, RootPhase, SnapshotPhase, TargetsPhase, TimestampPhase, TrustError,
    TrustedCollection,
};
use futures_util::future::join_all;

use super::run::Run;
use super::{Roles, UpdateError};

impl Run<'_> {
    /// Takes a root and a timestamp through all phases.
    pub(super) async fn verify(
        &mut self,
        root: RootPhase,
        timestamp: &Offered,
    ) -> Result<TrustedCollection, UpdateError> {
        self.trace.clear();
        let is_cached = self.cached_file(TopRole::Root) == Some(root.root().bytes());
        let origin = if is_cached { Origin::Cached } else { Origin::Fetched };
        let mut phase = root.finish_root()?;
        let keys = phase.root().role_keys(TopRole::Root);
        self.trace.accepted(TopRole::Root.into(), phase.root(), &keys, origin);
        if timestamp.origin != Origin::Cached {
            self.raise_floors(&mut phase);
        }
        let phase = phase.accept_timestamp(timestamp.clone())?;
        let keys = phase.root().role_keys(TopRole::Timestamp);
        self.trace.accepted(TopRole::Timestamp.into(), phase.timestamp(), &keys, timestamp.origin);
        let phase = self.snapshot(phase).await?;
        let phase = self.targets(phase).await?;
        let phase = self.delegations(phase).await?;
        Ok(phase.finish())
    }

    /// Takes cached files that may be superseded now as floors against rollback, as far as they aren't recorded as such.
    fn raise_floors(&self, phase: &mut TimestampPhase) {
        for role in [TopRole::Timestamp, TopRole::Snapshot, TopRole::Targets] {
            if let Some(bytes) = self.unrecorded(&role.into()) {
                phase.remember(role, bytes);
            }
        }
    }

    /// The cached file of `role`, unless it is the very one that is recorded as seen.
    pub(super) fn unrecorded(&self, role: &RoleName) -> Option<Bytes> {
        let bytes = self.cached.files.get(role)?;
        let recorded = self.cached.seen.file(role).is_some_and(|seen| seen.sha256 == Digest::sha256(bytes));
        (!recorded).then(|| bytes.clone())
    }

    async fn snapshot(&mut self, phase: SnapshotPhase) -> Result<TargetsPhase, UpdateError> {
        let role = RoleName::from(TopRole::Snapshot);
        let accept = |offered| phase.clone().accept_snapshot(offered);
        let mut found = self.among_those_at_hand(&role, accept);
        if found.is_none() {
            let guesses: Vec<_> = [TopRole::Targets.into(), RoleName::releases()]
                .into_iter()
                .filter(|role| self.is_worth_a_guess(role))
                .collect();
            let guesses = join_all(guesses.into_iter().map(|role| self.guess(role)));
            let wanted = self.fetch_listed(&role, phase.wanted());
            let (wanted, guesses) = tokio::join!(wanted, guesses);
            for (role, bytes) in guesses.into_iter().flatten() {
                self.keep(role, bytes);
            }
            let bytes = wanted?;
            self.keep(role.clone(), bytes.clone());
            found = Some((self.offer(accept, Offered::fetched(bytes)), Origin::Fetched));
        }
        let Some((outcome, origin)) = found else { return Err(UpdateError::Overtaken) };
        let phase = outcome?;
        let keys = phase.root().role_keys(TopRole::Snapshot);
        self.trace.accepted(role, phase.snapshot(), &keys, origin);
        Ok(phase)
    }

    async fn targets(&mut self, phase: TargetsPhase) -> Result<DelegationsPhase, UpdateError> {
        let role = RoleName::from(TopRole::Targets);
        let accept = |offered| phase.clone().accept_targets(offered);
        let mut found = self.among_those_at_hand(&role, accept);
        if found.is_none() {
            let listed = phase.wanted(&role).ok_or_else(|| TrustError::NotInSnapshot(role.clone()))?;
            // The releases are fetched along with the targets, so that they need no round of their own.
            let releases = RoleName::releases();
            let also = phase.wanted(&releases).filter(|meta| !self.has(&releases, meta.hashes.sha256()));
            let also = async {
                match also {
                    Some(meta) => self.fetch_listed(&releases, meta).await.ok(),
                    None => None,
                }
            };
            let (wanted, also) = tokio::join!(self.fetch_listed(&role, listed), also);
            if let Some(bytes) = also {
                self.keep(releases, bytes);
            }
            let bytes = wanted?;
            self.keep(role.clone(), bytes.clone());
            found = Some((self.offer(accept, Offered::fetched(bytes)), Origin::Fetched));
        }
        let Some((outcome, origin)) = found else { return Err(UpdateError::Overtaken) };
        let phase = outcome?;
        if let Some(targets) = phase.targets(&role) {
            let keys = phase.root().role_keys(TopRole::Targets);
            self.trace.accepted(role, targets, &keys, origin);
        }
        Ok(phase)
    }

    /// Offers the files at hand until one is the wanted one: accepted, or refused for another reason than its hash.
    pub(super) fn among_those_at_hand<T>(
        &self,
        role: &RoleName,
        mut accept: impl FnMut(Offered) -> Result<T, TrustError>,
    ) -> Option<(Result<T, TrustError>, Origin)> {
        self.at_hand(role).into_iter().find_map(|offered| {
            let origin = offered.origin;
            match self.offer(&mut accept, offered) {
                Err(TrustError::Hash { .. } | TrustError::Length { .. }) => None,
                outcome => Some((outcome, origin)),
            }
        })
    }

    /// Offers one file. For writing the next edition, one that has only expired will do.
    pub(super) fn offer<T>(
        &self,
        mut accept: impl FnMut(Offered) -> Result<T, TrustError>,
        offered: Offered,
    ) -> Result<T, TrustError> {
        let again = (self.roles == Roles::Publish).then(|| offered.bytes.clone());
        match (accept(offered), again) {
            (Err(TrustError::Expired { .. }), Some(bytes)) => accept(Offered::stored(bytes)),
            (outcome, _) => outcome,
        }
    }

    /// Whether the newest file of `role` is asked for before it is known which one is wanted.
    fn is_worth_a_guess(&self, role: &RoleName) -> bool {
        let is_known = !role.is_delegation() || self.cached.files.contains_key(role);
        self.offline.is_none() && is_known && !self.fetched.contains_key(role)
    }

    /// Whether the file with this digest is at hand.
    pub(super) fn has(&self, role: &RoleName, sha256: Option<Digest>) -> bool {
        self.at_hand(role).iter().any(|offered| sha256 == Some(Digest::sha256(&offered.bytes)))
    }
}
