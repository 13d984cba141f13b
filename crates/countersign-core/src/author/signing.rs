//! Signing a document with whatever keys of its role are at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::author::AuthorError;
use crate::key::KeyId;
use crate::metadata::{Document, write_file};
use crate::name::RoleName;
use crate::sign::Sign;
use crate::signature::{RoleKeys, Signature};

/// The private keys at hand, by canonical key id.
#[derive(Clone, Default)]
pub struct KeyRing(BTreeMap<KeyId, Arc<dyn Sign>>);

impl KeyRing {
    /// Adds a key under its own id.
    pub fn insert(&mut self, key: Arc<dyn Sign>) {
        self.0.insert(key.public_key().id(), key);
    }

    /// The key of this canonical id.
    pub fn find(&self, id: &KeyId) -> Option<&Arc<dyn Sign>> {
        self.0.get(id)
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Signs `document` for `role` with every key of `groups` that `ring` holds, and writes its file.
///
/// Each group (for root: the keys of the version before, then the new ones) must reach its own threshold. A signature is
/// listed under the id by which the delegator lists the key, so a certificate's signature bears the certificate's id.
///
/// # Errors
/// - [`AuthorError::MissingKeys`]: a group's threshold cannot be met.
/// - [`AuthorError::Sign`]: a key is not usable.
pub fn sign<T: Document>(
    role: &RoleName,
    document: &T,
    groups: &[RoleKeys],
    ring: &KeyRing,
) -> Result<Bytes, AuthorError> {
    let message = message(document);
    Ok(Bytes::from(write_file(&message, &sign_message(role, &message, groups, ring)?)))
}

/// Signs a message for `role` with every key of `groups` that `ring` holds.
///
/// # Errors
/// As [`sign`].
pub(super) fn sign_message(
    role: &RoleName,
    message: &[u8],
    groups: &[RoleKeys],
    ring: &KeyRing,
) -> Result<Vec<Signature>, AuthorError> {
    let mut signatures = Vec::new();
    for group in groups {
        let signers = at_hand(role, group, ring)?;
        add_signatures(role, message, signers, &mut signatures)?;
    }
    Ok(signatures)
}

/// Adds the signatures of every key of `groups` that `ring` holds and that has not signed yet, be they enough or not.
///
/// # Errors
/// [`AuthorError::Sign`]: a key is not usable.
pub(super) fn sign_further(
    role: &RoleName,
    message: &[u8],
    groups: &[RoleKeys],
    ring: &KeyRing,
    signatures: &mut Vec<Signature>,
) -> Result<(), AuthorError> {
    groups.iter().try_for_each(|group| add_signatures(role, message, held(group, ring).0, signatures))
}

fn add_signatures(
    role: &RoleName,
    message: &[u8],
    signers: Vec<Signer<'_>>,
    signatures: &mut Vec<Signature>,
) -> Result<(), AuthorError> {
    for (id, key) in signers {
        let keyid = id.to_string();
        if signatures.iter().any(|signature| signature.keyid == keyid) {
            continue;
        }
        let (method, sig) =
            key.sign(message).map_err(|source| AuthorError::Sign { role: role.clone(), source })?;
        signatures.push(Signature { keyid, method: method.name().to_owned(), sig });
    }
    Ok(())
}

/// The message that is signed of a document.
pub(super) fn message<T: Document>(document: &T) -> Vec<u8> {
    let mut message = Vec::with_capacity(4096);
    document.write_canonical(&mut message);
    message
}

/// Writes `document` with signatures that were made before, byte for byte as Notary would.
pub fn encode<T: Document>(document: &T, signatures: &[Signature]) -> Bytes {
    Bytes::from(write_file(&message(document), signatures))
}

/// Whether `ring` holds enough keys of every group.
pub(super) fn can_sign(role: &RoleName, groups: &[RoleKeys], ring: &KeyRing) -> bool {
    groups.iter().all(|group| at_hand(role, group, ring).is_ok())
}

/// A key at hand, with the id under which it is listed.
type Signer<'a> = (KeyId, &'a Arc<dyn Sign>);

/// The keys of a role that `ring` holds, with their listed ids; an error when they are fewer than the threshold.
fn at_hand<'a>(role: &RoleName, group: &RoleKeys, ring: &'a KeyRing) -> Result<Vec<Signer<'a>>, AuthorError> {
    let (found, missing) = held(group, ring);
    let distinct: BTreeSet<_> = found.iter().map(|(_, key)| key.public_key().id()).collect();
    if distinct.len() < group.threshold().get() {
        return Err(AuthorError::MissingKeys {
            role: role.clone(),
            needed: group.threshold().get(),
            found: distinct.len(),
            missing,
        });
    }
    Ok(found)
}

/// The keys of a role that `ring` holds, with their listed ids, and canonical ids of those that it does not.
fn held<'a>(group: &RoleKeys, ring: &'a KeyRing) -> (Vec<Signer<'a>>, Vec<KeyId>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (listed, key) in group.keys() {
        // A key that cannot be looked into is somebody else's.
        let id = key.canonical_id().unwrap_or(*listed);
        match ring.find(&id) {
            Some(key) => found.push((*listed, key)),
            None => missing.push(id),
        }
    }
    (found, missing)
}
