//! `PrivateKeyInfo`: a private key of any type, unencrypted.
//!
//! Read is every version and every spelling; written is exactly what Notary writes, oddities included.
//!
//! Source: RFC 5958 §2, RFC 5915, RFC 8410; notary `tuf/utils/pkcs8.go`.

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode as _, Reader as _};
use zeroize::Zeroizing;

use super::KeyFileError;
use crate::asn1::{self, INTEGER, OCTET_STRING, SEQUENCE};
use crate::key::KeyType;
use crate::sign::SecretKey;
use crate::spki::Curve;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// The identifier that Notary gives Ed25519, with a key of 96 bytes behind it.
const NOTARY_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11591.15.1");

const RSA_WITHOUT_NULL: &[u8] = b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const NOTARY_ED25519_ALGORITHM: &[u8] = b"\x30\x0b\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01";

/// Reads one `PrivateKeyInfo`.
pub(super) fn read(bytes: &[u8]) -> Result<SecretKey, KeyFileError> {
    let malformed = |_| KeyFileError::Malformed { what: "the key is not PKCS#8" };
    let (oid, parameters, key) = AnyRef::from_der(bytes).and_then(fields).map_err(malformed)?;
    let key_type = match oid {
        EC => {
            let curve = parameters
                .and_then(curve)
                .ok_or(KeyFileError::Unsupported { what: "another curve".to_owned() })?;
            return SecretKey::from_ec_private_key(curve, key).map_err(KeyFileError::Key);
        }
        RSA => KeyType::Rsa,
        NOTARY_ED25519 => KeyType::Ed25519,
        // RFC 8410 wraps the seed once more.
        ED25519 => {
            let seed = <&OctetStringRef>::from_der(key).map_err(malformed)?;
            return SecretKey::from_private_bytes(KeyType::Ed25519, seed.as_bytes())
                .map_err(KeyFileError::Key);
        }
        other => return Err(KeyFileError::Unsupported { what: format!("the key type {other}") }),
    };
    SecretKey::from_private_bytes(key_type, key).map_err(KeyFileError::Key)
}

/// Writes `key` as Notary does: version 1 for ECDSA though no public key follows, RSA without its `NULL`, Ed25519 under
/// an identifier and in a form of Notary's own.
pub(super) fn write(key: &SecretKey) -> Zeroizing<Vec<u8>> {
    let (version, algorithm) = match (key.curve(), key.public_key().key_type()) {
        (Some(curve), _) => (1, curve.algorithm_identifier()),
        (None, Some(KeyType::Ed25519)) => (0, NOTARY_ED25519_ALGORITHM),
        (None, _) => (0, RSA_WITHOUT_NULL),
    };
    let octets = asn1::value(OCTET_STRING, &[&key.to_private_bytes()]);
    asn1::value(SEQUENCE, &[&asn1::value(INTEGER, &[&[version]]), algorithm, &octets])
}

/// Algorithm, its parameters in DER, and the `privateKey` octets; attributes and a public key are passed over.
fn fields(info: AnyRef<'_>) -> der::Result<(ObjectIdentifier, Option<AnyRef<'_>>, &[u8])> {
    info.sequence(|reader| {
        u8::decode(reader)?;
        let (oid, parameters) = AnyRef::decode(reader)?.sequence(|reader| {
            let oid = ObjectIdentifier::decode(reader)?;
            let parameters = if reader.is_finished() { None } else { Some(AnyRef::decode(reader)?) };
            Ok::<_, der::Error>((oid, parameters))
        })?;
        let key = <&OctetStringRef>::decode(reader)?.as_bytes();
        while !reader.is_finished() {
            AnyRef::decode(reader)?;
        }
        Ok((oid, parameters, key))
    })
}

fn curve(parameters: AnyRef<'_>) -> Option<Curve> {
    let oid = parameters.decode_as::<ObjectIdentifier>().ok()?;
    Curve::ALL.into_iter().find(|curve| curve.oid() == oid.as_bytes())
}
