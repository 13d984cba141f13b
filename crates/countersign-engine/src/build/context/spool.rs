//! Standard input, told apart as Docker does: a Dockerfile, or an archive, perhaps compressed.
//!
//! An archive may end with its Dockerfile, and nothing may be sent before that was read; so it goes to a temporary file.

use std::fs::File;
use std::io::{self, Read, Seek};

use flate2::read::MultiGzDecoder;

use super::archive::ArchiveProblem;
use super::{ContextError, bounded};

/// Bytes of a tar's header.
const BLOCK: usize = 512;
const WHAT: &str = "standard input";

/// What came in.
pub(super) enum Input {
    Text(Vec<u8>),
    Archive(Spool),
}

/// A tar in a temporary file that has no name.
#[derive(Debug)]
pub(super) struct Spool(File);

impl Spool {
    /// Reads standard input to its end.
    pub(super) fn read(stdin: &mut dyn Read, limit: u64) -> Result<Input, ContextError> {
        let mut start = Vec::new();
        stdin.take(BLOCK as u64).read_to_end(&mut start).map_err(ContextError::read(WHAT))?;
        if start.is_empty() {
            return Err(ContextError::EmptyStdin);
        }
        let mut whole = start.as_slice().chain(stdin);
        match start.as_slice() {
            [0x1f, 0x8b, 0x08, ..] => Self::keep(&mut MultiGzDecoder::new(whole), limit).map(Input::Archive),
            [b'B', b'Z', b'h', ..] => Err(ContextError::Compression("bzip2")),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Err(ContextError::Compression("xz")),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                Err(ContextError::Compression("zstd"))
            }
            block if is_tar_header(block) => Self::keep(&mut whole, limit).map(Input::Archive),
            _ => bounded(&mut whole, WHAT).map(Input::Text),
        }
    }

    fn keep(input: &mut dyn Read, limit: u64) -> Result<Self, ContextError> {
        let file = tempfile::tempfile().map_err(ContextError::write("a temporary file"))?;
        let mut input = input.take(limit.saturating_add(1));
        // An error may be either side's; what is read is the less certain one.
        let bytes = io::copy(&mut input, &mut &file).map_err(ContextError::read(WHAT))?;
        if bytes > limit {
            return Err(ArchiveProblem::Large { limit }.into());
        }
        Ok(Self(file))
    }

    /// The file, from its beginning.
    pub(super) fn rewound(&self) -> io::Result<&File> {
        (&self.0).rewind()?;
        Ok(&self.0)
    }
}

/// Whether a block is the header of a tar: its checksum is right, in one of the two ways that exist.
fn is_tar_header(block: &[u8]) -> bool {
    const CHECKSUM: std::ops::Range<usize> = 148..156;
    if block.len() < BLOCK {
        return false;
    }
    let text = block[CHECKSUM]
        .iter()
        .take_while(|byte| **byte != 0)
        .map(|byte| char::from(*byte))
        .collect::<String>();
    let Ok(written) = i64::from_str_radix(text.trim_matches([' ', '\0']), 8) else { return false };
    let blank = |(at, byte): (usize, &u8)| if CHECKSUM.contains(&at) { b' ' } else { *byte };
    let unsigned: i64 = block.iter().enumerate().map(blank).map(i64::from).sum();
    let signed: i64 = block.iter().enumerate().map(blank).map(|byte| i64::from(byte.cast_signed())).sum();
    written == unsigned || written == signed
}
