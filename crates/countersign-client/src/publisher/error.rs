//! Why nothing was published.

mod text;

use countersign_core::author::{AuthorError, ProposalError};
use countersign_core::certificate::CertificateError;
use countersign_core::key::KeyId;
use countersign_core::name::{Gun, RoleName, TargetName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::time::DateTime;
use countersign_core::trust::TrustError;
use thiserror::Error;

use self::text::{change_text, ends, ids, names, signer, wanted, without_root_keys};

use super::proposal::Proposed;
use super::witness::Lacks;
use crate::cache::CacheError;
use crate::changelist::ChangeListError;
use crate::keystore::KeyStoreError;
use crate::lookup::LookupError;
use crate::remote::{FetchError, PublishError};
use crate::updater::{Skipped, UpdateError};

/// A publication that did not happen. Nothing was published, and nothing that was trusted before has changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PublisherError {
    /// What is there now could not be had, so that there is nothing to base a change on.
    #[error("what is published now cannot be had; nothing was published")]
    Update(#[source] UpdateError),
    /// The collection exists already.
    #[error("`{0}` is already initialised; nothing was changed")]
    Exists(Gun),
    /// Somebody else published the collection for the first time while it was made here.
    #[error(
        "somebody else published this collection first; nothing was published, and what was made here is dropped"
    )]
    PublishedByAnother,
    /// Others were faster each time.
    #[error("others published first, {attempts} times in a row; nothing was published")]
    Conflict {
        /// How often it was tried.
        attempts: usize,
    },
    /// The server did not take the upload.
    #[error("the upload was not taken")]
    Upload(#[source] PublishError),
    /// The server did not delete the collection.
    #[error("the collection was not deleted")]
    Delete(#[source] FetchError),
    /// The server did not give its public key.
    #[error("the server's {role} key cannot be fetched; nothing was published")]
    ServerKey {
        /// The role.
        role: TopRole,
        /// Why.
        source: FetchError,
    },
    /// A change that cannot be applied.
    #[error("{}nothing was published", change_text(file.as_deref()))]
    Change {
        /// The file in which it is staged, if it is.
        file: Option<String>,
        /// Why.
        source: AuthorError,
    },
    /// The next edition cannot be signed.
    #[error("the next edition cannot be signed; nothing was published")]
    Sign(#[source] AuthorError),
    /// More signatures are needed than there are keys here. What there is was left as a proposal, for others to sign.
    #[error("`{}` is not published yet: {}", .0.gun, .0.wanting())]
    Proposed(Box<Proposed>),
    /// Another proposal of the collection waits for signatures.
    #[error(
        "another change of `{gun}` waits for signatures, and says something else; nothing was published or proposed"
    )]
    OtherProposal {
        /// The collection.
        gun: Gun,
        /// What differs.
        source: ProposalError,
    },
    /// Another proposal is kept here, and would be lost if this one were signed or published.
    #[error(
        "the proposal of {} that is kept here for `{gun}` would be lost for another one, of {}: they differ in `{differs}`; nothing \
         was signed",
        names(kept),
        names(other)
    )]
    KeptProposal {
        /// The collection.
        gun: Gun,
        /// The roles whose files the one proposes that is kept here.
        kept: Vec<RoleName>,
        /// The roles of the one that was to be signed.
        other: Vec<RoleName>,
        /// The first role of which they do not say the same.
        differs: RoleName,
    },
    /// The same change of the collection waits for signatures, and would not be signed unseen: it is for another time.
    #[error(
        "the same change of `{gun}` waits for signatures, and is not to be signed without a look at it; nothing was signed, published \
         or proposed"
    )]
    UnusualProposal {
        /// The collection.
        gun: Gun,
        /// What differs.
        source: ProposalError,
    },
    /// No proposal of the collection waits for signatures.
    #[error("nothing of `{gun}` waits for signatures")]
    NothingProposed {
        /// The collection.
        gun: Gun,
        /// Why the proposal that is here is for nothing; absent if there is none.
        source: Option<ProposalError>,
    },
    /// A proposal that is not for signing.
    #[error("the proposal cannot be used; nothing was signed")]
    Proposal(#[from] ProposalError),
    /// The proposal that the server keeps cannot be had, or cannot be withdrawn.
    #[error("the server's proposal cannot be had; nothing was changed")]
    ServersProposal(#[source] FetchError),
    /// No key that is here could add a signature to a proposal.
    #[error("no key that is here can add a signature: {}; nothing was signed", .0.wanting())]
    NothingToSign(Box<Proposed>),
    /// Delegations whose files are missing or over would lose what they say.
    #[error(
        "what {} says of `{gun}` is not here or has expired, and would be lost; nothing was changed",
        names(roles)
    )]
    WouldLose {
        /// The collection.
        gun: Gun,
        /// The delegations.
        roles: Vec<RoleName>,
    },
    /// Somebody published while it was decided what to sign again.
    #[error("`{role}` has changed since it was looked at; it was not signed again")]
    ChangedSinceShown {
        /// The role.
        role: RoleName,
    },
    /// A key that was taken out of a role is in it again.
    #[error("somebody has put the key back into `{role}` meanwhile")]
    PutBack {
        /// The role.
        role: RoleName,
    },
    /// Nobody whose key is here could sign again what is released.
    #[error(
        "no other key of `{role}` is here to sign it again, and without that nothing can be pulled; nothing was changed"
    )]
    NobodyLeft {
        /// The role.
        role: RoleName,
    },
    /// A key that a role is to lose and doesn't have.
    #[error("key {key} is no key of {role}; nothing was proposed")]
    NotAKeyOf {
        /// The key.
        key: KeyId,
        /// The role.
        role: TopRole,
    },
    /// No private key of any role that may sign the tag is here.
    #[error("no private key that may sign `{}` is here; keys that may: {}", tag.as_str().escape_default(), wanted(roles))]
    NoSigningKeys {
        /// The tag.
        tag: TargetName,
        /// The roles that may sign it, with canonical ids of their keys.
        roles: Vec<(RoleName, Vec<KeyId>)>,
    },
    /// A delegated role that would have to be signed again could not be loaded.
    #[error(
        "`{role}` cannot be loaded ({fault}), and signing it anew would lose what it says; nothing was published"
    )]
    Delegation {
        /// The role.
        role: RoleName,
        /// Why it cannot be loaded.
        fault: String,
        /// What it lacks, if somebody who has a key of it can set that right.
        lacks: Option<Lacks>,
    },
    /// A role is to be signed again as it is, and there is no file of it.
    #[error("there is no file of `{role}` any more that could be signed again; nothing was published")]
    NothingToWitness {
        /// The role.
        role: RoleName,
    },
    /// The server has to hold the snapshot key, which takes the root key, and that is not here.
    #[error(
        "others can sign only when the server holds the snapshot key, and to give it to the server takes the root key, which is not \
         here ({}); nothing was changed",
        ids(root_keys)
    )]
    HandOver {
        /// Canonical ids of the root keys.
        root_keys: Vec<KeyId>,
    },
    /// A signer that the collection does not have.
    #[error("no signer `{}`; nothing was changed", signer(.0))]
    NoSuchSigner(RoleName),
    /// Without this signer nothing could be pulled.
    #[error("`{}` alone signed what is released, and without that nothing can be pulled; nothing was changed", signer(.0))]
    LastSigner(RoleName),
    /// What is left of a collection was checked and is not what its keys signed.
    #[error("what is left of `{0}` is not trusted; nothing was published")]
    Remains(Gun, #[source] TrustError),
    /// What is left of a collection is of different times.
    #[error("`{role}` is not the file that the snapshot lists; nothing was published")]
    MixedRemains {
        /// The role.
        role: RoleName,
    },
    /// What is left of a collection has expired.
    #[error(
        "what is left of `{gun}` has expired, and would be signed anew ({}); nothing was published",
        ends(files)
    )]
    ExpiredRemains {
        /// The collection.
        gun: Gun,
        /// What has: role, version, and when it did.
        files: Vec<(RoleName, MetaVersion, DateTime)>,
    },
    /// There is nothing left of what a collection says.
    #[error("no targets file of `{0}` is left; nothing was published")]
    NoTargets(Gun),
    /// A collection with a longer past than a server can be brought to.
    #[error("the root has more than {max} versions, which a server takes one by one; nothing was published")]
    TooManyRoots {
        /// Most that are published.
        max: u64,
    },
    /// No tag is signed.
    #[error("no signed tags to remove")]
    NothingSigned,
    /// A tag would go on meaning something after it was revoked.
    #[error(
        "`{}` is signed by {} too, whose key is not here, and would go on meaning what that says; nothing was revoked",
        tag.as_str().escape_default(), names(roles)
    )]
    StillSigned {
        /// The tag.
        tag: TargetName,
        /// The roles that say what it means.
        roles: Vec<RoleName>,
    },
    /// The tag does not mean anything.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The key that was chosen as root key is none.
    #[error("key {key} is not a root key in the key store")]
    NotARootKey {
        /// The key.
        key: KeyId,
    },
    /// The keys are to change of a collection that isn't there.
    #[error("`{0}` is not initialised; no keys were changed")]
    NoCollection(Gun),
    /// Keys are to change, and the root keys that must sign that are not here.
    #[error("{}", without_root_keys(*needed, missing))]
    NoRootKeys {
        /// How many root keys must sign.
        needed: usize,
        /// Canonical ids of those that are not here.
        missing: Vec<KeyId>,
    },
    /// Somebody else has replaced the keys that were to be recovered.
    #[error("somebody else has replaced the {role} keys meanwhile; nothing was published")]
    RecoveredByAnother {
        /// The role.
        role: TopRole,
    },
    /// Several keys must sign for a role, so that one that is not here may be with somebody else.
    #[error(
        "{threshold} keys must sign for {role}, and which of them are lost cannot be known here; nothing was changed"
    )]
    Several {
        /// The role.
        role: TopRole,
        /// How many must sign.
        threshold: usize,
    },
    /// The root keys are to be replaced because they are lost, and they are here.
    #[error("the root keys are here ({}), and not lost; nothing was changed", ids(keys))]
    RootKeysHere {
        /// Their canonical ids.
        keys: Vec<KeyId>,
    },
    /// The server has something else than what was looked at.
    #[error(
        "the server has another edition of `{0}` than the one that was verified here; nothing was deleted or published"
    )]
    ChangedMeanwhile(Gun),
    /// A recovery from a lost root was begun with another key than the one that is named.
    #[error(
        "this was begun with the root key {}, and goes on with no other; nothing was changed",
        ids(begun)
    )]
    BegunWithAnother {
        /// Canonical ids of the root keys that it was begun with.
        begun: Vec<KeyId>,
    },
    /// Somebody else has published the collection under a root of theirs.
    #[error("somebody else has published `{0}` under another root meanwhile; it was left as it is")]
    AnotherRoot(Gun),
    /// What is published cannot be used, and nothing else is left of the collection here.
    #[error("what is published of `{0}` cannot be used, and nothing is cached of it; nothing was changed")]
    NothingLeft(Gun),
    /// A key that was chosen for a role and is here for something else.
    #[error("key {key} is here for role `{}`, not for `{role}`; no keys were changed", found.escape_default())]
    OtherRole {
        /// The key.
        key: KeyId,
        /// The role that it was chosen for.
        role: TopRole,
        /// The role that it is here for.
        found: String,
    },
    /// A delegation would be left with fewer keys than its threshold.
    #[error(
        "`{role}` would be left with {keys} keys, and {threshold} must sign for it; no keys were changed"
    )]
    TooFewKeys {
        /// The role.
        role: RoleName,
        /// The keys that would be left.
        keys: usize,
        /// How many must sign.
        threshold: usize,
    },
    /// An older root, whose keys were to sign as well, could not be had.
    #[error("root version {version} cannot be had; no keys were changed")]
    OlderRoot {
        /// The version.
        version: u64,
        /// Why.
        source: FetchError,
    },
    /// The certificate that was given for the root key cannot be used.
    #[error("the root certificate cannot be used for `{gun}`: {reason}; nothing was made")]
    RootCertificate {
        /// The collection.
        gun: Gun,
        /// What is wrong with it.
        reason: String,
    },
    /// The root key's certificate cannot be made.
    #[error("the root key's certificate cannot be made")]
    Certificate(#[source] CertificateError),
    /// What is cached of a collection that was begun and never published cannot be used.
    #[error("what was begun of `{0}` and never published cannot be used")]
    Begun(Gun, #[source] UpdateError),
    /// Keys cannot be read, opened or kept.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// Staged changes cannot be read or written.
    #[error(transparent)]
    Changes(#[from] ChangeListError),
    /// The cache cannot be read or written.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl PublisherError {
    pub(super) fn delegation(skipped: &Skipped) -> Self {
        let (role, fault) = (skipped.role.clone(), skipped.source.to_string());
        Self::Delegation { role, fault, lacks: Lacks::of(skipped) }
    }
}
