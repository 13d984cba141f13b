//! The engine that is a daemon with the Engine API: Docker's, or podman's service.
//!
//! Nothing is fetched by tag, and nothing is tagged before the daemon has confirmed that it has the image by that digest.
//!
//! ```no_run
//! # async fn example(
//! #     registries: std::sync::Arc<dyn countersign_engine::Registries>,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! use countersign_engine::docker::{DockerEngine, EndpointInputs, Parts};
//! let config_dir = std::path::Path::new("/home/alice/.docker");
//! let endpoint = EndpointInputs::new(&|name| std::env::var_os(name), config_dir).resolve()?;
//! let engine = DockerEngine::new(Parts::new(endpoint, config_dir, registries))?;
//! let hello = engine.greet().await?;
//! # drop(hello);
//! # Ok(())
//! # }
//! ```

mod archive;
mod auth;
mod daemon;
mod dial;
mod endpoint;
mod error;
mod images;
mod messages;
mod pull;
mod push;
mod resolve;
mod version;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_core::digest::Digest;
use countersign_registry::credentials::CredentialStore;
use countersign_registry::descriptor::{Descriptor, Platform};
use countersign_registry::http::HttpConfig;
use countersign_registry::reference::ImageReference;

pub use self::daemon::Deadlines;
pub use self::endpoint::{Address, AddressError, Endpoint, Source, Ssh, Tcp, Tls};
pub use self::error::DaemonError;
pub use self::resolve::{EndpointError, EndpointInputs};

use self::daemon::Daemon;
use crate::engine::{Engine, EngineImage, LoadedImage, LocalImage, Pulled, Pushed};
use crate::error::EngineError;
use crate::output::Output;
use crate::pinned::Pinned;
use crate::registries::Registries;

/// A daemon with the Engine API.
pub struct DockerEngine {
    name: &'static str,
    endpoint: Endpoint,
    daemon: Daemon,
    credentials: CredentialStore,
    registries: Arc<dyn Registries>,
}

/// What a [`DockerEngine`] is made of.
#[derive(Clone)]
pub struct Parts {
    /// The engine's name, as `--engine` takes it.
    pub name: &'static str,
    /// Where the daemon is.
    pub endpoint: Endpoint,
    /// Who we are to registries: the daemon asks them in our name.
    pub credentials: CredentialStore,
    /// Tell the length of what podman pushed, which it does not tell right.
    pub registries: Arc<dyn Registries>,
    /// How requests are made, as far as the endpoint leaves that open.
    pub http: HttpConfig,
    /// The value of `DOCKER_API_VERSION`; without it the version is negotiated.
    pub api_version: Option<String>,
    /// How long the daemon may take.
    pub deadlines: Deadlines,
}

impl Parts {
    /// The defaults for a daemon, and the credentials of a configuration directory such as `~/.docker`.
    pub fn new(endpoint: Endpoint, config_dir: &Path, registries: Arc<dyn Registries>) -> Self {
        Self {
            name: "docker",
            endpoint,
            credentials: CredentialStore::new(config_dir),
            registries,
            http: HttpConfig::default(),
            api_version: None,
            deadlines: Deadlines::default(),
        }
    }
}

/// What a daemon says of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Greeting {
    /// The version of the Engine API that is spoken with it.
    pub api_version: String,
    /// Whether it is podman.
    pub is_podman: bool,
}

impl DockerEngine {
    /// The engine. Reads the TLS files that the endpoint names, and asks the daemon nothing yet.
    pub fn new(parts: Parts) -> Result<Self, DaemonError> {
        let Parts { name, endpoint, credentials, registries, http, api_version, deadlines } = parts;
        let daemon = Daemon::new(&endpoint.address, http, api_version.as_deref(), deadlines)?;
        Ok(Self { name, endpoint, daemon, credentials, registries })
    }

    /// Where the daemon is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Connects to the daemon and agrees on a version with it.
    pub async fn greet(&self) -> Result<Greeting, DaemonError> {
        let hello = self.daemon.hello().await?;
        Ok(Greeting { api_version: hello.version.to_string(), is_podman: hello.is_podman })
    }
}

#[async_trait]
impl Engine for DockerEngine {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn push(&self, reference: &ImageReference, output: Arc<dyn Output>) -> Result<Pushed, EngineError> {
        self.push_by_daemon(reference, &*output).await
    }

    async fn pull(
        &self,
        image: &Pinned,
        platform: Option<&Platform>,
        output: Arc<dyn Output>,
    ) -> Result<Pulled, EngineError> {
        Ok(self.pull_by_daemon(image, platform, &*output).await?)
    }

    async fn tag(&self, image: &Pinned, target: &ImageReference) -> Result<(), EngineError> {
        self.tag_confirmed(image, target).await
    }

    async fn resolve(&self, reference: &ImageReference) -> Result<Option<LocalImage>, EngineError> {
        Ok(self.inspect(reference).await?)
    }

    async fn image_id(&self, id: &str) -> Result<Option<Digest>, EngineError> {
        Ok(self.confirm_id(id).await?)
    }

    async fn planned_push(&self, reference: &ImageReference) -> Result<Option<Descriptor>, EngineError> {
        // A manifest is made while it is pushed, so nobody knows it before.
        match self.inspect(reference).await? {
            Some(_) => Ok(None),
            None => Err(EngineError::NoSuchImage(reference.clone())),
        }
    }

    async fn images(&self) -> Result<Vec<EngineImage>, EngineError> {
        Ok(self.list().await?)
    }

    async fn load(
        &self,
        archive: &Path,
        name: Option<&ImageReference>,
    ) -> Result<Vec<LoadedImage>, EngineError> {
        self.load_by_daemon(archive, name).await
    }

    async fn save(&self, references: &[ImageReference], path: &Path) -> Result<(), EngineError> {
        self.save_by_daemon(references, path).await
    }
}

impl fmt::Debug for DockerEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DockerEngine({} at {})", self.name, self.daemon.address())
    }
}
