//! Engines over a daemon that answers as a test wants it to.

use std::sync::Arc;
use std::time::Duration;

use countersign_engine::Registries;
use countersign_engine::docker::{Address, Deadlines, DockerEngine, Endpoint, Parts, Source};
use countersign_registry::client::{RegistryClient, RegistryError};
use countersign_testkit::fake_daemon::FakeDaemon;

/// An engine over it that does not wait long.
pub(crate) fn engine(fake: &FakeDaemon) -> DockerEngine {
    engine_with(fake, |_| {})
}

pub(crate) fn engine_with(fake: &FakeDaemon, change: impl FnOnce(&mut Parts)) -> DockerEngine {
    let address = Address::Unix(fake.socket());
    let endpoint = Endpoint { address, source: Source::Variable("DOCKER_HOST") };
    let long = Duration::from_mins(1);
    let deadlines = Deadlines { hello: long, answer: long, silence: long };
    let mut parts = Parts { deadlines, ..Parts::new(endpoint, fake.dir(), registries()) };
    change(&mut parts);
    DockerEngine::new(parts).expect("an engine")
}

/// Registries that nobody may ask.
pub(crate) fn registries() -> Arc<dyn Registries> {
    Arc::new(|domain: &str| -> Result<RegistryClient, RegistryError> { panic!("{domain} was asked") })
}
