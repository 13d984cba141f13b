//! Which trust server a collection is on.

use countersign_core::name::Gun;
use thiserror::Error;
use url::Url;

/// The variable that names one trust server for every collection.
pub const VARIABLE: &str = "DOCKER_CONTENT_TRUST_SERVER";

/// Docker Hub's trust server.
pub const DOCKER_HUB: &str = "https://notary.docker.io";

/// The address of a trust server: `https`, a host, and perhaps a path before `/v2/`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrustServer(Url);

impl TrustServer {
    /// The server of `gun`: what the environment names, Docker Hub's for `docker.io`, else the registry's own host.
    ///
    /// `lookup` gives the value of an environment variable; an empty one counts as absent.
    ///
    /// # Errors
    /// [`TrustServerError`]: the named server is not an `https` URL.
    ///
    /// Source: docker/cli `cli/trust/trust.go` (`Server`).
    pub fn of(gun: &Gun, lookup: impl FnOnce(&str) -> Option<String>) -> Result<Self, TrustServerError> {
        if let Some(named) = lookup(VARIABLE).filter(|value| !value.is_empty()) {
            return named.parse();
        }
        let host = gun.as_str().split('/').next().unwrap_or_default();
        match host {
            "docker.io" => DOCKER_HUB.parse(),
            host => format!("https://{host}").parse(),
        }
    }

    /// Host and port, if the port isn't the usual one: as messages name the server.
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Whether this is Docker Hub's, which closes on 2026-12-08.
    pub fn is_docker_hub(&self) -> bool {
        self.0.as_str() == format!("{DOCKER_HUB}/")
    }

    /// The address of something below `/v2/` on this server.
    ///
    /// Deviation: Docker keeps a trailing slash, and then asks for `//v2/`, which no server answers; test
    /// `trailing_slash_is_no_part_of_the_address`.
    pub fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/v2/{path}", self.0.path().trim_end_matches('/')));
        url
    }
}

impl std::str::FromStr for TrustServer {
    type Err = TrustServerError;

    fn from_str(text: &str) -> Result<Self, TrustServerError> {
        let refused = || TrustServerError(redacted(text));
        let url = Url::parse(text).map_err(|_| refused())?;
        let is_bare = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if url.scheme() != "https" || url.host_str().is_none_or(str::is_empty) || !is_bare {
            return Err(refused());
        }
        Ok(Self(url))
    }
}

impl std::fmt::Display for TrustServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// Text that is no address of a trust server.
///
/// Source: docker/cli `cli/trust/trust.go` (the text).
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("valid https URL required for trust server, got {}", .0.escape_default())]
pub struct TrustServerError(String);

/// The text without what may be a user name and a password.
fn redacted(text: &str) -> String {
    match (text.find("://"), text.find('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => {
            format!("{}****{}", &text[..scheme + 3], &text[at..])
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(gun: &str, named: Option<&str>) -> Result<String, String> {
        let gun: Gun = gun.parse().expect("a GUN");
        TrustServer::of(&gun, |name| (name == VARIABLE).then(|| named.map(str::to_owned)).flatten())
            .map(|server| server.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn server_is_named_docker_hubs_or_the_registrys_own() {
        assert_eq!(server("docker.io/library/alpine", None).as_deref(), Ok("https://notary.docker.io"));
        assert_eq!(server("localhost:5000/a", None).as_deref(), Ok("https://localhost:5000"));
        assert_eq!(server("[::1]:5000/a", None).as_deref(), Ok("https://[::1]:5000"));
        assert_eq!(
            server("docker.io/a/b", Some("https://t.example/x")).as_deref(),
            Ok("https://t.example/x")
        );
        assert_eq!(server("r.example/a", Some("")).as_deref(), Ok("https://r.example"));
    }

    #[test]
    fn server_without_tls_is_refused_in_dockers_words() {
        for named in ["http://localhost:4443", "localhost:4443", "https://", "https://h/?q"] {
            let text = format!("valid https URL required for trust server, got {named}");
            assert_eq!(server("a/b", Some(named)), Err(text));
        }
        let refused = server("a/b", Some("https://me:secret@h")).expect_err("credentials are refused");
        assert!(!refused.contains("secret"), "{refused}");
    }

    #[test]
    fn trailing_slash_is_no_part_of_the_address() {
        for named in ["https://t.example/x/", "https://t.example/x"] {
            let server: TrustServer = named.parse().expect("an address");
            let url = server.join("a/b/_trust/tuf/root.json");
            assert_eq!(url.as_str(), "https://t.example/x/v2/a/b/_trust/tuf/root.json");
        }
    }
}
