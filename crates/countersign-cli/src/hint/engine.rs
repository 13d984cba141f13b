//! What may help with engines.

use std::error::Error;
use std::io;

use countersign_engine::docker::{Address, DaemonError, EndpointError};
use countersign_engine::podman::PodmanError;

/// What may help with a daemon.
pub(super) fn daemon(error: &DaemonError) -> Option<String> {
    if let DaemonError::PlainCredentials { address: Address::Tcp(tcp), .. } = error {
        return Some(format!(
            "reach it by TLS or ssh; `insecure_registries = [\"{}\"]` in the policy allows it in plain text",
            tcp.authority
        ));
    }
    let text = match error {
        DaemonError::Connect { source, .. } if is_forbidden(&**source) => {
            "this user may not use the daemon's socket; `--engine local` needs no daemon"
        }
        DaemonError::Connect { .. } | DaemonError::Silent { .. } => {
            "`countersign doctor` says which engine is used and why; `--engine local` needs no daemon"
        }
        DaemonError::Endpoint(EndpointError::NoContext { .. }) => {
            "`docker context ls` shows the contexts that there are"
        }
        DaemonError::Failed { message } if message.starts_with("Cannot overwrite digest") => {
            "a daemon of this kind keeps one platform of an image; remove the one that is there first"
        }
        DaemonError::OtherDigest { .. } => {
            "the daemon may be of a kind that does not keep digests, or somebody changes its answers; nothing was tagged"
        }
        DaemonError::NoDigest(_)
        | DaemonError::SecondDigest { .. }
        | DaemonError::OtherTag { .. }
        | DaemonError::OtherImage { .. } => {
            "another image may have got this tag while it was pushed; push again, or with `countersign push --engine local`"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// What may help with podman's program.
pub(super) fn podman(error: &PodmanError) -> Option<String> {
    match error {
        PodmanError::Failed { message, .. } if message.contains("HTTP response to HTTPS client") => Some(
            "podman speaks plain HTTP only with registries that its `registries.conf` calls `insecure`"
                .to_owned(),
        ),
        _ => None,
    }
}

fn is_forbidden(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}
