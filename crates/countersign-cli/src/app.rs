//! What a verb runs with: where everything is, how to say things, whom to ask, and what is made of these once.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use countersign_client::cache_dir::DirectoryCache;
use countersign_client::keystore::KeyStore;
use countersign_client::keystore_dir::DirKeyStore;
use countersign_client::keystore_token::{Keys, TokenModule, TokenName, TokenStore};
use countersign_client::passphrase::{DesktopKeyring, Keyring, PassphraseVariables, Passphrases, Tries};
use countersign_client::prompt::Prompt;
use countersign_client::publisher::{self, PublishOptions, Publisher, RootKey};
use countersign_client::remote::Remote;
use countersign_client::remote_http::{Access, HttpRemote};
use countersign_client::updater::{OfflineUse, UpdateSettings, Updater};
use countersign_core::name::Gun;
use countersign_engine::{Engine, Registries};
use countersign_registry::auth::{Realms, Session, SessionParts, Tokens};
use countersign_registry::client::{RegistryClient, RegistryParts};
use countersign_registry::credentials::{CredentialStore, Stored};
use countersign_registry::http::HttpClient;
use countersign_registry::reference::DEFAULT_DOMAIN;
use url::Url;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::engine::{EngineArgs, choose};
use crate::no_server::NoServer;
use crate::output::Printer;
use crate::policy::SnapshotKey;
use crate::refusal;
use crate::terminal::Person;

/// Names the library of a PKCS#11 module. Without it none is loaded, and nothing else needs one.
pub(crate) const MODULE: &str = "COUNTERSIGN_PKCS11_MODULE";
/// Names the one token to use of several: its label, `serial:…` or `slot:…`.
const TOKEN: &str = "COUNTERSIGN_PKCS11_TOKEN";

/// One run of the program.
pub(crate) struct App {
    context: Context,
    printer: Arc<Printer>,
    person: Arc<dyn Person>,
    http: OnceLock<HttpClient>,
    tokens: Tokens,
    keys: OnceLock<Arc<DirKeyStore>>,
    hardware: OnceLock<Arc<Keys>>,
    tries: Tries,
}

impl App {
    /// A run that says things through `printer` and asks `person`.
    pub(crate) fn new(context: Context, printer: Arc<Printer>, person: Arc<dyn Person>) -> Self {
        let tries = Tries::default();
        let (http, keys, hardware) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { context, printer, person, http, tokens: Tokens::new(), keys, hardware, tries }
    }

    /// The same, asking for passphrases so often.
    pub(crate) fn with_tries(self, tries: Tries) -> Self {
        Self { tries, ..self }
    }

    /// Where everything is.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// How to say things.
    pub(crate) fn printer(&self) -> &Arc<Printer> {
        &self.printer
    }

    /// Connections.
    pub(crate) fn http(&self) -> anyhow::Result<HttpClient> {
        if let Some(client) = self.http.get() {
            return Ok(client.clone());
        }
        let client = HttpClient::new(self.context.http_config()?);
        Ok(self.http.get_or_init(|| client).clone())
    }

    /// Asks for something that is shown as it is typed. `None` if nobody can be asked.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        self.person.ask(question)
    }

    /// Asks for something that is not shown. `None` if nobody can be asked.
    pub(crate) fn ask_hidden(&self, question: &str) -> Option<Zeroizing<String>> {
        self.person.ask_hidden(question)
    }

    /// A client of the registry of this domain, with the credentials that are kept for it.
    pub(crate) fn registry(&self, domain: &str) -> anyhow::Result<RegistryClient> {
        Ok(RegistryClient::new(RegistryParts {
            domain: domain.to_owned(),
            http: self.http()?,
            tokens: self.tokens.clone(),
            credentials: Arc::new(Stored::new(self.credentials(), domain)),
        })?)
    }

    /// Who keeps the images.
    pub(crate) async fn engine(&self, args: &EngineArgs) -> anyhow::Result<Arc<dyn Engine>> {
        choose(args, self).await?.open(self)
    }

    /// What makes clients of registries, with the credentials that are kept for each.
    pub(crate) fn registries(&self) -> anyhow::Result<Arc<dyn Registries>> {
        let (http, tokens, credentials) = (self.http()?, self.tokens.clone(), self.credentials());
        Ok(Arc::new(move |domain: &str| {
            RegistryClient::new(RegistryParts {
                domain: domain.to_owned(),
                http: http.clone(),
                tokens: tokens.clone(),
                credentials: Arc::new(Stored::new(credentials.clone(), domain)),
            })
        }))
    }

    /// What publishes a collection.
    pub(crate) fn publisher(
        &self,
        gun: &Gun,
        snapshot_key: Option<SnapshotKey>,
    ) -> anyhow::Result<Publisher> {
        self.publisher_with(gun, RootKey::FirstOrNew, snapshot_key)
    }

    /// What publishes a collection, which gets this root key if it is made on the way.
    pub(crate) fn publisher_with(
        &self,
        gun: &Gun,
        root_key: RootKey,
        snapshot_key: Option<SnapshotKey>,
    ) -> anyhow::Result<Publisher> {
        let snapshot_key = match self.context.policy().snapshot_key(snapshot_key)? {
            SnapshotKey::Client => publisher::SnapshotKey::Local,
            SnapshotKey::Server => publisher::SnapshotKey::Server,
        };
        let options = PublishOptions { root_key, snapshot_key, ..PublishOptions::default() };
        Ok(Publisher::new(&self.updater(gun, Access::Push)?, self.signing_keys()?, options))
    }

    /// What brings a collection up to date: its trust server, the cache, and the policy.
    pub(crate) fn updater(&self, gun: &Gun, access: Access) -> anyhow::Result<Updater> {
        let decision = self.context.policy().decide(gun);
        if access == Access::Pull {
            refusal::by_policy(&decision)?;
        }
        let settings = UpdateSettings {
            pinning: decision.pinning(),
            offline: decision.offline_use(),
            releases: decision.releases_use(),
            demands: decision.demands(),
            ..UpdateSettings::new(gun.clone())
        };
        let cache = DirectoryCache::new(self.context.trust_dir());
        Ok(Updater::new(self.remote(gun, access)?, Arc::new(cache), settings))
    }

    /// The same without its trust server: what is cached, even where the policy wants a server to be asked, because it is
    /// only looked at.
    pub(crate) fn offline_updater(&self, gun: &Gun) -> anyhow::Result<Updater> {
        let updater = self.updater(gun, Access::Pull)?;
        let mut settings = UpdateSettings { offline: OfflineUse::Allowed, ..updater.settings().clone() };
        settings.demands.max_age = None;
        let nobody = Arc::new(NoServer::new(updater.remote().server()));
        Ok(Updater::new(nobody, Arc::clone(updater.cache()), settings))
    }

    /// A collection on its trust server. Who we are to the registry, we are to its trust server.
    pub(crate) fn remote(&self, gun: &Gun, access: Access) -> anyhow::Result<Arc<dyn Remote>> {
        let server = self.context.trust_server(gun)?;
        let domain = gun.as_str().split('/').next().unwrap_or_default();
        let realms = Realms::guarded().and_registry(self.registry_url(domain)?);
        let session = Session::new(SessionParts {
            http: self.http()?,
            tokens: self.tokens.clone(),
            host: server.join(""),
            credentials: Arc::new(Stored::new(self.credentials(), domain)),
            realms: self.context.policy().token_realms().into_iter().fold(realms, Realms::and_realm),
        });
        Ok(Arc::new(HttpRemote::new(session, server, gun.clone(), access)))
    }

    /// Where the registry of this domain is asked, without asking it.
    fn registry_url(&self, domain: &str) -> anyhow::Result<Url> {
        let host = if domain == DEFAULT_DOMAIN { "registry-1.docker.io" } else { domain };
        let url = Url::parse(&format!("https://{host}"))?;
        let plain = self.context.http_config()?.allows_plain(&url);
        Ok(if plain { Url::parse(&format!("http://{host}"))? } else { url })
    }

    /// Docker's credentials, and podman's where Docker has none.
    pub(crate) fn credentials(&self) -> CredentialStore {
        let lookup = |name: &str| self.context.variable(name);
        CredentialStore::new(self.context.config_dir()).with_podman_files(lookup)
    }

    /// The signing keys. Passphrases that were right are remembered as long as this run.
    pub(crate) fn key_store(&self) -> anyhow::Result<Arc<DirKeyStore>> {
        if let Some(keys) = self.keys.get() {
            return Ok(Arc::clone(keys));
        }
        let variables = PassphraseVariables::from_lookup(|name| self.context.variable(name))?;
        let prompt: Arc<dyn Prompt> = Arc::clone(&self.person) as _;
        let keyring = DesktopKeyring::of_session(|name| self.context.variable(name));
        let keyring = keyring.map(|keyring| Arc::new(keyring) as Arc<dyn Keyring>);
        let passphrases = Passphrases::new(variables, prompt, self.tries).with_keyring(keyring);
        let keys = Arc::new(DirKeyStore::new(&self.context.trust_dir(), Arc::new(passphrases)));
        Ok(Arc::clone(self.keys.get_or_init(|| keys)))
    }

    /// Every key that can sign: those in tokens, if a PKCS#11 module is named, and those in files.
    pub(crate) fn signing_keys(&self) -> anyhow::Result<Arc<dyn KeyStore>> {
        Ok(match self.tokens()? {
            Some(keys) => keys,
            None => self.key_store()?,
        })
    }

    /// The same with its tokens, if a module is named. It is loaded once.
    pub(crate) fn tokens(&self) -> anyhow::Result<Option<Arc<Keys>>> {
        if let Some(keys) = self.hardware.get() {
            return Ok(Some(Arc::clone(keys)));
        }
        let Some(module) = self.context.variable(MODULE) else { return Ok(None) };
        let only = self.context.variable(TOKEN).map(|name| name.to_string_lossy().parse::<TokenName>());
        let only = only.transpose()?;
        let files = self.key_store()?;
        let module = TokenModule::load(Path::new(&module))?;
        let tokens = TokenStore::new(module, only, Arc::clone(files.passphrases()));
        let keys = Arc::new(Keys::new(tokens, files));
        Ok(Some(Arc::clone(self.hardware.get_or_init(|| keys))))
    }
}
