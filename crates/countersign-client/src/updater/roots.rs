//! Following root rotations: each version is signed by the keys of the one before it.

use countersign_core::metadata::Document as _;
use countersign_core::metadata::{Envelope, Root};
use countersign_core::name::TopRole;
use countersign_core::number::MetaVersion;
use countersign_core::trust::RootPhase;
use futures_util::StreamExt as _;
use futures_util::future::OptionFuture;
use futures_util::stream;

use super::UpdateError;
use super::run::{Run, unasked_not_modified};
use crate::remote::{FetchError, Fetched, RemoteFile};

/// How many root versions are fetched at once.
const AT_ONCE: usize = 8;

impl Run<'_> {
    /// Follows the root versions after `root` to the last one that the server has.
    ///
    /// Only a version that isn't there, or the limit, ends the walk. The newest root is asked for at the same time: it
    /// tells how many versions there are to fetch at once, and nothing else.
    ///
    /// Source: TUF 1.0.34 §5.3.
    pub(super) async fn walk_roots(&mut self, mut root: RootPhase) -> Result<RootPhase, UpdateError> {
        let limit = self.environment.limits.root_rotations;
        let first = root.root().version.get() + 1;
        let mut hint = None;
        let mut next = first;
        loop {
            let last = hint.map_or(next + 1, |newest: u64| (newest + 1).max(next));
            let ask_hint = OptionFuture::from((next == first).then(|| self.newest_version()));
            let (versions, newest) = tokio::join!(self.fetch_versions(next, last), ask_hint);
            hint = newest.flatten().or(hint);
            for (version, answer) in versions {
                let file = RemoteFile::version(TopRole::Root, version);
                match answer {
                    Ok(Fetched::Bytes(bytes)) => root = root.accept_root(bytes)?,
                    Ok(Fetched::NotModified) => {
                        return Err(UpdateError::Fetch { file, source: unasked_not_modified(self.remote) });
                    }
                    Err(FetchError::NotFound { .. }) => return Ok(root),
                    Err(source) => return Err(UpdateError::Fetch { file, source }),
                }
                if version.get() - first >= limit as u64 {
                    return Err(UpdateError::RootRotations { limit });
                }
            }
            next = root.root().version.get() + 1;
            if MetaVersion::new(next).is_err() {
                return Ok(root);
            }
        }
    }

    /// Fetches root versions `from` to `to`, a few at once, no further than the first that is not there.
    async fn fetch_versions(&self, from: u64, to: u64) -> Vec<(MetaVersion, Result<Fetched, FetchError>)> {
        let versions = (from..=to).map_while(|version| MetaVersion::new(version).ok());
        let answers = stream::iter(versions).map(|version| async move {
            let file = RemoteFile::version(TopRole::Root, version);
            (version, self.fetch(&file, None, None).await)
        });
        let mut answers = std::pin::pin!(answers.buffered(AT_ONCE));
        let mut found = Vec::new();
        while let Some((version, answer)) = answers.next().await {
            let is_last = answer.is_err() || found.len() > self.environment.limits.root_rotations;
            found.push((version, answer));
            if is_last {
                break;
            }
        }
        found
    }

    /// The version that the newest root claims. It is a hint: whatever it says, each version is checked.
    async fn newest_version(&self) -> Option<u64> {
        let Ok(Fetched::Bytes(bytes)) = self.fetch(&RemoteFile::current(TopRole::Root), None, None).await
        else {
            return None;
        };
        let envelope = Envelope::parse(bytes, &self.environment.limits).ok()?;
        envelope.claim::<Root>().ok().map(|root| root.version().get())
    }
}
