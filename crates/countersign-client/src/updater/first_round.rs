//! The first round of requests: what is asked for depends on what the cache holds.

use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::trust::{Offered, PinRule, RootPhase, SeenFile};
use futures_util::future::{OptionFuture, join_all};

use super::run::{Opening, Run, unasked_not_modified};
use super::{OfflineUse, UpdateError, Warning};
use crate::cache::CacheDamage;
use crate::remote::{FetchError, Fetched, RemoteFile};

/// Which root the update begins from.
enum Base {
    /// The cached one.
    Trusted(RootPhase),
    /// One that the cache lost, and whose digest is remembered.
    Remembered(SeenFile),
    /// None: the collection is met for the first time.
    First,
}

impl Run<'_> {
    /// Asks for the timestamp; and for everything else at once, as far as it isn't cached, when the cache is not complete.
    pub(super) async fn first_round(&mut self) -> Result<Opening, UpdateError> {
        let base = self.base()?;
        let begun = matches!(base, Base::Trusted(_)) && self.is_begun();
        let root_file = match &base {
            Base::Trusted(_) if begun && !self.fetched.contains_key(&TopRole::Root.into()) => {
                Some(RemoteFile::current(TopRole::Root))
            }
            Base::Trusted(_) => None,
            Base::Remembered(seen) => Some(RemoteFile::version(TopRole::Root, seen.version)),
            Base::First => Some(RemoteFile::current(TopRole::Root)),
        };
        let missing: Vec<RoleName> = [TopRole::Snapshot, TopRole::Targets]
            .map(RoleName::from)
            .into_iter()
            .chain([RoleName::releases()])
            .filter(|role| !self.cached.files.contains_key(role) && !self.fetched.contains_key(role))
            .collect();
        let is_complete = matches!(base, Base::Trusted(_))
            && self.cached_file(TopRole::Timestamp).is_some()
            && missing.iter().all(RoleName::is_delegation);
        let guesses = if is_complete { Vec::new() } else { missing };

        let root = OptionFuture::from(root_file.as_ref().map(|file| self.fetch(file, None, None)));
        let guesses = join_all(guesses.into_iter().map(|role| self.guess(role)));
        let (root, timestamp, guesses) = tokio::join!(root, self.ask_timestamp(true), guesses);
        for (role, bytes) in guesses.into_iter().flatten() {
            self.keep(role, bytes);
        }
        let knows_root = matches!(base, Base::Trusted(_));
        let root_is_missing = matches!(&root, Some(Err(error)) if error.is_not_found());
        let root = match (base, root) {
            (Base::Trusted(root), answer) if begun => self.published_root(root, answer),
            (Base::Trusted(root), _) => root,
            (Base::Remembered(seen), Some(answer)) => self.remembered_root(&seen, answer)?,
            (_, answer) => self.first_root(answer)?,
        };
        let is_missing = matches!(&timestamp, Err(error) if error.is_not_found());
        if knows_root && is_missing && (root_is_missing || self.has_no_root().await) {
            return Err(self.no_trust_data());
        }
        let timestamp = self.admit_timestamp(timestamp)?;
        Ok((root, timestamp))
    }

    /// Asks for the timestamp again, whatever is cached.
    pub(super) async fn timestamp_again(&mut self) -> Result<Offered, UpdateError> {
        let answer = self.ask_timestamp(false).await;
        self.admit_timestamp(answer)
    }

    /// Whether the server has no root either, so that a timestamp which isn't there means that nothing is.
    async fn has_no_root(&self) -> bool {
        let root = self.fetch(&RemoteFile::current(TopRole::Root), None, None).await;
        root.is_err_and(|error| error.is_not_found())
    }

    async fn ask_timestamp(&self, conditional: bool) -> Result<Fetched, FetchError> {
        let have =
            self.cached_file(TopRole::Timestamp).filter(|_| conditional).map(|bytes| Digest::sha256(bytes));
        self.fetch(&RemoteFile::current(TopRole::Timestamp), None, have).await
    }

    /// Takes the answer to a question for the timestamp, or the cached one where it may stand in.
    fn admit_timestamp(&mut self, answer: Result<Fetched, FetchError>) -> Result<Offered, UpdateError> {
        let cached = self.cached_file(TopRole::Timestamp).cloned();
        let file = RemoteFile::current(TopRole::Timestamp);
        match (answer, cached) {
            (Ok(Fetched::Bytes(bytes)), cached) => Ok(if cached.as_ref() == Some(&bytes) {
                Offered::cached(bytes)
            } else {
                Offered::fetched(bytes)
            }),
            (Ok(Fetched::NotModified), Some(cached)) => Ok(Offered::cached(cached)),
            (Ok(Fetched::NotModified), None) => {
                Err(UpdateError::Fetch { file, source: unasked_not_modified(self.remote) })
            }
            (Err(error), Some(cached))
                if error.is_unreachable() && self.settings.offline == OfflineUse::Allowed =>
            {
                self.offline = Some(error);
                Ok(Offered::cached(cached))
            }
            (Err(source), _) if source.is_unreachable() => {
                Err(UpdateError::Unreachable { source, cached: None })
            }
            (Err(source), _) => Err(UpdateError::Fetch { file, source }),
        }
    }

    /// The root to begin from.
    fn base(&mut self) -> Result<Base, UpdateError> {
        let seen = self.cached.seen.clone();
        let cached = self.cached_file(TopRole::Root).cloned();
        let attempt =
            cached.map(|bytes| RootPhase::trust_cached(self.environment.clone(), bytes, seen.clone()));
        let refusal = match attempt {
            Some(Ok(root)) => return Ok(Base::Trusted(root)),
            Some(Err(refusal)) => Some(refusal),
            None => None,
        };
        if refusal.is_some() {
            self.cached.files.remove(&TopRole::Root.into());
            let problem = "is not the root that was trusted".to_owned();
            let damage = CacheDamage { file: "metadata/root.json".to_owned(), problem };
            self.warnings.push(Warning::CacheDamage(damage));
        }
        if let Some(remembered) = seen.file(&TopRole::Root.into()) {
            return Ok(Base::Remembered(remembered.clone()));
        }
        let is_pinned = matches!(
            self.environment.anchor.pin_rule(),
            Some(PinRule::Certificates(_) | PinRule::Authorities(_))
        );
        // First use again would be trust in whoever answers now.
        let forgotten = self.cached.damage.iter().find(|damage| damage.is_of_memory());
        match (refusal, forgotten) {
            _ if is_pinned => Ok(Base::First),
            (Some(refusal), _) => Err(UpdateError::CachedRoot(refusal)),
            (None, Some(damage)) => Err(UpdateError::Forgotten(damage.clone())),
            (None, None) => Ok(Base::First),
        }
    }

    fn first_root(&mut self, answer: Option<Result<Fetched, FetchError>>) -> Result<RootPhase, UpdateError> {
        let bytes = match answer {
            Some(Err(source)) if source.is_not_found() => return Err(self.no_trust_data()),
            answer => self.root_bytes(answer, RemoteFile::current(TopRole::Root))?,
        };
        self.first_use = true;
        let seen = self.cached.seen.clone();
        Ok(RootPhase::trust_first(self.environment.clone(), bytes, seen)?)
    }

    fn remembered_root(
        &self,
        remembered: &SeenFile,
        answer: Result<Fetched, FetchError>,
    ) -> Result<RootPhase, UpdateError> {
        let version = remembered.version;
        let bytes = match answer {
            Err(source) if source.is_not_found() => return Err(UpdateError::LostRoot { version, source }),
            answer => self.root_bytes(Some(answer), RemoteFile::version(TopRole::Root, version))?,
        };
        let seen = self.cached.seen.clone();
        Ok(RootPhase::trust_remembered(self.environment.clone(), bytes, seen, remembered)?)
    }

    /// Whether the cached root was begun here, and nothing of it was ever seen published: so `init` leaves a cache, and
    /// Docker's first push.
    fn is_begun(&self) -> bool {
        let was_seen = self.cached.seen.file(&TopRole::Root.into()).is_some();
        !was_seen && self.cached_file(TopRole::Timestamp).is_none()
    }

    /// The published form of a root that was begun here; the root as it is, if there is none.
    fn published_root(&self, root: RootPhase, answer: Option<Result<Fetched, FetchError>>) -> RootPhase {
        let fetched = match answer {
            Some(Ok(Fetched::Bytes(bytes))) => Some(bytes),
            _ => self.fetched.get(&TopRole::Root.into()).and_then(|files| files.first().cloned()),
        };
        let published = fetched.and_then(|bytes| root.clone().accept_published(bytes).ok());
        published.unwrap_or(root)
    }

    fn root_bytes(
        &self,
        answer: Option<Result<Fetched, FetchError>>,
        file: RemoteFile,
    ) -> Result<Bytes, UpdateError> {
        match answer {
            Some(Ok(Fetched::Bytes(bytes))) => Ok(bytes),
            Some(Err(source)) if source.is_unreachable() => {
                Err(UpdateError::Unreachable { source, cached: None })
            }
            Some(Err(source)) => Err(UpdateError::Fetch { file, source }),
            Some(Ok(Fetched::NotModified)) | None => {
                Err(UpdateError::Fetch { file, source: unasked_not_modified(self.remote) })
            }
        }
    }

    fn no_trust_data(&self) -> UpdateError {
        UpdateError::NoTrustData {
            server: self.remote.server().to_owned(),
            gun: self.settings.gun.clone(),
            trusted_before: self.cached_file(TopRole::Timestamp).is_some()
                || self.cached.seen.iter().next().is_some(),
        }
    }
}
