//! Keys as the objects that they are in a token: a private key, a public key and a certificate with one identifier.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::certificate::{CertificateBundle, self_signed};
use countersign_core::key::{KeyId, KeyType, PublicKey};
use countersign_core::name::Gun;
use countersign_core::sign::SecretKey;
use countersign_core::time::DateTime;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{
    Attribute, AttributeType, CertificateType, KeyType as TokenKeyType, ObjectClass, ObjectHandle,
};
use cryptoki::session::Session;
use zeroize::Zeroize as _;

use super::signer::TokenSigner;
use super::{Token, TokenError, lock};

/// The identifier of P-256.
const P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// A `SubjectPublicKeyInfo` of P-256 up to its point.
const SPKI: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
const POINT_BYTES: usize = 65;
/// An `ECPrivateKey` of P-256 up to its scalar.
const SEC1: &[u8] = b"\x30\x77\x02\x01\x01\x04\x20";
const SCALAR_BYTES: usize = 32;
const COMMON_NAME: &[u8] = b"\x06\x03\x55\x04\x03";

/// A key in a token.
#[derive(Clone, Debug)]
pub(super) struct TokenKey {
    pub(super) public: PublicKey,
    pub(super) role: String,
    /// What joins its objects (`CKA_ID`).
    pub(super) handle: Vec<u8>,
}

impl TokenKey {
    pub(super) fn id(&self) -> KeyId {
        self.public.id()
    }
}

/// The keys in a token that have a role: in their certificate's common name, or in their label.
pub(super) fn keys(session: &Session, token: &Token) -> Result<Vec<TokenKey>, TokenError> {
    let mut keys: BTreeMap<Vec<u8>, TokenKey> = BTreeMap::new();
    for (class, read) in [
        (ObjectClass::PUBLIC_KEY, of_public_key as fn(&[Attribute]) -> Option<TokenKey>),
        // The certificate's word is the last.
        (ObjectClass::CERTIFICATE, of_certificate),
    ] {
        for object in session.find_objects(&[Attribute::Class(class)]).map_err(token.failed())? {
            let wanted = [
                AttributeType::Id,
                AttributeType::Label,
                AttributeType::EcParams,
                AttributeType::EcPoint,
                AttributeType::Value,
            ];
            let attributes = session.get_attributes(object, &wanted).map_err(token.failed())?;
            keys.extend(read(&attributes).map(|key| (key.handle.clone(), key)));
        }
    }
    Ok(keys.into_values().filter(|key| is_role(&key.role)).collect())
}

fn of_public_key(attributes: &[Attribute]) -> Option<TokenKey> {
    let (mut handle, mut label, mut curve, mut point) = (None, None, None, None);
    for attribute in attributes {
        match attribute {
            Attribute::Id(id) => handle = Some(id.clone()),
            Attribute::Label(text) => label = String::from_utf8(text.clone()).ok(),
            Attribute::EcParams(params) => curve = Some(params.as_slice()),
            Attribute::EcPoint(bytes) => point = Some(bytes.as_slice()),
            _ => {}
        }
    }
    // An octet string in DER, as the standard has it, or the point itself, as some tokens have it.
    let point = point?.strip_prefix(b"\x04\x41").filter(|point| point.len() == POINT_BYTES).or(point)?;
    if curve? != P256 || point.len() != POINT_BYTES {
        return None;
    }
    let public = PublicKey::new(KeyType::Ecdsa, [SPKI, point].concat());
    Some(TokenKey { public, role: label.unwrap_or_default(), handle: handle.filter(|id| !id.is_empty())? })
}

fn of_certificate(attributes: &[Attribute]) -> Option<TokenKey> {
    let (mut handle, mut der) = (None, None);
    for attribute in attributes {
        match attribute {
            Attribute::Id(id) => handle = Some(id.clone()),
            Attribute::Value(value) => der = Some(value.as_slice()),
            _ => {}
        }
    }
    let text = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der?));
    let role = CertificateBundle::parse(text.as_bytes()).ok()?.common_name().to_owned();
    let public = PublicKey::new(KeyType::EcdsaX509, text.into_bytes()).bare().ok()?;
    public.as_bytes().starts_with(SPKI).then_some(())?;
    // The certificates of people and machines that share the token are none of ours.
    is_role(&role).then_some(TokenKey { public, role, handle: handle.filter(|id| !id.is_empty())? })
}

/// The private key's object. The user must have logged in.
pub(super) fn private(session: &Session, token: &Token, key: &TokenKey) -> Result<ObjectHandle, TokenError> {
    let template = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Id(key.handle.clone())];
    let found = session.find_objects(&template).map_err(token.failed())?;
    found.into_iter().next().ok_or(TokenError::NoKey { token: token.label.clone(), id: key.id() })
}

/// Makes a key pair in the token, and its certificate.
pub(super) fn generate(
    session: &Arc<Mutex<Session>>,
    token: &Token,
    role: &str,
) -> Result<TokenKey, TokenError> {
    let handle = free_handle(&lock(session), token)?;
    undone_on_failure(session, &handle, || {
        let (key, private) = generate_pair(&lock(session), token, &handle, role)?;
        let signer = TokenSigner::of(Arc::clone(session), token, &key, private);
        add_certificate(session, token, &key, &SecretKey::held(Box::new(signer)))?;
        Ok(key)
    })
}

fn generate_pair(
    session: &Session,
    token: &Token,
    handle: &[u8],
    role: &str,
) -> Result<(TokenKey, ObjectHandle), TokenError> {
    let (public, private) = (public_template(handle, role), private_template(handle, role));
    let pair = session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private);
    let (public, private) = pair.map_err(token.failed())?;
    let wanted = [AttributeType::Id, AttributeType::EcParams, AttributeType::EcPoint];
    let attributes = session.get_attributes(public, &wanted).map_err(token.failed())?;
    let key = of_public_key(&attributes).ok_or_else(|| failure(token, "it gave no public key"))?;
    Ok((TokenKey { role: role.to_owned(), ..key }, private))
}

/// Puts a key into the token, and its certificate.
pub(super) fn copy(
    session: &Arc<Mutex<Session>>,
    token: &Token,
    key: &SecretKey,
    role: &str,
) -> Result<TokenKey, TokenError> {
    let kind = || TokenError::Kind { id: key.id() };
    let point = key.public_key().as_bytes().strip_prefix(SPKI).ok_or_else(kind)?;
    let bytes = key.to_private_bytes();
    let scalar = bytes.strip_prefix(SEC1).and_then(|rest| rest.get(..SCALAR_BYTES)).ok_or_else(kind)?;
    let handle = free_handle(&lock(session), token)?;
    let copied = TokenKey { public: key.public_key().clone(), role: role.to_owned(), handle: handle.clone() };
    undone_on_failure(session, &handle, || {
        let mut private = private_template(&handle, role);
        private.extend([
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::KeyType(TokenKeyType::EC),
            Attribute::EcParams(P256.to_vec()),
            Attribute::Value(scalar.to_vec()),
        ]);
        let created = lock(session).create_object(&private);
        wipe(private);
        created.map_err(token.failed())?;
        let mut public = public_template(&handle, role);
        public.extend([
            Attribute::Class(ObjectClass::PUBLIC_KEY),
            Attribute::KeyType(TokenKeyType::EC),
            Attribute::EcPoint([b"\x04\x41", point].concat()),
        ]);
        lock(session).create_object(&public).map_err(token.failed())?;
        add_certificate(session, token, &copied, key)
    })?;
    Ok(copied)
}

/// Wipes the private key that went to the token.
fn wipe(template: Vec<Attribute>) {
    for attribute in template {
        if let Attribute::Value(mut value) = attribute {
            value.zeroize();
        }
    }
}

/// Deletes all that there is of a key.
pub(super) fn remove(session: &Session, token: &Token, id: KeyId) -> Result<(), TokenError> {
    let key = keys(session, token)?.into_iter().find(|key| key.id() == id);
    let key = key.ok_or(TokenError::NoKey { token: token.label.clone(), id })?;
    // The private key goes last: while it is there, the others say whose it is.
    for class in [ObjectClass::CERTIFICATE, ObjectClass::PUBLIC_KEY, ObjectClass::PRIVATE_KEY] {
        let template = [Attribute::Class(class), Attribute::Id(key.handle.clone())];
        for object in session.find_objects(&template).map_err(token.failed())? {
            session.destroy_object(object).map_err(token.failed())?;
        }
    }
    Ok(())
}

fn public_template(handle: &[u8], role: &str) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::EcParams(P256.to_vec()),
        Attribute::Id(handle.to_vec()),
        Attribute::Label(role.as_bytes().to_vec()),
    ]
}

fn private_template(handle: &[u8], role: &str) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Id(handle.to_vec()),
        Attribute::Label(role.as_bytes().to_vec()),
    ]
}

/// The certificate by which Notary finds a key and its role.
fn add_certificate(
    session: &Mutex<Session>,
    token: &Token,
    key: &TokenKey,
    signer: &SecretKey,
) -> Result<(), TokenError> {
    let name: Gun =
        key.role.parse().map_err(|_| failure(token, "the role cannot be a certificate's name"))?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let now = i64::try_from(seconds).ok().and_then(DateTime::from_unix);
    let now = now.ok_or_else(|| failure(token, "the clock is wrong"))?;
    let certificate = self_signed(&name, signer, now).map_err(|error| failure(token, &error.to_string()))?;
    let text = String::from_utf8_lossy(certificate.as_bytes()).into_owned();
    let base64: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(base64).map_err(|_| failure(token, "the certificate is none"))?;
    let template = [
        Attribute::Class(ObjectClass::CERTIFICATE),
        Attribute::CertificateType(CertificateType::X_509),
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Id(key.handle.clone()),
        Attribute::Label(key.role.as_bytes().to_vec()),
        Attribute::Subject(subject(&key.role)),
        Attribute::Value(der),
    ];
    lock(session).create_object(&template).map_err(token.failed())?;
    Ok(())
}

fn failure(token: &Token, reason: &str) -> TokenError {
    TokenError::Token { token: token.label.clone(), reason: reason.to_owned() }
}

/// A distinguished name with a common name alone.
fn subject(role: &str) -> Vec<u8> {
    let value = |tag: u8, content: &[u8]| {
        // A role is far shorter than the 128 bytes that take a longer form.
        [&[tag, u8::try_from(content.len()).unwrap_or(u8::MAX)], content].concat()
    };
    let text = value(0x0c, role.as_bytes());
    value(0x30, &value(0x31, &value(0x30, &[COMMON_NAME, &text].concat())))
}

/// The first identifier of one byte that no object has: 1 to 255, of which a `YubiKey` has four.
fn free_handle(session: &Session, token: &Token) -> Result<Vec<u8>, TokenError> {
    for byte in 1..=u8::MAX {
        let handle = vec![byte];
        if session.find_objects(&[Attribute::Id(handle.clone())]).map_err(token.failed())?.is_empty() {
            return Ok(handle);
        }
    }
    Err(TokenError::Full { token: token.label.clone() })
}

/// Removes the objects with this identifier if what was done did not succeed.
fn undone_on_failure<T>(
    session: &Mutex<Session>,
    handle: &[u8],
    work: impl FnOnce() -> Result<T, TokenError>,
) -> Result<T, TokenError> {
    let outcome = work();
    if outcome.is_err() {
        let session = lock(session);
        let objects = session.find_objects(&[Attribute::Id(handle.to_vec())]).unwrap_or_default();
        for object in objects {
            let _ = session.destroy_object(object);
        }
    }
    outcome
}

/// Whether a name is one that a key can have.
fn is_role(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_/".contains(&byte);
    !text.is_empty() && text.len() <= 100 && text.bytes().all(is_plain)
}
