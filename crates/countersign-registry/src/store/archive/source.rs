//! Where an archive's contents are read from: a directory, a tar, or a compressed tar that is unpacked first.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::super::{StoreError, files};
use super::Limits;
use super::error::ArchiveError;
use super::tar::{Section, TarFile};

const COPY_BYTES: usize = 128 * 1024;

/// An archive that can be read by name.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Directory,
    Tar(TarFile),
}

impl Source {
    /// Opens the archive at `path`. A compressed one is unpacked to a temporary file in `ingest`.
    pub(super) fn open(path: &Path, limits: &Limits, ingest: &Path) -> Result<Self, ArchiveError> {
        let read = |source| ArchiveError::Read { path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(read)?;
        if metadata.is_dir() {
            return Ok(Self { path: path.to_owned(), form: Form::Directory });
        }
        if !metadata.is_file() {
            return Err(read(io::Error::new(ErrorKind::InvalidInput, "it is neither file nor directory")));
        }
        let mut file = File::open(path).map_err(read)?;
        let file = match Compression::of_file(&mut file).map_err(read)? {
            Compression::None => file,
            Compression::Gzip => unpack(&file, path, limits, ingest)?,
            Compression::Other(method) => {
                return Err(ArchiveError::Compression { name: path.display().to_string(), method });
            }
        };
        Ok(Self { path: path.to_owned(), form: Form::Tar(TarFile::index(file, path, limits)?) })
    }

    /// The archive's own path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is a directory.
    pub(super) fn is_directory(&self) -> bool {
        matches!(self.form, Form::Directory)
    }

    /// Whether there is a file of that name.
    pub(super) fn has(&self, name: &str) -> Result<bool, ArchiveError> {
        match &self.form {
            Form::Directory => Ok(self.path.join(name).is_file()),
            Form::Tar(tar) => tar.has(name),
        }
    }

    /// The size and the content of a file; `None` when there is none.
    pub(super) fn content(&self, name: &str) -> Result<Option<(u64, Content<'_>)>, ArchiveError> {
        match &self.form {
            Form::Directory => {
                let path = self.path.join(name);
                if !path.is_file() {
                    return Ok(None);
                }
                let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
                let (size, file) = opened.map_err(|source| ArchiveError::Read { path, source })?;
                Ok(Some((size, Content::File(file.take(size)))))
            }
            Form::Tar(tar) => Ok(tar.content(name)?.map(|(size, section)| (size, Content::Section(section)))),
        }
    }

    /// A document, whole; `None` when there is none.
    pub(super) fn document(&self, name: &str, limit_bytes: u64) -> Result<Option<Vec<u8>>, ArchiveError> {
        let Some((size, mut content)) = self.content(name)? else { return Ok(None) };
        if size > limit_bytes {
            return Err(ArchiveError::DocumentTooLarge { entry: name.to_owned(), limit_bytes });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        content.read_to_end(&mut bytes).map_err(|source| self.unreadable(source))?;
        Ok(Some(bytes))
    }

    /// Hands the content of a file to `sink`, piece by piece.
    pub(super) fn copy<E>(
        &self,
        mut content: impl Read,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), ArchiveError>
    where
        ArchiveError: From<E>,
    {
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            match content.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => sink(&buffer[..count])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(self.unreadable(source)),
            }
        }
    }

    fn unreadable(&self, source: io::Error) -> ArchiveError {
        ArchiveError::Read { path: self.path.clone(), source }
    }
}

/// The content of one file of an archive.
#[derive(Debug)]
pub(super) enum Content<'source> {
    File(io::Take<File>),
    Section(Section<'source>),
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Section(section) => section.read(buffer),
        }
    }
}

/// How something is compressed, by its first bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Compression {
    None,
    Gzip,
    Other(&'static str),
}

impl Compression {
    /// Judges by the first bytes; six are enough.
    pub(super) fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'B', b'Z', b'h', ..] => Self::Other("bzip2"),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Other("xz"),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Other("zstd"),
            _ => Self::None,
        }
    }

    fn of_file(file: &mut File) -> io::Result<Self> {
        let mut start = Vec::new();
        Read::by_ref(file).take(6).read_to_end(&mut start)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Self::of(&start))
    }
}

fn unpack(file: &File, path: &Path, limits: &Limits, ingest: &Path) -> Result<File, ArchiveError> {
    let limit = limits.unpacked_bytes;
    let mut unpacked = files::temporary_in(ingest)?.into_file();
    let mut decoder = MultiGzDecoder::new(io::BufReader::new(file));
    let mut buffer = vec![0; COPY_BYTES];
    let mut total: u64 = 0;
    loop {
        let count = match decoder.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(source) => return Err(ArchiveError::Read { path: path.to_owned(), source }),
        };
        total += count as u64;
        if total > limit {
            return Err(ArchiveError::Limit { what: "bytes when unpacked", limit });
        }
        unpacked
            .write_all(&buffer[..count])
            .map_err(|source| StoreError::io("write a file in", ingest, source))?;
    }
    Ok(unpacked)
}
