//! Backups of keys: the files of a key store in a tar, which may be compressed, encrypted in the age format, or as it is.
//!
//! The keys in it stay encrypted with their own passphrases. A tar that somebody made of `~/.docker/trust/private`, as Docker's
//! documentation has it, is as good a backup as one made here, and one made here unpacks with `tar`.

mod record;
mod restore;

use std::io::{self, Read};
use std::path::Path;

use countersign_core::key::KeyId;
use countersign_core::key_file::{self, KeyFileHeader};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use thiserror::Error;
use zeroize::Zeroizing;

pub use self::record::{BackupRecord, RecordError, RecordedBackup};
pub use self::restore::Restored;
use crate::age;
use crate::keystore::{KeyEntry, KeyList, KeyStore as _, KeyStoreError};
use crate::keystore_dir::DirKeyStore;

/// The file in an encrypted backup that says what is in it.
pub const INVENTORY: &str = "inventory.txt";
/// Most files that are looked at in a backup.
const FILES: usize = 100_000;
const GZIP: &[u8] = b"\x1f\x8b";

/// The keys of a store, ready to be written somewhere.
pub struct Backup {
    /// The keys, as their files say.
    pub keys: Vec<KeyEntry>,
    /// Why others are not among them.
    pub unreadable: Vec<KeyStoreError>,
    files: Vec<(KeyId, Zeroizing<Vec<u8>>)>,
}

impl Backup {
    /// Takes every key of a store that can be read. None is opened.
    ///
    /// # Errors
    /// [`KeyStoreError::Directory`]: the store cannot be listed.
    pub fn of(store: &DirKeyStore) -> Result<Self, KeyStoreError> {
        let KeyList { keys, mut unreadable } = store.list()?;
        let (mut kept, mut files) = (Vec::new(), Vec::new());
        for key in keys {
            match store.file_of(key.id) {
                Ok(text) => {
                    files.push((key.id, text));
                    kept.push(key);
                }
                Err(error) => unreadable.push(error),
            }
        }
        Ok(Self { keys: kept, unreadable, files })
    }

    /// The tar, each file as `<dir>/<id>.key`; with an inventory beside `dir` if one is given.
    ///
    /// # Errors
    /// A path in it would be too long, or memory ran out.
    pub fn to_tar(
        &self,
        dir: &Path,
        inventory: Option<&str>,
        seconds: u64,
    ) -> io::Result<Zeroizing<Vec<u8>>> {
        let size = self.files.iter().map(|(_, text)| text.len() + 2048).sum::<usize>() + (64 << 10);
        let mut tar = tar::Builder::new(Vec::with_capacity(size));
        let mut append = |path: &Path, content: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(seconds);
            tar.append_data(&mut header, path, content)
        };
        if let Some(inventory) = inventory {
            append(Path::new(INVENTORY), inventory.as_bytes())?;
        }
        for (id, text) in &self.files {
            append(&dir.join(format!("{id}.key")), text)?;
        }
        tar.into_inner().map(Zeroizing::new)
    }

    /// What is in it, as text without secrets.
    pub fn inventory(&self) -> String {
        inventory(self.keys.iter().map(|key| (key.id, key.role.as_str(), key.gun.as_deref())))
    }
}

/// A line for each key.
fn inventory<'a>(keys: impl Iterator<Item = (KeyId, &'a str, Option<&'a str>)>) -> String {
    let line = |(id, role, gun): (KeyId, &str, Option<&str>)| {
        let role = if role.is_empty() { "-" } else { role };
        format!("{id} {} {}\n", role.escape_debug(), gun.unwrap_or("-").escape_debug())
    };
    ["# key id, role, collection\n".to_owned()].into_iter().chain(keys.map(line)).collect()
}

/// Compresses a tar.
///
/// # Errors
/// Memory ran out.
pub fn compress(tar: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    io::Write::write_all(&mut encoder, tar)?;
    encoder.finish()
}

/// A key in a backup.
pub struct BackedUp {
    /// Its id, as its name has it.
    pub id: KeyId,
    /// What its file and its place say.
    pub header: KeyFileHeader,
    text: Zeroizing<Vec<u8>>,
}

/// The keys in a tar, compressed or not. Other files, links and directories are passed over.
///
/// # Errors
/// - [`BackupError::Read`]: it is no tar, or its end is missing.
/// - [`BackupError::Large`]: it has more than 64 MiB or 100,000 files.
/// - [`BackupError::NoKeys`].
pub fn read_tar(bytes: &[u8]) -> Result<Vec<BackedUp>, BackupError> {
    let plain;
    let bytes = if bytes.starts_with(GZIP) {
        let mut unpacked = Zeroizing::new(Vec::new());
        let mut decoder = MultiGzDecoder::new(bytes).take(age::MAX_BYTES as u64 + 1);
        decoder.read_to_end(&mut unpacked).map_err(BackupError::Read)?;
        plain = unpacked;
        plain.as_slice()
    } else {
        bytes
    };
    if bytes.len() > age::MAX_BYTES {
        return Err(BackupError::Large);
    }
    let mut keys = Vec::new();
    let mut archive = tar::Archive::new(bytes);
    for (count, entry) in archive.entries().map_err(BackupError::Read)?.enumerate() {
        let entry = entry.map_err(BackupError::Read)?;
        if count == FILES {
            return Err(BackupError::Large);
        }
        if !entry.header().entry_type().is_file() || entry.size() > key_file::MAX_BYTES as u64 {
            continue;
        }
        let Ok(path) = entry.path().map(std::borrow::Cow::into_owned) else { continue };
        let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(entry.size()).unwrap_or(0)));
        let size = entry.size();
        entry.take(size).read_to_end(&mut text).map_err(BackupError::Read)?;
        if text.len() as u64 != size {
            return Err(BackupError::Read(io::ErrorKind::UnexpectedEof.into()));
        }
        keys.extend(restore::key_of(&path, text)?);
    }
    if keys.is_empty() { Err(BackupError::NoKeys) } else { Ok(keys) }
}

/// What keys of a backup are, as text without secrets.
pub fn inventory_of(keys: &[BackedUp]) -> String {
    let role = |key: &BackedUp| key.header.role.clone().unwrap_or_default();
    let roles: Vec<_> = keys.iter().map(role).collect();
    inventory(keys.iter().zip(&roles).map(|(key, role)| (key.id, role.as_str(), key.header.gun.as_deref())))
}

/// A backup that cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Neither an age file nor a tar, or one that is damaged.
    #[error("the backup cannot be read; nothing was restored")]
    Read(#[source] io::Error),
    /// More than any backup has.
    #[error("the backup has more than {} MiB or {FILES} files; nothing was restored", age::MAX_BYTES >> 20)]
    Large,
    /// A tar of something else.
    #[error("there are no keys in the backup")]
    NoKeys,
    /// A file with the name of a key that is none.
    #[error("`{}` in the backup is no key file; nothing was restored", path.escape_default())]
    File {
        /// Its path in the backup.
        path: String,
        /// Why.
        source: key_file::KeyFileError,
    },
}
