//! Who we are to a registry, as a daemon is told.
//!
//! Source: docker/docker `api/types/registry/authconfig.go`, Engine API, "Authentication".

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use countersign_registry::credentials::{CredentialStore, Credentials, server_key};
use http::HeaderValue;
use serde::Serialize;
use zeroize::Zeroizing;

use super::error::DaemonError;

/// The header.
pub(super) const X_REGISTRY_AUTH: &str = "x-registry-auth";

/// The value of `X-Registry-Auth` for a registry's domain: base64url of JSON, `{}` where there are no credentials.
pub(super) async fn registry_auth(store: &CredentialStore, domain: &str) -> Result<HeaderValue, DaemonError> {
    let key = server_key(domain);
    let credentials = store.lookup(key).await?;
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
    use super::*;

    async fn sent(config: &str, domain: &str) -> String {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("config.json"), config).expect("a file");
        let store = CredentialStore::new(dir.path());
        let value = registry_auth(&store, domain).await.expect("a header");
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
}
