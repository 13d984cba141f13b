//! A proposal that was held against what is trusted: it can be looked at, signed and finished.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{Proposal, ProposalError};
use crate::author::signing::{message, sign_further};
use crate::author::{AuthorError, Draft, Edition, KeyRing};
use crate::key::KeyId;
use crate::metadata::{Document, Envelope, write_file};
use crate::name::{Gun, RoleName, TopRole};
use crate::signature::{RoleKeys, Signature};
use crate::time::{DateTime, UpdateStart, is_expired};
use crate::trust::{Anchor, TrustedCollection};

/// A proposal that is the next edition of a trusted collection.
///
/// It holds signatures only that count.
#[derive(Clone, Debug)]
pub struct OpenProposal {
    pub(super) gun: Gun,
    /// The root that is published.
    pub(super) root: Bytes,
    pub(super) before: Draft,
    pub(super) draft: Draft,
    pub(super) files: BTreeMap<RoleName, Pending>,
    /// Files that cannot be looked at here, and are passed on as they came.
    pub(super) carried: BTreeMap<RoleName, Bytes>,
}

/// A file that is being signed.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    message: Vec<u8>,
    signatures: Vec<Signature>,
    /// The keys that must sign, each group with its own threshold.
    groups: Vec<RoleKeys>,
}

/// How far the file of a role is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RoleStanding {
    /// The role.
    pub role: RoleName,
    /// For each group of keys that must sign: the role's keys; for a root with other keys, those of the root before it first.
    pub groups: Vec<Signatures>,
}

/// The signatures of one group of keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signatures {
    /// How many of the keys must sign.
    pub needed: usize,
    /// Canonical ids of the keys that have.
    pub signed: BTreeSet<KeyId>,
    /// Canonical ids of the keys that have not.
    pub missing: BTreeSet<KeyId>,
}

impl Signatures {
    /// Whether enough have signed.
    pub fn is_met(&self) -> bool {
        self.signed.len() >= self.needed
    }
}

impl RoleStanding {
    /// Whether enough keys of every group have signed.
    pub fn is_met(&self) -> bool {
        self.groups.iter().all(Signatures::is_met)
    }
}

impl Proposal {
    /// Holds the proposal against what is trusted: it is for that collection, exactly one version after it, of documents that
    /// could have been written here, and not over at the collection's time. Signatures that count for nothing are dropped.
    ///
    /// # Errors
    /// [`ProposalError`]: it is not for signing.
    pub fn open(&self, collection: &TrustedCollection) -> Result<OpenProposal, ProposalError> {
        let environment = collection.environment();
        if !matches!(&environment.anchor, Anchor::Certificates { gun, .. } if *gun == self.gun) {
            return Err(ProposalError::OtherCollection(self.gun.clone()));
        }
        let before = Draft::of(collection);
        let mut draft = before.clone();
        let mut files = BTreeMap::new();
        // A role's parents come before it: root and targets first, then delegations by their names.
        for (role, file) in &self.files {
            let unusable = |source| ProposalError::Metadata { role: role.clone(), source };
            let envelope = Envelope::parse(file.clone(), &environment.limits).map_err(unusable)?;
            match role.top() {
                Some(TopRole::Root) => {
                    draft.take_root(document(role, &envelope, environment.start)?, environment)?;
                }
                Some(TopRole::Targets) | None => {
                    draft.take_targets(role, document(role, &envelope, environment.start)?)?;
                }
                Some(TopRole::Snapshot | TopRole::Timestamp) => {
                    return Err(ProposalError::NotProposable(role.clone()));
                }
            }
            files.insert(role.clone(), envelope);
        }
        let pending = |(role, envelope)| pending(&draft, role, &envelope);
        let files = files.into_iter().map(pending).collect::<Result<_, _>>()?;
        let root = collection.root().bytes().clone();
        Ok(OpenProposal { gun: self.gun.clone(), root, before, draft, files, carried: BTreeMap::new() })
    }
}

impl OpenProposal {
    /// The collection as it would be.
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// The collection as it is.
    pub fn before(&self) -> &Draft {
        &self.before
    }

    /// How far each file is.
    pub fn standing(&self) -> Vec<RoleStanding> {
        self.files.iter().map(|(role, file)| file.standing(role)).collect()
    }

    /// Whether every file has its signatures. What is missing then is the snapshot.
    pub fn is_complete(&self) -> bool {
        self.carried.is_empty() && self.standing().iter().all(RoleStanding::is_met)
    }

    /// The roles whose files are proposed.
    pub fn roles(&self) -> BTreeSet<RoleName> {
        self.files.keys().cloned().collect()
    }

    /// Canonical ids of the keys that may sign the files of `roles` and have not yet.
    pub fn wanted_keys(&self, roles: &BTreeSet<RoleName>) -> BTreeSet<KeyId> {
        let standing = self.standing().into_iter().filter(|standing| roles.contains(&standing.role));
        standing.flat_map(|role| role.groups).flat_map(|group| group.missing).collect()
    }

    /// Canonical ids of the keys that could sign the snapshot.
    pub fn snapshot_keys(&self) -> BTreeSet<KeyId> {
        self.draft.root().role_keys(TopRole::Snapshot).canonical_ids()
    }

    /// Goes on with what `draft` changes, too: a role that is proposed already must say just that, as the version that `draft` would
    /// have, and about as long as that would; others are added, without signatures.
    ///
    /// Whoever asks for this has not looked at the proposal. It is written at another moment than theirs, so its expiry may be
    /// earlier than what they would write at `now`, as long as a tenth of that time is left, and at most a day later, for clocks
    /// that disagree.
    ///
    /// # Errors
    /// - [`ProposalError::Another`]: a role is proposed to say something else.
    /// - [`ProposalError::Overtaken`]: a role is proposed in another version.
    /// - [`ProposalError::TooLong`], [`ProposalError::TooShort`]: a role is proposed to be valid for another time.
    /// - [`ProposalError::Author`]: a role cannot be written.
    ///
    /// Whatever differs, nothing was added.
    pub fn absorb(&mut self, draft: &Draft, now: DateTime) -> Result<(), ProposalError> {
        let (proposed, further): (Vec<_>, Vec<_>) =
            draft.dirty().iter().cloned().partition(|role| self.files.contains_key(role));
        proposed.iter().try_for_each(|role| self.draft.admit_same(draft, role, now))?;
        for role in further {
            let message = self.draft.write_as(draft, &role, now)?;
            let groups = self.draft.groups(&role);
            self.files.insert(role, Pending { message, signatures: Vec::new(), groups });
        }
        Ok(())
    }

    /// Adds the signatures of every key that `ring` holds to the files of `roles`, where it has not signed yet.
    ///
    /// # Errors
    /// [`AuthorError::Sign`]: a key is not usable.
    pub fn sign(&mut self, ring: &KeyRing, roles: &BTreeSet<RoleName>) -> Result<(), AuthorError> {
        for (role, file) in self.files.iter_mut().filter(|(role, _)| roles.contains(*role)) {
            sign_further(role, &file.message, &file.groups, ring, &mut file.signatures)?;
        }
        Ok(())
    }

    /// Adds the signatures of `other`, which proposes the same.
    ///
    /// # Errors
    /// [`ProposalError::Another`]: it proposes something else. Nothing was added.
    pub fn merge(&mut self, other: &Self) -> Result<(), ProposalError> {
        match self.files.keys().find(|role| !other.files.contains_key(*role)) {
            Some(role) => Err(ProposalError::Another { role: role.clone() }),
            None => self.adopt(other),
        }
    }

    /// Adds the signatures of `other`, all of which is proposed here, too, as far as they count here.
    ///
    /// # Errors
    /// [`ProposalError::Another`]: it proposes something else, or more. Nothing was added.
    pub fn adopt(&mut self, other: &Self) -> Result<(), ProposalError> {
        let same = |(role, theirs): &(&RoleName, &Pending)| {
            self.files.get(*role).is_some_and(|file| file.message == theirs.message)
        };
        if let Some((role, _)) = other.files.iter().find(|theirs| !same(theirs)) {
            return Err(ProposalError::Another { role: role.clone() });
        }
        for (role, theirs) in &other.files {
            let Some(file) = self.files.get_mut(role) else { continue };
            for signature in &theirs.signatures {
                if !file.has(signature) && file.counts(signature) {
                    file.signatures.push(signature.clone());
                }
            }
        }
        Ok(())
    }

    /// The proposal with the signatures that there are.
    pub fn to_proposal(&self) -> Proposal {
        let carried = self.carried.iter().map(|(role, file)| (role.clone(), file.clone()));
        let files = self.signed_files().into_iter().chain(carried).collect();
        Proposal::new(self.gun.clone(), self.root.clone(), files)
    }

    /// The files of one upload, with the snapshot if `ring` holds its key.
    ///
    /// # Errors
    /// [`AuthorError::MissingKeys`]: signatures are missing.
    pub fn finish(mut self, ring: &KeyRing, now: DateTime) -> Result<Edition, AuthorError> {
        for RoleStanding { role, groups } in self.standing() {
            if let Some(short) = groups.into_iter().find(|group| !group.is_met()) {
                let (needed, found) = (short.needed, short.signed.len());
                let missing = short.missing.into_iter().collect();
                return Err(AuthorError::MissingKeys { role, needed, found, missing });
            }
        }
        let mut files = self.signed_files();
        if let Some(snapshot) = self.draft.sign_snapshot(&files, ring, now)? {
            files.insert(TopRole::Snapshot.into(), snapshot);
        }
        Ok(Edition { files, unpurged: BTreeSet::new() })
    }

    fn signed_files(&self) -> BTreeMap<RoleName, Bytes> {
        let file = |file: &Pending| Bytes::from(write_file(&file.message, &file.signatures));
        self.files.iter().map(|(role, pending)| (role.clone(), file(pending))).collect()
    }
}

impl Pending {
    fn has(&self, signature: &Signature) -> bool {
        self.signatures.iter().any(|known| known.keyid == signature.keyid)
    }

    fn counts(&self, signature: &Signature) -> bool {
        self.groups.iter().any(|group| group.counts(signature, &self.message))
    }

    fn standing(&self, role: &RoleName) -> RoleStanding {
        let mut groups: Vec<Signatures> = Vec::new();
        for keys in &self.groups {
            let by = |id: &KeyId| {
                self.signatures.iter().any(|signature| KeyId::of_listed(&signature.keyid) == *id)
            };
            let listed = keys.keys().iter().filter(|(id, _)| by(id));
            let signed: BTreeSet<_> = listed.filter_map(|(_, key)| key.canonical_id().ok()).collect();
            let missing = keys.canonical_ids().difference(&signed).copied().collect();
            let group = Signatures { needed: keys.threshold().get(), signed, missing };
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        RoleStanding { role: role.clone(), groups }
    }
}

/// A file with the signatures that count, and who must sign.
pub(super) fn pending(
    draft: &Draft,
    role: RoleName,
    envelope: &Envelope,
) -> Result<(RoleName, Pending), ProposalError> {
    let groups = draft.groups(&role);
    if groups.is_empty() {
        return Err(AuthorError::UnknownRole(role).into());
    }
    let mut signatures: Vec<Signature> = Vec::new();
    for group in &groups {
        let counted = group.counted(envelope);
        let counted = counted.map_err(|source| ProposalError::Signatures { role: role.clone(), source })?;
        let fresh = counted.into_iter().map(|(_, signature)| signature);
        let fresh: Vec<_> = fresh.filter(|signature| !signatures.contains(signature)).cloned().collect();
        signatures.extend(fresh);
    }
    Ok((role, Pending { message: envelope.message().to_vec(), signatures, groups }))
}

/// The document of a file, if it has the form in which it would be written here, and is not over.
pub(super) fn document<T: Document>(
    role: &RoleName,
    envelope: &Envelope,
    start: UpdateStart,
) -> Result<T, ProposalError> {
    let claim = envelope.claim::<T>();
    let document = claim.map_err(|source| ProposalError::Metadata { role: role.clone(), source })?;
    if message(&document) != envelope.message() {
        return Err(ProposalError::Form { role: role.clone() });
    }
    if is_expired(document.expires(), start) {
        return Err(ProposalError::Expired { role: role.clone(), expires: document.expires() });
    }
    Ok(document)
}
