//! Writing DER, as much of it as keys, key files and certificates need. Reading is the `der` crate's.

use zeroize::Zeroizing;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const SEQUENCE: u8 = 0x30;

/// One DER value: `tag`, the length, and the concatenated `parts`.
///
/// It may hold a secret, so it is wiped when it goes.
pub(crate) fn value(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = length.to_be_bytes();
    let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    let mut out = Zeroizing::new(Vec::with_capacity(2 + significant.len() + length));
    out.push(tag);
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        out.push(short);
    } else {
        // At most 8 bytes of length, so this fits below 0x89.
        out.push(0x80 | u8::try_from(significant.len()).unwrap_or_default());
        out.extend_from_slice(significant);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A non-negative INTEGER of these big-endian bytes, as short as it can be.
pub(crate) fn unsigned(big_endian: &[u8]) -> Zeroizing<Vec<u8>> {
    let significant = &big_endian[big_endian.iter().take_while(|byte| **byte == 0).count()..];
    match significant.first() {
        None => value(INTEGER, &[&[0]]),
        Some(0x80..) => value(INTEGER, &[&[0], significant]),
        Some(_) => value(INTEGER, &[significant]),
    }
}

/// A BIT STRING of whole bytes.
pub(crate) fn bit_string(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    value(BIT_STRING, &[&[0], bytes])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_shortest_form() {
        assert_eq!(value(SEQUENCE, &[]).as_slice(), [0x30, 0]);
        assert_eq!(value(OCTET_STRING, &[&[0; 127]])[..2], [4, 127]);
        assert_eq!(value(OCTET_STRING, &[&[0; 128]])[..3], [4, 0x81, 128]);
        assert_eq!(value(OCTET_STRING, &[&[0; 100], &[0; 156]])[..4], [4, 0x82, 1, 0]);
    }

    #[test]
    fn integers_are_minimal_and_positive() {
        assert_eq!(unsigned(&[]).as_slice(), [2, 1, 0]);
        assert_eq!(unsigned(&[0, 0, 0x7f]).as_slice(), [2, 1, 0x7f]);
        assert_eq!(unsigned(&[0, 0x80]).as_slice(), [2, 2, 0, 0x80]);
    }
}
