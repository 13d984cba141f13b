//! The local engine against a registry, and the docker engine against daemons, and podman's program, that behave and that don't.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it needs")]

mod build;
mod daemon;
mod fake;
mod program;
mod pull;
mod push;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::digest::Digest;
use countersign_engine::{LocalEngine, Output, Part, Pinned};
use countersign_lab::image::{File, Image};
use countersign_lab::registry::Registry;
use countersign_registry::auth::Tokens;
use countersign_registry::client::{RegistryClient, RegistryError, RegistryParts, Retry};
use countersign_registry::credentials::Fixed;
use countersign_registry::descriptor::Platform;
use countersign_registry::http::{HttpClient, HttpConfig};
use countersign_registry::reference::ImageReference;
use countersign_registry::store::{Limits, Store};
use countersign_registry::transfer::{Progress, State};

/// Somebody with a local engine of their own, and a registry.
struct Desk {
    engine: LocalEngine,
    registry: Registry,
    dir: tempfile::TempDir,
}

impl Desk {
    async fn new() -> Self {
        let registry = Registry::start().await.expect("a registry can be started");
        let dir = tempfile::tempdir().expect("a temporary directory");
        Self { engine: engine(&dir), registry, dir }
    }

    fn reference(&self, rest: &str) -> ImageReference {
        reference(&format!("{}/{rest}", self.registry.host()))
    }

    fn pinned(&self, repository: &str, digest: Digest) -> Pinned {
        Pinned::new(&self.reference(repository), digest)
    }

    /// Puts an image into the store through an archive.
    fn load(&self, image: &Image, name: &str) {
        let path = self.dir.path().join("image.tar");
        image.write_oci_archive(&path, "1").expect("an archive can be written");
        let name = self.reference(name);
        self.engine.store().load(&path, Some(&name), &Limits::default()).expect("it is loaded");
    }

    fn names(&self) -> Vec<String> {
        let images = self.engine.store().list().expect("the store can be listed");
        let names = images.into_iter().filter_map(|image| image.reference);
        names.map(|name| name.to_string().replace(&self.registry.host(), "HOST")).collect()
    }
}

fn engine(dir: &tempfile::TempDir) -> LocalEngine {
    let store = Store::open(&dir.path().join("images")).expect("a store");
    LocalEngine::new(store, Arc::new(registry_client))
}

fn registry_client(domain: &str) -> Result<RegistryClient, RegistryError> {
    let parts = RegistryParts {
        domain: domain.to_owned(),
        http: HttpClient::new(HttpConfig::default()),
        tokens: Tokens::new(),
        credentials: Arc::new(Fixed::anonymous()),
    };
    let retry = Retry { attempts: 2, first_pause: Duration::from_millis(1) };
    Ok(RegistryClient::new(parts)?.with_retry(retry))
}

fn reference(text: &str) -> ImageReference {
    ImageReference::parse(text).expect("a reference")
}

fn amd64() -> Platform {
    Platform::new("linux", "amd64", None)
}

fn image(text: &str) -> Image {
    let shared = File::new("etc/shared", vec![7; 100_000]);
    let own = File::new("etc/motd", text.to_owned());
    Image::builder().layer([shared]).layer([own]).build().expect("an image")
}

/// Remembers what was reported.
#[derive(Default)]
struct Heard(Mutex<Vec<State>>, Mutex<Vec<String>>);

impl Heard {
    fn count(&self, state: &State) -> usize {
        self.0.lock().expect("nobody panicked").iter().filter(|heard| *heard == state).count()
    }
}

impl Progress for Heard {
    fn report(&self, _: &Digest, state: &State) {
        self.0.lock().expect("nobody panicked").push(state.clone());
    }
}

impl Output for Heard {
    fn line(&self, line: &str) {
        self.1.lock().expect("nobody panicked").push(line.to_owned());
    }

    fn part(&self, part: &Part<'_>) {
        let Part { id, status, count } = part;
        let count =
            if count.is_none() { String::new() } else { format!(" {}/{}", count.current, count.total) };
        self.line(&format!("[{id}] {status}{count}"));
    }
}

impl Heard {
    fn lines(&self) -> Vec<String> {
        self.1.lock().expect("nobody panicked").clone()
    }
}

fn heard() -> Arc<Heard> {
    Arc::new(Heard::default())
}
