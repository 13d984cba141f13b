//! What a build is told besides its Dockerfile.

use std::collections::BTreeMap;

use countersign_registry::descriptor::Platform;

use super::contexts::NamedContexts;
use crate::podman::ShortNames;

/// Who reads the Dockerfile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Builder {
    /// BuildKit, by `docker build` or `docker buildx build`.
    BuildKit,
    /// The builder inside the Docker daemon.
    Classic,
    /// `podman build`.
    Podman,
}

/// What a build is told besides its Dockerfile, as far as it can change which images are used.
#[derive(Clone, Debug)]
pub struct BuildInputs {
    /// Who reads the Dockerfile.
    pub builder: Builder,
    /// The build arguments with their values, those that were taken from the environment too.
    pub build_args: BTreeMap<String, String>,
    /// The platforms to build for; none when the engine chooses.
    pub platforms: Vec<Platform>,
    /// The engine's own platform, if it is known.
    pub build_platform: Option<Platform>,
    /// The named contexts, which replace images and stages.
    pub contexts: NamedContexts,
    /// What names without a registry mean to podman; without it they are Docker Hub's, as with Docker.
    pub short_names: Option<ShortNames>,
}

impl BuildInputs {
    /// Inputs of a build without any flags.
    pub fn new(builder: Builder) -> Self {
        Self {
            builder,
            build_args: BTreeMap::new(),
            platforms: Vec::new(),
            build_platform: None,
            contexts: NamedContexts::default(),
            short_names: None,
        }
    }
}
