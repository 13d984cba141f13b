//! The store as a place that a registry client reads from and writes to.

use std::io;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use countersign_core::digest::Digest;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_util::io::StreamReader;

use super::blob::{NewBlob, StoredBlob};
use super::lock::Lease;
use super::{Store, StoreError};
use crate::descriptor::Descriptor;
use crate::transfer::{BlobReader, BlobSink, BlobSource, BlobWriter};

/// Bytes that are collected before they are handed to a thread that may block.
const PIECE_BYTES: usize = 256 * 1024;
/// Pieces that are read ahead.
const READ_AHEAD: usize = 2;

/// A store that images are moved to or from. While it lives, no garbage is collected.
///
/// Keep it until the images have names.
#[derive(Clone, Debug)]
pub struct Transfer {
    store: Store,
    lease: Lease,
}

impl Transfer {
    pub(super) fn new(store: Store, lease: Lease) -> Self {
        Self { store, lease }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

#[async_trait]
impl BlobSource for Transfer {
    async fn open(&self, digest: &Digest, offset: u64) -> io::Result<Option<BlobReader>> {
        let (transfer, digest) = (self.clone(), *digest);
        let opened = blocking(move || match transfer.store.blob(&digest) {
            Err(StoreError::BlobMissing { .. }) => Ok(None),
            opened => opened.map(Some),
        });
        let Some(blob) = opened.await? else { return Ok(None) };
        let size = blob.remaining();
        Ok(Some(BlobReader { size, content: Box::pin(read_ahead(blob, offset, self.lease.clone())) }))
    }
}

#[async_trait]
impl BlobSink for Transfer {
    async fn has_blob(&self, descriptor: &Descriptor) -> io::Result<bool> {
        let (store, descriptor) = (self.store.clone(), descriptor.clone());
        blocking(move || store.has(&descriptor)).await
    }

    async fn create(&self, descriptor: &Descriptor) -> io::Result<Box<dyn BlobWriter>> {
        let (transfer, descriptor) = (self.clone(), descriptor.clone());
        let blob = blocking(move || transfer.store.create(&transfer.lease, &descriptor)).await?;
        Ok(Box::new(Incoming { blob: Some(blob), pending: BytesMut::new() }))
    }
}

struct Incoming {
    /// Away while a thread writes to it, and for good when that went wrong.
    blob: Option<NewBlob>,
    pending: BytesMut,
}

impl Incoming {
    async fn flush(&mut self) -> io::Result<NewBlob> {
        let mut blob =
            self.blob.take().ok_or_else(|| io::Error::other("the blob is not written after an error"))?;
        let piece = self.pending.split();
        blocking(move || blob.append(&piece).map(|()| blob)).await
    }
}

#[async_trait]
impl BlobWriter for Incoming {
    async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.pending.extend_from_slice(&piece);
        if self.pending.len() >= PIECE_BYTES {
            self.blob = Some(self.flush().await?);
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> io::Result<()> {
        let blob = self.flush().await?;
        blocking(move || blob.commit().map(drop)).await
    }
}

/// Reads a blob on a thread of its own, a few pieces ahead. All of it is read and checked, whatever the offset.
fn read_ahead(blob: StoredBlob, offset: u64, lease: Lease) -> impl tokio::io::AsyncRead + Send {
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    spawn_blocking(move || {
        let _lease = lease;
        let last = send_pieces(blob, offset, &sender);
        if let Err(error) = last {
            // Nobody listens any more: that is no error.
            drop(sender.blocking_send(Err(error)));
        }
    });
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        let piece: io::Result<Bytes> = receiver.recv().await?;
        Some((piece, receiver))
    });
    StreamReader::new(Box::pin(pieces))
}

fn send_pieces(
    mut blob: StoredBlob,
    offset: u64,
    sender: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let mut skip = offset;
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let count = io::Read::read(&mut blob, &mut piece)?;
        if count == 0 {
            return Ok(());
        }
        piece.truncate(count);
        let skipped = skip.min(count as u64);
        skip -= skipped;
        let piece = Bytes::from(piece).slice(usize::try_from(skipped).unwrap_or(count)..);
        if !piece.is_empty() && sender.blocking_send(Ok(piece)).is_err() {
            return Ok(());
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> io::Result<T> {
    let done = spawn_blocking(work).await.map_err(io::Error::other)?;
    done.map_err(|error| io::Error::new(kind(&error), error))
}

fn kind(error: &StoreError) -> io::ErrorKind {
    match error {
        StoreError::Io { source, .. } | StoreError::Full { source, .. } => source.kind(),
        StoreError::BlobMissing { .. } | StoreError::Missing { .. } => io::ErrorKind::NotFound,
        StoreError::Busy { .. } | StoreError::InUse { .. } => io::ErrorKind::WouldBlock,
        _ => io::ErrorKind::InvalidData,
    }
}
