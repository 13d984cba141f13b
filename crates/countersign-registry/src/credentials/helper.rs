//! Credential helpers: programs `docker-credential-NAME` that keep credentials elsewhere.
//!
//! Source: docker/docker-credential-helpers `client/client.go`, `credentials/credentials.go`.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use zeroize::Zeroizing;

use super::Credentials;
use super::error::CredentialError;
use super::secret::Secret;

/// Longest answer of a helper, in bytes.
const MAX_ANSWER_BYTES: u64 = 64 << 10;
/// What a helper says when it has nothing; no error.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user name that stands for an identity token.
const TOKEN_USER: &str = "<token>";

/// One helper program.
pub(super) struct Helper<'a> {
    program: String,
    search_path: Option<&'a OsString>,
    deadline: Duration,
}

impl<'a> Helper<'a> {
    /// The helper called `name`, looked for in `search_path` or else where programs are.
    pub(super) fn new(
        name: &str,
        search_path: Option<&'a OsString>,
        deadline: Duration,
    ) -> Result<Self, CredentialError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || !name.bytes().all(legal) {
            return Err(CredentialError::HelperName(name.to_owned()));
        }
        Ok(Self { program: format!("docker-credential-{name}"), search_path, deadline })
    }

    /// What the helper keeps under `key`.
    pub(super) async fn get(&self, key: &str) -> Result<Credentials, CredentialError> {
        let (succeeded, answer) = self.run("get", key.as_bytes()).await?;
        if !succeeded {
            let says = String::from_utf8_lossy(&answer);
            return if says.trim() == NOT_FOUND {
                Ok(Credentials::Anonymous)
            } else {
                Err(self.refusal("get", &answer))
            };
        }
        let entry: Entry = serde_json::from_slice(&answer)
            .map_err(|_| CredentialError::HelperAnswer { helper: self.program.clone() })?;
        let secret = entry.secret;
        Ok(match entry.username.as_str() {
            "" if secret.is_empty() => Credentials::Anonymous,
            TOKEN_USER => Credentials::IdentityToken(secret),
            _ => Credentials::Password { username: entry.username, password: secret },
        })
    }

    /// Keeps an account's password, or its identity token instead.
    pub(super) async fn store(&self, key: &str, credentials: &Credentials) -> Result<(), CredentialError> {
        let (username, secret) = match credentials {
            Credentials::Password { username, password } => (username.as_str(), password.expose()),
            Credentials::IdentityToken(token) => (TOKEN_USER, token.expose()),
            Credentials::Anonymous | Credentials::RegistryToken(_) => return Ok(()),
        };
        let entry = NewEntry { server_url: key, username, secret };
        let text = serde_json::to_vec(&entry).map(Zeroizing::new);
        let text = text.map_err(|_| CredentialError::HelperAnswer { helper: self.program.clone() })?;
        let (succeeded, answer) = self.run("store", &text).await?;
        if succeeded { Ok(()) } else { Err(self.refusal("store", &answer)) }
    }

    /// Forgets what is kept under `key`; whether there was something.
    pub(super) async fn erase(&self, key: &str) -> Result<bool, CredentialError> {
        let (succeeded, answer) = self.run("erase", key.as_bytes()).await?;
        if succeeded {
            return Ok(true);
        }
        let says = String::from_utf8_lossy(&answer);
        if says.trim() == NOT_FOUND { Ok(false) } else { Err(self.refusal("erase", &answer)) }
    }

    async fn run(
        &self,
        verb: &'static str,
        input: &[u8],
    ) -> Result<(bool, Zeroizing<Vec<u8>>), CredentialError> {
        let mut command = Command::new(&self.program);
        command
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if let Some(path) = self.search_path {
            command.env("PATH", path);
        }
        let failed = |source| CredentialError::HelperStart { helper: self.program.clone(), source };
        let mut child = command.spawn().map_err(failed)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let talk = async {
            let write = async {
                if let Some(mut stdin) = stdin {
                    // A helper that does not want to read has its reasons and says so with its status.
                    let _ = stdin.write_all(input).await;
                }
            };
            let read = async {
                let mut answer = Zeroizing::new(Vec::with_capacity(4096));
                match stdout {
                    Some(stdout) => {
                        stdout.take(MAX_ANSWER_BYTES + 1).read_to_end(&mut answer).await.map(|_| answer)
                    }
                    None => Ok(answer),
                }
            };
            let ((), answer) = tokio::join!(write, read);
            let answer = answer?;
            if answer.len() as u64 > MAX_ANSWER_BYTES {
                return Ok::<_, io::Error>(None);
            }
            Ok(Some((child.wait().await?.success(), answer)))
        };
        let late = |_| CredentialError::HelperTimeout { helper: self.program.clone(), after: self.deadline };
        let outcome = tokio::time::timeout(self.deadline, talk).await.map_err(late)?.map_err(failed)?;
        outcome.ok_or_else(|| CredentialError::HelperAnswer { helper: self.program.clone() })
    }

    fn refusal(&self, verb: &'static str, answer: &[u8]) -> CredentialError {
        let says = String::from_utf8_lossy(answer);
        let message = says.trim().lines().next().unwrap_or_default().chars().take(200).collect();
        CredentialError::HelperFailed { helper: self.program.clone(), verb, message }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: Secret,
}

#[derive(Serialize)]
struct NewEntry<'a> {
    #[serde(rename = "ServerURL")]
    server_url: &'a str,
    #[serde(rename = "Username")]
    username: &'a str,
    #[serde(rename = "Secret")]
    secret: &'a str,
}
