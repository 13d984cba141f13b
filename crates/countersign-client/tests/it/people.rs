//! Somebody of ours, with a trust directory, at a real server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_client::cache_dir::DirectoryCache;
use countersign_client::changelist::ChangeList;
use countersign_client::keystore_dir::DirKeyStore;
use countersign_client::passphrase::{PassphraseVariables, Passphrases, Tries};
use countersign_client::prompt::Nobody;
use countersign_client::publisher::{
    PublishOptions, Published, Publisher, PublisherError, SnapshotKey, TagToSign,
};
use countersign_client::remote_http::{Access, HttpRemote};
use countersign_client::updater::{Roles, UpdateSettings, Updater};
use countersign_core::digest::Digest;
use countersign_core::name::Gun;
use countersign_core::time::{DateTime, UpdateStart};
use countersign_registry::auth::{Realms, Session, SessionParts, Tokens};
use countersign_registry::credentials::Fixed;
use countersign_registry::http::{HttpClient, HttpConfig};
use countersign_server::config::Config;
use countersign_server::{RunningServer, Server};
use countersign_testkit::peers::{NotaryServer, PASSPHRASE};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::collection::name;
use crate::simulator::digest;

/// The collection of these tests.
pub(crate) const GUN: &str = "example.com/team/app";

/// The collection of these tests.
pub(crate) fn gun() -> Gun {
    GUN.parse().expect("a GUN")
}

/// Where a trust server is.
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) ca_file: PathBuf,
}

impl Place {
    /// Debian's.
    pub(crate) fn theirs(server: &NotaryServer) -> Self {
        Self { url: server.url(), ca_file: server.ca_file() }
    }

    /// One of our own, with its data in `dir`.
    pub(crate) async fn start_ours(dir: &Path) -> (RunningServer, Self) {
        let mut config = Config::new(dir);
        config.listen = "127.0.0.1:0".parse().expect("an address");
        let server = Server::start(config).await.expect("a server");
        let ca_file = server.ca_certificate().expect("a self-made authority").clone();
        let place = Self { url: server.url(), ca_file };
        (server, place)
    }
}

/// The time now.
pub(crate) fn clock() -> DateTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    DateTime::from_unix_ns(i128::try_from(since.as_nanos()).expect("a time")).expect("a time")
}

/// The collection on the server at `url`.
pub(crate) fn remote(url: &str, ca_file: &Path) -> HttpRemote {
    let pem = std::fs::read(ca_file).expect("a certificate");
    let authorities = CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().expect("PEM");
    let http = HttpClient::new(HttpConfig { extra_roots: authorities, ..HttpConfig::default() });
    let parts = SessionParts {
        http,
        tokens: Tokens::new(),
        host: url.parse().expect("a URL"),
        credentials: Arc::new(Fixed::anonymous()),
        realms: Realms::guarded(),
    };
    HttpRemote::new(Session::new(parts), url.parse().expect("a server"), gun(), Access::Push)
}

/// Somebody of ours with a trust directory.
pub(crate) struct Ours {
    pub(crate) updater: Updater,
    pub(crate) keys: Arc<DirKeyStore>,
    pub(crate) trust_dir: PathBuf,
}

impl Ours {
    pub(crate) fn at(place: &Place, trust_dir: &Path) -> Self {
        let remote = Arc::new(remote(&place.url, &place.ca_file));
        let cache = Arc::new(DirectoryCache::new(trust_dir));
        let variables = PassphraseVariables::from_lookup(|variable| {
            variable.ends_with("_PASSPHRASE").then(|| PASSPHRASE.into())
        });
        let variables = variables.expect("passphrases");
        let passphrases = Passphrases::new(variables, Arc::new(Nobody), Tries::default());
        Self {
            updater: Updater::new(remote, cache, UpdateSettings::new(gun())),
            keys: Arc::new(DirKeyStore::new(trust_dir, Arc::new(passphrases))),
            trust_dir: trust_dir.to_owned(),
        }
    }

    pub(crate) fn publisher(&self, snapshot_key: SnapshotKey) -> Publisher {
        let options = PublishOptions { snapshot_key, ..PublishOptions::default() };
        Publisher::new(&self.updater, self.keys.clone(), options)
    }

    pub(crate) fn changes(&self) -> ChangeList {
        ChangeList::new(&self.trust_dir, gun())
    }

    pub(crate) async fn sign(&self, tag: &str, content: &[u8]) -> Result<Published, PublisherError> {
        let tag = TagToSign { tag: name(tag), digest: Digest::sha256(content), size: content.len() as u64 };
        self.publisher(SnapshotKey::Local).publish_target(&tag, clock()).await
    }

    pub(crate) async fn digest(&self, tag: &str) -> Digest {
        let refreshed = self.updater.refresh(UpdateStart(clock()), Roles::Pull).await.expect("trusted");
        digest(&refreshed, tag)
    }
}
