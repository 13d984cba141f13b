//! What is refused in Docker's words, which scripts look for.
//!
//! Source: docker/cli `cli/trust/trust.go` (`NotaryError`), `cli/command/image/trust.go`.

use std::fmt;

use countersign_client::lookup::LookupError;
use countersign_client::updater::UpdateError;
use countersign_core::digest::Digest;
use countersign_core::name::Gun;
use countersign_registry::reference::ImageReference;
use thiserror::Error;

use crate::policy::{Decision, Origin, Trust};

/// Something that was checked and is refused, or cannot be asked for.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    /// A repository that nobody signed.
    #[error("Error: remote trust data does not exist for {gun}: {server} does not have trust data for {gun}")]
    NoTrustData {
        /// The repository.
        gun: Gun,
        /// Its trust server.
        server: String,
        /// Whether there was trust data before.
        trusted_before: bool,
    },
    /// A tag that nobody signed, in a repository that somebody signs.
    #[error("No valid trust data for {}", tag.escape_default())]
    Unsigned {
        /// The tag.
        tag: String,
    },
    /// A tag that only a role signs from which images are not taken.
    #[error("No trust data for {}", tag.escape_default())]
    OnlyElsewhere {
        /// The tag.
        tag: String,
        /// Which role that is.
        source: LookupError,
    },
    /// A repository without any signed tag.
    #[error("No trusted tags for {gun}")]
    NoTrustedTags {
        /// The repository.
        gun: Gun,
    },
    /// A tag and a digest that contradict each other.
    #[error("the reference names {found}, `{}` is signed as {signed}", tag.escape_default())]
    OtherDigest {
        /// The tag.
        tag: String,
        /// What it is signed as.
        signed: Digest,
        /// What the reference names.
        found: Digest,
    },
    /// An image that a policy refuses, whoever signed it.
    #[error("`{gun}` is refused by {by}; nothing was pulled")]
    ByPolicy {
        /// The repository.
        gun: Gun,
        /// The line that refuses it.
        by: Origin,
    },
    /// A mirror that cannot have an image of this name.
    #[error("the mirror `{name}`, named by {by}, is no repository; nothing was pulled")]
    Mirror {
        /// What the repository would be called there.
        name: String,
        /// The line that names the mirror.
        by: Origin,
    },
    /// All tags, and one of them.
    #[error("tag can't be used with --all-tags/-a")]
    TagWithAll,
    /// A question about something that needs no trust data.
    #[error("a digest says by itself which image is meant; name a tag")]
    NoTag,
    /// Another engine than Docker's, and a daemon of Docker's.
    #[error("`--host` and `--context` name a daemon, which only the engine `docker` has")]
    DaemonOfOtherEngine,
    /// A variable that names no engine.
    #[error("`COUNTERSIGN_ENGINE` is `{}`, which is none of docker, podman and local", value.escape_debug())]
    EngineVariable {
        /// Its value.
        value: String,
    },
    /// A push of something that has no tag which could be signed.
    #[error("cannot push a digest reference")]
    PushDigest,
}

impl Refusal {
    /// Whether its line is Docker's to the letter.
    pub(crate) fn is_dockers(&self) -> bool {
        matches!(
            self,
            Self::NoTrustData { .. }
                | Self::Unsigned { .. }
                | Self::OnlyElsewhere { .. }
                | Self::NoTrustedTags { .. }
        )
    }

    /// Whether it is the command line that can't be.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::TagWithAll
                | Self::NoTag
                | Self::PushDigest
                | Self::DaemonOfOtherEngine
                | Self::EngineVariable { .. }
        )
    }
}

/// What could not be verified; the context of why.
#[derive(Debug)]
pub(crate) struct Unverified {
    /// The repository.
    pub(crate) gun: Gun,
    familiar: String,
}

impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot verify `{}`", self.familiar)
    }
}

/// Whether a policy refuses a collection, signed or not.
pub(crate) fn by_policy(decision: &Decision) -> Result<(), Refusal> {
    match decision.trust.value {
        Trust::Refused => Err(Refusal::ByPolicy { gun: decision.gun.clone(), by: decision.trust.by.clone() }),
        Trust::Optional | Trust::Required => Ok(()),
    }
}

/// An update that failed, for one image.
pub(crate) fn of_update(error: UpdateError, image: &ImageReference) -> anyhow::Error {
    match error {
        UpdateError::NoTrustData { server, gun, trusted_before } => {
            Refusal::NoTrustData { gun, server, trusted_before }.into()
        }
        error => {
            let unverified = Unverified { gun: image.gun(), familiar: image.familiar() };
            anyhow::Error::new(error).context(unverified)
        }
    }
}

/// A tag that the collection does not resolve.
pub(crate) fn of_lookup(error: LookupError, tag: &str) -> anyhow::Error {
    let tag = tag.to_owned();
    match error {
        LookupError::NotSigned { .. } => Refusal::Unsigned { tag }.into(),
        LookupError::OnlyElsewhere { .. } => Refusal::OnlyElsewhere { tag, source: error }.into(),
        error => error.into(),
    }
}
