//! The header: for each recipient the file key, wrapped, and a code over all of it.
//!
//! Source: C2SP `age.md`, "Header".

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::{AgeError, FileKey, derive};

/// How every file begins.
pub(super) const FIRST_LINE: &[u8] = b"age-encryption.org/v1\n";
/// Most recipients that are looked at.
const STANZAS: usize = 1000;
const COLUMNS: usize = 64;

/// The file key for one recipient.
#[derive(Debug)]
pub(super) struct Stanza {
    pub(super) args: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Stanza {
    pub(super) fn kind(&self) -> Option<&str> {
        self.args.first().map(String::as_str)
    }

    fn write(&self, text: &mut String) {
        text.push_str("->");
        for arg in &self.args {
            text.push(' ');
            text.push_str(arg);
        }
        text.push('\n');
        let body = encode(&self.body);
        let mut rest = body.as_str();
        // The last line is shorter than the others, if need be empty: that is how its end is known.
        while rest.len() >= COLUMNS {
            let (line, after) = rest.split_at(COLUMNS);
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
        text.push_str(rest);
        text.push('\n');
    }
}

/// A header that was read.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) stanzas: Vec<Stanza>,
    /// The bytes that the code is over.
    covered: Vec<u8>,
    code: Vec<u8>,
}

impl Header {
    /// Writes a header, ready for what follows.
    pub(super) fn write(stanzas: &[Stanza], file_key: &FileKey) -> Result<Vec<u8>, AgeError> {
        let mut text = String::from_utf8_lossy(FIRST_LINE).into_owned();
        for stanza in stanzas {
            stanza.write(&mut text);
        }
        text.push_str("---");
        let code = hmac::sign(&code_key(file_key)?, text.as_bytes());
        text.push(' ');
        text.push_str(&encode(code.as_ref()));
        text.push('\n');
        Ok(text.into_bytes())
    }

    /// Reads the header at the beginning of `bytes`, and gives what follows it.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), AgeError> {
        let mut lines = Lines { bytes, read: 0 };
        if lines.next()? != FIRST_LINE.strip_suffix(b"\n").unwrap_or_default() {
            return Err(malformed("another version"));
        }
        let mut stanzas = Vec::new();
        loop {
            let line = text(lines.next()?)?;
            if let Some(code) = line.strip_prefix("--- ") {
                let covered = bytes[..lines.read - code.len() - 2].to_vec();
                return Ok((Self { stanzas, covered, code: decode(code)? }, &bytes[lines.read..]));
            }
            let args = line.strip_prefix("-> ").ok_or(malformed("a recipient's line"))?;
            let args: Vec<_> = args.split(' ').map(str::to_owned).collect();
            if args.iter().any(String::is_empty) || stanzas.len() == STANZAS {
                return Err(malformed("a recipient's line"));
            }
            let mut body = String::new();
            loop {
                let line = text(lines.next()?)?;
                if line.len() > COLUMNS {
                    return Err(malformed("a line is too long"));
                }
                body.push_str(line);
                if line.len() < COLUMNS {
                    break;
                }
            }
            stanzas.push(Stanza { args, body: decode(&body)? });
        }
    }

    /// Checks the code over the header, with the file key that the header gave.
    pub(super) fn verify(&self, file_key: &FileKey) -> Result<(), AgeError> {
        hmac::verify(&code_key(file_key)?, &self.covered, &self.code).map_err(|_| AgeError::Damaged)
    }
}

struct Lines<'a> {
    bytes: &'a [u8],
    read: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a [u8], AgeError> {
        let rest = &self.bytes[self.read..];
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(malformed("its header does not end"))?;
        self.read += end + 1;
        Ok(&rest[..end])
    }
}

/// Letters, digits, signs and spaces.
fn text(line: &[u8]) -> Result<&str, AgeError> {
    let text = std::str::from_utf8(line).map_err(|_| malformed("its header is no text"))?;
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        Ok(text)
    } else {
        Err(malformed("its header is no text"))
    }
}

fn code_key(file_key: &FileKey) -> Result<hmac::Key, AgeError> {
    Ok(hmac::Key::new(hmac::HMAC_SHA256, derive(file_key.as_slice(), b"", b"header")?.as_slice()))
}

/// Base64 without padding; any other spelling of the same bytes is refused.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, AgeError> {
    STANDARD_NO_PAD.decode(text).map_err(|_| malformed("base64"))
}

pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

pub(super) fn malformed(what: &'static str) -> AgeError {
    AgeError::Malformed { what }
}
