//! Which exit code an error means. "Could not check" is never "checked, and not trusted".

use std::error::Error;

use countersign_client::lookup::LookupError;
use countersign_client::tuf::{TufError, TufRepositoryError, TufTargetError};
use countersign_client::updater::UpdateError;
use countersign_core::trust::TrustError;
use countersign_engine::EngineError;
use countersign_engine::docker::DaemonError;
use countersign_engine::podman::PodmanError;
use countersign_registry::client::RegistryError;
use countersign_registry::reference::ReferenceError;
use countersign_registry::transfer::TransferError;

use crate::commands::trust::{RepinRefusal, SigningError};
use crate::exit::ExitStatus;
use crate::refusal::Refusal;

/// What this link of a chain of errors says of the outcome, if it says anything.
pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<ExitStatus> {
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return Some(match refusal {
            refusal if refusal.is_usage() => ExitStatus::Usage,
            Refusal::Mirror { .. } => ExitStatus::Failure,
            _ => ExitStatus::Untrusted,
        });
    }
    if let Some(error) = error.downcast_ref::<SigningError>() {
        return error.status();
    }
    if let Some(RepinRefusal::OtherKey { .. }) = error.downcast_ref::<RepinRefusal>() {
        return Some(ExitStatus::Untrusted);
    }
    if let Some(error) = error.downcast_ref::<UpdateError>() {
        return Some(if error.is_untrusted() { ExitStatus::Untrusted } else { ExitStatus::Failure });
    }
    if let Some(error) = error.downcast_ref::<TufError>() {
        return Some(if error.is_untrusted() { ExitStatus::Untrusted } else { ExitStatus::Failure });
    }
    if let Some(error) = error.downcast_ref::<TufTargetError>() {
        return Some(if error.is_untrusted() { ExitStatus::Untrusted } else { ExitStatus::Failure });
    }
    if error.is::<LookupError>() || error.is::<TrustError>() {
        return Some(ExitStatus::Untrusted);
    }
    if error.is::<ReferenceError>() || error.is::<TufRepositoryError>() {
        return Some(ExitStatus::Usage);
    }
    let is_refused = match error.downcast_ref::<EngineError>() {
        Some(EngineError::Transfer(error)) => is_refused_transfer(error),
        Some(
            EngineError::Daemon(DaemonError::OtherDigest { .. })
            | EngineError::Podman(PodmanError::OtherDigest { .. }),
        ) => true,
        Some(_) => false,
        None => error.downcast_ref::<TransferError>().is_some_and(is_refused_transfer),
    };
    is_refused.then_some(ExitStatus::Untrusted)
}

/// Whether an image came, and is not the one that was signed.
fn is_refused_transfer(error: &TransferError) -> bool {
    match error {
        TransferError::Registry(error) => is_refused_answer(error),
        TransferError::Foreign { .. } | TransferError::Contradiction { .. } => true,
        _ => false,
    }
}

fn is_refused_answer(error: &RegistryError) -> bool {
    matches!(
        error,
        RegistryError::Digest { .. } | RegistryError::Size { .. } | RegistryError::Manifest { .. }
    )
}
