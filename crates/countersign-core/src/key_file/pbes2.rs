//! `EncryptedPrivateKeyInfo` with PBES2: PKCS#8 under a passphrase.
//!
//! Source: RFC 5958 §3, RFC 8018 §6.2 and appendix A.4; notary `tuf/utils/pkcs8.go`.

use std::num::NonZeroU32;

use aws_lc_rs::{pbkdf2, rand};
use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};
use zeroize::Zeroizing;

use super::cbc::{Aes, Iv};
use super::{KeyFileError, Passphrase, private_key_info};
use crate::asn1::{self, OCTET_STRING, SEQUENCE};
use crate::sign::SecretKey;

/// Rounds of PBKDF2 in files written here: a hundred times Notary's 2048.
///
/// Notary 0.7 (Go) opens such a file in about 0.11 s, and Docker 28 has the same code: half of the quarter second that
/// an old client may be made to wait, which leaves room for slower machines.
pub const ROUNDS: u32 = 200_000;
/// Most rounds of PBKDF2 in files read here; a file with more is refused before any is done.
pub const MAX_ROUNDS: u32 = 10_000_000;

const SALT_BYTES: usize = 8;

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
const HMAC_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.7");
const HMAC_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.9");
const HMAC_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.10");
const HMAC_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.11");
const AES_128_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.2");
const AES_192_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.22");
const AES_256_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.42");

/// The object identifiers that are written, with tag and length.
const PBES2_DER: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const PBKDF2_DER: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
const AES_256_CBC_DER: &[u8] = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a";

/// Reads the key in an `EncryptedPrivateKeyInfo`.
pub(super) fn decrypt(bytes: &[u8], passphrase: &Passphrase) -> Result<SecretKey, KeyFileError> {
    let text = open(bytes, passphrase)?;
    // What follows the first value is padding. The wrong key gives noise, which is no PrivateKeyInfo.
    let mut reader = SliceReader::new(&text).map_err(|_| KeyFileError::WrongPassphrase)?;
    let info = reader.tlv_bytes().map_err(|_| KeyFileError::WrongPassphrase)?;
    match private_key_info::read(info) {
        Err(KeyFileError::Malformed { .. }) => Err(KeyFileError::WrongPassphrase),
        answer => answer,
    }
}

/// Decrypts, and leaves the padding on.
pub(super) fn open(bytes: &[u8], passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let Encrypted { kdf, aes, iv, ciphertext } = parse(bytes)?;
    aes.decrypt(&kdf.derive(passphrase, aes), iv, ciphertext)
}

/// The rounds of PBKDF2 that the key was encrypted with.
pub(super) fn rounds(bytes: &[u8]) -> Result<u32, KeyFileError> {
    parse(bytes).map(|encrypted| encrypted.kdf.rounds.get())
}

/// Writes `info`, a `PrivateKeyInfo`, encrypted in the one form that Notary reads: no PRF and no key length are named,
/// which means HMAC-SHA1 and the cipher's own.
pub(super) fn encrypt(info: &[u8], passphrase: &Passphrase) -> Result<Vec<u8>, KeyFileError> {
    let (mut salt, mut iv) = ([0; SALT_BYTES], Iv::default());
    rand::fill(&mut salt).and_then(|()| rand::fill(&mut iv)).map_err(|_| KeyFileError::Random)?;
    let rounds = NonZeroU32::new(ROUNDS).unwrap_or(NonZeroU32::MIN);
    let kdf = Kdf { salt: &salt, rounds, algorithm: pbkdf2::PBKDF2_HMAC_SHA1 };
    let aes = Aes::Aes256;
    let ciphertext = aes.encrypt(&kdf.derive(passphrase, aes), iv, info)?;
    let kdf_parameters = asn1::value(
        SEQUENCE,
        &[&asn1::value(OCTET_STRING, &[&salt]), &asn1::unsigned(&ROUNDS.to_be_bytes())],
    );
    let parameters = asn1::value(
        SEQUENCE,
        &[
            &asn1::value(SEQUENCE, &[PBKDF2_DER, &kdf_parameters]),
            &asn1::value(SEQUENCE, &[AES_256_CBC_DER, &asn1::value(OCTET_STRING, &[&iv])]),
        ],
    );
    let scheme = asn1::value(SEQUENCE, &[PBES2_DER, &parameters]);
    Ok(asn1::value(SEQUENCE, &[&scheme, &asn1::value(OCTET_STRING, &[&ciphertext])]).to_vec())
}

struct Encrypted<'a> {
    kdf: Kdf<'a>,
    aes: Aes,
    iv: Iv,
    ciphertext: &'a [u8],
}

struct Kdf<'a> {
    salt: &'a [u8],
    rounds: NonZeroU32,
    algorithm: pbkdf2::Algorithm,
}

impl Kdf<'_> {
    fn derive(&self, passphrase: &Passphrase, aes: Aes) -> Zeroizing<Vec<u8>> {
        let mut key = Zeroizing::new(vec![0; aes.key_bytes()]);
        pbkdf2::derive(self.algorithm, self.rounds, self.salt, passphrase.as_bytes(), &mut key);
        key
    }
}

fn parse(bytes: &[u8]) -> Result<Encrypted<'_>, KeyFileError> {
    let malformed = |_| KeyFileError::Malformed { what: "the encrypted key is not PKCS#8" };
    let (scheme, parameters, ciphertext) = AnyRef::from_der(bytes)
        .and_then(|info| {
            info.sequence(|reader| {
                let (scheme, parameters) = algorithm(AnyRef::decode(reader)?)?;
                Ok::<_, der::Error>((scheme, parameters, <&OctetStringRef>::decode(reader)?.as_bytes()))
            })
        })
        .map_err(malformed)?;
    if scheme != PBES2 {
        return Err(unsupported("encryption", scheme));
    }
    let (kdf, cipher) = parameters
        .ok_or(KeyFileError::Malformed { what: "it has no encryption parameters" })?
        .sequence(|reader| {
            Ok::<_, der::Error>((algorithm(AnyRef::decode(reader)?)?, algorithm(AnyRef::decode(reader)?)?))
        })
        .map_err(malformed)?;
    let (aes, iv) = parse_cipher(cipher)?;
    Ok(Encrypted { kdf: parse_kdf(kdf, aes)?, aes, iv, ciphertext })
}

type Algorithm<'a> = (ObjectIdentifier, Option<AnyRef<'a>>);

/// An `AlgorithmIdentifier`.
fn algorithm(value: AnyRef<'_>) -> der::Result<Algorithm<'_>> {
    value.sequence(|reader| {
        let oid = ObjectIdentifier::decode(reader)?;
        let parameters = if reader.is_finished() { None } else { Some(AnyRef::decode(reader)?) };
        Ok((oid, parameters))
    })
}

fn parse_cipher((oid, parameters): Algorithm<'_>) -> Result<(Aes, Iv), KeyFileError> {
    let aes = match oid {
        AES_128_CBC => Aes::Aes128,
        AES_192_CBC => Aes::Aes192,
        AES_256_CBC => Aes::Aes256,
        other => return Err(unsupported("cipher", other)),
    };
    let iv = parameters.filter(|value| value.tag() == Tag::OctetString);
    let iv = iv.and_then(|value| Iv::try_from(value.value()).ok());
    Ok((aes, iv.ok_or(KeyFileError::Malformed { what: "the initialisation vector is not 16 bytes" })?))
}

fn parse_kdf((oid, parameters): Algorithm<'_>, aes: Aes) -> Result<Kdf<'_>, KeyFileError> {
    let malformed = KeyFileError::Malformed { what: "the parameters of the key derivation" };
    if oid != PBKDF2 {
        return Err(unsupported("key derivation", oid));
    }
    let fields = parameters.ok_or_else(|| malformed.clone())?.sequence(|reader| {
        let salt = <&OctetStringRef>::decode(reader)?.as_bytes();
        let rounds = u32::decode(reader)?;
        let key_bytes = Option::<u16>::decode(reader)?;
        let prf = if reader.is_finished() { None } else { Some(algorithm(AnyRef::decode(reader)?)?) };
        Ok::<_, der::Error>((salt, rounds, key_bytes, prf))
    });
    let (salt, rounds, key_bytes, prf) = fields.map_err(|_| malformed.clone())?;
    if rounds > MAX_ROUNDS {
        return Err(KeyFileError::Unsupported {
            what: format!("{rounds} rounds of PBKDF2, above {MAX_ROUNDS}"),
        });
    }
    if key_bytes.is_some_and(|bytes| usize::from(bytes) != aes.key_bytes()) {
        return Err(malformed);
    }
    let algorithm = match prf.map_or(HMAC_SHA1, |(oid, _)| oid) {
        HMAC_SHA1 => pbkdf2::PBKDF2_HMAC_SHA1,
        HMAC_SHA256 => pbkdf2::PBKDF2_HMAC_SHA256,
        HMAC_SHA384 => pbkdf2::PBKDF2_HMAC_SHA384,
        HMAC_SHA512 => pbkdf2::PBKDF2_HMAC_SHA512,
        other => return Err(unsupported("pseudo-random function", other)),
    };
    Ok(Kdf { salt, rounds: NonZeroU32::new(rounds).ok_or(malformed)?, algorithm })
}

fn unsupported(kind: &str, oid: ObjectIdentifier) -> KeyFileError {
    let name = match oid.to_string().as_str() {
        "1.2.840.113549.3.7" => "DES-EDE3-CBC".to_owned(),
        "1.3.14.3.2.7" => "DES-CBC".to_owned(),
        "1.3.6.1.4.1.11591.4.11" => "scrypt".to_owned(),
        "1.2.840.113549.1.5.3" => "PBES1 with MD5 and DES".to_owned(),
        "1.2.840.113549.1.5.10" => "PBES1 with SHA-1 and DES".to_owned(),
        "1.2.840.113549.1.12.1.3" => "PKCS#12 with SHA-1 and 3DES".to_owned(),
        other => other.to_owned(),
    };
    KeyFileError::Unsupported { what: format!("the {kind} {name}") }
}
