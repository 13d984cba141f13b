//! Who we are to a registry, as a daemon is told.
//!
//! Source: docker/docker `api/types/registry/authconfig.go`, Engine API, "Authentication".

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use countersign_registry::credentials::{CredentialStore, Credentials, server_key};
use http::HeaderValue;
use serde::Serialize;
use zeroize::Zeroizing;

use super::daemon::Daemon;
use super::error::DaemonError;

/// The header.
pub(super) const X_REGISTRY_AUTH: &str = "x-registry-auth";

/// The value of `X-Registry-Auth` for a registry's domain: base64url of JSON, `{}` where there are no credentials.
///
/// # Errors
/// [`DaemonError::PlainCredentials`]: there are some, and others than the daemon would hear them.
pub(super) async fn registry_auth(
    daemon: &Daemon,
    store: &CredentialStore,
    domain: &str,
) -> Result<HeaderValue, DaemonError> {
    let key = server_key(domain);
    let credentials = store.lookup(key).await?;
    if !credentials.is_anonymous() && !daemon.keeps_secrets() {
        let (address, domain) = (daemon.address().clone(), domain.to_owned());
        return Err(DaemonError::PlainCredentials { address, domain });
    }
    let mut auth = AuthConfig::default();
    match &credentials {
        Credentials::Anonymous => {}
        Credentials::Password { username, password } => {
            auth = AuthConfig { username, password: password.expose(), ..auth };
        }
        Credentials::IdentityToken(token) => auth.identity_token = token.expose(),
        Credentials::RegistryToken(token) => auth.registry_token = token.expose(),
    }
    if !credentials.is_anonymous() {
        auth.server_address = key;
    }
    let json = Zeroizing::new(serde_json::to_vec(&auth).unwrap_or_default());
    let text = Zeroizing::new(URL_SAFE.encode(&*json));
    // The alphabet of base64 is that of headers.
    let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("e30="));
    value.set_sensitive(true);
    Ok(value)
}

#[derive(Default, Serialize)]
struct AuthConfig<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    username: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    password: &'a str,
    #[serde(rename = "serveraddress", skip_serializing_if = "str::is_empty")]
    server_address: &'a str,
    #[serde(rename = "identitytoken", skip_serializing_if = "str::is_empty")]
    identity_token: &'a str,
    #[serde(rename = "registrytoken", skip_serializing_if = "str::is_empty")]
    registry_token: &'a str,
}

#[cfg(test)]
mod tests {
    use countersign_registry::http::HttpConfig;

    use super::super::daemon::Deadlines;
    use super::super::endpoint::Address;
    use super::*;

    fn daemon(address: &str) -> Daemon {
        let address = Address::parse(address, None).expect("an address");
        let http =
            HttpConfig { insecure_hosts: ["named.example:2375".to_owned()].into(), ..HttpConfig::default() };
        Daemon::new(&address, http, None, Deadlines::default()).expect("a daemon")
    }

    async fn sent(config: &str, domain: &str) -> String {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("config.json"), config).expect("a file");
        let store = CredentialStore::new(dir.path());
        let value = registry_auth(&daemon(""), &store, domain).await.expect("a header");
        assert!(value.is_sensitive());
        let json = URL_SAFE.decode(value.as_bytes()).expect("base64url");
        String::from_utf8(json).expect("text")
    }

    #[tokio::test]
    async fn header_is_what_docker_sends() {
        // `me:pa>ss??`, which base64 and base64url write differently.
        let config = r#"{"auths":{
            "r.example":{"auth":"bWU6cGE+c3M/Pw=="},
            "https://index.docker.io/v1/":{"auth":"bWU6aHVi"},
            "t.example":{"auth":"MDAwOg==","identitytoken":"id-token"}}}"#;
        for (domain, expected) in [
            ("r.example", r#"{"username":"me","password":"pa>ss??","serveraddress":"r.example"}"#),
            (
                "docker.io",
                r#"{"username":"me","password":"hub","serveraddress":"https://index.docker.io/v1/"}"#,
            ),
            ("t.example", r#"{"serveraddress":"t.example","identitytoken":"id-token"}"#),
            ("other.example", "{}"),
        ] {
            assert_eq!(sent(config, domain).await, expected, "{domain}");
        }
    }

    #[tokio::test]
    async fn credentials_are_not_sent_in_plain_text() {
        let dir = tempfile::tempdir().expect("a directory");
        let config = r#"{"auths":{"r.example":{"auth":"bWU6c2VjcmV0"}}}"#;
        std::fs::write(dir.path().join("config.json"), config).expect("a file");
        let store = CredentialStore::new(dir.path());
        let tls = Some(super::super::endpoint::Tls::default());
        let secure = Address::parse("tcp://d.example:2376", tls).expect("an address");
        let secure =
            Daemon::new(&secure, HttpConfig::default(), None, Deadlines::default()).expect("a daemon");
        assert!(registry_auth(&secure, &store, "r.example").await.is_ok());
        for address in ["tcp://127.0.0.1:2375", "ssh://d.example", "unix:///d.sock", "tcp://named.example"] {
            assert!(registry_auth(&daemon(address), &store, "r.example").await.is_ok(), "{address}");
        }
        let plain = daemon("tcp://d.example:2375");
        let error = registry_auth(&plain, &store, "r.example").await.expect_err("in plain text");
        assert!(matches!(error, DaemonError::PlainCredentials { .. }), "{error:?}");
        assert!(registry_auth(&plain, &store, "other.example").await.is_ok(), "there is nothing to hide");
    }
}
