//! Which daemon is meant: flags, variables, contexts, in Docker's order.
//!
//! Source: docker/cli `cli/command/cli.go` (`resolveContextName`), `cli/flags/options.go`, `cli/context/store/`.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use countersign_core::digest::Digest;
use serde::Deserialize;
use thiserror::Error;

use super::endpoint::{Address, AddressError, Endpoint, Source, Tls};

/// Largest file read, in bytes.
const MAX_FILE_BYTES: u64 = 8 << 20;
/// The context that stands for the variables.
const DEFAULT_CONTEXT: &str = "default";

/// What decides which daemon is meant. The flags are those that stand before Docker's verbs.
pub struct EndpointInputs<'a> {
    /// Every `--host`, `-H`.
    pub hosts: &'a [String],
    /// `--context`, `-c`.
    pub context: Option<&'a str>,
    /// `--tls`, if it was given.
    pub tls: Option<bool>,
    /// `--tlsverify`, if it was given.
    pub tls_verify: Option<bool>,
    /// `--tlscacert`.
    pub tls_ca: Option<&'a Path>,
    /// `--tlscert`.
    pub tls_cert: Option<&'a Path>,
    /// `--tlskey`.
    pub tls_key: Option<&'a Path>,
    /// Environment variables.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// Docker's configuration directory.
    pub config_dir: &'a Path,
}

impl<'a> EndpointInputs<'a> {
    /// No flags.
    pub fn new(variable: &'a dyn Fn(&str) -> Option<OsString>, config_dir: &'a Path) -> Self {
        Self {
            hosts: &[],
            context: None,
            tls: None,
            tls_verify: None,
            tls_ca: None,
            tls_cert: None,
            tls_key: None,
            variable,
            config_dir,
        }
    }

    /// The daemon that is meant. Nothing is asked of it; only files below the configuration directory are read.
    ///
    /// # Errors
    /// Every variant of [`EndpointError`].
    pub fn resolve(&self) -> Result<Endpoint, EndpointError> {
        let named = |name: &str, chosen_by| match name {
            DEFAULT_CONTEXT => self.plain(None),
            name => self.context(name, chosen_by),
        };
        match (self.context, self.hosts) {
            (Some(_), [_, ..]) => Err(EndpointError::HostAndContext),
            (Some(context), []) if !context.is_empty() => named(context, "`--context`"),
            (_, [_, _, ..]) => Err(EndpointError::SeveralHosts),
            (_, [host]) => self.plain(Some(host)),
            (_, []) => {
                if self.text("DOCKER_HOST")?.is_some() {
                    return self.plain(None);
                }
                if let Some(context) = self.text("DOCKER_CONTEXT")? {
                    return named(&context, "`DOCKER_CONTEXT`");
                }
                match self.current_context()? {
                    Some(context) => named(&context, "`currentContext` in `config.json`"),
                    None => self.plain(None),
                }
            }
        }
    }

    /// The daemon of a flag or of the variables.
    fn plain(&self, host: Option<&str>) -> Result<Endpoint, EndpointError> {
        let variable = self.text("DOCKER_HOST")?;
        let source = match (host, &variable) {
            (Some(_), _) => Source::Flag,
            (None, Some(_)) => Source::Variable("DOCKER_HOST"),
            (None, None) => Source::Default,
        };
        let host = host.map(str::to_owned).or(variable).unwrap_or_default();
        let tls = self.tls();
        let source = match (source, &tls) {
            (Source::Default, Some(_)) if self.text("DOCKER_TLS_VERIFY")?.is_some() => {
                Source::Variable("DOCKER_TLS_VERIFY")
            }
            (Source::Default, Some(_)) if self.text("DOCKER_TLS")?.is_some() => {
                Source::Variable("DOCKER_TLS")
            }
            (Source::Default, Some(_)) => Source::Flag,
            (source, _) => source,
        };
        Ok(Endpoint { address: Address::parse(&host, tls)?, source })
    }

    /// TLS as flags and variables want it. The variables count as set when they are not empty, whatever they say.
    fn tls(&self) -> Option<Tls> {
        let is_set = |name| self.set(name).is_some();
        let verify = self.tls_verify.unwrap_or_else(|| is_set("DOCKER_TLS_VERIFY"));
        let wanted = self.tls.unwrap_or_else(|| is_set("DOCKER_TLS"));
        if !wanted && !verify && self.tls_verify.is_none() {
            return None;
        }
        let dir = self.set("DOCKER_CERT_PATH").map_or_else(|| self.config_dir.to_owned(), PathBuf::from);
        let file = |flag: Option<&Path>, name: &str| match flag {
            Some(path) => Some(path.to_owned()),
            None => Some(dir.join(name)).filter(|path| path.exists()),
        };
        let authorities = self.tls_ca.map_or_else(|| dir.join("ca.pem"), Path::to_owned);
        Some(Tls {
            authorities: verify.then_some(authorities),
            identity: file(self.tls_cert, "cert.pem").zip(file(self.tls_key, "key.pem")),
            skip_verify: !verify,
        })
    }

    fn context(&self, name: &str, chosen_by: &'static str) -> Result<Endpoint, EndpointError> {
        let id = Digest::sha256(name.as_bytes()).hex();
        let contexts = self.config_dir.join("contexts");
        let path = contexts.join("meta").join(&id).join("meta.json");
        let Some(text) = read(&path)? else {
            return Err(EndpointError::NoContext { name: name.to_owned(), path });
        };
        let meta: ContextMeta =
            serde_json::from_slice(&text).map_err(|source| EndpointError::Syntax { path, source })?;
        let docker = meta.endpoints.docker.unwrap_or_default();
        let dir = contexts.join("tls").join(&id).join("docker");
        let file = |name: &str| Some(dir.join(name)).filter(|path| path.is_file());
        let (authorities, certificate) = (file("ca.pem"), file("cert.pem"));
        let identity = certificate.zip(file("key.pem"));
        let has_tls = docker.skip_tls_verify || authorities.is_some() || identity.is_some();
        let tls = has_tls.then_some(Tls { authorities, identity, skip_verify: docker.skip_tls_verify });
        let source = Source::Context(name.to_owned(), chosen_by);
        Ok(Endpoint { address: Address::parse(&docker.host, tls)?, source })
    }

    fn current_context(&self) -> Result<Option<String>, EndpointError> {
        let path = self.config_dir.join("config.json");
        let Some(text) = read(&path)?.filter(|text| !text.trim_ascii().is_empty()) else { return Ok(None) };
        let config: Config =
            serde_json::from_slice(&text).map_err(|source| EndpointError::Syntax { path, source })?;
        Ok(Some(config.current_context).filter(|name| !name.is_empty()))
    }

    fn set(&self, name: &str) -> Option<OsString> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &'static str) -> Result<Option<String>, EndpointError> {
        self.set(name).map(|value| value.into_string().map_err(|_| EndpointError::Variable(name))).transpose()
    }
}

/// Why it isn't known which daemon is meant.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Both flags, which contradict each other. The words are Docker's.
    #[error("conflicting options: cannot specify both --host and --context")]
    HostAndContext,
    /// More than one host. The words are Docker's.
    #[error("specify only one -H")]
    SeveralHosts,
    /// A variable that is no text.
    #[error("`{0}` is not UTF-8")]
    Variable(&'static str),
    /// A context that is not there.
    #[error("there is no context `{}`: `{}` does not exist", name.escape_default(), path.display())]
    NoContext {
        /// Its name.
        name: String,
        /// Where it would be.
        path: PathBuf,
    },
    /// A file that can't be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What reading it said.
        source: io::Error,
    },
    /// A file that says something else.
    #[error("`{}` is not what Docker writes there", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// An address that can't be used.
    #[error(transparent)]
    Address(#[from] AddressError),
}

#[derive(Deserialize)]
struct Config {
    #[serde(default, rename = "currentContext")]
    current_context: String,
}

#[derive(Deserialize)]
struct ContextMeta {
    #[serde(default, rename = "Endpoints")]
    endpoints: ContextEndpoints,
}

#[derive(Default, Deserialize)]
struct ContextEndpoints {
    docker: Option<ContextDocker>,
}

#[derive(Default, Deserialize)]
struct ContextDocker {
    #[serde(default, rename = "Host")]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// A whole file; `None` if it isn't there.
fn read(path: &Path) -> Result<Option<Vec<u8>>, EndpointError> {
    let failed = |source| EndpointError::Read { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    let mut text = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests;
