//! Configuration: defaults, then a TOML file, then flags. Parsed once, at start, with every problem reported at once.
//!
//! ```toml
//! listen = "0.0.0.0:4443"
//! data = "/var/lib/countersign"
//!
//! [tls]
//! names = ["trust.example.com"]       # of the self-made certificate, besides localhost
//! # certificate = "tls.crt"           # or a certificate of one's own, PEM
//! # private_key = "tls.key"
//! # plaintext = true                  # no TLS at all: loopback only
//!
//! [storage]
//! file = "trust.db"
//!
//! [keys]
//! algorithm = "ecdsa"                 # or "ed25519"
//! # secret_file = "secret"            # what keys at rest are encrypted with; or one of these:
//! # secret_variable = "TRUST_SECRET"
//! # secret_command = ["pass", "trust"]
//!
//! [expiry]
//! timestamp = "14d"                   # how long a frozen server can go unnoticed
//! snapshot = "1095d"
//!
//! [limits]
//! upload_bytes = 134217728
//! part_bytes = 104857600
//! parts = 1024
//! uploads = 8
//! connections = 4096
//! pending_keys = 10000                # of collections of which nothing is published
//!
//! [caching]
//! current_metadata = 300              # max-age in seconds; 0 forbids caching
//! consistent_metadata = 2592000
//!
//! [deadlines]
//! request = "60s"
//! header = "10s"
//! handshake = "10s"
//! shutdown = "20s"
//! ```
//!
//! Paths are relative to the file's directory. An unknown key is an error.

mod file;
mod read;

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::keys::KeyAlgorithm;
use crate::keys::seal::Secret;
use crate::storage::PendingKeys;

const DAY: u64 = 86_400;

/// Everything that a server can be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The directory of everything that the server keeps.
    pub data: PathBuf,
    /// Where it listens. Port 0 takes any free one.
    pub listen: SocketAddr,
    /// How it proves who it is.
    pub tls: TlsSource,
    /// The database file.
    pub database: PathBuf,
    /// What the server's keys are encrypted with at rest.
    pub secret: SecretSource,
    /// The algorithm of new keys.
    pub key_algorithm: KeyAlgorithm,
    /// How long what the server signs is valid.
    pub lifetimes: Lifetimes,
    /// How much it takes.
    pub limits: ServerLimits,
    /// How long others may keep what it serves.
    pub caching: Caching,
    /// How long it waits.
    pub deadlines: Deadlines,
}

/// How the server proves who it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TlsSource {
    /// A certificate by its own CA, for localhost and these names and addresses.
    SelfMade {
        /// DNS names or IP addresses.
        names: Vec<String>,
    },
    /// A certificate of the operator's.
    Files {
        /// PEM: the certificate, then its intermediates.
        certificate: PathBuf,
        /// PEM.
        private_key: PathBuf,
    },
    /// None. Only ever on a loopback address.
    Plaintext,
}

/// Where the secret that encrypts keys at rest comes from.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// A file of the server's own, made when it is not there.
    Own(PathBuf),
    /// A file that is there.
    File(PathBuf),
    /// The secret itself.
    Given(Arc<Secret>),
    /// The output of this program with these arguments.
    Command(Vec<String>),
}

/// How long what the server signs is valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lifetimes {
    /// Of timestamps: the longest time that somebody who replays old answers goes unnoticed. Default 14 days.
    pub timestamp: Duration,
    /// Of snapshots whose key the server holds. Default 1,095 days.
    pub snapshot: Duration,
}

/// How much the server takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ServerLimits {
    /// Largest upload, in bytes. Default 128 MiB.
    pub upload_bytes: u64,
    /// Largest file in an upload, in bytes. Default 100 MiB, the most that Notary's client downloads.
    pub part_bytes: u64,
    /// Most files in an upload. Default 1,024.
    pub parts: usize,
    /// Most uploads at once. Default 8.
    pub uploads: usize,
    /// Most connections at once. Default 4,096.
    pub connections: usize,
    /// Most keys of collections of which nothing is published. Default 10,000; see
    /// [`PendingKeys`].
    pub pending_keys: u32,
}

/// Max-age of what is served, in seconds, at most a year; 0 forbids caching.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Caching {
    /// Of current files. Default 300.
    pub current_metadata: u32,
    /// Of files by version and by checksum. Default 2,592,000, 30 days.
    pub consistent_metadata: u32,
}

/// How long the server waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Deadlines {
    /// For a whole request, its body included. Default 60 s.
    pub request: Duration,
    /// For the head of a request. Default 10 s.
    pub header: Duration,
    /// For a TLS handshake. Default 10 s.
    pub handshake: Duration,
    /// For open requests when it is told to stop. Default 20 s.
    pub shutdown: Duration,
}

/// What the command line said. It overrides the file.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// The data directory.
    pub data: Option<PathBuf>,
    /// The address, `ADDR:PORT`.
    pub listen: Option<String>,
    /// More names of the self-made certificate.
    pub names: Vec<String>,
    /// A certificate of the operator's.
    pub certificate: Option<PathBuf>,
    /// Its private key.
    pub private_key: Option<PathBuf>,
    /// No TLS at all.
    pub plaintext: bool,
    /// Lifetime of timestamps, such as `14d` or `30s`.
    pub timestamp_lifetime: Option<String>,
}

impl Config {
    /// The defaults, with everything kept in `data`.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        let data = data.into();
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4443)),
            tls: TlsSource::SelfMade { names: Vec::new() },
            database: data.join("trust.db"),
            secret: SecretSource::Own(data.join("secret")),
            key_algorithm: KeyAlgorithm::default(),
            lifetimes: Lifetimes {
                timestamp: Duration::from_secs(14 * DAY),
                snapshot: Duration::from_secs(1095 * DAY),
            },
            limits: ServerLimits {
                upload_bytes: 128 << 20,
                part_bytes: 100 << 20,
                parts: 1024,
                uploads: 8,
                connections: 4096,
                pending_keys: PendingKeys::default().most,
            },
            caching: Caching { current_metadata: 300, consistent_metadata: 2_592_000 },
            deadlines: Deadlines {
                request: Duration::from_mins(1),
                header: Duration::from_secs(10),
                handshake: Duration::from_secs(10),
                shutdown: Duration::from_secs(20),
            },
            data,
        }
    }

    /// Reads the configuration: defaults in `data`, then the TOML in `file`, then `flags`.
    ///
    /// `variable` looks up an environment variable; only the one that `secret_variable` names is asked for.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem that was found, not only the first.
    pub fn load(
        data: &Path,
        file: Option<&Path>,
        flags: &Flags,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        file::load(data, file, flags, &variable)
    }

    /// Where the certificate of the self-made CA is, if that is what the server uses.
    pub fn ca_certificate(&self) -> Option<PathBuf> {
        matches!(self.tls, TlsSource::SelfMade { .. }).then(|| self.data.join("ca.crt"))
    }
}

/// A configuration with problems.
#[derive(Debug, Error)]
#[error("the configuration has {}", list(problems))]
pub struct ConfigError {
    /// Every problem, in the order in which they were found.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{key}`: {what}")]
pub struct Problem {
    /// The key, such as `expiry.timestamp`, the flag, or the file.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
}

fn list(problems: &[Problem]) -> String {
    let count =
        if problems.len() == 1 { "a problem".to_owned() } else { format!("{} problems", problems.len()) };
    problems.iter().fold(count, |text, problem| format!("{text}\n  {problem}"))
}
