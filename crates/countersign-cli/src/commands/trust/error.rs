//! What `trust` refuses, in Docker's words where scripts may look for them.

use countersign_client::lookup::LookupError;
use countersign_client::publisher::PublisherError;
use countersign_client::updater::UpdateError;
use countersign_core::author::AuthorError;
use countersign_core::key::KeyId;
use countersign_core::name::Gun;
use thiserror::Error;

use crate::exit::ExitStatus;

/// Something that cannot be signed, or taken back, or asked for.
#[derive(Debug, Error)]
pub(crate) enum SigningError {
    /// A name without a tag where one is needed.
    #[error("no tag specified for {0}")]
    NoTag(String),
    /// A digest where a tag is needed.
    #[error("cannot use a digest reference for IMAGE:TAG")]
    Digest,
    /// A collection that nothing is known of.
    #[error("no signatures or cannot access {0}")]
    Inspect(String),
    /// A repository that nobody signed.
    #[error("{server} does not have trust data for {gun}")]
    NoTrustData {
        /// The trust server.
        server: String,
        /// The repository.
        gun: Gun,
    },
    /// A tag that nobody signed.
    #[error("No valid trust data for {}", tag.escape_default())]
    Unsigned {
        /// The tag.
        tag: String,
    },
    /// A role whose keys are not here.
    #[error("could not find necessary signing keys, at least one of these keys must be available: {}", keys.iter().map(KeyId::to_string).collect::<Vec<_>>().join(", "))]
    NoKeys {
        /// Canonical ids of its keys.
        keys: Vec<KeyId>,
    },
    /// A name that a key or a signer cannot have.
    #[error("{what} name \"{}\" must start with lowercase alphanumeric characters and can include \"-\" or \"_\" after the first character", name.escape_default())]
    Name {
        /// `key` or `signer`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// The name of a role, for a signer.
    #[error("{0} is a reserved keyword, use a different signer name")]
    Reserved(String),
    /// The name of the release role, for a signer who is to go.
    #[error("releases is a reserved keyword and cannot be removed")]
    Releases,
    /// No public key.
    #[error("path to a public key must be provided using the `--key` flag")]
    NoPublicKey,
    /// Nobody whose name the first signer could have.
    #[error("{domain} does not say who you are, so that the first signer has no name; nothing was signed")]
    Nobody {
        /// The registry.
        domain: String,
    },
    /// Some of several repositories.
    #[error("{what}: {}", repositories.join(", "))]
    Some {
        /// What could not be done with them.
        what: &'static str,
        /// The repositories, as they were typed.
        repositories: Vec<String>,
        /// The worst of what went wrong.
        worst: ExitStatus,
    },
}

impl SigningError {
    /// How the program ends, where that doesn't depend on the cause.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        match self {
            Self::NoTag(_)
            | Self::Digest
            | Self::Name { .. }
            | Self::Reserved(_)
            | Self::Releases
            | Self::NoPublicKey => Some(ExitStatus::Usage),
            Self::NoTrustData { .. } | Self::Unsigned { .. } => Some(ExitStatus::Untrusted),
            Self::Some { worst, .. } => Some(*worst),
            Self::Inspect(_) | Self::NoKeys { .. } | Self::Nobody { .. } => None,
        }
    }

    /// What may help.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoKeys { .. } => {
                "`countersign key list` shows the keys that are here; somebody who has one of these can do it, or make you a signer"
                    .to_owned()
            }
            Self::NoTrustData { .. } => "`countersign push` or `countersign trust sign` signs it for the first time".to_owned(),
            Self::Nobody { domain } => {
                format!("`--signer NAME` gives the first signer a name; or run `countersign login {domain}`")
            }
            Self::NoTag(_) => "a signature says what a tag means: NAME:TAG".to_owned(),
            _ => return None,
        })
    }
}

/// A publication that failed, in Docker's words where it has any.
pub(crate) fn of_publisher(error: PublisherError) -> anyhow::Error {
    match error {
        PublisherError::Update(UpdateError::NoTrustData { server, gun, .. }) => {
            SigningError::NoTrustData { server, gun }.into()
        }
        PublisherError::Lookup(LookupError::NotSigned { tag } | LookupError::OnlyElsewhere { tag, .. }) => {
            SigningError::Unsigned { tag: tag.as_str().to_owned() }.into()
        }
        PublisherError::Sign(AuthorError::MissingKeys { needed: 1, missing, .. }) => {
            SigningError::NoKeys { keys: missing }.into()
        }
        error => error.into(),
    }
}
