//! The content of a target: streamed, hashed on the way, in place whole or not at all.

use std::fs::File;
use std::path::{Path, PathBuf};

use countersign_core::digest::{Digest, HashError, Hasher};
use countersign_registry::auth::AuthError;
use countersign_registry::http::Response;
use tokio::io::AsyncWriteExt as _;

use super::place::Place;
use super::{TufTarget, TufTargetError, TufView};
use crate::remote_http::answer::fetch_error;

/// What became of a download.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Downloaded {
    /// It was fetched.
    Fetched(PathBuf),
    /// The very content was there already.
    Present(PathBuf),
}

impl Downloaded {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Fetched(path) | Self::Present(path) => path,
        }
    }
}

impl TufView {
    /// Downloads a target to the file of its name below `dir`. Directories on the way are made, links are not followed.
    ///
    /// # Errors
    /// [`TufTargetError`]. Whatever stood there before is as it was.
    ///
    /// Source: TUF 1.0.34 §5.7.
    pub async fn download(&self, target: &TufTarget, dir: &Path) -> Result<Downloaded, TufTargetError> {
        let digests: Vec<_> = target.meta.hashes.known().collect();
        let Some(first) = digests.first() else {
            return Err(TufTargetError::Hash { name: target.name.clone(), source: HashError::NoneKnown });
        };
        let place = Place::of(&target.name, dir).await?;
        if place.holds(digests.clone(), target.meta.length).await? {
            return Ok(Downloaded::Present(place.path()));
        }
        let named_by = self.is_consistent.then_some(first);
        let response = self.repository.target(&target.name, named_by).await;
        let response =
            response.map_err(|source| TufTargetError::Fetch { name: target.name.clone(), source })?;
        let (unplaced, file) = place.begin().await?;
        self.receive(target, &digests, response, file, &place.path()).await?;
        place.put(unplaced).await?;
        Ok(Downloaded::Fetched(place.path()))
    }

    /// Receives the content into `file`, which is to be at `path`.
    async fn receive(
        &self,
        target: &TufTarget,
        digests: &[Digest],
        mut response: Response,
        file: File,
        path: &Path,
    ) -> Result<(), TufTargetError> {
        let name = || target.name.clone();
        let unwritten =
            |source| TufTargetError::Write { name: name(), path: path.display().to_string(), source };
        let lost = |error| {
            let source = fetch_error(&self.repository.host(), AuthError::Http(error));
            TufTargetError::Fetch { name: name(), source }
        };
        let mut file = tokio::fs::File::from_std(file);
        let mut hashers: Vec<_> = digests.iter().map(|digest| Hasher::new(digest.algorithm())).collect();
        let (mut received, length) = (0, target.meta.length);
        while let Some(piece) = response.chunk().await.map_err(lost)? {
            received += piece.len() as u64;
            if received > length {
                return Err(TufTargetError::Length { name: name(), length });
            }
            for hasher in &mut hashers {
                hasher.update(&piece);
            }
            file.write_all(&piece).await.map_err(unwritten)?;
        }
        for (expected, hasher) in digests.iter().zip(hashers) {
            let found = hasher.finish();
            if found != *expected {
                let source = HashError::Mismatch { expected: *expected, found };
                return Err(TufTargetError::Hash { name: name(), source });
            }
        }
        file.flush().await.map_err(unwritten)?;
        file.sync_all().await.map_err(unwritten)
    }
}
