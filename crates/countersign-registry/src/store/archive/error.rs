//! What can be wrong with an archive.

use std::io;
use std::path::PathBuf;

use countersign_core::digest::Digest;
use thiserror::Error;

use super::super::error::{Damage, StoreError};
use crate::manifest::ManifestError;
use crate::reference::{ImageReference, ReferenceError};

/// An archive that is not loaded, or not saved; the store's images are as they were.
///
/// Names inside of an archive are given as they are, escaped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive can't be read.
    #[error("cannot read archive `{}`", path.display())]
    Read {
        /// The archive.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The archive can't be written.
    #[error("cannot write archive `{}`; what was written of it is discarded", path.display())]
    Write {
        /// The archive.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It holds no images in a form that is known.
    #[error("`{}` is neither an OCI image layout nor an archive of `docker save`", path.display())]
    Unknown {
        /// The archive.
        path: PathBuf,
    },
    /// A layout of another version.
    #[error("`oci-layout` names layout version `{}`, expected `1.0.0`", .0.escape_debug())]
    LayoutVersion(String),
    /// It is compressed with something else than gzip.
    #[error("`{}` is compressed with {method}, only gzip is supported", name.escape_debug())]
    Compression {
        /// The archive, or the layer in it.
        name: String,
        /// `bzip2`, `xz` or `zstd`.
        method: &'static str,
    },
    /// The tar format is broken.
    #[error("the archive is not a well-formed tar at byte {offset}: {problem}")]
    Tar {
        /// Where the header of the entry is, in the uncompressed tar.
        offset: u64,
        /// What is wrong there.
        problem: String,
    },
    /// The archive ends too early.
    #[error("the archive is cut short: `{}` needs {needed_bytes} bytes, {found_bytes} are left", entry.escape_debug())]
    Truncated {
        /// The entry that is cut.
        entry: String,
        /// Its size.
        needed_bytes: u64,
        /// What is there.
        found_bytes: u64,
    },
    /// An entry has no business in an image archive.
    #[error("entry `{}` is refused: {problem}", entry.escape_debug())]
    Entry {
        /// The entry.
        entry: String,
        /// Why.
        problem: EntryProblem,
    },
    /// More of something than is read.
    #[error("the archive has more than {limit} {what}")]
    Limit {
        /// `entries`, `images` or `bytes when unpacked`.
        what: &'static str,
        /// How many are allowed.
        limit: u64,
    },
    /// A document is larger than is read.
    #[error("`{}` has more than {limit_bytes} bytes", entry.escape_debug())]
    DocumentTooLarge {
        /// The document.
        entry: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// A document does not make sense.
    #[error("`{}` in the archive is not readable", entry.escape_debug())]
    Document {
        /// The document.
        entry: String,
        /// Where it stops making sense.
        source: serde_json::Error,
    },
    /// A manifest does not make sense.
    #[error("`{}` in the archive is not a usable manifest", entry.escape_debug())]
    Manifest {
        /// The manifest.
        entry: String,
        /// Why.
        source: ManifestError,
    },
    /// Something that is named is not in the archive.
    #[error("the archive has no `{}`, which `{}` names", entry.escape_debug(), by.escape_debug())]
    Absent {
        /// What is not there.
        entry: String,
        /// What names it.
        by: String,
    },
    /// Content is not what its name says.
    #[error("`{}` in the archive is not {expected}: {damage}", entry.escape_debug())]
    Content {
        /// The entry.
        entry: String,
        /// The digest that names it.
        expected: Digest,
        /// What differs.
        damage: Damage,
    },
    /// A configuration and the layers of a `docker save` archive don't fit.
    #[error("`{}` names {diff_ids} layers, `manifest.json` {layers}", config.escape_debug())]
    LayerCount {
        /// The configuration.
        config: String,
        /// Layers that the configuration names.
        diff_ids: usize,
        /// Layers that the manifest names.
        layers: usize,
    },
    /// Something that is neither an image nor an index of images.
    #[error("{digest} has media type `{}`, which is no image", media_type.escape_debug())]
    MediaType {
        /// The content.
        digest: Digest,
        /// Its media type.
        media_type: String,
    },
    /// An index of which the archive has no complete image.
    #[error("the archive has no image of index {digest} with all of its layers")]
    Empty {
        /// The index.
        digest: Digest,
    },
    /// It lists no images.
    #[error("`{}` has no images", path.display())]
    NoImages {
        /// The archive.
        path: PathBuf,
    },
    /// One name was given for several images.
    #[error("the archive has {} images ({}), one name can't be given to them", names.len(), names.join(", "))]
    Several {
        /// Their names, or digests of those that have none.
        names: Vec<String>,
    },
    /// An image's name is no reference.
    #[error("image name `{}` in the archive is not usable", name.escape_debug())]
    Name {
        /// The name.
        name: String,
        /// Why.
        source: ReferenceError,
    },
    /// One name stands for two images.
    #[error("the archive gives the name `{name}` to both {first} and {second}")]
    AmbiguousName {
        /// The name.
        name: String,
        /// One image.
        first: Digest,
        /// The other.
        second: Digest,
    },
    /// There is no such image to save.
    #[error("there is no image `{0}` in the store")]
    NoSuchImage(ImageReference),
}

/// Why an entry is refused.
#[derive(Clone, Debug, Eq, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum EntryProblem {
    /// An absolute path.
    #[error("its path is absolute")]
    Absolute,
    /// A path out of the archive.
    #[error("its path leads out of the archive")]
    Escapes,
    /// A path that is not text, or empty.
    #[error("its path is not usable text")]
    NotText,
    /// A second entry of the same path.
    #[error("it is there twice")]
    Twice,
    /// A link whose target leads out of the archive.
    #[error("it links to `{}`, which leads out of the archive", .0.escape_debug())]
    LinkEscapes(String),
    /// Links that lead to each other, or too many in a row.
    #[error("its links lead nowhere")]
    LinkLoop,
    /// Neither file, directory nor link.
    #[error("it is neither file, directory nor link")]
    Kind,
    /// A sparse file.
    #[error("it is a sparse file")]
    Sparse,
    /// A path that is too long.
    #[error("its path is longer than {limit_bytes} bytes")]
    Long {
        /// The limit.
        limit_bytes: u64,
    },
}
