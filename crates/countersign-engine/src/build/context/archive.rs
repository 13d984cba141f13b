//! A tar on standard input: found in it is the Dockerfile, and written again is all of it with that one replaced.
//!
//! Every entry is written with a header of our own, so that the engine reads the same names that were read here.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use tar::{Builder, Entry, EntryType, Header};
use thiserror::Error;

use super::spool::Spool;
use super::{ContextError, bounded};

/// Most entries of an archive.
const MAX_ENTRIES: usize = 4_000_000;
/// Longest extension record: a long name or PAX attributes, in bytes.
const MAX_EXTENSION_BYTES: u64 = 1 << 20;
/// Attributes of files, which go along.
const ATTRIBUTES: &str = "SCHILY.xattr.";
const WHAT: &str = "the archive on standard input";

/// An archive that is not handed over.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ArchiveProblem {
    /// It has no Dockerfile.
    #[error("it has no `{0}`")]
    NoDockerfile(String),
    /// Two entries are the Dockerfile.
    #[error("`{0}` is in it twice")]
    Twice(String),
    /// The Dockerfile, or a directory above it, is not what it seems.
    #[error("`{0}` is a link or something else that leads to another file; put the Dockerfile itself there")]
    NoFile(String),
    /// A name that leads out of the archive.
    #[error("the entry `{0}` leads out of it")]
    Escapes(String),
    /// A kind of entry that is not passed on.
    #[error("the entry `{0}` is of a kind that is not passed on")]
    Kind(String),
    /// Too many entries, or too long names.
    #[error("it has too many entries or too long names")]
    Entries,
    /// Too many bytes.
    #[error("it unpacks to more than {limit} bytes")]
    Large {
        /// The most that is accepted.
        limit: u64,
    },
}

/// An archive in a temporary file, and which entry is the Dockerfile.
#[derive(Debug)]
pub(in crate::build) struct Archive {
    spool: Spool,
    /// The Dockerfile's cleaned path.
    path: PathBuf,
}

impl Archive {
    /// Finds the first of `names` that is there, and reads it.
    pub(super) fn open(spool: Spool, names: &[&str]) -> Result<(Self, Vec<u8>), ContextError> {
        let names: Vec<PathBuf> = names
            .iter()
            .map(|name| clean(Path::new(name)).ok_or_else(|| ArchiveProblem::Escapes((*name).to_owned())))
            .collect::<Result<_, _>>()?;
        let mut found: Vec<Option<Vec<u8>>> = vec![None; names.len()];
        let mut odd = vec![None; names.len()];
        let file = spool.rewound().map_err(ContextError::read(WHAT))?;
        verify_extensions(file)?;
        let mut archive = tar::Archive::new(spool.rewound().map_err(ContextError::read(WHAT))?);
        for entry in archive.entries().map_err(ContextError::read(WHAT))? {
            let mut entry = entry.map_err(ContextError::read(WHAT))?;
            let path = cleaned(&entry)?;
            for (at, name) in names.iter().enumerate() {
                if path == *name && entry.header().entry_type().is_file() {
                    let content = bounded(&mut entry, "the Dockerfile in the archive")?;
                    if found[at].replace(content).is_some() {
                        return Err(ArchiveProblem::Twice(name.display().to_string()).into());
                    }
                } else if leads_elsewhere(&path, name, entry.header().entry_type()) {
                    odd[at] = Some(path.display().to_string());
                }
            }
        }
        for ((name, found), odd) in names.iter().zip(found).zip(odd) {
            if let Some(odd) = odd {
                return Err(ArchiveProblem::NoFile(odd).into());
            }
            if let Some(dockerfile) = found {
                return Ok((Self { spool, path: name.clone() }, dockerfile));
            }
        }
        let first = names.first().map(|name| name.display().to_string()).unwrap_or_default();
        Err(ArchiveProblem::NoDockerfile(first).into())
    }

    /// Writes the archive with `dockerfile` in its place, to a temporary file that has no name.
    pub(in crate::build) fn with_dockerfile(&self, dockerfile: &[u8]) -> Result<File, ContextError> {
        let out = tempfile::tempfile().map_err(ContextError::write("a temporary file"))?;
        let mut builder = Builder::new(io::BufWriter::new(&out));
        let mut archive = tar::Archive::new(self.spool.rewound().map_err(ContextError::read(WHAT))?);
        for entry in archive.entries().map_err(ContextError::read(WHAT))? {
            let mut entry = entry.map_err(ContextError::read(WHAT))?;
            let path = cleaned(&entry)?;
            let replaced = (path == self.path).then_some(dockerfile);
            write_entry(&mut builder, &mut entry, &path, replaced)?;
        }
        let flushed = builder.into_inner().and_then(|mut writer| writer.flush());
        flushed.and_then(|()| (&out).rewind()).map_err(ContextError::write("a temporary file"))?;
        Ok(out)
    }
}

/// Looks at all headers first: names and attributes are read into memory as a whole.
fn verify_extensions(file: &File) -> Result<(), ContextError> {
    let mut archive = tar::Archive::new(file);
    let entries = archive.entries().map_err(ContextError::read(WHAT))?.raw(true);
    for (count, entry) in entries.enumerate() {
        let entry = entry.map_err(ContextError::read(WHAT))?;
        let kind = entry.header().entry_type();
        let is_extension = kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions();
        if count >= MAX_ENTRIES || (is_extension && entry.size() > MAX_EXTENSION_BYTES) {
            return Err(ArchiveProblem::Entries.into());
        }
    }
    Ok(())
}

/// Whether an entry at `path` can make `name` another file than it seems.
fn leads_elsewhere(path: &Path, name: &Path, kind: EntryType) -> bool {
    let is_above = name != path && name.starts_with(path) && !path.as_os_str().is_empty();
    if path == name || is_above {
        return !(is_above && kind.is_dir());
    }
    // Builders that unpack like a layer take such names for deletions.
    let base = path.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
    base.starts_with(b".wh.") && path.parent().is_some_and(|parent| name.starts_with(parent))
}

fn cleaned(entry: &Entry<'_, impl Read>) -> Result<PathBuf, ContextError> {
    if entry.header().entry_type().is_pax_global_extensions() {
        return Ok(PathBuf::new());
    }
    let path = entry.path().map_err(ContextError::read(WHAT))?;
    Ok(clean(&path).ok_or_else(|| ArchiveProblem::Escapes(path.display().to_string()))?)
}

/// `./a//b` and `/a/b` as `a/b`; `None` if it leads out.
fn clean(path: &Path) -> Option<PathBuf> {
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => cleaned.push(part),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir if cleaned.pop() => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(cleaned)
}

/// Writes one entry under its cleaned name; the content is `replaced`, if there is one.
fn write_entry(
    builder: &mut Builder<impl Write>,
    entry: &mut Entry<'_, impl Read>,
    path: &Path,
    replaced: Option<&[u8]>,
) -> Result<(), ContextError> {
    let kind = entry.header().entry_type();
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    let unknown = || ContextError::from(ArchiveProblem::Kind(path.display().to_string()));
    let mut header = header(entry.header()).map_err(ContextError::read(WHAT))?;
    let attributes = attributes(entry)?;
    let failed = || ContextError::write("a temporary file");
    let pairs = attributes.iter().map(|(key, value)| (key.as_str(), value.as_slice()));
    if !attributes.is_empty() {
        builder.append_pax_extensions(pairs).map_err(failed())?;
    }
    match kind {
        EntryType::Regular | EntryType::Continuous => {
            header.set_entry_type(EntryType::Regular);
            header.set_size(replaced.map_or(entry.size(), |content| content.len() as u64));
            match replaced {
                Some(content) => builder.append_data(&mut header, path, content),
                None => builder.append_data(&mut header, path, entry),
            }
        }
        EntryType::Directory => {
            let mut name = path.as_os_str().to_owned();
            name.push("/");
            builder.append_data(&mut header, Path::new(&name), io::empty())
        }
        EntryType::Symlink | EntryType::Link => {
            let target = entry.link_name().map_err(ContextError::read(WHAT))?.ok_or_else(unknown)?;
            builder.append_link(&mut header, path, &target)
        }
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            builder.append_data(&mut header, path, io::empty())
        }
        _ => return Err(unknown()),
    }
    .map_err(failed())
}

/// A fresh header with the old one's kind, owner, rights and time.
fn header(old: &Header) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    header.set_entry_type(old.entry_type());
    header.set_mode(old.mode()?);
    header.set_uid(old.uid()?);
    header.set_gid(old.gid()?);
    header.set_mtime(old.mtime()?);
    header.set_size(0);
    if let Ok(Some(name)) = old.username() {
        let _too_long = header.set_username(name);
    }
    if let Ok(Some(name)) = old.groupname() {
        let _too_long = header.set_groupname(name);
    }
    if let (Some(major), Some(minor)) =
        (old.device_major().unwrap_or(None), old.device_minor().unwrap_or(None))
    {
        header.set_device_major(major)?;
        header.set_device_minor(minor)?;
    }
    Ok(header)
}

/// The extended attributes; whatever else PAX says is in the header, or refused with the size it hides.
fn attributes(entry: &mut Entry<'_, impl Read>) -> Result<Vec<(String, Vec<u8>)>, ContextError> {
    let mut attributes = Vec::new();
    let Some(extensions) = entry.pax_extensions().map_err(ContextError::read(WHAT))? else {
        return Ok(attributes);
    };
    for extension in extensions {
        let extension = extension.map_err(ContextError::read(WHAT))?;
        let key = String::from_utf8_lossy(extension.key_bytes());
        if key.starts_with("GNU.sparse.") {
            return Err(ArchiveProblem::Kind("a sparse file".to_owned()).into());
        }
        if key.starts_with(ATTRIBUTES) {
            attributes.push((key.into_owned(), extension.value_bytes().to_vec()));
        }
    }
    Ok(attributes)
}
