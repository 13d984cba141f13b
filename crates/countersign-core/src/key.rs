//! Public keys as metadata carries them, and the two ids that each of them has.
//!
//! The *scoped* id ([`PublicKey::id`]) is over the key as it is written: for the `-x509` types over the certificate, so
//! one private key has another scoped id in every collection. The *canonical* id ([`PublicKey::canonical_id`]) is over
//! the bare key: it names key files, and distinct canonical ids are what a threshold counts.

mod json;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

pub(crate) use self::json::ListedKey;
use crate::certificate::{self, CertificateError};
use crate::spki::{self, Spki};
use crate::verify::Method;
use crate::{canonical, pem};

/// The id of a key: SHA-256 of its canonical JSON, 64 lower-case hex digits as text.
///
/// Source: notary `tuf/data/keys.go` (`ID`).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId([u8; 32]);

impl KeyId {
    /// The first seven hex digits, as prompts show it.
    pub fn short(self) -> String {
        let mut text = self.to_string();
        text.truncate(7);
        text
    }

    /// The raw hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The id that a file gives a key. Outside of Notary's files that may be any text, which then stands for itself by its
    /// SHA-256.
    pub(crate) fn of_listed(text: &str) -> Self {
        text.parse().unwrap_or_else(|_| Self::hash(text.as_bytes()))
    }

    fn hash(text: &[u8]) -> Self {
        let mut id = [0; 32];
        id.copy_from_slice(digest(&SHA256, text).as_ref());
        Self(id)
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let malformed = || KeyError::Id(text.to_owned());
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(malformed());
        }
        let mut id = [0; 32];
        hex::decode_to_slice(text, &mut id).map_err(|_| malformed())?;
        Ok(Self(id))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The key types of the `notary` dialect.
///
/// Source: notary `tuf/data/types.go`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum KeyType {
    /// A DER `SubjectPublicKeyInfo` on P-256, P-384 or P-521.
    Ecdsa,
    /// The text of a PEM certificate bundle around an ECDSA key.
    EcdsaX509,
    /// A DER `SubjectPublicKeyInfo` of at least 2048 bits.
    Rsa,
    /// The text of a PEM certificate bundle around an RSA key.
    RsaX509,
    /// 32 raw bytes.
    Ed25519,
}

impl KeyType {
    /// Every key type.
    pub const ALL: [Self; 5] = [Self::Ecdsa, Self::EcdsaX509, Self::Rsa, Self::RsaX509, Self::Ed25519];

    /// The name on the wire, such as `ecdsa-x509`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::EcdsaX509 => "ecdsa-x509",
            Self::Rsa => "rsa",
            Self::RsaX509 => "rsa-x509",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The type called `name`, in exactly this spelling.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key_type| key_type.name() == name)
    }

    /// Whether the key is given as a certificate.
    pub fn is_certificate(self) -> bool {
        matches!(self, Self::EcdsaX509 | Self::RsaX509)
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A public key: its type, by name, and its bytes in that type's form. Cheap to clone.
///
/// Keys of unknown types are kept, because files that list them must keep their ids; no signature of theirs is ever
/// valid. In JSON it is written in canonical order, and read with its fields in any order:
/// `{"keytype":"ecdsa","keyval":{"private":null,"public":"<base64>"}}`.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    keytype: String,
    public: Vec<u8>,
    /// The one method of its signatures, where the key says so and not the signature.
    scheme: Option<Method>,
    /// The scoped id, once it was asked for.
    id: OnceLock<KeyId>,
    /// What is inside of the key, once it was looked at.
    inside: OnceLock<Result<Inside, KeyError>>,
}

#[derive(Clone)]
struct Inside {
    /// The bare key; `None` when the key is bare itself.
    bare: Option<PublicKey>,
    /// What is wrong with the certificate around it.
    weakness: Option<CertificateError>,
}

impl PublicKey {
    /// A key of a known type, with the bytes that [`KeyType`] says. They are not looked at yet.
    pub fn new(key_type: KeyType, public: Vec<u8>) -> Self {
        Self::of_type_named(key_type.name().to_owned(), public)
    }

    /// A key of the type called `keytype`, known or not.
    pub(crate) fn of_type_named(keytype: String, public: Vec<u8>) -> Self {
        Self::assemble(keytype, public, None)
    }

    /// A key whose signatures are all made by `scheme`.
    pub(crate) fn of_scheme(key_type: KeyType, public: Vec<u8>, scheme: Method) -> Self {
        Self::assemble(key_type.name().to_owned(), public, Some(scheme))
    }

    fn assemble(keytype: String, public: Vec<u8>, scheme: Option<Method>) -> Self {
        Self(Arc::new(Inner { keytype, public, scheme, id: OnceLock::new(), inside: OnceLock::new() }))
    }

    /// The name of the type, as the file has it.
    pub fn keytype(&self) -> &str {
        &self.0.keytype
    }

    /// The type, if it is a known one.
    pub fn key_type(&self) -> Option<KeyType> {
        KeyType::of_name(self.keytype())
    }

    /// The one method of its signatures, where the key says so and not the signature.
    pub(crate) fn scheme(&self) -> Option<Method> {
        self.0.scheme
    }

    /// The bytes, without their base64.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0.public
    }

    /// The scoped id: over the key as it is written, a certificate with it.
    ///
    /// Source: notary `tuf/data/keys.go`.
    pub fn id(&self) -> KeyId {
        *self.0.id.get_or_init(|| self.scoped_id())
    }

    /// The key without its certificate: `ecdsa` or `rsa` for the `-x509` types, every other key as it is.
    ///
    /// Of several certificates it is the first that counts, authority or not. An `rsa` key whose bytes are PEM text becomes
    /// the same key in DER.
    ///
    /// # Errors
    /// - [`KeyError::Certificate`]: the certificate cannot be read.
    /// - [`KeyError::Mismatch`]: the certificate holds a key of another type.
    ///
    /// Source: notary `tuf/utils/x509.go` (`X509PublicKeyID`, `LoadCertFromPEM`).
    pub fn bare(&self) -> Result<Self, KeyError> {
        let inside = self.inside()?;
        Ok(inside.bare.as_ref().unwrap_or(self).clone())
    }

    /// The canonical id: the id of the bare key. For an unknown type it is the scoped id.
    ///
    /// # Errors
    /// As [`PublicKey::bare`].
    pub fn canonical_id(&self) -> Result<KeyId, KeyError> {
        let inside = self.inside()?;
        Ok(inside.bare.as_ref().unwrap_or(self).id())
    }

    /// Checks the certificate around the key, if there is one, as [`CertificateBundle::check_strength`] does.
    ///
    /// [`CertificateBundle::check_strength`]: crate::certificate::CertificateBundle::check_strength
    pub(crate) fn check_strength(&self) -> Result<(), KeyError> {
        match &self.inside()?.weakness {
            Some(weakness) => Err(KeyError::Certificate(weakness.clone())),
            None => Ok(()),
        }
    }

    fn inside(&self) -> Result<&Inside, KeyError> {
        self.0.inside.get_or_init(|| self.look_inside()).as_ref().map_err(KeyError::clone)
    }

    fn look_inside(&self) -> Result<Inside, KeyError> {
        match self.key_type() {
            Some(key_type @ (KeyType::EcdsaX509 | KeyType::RsaX509)) => {
                let (key, strength) =
                    certificate::first_key(self.as_bytes()).map_err(KeyError::Certificate)?;
                let fits = matches!(
                    (key_type, key.key_type()),
                    (KeyType::EcdsaX509, Some(KeyType::Ecdsa)) | (KeyType::RsaX509, Some(KeyType::Rsa))
                );
                if !fits {
                    return Err(KeyError::Mismatch { keytype: self.keytype().to_owned() });
                }
                Ok(Inside { bare: Some(key), weakness: strength.err() })
            }
            Some(KeyType::Rsa) => Ok(Inside { bare: rsa_of_pem(self.as_bytes()), weakness: None }),
            _ => Ok(Inside { bare: None, weakness: None }),
        }
    }

    fn scoped_id(&self) -> KeyId {
        let mut text = b"{\"keytype\":".to_vec();
        canonical::write_string(&mut text, self.keytype());
        text.extend_from_slice(b",\"keyval\":{\"private\":null,\"public\":\"");
        text.extend_from_slice(STANDARD.encode(self.as_bytes()).as_bytes());
        text.extend_from_slice(b"\"}}");
        KeyId::hash(&text)
    }

    /// The key as the `.key` routes of a trust server write it: `public` before `private`.
    ///
    /// Source: notary `server/handlers/default.go` (`GetKeyHandler`).
    pub fn to_notary_json(&self) -> String {
        // A string always has a JSON form.
        let keytype = serde_json::to_string(self.keytype()).unwrap_or_default();
        let public = STANDARD.encode(self.as_bytes());
        format!(r#"{{"keytype":{keytype},"keyval":{{"public":"{public}","private":null}}}}"#)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        (self.keytype(), self.as_bytes()) == (other.keytype(), other.as_bytes())
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.keytype(), self.as_bytes()).hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?}, {})", self.keytype(), self.id())
    }
}

/// The `rsa` key in the first block of a PEM text, as `pycrypto` clients wrote them.
fn rsa_of_pem(text: &[u8]) -> Option<PublicKey> {
    let block = pem::parse(text).ok()?.into_iter().next()?;
    match Spki::parse(&block.contents)? {
        Spki::Rsa => Some(PublicKey::new(KeyType::Rsa, block.contents.to_vec())),
        Spki::Ecdsa { .. } => None,
    }
}

/// A key that is not what it is meant to be.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum KeyError {
    /// Text that is no key id.
    #[error("`{}` is not a key id of 64 lower-case hex digits", .0.escape_default())]
    Id(String),
    /// The certificate around the key cannot be used.
    #[error("the certificate of the key cannot be read")]
    Certificate(#[source] CertificateError),
    /// The certificate holds a key of another type than the key says.
    #[error("the certificate of a key of type `{}` holds a key of another type", keytype.escape_default())]
    Mismatch {
        /// The name of the type.
        keytype: String,
    },
    /// Bytes that hold no private key of this type, or one that is too small.
    #[error("the private key is not a usable {key_type} key")]
    Private {
        /// The type that was asked for.
        key_type: KeyType,
    },
    /// The system gave no key.
    #[error("no {key_type} key could be generated")]
    Generate {
        /// The type that was asked for.
        key_type: KeyType,
    },
}

/// The encoding of the ECDSA or RSA key that `der` holds, as a bare key; `None` for every other key.
pub(crate) fn bare_of_spki(der: &[u8]) -> Option<PublicKey> {
    match Spki::parse(der)? {
        Spki::Ecdsa { curve, point } => Some(PublicKey::new(KeyType::Ecdsa, spki::ecdsa(curve, point))),
        Spki::Rsa => Some(PublicKey::new(KeyType::Rsa, der.to_vec())),
    }
}

#[cfg(test)]
mod tests;
