//! Scopes: what a token is good for.

use std::fmt;

/// What a token is good for, such as `repository:library/alpine:pull`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Scope(String);

impl Scope {
    /// Actions on a repository, comma-separated as they go on the wire: `pull`, `push,pull`, `*`.
    ///
    /// For a registry `repository` is the path, for a trust server the whole GUN.
    pub fn repository(repository: &str, actions: &str) -> Self {
        Self(format!("repository:{repository}:{actions}"))
    }

    /// The whole catalogue of a registry or a trust server.
    pub fn catalog() -> Self {
        Self("registry:catalog:*".to_owned())
    }

    /// A scope as a host named it.
    pub(super) fn named(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The scope as it goes on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
