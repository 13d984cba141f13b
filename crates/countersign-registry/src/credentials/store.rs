//! The place where credentials are kept: a directory with `config.json`, and the helpers that it names.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::Credentials;
use super::config_file::ConfigFile;
use super::error::CredentialError;
use super::helper::Helper;

/// Docker's credentials: `config.json` in one directory, and the helpers that it names.
#[derive(Clone, Debug)]
pub struct CredentialStore {
    config: PathBuf,
    fallbacks: Vec<PathBuf>,
    search_path: Option<OsString>,
    helper_deadline: Duration,
}

/// Where `login` put credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StoredIn {
    /// In this file, readable by whoever can read it.
    File(PathBuf),
    /// With this helper.
    Helper(String),
}

impl CredentialStore {
    /// The store of a configuration directory, such as `~/.docker`. Nothing is read yet.
    pub fn new(config_directory: &Path) -> Self {
        Self {
            config: config_directory.join("config.json"),
            fallbacks: Vec::new(),
            search_path: None,
            helper_deadline: Duration::from_mins(1),
        }
    }

    /// Adds podman's files, which are read where Docker's have nothing: `REGISTRY_AUTH_FILE`, and
    /// `containers/auth.json` in `XDG_RUNTIME_DIR`.
    #[must_use]
    pub fn with_podman_files(mut self, lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        self.fallbacks.extend(lookup("REGISTRY_AUTH_FILE").map(PathBuf::from));
        self.fallbacks.extend(
            lookup("XDG_RUNTIME_DIR").map(|directory| PathBuf::from(directory).join("containers/auth.json")),
        );
        self
    }

    /// Looks for helpers in these directories, in the form of `PATH`.
    #[must_use]
    pub fn with_search_path(self, path: OsString) -> Self {
        Self { search_path: Some(path), ..self }
    }

    /// Gives helpers this long. Default 60 s: they may ask a person.
    #[must_use]
    pub fn with_helper_deadline(self, deadline: Duration) -> Self {
        Self { helper_deadline: deadline, ..self }
    }

    /// The credentials for a registry's key ([`server_key`](super::server_key)); anonymous if there are none.
    ///
    /// # Errors
    /// Every variant of [`CredentialError`] but [`CredentialError::Write`].
    ///
    /// Deviation: Docker takes a failing helper for "no credentials", which shows up as a refusal by the registry.
    pub async fn lookup(&self, key: &str) -> Result<Credentials, CredentialError> {
        for path in std::iter::once(&self.config).chain(&self.fallbacks) {
            let file = load(path.clone()).await?;
            let found = match file.helper(key) {
                Some(name) => self.helper(name)?.get(key).await?,
                None => file.credentials(key)?,
            };
            if !found.is_anonymous() {
                return Ok(found);
            }
        }
        Ok(Credentials::Anonymous)
    }

    /// Keeps credentials under `key`, with the helper that is configured for it, or else in the file.
    pub async fn store(&self, key: &str, credentials: Credentials) -> Result<StoredIn, CredentialError> {
        let mut file = load(self.config.clone()).await?;
        let helper = file.helper(key).map(str::to_owned);
        if let Some(name) = &helper {
            self.helper(name)?.store(key, &credentials).await?;
        }
        file.set(key, &credentials, helper.is_some());
        save(file).await?;
        Ok(helper.map_or_else(|| StoredIn::File(self.config.clone()), StoredIn::Helper))
    }

    /// Forgets the credentials under `key`; whether there were some.
    pub async fn erase(&self, key: &str) -> Result<bool, CredentialError> {
        let mut file = load(self.config.clone()).await?;
        let kept = match file.helper(key).map(str::to_owned) {
            Some(name) => self.helper(&name)?.erase(key).await?,
            None => false,
        };
        let listed = file.remove(key);
        if listed {
            save(file).await?;
        }
        Ok(kept || listed)
    }

    fn helper(&self, name: &str) -> Result<Helper<'_>, CredentialError> {
        Helper::new(name, self.search_path.as_ref(), self.helper_deadline)
    }
}

async fn load(path: PathBuf) -> Result<ConfigFile, CredentialError> {
    let name = path.clone();
    let loaded = spawn_blocking(move || ConfigFile::load(&path)).await;
    loaded.unwrap_or_else(|error| Err(CredentialError::Read { path: name, source: error.into() }))
}

async fn save(file: ConfigFile) -> Result<(), CredentialError> {
    let saved = spawn_blocking(move || file.save()).await;
    saved.unwrap_or_else(|error| Err(CredentialError::Write { path: PathBuf::new(), source: error.into() }))
}
