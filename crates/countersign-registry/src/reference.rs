//! Image references, as Docker reads them: `alpine` is `docker.io/library/alpine`.
//!
//! A reference is parsed once and is normalised from then on. Its full name is the collection's GUN.
//!
//! ```
//! use countersign_registry::reference::ImageReference;
//! let reference = ImageReference::parse("alpine:3.20")?;
//! assert_eq!(reference.to_string(), "docker.io/library/alpine:3.20");
//! assert_eq!(reference.familiar(), "alpine:3.20");
//! assert_eq!(reference.gun().as_str(), "docker.io/library/alpine");
//! # Ok::<(), countersign_registry::reference::ReferenceError>(())
//! ```

use std::fmt;
use std::str::FromStr;

use countersign_core::digest::{Digest, DigestError};
use countersign_core::name::Gun;
use thiserror::Error;

/// The domain of names that have none.
pub const DEFAULT_DOMAIN: &str = "docker.io";
/// The tag of references that have neither tag nor digest.
pub const DEFAULT_TAG: &str = "latest";

const LEGACY_DOMAIN: &str = "index.docker.io";
const OFFICIAL_PREFIX: &str = "library/";
/// Longest name with its domain, in bytes.
const MAX_NAME_BYTES: usize = 255;
/// Longest tag, in bytes.
const MAX_TAG_BYTES: usize = 128;

/// A normalised reference to an image: a domain, a path, and a tag, a digest, both or neither.
///
/// Deviation: Docker also takes a first segment that is neither domain nor path component (`my_host.x/app`) for a name
/// without a domain; here it is no reference. Docker bounds the path to 255 bytes, this type the whole name, because the
/// name is a GUN (test `long_names_are_refused_at_the_bound`).
///
/// Source: distribution/reference `normalize.go`, `regexp.go`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ImageReference {
    name: Gun,
    domain_bytes: usize,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl ImageReference {
    /// Parses a reference as a person types it.
    ///
    /// # Errors
    /// - [`ReferenceError::Uppercase`]: the path has an upper-case letter.
    /// - [`ReferenceError::Identifier`]: 64 hexadecimal digits, which name an image id and no repository.
    /// - [`ReferenceError::Long`]: the name is too long.
    /// - [`ReferenceError::Digest`]: what follows `@` is no digest.
    /// - [`ReferenceError::Format`]: anything else.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if is_identifier(text) {
            return Err(ReferenceError::Identifier(text.to_owned()));
        }
        let (domain, remainder) = split_domain(text);
        let (before_digest, digest) = match remainder.split_once('@') {
            Some((before, digest)) => (before, Some(digest)),
            None => (remainder.as_str(), None),
        };
        let (path, tag) = match before_digest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (before_digest, None),
        };
        if path.to_lowercase() != path {
            return Err(ReferenceError::Uppercase(path.to_owned()));
        }
        if !is_domain(&domain) || !is_path(path) || !tag.is_none_or(is_tag) {
            return Err(ReferenceError::Format);
        }
        let digest = digest.map(Digest::from_str).transpose().map_err(ReferenceError::Digest)?;
        if domain.len() + 1 + path.len() > MAX_NAME_BYTES {
            return Err(ReferenceError::Long);
        }
        let name = Gun::try_from(format!("{domain}/{path}")).map_err(|_| ReferenceError::Format)?;
        Ok(Self { name, domain_bytes: domain.len(), tag: tag.map(str::to_owned), digest })
    }

    /// The registry's domain with its port: `docker.io`, `localhost:5000`, `[::1]:5000`.
    pub fn domain(&self) -> &str {
        &self.name.as_str()[..self.domain_bytes]
    }

    /// The repository within its registry: `library/alpine`.
    pub fn path(&self) -> &str {
        &self.name.as_str()[self.domain_bytes + 1..]
    }

    /// The full name, `docker.io/library/alpine`, which names the trust collection.
    pub fn gun(&self) -> Gun {
        self.name.clone()
    }

    /// The full name as text, without tag and digest.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The name as a person writes it, `alpine`.
    ///
    /// Deviation: a short form that would be read as another repository (`docker.io/localhost/app`) stays long.
    pub fn familiar_name(&self) -> &str {
        if self.domain() != DEFAULT_DOMAIN {
            return self.name();
        }
        let path = self.path();
        let short = match path.strip_prefix(OFFICIAL_PREFIX) {
            Some(rest) if !rest.contains('/') => rest,
            _ => path,
        };
        let (domain, remainder) = split_domain(short);
        let reads_back = domain == DEFAULT_DOMAIN && remainder == path && !is_identifier(short);
        if reads_back { short } else { self.name() }
    }

    /// The reference as a person writes it, `alpine:3.20`.
    pub fn familiar(&self) -> String {
        self.with_suffix(self.familiar_name())
    }

    /// The tag, if it has one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if it has one.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same reference with this tag; a digest stays.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ReferenceError> {
        if !is_tag(tag) {
            return Err(ReferenceError::Tag(tag.to_owned()));
        }
        Ok(Self { tag: Some(tag.to_owned()), ..self.clone() })
    }

    /// The same reference with this digest; a tag stays.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// The same repository without tag and digest.
    #[must_use]
    pub fn without_suffix(&self) -> Self {
        Self { tag: None, digest: None, ..self.clone() }
    }

    /// Whether it has neither tag nor digest.
    pub fn is_name_only(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// The same reference, with the tag `latest` if it had neither tag nor digest.
    #[must_use]
    pub fn or_latest(self) -> Self {
        if self.is_name_only() { Self { tag: Some(DEFAULT_TAG.to_owned()), ..self } } else { self }
    }

    fn with_suffix(&self, name: &str) -> String {
        let mut text = name.to_owned();
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(&digest.to_string());
        }
        text
    }
}

impl FromStr for ImageReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_suffix(self.name()))
    }
}

/// Text that is no image reference; the words are Docker's.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ReferenceError {
    /// It does not follow the grammar.
    #[error("invalid reference format")]
    Format,
    /// The repository has an upper-case letter.
    #[error("invalid reference format: repository name ({}) must be lowercase", .0.escape_debug())]
    Uppercase(String),
    /// It is an image id.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    Identifier(String),
    /// The name is too long.
    #[error("repository name must not be more than {MAX_NAME_BYTES} characters")]
    Long,
    /// What follows `@` is no digest.
    #[error("invalid reference format")]
    Digest(#[source] DigestError),
    /// A tag given by itself breaks the grammar.
    #[error("invalid tag format: `{}`", .0.escape_debug())]
    Tag(String),
}

fn is_identifier(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Separates the domain and completes what Docker lets people leave out.
fn split_domain(text: &str) -> (String, String) {
    let (domain, remainder) = match text.split_once('/') {
        Some((first, rest)) if first == LEGACY_DOMAIN => (DEFAULT_DOMAIN, rest),
        Some((first, rest)) if first == "localhost" || first.contains(['.', ':']) => (first, rest),
        Some((first, rest)) if first.to_lowercase() != first => (first, rest),
        _ => (DEFAULT_DOMAIN, text),
    };
    let official = domain == DEFAULT_DOMAIN && !remainder.contains('/');
    let prefix = if official { OFFICIAL_PREFIX } else { "" };
    (domain.to_owned(), format!("{prefix}{remainder}"))
}

fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) => {
                let legal = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
                if address.is_empty() || !address.bytes().all(legal) {
                    return false;
                }
                (None, port)
            }
            None => return false,
        },
        None => match text.find(':') {
            Some(colon) => (Some(&text[..colon]), &text[colon..]),
            None => (Some(text), ""),
        },
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port_is_legal = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    port_is_legal && host.is_none_or(|host| host.split('.').all(is_domain_component))
}

fn is_domain_component(text: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

fn is_path(text: &str) -> bool {
    text.split('/').all(is_path_component)
}

/// Runs of lower-case letters and digits, held together by `.`, `_`, `__` or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut separator = String::new();
    let mut after_word = false;
    for byte in text.bytes() {
        if alphanumeric(byte) {
            let legal = match separator.as_str() {
                "" => true,
                "." | "_" | "__" => after_word,
                dashes => after_word && dashes.bytes().all(|byte| byte == b'-'),
            };
            if !legal {
                return false;
            }
            separator.clear();
            after_word = true;
        } else if matches!(byte, b'.' | b'_' | b'-') {
            separator.push(char::from(byte));
        } else {
            return false;
        }
    }
    after_word && separator.is_empty()
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = text.bytes();
    text.len() <= MAX_TAG_BYTES
        && bytes.next().is_some_and(word)
        && bytes.all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests;
