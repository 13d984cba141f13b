//! Making the certificate of a new root key.
//!
//! It has one fixed shape, that of Notary's own, so it is written here field by field.

use aws_lc_rs::rand;

use super::{CERTIFICATE_LABEL, CertificateBundle, CertificateError};
use crate::asn1::{self, INTEGER, SEQUENCE};
use crate::key::{KeyType, PublicKey};
use crate::name::Gun;
use crate::pem;
use crate::sign::SecretKey;
use crate::time::DateTime;

const DAYS_VALID: i64 = 3650;
const SECONDS_PER_DAY: i64 = 86_400;
const SERIAL_BYTES: usize = 16;

const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SET: u8 = 0x31;
const EXPLICIT_0: u8 = 0xa0;
const EXPLICIT_3: u8 = 0xa3;

const COMMON_NAME: &[u8] = b"\x06\x03\x55\x04\x03";
const ECDSA_WITH_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
const SHA256_WITH_RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";
/// Key usage, critical: digital signature and key encipherment.
const KEY_USAGE: &[u8] = b"\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x05\xa0";
/// Extended key usage: code signing.
const CODE_SIGNING: &[u8] =
    b"\x30\x13\x06\x03\x55\x1d\x25\x04\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x03";
/// Basic constraints, critical: no CA.
const NO_AUTHORITY: &[u8] = b"\x30\x0c\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00";

/// Makes the certificate of a root key for one collection: signed by the key itself, named after the collection, valid
/// for 3650 days from `from`.
///
/// Returns an `ecdsa-x509` or `rsa-x509` key whose bytes are the certificate in PEM.
///
/// # Errors
/// - [`CertificateError::Author`]: `key` is Ed25519, or could not sign.
/// - [`CertificateError::Dates`]: `from` is so late that the certificate would end before it begins.
///
/// Source: notary `cryptoservice/certificate.go`, `tuf/utils/x509.go` (`NewCertificate`).
pub fn self_signed(gun: &Gun, key: &SecretKey, from: DateTime) -> Result<PublicKey, CertificateError> {
    let failed = || CertificateError::Author { gun: gun.clone() };
    let (key_type, algorithm) = match key.public_key().key_type() {
        Some(KeyType::Ecdsa) => (KeyType::EcdsaX509, ECDSA_WITH_SHA256),
        Some(KeyType::Rsa) => (KeyType::RsaX509, SHA256_WITH_RSA),
        _ => return Err(failed()),
    };
    let mut serial = [0; SERIAL_BYTES];
    rand::fill(&mut serial).map_err(|_| failed())?;
    let name = name(gun.as_str());
    let until = from.plus_seconds(DAYS_VALID * SECONDS_PER_DAY);
    let signed = asn1::value(
        SEQUENCE,
        &[
            &asn1::value(EXPLICIT_0, &[&asn1::value(INTEGER, &[&[2]])]),
            &asn1::unsigned(&serial),
            algorithm,
            &name,
            &asn1::value(SEQUENCE, &[&time(from), &time(until)]),
            &name,
            key.public_key().as_bytes(),
            &asn1::value(EXPLICIT_3, &[&asn1::value(SEQUENCE, &[KEY_USAGE, CODE_SIGNING, NO_AUTHORITY])]),
        ],
    );
    let signature = key.sign_certificate(&signed).map_err(|_| failed())?;
    let certificate = asn1::value(SEQUENCE, &[&signed, algorithm, &asn1::bit_string(&signature)]);
    let text = pem::write(CERTIFICATE_LABEL, &[], &certificate);
    // Reading it back shows that what is about to be published is what every client will read.
    CertificateBundle::parse(text.as_bytes())?.check_strength()?;
    Ok(PublicKey::new(key_type, text.as_bytes().to_vec()))
}

/// A distinguished name with a common name alone.
fn name(common_name: &str) -> Vec<u8> {
    let printable = |byte: u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte);
    let tag = if common_name.bytes().all(printable) { PRINTABLE_STRING } else { UTF8_STRING };
    let attribute = asn1::value(SEQUENCE, &[COMMON_NAME, &asn1::value(tag, &[common_name.as_bytes()])]);
    asn1::value(SEQUENCE, &[&asn1::value(SET, &[&attribute])]).to_vec()
}

/// An instant, in whole seconds: with a two-digit year from 1950 to 2049, with four otherwise (RFC 5280 §4.1.2.5).
fn time(at: DateTime) -> Vec<u8> {
    let text = at.whole_seconds().to_string();
    let mut digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.push('Z');
    if ("1950".."2050").contains(&&digits[..4]) {
        asn1::value(UTC_TIME, &[&digits.as_bytes()[2..]]).to_vec()
    } else {
        asn1::value(GENERALIZED_TIME, &[digits.as_bytes()]).to_vec()
    }
}
