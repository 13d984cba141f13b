//! Archives into a daemon, and out of it.

use std::io;
use std::path::Path;

use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_registry::http::RequestBody;
use countersign_registry::reference::ImageReference;
use futures_util::StreamExt as _;
use http::HeaderValue;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;

use super::DockerEngine;
use super::daemon::Call;
use super::error::DaemonError;
use crate::engine::LoadedImage;
use crate::error::EngineError;

/// Size of the pieces of an archive on its way to the daemon, in bytes.
const PIECE_BYTES: usize = 64 << 10;

impl DockerEngine {
    pub(super) async fn load_by_daemon(
        &self,
        archive: &Path,
        name: Option<&ImageReference>,
    ) -> Result<Vec<LoadedImage>, EngineError> {
        let failed = |source| EngineError::ReadArchive { path: archive.to_owned(), source };
        let file = File::open(archive).await.map_err(failed)?;
        let metadata = file.metadata().await.map_err(failed)?;
        if !metadata.is_file() {
            return Err(EngineError::NotWithThis { engine: self.name, what: "loading a directory" });
        }
        let pieces = ReaderStream::with_capacity(file, PIECE_BYTES).map(|piece: io::Result<Bytes>| piece);
        let body = RequestBody::Stream { length: metadata.len(), pieces: Box::pin(pieces) };
        let call = Call::post(&["images", "load"])
            .with("quiet", "1")
            .header("content-type", HeaderValue::from_static("application/x-tar"))
            .carrying(body);
        let mut messages = self.daemon.messages(call).await?;
        let mut loaded = Vec::new();
        while let Some(message) = messages.next().await? {
            for line in message.stream.lines() {
                let (reference, id) = if let Some(id) = line.strip_prefix("Loaded image ID: ") {
                    let id = id.trim().parse::<Digest>();
                    (None, id.map_err(|_| self.daemon.garbage("it loaded an image without an id"))?)
                } else if let Some(name) = line.strip_prefix("Loaded image: ") {
                    // Podman speaks of several in one line.
                    for name in name.split(',') {
                        loaded.push(self.loaded(name.trim()).await?);
                    }
                    continue;
                } else {
                    continue;
                };
                loaded.push((LoadedImage { reference, digest: id }, id));
            }
        }
        if let (Some(name), [(image, id)]) = (name, loaded.as_mut_slice()) {
            let name = name.clone().or_latest();
            let Some(tag) = name.tag() else { return Err(EngineError::NoTag(name)) };
            self.name(id, &name, tag).await?;
            image.reference = Some(name);
        } else if name.is_some() {
            return Err(EngineError::NotOne { images: loaded.len() });
        }
        Ok(loaded.into_iter().map(|(image, _)| image).collect())
    }

    /// An image of this name, with its id.
    async fn loaded(&self, name: &str) -> Result<(LoadedImage, Digest), EngineError> {
        let garbage =
            || EngineError::from(self.daemon.garbage("it loaded an image and has none of that name"));
        let reference = ImageReference::parse(name).map_err(|_| garbage())?;
        let found = self.inspect(&reference).await?.ok_or_else(garbage)?;
        let digest = found.digests.first().copied().unwrap_or(found.id);
        Ok((LoadedImage { reference: Some(reference), digest }, found.id))
    }

    pub(super) async fn save_by_daemon(
        &self,
        references: &[ImageReference],
        path: &Path,
    ) -> Result<(), EngineError> {
        for reference in references {
            if self.inspect(reference).await?.is_none() {
                return Err(EngineError::NoSuchImage(reference.clone()));
            }
        }
        let names: Vec<_> = references.iter().map(ToString::to_string).collect();
        let call = names.iter().fold(Call::get(&["images", "get"]), |call, name| call.with("names", name));
        let failed = |source: io::Error| EngineError::WriteArchive { path: path.to_owned(), source };
        let directory = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (file, place) = tempfile::NamedTempFile::new_in(directory).map_err(failed)?.into_parts();
        let mut file = File::from_std(file);
        let mut response = self.daemon.open(call).await?;
        let broken = |error| EngineError::from(DaemonError::of_http(error, self.daemon.address()));
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            file.write_all(&piece).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        file.sync_all().await.map_err(failed)?;
        place.persist(path).map_err(|error| failed(error.error))
    }
}
