//! Where everything is: directories, policy, trust server, and how requests are made.
//!
//! Directories and variables are Docker's, so that a machine that used content trust before goes on with it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_client::trust_server::{self, TrustServer, TrustServerError};
use countersign_core::name::Gun;
use countersign_core::time::DateTime;
use countersign_registry::http::{HttpConfig, ProxyError};
use countersign_registry::store::Store;
use thiserror::Error;

use crate::args::Global;
use crate::policy::{Decided, Decision, Origin, PIN_VARIABLE, POLICY_VARIABLE, Policy, Sources};
use crate::time;

/// The name of a policy file.
const POLICY_FILE: &str = "policy.toml";

type Lookup = Arc<dyn Fn(&str) -> Option<OsString> + Send + Sync>;
type Clock = Arc<dyn Fn() -> DateTime + Send + Sync>;

/// What a run depends on besides its command line.
#[derive(Clone)]
pub(crate) struct Context {
    lookup: Lookup,
    clock: Clock,
    config_dir: PathBuf,
    system_policy: PathBuf,
    policy: Policy,
}

impl Context {
    /// Finds everything through `lookup`, which knows the environment's variables.
    pub(crate) fn load(
        lookup: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
        global: &Global,
        system_policy: &Path,
    ) -> anyhow::Result<Self> {
        let context = Self::without_policy(lookup, global, system_policy)?;
        let policy = Policy::load(&context.policy_sources())?;
        Ok(Self { policy, ..context })
    }

    /// As [`Context::load`], without rules: for saying what is wrong with them.
    pub(crate) fn without_policy(
        lookup: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
        global: &Global,
        system_policy: &Path,
    ) -> anyhow::Result<Self> {
        let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let config_dir = match global.config.clone().or_else(|| set("DOCKER_CONFIG").map(PathBuf::from)) {
            Some(dir) => dir,
            None => PathBuf::from(set("HOME").ok_or(PlaceError::NoHome { what: "DOCKER_CONFIG" })?)
                .join(".docker"),
        };
        Ok(Self {
            lookup: Arc::new(lookup),
            clock: Arc::new(time::now),
            config_dir,
            system_policy: system_policy.to_owned(),
            policy: Policy::default(),
        })
    }

    /// The same, by another clock.
    pub(crate) fn with_clock(self, clock: impl Fn() -> DateTime + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// The time.
    pub(crate) fn now(&self) -> DateTime {
        (self.clock)()
    }

    /// The value of an environment variable; one that is empty counts as not set.
    pub(crate) fn variable(&self, name: &str) -> Option<OsString> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    /// The rules.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Where rules are read from.
    pub(crate) fn policy_sources(&self) -> Sources {
        let own = self.user_config_dir().map(|dir| dir.join("countersign").join(POLICY_FILE));
        let text = |name: &str| self.variable(name).map(|value| value.to_string_lossy().into_owned());
        Sources {
            system: self.system_policy.clone(),
            variable: self.variable(POLICY_VARIABLE).map(PathBuf::from),
            pins: text(PIN_VARIABLE),
            user: own.into_iter().chain([self.trust_dir().join(POLICY_FILE)]).collect(),
            in_ci: text("CI").is_some_and(|value| !matches!(value.as_str(), "false" | "0")),
        }
    }

    /// Where this user's programs keep their configuration.
    fn user_config_dir(&self) -> Option<PathBuf> {
        let named = self.variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
        named.or_else(|| Some(PathBuf::from(self.variable("HOME")?).join(".config")))
    }

    /// Docker's configuration directory.
    pub(crate) fn config_dir(&self) -> &Path {
        &self.config_dir
    }

    /// Docker's `config.json`: credentials and credential helpers.
    pub(crate) fn docker_config_file(&self) -> PathBuf {
        self.config_dir.join("config.json")
    }

    /// Keys, cached metadata and staged changes.
    pub(crate) fn trust_dir(&self) -> PathBuf {
        self.config_dir.join("trust")
    }

    /// Authorities and client certificates, one directory per host.
    pub(crate) fn tls_dir(&self) -> PathBuf {
        self.config_dir.join("tls")
    }

    /// What this program keeps besides Docker's files: images, and the trust server's data.
    pub(crate) fn data_dir(&self) -> Result<PathBuf, PlaceError> {
        if let Some(dir) = self.variable("XDG_DATA_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute()) {
            return Ok(dir.join("countersign"));
        }
        let home = self.variable("HOME").ok_or(PlaceError::NoHome { what: "XDG_DATA_HOME" })?;
        Ok(PathBuf::from(home).join(".local/share/countersign"))
    }

    /// Where the local images are.
    pub(crate) fn images_dir(&self) -> Result<PathBuf, PlaceError> {
        Ok(self.data_dir()?.join("images"))
    }

    /// The local images.
    pub(crate) fn store(&self) -> anyhow::Result<Store> {
        Ok(Store::open(&self.images_dir()?)?)
    }

    /// How requests are made.
    pub(crate) fn http_config(&self) -> Result<HttpConfig, ProxyError> {
        let mut config = HttpConfig::from_lookup(|name| self.variable(name))?;
        config.host_directories = vec![self.tls_dir()];
        config.insecure_hosts = self.policy.insecure_registries();
        Ok(config)
    }

    /// The trust server of a collection: the one that the system's policy requires, the variable's, the one of another policy,
    /// Docker Hub's, or the registry's own host.
    pub(crate) fn trust_server(&self, gun: &Gun) -> Result<TrustServer, TrustServerError> {
        Ok(self.decided_trust_server(&self.policy.decide(gun))?.value)
    }

    /// The same, with what decided it.
    pub(crate) fn decided_trust_server(
        &self,
        decision: &Decision,
    ) -> Result<Decided<TrustServer>, TrustServerError> {
        if let Some(required) = &decision.required_server {
            return Ok(required.clone());
        }
        if let Some(named) = self.variable(trust_server::VARIABLE) {
            let value = named.to_string_lossy().parse()?;
            return Ok(Decided { value, by: Origin::Variable(trust_server::VARIABLE) });
        }
        match &decision.server {
            Some(server) => Ok(server.clone()),
            None => Ok(Decided { value: TrustServer::of(&decision.gun, |_| None)?, by: Origin::Default }),
        }
    }
}

/// Something of which it isn't known where it is.
#[derive(Debug, Error)]
pub(crate) enum PlaceError {
    /// No home directory and nothing in its place.
    #[error("neither `{what}` nor `HOME` is set")]
    NoHome {
        /// The variable that names the directory itself.
        what: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(variables: &'static [(&str, &str)]) -> anyhow::Result<Context> {
        let lookup = |name: &str| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| OsString::from(value))
        };
        Context::load(lookup, &Global::default(), Path::new("/nonexistent/policy.toml"))
    }

    #[test]
    fn directories_are_dockers() {
        let context = context(&[("HOME", "/home/alice"), ("XDG_DATA_HOME", "relative")]).expect("a context");
        assert_eq!(context.trust_dir(), Path::new("/home/alice/.docker/trust"));
        assert_eq!(context.data_dir().expect("a place"), Path::new("/home/alice/.local/share/countersign"));
        let moved = self::context(&[("DOCKER_CONFIG", "/c"), ("XDG_DATA_HOME", "/d")]).expect("a context");
        assert_eq!(moved.tls_dir(), Path::new("/c/tls"));
        assert_eq!(moved.data_dir().expect("a place"), Path::new("/d/countersign"));
    }

    #[test]
    fn policies_are_looked_for_where_variables_say() {
        let sources = |variables| context(variables).expect("a context").policy_sources();
        let usual = sources(&[("HOME", "/h")]);
        assert_eq!(
            usual.user,
            [Path::new("/h/.config/countersign/policy.toml"), Path::new("/h/.docker/trust/policy.toml")]
        );
        assert!(!usual.in_ci);
        let moved = sources(&[("DOCKER_CONFIG", "/c"), ("XDG_CONFIG_HOME", "/x"), ("CI", "true")]);
        assert_eq!(moved.user, [Path::new("/x/countersign/policy.toml"), Path::new("/c/trust/policy.toml")]);
        assert!(moved.in_ci);
        for no in ["", "0", "false"] {
            let variables: &'static [(&str, &str)] = Vec::leak(vec![("HOME", "/h"), ("CI", no)]);
            assert!(!sources(variables).in_ci, "{no}");
        }
    }

    #[test]
    fn trust_server_is_the_systems_then_the_variables_then_the_users() {
        let dir = tempfile::tempdir().expect("a directory");
        let system = dir.path().join("system.toml");
        let user = dir.path().join("user");
        std::fs::create_dir_all(user.join("trust")).expect("a directory");
        std::fs::write(user.join("trust/policy.toml"), "trust_server = \"https://user.example\"")
            .expect("a file");
        let server = |variable: Option<&str>| {
            let (config, variable) = (user.clone().into_os_string(), variable.map(OsString::from));
            let lookup = move |name: &str| match name {
                "DOCKER_CONFIG" => Some(config.clone()),
                trust_server::VARIABLE => variable.clone(),
                _ => None,
            };
            let context = Context::load(lookup, &Global::default(), &system).expect("a context");
            let gun = "docker.io/library/alpine".parse().expect("a GUN");
            context.trust_server(&gun).map(|server| server.to_string())
        };
        assert_eq!(server(None).as_deref(), Ok("https://user.example"));
        assert_eq!(server(Some("https://variable.example")).as_deref(), Ok("https://variable.example"));
        assert!(server(Some("nowhere")).is_err());
        std::fs::write(&system, "trust_server = \"https://system.example\"").expect("a file");
        for variable in [None, Some("https://variable.example")] {
            assert_eq!(server(variable).as_deref(), Ok("https://system.example"));
        }
    }

    #[test]
    fn without_a_home_the_error_names_the_variables() {
        let error = context(&[]).err().expect("no home");
        assert_eq!(error.to_string(), "neither `DOCKER_CONFIG` nor `HOME` is set");
    }
}
