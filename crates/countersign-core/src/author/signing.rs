//! Signing a document with whatever keys of its role are at hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::author::AuthorError;
use crate::key::{KeyId, PublicKey};
use crate::metadata::{Document, write_file};
use crate::name::RoleName;
use crate::number::Threshold;
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
    let mut message = Vec::with_capacity(4096);
    document.write_canonical(&mut message);
    let mut signatures: Vec<Signature> = Vec::new();
    for group in groups {
        let signers = at_hand(role, group.keys(), group.threshold(), ring)?;
        for (id, key) in signers {
            let keyid = id.to_string();
            if signatures.iter().any(|signature| signature.keyid == keyid) {
                continue;
            }
            let (method, sig) =
                key.sign(&message).map_err(|source| AuthorError::Sign { role: role.clone(), source })?;
            signatures.push(Signature { keyid, method: method.name().to_owned(), sig });
        }
    }
    Ok(Bytes::from(write_file(&message, &signatures)))
}

/// Writes `document` with signatures that were made before, byte for byte as Notary would.
pub fn encode<T: Document>(document: &T, signatures: &[Signature]) -> Bytes {
    let mut message = Vec::with_capacity(4096);
    document.write_canonical(&mut message);
    Bytes::from(write_file(&message, signatures))
}

/// Whether `ring` holds enough keys of every group.
pub(super) fn can_sign(role: &RoleName, groups: &[RoleKeys], ring: &KeyRing) -> bool {
    groups.iter().all(|group| at_hand(role, group.keys(), group.threshold(), ring).is_ok())
}

/// A key at hand, with the id under which it is listed.
type Signer<'a> = (KeyId, &'a Arc<dyn Sign>);

/// The keys of a role that `ring` holds, with their listed ids; an error when they are fewer than the threshold.
fn at_hand<'a>(
    role: &RoleName,
    keys: &BTreeMap<KeyId, PublicKey>,
    threshold: Threshold,
    ring: &'a KeyRing,
) -> Result<Vec<Signer<'a>>, AuthorError> {
    let (mut found, mut missing, mut distinct) = (Vec::new(), Vec::new(), std::collections::BTreeSet::new());
    for (listed, key) in keys {
        // A key that cannot be looked into is somebody else's.
        let id = key.canonical_id().unwrap_or(*listed);
        match ring.find(&id) {
            Some(key) => {
                distinct.insert(id);
                found.push((*listed, key));
            }
            None => missing.push(id),
        }
    }
    if distinct.len() < threshold.get() {
        return Err(AuthorError::MissingKeys {
            role: role.clone(),
            needed: threshold.get(),
            found: distinct.len(),
            missing,
        });
    }
    Ok(found)
}
