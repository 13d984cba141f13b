//! The engine that needs no daemon: the local image store and the registry client.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use countersign_core::digest::Digest;
use countersign_registry::client::Repository;
use countersign_registry::descriptor::{Descriptor, Platform};
use countersign_registry::reference::ImageReference;
use countersign_registry::store::{Limits, Store, StoredImage, Transfer};
use countersign_registry::transfer::{
    PARALLEL_DOWNLOADS, PARALLEL_UPLOADS, Platforms, Progress, Pull, Push, State, pull, push,
};
use tokio::task::spawn_blocking;

use crate::engine::{Engine, EngineImage, LoadedImage, LocalImage, Pulled, Pushed, is_id};
use crate::error::EngineError;
use crate::output::Output;
use crate::pinned::Pinned;
use crate::registries::Registries;

/// The name of the built-in engine.
pub const LOCAL: &str = "local";

/// The built-in engine, [`LOCAL`].
///
/// An image that was pulled has its pinned name in the store from then on, whether or not it is tagged, so that no
/// garbage collection takes it.
pub struct LocalEngine {
    store: Store,
    registries: Arc<dyn Registries>,
    archive_limits: Limits,
}

impl LocalEngine {
    /// Keeps images in `store`, and moves them with what `registries` makes.
    pub fn new(store: Store, registries: Arc<dyn Registries>) -> Self {
        Self { store, registries, archive_limits: Limits::default() }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    fn repository(&self, reference: &ImageReference) -> Result<Repository, EngineError> {
        Ok(self.registries.registry(reference.domain())?.repository(reference.path()))
    }

    /// Runs work on the store on a thread that may block.
    async fn with_store<T, E>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, E> + Send + 'static,
    ) -> Result<T, EngineError>
    where
        T: Send + 'static,
        E: Into<EngineError> + Send + 'static,
    {
        let store = self.store.clone();
        let done = spawn_blocking(move || work(&store)).await;
        done.map_err(|_| EngineError::CutOff)?.map_err(Into::into)
    }
}

#[async_trait]
impl Engine for LocalEngine {
    fn name(&self) -> &'static str {
        LOCAL
    }

    async fn push(&self, reference: &ImageReference, output: Arc<dyn Output>) -> Result<Pushed, EngineError> {
        let reference = reference.clone().or_latest();
        let Some(tag) = reference.tag().map(str::to_owned) else { return Err(EngineError::NoTag(reference)) };
        let repository = self.repository(&reference)?;
        let refers = format!("The push refers to repository [{}]", reference.name());
        let Outgoing { root, mount_from, transfer } =
            self.with_store(move |store| Outgoing::find(store, &reference)).await?;
        output.line(&refers);
        let sent = push(Push {
            repository,
            tag: Some(tag.clone()),
            root,
            source: Arc::new(transfer),
            mount_from,
            progress: Arc::<dyn Output>::clone(&output),
            parallel: PARALLEL_UPLOADS,
        });
        let sent = sent.await?;
        output.line(&format!("{tag}: digest: {} size: {}", sent.digest, sent.size));
        Ok(Pushed { tag, digest: sent.digest, length: sent.size })
    }

    async fn pull(
        &self,
        image: &Pinned,
        platform: Option<&Platform>,
        output: Arc<dyn Output>,
    ) -> Result<Pulled, EngineError> {
        let repository = self.repository(image.reference())?;
        let name = image.reference().clone();
        let (had_name, transfer) = self
            .with_store(move |store| {
                // Room that killed pulls took; in vain when a neighbour is at work, and that is all right.
                drop(store.sweep());
                let transfer = store.transfer()?;
                Ok::<_, EngineError>((store.resolve(&name)?.is_some(), transfer))
            })
            .await?;
        output.line(&format!("{}: Pulling from {}", image.familiar(), image.reference().path()));
        let progress: Arc<dyn Progress> = Arc::<dyn Output>::clone(&output);
        let noticing = Arc::new(Noticing { progress, news: AtomicBool::new(false) });
        let pulled = pull(Pull {
            repository,
            digest: *image.digest(),
            platforms: Platforms::Only(platform.cloned().unwrap_or_else(Platform::host)),
            sink: Arc::new(transfer.clone()),
            progress: Arc::<Noticing>::clone(&noticing),
            parallel: PARALLEL_DOWNLOADS,
        });
        let root = pulled.await?.root.descriptor().clone();
        let name = image.reference().clone();
        self.with_store(move |store| store.tag(&name, &root)).await?;
        drop(transfer);
        let was_here = had_name && !noticing.news.load(Ordering::Relaxed);
        output.line(&format!("Digest: {}", image.digest()));
        output.line(&image.status_line(was_here));
        Ok(Pulled { digest: *image.digest(), was_here })
    }

    async fn tag(&self, image: &Pinned, target: &ImageReference) -> Result<(), EngineError> {
        let (image, target) = (image.reference().clone(), target.clone());
        self.with_store(move |store| match store.resolve(&image)? {
            Some(descriptor) => Ok(store.tag(&target, &descriptor)?),
            None => Err(EngineError::NoSuchImage(image)),
        })
        .await
    }

    async fn resolve(&self, reference: &ImageReference) -> Result<Option<LocalImage>, EngineError> {
        let reference = reference.clone();
        let found = self.with_store(move |store| store.resolve(&reference)).await?;
        let image = |found: Descriptor| LocalImage { id: found.digest, digests: vec![found.digest] };
        Ok(found.map(image))
    }

    async fn image_id(&self, id: &str) -> Result<Option<Digest>, EngineError> {
        let Some(beginning) = is_id(id) else { return Ok(None) };
        let stored = self.with_store(Store::list).await?;
        let digests: BTreeSet<_> = stored.into_iter().map(|image| image.descriptor.digest).collect();
        let mut matching = digests.into_iter().filter(|digest| digest.hex().starts_with(beginning));
        // Of two that begin so, neither is meant.
        Ok(matching.next().filter(|_| matching.next().is_none()))
    }

    async fn planned_push(&self, reference: &ImageReference) -> Result<Option<Descriptor>, EngineError> {
        let reference = reference.clone();
        self.with_store(move |store| match store.resolve(&reference)? {
            Some(found) => Ok(Some(found)),
            None => Err(EngineError::NoSuchImage(reference)),
        })
        .await
    }

    async fn images(&self) -> Result<Vec<EngineImage>, EngineError> {
        let stored = self.with_store(Store::list).await?;
        Ok(stored.into_iter().map(EngineImage::from).collect())
    }

    async fn load(
        &self,
        archive: &Path,
        name: Option<&ImageReference>,
    ) -> Result<Vec<LoadedImage>, EngineError> {
        let (archive, name, limits) = (archive.to_owned(), name.cloned(), self.archive_limits);
        let loaded = self.with_store(move |store| store.load(&archive, name.as_ref(), &limits)).await?;
        let images = loaded
            .into_iter()
            .map(|image| LoadedImage { reference: image.reference, digest: image.descriptor.digest });
        Ok(images.collect())
    }

    async fn save(&self, references: &[ImageReference], path: &Path) -> Result<(), EngineError> {
        let (references, path) = (references.to_vec(), path.to_owned());
        self.with_store(move |store| store.save(&references, &path)).await
    }
}

impl fmt::Debug for LocalEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalEngine({})", self.store.dir().display())
    }
}

/// An image about to be pushed.
struct Outgoing {
    root: Descriptor,
    /// Another repository of the same registry that the image is known by.
    mount_from: Option<String>,
    transfer: Transfer,
}

impl Outgoing {
    fn find(store: &Store, reference: &ImageReference) -> Result<Self, EngineError> {
        let transfer = store.transfer()?;
        let found = store.resolve(reference)?;
        let root = found.ok_or_else(|| EngineError::NoSuchImage(reference.clone()))?;
        let elsewhere =
            |name: &ImageReference| name.domain() == reference.domain() && name.path() != reference.path();
        let names = store.names_of(&root.digest)?;
        let mount_from = names.into_iter().find(elsewhere).map(|name| name.path().to_owned());
        Ok(Self { root, mount_from, transfer })
    }
}

/// Passes progress on, and notices whether anything came that was not here.
struct Noticing {
    progress: Arc<dyn Progress>,
    news: AtomicBool,
}

impl Progress for Noticing {
    fn report(&self, digest: &Digest, state: &State) {
        if *state == State::Complete {
            self.news.store(true, Ordering::Relaxed);
        }
        self.progress.report(digest, state);
    }
}

impl From<StoredImage> for EngineImage {
    fn from(image: StoredImage) -> Self {
        let StoredImage { reference, descriptor, created, size } = image;
        Self { reference, digest: descriptor.digest, created, size }
    }
}
