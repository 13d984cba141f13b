//! What is left of a collection whose trust server is gone, read so that it can be published on another one.
//!
//! It comes from an [`export`](crate::export), or from the cache of a machine that used the collection. Nothing is believed of
//! either: [`Publisher::import`](crate::publisher::Publisher::import) verifies each file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use bytes::Bytes;
use countersign_core::limits::Limits;
use countersign_core::metadata::{Envelope, Targets};
use countersign_core::name::{Gun, RoleName, TopRole};
use serde::Deserialize;
use thiserror::Error;

use crate::cache::{Cache, CacheError};

const MANIFEST: &str = "manifest.json";
/// The format of exports that is read.
const FORMAT: u32 = 1;

/// How much of an export is read at most.
#[derive(Clone, Debug)]
pub struct RemainsLimits {
    /// Largest archive, in bytes. Default 1.25 GiB: the most that is exported, with the archive's own headers.
    pub archive_bytes: u64,
    /// Most entries of the archive. Default 1,000,000.
    pub entries: usize,
    /// Largest `manifest.json`, in bytes. Default 64 MiB.
    pub manifest_bytes: u64,
    /// Most bytes of current files in all. Default 1 GiB, the most that is exported.
    pub current_bytes: u64,
    /// Bounds on each file, and on how many delegations a collection has.
    pub metadata: Limits,
}

impl Default for RemainsLimits {
    fn default() -> Self {
        Self {
            archive_bytes: 5 << 28,
            entries: 1_000_000,
            manifest_bytes: 64 << 20,
            current_bytes: 1 << 30,
            metadata: Limits::default(),
        }
    }
}

/// The current files of a collection, as they were found.
#[derive(Clone, Debug)]
pub struct Remains {
    /// The collection.
    pub gun: Gun,
    /// The files, by role: root at least.
    pub files: BTreeMap<RoleName, Bytes>,
    /// The delegations that are to be gone without.
    left_out: BTreeSet<RoleName>,
}

impl Remains {
    /// These files of a collection, root at least.
    pub fn of_files(gun: Gun, files: BTreeMap<RoleName, Bytes>) -> Self {
        Self { gun, files, left_out: BTreeSet::new() }
    }

    /// Has a delegation gone without, and those below it, whether there is a file of it or not.
    pub fn leave_out(&mut self, delegation: RoleName) {
        let goes =
            |role: &RoleName| role.is_delegation() && (*role == delegation || role.is_below(&delegation));
        self.files.retain(|role, _| !goes(role));
        self.left_out.insert(delegation);
    }

    /// The delegations that are to be gone without.
    pub fn left_out(&self) -> &BTreeSet<RoleName> {
        &self.left_out
    }

    /// Reads the current files of the export at `path`. Blocks.
    ///
    /// # Errors
    /// [`RemainsError`]: it is no export, or there is more of something than `limits` allows.
    pub fn of_export(path: &Path, limits: &RemainsLimits) -> Result<Self, RemainsError> {
        let manifest = manifest(path, limits)?;
        if manifest.format != FORMAT {
            return Err(RemainsError::Format { found: manifest.format });
        }
        let current = manifest.files.into_iter().filter(|file| file.current);
        let wanted: BTreeMap<_, _> = current.map(|file| (file.path, file.role)).collect();
        let most = limits.metadata.delegations + TopRole::ALL.len();
        if wanted.len() > most {
            return Err(RemainsError::Many { what: "current files", max: most as u64 });
        }
        let (mut files, mut left) = (BTreeMap::new(), limits.current_bytes);
        entries(path, limits, |name, entry| {
            let Some(role) = wanted.get(name) else { return Ok(None::<()>) };
            let bytes = bounded(entry, limits.metadata.file_bytes(role.top()), name)?;
            let many = RemainsError::Many { what: "bytes of current files", max: limits.current_bytes };
            left = left.checked_sub(bytes.len() as u64).ok_or(many)?;
            files.insert(role.clone(), Bytes::from(bytes));
            Ok(None)
        })?;
        Self::with_root(manifest.gun, files)
    }

    /// Takes what a machine's cache has.
    ///
    /// # Errors
    /// [`RemainsError::NoRoot`], [`RemainsError::Cache`].
    pub async fn of_cache(cache: &dyn Cache, gun: &Gun, limits: &Limits) -> Result<Self, RemainsError> {
        let mut files = BTreeMap::new();
        let mut level: Vec<RoleName> =
            [TopRole::Root, TopRole::Snapshot, TopRole::Targets].map(RoleName::from).to_vec();
        let mut met = BTreeSet::new();
        while !level.is_empty() && met.len() <= limits.delegations {
            met.extend(level.iter().cloned());
            let found = cache.load(gun, &level, limits).await?.files;
            let children = found.iter().flat_map(|(role, bytes)| delegated(role, bytes, limits));
            level = children.filter(|role| !met.contains(role)).collect();
            files.extend(found);
        }
        Self::with_root(gun.clone(), files)
    }

    fn with_root(gun: Gun, files: BTreeMap<RoleName, Bytes>) -> Result<Self, RemainsError> {
        if files.contains_key(&RoleName::from(TopRole::Root)) {
            Ok(Self::of_files(gun, files))
        } else {
            Err(RemainsError::NoRoot { gun })
        }
    }
}

/// The roles that a file says it delegates to.
fn delegated(role: &RoleName, bytes: &Bytes, limits: &Limits) -> Vec<RoleName> {
    if !role.is_delegation() && *role != TopRole::Targets {
        return Vec::new();
    }
    let envelope = Envelope::parse(bytes.clone(), limits).ok();
    let file = envelope.and_then(|envelope| envelope.claim::<Targets>().ok());
    file.map(|file| file.delegations.roles.into_iter().map(|role| role.name).collect()).unwrap_or_default()
}

fn manifest(path: &Path, limits: &RemainsLimits) -> Result<Manifest, RemainsError> {
    let found = entries(path, limits, |name, entry| {
        if name != MANIFEST {
            return Ok(None);
        }
        let bytes = bounded(entry, limits.manifest_bytes, MANIFEST)?;
        serde_json::from_slice(&bytes).map(Some).map_err(RemainsError::Manifest)
    })?;
    found.ok_or(RemainsError::NoExport)
}

/// Shows `visit` every entry of the archive, until it has found something.
fn entries<T>(
    path: &Path,
    limits: &RemainsLimits,
    mut visit: impl FnMut(&str, &mut tar::Entry<'_, io::Take<File>>) -> Result<Option<T>, RemainsError>,
) -> Result<Option<T>, RemainsError> {
    let file = File::open(path).map_err(RemainsError::Read)?;
    let many = |what, max| RemainsError::Many { what, max };
    if file.metadata().map_err(RemainsError::Read)?.len() > limits.archive_bytes {
        return Err(many("bytes", limits.archive_bytes));
    }
    let mut archive = tar::Archive::new(file.take(limits.archive_bytes));
    for (count, entry) in archive.entries().map_err(RemainsError::Read)?.enumerate() {
        if count >= limits.entries {
            return Err(many("entries", limits.entries as u64));
        }
        let mut entry = entry.map_err(RemainsError::Read)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        // A sparse one is as long as it says, whatever is in the archive. No export has any.
        if entry.header().entry_type().is_gnu_sparse() {
            return Err(RemainsError::Sparse { file: name });
        }
        if let Some(found) = visit(&name, &mut entry)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn bounded(entry: &mut impl io::Read, max: u64, name: &str) -> Result<Vec<u8>, RemainsError> {
    let mut bytes = Vec::new();
    entry.take(max + 1).read_to_end(&mut bytes).map_err(RemainsError::Read)?;
    if bytes.len() as u64 > max {
        return Err(RemainsError::Large { file: name.to_owned(), max });
    }
    Ok(bytes)
}

/// What is read of `manifest.json`.
#[derive(Deserialize)]
struct Manifest {
    format: u32,
    gun: Gun,
    files: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    path: String,
    role: RoleName,
    current: bool,
}

/// Something that is not what is left of a collection. Nothing was published.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RemainsError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// There is no manifest in it.
    #[error("it is no export of a collection: `manifest.json` is not in it")]
    NoExport,
    /// The manifest is not one.
    #[error("its `manifest.json` cannot be read")]
    Manifest(#[source] serde_json::Error),
    /// It has a format of another time.
    #[error("its format is {found}, and {FORMAT} is what can be read")]
    Format {
        /// The format.
        found: u32,
    },
    /// A file in it is too large.
    #[error("`{}` in it is larger than {max} bytes", file.escape_default())]
    Large {
        /// The file.
        file: String,
        /// Most bytes that are read.
        max: u64,
    },
    /// There is more of something than any export has.
    #[error("it has more than {max} {what}")]
    Many {
        /// What there is too much of.
        what: &'static str,
        /// Most that is read.
        max: u64,
    },
    /// An entry that says how long it is, and is not.
    #[error("`{}` in it is a sparse file, and no export has one", file.escape_default())]
    Sparse {
        /// The file.
        file: String,
    },
    /// There is no root.
    #[error("there is no root of `{gun}`, and without it nothing can be done")]
    NoRoot {
        /// The collection.
        gun: Gun,
    },
    /// The cache cannot be read.
    #[error(transparent)]
    Cache(#[from] CacheError),
}
