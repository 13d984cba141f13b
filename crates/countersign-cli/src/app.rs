//! What a verb runs with: where everything is, how to say things, whom to ask, and what is made of these once.

use std::sync::{Arc, OnceLock};

use countersign_client::keystore_dir::DirKeyStore;
use countersign_client::passphrase::{PassphraseVariables, Passphrases, Tries};
use countersign_client::prompt::Prompt;
use countersign_registry::credentials::CredentialStore;
use countersign_registry::http::HttpClient;
use countersign_registry::reference::DEFAULT_DOMAIN;
use url::Url;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::output::Printer;
use crate::terminal::Person;

/// One run of the program.
pub(crate) struct App {
    context: Context,
    printer: Arc<Printer>,
    person: Arc<dyn Person>,
    http: OnceLock<HttpClient>,
    keys: OnceLock<Arc<DirKeyStore>>,
}

impl App {
    /// A run that says things through `printer` and asks `person`.
    pub(crate) fn new(context: Context, printer: Arc<Printer>, person: Arc<dyn Person>) -> Self {
        Self { context, printer, person, http: OnceLock::new(), keys: OnceLock::new() }
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

    /// Where the registry of this domain is asked.
    pub(crate) fn registry_url(&self, domain: &str) -> anyhow::Result<Url> {
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
        let passphrases = Passphrases::new(variables, prompt, Tries::default());
        let keys = Arc::new(DirKeyStore::new(&self.context.trust_dir(), Arc::new(passphrases)));
        Ok(Arc::clone(self.keys.get_or_init(|| keys)))
    }
}
