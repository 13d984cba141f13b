//! The engine that runs podman's program for everything.

use std::ffi::OsString;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::digest::Digest;
use countersign_registry::credentials::{CredentialStore, Credentials, server_key};
use countersign_registry::descriptor::{Descriptor, Platform};
use countersign_registry::reference::ImageReference;
use serde_json::json;
use tempfile::{NamedTempFile, TempPath};
use zeroize::Zeroizing;

use super::error::PodmanError;
use super::images::Inspected;
use super::program::Program;
use crate::engine::{Engine, EngineImage, LoadedImage, LocalImage, Pulled, Pushed, is_id};
use crate::error::EngineError;
use crate::output::Output;
use crate::pinned::Pinned;
use crate::registries::{Registries, length_of};

/// Podman without its service.
pub struct PodmanCli {
    program: Program,
    credentials: CredentialStore,
    registries: Arc<dyn Registries>,
}

impl PodmanCli {
    /// Runs `program`. Credentials that it does not know are handed to it in a file of its own; `registries` tell the length of
    /// what was pushed.
    pub fn new(program: PathBuf, credentials: CredentialStore, registries: Arc<dyn Registries>) -> Self {
        Self { program: Program(program), credentials, registries }
    }

    /// The image of a name or an id.
    async fn inspect(&self, name: &str) -> Result<Option<Inspected>, PodmanError> {
        let there = self.program.ask("image exists", &words(&["image", "exists", "--", name])).await?;
        match there.code {
            Some(0) => {}
            Some(1) => return Ok(None),
            _ => return Err(there.failure("image exists")),
        }
        let verb = "image inspect";
        let told = self.program.ask(verb, &words(&["image", "inspect", "--", name])).await?;
        if told.code != Some(0) {
            return Err(told.failure(verb));
        }
        let images: Vec<Inspected> = parse(verb, &told.output)?;
        Ok(images.into_iter().next())
    }

    async fn named(&self, reference: &ImageReference) -> Result<Option<LocalImage>, PodmanError> {
        let Some(found) = self.inspect(&reference.to_string()).await? else { return Ok(None) };
        let image = found.as_named(reference);
        image
            .map(Some)
            .ok_or(PodmanError::Garbage { verb: "image inspect", what: "the id of an image is none" })
    }

    /// A file with our credentials for a registry, for as long as it is needed. Arguments can be seen by everybody.
    async fn auth_file(&self, domain: &str) -> Result<Option<TempPath>, PodmanError> {
        let entry = match self.credentials.lookup(server_key(domain)).await? {
            Credentials::Password { username, password } => {
                let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
                json!({ "auth": STANDARD.encode(pair.as_bytes()) })
            }
            Credentials::IdentityToken(token) => {
                json!({ "auth": STANDARD.encode("<token>:"), "identitytoken": token.expose() })
            }
            Credentials::Anonymous | Credentials::RegistryToken(_) => return Ok(None),
        };
        let text = Zeroizing::new(json!({ "auths": { domain: entry } }).to_string());
        let write = || {
            let mut file = NamedTempFile::new()?;
            file.write_all(text.as_bytes())?;
            Ok(file.into_temp_path())
        };
        write().map(Some).map_err(PodmanError::Temporary)
    }
}

#[async_trait]
impl Engine for PodmanCli {
    fn name(&self) -> &'static str {
        "podman"
    }

    async fn push(&self, reference: &ImageReference, output: Arc<dyn Output>) -> Result<Pushed, EngineError> {
        let reference = reference.clone().or_latest();
        let Some(tag) = reference.tag().map(str::to_owned) else { return Err(EngineError::NoTag(reference)) };
        if self.named(&reference).await?.is_none() {
            return Err(EngineError::NoSuchImage(reference));
        }
        let auth = self.auth_file(reference.domain()).await?;
        let sent = NamedTempFile::new().map_err(PodmanError::Temporary)?.into_temp_path();
        let mut push = words(&["push", "--digestfile"]);
        push.push(sent.as_os_str().to_owned());
        push.extend(auth_words(auth.as_deref()));
        push.extend(words(&["--", &reference.to_string()]));
        output.line(&format!("The push refers to repository [{}]", reference.name()));
        self.program.order("push", &push, |line| output.line(line)).await?;
        let digest = std::fs::read_to_string(&sent).map_err(PodmanError::Temporary)?;
        let digest: Digest = digest.trim().parse().map_err(|_| PodmanError::Garbage {
            verb: "push",
            what: "it does not say which digest it pushed",
        })?;
        let length = length_of(&*self.registries, &reference, &digest).await?;
        output.line(&format!("{tag}: digest: {digest} size: {length}"));
        Ok(Pushed { tag, digest, length })
    }

    async fn pull(
        &self,
        image: &Pinned,
        platform: Option<&Platform>,
        output: Arc<dyn Output>,
    ) -> Result<Pulled, EngineError> {
        let reference = image.reference();
        let was_here = self.named(reference).await?.is_some_and(|found| found.is(image.digest()));
        let auth = self.auth_file(reference.domain()).await?;
        let mut pull = words(&["pull"]);
        if let Some(platform) = platform {
            pull.extend(words(&["--platform", &platform.to_string()]));
        }
        pull.extend(auth_words(auth.as_deref()));
        pull.extend(words(&["--", &image.to_string()]));
        output.line(&format!("{}: Pulling from {}", image.familiar(), reference.path()));
        self.program.order("pull", &pull, |line| output.line(line)).await?;
        let digests = self.named(reference).await?.map(|found| found.digests).unwrap_or_default();
        if !digests.contains(image.digest()) {
            return Err(PodmanError::OtherDigest { wanted: image.familiar(), found: digests }.into());
        }
        output.line(&format!("Digest: {}", image.digest()));
        output.line(&image.status_line(was_here));
        Ok(Pulled { digest: *image.digest(), was_here })
    }

    async fn tag(&self, image: &Pinned, target: &ImageReference) -> Result<(), EngineError> {
        let found = self.named(image.reference()).await?.filter(|found| found.is(image.digest()));
        let Some(found) = found else { return Err(EngineError::NoSuchImage(image.reference().clone())) };
        let target = target.clone().or_latest().to_string();
        self.program.order("tag", &words(&["tag", "--", &found.id.hex(), &target]), |_| {}).await?;
        Ok(())
    }

    async fn resolve(&self, reference: &ImageReference) -> Result<Option<LocalImage>, EngineError> {
        Ok(self.named(reference).await?)
    }

    async fn image_id(&self, id: &str) -> Result<Option<Digest>, EngineError> {
        let Some(beginning) = is_id(id) else { return Ok(None) };
        let found = self.inspect(beginning).await?.and_then(|found| found.id());
        Ok(found.filter(|id| id.hex().starts_with(beginning)))
    }

    async fn planned_push(&self, reference: &ImageReference) -> Result<Option<Descriptor>, EngineError> {
        match self.named(reference).await? {
            Some(_) => Ok(None),
            None => Err(EngineError::NoSuchImage(reference.clone())),
        }
    }

    async fn images(&self) -> Result<Vec<EngineImage>, EngineError> {
        let told = self.program.ask("images", &words(&["images", "--format", "json"])).await?;
        if told.code != Some(0) {
            return Err(told.failure("images").into());
        }
        let listed: Option<Vec<Inspected>> = parse("images", &told.output)?;
        let garbage = PodmanError::Garbage { verb: "images", what: "the id of an image is none" };
        let entries: Option<Vec<_>> = listed.unwrap_or_default().iter().map(Inspected::entries).collect();
        let mut images = entries.ok_or(garbage)?.concat();
        images.sort_by(|one, other| one.reference.cmp(&other.reference));
        Ok(images)
    }

    async fn load(&self, _: &Path, _: Option<&ImageReference>) -> Result<Vec<LoadedImage>, EngineError> {
        Err(EngineError::NotWithThis { engine: "podman", what: "loading archives without its service" })
    }

    async fn save(&self, _: &[ImageReference], _: &Path) -> Result<(), EngineError> {
        Err(EngineError::NotWithThis { engine: "podman", what: "saving archives without its service" })
    }
}

impl fmt::Debug for PodmanCli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PodmanCli({})", self.program.0.display())
    }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn auth_words(file: Option<&Path>) -> Vec<OsString> {
    file.map(|file| vec!["--authfile".into(), file.as_os_str().to_owned()]).unwrap_or_default()
}

fn parse<T: serde::de::DeserializeOwned>(verb: &'static str, output: &[u8]) -> Result<T, PodmanError> {
    serde_json::from_slice(output)
        .map_err(|_| PodmanError::Garbage { verb, what: "its answer is not its JSON" })
}
