//! The signed file: `{"signed":…,"signatures":[…]}`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::Error as _;
use serde_json::Value;

use crate::canonical;
use crate::digest::Digest;
use crate::limits::Limits;
use crate::metadata::walk::{self, Layout};
use crate::metadata::{Dialect, Document, MetadataError};
use crate::signature::Signature;

/// A metadata file as received: its bytes, the message that was signed, and the signatures.
///
/// The message is the canonical form of the received `signed` value. The received bytes are what is hashed and kept.
///
/// Source: notary `tuf/signed/verify.go`, reference behaviour 2.2.
#[derive(Clone, Debug)]
pub struct Envelope {
    dialect: Dialect,
    bytes: Bytes,
    digest: Digest,
    signed: Signed,
    signatures: Vec<Signature>,
    verifications: usize,
}

#[derive(Clone, Debug)]
enum Signed {
    /// The received bytes are canonical: the message is a part of them.
    Canonical(Layout),
    /// They are not: the message was written anew.
    Recoded { message: Vec<u8>, value: Value },
}

impl Envelope {
    /// Parses one file of Notary's. Nothing is verified yet.
    ///
    /// # Errors
    /// [`MetadataError`]: the bytes are not a signed file, have two readings, or too many signatures.
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Self, MetadataError> {
        Self::parse_as(Dialect::Notary, bytes, limits)
    }

    /// As [`Envelope::parse`], of files in either form.
    pub fn parse_as(dialect: Dialect, bytes: Bytes, limits: &Limits) -> Result<Self, MetadataError> {
        let digest = Digest::sha256(&bytes);
        Self::parse_hashed(dialect, bytes, digest, limits)
    }

    /// Parses one file whose SHA-256 is known already.
    pub(crate) fn parse_hashed(
        dialect: Dialect,
        bytes: Bytes,
        digest: Digest,
        limits: &Limits,
    ) -> Result<Self, MetadataError> {
        let (signed, signatures) = match walk::layout(&bytes) {
            Some(layout) => {
                let mut list = serde_json::Deserializer::from_slice(&bytes[layout.signatures.clone()]);
                let signatures = dialect.signatures(&mut list)?;
                list.end()?;
                (Signed::Canonical(layout), signatures)
            }
            None => Self::recode(dialect, &bytes)?,
        };
        if signatures.len() > limits.signatures {
            return Err(MetadataError::SignatureCount { found: signatures.len(), max: limits.signatures });
        }
        Ok(Self { dialect, bytes, digest, signed, signatures, verifications: limits.verifications })
    }

    /// The file as received.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The SHA-256 of the file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many of its signatures are verified at most.
    pub(crate) fn verifications(&self) -> usize {
        self.verifications
    }

    /// The message that signatures are over.
    pub fn message(&self) -> &[u8] {
        match &self.signed {
            Signed::Canonical(layout) => &self.bytes[layout.signed.clone()],
            Signed::Recoded { message, .. } => message,
        }
    }

    /// The signatures, in the file's order.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// What the file claims to say. Believe it only inside `Verified`.
    pub fn claim<T: Document>(&self) -> Result<T, MetadataError> {
        T::decode(Claim(self))
    }

    fn recode(dialect: Dialect, bytes: &[u8]) -> Result<(Signed, Vec<Signature>), MetadataError> {
        let Value::Object(mut members) = canonical::strict(bytes)? else {
            return Err(serde_json::Error::custom("it is not an object").into());
        };
        let (signed, signatures) = (members.remove("signed"), members.remove("signatures"));
        if let Some(name) = members.into_iter().next().map(|(name, _)| name) {
            return Err(MetadataError::UnsignedMember(name));
        }
        let Some(value @ Value::Object(_)) = signed else {
            return Err(serde_json::Error::custom("its member `signed` is not an object").into());
        };
        let signatures = dialect.signatures(signatures.unwrap_or_default())?;
        Ok((Signed::Recoded { message: canonical::to_vec(&value), value }, signatures))
    }
}

/// The signed part of a file, not read yet.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a>(&'a Envelope);

impl<'a> Claim<'a> {
    /// In which form the file is written.
    pub(super) fn dialect(self) -> Dialect {
        self.0.dialect
    }

    /// The file and where its parts stand, if the file is in canonical form.
    pub(super) fn layout(self) -> Option<(&'a Bytes, &'a Layout)> {
        match &self.0.signed {
            Signed::Canonical(layout) => Some((&self.0.bytes, layout)),
            Signed::Recoded { .. } => None,
        }
    }

    /// The signed part as a value.
    pub(super) fn value(self) -> Result<Value, MetadataError> {
        match &self.0.signed {
            Signed::Canonical(layout) => Ok(canonical::strict(&self.0.bytes[layout.signed.clone()])?),
            Signed::Recoded { value, .. } => Ok(value.clone()),
        }
    }
}

/// Writes the file of a signed `message` exactly as Notary's serialiser does.
///
/// `signed` first, each signature as `keyid`, `method`, `sig`, no trailing newline, and `<`, `>`, `&`, U+2028 and U+2029
/// escaped in the embedded message. Old servers hash what their own serialiser would have written, so one other byte
/// makes them lose the collection's root.
///
/// Source: notary `tuf/data/types.go`, Go `encoding/json` (HTML escaping); traps T4, T5, T15b.
pub(crate) fn write_file(message: &[u8], signatures: &[Signature]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 32 + signatures.len() * 224);
    out.extend_from_slice(b"{\"signed\":");
    write_escaped(&mut out, message);
    out.extend_from_slice(b",\"signatures\":[");
    for (index, signature) in signatures.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"keyid\":");
        write_text(&mut out, &signature.keyid);
        out.extend_from_slice(b",\"method\":");
        write_text(&mut out, &signature.method);
        out.extend_from_slice(b",\"sig\":\"");
        out.extend_from_slice(STANDARD.encode(&signature.sig).as_bytes());
        out.extend_from_slice(b"\"}");
    }
    out.extend_from_slice(b"]}");
    out
}

/// Appends text that a peer may have written, quotes included.
fn write_text(out: &mut Vec<u8>, text: &str) {
    // A string always has a JSON form.
    write_escaped(out, &serde_json::to_vec(text).unwrap_or_default());
}

fn write_escaped(out: &mut Vec<u8>, message: &[u8]) {
    let mut rest = message;
    while let Some(at) = canonical::position(rest, |byte| matches!(byte, b'<' | b'>' | b'&' | 0xe2)) {
        out.extend_from_slice(&rest[..at]);
        let (escape, taken): (&[u8], usize) = match &rest[at..] {
            [b'<', ..] => (br"\u003c", 1),
            [b'>', ..] => (br"\u003e", 1),
            [b'&', ..] => (br"\u0026", 1),
            [0xe2, 0x80, 0xa8, ..] => (br"\u2028", 3),
            [0xe2, 0x80, 0xa9, ..] => (br"\u2029", 3),
            other => (&other[..1], 1),
        };
        out.extend_from_slice(escape);
        rest = &rest[at + taken..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Envelope, MetadataError> {
        Envelope::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default())
    }

    #[test]
    fn message_of_a_canonical_file_is_its_signed_part() {
        let envelope = parse(r#"{"signed":{"a":1},"signatures":[]}"#).expect("legal");
        assert_eq!(envelope.message(), br#"{"a":1}"#);
    }

    #[test]
    fn message_of_a_spaced_unsorted_escaped_file_is_recanonicalised() {
        let envelope =
            parse("{ \"signatures\": null, \"signed\": {\"b\": \"\\u003c\", \"a\": 1} }\n").expect("legal");
        assert_eq!(envelope.message(), br#"{"a":1,"b":"<"}"#);
        assert!(envelope.signatures().is_empty());
    }

    #[test]
    fn member_outside_the_signed_part_is_refused() {
        let parsed = parse(r#"{"signed":{"a":1},"signatures":[],"extra":1}"#);
        assert!(matches!(parsed, Err(MetadataError::UnsignedMember(name)) if name == "extra"));
    }

    #[test]
    fn file_that_is_no_signed_object_is_refused() {
        for bad in [
            "",
            "null",
            "[]",
            "<html>",
            r#"{"signed":null,"signatures":[]}"#,
            r#"{"signed":[],"signatures":[]}"#,
            r#"{"signatures":[]}"#,
        ] {
            assert!(parse(bad).is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn signatures_beyond_the_limit_are_refused() {
        let one = r#"{"keyid":"a","method":"ecdsa","sig":""}"#;
        let file =
            |count: usize| format!(r#"{{"signed":{{}},"signatures":[{}]}}"#, vec![one; count].join(","));
        assert!(parse(&file(1024)).is_ok());
        assert!(matches!(parse(&file(1025)), Err(MetadataError::SignatureCount { found: 1025, max: 1024 })));
    }

    #[test]
    fn written_file_escapes_html_outside_the_message() {
        let file = write_file("{\"a<b&c>\u{2028}\u{e2}\":1}".as_bytes(), &[]);
        assert_eq!(
            String::from_utf8_lossy(&file),
            "{\"signed\":{\"a\\u003cb\\u0026c\\u003e\\u2028\u{e2}\":1},\"signatures\":[]}"
        );
        let envelope = Envelope::parse(Bytes::from(file), &Limits::default()).expect("own file");
        assert_eq!(envelope.message(), "{\"a<b&c>\u{2028}\u{e2}\":1}".as_bytes());
    }
}
