//! `keys` and `keyids`: public keys by their ids, as root and delegations list them.

use std::collections::{BTreeMap, BTreeSet};

use crate::key::{KeyId, ListedKey, PublicKey};
use crate::metadata::{MetadataError, Unknown};

/// Takes a `keys` object; each key must stand under its own id. Fields that a key does not have go to `unknown`.
pub(super) fn own_ids(
    listed: BTreeMap<String, ListedKey>,
    unknown: &mut Unknown,
) -> Result<BTreeMap<KeyId, PublicKey>, MetadataError> {
    let mut keys = BTreeMap::new();
    for (listed, key) in listed {
        let key = key.admit(unknown)?;
        let actual = key.id();
        if listed != actual.to_string() {
            return Err(MetadataError::KeyId { listed, actual });
        }
        keys.insert(actual, key);
    }
    Ok(keys)
}

/// Checks the key ids of `role`: each is there once, and so is its key.
///
/// Without this a small file could name one large key very often.
pub(super) fn admit_keyids(
    role: &str,
    keyids: &[KeyId],
    keys: &BTreeMap<KeyId, PublicKey>,
) -> Result<(), MetadataError> {
    let mut met = BTreeSet::new();
    for key in keyids.iter().copied() {
        if !keys.contains_key(&key) {
            return Err(MetadataError::MissingKey { role: role.to_owned(), key });
        }
        if !met.insert(key) {
            return Err(MetadataError::RepeatedKey { role: role.to_owned(), key });
        }
    }
    Ok(())
}
