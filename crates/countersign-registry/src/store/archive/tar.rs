//! A tar file as a table of what is in it.
//!
//! The file is walked once, header by header; contents are read later, by name, and only those that are asked for.
//! Nothing is ever written under a name from the archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use tar::{EntryType, Header, PaxExtensions};

use super::Limits;
use super::error::{ArchiveError, EntryProblem};

const BLOCK_BYTES: u64 = 512;
const EMPTY_BLOCK: [u8; 512] = [0; 512];
/// Longest extension record (a long name, PAX attributes), in bytes.
const EXTENSION_LIMIT_BYTES: u64 = 64 * 1024;
/// Links that are followed one after the other.
const LINK_LIMIT: usize = 8;

/// An open tar file and where its entries are.
#[derive(Debug)]
pub(super) struct TarFile {
    file: File,
    entries: BTreeMap<String, Found>,
}

#[derive(Debug, Eq, PartialEq)]
enum Found {
    Directory,
    Content { offset: u64, size: u64 },
    Link(String),
}

impl TarFile {
    /// Walks the uncompressed tar in `file`; `path` is what errors call it.
    pub(super) fn index(mut file: File, path: &Path, limits: &Limits) -> Result<Self, ArchiveError> {
        let read = |source| ArchiveError::Read { path: path.to_owned(), source };
        let length = file.seek(SeekFrom::End(0)).map_err(read)?;
        let mut walk = Walk { path, length, position: 0, file: &mut file, limits, headers: 0 };
        let mut entries = BTreeMap::new();
        while let Some((name, found)) = walk.next_entry()? {
            let directory_again = found == Found::Directory && entries.get(&name) == Some(&Found::Directory);
            if directory_again {
                continue;
            }
            if entries.insert(name.clone(), found).is_some() {
                return Err(ArchiveError::Entry { entry: name, problem: EntryProblem::Twice });
            }
        }
        Ok(Self { file, entries })
    }

    /// Whether there is a file, or a link to one, of that name.
    pub(super) fn has(&self, name: &str) -> Result<bool, ArchiveError> {
        Ok(self.locate(name)?.is_some())
    }

    /// The size and the content of a file, links followed; `None` when there is none.
    pub(super) fn content(&self, name: &str) -> Result<Option<(u64, Section<'_>)>, ArchiveError> {
        let located = self.locate(name)?;
        Ok(located
            .map(|(offset, size)| (size, Section { file: &self.file, position: offset, remaining: size })))
    }

    fn locate(&self, name: &str) -> Result<Option<(u64, u64)>, ArchiveError> {
        let mut current = name;
        for _ in 0..=LINK_LIMIT {
            match self.entries.get(current) {
                Some(Found::Content { offset, size }) => return Ok(Some((*offset, *size))),
                Some(Found::Link(target)) => current = target,
                Some(Found::Directory) | None => return Ok(None),
            }
        }
        Err(ArchiveError::Entry { entry: name.to_owned(), problem: EntryProblem::LinkLoop })
    }
}

/// A part of a file.
#[derive(Debug)]
pub(super) struct Section<'file> {
    file: &'file File,
    position: u64,
    remaining: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let mut file = self.file;
        file.seek(SeekFrom::Start(self.position))?;
        let count = file.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position += count as u64;
        self.remaining -= count as u64;
        Ok(count)
    }
}

/// Joins `name`, a path in the archive, to `base`, a directory in it (empty: the top).
///
/// # Errors
/// [`EntryProblem::Absolute`], [`EntryProblem::Escapes`] and [`EntryProblem::NotText`].
pub(super) fn join(base: &str, name: &str) -> Result<String, EntryProblem> {
    if name.starts_with('/') {
        return Err(EntryProblem::Absolute);
    }
    if name.contains(['\0', '\\']) {
        return Err(EntryProblem::NotText);
    }
    let mut segments: Vec<&str> = base.split('/').filter(|segment| !segment.is_empty()).collect();
    for segment in name.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop().ok_or(EntryProblem::Escapes)?),
            other => segments.push(other),
        }
    }
    Ok(segments.join("/"))
}

struct Walk<'walk> {
    path: &'walk Path,
    file: &'walk mut File,
    length: u64,
    position: u64,
    limits: &'walk Limits,
    headers: u64,
}

/// What extension headers say about the entry that follows them.
#[derive(Default)]
struct Extensions {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Walk<'_> {
    fn next_entry(&mut self) -> Result<Option<(String, Found)>, ArchiveError> {
        let mut extensions = Extensions::default();
        loop {
            let start = self.position;
            let Some(header) = self.header()? else { return Ok(None) };
            let kind = header.entry_type();
            let size = match extensions.size {
                Some(size) if !is_extension(kind) => size,
                _ => header.entry_size().map_err(|error| malformed(start, &error))?,
            };
            if is_extension(kind) {
                self.extend(&mut extensions, kind, start, size)?;
                continue;
            }
            let name = extensions.name.take().unwrap_or_else(|| header.path_bytes().into_owned());
            let link =
                extensions.link.take().or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
            let (name, found) = self.classify(kind, &name, link, size)?;
            if let Found::Content { offset, size } = found {
                self.skip_content(&name, offset, size)?;
            }
            if !name.is_empty() {
                return Ok(Some((name, found)));
            }
            extensions = Extensions::default();
        }
    }

    /// The next header; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>, ArchiveError> {
        if self.position >= self.length {
            return Ok(None);
        }
        let start = self.position;
        let left = self.length - start;
        if left < BLOCK_BYTES {
            let entry = "the next entry's header".to_owned();
            return Err(ArchiveError::Truncated { entry, needed_bytes: BLOCK_BYTES, found_bytes: left });
        }
        self.headers += 1;
        if self.headers > self.limits.entries {
            return Err(ArchiveError::Limit { what: "entries", limit: self.limits.entries });
        }
        let mut block = EMPTY_BLOCK;
        self.read_at(start, &mut block)?;
        self.position += BLOCK_BYTES;
        if block == EMPTY_BLOCK {
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block).clone();
        let expected = header.cksum().map_err(|error| malformed(start, &error))?;
        let found: u32 =
            block[..148].iter().chain(&block[156..]).map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
        if found != expected {
            return Err(ArchiveError::Tar {
                offset: start,
                problem: "the header's checksum is wrong".to_owned(),
            });
        }
        Ok(Some(header))
    }

    fn extend(
        &mut self,
        extensions: &mut Extensions,
        kind: EntryType,
        start: u64,
        size: u64,
    ) -> Result<(), ArchiveError> {
        let problem = |problem: &str| ArchiveError::Tar { offset: start, problem: problem.to_owned() };
        if size > EXTENSION_LIMIT_BYTES {
            return Err(problem("an extension record is too long"));
        }
        let offset = self.position;
        self.skip_content("an extension record", offset, size)?;
        let mut content = vec![0; usize::try_from(size).unwrap_or(0)];
        self.read_at(offset, &mut content)?;
        match kind {
            EntryType::GNULongName => extensions.name = Some(until_nul(&content)),
            EntryType::GNULongLink => extensions.link = Some(until_nul(&content)),
            EntryType::XHeader => {
                for record in PaxExtensions::new(&content) {
                    let record = record.map_err(|_| problem("a PAX record is malformed"))?;
                    let value = record.value_bytes();
                    match record.key_bytes() {
                        b"path" => extensions.name = Some(value.to_vec()),
                        b"linkpath" => extensions.link = Some(value.to_vec()),
                        b"size" => {
                            let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                            extensions.size = Some(size.ok_or_else(|| problem("a PAX size is no number"))?);
                        }
                        key if key.starts_with(b"GNU.sparse.") => return Err(problem("a sparse file")),
                        _ => {}
                    }
                }
            }
            // Attributes for the whole archive: none of them matters here.
            _ => {}
        }
        Ok(())
    }

    fn classify(
        &self,
        kind: EntryType,
        name: &[u8],
        link: Option<Vec<u8>>,
        size: u64,
    ) -> Result<(String, Found), ArchiveError> {
        let shown = String::from_utf8_lossy(name).into_owned();
        let refuse = |problem| ArchiveError::Entry { entry: shown.clone(), problem };
        if name.len() as u64 > self.limits.path_bytes {
            return Err(ArchiveError::Entry {
                entry: shown.chars().take(64).collect(),
                problem: EntryProblem::Long { limit_bytes: self.limits.path_bytes },
            });
        }
        let text = std::str::from_utf8(name).map_err(|_| refuse(EntryProblem::NotText))?;
        if text.split('/').any(|segment| segment == "..") {
            return Err(refuse(EntryProblem::Escapes));
        }
        let path = join("", text).map_err(refuse)?;
        if path.is_empty() && kind != EntryType::Directory {
            return Err(refuse(EntryProblem::NotText));
        }
        let target = |base: &str| {
            let bytes = link.unwrap_or_default();
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            let joined = std::str::from_utf8(&bytes).ok().map(|target| join(base, target));
            match joined {
                Some(Ok(target)) => Ok(Found::Link(target)),
                _ => Err(refuse(EntryProblem::LinkEscapes(shown))),
            }
        };
        let found = match kind {
            EntryType::Regular | EntryType::Continuous => Found::Content { offset: self.position, size },
            EntryType::Directory => Found::Directory,
            EntryType::Symlink => target(path.rsplit_once('/').map_or("", |(parent, _)| parent))?,
            EntryType::Link => target("")?,
            EntryType::GNUSparse => return Err(refuse(EntryProblem::Sparse)),
            _ => return Err(refuse(EntryProblem::Kind)),
        };
        Ok((path, found))
    }

    fn skip_content(&mut self, name: &str, offset: u64, size: u64) -> Result<(), ArchiveError> {
        let left = self.length - offset;
        if size > left {
            return Err(ArchiveError::Truncated {
                entry: name.to_owned(),
                needed_bytes: size,
                found_bytes: left,
            });
        }
        // The padding of the last entry may be missing.
        self.position = (offset + size).next_multiple_of(BLOCK_BYTES);
        Ok(())
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        let read = self.file.seek(SeekFrom::Start(offset)).and_then(|_| self.file.read_exact(buffer));
        read.map_err(|source| ArchiveError::Read { path: self.path.to_owned(), source })
    }
}

fn is_extension(kind: EntryType) -> bool {
    matches!(
        kind,
        EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader
    )
}

fn malformed(offset: u64, error: &io::Error) -> ArchiveError {
    ArchiveError::Tar { offset, problem: error.to_string().escape_debug().to_string() }
}

fn until_nul(content: &[u8]) -> Vec<u8> {
    content.iter().copied().take_while(|byte| *byte != 0).collect()
}

#[cfg(test)]
mod tests;
