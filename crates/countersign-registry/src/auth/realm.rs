//! Which token services may see credentials.

use url::Url;

use crate::http::{is_loopback, origin};

/// Which realms may see the credentials of a session, besides the rule that holds for all: TLS, this machine excepted.
#[derive(Clone, Debug)]
pub struct Realms(Rule);

#[derive(Clone, Debug)]
enum Rule {
    Named,
    Guarded { realms: Vec<Url>, registry: Option<Url> },
}

impl Realms {
    /// Whatever the host names in its own challenge. For a registry and the credentials that were stored for it.
    pub fn named_by_host() -> Self {
        Self(Rule::Named)
    }

    /// Only realms on the host itself, and what is added. For a trust server, which uses a registry's credentials.
    pub fn guarded() -> Self {
        Self(Rule::Guarded { realms: Vec::new(), registry: None })
    }

    /// Adds a realm that the policy names.
    #[must_use]
    pub fn and_realm(mut self, realm: Url) -> Self {
        if let Rule::Guarded { realms, .. } = &mut self.0 {
            realms.push(realm);
        }
        self
    }

    /// Adds whatever the registry at `base` names in its own challenge; it is asked when that matters.
    #[must_use]
    pub fn and_registry(mut self, base: Url) -> Self {
        if let Rule::Guarded { registry, .. } = &mut self.0 {
            *registry = Some(base);
        }
        self
    }

    /// Whether credentials may go from `host` to `realm`, as far as that can be said without asking anyone.
    pub(super) fn allow(&self, host: &Url, realm: &Url) -> bool {
        match &self.0 {
            Rule::Named => true,
            Rule::Guarded { realms, .. } => {
                same_origin(host, realm) || realms.iter().any(|allowed| is_same_realm(allowed, realm))
            }
        }
    }

    /// The registry whose own realms are allowed too.
    pub(super) fn registry(&self) -> Option<&Url> {
        match &self.0 {
            Rule::Named => None,
            Rule::Guarded { registry, .. } => registry.as_ref(),
        }
    }
}

/// Whether two URLs have scheme, host and port in common.
pub(super) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme() && origin(one) == origin(other)
}

/// Whether two URLs name the same token service; the query is no part of its name.
pub(super) fn is_same_realm(one: &Url, other: &Url) -> bool {
    same_origin(one, other) && one.path() == other.path()
}

/// Whether secrets may be sent to a URL at all.
pub(super) fn is_confidential(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn guarded_realms_are_the_hosts_own_and_those_named() {
        let trust = url("https://trust.example/");
        let realms = Realms::guarded().and_realm(url("https://auth.example/token"));
        for allowed in
            ["https://trust.example/auth", "https://auth.example/token", "https://auth.example/token?a=b"]
        {
            assert!(realms.allow(&trust, &url(allowed)), "{allowed}");
        }
        for refused in [
            "https://auth.example/other",
            "http://auth.example/token",
            "https://auth.example:8443/token",
            "https://trust.example:8443/auth",
            "https://evil.example/token",
        ] {
            assert!(!realms.allow(&trust, &url(refused)), "{refused}");
        }
        assert!(Realms::named_by_host().allow(&trust, &url("https://evil.example/token")));
    }

    #[test]
    fn secrets_need_tls_or_this_machine() {
        assert!(
            is_confidential(&url("https://r.example/")) && is_confidential(&url("http://127.0.0.1:5000/"))
        );
        assert!(!is_confidential(&url("http://r.example/")) && !is_confidential(&url("ftp://localhost/")));
    }
}
