//! Places that keep blobs: where a pull puts them and where a push takes them from.

use std::fmt;
use std::io;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use countersign_core::digest::Digest;
use tokio::io::AsyncRead;

use crate::descriptor::Descriptor;

/// A place that blobs are read from.
#[async_trait]
pub trait BlobSource: Send + Sync {
    /// Opens a blob at `offset`, which is at most its size; `None` if the place does not have it.
    async fn open(&self, digest: &Digest, offset: u64) -> io::Result<Option<BlobReader>>;
}

/// A place that blobs are written to.
#[async_trait]
pub trait BlobSink: Send + Sync {
    /// Whether the place has this blob, whole and of this size.
    async fn has_blob(&self, descriptor: &Descriptor) -> io::Result<bool>;

    /// Starts to write a blob. Nothing can be read under its digest before [`BlobWriter::commit`].
    async fn create(&self, descriptor: &Descriptor) -> io::Result<Box<dyn BlobWriter>>;
}

/// A blob that is being written. Dropped without a commit it leaves nothing behind.
#[async_trait]
pub trait BlobWriter: Send {
    /// Adds the next piece.
    async fn write(&mut self, piece: Bytes) -> io::Result<()>;

    /// Makes the blob durable and visible under the digest of its descriptor.
    ///
    /// The caller has compared size and digest of all pieces with the descriptor; a place may compare again. Another
    /// process having committed the same blob is no error.
    async fn commit(self: Box<Self>) -> io::Result<()>;
}

/// A blob that is being read.
pub struct BlobReader {
    /// The whole blob's size in bytes, whatever the offset.
    pub size: u64,
    /// The content from the offset on.
    pub content: Pin<Box<dyn AsyncRead + Send>>,
}

impl fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobReader({} bytes)", self.size)
    }
}
