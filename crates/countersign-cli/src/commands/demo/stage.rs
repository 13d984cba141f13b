//! Where the story takes place: a registry, a trust server, the network between it and the users, and a clock.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use countersign_core::name::Gun;
use countersign_core::time::DateTime;
use countersign_lab::proxy::{Proxy, Upstream};
use countersign_lab::registry::Registry;
use countersign_lab::tls::Authority;
use countersign_server::clock::Clock;
use countersign_server::config::Config;
use countersign_server::{RunningServer, Server};

use super::person::Person;
use crate::time;

/// Everything and everybody.
pub(super) struct Stage {
    pub(super) clock: Arc<StageClock>,
    pub(super) registry: Registry,
    pub(super) server: RunningServer,
    /// The network: users reach the trust server through it.
    pub(super) network: Proxy,
    pub(super) publisher: Person,
    pub(super) user: Person,
    dir: PathBuf,
    network_ca: String,
    server_ca: String,
}

impl Stage {
    /// Starts everything, below `dir` and on loopback.
    pub(super) async fn set(dir: &Path) -> anyhow::Result<Self> {
        let clock = Arc::new(StageClock::default());
        let registry = Registry::start().await?;
        let mut config = Config::new(dir.join("trust-server"));
        config.listen.set_port(0);
        config.deadlines.shutdown = Duration::from_millis(500);
        let server = Server::start_with_clock(config, Arc::<StageClock>::clone(&clock)).await?;
        let server_ca = server.ca_certificate().context("the trust server has no authority")?;
        let server_ca = fs::read_to_string(server_ca)?;
        let authority = Authority::new()?;
        let identity = authority.issue(&["127.0.0.1"])?;
        let network =
            Proxy::start(Upstream::server(&server.url(), Some(&server_ca))?, Some(identity)).await?;
        let network_ca = authority.ca_pem().to_owned();
        let direct = server.address().to_string();
        let publisher = Person::new("publisher", dir, &clock, &direct, &server_ca)?.with_passphrases()?;
        let user = Person::new("user", dir, &clock, &network.host(), &network_ca)?;
        Ok(Self {
            clock,
            registry,
            server,
            network,
            publisher,
            user,
            dir: dir.to_owned(),
            network_ca,
            server_ca,
        })
    }

    /// Another user, whose machine is new.
    pub(super) fn newcomer(&self) -> anyhow::Result<Person> {
        Ok(Person::new("newcomer", &self.dir, &self.clock, &self.network.host(), &self.network_ca)?)
    }

    /// Somebody with keys and a collection of their own.
    pub(super) fn attacker(&self) -> anyhow::Result<Person> {
        let direct = self.server.address().to_string();
        Ok(Person::new("attacker", &self.dir, &self.clock, &direct, &self.server_ca)?.with_passphrases()?)
    }

    /// The name of an image in the registry: `app:stable`.
    pub(super) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.host())
    }

    /// The collection of a repository in the registry.
    pub(super) fn gun(&self, name: &str) -> anyhow::Result<Gun> {
        Ok(self.image(name).parse()?)
    }

    /// Lets time pass for everybody, and the trust server do what it does meanwhile.
    pub(super) async fn let_days_pass(&self, days: i64) -> anyhow::Result<()> {
        self.clock.advance(days * 24 * 60 * 60);
        self.server.service().renew_due().await?;
        Ok(())
    }

    /// Stops everything.
    pub(super) async fn clear(self) {
        drop(self.network);
        self.server.shutdown().await;
    }
}

/// The time of everybody in the story: this machine's, moved.
#[derive(Debug, Default)]
pub(super) struct StageClock {
    ahead_seconds: AtomicI64,
}

impl StageClock {
    /// The time, in whole seconds: fractions are no pleasure to read.
    pub(super) fn time(&self) -> DateTime {
        time::now().whole_seconds().plus_seconds(self.ahead_seconds.load(Ordering::Relaxed))
    }

    fn advance(&self, seconds: i64) {
        self.ahead_seconds.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for StageClock {
    fn now(&self) -> DateTime {
        self.time()
    }
}
