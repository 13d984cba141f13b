//! Debian's `notary-signer`.

use std::fs;
use std::path::Path;

use countersign_lab::tls::Authority;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::Invocation;
use crate::daemon::{Daemon, answers};

/// A running `notary-signer` that keeps its keys in memory: it makes the ECDSA timestamp and snapshot keys of a
/// [`NotaryServer::with_signer`](crate::peers::NotaryServer::with_signer).
///
/// Source: notary `cmd/notary-signer/config.go`.
#[derive(Debug)]
pub struct NotarySigner {
    _daemon: Daemon,
    port: u16,
    dir: TempDir,
}

impl NotarySigner {
    /// One with mutual TLS, under an authority of its own.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn memory() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let authority = Authority::new().expect("an authority can be made");
        fs::write(dir.path().join("ca.crt"), authority.ca_pem()).expect("a file can be written");
        for name in ["signer", "client"] {
            let identity = authority.issue(&["127.0.0.1", "localhost"]).expect("a certificate can be issued");
            fs::write(dir.path().join(format!("{name}.crt")), identity.chain_pem())
                .and_then(|()| fs::write(dir.path().join(format!("{name}.key")), identity.key_pem()))
                .expect("a file can be written");
        }
        let config_file = dir.path().join("signer.json");
        let (daemon, port) = Daemon::start(
            "notary-signer",
            &dir.path().join("log"),
            |port| {
                let config = json!({
                    "server": {
                        "grpc_addr": format!("127.0.0.1:{port}"),
                        "tls_cert_file": "./signer.crt",
                        "tls_key_file": "./signer.key",
                        "client_ca_file": "./ca.crt",
                    },
                    "storage": { "backend": "memory" },
                    "logging": { "level": "info" },
                });
                fs::write(&config_file, config.to_string()).expect("a file can be written");
                Invocation::of("notary-signer").arg("-config").arg(&config_file)
            },
            answers,
        );
        Self { _daemon: daemon, port, dir }
    }

    /// Host and port of its gRPC service: `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The directory with `ca.crt`, and with `client.crt` and `client.key`, which a client shows.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// How `notary-server` finds it.
    pub(super) fn trust_service(&self) -> Value {
        json!({
            "type": "remote",
            "hostname": "127.0.0.1",
            "port": self.port.to_string(),
            "key_algorithm": "ecdsa",
            "tls_ca_file": self.dir.path().join("ca.crt"),
            "tls_client_cert": self.dir.path().join("client.crt"),
            "tls_client_key": self.dir.path().join("client.key"),
        })
    }
}
