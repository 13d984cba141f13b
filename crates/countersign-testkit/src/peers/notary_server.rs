//! Debian's `notary-server`.

use std::fs;
use std::path::{Path, PathBuf};

use countersign_lab::tls::Authority;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::Invocation;
use crate::daemon::{Daemon, answers};
use crate::peers::{MariaDb, NotarySigner};

/// A running `notary-server` with TLS. Unless a signer holds them, its keys are its own (`local` trust service: ed25519, lost
/// at its end).
///
/// Source: notary `cmd/notary-server/config.go`.
#[derive(Debug)]
pub struct NotaryServer {
    daemon: Daemon,
    port: u16,
    dir: TempDir,
}

impl NotaryServer {
    /// One that keeps everything in memory.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn memory() -> Self {
        Self::start(&json!({ "backend": "memory" }), &json!({}))
    }

    /// One that keeps metadata in a new database of `database`. Its SQL store behaves differently from its memory.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn mariadb(database: &MariaDb) -> Self {
        Self::start(&json!({ "backend": "mysql", "db_url": database.notary_dsn() }), &json!({}))
    }

    /// One in memory whose keys `signer` holds: ECDSA.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn with_signer(signer: &NotarySigner) -> Self {
        Self::with_configuration(&json!({ "trust_service": signer.trust_service() }))
    }

    /// One in memory whose configuration has the members of `more` too, or instead, such as `{"repositories": …}`.
    ///
    /// # Panics
    /// When it cannot be started, or `more` is no object.
    pub fn with_configuration(more: &Value) -> Self {
        Self::start(&json!({ "backend": "memory" }), more)
    }

    /// One in memory that asks its clients for a certificate of its own authority: `client.crt` and `client.key` in
    /// [`NotaryServer::dir`].
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn asking_for_certificates() -> Self {
        Self::start(&json!({ "backend": "memory" }), &json!({ "server": { "client_ca_file": "./ca.crt" } }))
    }

    fn start(storage: &Value, more: &Value) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let authority = Authority::new().expect("an authority can be made");
        let identity = authority.issue(&["127.0.0.1", "localhost"]).expect("a certificate can be issued");
        let client = authority.issue(&["client"]).expect("a certificate can be issued");
        for (name, text) in [
            ("ca.crt", authority.ca_pem()),
            ("client.crt", client.chain_pem()),
            ("client.key", client.key_pem()),
            ("server.crt", identity.chain_pem()),
            ("server.key", identity.key_pem()),
        ] {
            fs::write(dir.path().join(name), text).expect("a file can be written");
        }
        let config_file = dir.path().join("server.json");
        let (daemon, port) = Daemon::start(
            "notary-server",
            &dir.path().join("log"),
            |port| {
                let mut config = json!({
                    "server": {
                        "http_addr": format!("127.0.0.1:{port}"),
                        "tls_cert_file": "./server.crt",
                        "tls_key_file": "./server.key",
                    },
                    "trust_service": { "type": "local" },
                    "storage": storage,
                    "logging": { "level": "info" },
                });
                for (name, value) in more.as_object().expect("configuration is an object") {
                    match (config[name].as_object_mut(), value.as_object()) {
                        (Some(own), Some(more)) if name == "server" => own.extend(more.clone()),
                        _ => config[name] = value.clone(),
                    }
                }
                fs::write(&config_file, config.to_string()).expect("a file can be written");
                Invocation::of("notary-server").arg("-config").arg(&config_file)
            },
            answers,
        );
        Self { daemon, port, dir }
    }

    /// Its address: `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://{}", self.host())
    }

    /// Host and port: `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The certificate of the authority that a client has to trust, PEM.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.crt")
    }

    /// The directory with its configuration, certificates and log.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its log so far: one JSON object a line.
    pub fn log(&self) -> String {
        self.daemon.said()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }
}
