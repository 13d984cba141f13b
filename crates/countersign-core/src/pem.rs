//! PEM: the text form of certificates and key files, read with headers and written as Go's `pem.Encode` writes it.
//!
//! Source: RFC 7468, RFC 1421 §4.6 (headers).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use zeroize::Zeroizing;

const COLUMNS: usize = 64;

/// One block: its label (`CERTIFICATE`), its headers in their order, and the decoded bytes.
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) contents: Zeroizing<Vec<u8>>,
}

impl Block {
    /// The value of header `name`, if the block has it.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Text that is no sequence of PEM blocks.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PemError {
    /// Not a single block.
    #[error("there is no PEM block")]
    Empty,
    /// A `BEGIN` line without its `END` line.
    #[error("PEM block {0} does not end")]
    Unended(usize),
    /// The lines between are not base64, or not UTF-8.
    #[error("PEM block {0} is not base64")]
    Encoding(usize),
}

/// Reads every block of `text`; what stands between blocks is ignored.
///
/// Block numbers in errors count from 1.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<Block>, PemError> {
    let mut blocks = Vec::new();
    // One for all blocks, large enough for any: it is wiped in full when it goes, and never leaves a copy behind.
    let mut base64 = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    while let Some(line) = lines.next() {
        let Some(label) = delimiter(line, b"-----BEGIN ") else { continue };
        let number = blocks.len() + 1;
        let mut block = Block {
            label: String::from_utf8(label.to_vec()).map_err(|_| PemError::Encoding(number))?,
            headers: Vec::new(),
            contents: Zeroizing::default(),
        };
        base64.clear();
        loop {
            let line = lines.next().ok_or(PemError::Unended(number))?;
            if let Some(end) = delimiter(line, b"-----END ") {
                if end != label {
                    return Err(PemError::Unended(number));
                }
                break;
            }
            match header(line) {
                Some(header) if base64.is_empty() => block.headers.push(header),
                _ => base64.extend(line.iter().copied().filter(|byte| !byte.is_ascii_whitespace())),
            }
        }
        block.contents = STANDARD.decode(base64.as_slice()).map_err(|_| PemError::Encoding(number))?.into();
        blocks.push(block);
    }
    if blocks.is_empty() { Err(PemError::Empty) } else { Ok(blocks) }
}

/// Writes one block: headers in the order given and a blank line after them, 64 columns, a newline at the end.
///
/// Labels, names and values must not contain line breaks.
///
/// Source: Go `encoding/pem` (`Encode`), which sorts the headers; here the caller does.
pub(crate) fn write(label: &str, headers: &[(&str, &str)], contents: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(contents));
    let mut out = Zeroizing::new(String::with_capacity(base64.len() * 66 / 64 + 200 + 2 * label.len()));
    for piece in ["-----BEGIN ", label, "-----\n"] {
        out.push_str(piece);
    }
    for (name, value) in headers {
        for piece in [name, ": ", value, "\n"] {
            out.push_str(piece);
        }
    }
    if !headers.is_empty() {
        out.push('\n');
    }
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(COLUMNS));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    for piece in ["-----END ", label, "-----\n"] {
        out.push_str(piece);
    }
    out
}

/// The label, if `line` is `prefix`, a label and five dashes.
fn delimiter<'a>(line: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(prefix)?.strip_suffix(b"-----")
}

fn header(line: &[u8]) -> Option<(String, String)> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_block_reads_back_with_headers_and_colons() {
        let text = write("A KEY", &[("gun", "localhost:5000/a"), ("role", "targets")], &[7; 100]);
        assert!(text.starts_with("-----BEGIN A KEY-----\ngun: localhost:5000/a\nrole: targets\n\nBwcH"));
        assert!(text.ends_with("\n-----END A KEY-----\n"));
        let blocks = parse(text.as_bytes()).expect("just written");
        assert_eq!((blocks.len(), blocks[0].label.as_str()), (1, "A KEY"));
        assert_eq!(blocks[0].header("gun"), Some("localhost:5000/a"));
        assert_eq!(blocks[0].contents.as_slice(), [7; 100]);
    }

    #[test]
    fn blocks_with_windows_line_ends_and_text_between_are_read() {
        let text = b"hello\r\n-----BEGIN A-----\r\nAAAA\r\n-----END A-----\r\nand\n-----BEGIN B-----\n-----END B-----";
        let blocks = parse(text).expect("two blocks");
        assert_eq!(blocks.iter().map(|block| block.contents.len()).collect::<Vec<_>>(), [3, 0]);
    }

    /// Work for each block that is as large as the text would take minutes here.
    #[test]
    fn text_of_very_many_blocks_is_read_in_one_pass() {
        let text = b"-----BEGIN A-----\n-----END A-----\n".repeat(50_000);
        assert_eq!(parse(&text).map(|blocks| blocks.len()), Ok(50_000));
    }

    #[test]
    fn broken_blocks_are_refused() {
        assert_eq!(parse(b"").err(), Some(PemError::Empty));
        assert_eq!(parse(b"-----BEGIN A-----\nAAAA\n").err(), Some(PemError::Unended(1)));
        assert_eq!(parse(b"-----BEGIN A-----\nAAAA\n-----END B-----\n").err(), Some(PemError::Unended(1)));
        assert_eq!(parse(b"-----BEGIN A-----\nAAA\n-----END A-----\n").err(), Some(PemError::Encoding(1)));
        assert_eq!(
            parse(b"-----BEGIN A-----\nAA\xff=\n-----END A-----\n").err(),
            Some(PemError::Encoding(1))
        );
    }
}
