//! What a run depends on: flags, variables, and Notary's configuration file.
//!
//! Source: notary `cmd/notary/main.go` (`parseConfig`), `cmd/notary/tuf.go` (`getTransport`, `getTrustPinning`); reference
//! behaviour 11.5.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use countersign_client::trust_server::TrustServer;
use countersign_core::certificate::CertificateAuthorities;
use countersign_core::key::KeyId;
use countersign_core::name::Gun;
use countersign_core::trust::TrustPinning;
use serde_json::Value;

use super::fatal::{Fatal, Outcome};
use super::line::Line;
use super::log;

const DEFAULT_SERVER: &str = "https://notary-server:4443";
/// Largest configuration file, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Where everything is.
#[derive(Debug)]
pub(super) struct Settings {
    /// Keys, cached metadata and staged changes.
    pub(super) trust_dir: PathBuf,
    /// What the trust server's address is given as.
    pub(super) server: String,
    /// The only authorities that the trust server's certificate may come from.
    pub(super) root_ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub(super) client_certificate: Option<(PathBuf, PathBuf)>,
    /// Whether the configuration asks for a connection without checks.
    skips_verification: bool,
    pinning: Value,
}

impl Settings {
    /// Reads flags and the configuration file that they or the home directory have.
    pub(super) fn load(line: &Line, home: Option<&Path>) -> Outcome<Self> {
        let named = line.text("configFile").map(PathBuf::from);
        let path = named.clone().or_else(|| home.map(|home| home.join(".notary/config.json")));
        let config = match path.as_deref().map(read) {
            Some(Ok(config)) => config,
            Some(Err(ConfigError::Io(error)))
                if named.is_none() && error.kind() == io::ErrorKind::NotFound =>
            {
                Value::Null
            }
            Some(Err(error)) => return Err(error.fatal(&path.unwrap_or_default())),
            None => Value::Null,
        };
        let beside = path.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let remote = member(&config, "remote_server");
        // What a flag names lies where the program runs, what the configuration names beside the configuration.
        let file = |flag: &str, name: &str| match line.text(flag) {
            Some(named) => absolute(Path::new(named)).map(Some),
            None => Ok(text(remote, name).map(|file| beside.join(expand(&file, home)))),
        };
        let trust_dir = match (line.text("trustDir"), text(&config, "trust_dir"), home) {
            (Some(dir), _, _) => absolute(Path::new(dir))?,
            (None, Some(dir), _) => absolute(&expand(&dir, home))?,
            (None, None, Some(home)) => home.join(".notary"),
            (None, None, None) => return Err(Fatal::new("neither `HOME` nor `--trustDir` is set")),
        };
        let certificate = (file("tlscert", "tls_client_cert")?, file("tlskey", "tls_client_key")?);
        let client_certificate = match certificate {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(Fatal::new("either pass both client key and cert, or neither")),
        };
        let server = line.text("server").map(str::to_owned).or_else(|| text(remote, "url"));
        Ok(Self {
            trust_dir,
            server: server.unwrap_or_else(|| DEFAULT_SERVER.to_owned()),
            root_ca: file("tlscacert", "root_ca")?,
            client_certificate,
            skips_verification: member(remote, "skipTLSVerify") == &Value::Bool(true),
            pinning: member(&config, "trust_pinning").clone(),
        })
    }

    /// The trust server.
    ///
    /// Deviation: Notary also speaks plain HTTP, and TLS without checks; test `trust_server_is_asked_over_tls_alone`.
    pub(super) fn trust_server(&self) -> Outcome<TrustServer> {
        if self.skips_verification {
            return Err(Fatal::new(
                "the configuration sets `remote_server.skipTLSVerify`, and TLS to a trust server is never unchecked; name its \
                 authority in `remote_server.root_ca`; nothing was asked",
            ));
        }
        self.server.parse().map_err(|error| Fatal::of(&error))
    }

    /// How roots of a collection are pinned. Paths are relative to the directory in which the program runs; only the file of
    /// authorities that holds for the collection is read.
    ///
    /// Source: notary `trustpinning/trustpin.go` (`NewTrustPinChecker`).
    pub(super) fn pinning(&self, gun: &Gun) -> Outcome<TrustPinning> {
        let mut pinning = TrustPinning {
            disable_tofu: member(&self.pinning, "disable_tofu") == &Value::Bool(true),
            ..TrustPinning::default()
        };
        for (name, ids) in members(member(&self.pinning, "certs")) {
            let id = |id: &Value| {
                let parsed = id.as_str().and_then(|id| id.parse::<KeyId>().ok());
                parsed.ok_or_else(|| {
                    Fatal::new(format!("trust_pinning.certs: `{name}` is pinned to {id}, which is no key ID"))
                })
            };
            let ids = ids.as_array().into_iter().flatten().map(id).collect::<Result<BTreeSet<_>, _>>()?;
            pinning.certs.insert(name.clone(), ids);
        }
        let is_for_it = |pinned: &String| {
            pinned == gun.as_str()
                || pinned.strip_suffix('*').is_some_and(|start| gun.as_str().starts_with(start))
        };
        if pinning.certs.keys().any(is_for_it) {
            return Ok(pinning);
        }
        let files = members(member(&self.pinning, "ca"));
        let longest = files
            .filter(|(prefix, _)| gun.as_str().starts_with(prefix.as_str()))
            .max_by_key(|(prefix, _)| prefix.len());
        if let Some((prefix, file)) = longest {
            let path = file.as_str().unwrap_or_default();
            let authorities = bounded(Path::new(path)).ok();
            let authorities =
                authorities.and_then(|text| CertificateAuthorities::parse(text.as_bytes()).ok());
            let authorities = authorities.ok_or_else(|| {
                log::warning(&format!("{path} has no certificates of authorities, or cannot be read"));
                Fatal::new(
                    "could not validate the path to a trusted root: could not load root cert from CA path",
                )
            })?;
            pinning.ca.insert(prefix.clone(), authorities);
        }
        Ok(pinning)
    }
}

enum ConfigError {
    Io(io::Error),
    Syntax(String),
}

impl ConfigError {
    fn fatal(self, path: &Path) -> Fatal {
        match self {
            Self::Io(error) => {
                let Fatal { text, .. } = Fatal::file("open", path.display(), &error);
                Fatal::new(format!("error opening config file: {text}"))
            }
            Self::Syntax(why) => Fatal::new(format!("error parsing config file `{}`: {why}", path.display())),
        }
    }
}

/// Reads JSON, or TOML where the name says so.
fn read(path: &Path) -> Result<Value, ConfigError> {
    let text = bounded(path).map_err(ConfigError::Io)?;
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("toml") => {
            toml::from_str(&text).map_err(|error| ConfigError::Syntax(error.message().to_owned()))
        }
        _ => serde_json::from_str(&text).map_err(|error| ConfigError::Syntax(error.to_string())),
    }
}

fn bounded(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > MAX_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read_to_string(path)
}

/// A member, whatever the case of its name.
fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    static NONE: Value = Value::Null;
    members(value).find(|(found, _)| found.eq_ignore_ascii_case(name)).map_or(&NONE, |(_, value)| value)
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value, name: &str) -> Option<String> {
    member(value, name).as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn absolute(path: &Path) -> Outcome<PathBuf> {
    std::path::absolute(path).map_err(|error| Fatal::file("open", path.display(), &error))
}

/// A path with the home directory in place of `~`.
fn expand(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix('~'), home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
            home.join(rest.trim_start_matches('/'))
        }
        _ => PathBuf::from(path),
    }
}
