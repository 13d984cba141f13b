//! Signatures, and the one threshold check.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::digest::Digest;
use crate::key::{KeyId, PublicKey};
use crate::metadata::{Document, Envelope, MetadataError, Unknown};
use crate::number::Threshold;
use crate::verify;

/// One signature of a file, as it stands there.
///
/// `keyid` and `method` are whatever the file says: a signature that means nothing here counts for nothing and does not
/// fail the file.
///
/// Source: notary `tuf/data/types.go`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "Wire")]
pub struct Signature {
    /// Id of the key, as listed in the delegating role.
    pub keyid: String,
    /// The signature scheme, such as `ecdsa`; empty where keys say it and not signatures.
    pub method: String,
    /// The signature's bytes.
    pub sig: Vec<u8>,
}

#[derive(Deserialize)]
struct Wire {
    keyid: String,
    method: String,
    #[serde(deserialize_with = "base64_bytes")]
    sig: Vec<u8>,
    #[serde(flatten)]
    unknown: Unknown,
}

impl TryFrom<Wire> for Signature {
    type Error = MetadataError;

    fn try_from(wire: Wire) -> Result<Self, MetadataError> {
        wire.unknown.refuse_near_misses(&["keyid", "method", "sig"])?;
        Ok(Self { keyid: wire.keyid, method: wire.method, sig: wire.sig })
    }
}

fn base64_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The keys that may sign for a role, and how many of them must.
#[derive(Clone, Debug)]
pub struct RoleKeys {
    keys: BTreeMap<KeyId, PublicKey>,
    threshold: Threshold,
}

impl RoleKeys {
    /// The keys of one role under the ids by which its delegator lists them.
    pub fn new(keys: BTreeMap<KeyId, PublicKey>, threshold: Threshold) -> Self {
        Self { keys, threshold }
    }

    /// How many distinct keys must sign.
    pub fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// The keys, by the ids under which they are listed.
    pub fn keys(&self) -> &BTreeMap<KeyId, PublicKey> {
        &self.keys
    }

    /// The ids of the bare keys: a certificate counts as the key inside it.
    pub fn canonical_ids(&self) -> BTreeSet<KeyId> {
        self.keys.values().filter_map(|key| key.canonical_id().ok()).collect()
    }

    /// Verifies a file: enough distinct keys signed its message, and it is a document of type `T`.
    ///
    /// Distinct means distinct bare keys: one key in two certificates is one key (TUF 1.0.34 §5.3.4). A signature by a key
    /// that is not listed, or by a method that does not fit its key, counts for nothing; and so does any by a listed key after
    /// [`Limits::verifications`](crate::limits::Limits::verifications) were verified, which only a role of more keys can have.
    ///
    /// # Errors
    /// - [`SignatureError::None`], [`SignatureError::Threshold`]: too few keys signed.
    /// - [`SignatureError::RepeatedKeyId`]: one key id signs twice.
    /// - [`SignatureError::Metadata`]: the signed part is not a `T`.
    ///
    /// Deviation: Notary counts key ids, so that one key in two certificates fills a threshold of two (13 B5); test
    /// `one_key_in_two_certificates_is_one_key`.
    ///
    /// Source: TUF 1.0.34 §5.3.4, notary `tuf/signed/verify.go`.
    pub fn verify<T: Document>(&self, envelope: &Envelope) -> Result<Verified<T>, SignatureError> {
        let signers = self.signers(envelope)?;
        let document = envelope.claim()?;
        Ok(Verified(Arc::new(Inner {
            document,
            bytes: envelope.bytes().clone(),
            digest: envelope.digest(),
            message: T::IS_UNLISTED.then(|| Digest::sha256(envelope.message())),
            signers,
        })))
    }

    /// The distinct keys that signed, if they are enough.
    fn signers(&self, envelope: &Envelope) -> Result<BTreeSet<KeyId>, SignatureError> {
        if envelope.signatures().is_empty() {
            return Err(SignatureError::None);
        }
        let signers = self.valid_signers(envelope)?;
        if signers.len() < self.threshold.get() {
            return Err(SignatureError::Threshold { valid: signers.len(), threshold: self.threshold });
        }
        Ok(signers)
    }

    /// Canonical ids of the distinct keys of the role that signed, however few.
    fn valid_signers(&self, envelope: &Envelope) -> Result<BTreeSet<KeyId>, SignatureError> {
        Ok(self.counted(envelope)?.into_iter().map(|(signer, _)| signer).collect())
    }

    /// The signatures that count, however few, one of each distinct key: how far a file is on its way to the threshold. So many are
    /// verified as the limits say, and no more.
    ///
    /// It proves nothing; only [`RoleKeys::verify`] does.
    ///
    /// # Errors
    /// [`SignatureError::RepeatedKeyId`].
    pub(crate) fn counted<'a>(
        &self,
        envelope: &'a Envelope,
    ) -> Result<Vec<(KeyId, &'a Signature)>, SignatureError> {
        let mut seen = BTreeSet::new();
        let mut counted: Vec<(KeyId, &Signature)> = Vec::new();
        let mut left = envelope.verifications();
        for signature in envelope.signatures() {
            if !seen.insert(signature.keyid.as_str()) {
                return Err(SignatureError::RepeatedKeyId(signature.keyid.clone()));
            }
            let Some((canonical, key)) = self.key_of(signature) else { continue };
            if left == 0 || counted.iter().any(|(signer, _)| *signer == canonical) {
                continue;
            }
            left -= 1;
            if accepts(key, signature, envelope.message()) {
                counted.push((canonical, signature));
            }
        }
        Ok(counted)
    }

    /// Whether a signature of `message` is one that counts.
    pub(crate) fn counts(&self, signature: &Signature, message: &[u8]) -> bool {
        self.key_of(signature).is_some_and(|(_, key)| accepts(key, signature, message))
    }

    /// The listed key by which a signature says to be, with its canonical id.
    fn key_of(&self, signature: &Signature) -> Option<(KeyId, &PublicKey)> {
        let key = self.keys.get(&KeyId::of_listed(&signature.keyid))?;
        Some((key.canonical_id().ok()?, key))
    }
}

fn accepts(key: &PublicKey, signature: &Signature, message: &[u8]) -> bool {
    verify::accepts(key, &signature.method, message, &signature.sig)
}

/// A document whose signatures were met. Only [`RoleKeys::verify`] makes one.
///
/// Verified is not yet trusted: whether it is current, unexpired and the right one is for [`trust`](crate::trust).
#[derive(Debug)]
pub struct Verified<T>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    document: T,
    bytes: Bytes,
    digest: Digest,
    message: Option<Digest>,
    signers: BTreeSet<KeyId>,
}

impl<T> Verified<T> {
    /// The file as received.
    pub fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    /// The SHA-256 of the file.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// The SHA-256 of what was signed, of a document that no other file names by its hash.
    pub(crate) fn message(&self) -> Option<Digest> {
        self.0.message
    }

    /// Canonical ids of the keys whose signatures are valid.
    pub fn signers(&self) -> &BTreeSet<KeyId> {
        &self.0.signers
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.document
    }
}

impl<T> Clone for Verified<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A file that too few of the right keys signed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The file has no signature at all.
    #[error("it has no signature")]
    None,
    /// Too few distinct keys of the role signed it.
    #[error("it has {valid} of {threshold} required signatures")]
    Threshold {
        /// Distinct keys with a valid signature.
        valid: usize,
        /// Distinct keys required.
        threshold: Threshold,
    },
    /// One key id appears twice among the signatures.
    #[error("key {} signs it twice", .0.escape_default())]
    RepeatedKeyId(String),
    /// The signed part is not the document it should be.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}
