//! Loading delegated roles: Docker's one, or all of them, a level at a time.

use std::collections::BTreeSet;

use bytes::Bytes;
use countersign_core::metadata::FileMeta;
use countersign_core::name::RoleName;
use countersign_core::trust::{DelegationsPhase, Offered, Origin, Standing, TrustError, Unsigned};
use futures_util::StreamExt as _;
use futures_util::stream;

use super::run::Run;
use super::{DelegationFault, Releases, Roles, Skipped, UpdateError, Warning};
use crate::remote::FetchError;

/// How many delegated files are fetched at once.
const AT_ONCE: usize = 8;

impl Run<'_> {
    /// Loads the delegated roles that the caller asked for.
    pub(super) async fn delegations(
        &mut self,
        mut phase: DelegationsPhase,
    ) -> Result<DelegationsPhase, UpdateError> {
        match self.roles {
            Roles::Pull => {
                self.releases(&mut phase).await?;
                self.signed_by(&mut phase).await?;
            }
            Roles::All | Roles::Publish => self.all_delegations(&mut phase).await?,
        }
        Ok(phase)
    }

    async fn releases(&mut self, phase: &mut DelegationsPhase) -> Result<(), UpdateError> {
        let role = RoleName::releases();
        let source = match phase.standing(&role).map(|standing| Published::of(&standing)) {
            Ok(Published::No) => return Ok(()),
            Ok(Published::NotYet) => DelegationFault::Unpublished,
            Ok(Published::As(listed)) => match self.delegation(phase, &role, &listed, None).await {
                Ok(()) => return Ok(()),
                Err(fault) => fault,
            },
            Err(error) => error.into(),
        };
        match self.settings.releases {
            Releases::Required => Err(UpdateError::Releases { role, source }),
            Releases::MayFallBack => {
                self.warnings.push(Warning::FellBack { role, source });
                Ok(())
            }
        }
    }

    /// Loads the roles that must have signed, and those above them, a level at a time. One that is not delegated signs nothing,
    /// which the lookup of each name will tell.
    async fn signed_by(&mut self, phase: &mut DelegationsPhase) -> Result<(), UpdateError> {
        let mut wanted: BTreeSet<RoleName> = BTreeSet::new();
        for role in &self.settings.demands.signed_by {
            let mut next = Some(role.clone());
            while let Some(role) = next.filter(RoleName::is_delegation) {
                next = role.parent();
                wanted.insert(role);
            }
        }
        loop {
            let mut level = Vec::new();
            for role in phase.unloaded().into_iter().filter(|role| wanted.contains(role)) {
                let failed = |source| UpdateError::SignedBy { role: role.clone(), source };
                match phase.standing(&role).map(|standing| Published::of(&standing)) {
                    Ok(Published::As(listed)) => level.push((role, listed)),
                    Ok(Published::NotYet) => return Err(failed(DelegationFault::Unpublished)),
                    Ok(Published::No) => {}
                    Err(error) => return Err(failed(error.into())),
                }
            }
            if level.is_empty() {
                return Ok(());
            }
            let names: Vec<_> = level.iter().map(|(role, _)| role.clone()).collect();
            self.load_cached(&names).await?;
            for (role, listed, fetched) in self.fetch_level(level).await {
                let loaded = self.delegation(phase, &role, &listed, fetched).await;
                loaded.map_err(|source| UpdateError::SignedBy { role, source })?;
            }
        }
    }

    async fn all_delegations(&mut self, phase: &mut DelegationsPhase) -> Result<(), UpdateError> {
        let mut met = BTreeSet::new();
        loop {
            let level: Vec<_> =
                phase.unloaded().into_iter().filter(|role| met.insert(role.clone())).collect();
            if level.is_empty() {
                return Ok(());
            }
            self.load_cached(&level).await?;
            let mut published = Vec::new();
            for role in level {
                match phase.standing(&role).map(|standing| Published::of(&standing)) {
                    Ok(Published::As(listed)) => published.push((role, listed)),
                    Ok(Published::No | Published::NotYet) => {}
                    Err(error) => self.skip(role, error.into(), None),
                }
            }
            for (role, listed, fetched) in self.fetch_level(published).await {
                if let Err(fault) = self.delegation(phase, &role, &listed, fetched).await {
                    let unsigned = self.unsigned(phase, &role, &fault);
                    self.skip(role, fault, unsigned);
                }
            }
        }
    }

    /// Loads one delegated role, from what is at hand or by fetching it.
    async fn delegation(
        &mut self,
        phase: &mut DelegationsPhase,
        role: &RoleName,
        listed: &FileMeta,
        fetched: Option<Result<Bytes, UpdateError>>,
    ) -> Result<(), DelegationFault> {
        if let Some(bytes) = self.unrecorded(role) {
            phase.remember(role, bytes);
        }
        let accept = |offered| phase.accept_delegation(role, offered);
        let (outcome, origin) = if let Some(found) = self.among_those_at_hand(role, accept) {
            found
        } else {
            let answer = match fetched {
                Some(answer) => answer,
                None => self.fetch_listed(role, listed).await,
            };
            let bytes = answer.map_err(fault)?;
            self.keep(role.clone(), bytes.clone());
            let accept = |offered| phase.accept_delegation(role, offered);
            (self.offer(accept, Offered::fetched(bytes)), Origin::Fetched)
        };
        outcome?;
        if let Some((targets, keys)) = phase.targets(role).zip(phase.role_keys(role)) {
            self.trace.accepted(role.clone(), targets, &keys, origin);
        }
        Ok(())
    }

    /// Fetches those files of one level that are not at hand.
    async fn fetch_level(
        &self,
        level: Vec<(RoleName, FileMeta)>,
    ) -> Vec<(RoleName, FileMeta, Option<Result<Bytes, UpdateError>>)> {
        let answers = level.into_iter().map(|(role, listed)| async move {
            let is_at_hand = self.has(&role, listed.hashes.sha256());
            let fetched = if is_at_hand { None } else { Some(self.fetch_listed(&role, &listed).await) };
            (role, listed, fetched)
        });
        stream::iter(answers).buffered(AT_ONCE).collect().await
    }

    /// Reads the cached files of roles that were not known at the start.
    async fn load_cached(&mut self, roles: &[RoleName]) -> Result<(), UpdateError> {
        let unread: Vec<_> =
            roles.iter().filter(|role| !self.cached.files.contains_key(*role)).cloned().collect();
        if !unread.is_empty() {
            let more = self.cache.load(&self.settings.gun, &unread, &self.settings.limits).await?;
            self.cached.files.extend(more.files);
        }
        Ok(())
    }

    /// What a role says whose fault is that it lacks signatures.
    fn unsigned(
        &self,
        phase: &DelegationsPhase,
        role: &RoleName,
        fault: &DelegationFault,
    ) -> Option<Unsigned> {
        let DelegationFault::Untrusted(TrustError::Signature { .. }) = fault else { return None };
        self.at_hand(role).into_iter().find_map(|offered| phase.unsigned(role, offered.bytes).ok())
    }

    fn skip(&mut self, role: RoleName, source: DelegationFault, unsigned: Option<Unsigned>) {
        self.skipped.push(Skipped { role, source, unsigned: unsigned.map(Box::new) });
    }
}

/// A standing that outlives the phase it was asked of.
enum Published {
    No,
    NotYet,
    As(FileMeta),
}

impl Published {
    fn of(standing: &Standing<'_>) -> Self {
        match standing {
            Standing::NotDelegated => Self::No,
            Standing::Unpublished => Self::NotYet,
            Standing::Published(meta) => Self::As((*meta).clone()),
        }
    }
}

fn fault(error: UpdateError) -> DelegationFault {
    match error {
        UpdateError::Fetch { source, .. } => DelegationFault::Fetch(source),
        UpdateError::Untrusted(error) => DelegationFault::Untrusted(error),
        other => {
            DelegationFault::Fetch(FetchError::BadAnswer { server: String::new(), reason: other.to_string() })
        }
    }
}
