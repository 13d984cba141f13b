//! Why a command ends with 1, in Notary's words where it has some.

use std::error::Error;
use std::fmt::Display;
use std::io;

use countersign_client::changelist::ChangeListError;
use countersign_client::keystore::KeyStoreError;
use countersign_client::passphrase::PassphraseError;
use countersign_client::publisher::PublisherError;
use countersign_client::remote::{FetchError, PublishError};
use countersign_client::updater::UpdateError;
use countersign_core::author::AuthorError;
use countersign_core::key::KeyId;
use countersign_core::signature::SignatureError;
use countersign_core::time::DateTime;
use countersign_core::trust::TrustError;

use super::log;
use crate::report::one_line;

/// The end of a command: what stands behind `* fatal: `.
#[derive(Debug)]
pub(super) struct Fatal {
    /// The line.
    pub(super) text: String,
    /// Whether how the command is called is shown before it.
    pub(super) with_usage: bool,
}

/// What a command comes to.
pub(super) type Outcome<T = ()> = Result<T, Fatal>;

const PATH: &str = "could not validate the path to a trusted root: ";

impl Fatal {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), with_usage: false }
    }

    /// A command that was called wrongly.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self { text: text.into(), with_usage: true }
    }

    /// A file that could not be opened or read, as Go says it.
    pub(super) fn file(verb: &str, path: impl Display, error: &io::Error) -> Self {
        Self::new(format!("{verb} {path}: {}", reason(error)))
    }

    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        Self::new(one_line(error))
    }
}

/// What the system says, in lower case, as Go has it.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    }
}

impl From<anyhow::Error> for Fatal {
    fn from(error: anyhow::Error) -> Self {
        Self::of(error.as_ref())
    }
}

impl From<io::Error> for Fatal {
    fn from(error: io::Error) -> Self {
        Self::of(&error)
    }
}

impl From<ChangeListError> for Fatal {
    fn from(error: ChangeListError) -> Self {
        Self::of(&error)
    }
}

impl From<UpdateError> for Fatal {
    fn from(error: UpdateError) -> Self {
        match &error {
            UpdateError::NoTrustData { server, gun, .. } => {
                Self::new(format!("{server} does not have trust data for {gun}"))
            }
            UpdateError::Fetch { file, source: FetchError::NotFound { .. } } => {
                unavailable(file.to_string().trim_end_matches(".json"))
            }
            UpdateError::Unreachable { source, .. } | UpdateError::Fetch { source, .. } => source.into(),
            UpdateError::Untrusted(error) => error.into(),
            UpdateError::FirstUse { .. } => Self::new(format!("{PATH}invalid trust pinning specified")),
            error => Self::of(error),
        }
    }
}

impl From<&FetchError> for Fatal {
    fn from(error: &FetchError) -> Self {
        match error {
            FetchError::Offline { server, source } | FetchError::Connection { server, source } => {
                log::error(&format!("could not reach https://{server}: {}", one_line(&**source)));
                Self::new("client is offline")
            }
            FetchError::Status { status, .. } => {
                Self::new(format!("unable to reach trust server at this time: {status}."))
            }
            FetchError::Unauthorized { .. } => not_authorized(401),
            FetchError::Forbidden { .. } => not_authorized(403),
            error => Self::of(error),
        }
    }
}

/// Something that the server does not have.
pub(super) fn unavailable(what: &str) -> Fatal {
    Fatal::new(format!("{what} trust data unavailable.  Has a notary repository been initialized?"))
}

fn not_authorized(status: u16) -> Fatal {
    Fatal::new(format!("you are not authorized to perform this operation: server returned {status}."))
}

impl From<&TrustError> for Fatal {
    fn from(error: &TrustError) -> Self {
        Self::new(match error {
            TrustError::Expired { role, expires, .. } => {
                format!("{role} expired at {}", as_go_prints(*expires))
            }
            TrustError::Rollback { offered, trusted, .. } => {
                format!("version {offered} is lower than current version {trusted}")
            }
            TrustError::Signature { source: SignatureError::None, .. } => {
                "tuf: data has no signatures".to_owned()
            }
            TrustError::Signature { role, source: SignatureError::Threshold { .. } } => {
                format!("valid signatures did not meet threshold for {role}")
            }
            TrustError::Rotation { .. } => {
                "could not rotate trust to a new trusted root: failed to validate data with current trusted \
                 certificates"
                    .to_owned()
            }
            TrustError::Pin { .. } => {
                format!("{PATH}unable to match any certificates to trust_pinning config")
            }
            TrustError::NoPin(_) => format!("{PATH}invalid trust pinning specified"),
            TrustError::NoLeaf { .. } => format!("{PATH}unable to retrieve valid leaf certificates"),
            error => one_line(error),
        })
    }
}

/// `Mon Nov 23 00:34:07 UTC 2026`.
fn as_go_prints(time: DateTime) -> String {
    let seconds = i64::try_from(time.unix_nanoseconds() / 1_000_000_000).unwrap_or_default();
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%a %b %e %H:%M:%S UTC %Y").to_string(),
        Err(_) => time.to_string(),
    }
}

impl From<PublisherError> for Fatal {
    fn from(error: PublisherError) -> Self {
        match error {
            PublisherError::Update(error) => error.into(),
            PublisherError::Keys(error) => error.into(),
            PublisherError::NoCollection(gun) => {
                Self::new(format!("trust server does not have trust data for {gun}"))
            }
            PublisherError::ServerKey { role, source: FetchError::NotFound { .. } } => {
                unavailable(&format!("{role} key"))
            }
            PublisherError::ServerKey { source, .. } | PublisherError::Delete(source) => (&source).into(),
            PublisherError::Upload(PublishError::Rejected { message, .. }) => Self::new(message),
            PublisherError::Upload(PublishError::Refused { .. } | PublishError::Conflict { .. })
            | PublisherError::Conflict { .. } => Self::new("trust server rejected operation."),
            PublisherError::Upload(PublishError::Fetch(FetchError::NotFound { .. })) => {
                unavailable("POST metadata endpoint")
            }
            PublisherError::Upload(PublishError::Fetch(error)) => (&error).into(),
            PublisherError::Sign(AuthorError::MissingKeys { needed, found, missing, .. }) => {
                missing_keys(needed, found, &missing)
            }
            PublisherError::NoRootKeys { needed, missing } => missing_keys(needed, 0, &missing),
            PublisherError::Change { source, .. } => source.into(),
            error => Self::of(&error),
        }
    }
}

fn missing_keys(needed: usize, found: usize, missing: &[KeyId]) -> Fatal {
    let count = missing.len();
    let ids: Vec<_> = missing.iter().map(KeyId::to_string).collect();
    Fatal::new(match found {
        0 if needed == 1 => format!(
            "could not find necessary signing keys, at least one of these keys must be available: {}",
            ids.join(", ")
        ),
        0 => format!(
            "signing keys not available: need {needed} keys from {count} possible keys ({})",
            ids.join(", ")
        ),
        _ => format!(
            "not enough signing keys: found {found} of {needed} needed keys - {count} other possible keys ({})",
            ids.join(", ")
        ),
    })
}

impl From<AuthorError> for Fatal {
    fn from(error: AuthorError) -> Self {
        match &error {
            AuthorError::UnknownRole(role) => {
                Self::new(format!("tuf: invalid role {role}. delegation does not exist"))
            }
            AuthorError::NotTargets(role) => {
                Self::new(format!("tuf: invalid role {role}. cannot add targets to this role"))
            }
            AuthorError::OutsidePaths { role, .. } => {
                log::error(&format!("couldn't add target to {role}: {}", one_line(&error)));
                Self::new("Could not add all targets")
            }
            error => Self::of(error),
        }
    }
}

impl From<KeyStoreError> for Fatal {
    fn from(error: KeyStoreError) -> Self {
        match &error {
            KeyStoreError::NotFound { id } => Self::new(format!("signing key not found: {id}")),
            KeyStoreError::OtherRole { .. } => {
                Self::new(format!("Error importing key: {}", one_line(&error)))
            }
            KeyStoreError::Passphrase(error) => passphrase(error),
            error => Self::of(error),
        }
    }
}

/// Deviation: Notary takes a variable of any length for a new key; `short_variable_makes_no_key`.
pub(super) fn passphrase(error: &PassphraseError) -> Fatal {
    match error {
        PassphraseError::WrongVariable { variable, .. } => {
            log::error(&format!("the variable {variable} does not open the key"));
            Fatal::new("password invalid, operation has failed.")
        }
        PassphraseError::EndOfInput { .. }
        | PassphraseError::Wrong { .. }
        | PassphraseError::FileEndOfInput { .. }
        | PassphraseError::FileWrong { .. } => Fatal::new("password invalid, operation has failed."),
        error => Fatal::of(error),
    }
}
