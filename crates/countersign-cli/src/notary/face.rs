//! What the commands run with: keys, trust servers, staged changes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_client::cache_dir::DirectoryCache;
use countersign_client::changelist::ChangeList;
use countersign_client::keystore_dir::DirKeyStore;
use countersign_client::passphrase::{PassphraseVariables, Passphrases, Tries};
use countersign_client::prompt::Prompt as _;
use countersign_client::publisher::{PublishOptions, Publisher};
use countersign_client::remote_http::{Access, HttpRemote};
use countersign_client::updater::{Refreshed, Releases, Roles, UpdateSettings, Updater};
use countersign_core::name::Gun;
use countersign_core::time::{DateTime, UpdateStart};
use countersign_registry::auth::{Realms, Session, SessionParts, Tokens};
use countersign_registry::credentials::{CredentialError, CredentialSource, Credentials};
use countersign_registry::http::{ClientIdentity, HttpClient, HttpConfig, SystemRoots};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::fatal::{Fatal, Outcome};
use super::line::Line;
use super::log;
use super::settings::Settings;
use super::tell;
use crate::docker::DockerTerminal;
use crate::policy::{Origin, Policy};
use crate::refusal::by_policy;
use crate::report::one_line;
use crate::terminal::Person as _;
use crate::time;

const TLS: &str = "unable to configure TLS: ";

/// One run of a command.
pub(super) struct Face {
    line: Line,
    settings: Settings,
    system_policy: PathBuf,
    now: DateTime,
    keys: OnceLock<Arc<DirKeyStore>>,
}

impl Face {
    /// Reads what the command depends on.
    pub(super) fn load(line: Line) -> Outcome<Self> {
        let home = crate::variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        Self::load_from(line, home.as_deref(), Path::new(crate::SYSTEM_POLICY))
    }

    /// As [`Face::load`], for somebody else's home and system.
    fn load_from(line: Line, home: Option<&Path>, system_policy: &Path) -> Outcome<Self> {
        let settings = Settings::load(&line, home)?;
        let system_policy = system_policy.to_owned();
        Ok(Self { line, settings, system_policy, now: time::now(), keys: OnceLock::new() })
    }

    /// The command line.
    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    /// When the command began.
    pub(super) fn now(&self) -> DateTime {
        self.now
    }

    /// The word at `index`: it was counted before.
    pub(super) fn word(&self, index: usize) -> &str {
        self.line.words.get(index).map_or("", String::as_str)
    }

    /// The collection, which is the first word.
    pub(super) fn gun(&self) -> Outcome<Gun> {
        self.word(0).parse().map_err(|error: countersign_core::name::NameError| Fatal::of(&error))
    }

    /// The staged changes of a collection.
    pub(super) fn changes(&self, gun: &Gun) -> ChangeList {
        ChangeList::new(&self.settings.trust_dir, gun.clone())
    }

    /// The signing keys.
    pub(super) fn keys(&self) -> Outcome<Arc<DirKeyStore>> {
        if let Some(keys) = self.keys.get() {
            return Ok(Arc::clone(keys));
        }
        let variables = PassphraseVariables::from_notary_lookup(crate::variable);
        let variables = variables.map_err(|error| Fatal::of(&error))?;
        let passphrases =
            Passphrases::new(variables, Arc::new(DockerTerminal), Tries::docker()).called_by_role();
        let keys = Arc::new(DirKeyStore::new(&self.settings.trust_dir, Arc::new(passphrases)));
        Ok(Arc::clone(self.keys.get_or_init(|| keys)))
    }

    /// What brings a collection up to date.
    pub(super) fn updater(&self, gun: &Gun, access: Access) -> Outcome<Updater> {
        let policy = Policy::of_system_with(&self.system_policy, self.settings.pinning(gun)?);
        let policy = policy.map_err(|error| Fatal::of(&error))?;
        let decision = policy.decide(gun);
        if access == Access::Pull {
            by_policy(&decision).map_err(|error| Fatal::of(&error))?;
        }
        let server = match &decision.required_server {
            Some(required) => required.value.clone(),
            None => self.settings.trust_server()?,
        };
        let realms = policy.token_realms().into_iter().fold(Realms::guarded(), Realms::and_realm);
        let session = Session::new(SessionParts {
            http: HttpClient::new(self.http()?),
            tokens: Tokens::new(),
            host: server.join(""),
            credentials: Arc::new(Asked),
            realms,
        });
        let remote = HttpRemote::new(session, server, gun.clone(), access);
        let settings = UpdateSettings {
            pinning: decision.pinning(),
            offline: decision.offline_use(),
            demands: decision.demands(),
            // As Notary, unless the system's policy says something of it.
            releases: match decision.releases.by {
                Origin::Default => Releases::MayFallBack,
                _ => decision.releases_use(),
            },
            ..UpdateSettings::new(gun.clone())
        };
        let cache = DirectoryCache::new(&self.settings.trust_dir);
        Ok(Updater::new(Arc::new(remote), Arc::new(cache), settings))
    }

    /// What publishes a collection.
    pub(super) fn publisher(&self, gun: &Gun, options: PublishOptions) -> Outcome<Publisher> {
        Ok(Publisher::new(&self.updater(gun, Access::Push)?, self.keys()?, options))
    }

    /// Brings a collection with all its delegations up to date, and says what is worth knowing.
    pub(super) async fn refresh(&self, gun: &Gun) -> Outcome<Refreshed> {
        let refreshed = self.updater(gun, Access::Pull)?.refresh(UpdateStart(self.now()), Roles::All).await?;
        tell::refreshed(&refreshed);
        Ok(refreshed)
    }

    fn http(&self) -> Outcome<HttpConfig> {
        let mut config = HttpConfig::from_lookup(crate::variable).map_err(|error| Fatal::of(&error))?;
        if let Some(path) = &self.settings.root_ca {
            let shown = path.display();
            let pem = fs::read(path).map_err(|error| {
                let why = Fatal::file("open", &shown, &error).text;
                Fatal::new(format!("{TLS}could not read CA certificate \"{shown}\": {why}"))
            })?;
            let authorities = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
            let authorities = authorities.ok().filter(|found| !found.is_empty());
            config.extra_roots = authorities.ok_or_else(|| {
                Fatal::new(format!("{TLS}failed to append certificates from PEM file: \"{shown}\""))
            })?;
            config.system_roots = SystemRoots::None;
        }
        if let Some((certificate, key)) = &self.settings.client_certificate {
            let refused = |why: String| Fatal::new(format!("{TLS}Could not load X509 key pair: {why}"));
            for path in [certificate, key] {
                File::open(path)
                    .map_err(|error| refused(Fatal::file("open", path.display(), &error).text))?;
            }
            let identity = ClientIdentity::read(certificate, key);
            config.identity = Some(identity.map_err(|error| refused(one_line(&error)))?);
        }
        Ok(config)
    }
}

/// Who we are: what `NOTARY_AUTH` says, or the person.
struct Asked;

#[async_trait]
impl CredentialSource for Asked {
    /// Source: notary `cmd/notary/tuf.go` (`passwordStore.Basic`).
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialError> {
        let variable = crate::variable("NOTARY_AUTH").and_then(|value| value.into_string().ok());
        if let Some(variable) = variable.filter(|value| !value.is_empty()) {
            let shown = decoded(&variable).inspect_err(|why| log::error(why));
            return Ok(Arc::new(shown.unwrap_or_default()));
        }
        let asked = tokio::task::spawn_blocking(|| {
            let username = DockerTerminal.ask("Enter username: ").filter(|name| !name.trim().is_empty())?;
            let password = DockerTerminal.ask_hidden("Enter password: ")?;
            Some(Credentials::password(username.trim(), password.to_string()))
        });
        Ok(Arc::new(asked.await.ok().flatten().unwrap_or_default()))
    }
}

/// `user:password` in base64. White space around the password, such as the line break of an `echo`, is no part of it.
fn decoded(variable: &str) -> Result<Credentials, &'static str> {
    let text = STANDARD.decode(variable.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or("Could not base64-decode authentication string")?;
    match text.split_once(':') {
        Some(("", _)) => Err("Authentication string with zero-length username"),
        Some((username, password)) => Ok(Credentials::password(username, password.trim().to_owned())),
        None => Err("Malformatted authentication string; format must be username:password"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::verbs::NOTARY;
    use super::*;

    /// Somebody with a trust server of their own, on a system with this policy.
    fn face(dir: &Path, policy: Option<&str>) -> Face {
        let config = r#"{"remote_server":{"url":"https://own.example:4443"}}"#;
        fs::create_dir_all(dir.join(".notary")).expect("a directory");
        fs::write(dir.join(".notary/config.json"), config).expect("a file");
        let system = dir.join("policy.toml");
        if let Some(policy) = policy {
            fs::write(&system, policy).expect("a file");
        }
        let line =
            Line::read(&NOTARY, vec!["list".to_owned(), "example.com/app".to_owned()]).expect("a line");
        Face::load_from(line, Some(dir), &system).expect("a face")
    }

    fn updater(policy: Option<&str>, access: Access) -> Outcome<Updater> {
        let dir = tempfile::tempdir().expect("a directory");
        let face = face(dir.path(), policy);
        face.updater(&face.gun()?, access)
    }

    #[test]
    fn systems_policy_names_the_trust_server() {
        let server = |policy| updater(policy, Access::Pull).expect("an updater").remote().server().to_owned();
        assert!(server(None).contains("own.example"), "{}", server(None));
        let rule = "[[rule]]\nmatch = \"example.com/*\"\ntrust_server = \"https://site.example\"\n";
        assert!(server(Some(rule)).contains("site.example"), "{}", server(Some(rule)));
        let other = rule.replace("example.com/*", "example.org/*");
        assert!(server(Some(&other)).contains("own.example"), "{}", server(Some(&other)));
    }

    #[test]
    fn collection_that_the_systems_policy_refuses_is_not_asked_for() {
        let rule = "[[rule]]\nmatch = \"example.com/*\"\ntrust = \"refused\"\n";
        let refused = updater(Some(rule), Access::Pull).expect_err("refused");
        assert!(refused.text.contains("is refused by"), "{}", refused.text);
        // Who publishes pulls nothing.
        updater(Some(rule), Access::Push).expect("an updater");
        updater(Some(&rule.replace("example.com", "example.org")), Access::Pull).expect("an updater");
    }

    #[test]
    fn releases_fall_back_as_notarys_do_unless_the_systems_policy_says_otherwise() {
        let releases = |policy| updater(policy, Access::Pull).expect("an updater").settings().releases;
        assert_eq!(releases(None), Releases::MayFallBack);
        assert_eq!(releases(Some("releases = \"require\"\n")), Releases::Required);
        assert_eq!(releases(Some("releases = \"fall-back\"\n")), Releases::MayFallBack);
    }
}
