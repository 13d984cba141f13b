//! Entries of `targets` as the tools write them, read without a JSON reader.

/// An entry exactly as the tools write it: both digests, or SHA-256 alone, and a length.
pub(super) struct PlainEntry<'a> {
    pub(super) sha256: &'a [u8],
    pub(super) sha512: Option<&'a [u8]>,
    pub(super) length: u64,
}

impl<'a> PlainEntry<'a> {
    /// Reads the entry that `text` begins with; gives what follows it, too.
    pub(super) fn read(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (sha256, rest) = base64_field(text, b"{\"hashes\":{\"sha256\":\"", 43, b"=")?;
        let (sha512, rest) = match base64_field(rest, b",\"sha512\":\"", 86, b"==") {
            Some((sha512, rest)) => (Some(sha512), rest),
            None => (None, rest),
        };
        let rest = rest.strip_prefix(b"},\"length\":")?;
        let count = rest.iter().take(16).take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = rest.split_at(count);
        // Up to 15 digits are below 2^53; what has another form is not this reader's.
        if !(1..=15).contains(&count) || (count > 1 && digits[0] == b'0') {
            return None;
        }
        let length = digits.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0'));
        Some((Self { sha256, sha512, length }, rest.strip_prefix(b"}")?))
    }
}

/// Which bytes are characters of standard base64.
const BASE64: [bool; 256] = {
    let mut legal = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        legal[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        byte += 1;
    }
    legal
};

/// Takes a field whose value is `len` base64 characters (the last without stray bits) and `padding`; gives the value
/// with its padding, and what follows.
fn base64_field<'a>(text: &'a [u8], open: &[u8], len: usize, padding: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let rest = text.strip_prefix(open)?;
    let (value, rest) = rest.split_at_checked(len + padding.len())?;
    let (characters, end) = value.split_at(len);
    let last: &[u8] = if padding.len() == 1 { b"AEIMQUYcgkosw048" } else { b"AQgw" };
    let legal = characters.iter().fold(true, |legal, byte| legal & BASE64[usize::from(*byte)]);
    if !legal || end != padding || !last.contains(characters.last()?) {
        return None;
    }
    Some((value, rest.strip_prefix(b"\"")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::metadata::FileMeta;

    #[test]
    fn plain_shape_is_what_the_writer_writes() {
        for meta in [FileMeta::of(b"x"), FileMeta::of(b""), FileMeta::new(Digest::sha256(b"y").into(), 0)] {
            let mut text = Vec::new();
            meta.write_canonical(&mut text);
            text.extend_from_slice(b",rest");
            let (entry, rest) = PlainEntry::read(&text).expect("the writer wrote it");
            assert_eq!((entry.length, rest), (meta.length, &b",rest"[..]));
        }
    }

    #[test]
    fn length_of_another_form_is_not_plain() {
        let mut text = Vec::new();
        FileMeta::new(Digest::sha256(b"y").into(), 7).write_canonical(&mut text);
        let text = String::from_utf8(text).expect("ASCII");
        for (length, is_plain) in [
            ("7", true),
            ("0", true),
            ("999999999999999", true),
            ("1000000000000000", false),
            ("07", false),
            ("00", false),
            ("-7", false),
            ("7.0", false),
            ("7e1", false),
            ("", false),
        ] {
            let text = text.replace(":7}", &format!(":{length}}}"));
            assert_eq!(PlainEntry::read(text.as_bytes()).is_some(), is_plain, "{length}");
        }
    }
}
