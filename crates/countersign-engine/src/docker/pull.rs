//! Pulls by a daemon.

use countersign_core::digest::Digest;
use countersign_registry::descriptor::Platform;

use super::DockerEngine;
use super::auth::{X_REGISTRY_AUTH, registry_auth};
use super::daemon::Call;
use super::error::DaemonError;
use crate::engine::Pulled;
use crate::output::Output;
use crate::pinned::Pinned;

impl DockerEngine {
    /// Has the daemon pull by digest, and confirm that it has that image then.
    pub(super) async fn pull_by_daemon(
        &self,
        image: &Pinned,
        platform: Option<&Platform>,
        output: &dyn Output,
    ) -> Result<Pulled, DaemonError> {
        let reference = image.reference();
        let auth = registry_auth(&self.daemon, &self.credentials, reference.domain()).await?;
        let hello = self.daemon.hello().await?;
        let was_here = self.confirm(image).await?.is_some();
        let mut call = Call::post(&["images", "create"])
            .with("fromImage", reference.name())
            .with("tag", image.digest().to_string())
            .header(X_REGISTRY_AUTH, auth);
        if let Some(platform) = platform {
            call = call.with("platform", platform.to_string());
        }
        if hello.is_podman {
            output.line(&format!("{}: Pulling from {}", image.familiar(), reference.path()));
        }
        let mut messages = self.daemon.messages(call).await?;
        while let Some(message) = messages.next().await? {
            let said = message.status.strip_prefix("Digest: ").and_then(|digest| digest.parse().ok());
            if let Some(said) = said.filter(|said| said != image.digest()) {
                return Err(other(image, vec![said]));
            }
            message.show(output);
        }
        let found = self.inspect(reference).await?;
        let digests = found.map(|found| found.digests).unwrap_or_default();
        if !digests.contains(image.digest()) {
            return Err(other(image, digests));
        }
        if hello.is_podman {
            output.line(&format!("Digest: {}", image.digest()));
            output.line(&image.status_line(was_here));
        }
        Ok(Pulled { digest: *image.digest(), was_here })
    }
}

fn other(image: &Pinned, found: Vec<Digest>) -> DaemonError {
    DaemonError::OtherDigest { wanted: image.familiar(), found }
}
