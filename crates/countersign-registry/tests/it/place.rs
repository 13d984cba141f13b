//! A place in memory, and ears for progress.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_registry::descriptor::Descriptor;
use countersign_registry::transfer::{BlobReader, BlobSink, BlobSource, BlobWriter, Progress, State};
use countersign_testkit::image::Content;

type Blobs = Arc<Mutex<BTreeMap<Digest, Bytes>>>;

/// Blobs in memory.
#[derive(Clone, Default)]
pub(crate) struct Memory(Blobs);

impl Memory {
    pub(crate) fn put(&self, content: impl Into<Bytes>) -> Digest {
        let content = content.into();
        let digest = Digest::sha256(&content);
        self.blobs().insert(digest, content);
        digest
    }

    pub(crate) fn with(contents: Vec<&Content>) -> Self {
        let memory = Self::default();
        for content in contents {
            memory.put(content.bytes.clone());
        }
        memory
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Bytes> {
        self.blobs().get(digest).cloned()
    }

    pub(crate) fn remove(&self, digest: &Digest) {
        self.blobs().remove(digest);
    }

    /// Puts content where other content belongs.
    pub(crate) fn corrupt(&self, digest: &Digest, content: &'static str) {
        self.blobs().insert(*digest, Bytes::from_static(content.as_bytes()));
    }

    pub(crate) fn len(&self) -> usize {
        self.blobs().len()
    }

    fn blobs(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BlobSource for Memory {
    async fn open(&self, digest: &Digest, offset: u64) -> io::Result<Option<BlobReader>> {
        let Some(content) = self.get(digest) else { return Ok(None) };
        let rest = content.slice(usize::try_from(offset).expect("an offset")..);
        Ok(Some(BlobReader { size: content.len() as u64, content: Box::pin(io::Cursor::new(rest)) }))
    }
}

#[async_trait]
impl BlobSink for Memory {
    async fn has_blob(&self, descriptor: &Descriptor) -> io::Result<bool> {
        Ok(self.get(&descriptor.digest).is_some())
    }

    async fn create(&self, descriptor: &Descriptor) -> io::Result<Box<dyn BlobWriter>> {
        Ok(Box::new(Incoming { memory: self.clone(), digest: descriptor.digest, content: Vec::new() }))
    }
}

struct Incoming {
    memory: Memory,
    digest: Digest,
    content: Vec<u8>,
}

#[async_trait]
impl BlobWriter for Incoming {
    async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.content.extend_from_slice(&piece);
        Ok(())
    }

    async fn commit(self: Box<Self>) -> io::Result<()> {
        assert_eq!(Digest::sha256(&self.content), self.digest, "only verified content is committed");
        self.memory.put(self.content);
        Ok(())
    }
}

/// Remembers everything that a transfer says.
#[derive(Default)]
pub(crate) struct Ears(Mutex<Vec<(Digest, State)>>);

impl Ears {
    pub(crate) fn of(&self, digest: &Digest) -> Vec<State> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter(|(found, _)| found == digest).map(|(_, state)| state.clone()).collect()
    }

    /// What was said last of each blob.
    pub(crate) fn last(&self) -> BTreeMap<Digest, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Progress for Ears {
    fn report(&self, digest: &Digest, state: &State) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((*digest, state.clone()));
    }
}
