//! Debian's `docker-registry`: the distribution server.

use std::fs;
use std::path::{Path, PathBuf};

use countersign_lab::tls::Authority;
use serde_json::json;
use tempfile::TempDir;

use crate::command::Invocation;
use crate::daemon::{Daemon, answers};

/// What a [`DockerRegistry`] is to be like. By default it serves anybody over plain HTTP, and deletes.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// User and password, when only they may use it (HTTP basic authentication; needs `htpasswd`).
    pub basic_auth: Option<(String, String)>,
    /// Whether it serves TLS, with a certificate of its own authority.
    pub tls: bool,
    /// Whether it refuses to delete.
    pub keep_everything: bool,
}

/// A running `docker-registry` with files in a temporary directory.
#[derive(Debug)]
pub struct DockerRegistry {
    daemon: Daemon,
    port: u16,
    tls: bool,
    dir: TempDir,
}

impl DockerRegistry {
    /// One that serves anybody over plain HTTP.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start() -> Self {
        Self::with(&Options::default())
    }

    /// One as `options` say.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn with(options: &Options) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let path = |name: &str| dir.path().join(name);
        let mut config = json!({
            "version": "0.1",
            "log": { "level": "info", "accesslog": { "disabled": false } },
            "storage": {
                "filesystem": { "rootdirectory": path("data") },
                "delete": { "enabled": !options.keep_everything },
                "maintenance": { "uploadpurging": { "enabled": false } },
            },
            "http": { "secret": "of-a-test" },
        });
        if options.tls {
            let authority = Authority::new().expect("an authority can be made");
            let identity = authority.issue(&["127.0.0.1", "localhost"]).expect("a certificate can be issued");
            fs::write(path("ca.crt"), authority.ca_pem()).expect("a file can be written");
            fs::write(path("server.crt"), identity.chain_pem()).expect("a file can be written");
            fs::write(path("server.key"), identity.key_pem()).expect("a file can be written");
            config["http"]["tls"] = json!({ "certificate": path("server.crt"), "key": path("server.key") });
        }
        if let Some((user, password)) = &options.basic_auth {
            let line =
                Invocation::of("htpasswd").args(["-Bbn", user, password]).run().expect_success().stdout;
            fs::write(path("htpasswd"), line).expect("a file can be written");
            config["auth"] = json!({ "htpasswd": { "realm": "test", "path": path("htpasswd") } });
        }
        let (daemon, port) = Daemon::start(
            "docker-registry",
            &path("log"),
            |port| {
                let mut config = config.clone();
                config["http"]["addr"] = json!(format!("127.0.0.1:{port}"));
                // JSON is YAML.
                fs::write(path("config.yml"), config.to_string()).expect("a file can be written");
                Invocation::of("docker-registry").arg("serve").arg(path("config.yml"))
            },
            answers,
        );
        Self { daemon, port, tls: options.tls, dir }
    }

    /// Host and port, as they stand in image references: `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its address: `http://127.0.0.1:PORT`, or `https://…`.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.host())
    }

    /// The certificate of the authority that a client has to trust, PEM. There only with TLS.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.crt")
    }

    /// The directory with its configuration, `data` and log.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its log so far, one line a request among others.
    pub fn log(&self) -> String {
        self.daemon.said()
    }
}
