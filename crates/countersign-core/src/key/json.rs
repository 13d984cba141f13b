//! Public keys in JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::PublicKey;
use crate::metadata::{MetadataError, Unknown};

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keyval = OutKeyVal { private: (), public: STANDARD.encode(self.as_bytes()) };
        OutKey { keytype: self.keytype(), keyval }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ListedKey::deserialize(deserializer)?.admit(&mut Unknown::default()).map_err(D::Error::custom)
    }
}

#[derive(Serialize)]
struct OutKey<'a> {
    keytype: &'a str,
    keyval: OutKeyVal,
}

#[derive(Serialize)]
struct OutKeyVal {
    private: (),
    public: String,
}

/// A key as a file lists it.
#[derive(Deserialize)]
pub(crate) struct ListedKey {
    keytype: String,
    keyval: KeyVal,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Deserialize)]
struct KeyVal {
    #[serde(default, rename = "private", deserialize_with = "nothing")]
    _private: (),
    #[serde(deserialize_with = "base64_bytes")]
    public: Vec<u8>,
    #[serde(flatten)]
    unknown: Unknown,
}

impl ListedKey {
    /// The key; the fields beside its own go to `unknown`.
    pub(crate) fn admit(self, unknown: &mut Unknown) -> Result<PublicKey, MetadataError> {
        self.unknown.refuse_near_misses(&["keytype", "keyval"])?;
        self.keyval.unknown.refuse_near_misses(&["private", "public"])?;
        unknown.absorb(self.unknown);
        unknown.absorb(self.keyval.unknown);
        Ok(PublicKey::of_type_named(self.keytype, self.keyval.public))
    }
}

fn nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    let private = Option::<String>::deserialize(deserializer)?;
    if private.is_some_and(|private| !private.is_empty()) {
        return Err(D::Error::custom("a private key stands where only public keys may"));
    }
    Ok(())
}

fn base64_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(|_| D::Error::custom("a public key is not base64"))
}
