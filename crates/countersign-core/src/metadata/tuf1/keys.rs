//! `keys`: PEM, hex, and a scheme that says how each key signs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::key::{KeyId, KeyType, PublicKey};
use crate::metadata::MetadataError;
use crate::metadata::tuf1::wrong;
use crate::spki::{self, Curve, Spki};
use crate::verify::Method;
use crate::{canonical, pem};

/// A key as a file lists it.
#[derive(Deserialize)]
pub(super) struct ListedKey {
    keytype: String,
    scheme: String,
    keyval: Value,
}

/// `keys`, by the ids that the file gives them.
pub(super) type Listed = BTreeMap<String, ListedKey>;

/// Takes a `keys` object.
///
/// An id is whatever the file says: repositories write ids that are no hash of their key. What a threshold counts is the key
/// itself, so a key under two ids is one key.
///
/// Source: TUF 1.0.34 §4.2.1 (`KEYID`); TAP 12.
pub(super) fn keys(listed: Listed) -> Result<BTreeMap<KeyId, PublicKey>, MetadataError> {
    let mut keys = BTreeMap::new();
    for (id, key) in listed {
        if keys.insert(KeyId::of_listed(&id), key.read()).is_some() {
            return Err(wrong(format_args!("the key id `{}` is another key's", id.escape_default())));
        }
    }
    Ok(keys)
}

/// Takes the key ids of `role`: each once. One that the file holds no key for counts for nothing.
pub(super) fn keyids(
    role: &str,
    listed: &[String],
    keys: &BTreeMap<KeyId, PublicKey>,
) -> Result<Vec<KeyId>, MetadataError> {
    let mut met = BTreeSet::new();
    let mut known = Vec::new();
    for id in listed.iter().map(|id| KeyId::of_listed(id)) {
        if !met.insert(id) {
            return Err(MetadataError::RepeatedKey { role: role.to_owned(), key: id });
        }
        if keys.contains_key(&id) {
            known.push(id);
        }
    }
    Ok(known)
}

impl ListedKey {
    /// The key; one of an unknown kind, or that cannot be read, is kept as such.
    fn read(self) -> PublicKey {
        let public = self.keyval.get("public").and_then(Value::as_str);
        public.and_then(|public| self.known(public)).unwrap_or_else(|| {
            let kind = format!("{}, {}", self.keytype, self.scheme);
            PublicKey::of_type_named(kind, canonical::to_vec(&self.keyval))
        })
    }

    fn known(&self, public: &str) -> Option<PublicKey> {
        match (self.keytype.as_str(), self.scheme.as_str()) {
            ("ed25519", "ed25519") => {
                let bytes = hex::decode(public).ok().filter(|bytes| bytes.len() == 32)?;
                Some(PublicKey::of_scheme(KeyType::Ed25519, bytes, Method::Eddsa))
            }
            ("rsa", "rsassa-pss-sha256") => {
                let der = of_pem(public).filter(|der| matches!(Spki::parse(der), Some(Spki::Rsa)))?;
                Some(PublicKey::of_scheme(KeyType::Rsa, der, Method::RsaPss))
            }
            ("ecdsa" | "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => {
                ecdsa(public, Curve::P256, Method::EcdsaP256Der)
            }
            ("ecdsa" | "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384") => {
                ecdsa(public, Curve::P384, Method::EcdsaP384Der)
            }
            _ => None,
        }
    }
}

/// An ECDSA key in PEM, or, as old repositories write it, its point in hex.
fn ecdsa(public: &str, curve: Curve, scheme: Method) -> Option<PublicKey> {
    let der = match hex::decode(public) {
        Ok(point) => spki::ecdsa(curve, &point),
        Err(_) => of_pem(public)?,
    };
    let is_on_curve = matches!(Spki::parse(&der), Some(Spki::Ecdsa { curve: found, .. }) if found == curve);
    is_on_curve.then(|| PublicKey::of_scheme(KeyType::Ecdsa, der, scheme))
}

fn of_pem(text: &str) -> Option<Vec<u8>> {
    let block = pem::parse(text.as_bytes()).ok()?.into_iter().next()?;
    Some(block.contents.to_vec())
}
