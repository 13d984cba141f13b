//! What the system's policy requires, whatever variables and flags say.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use countersign_core::trust::TrustPinning;
use countersign_registry::reference::ImageReference;
use thiserror::Error;

use super::line::Line;
use super::mount::ImageMount;
use super::verbs::Covered;
use super::{Kind, named};
use crate::policy::{Origin, Policy, PolicyError};

/// A policy of the system's that requires trust for some image.
#[derive(Clone, Debug)]
pub(super) struct Required {
    policy: Policy,
    first: Origin,
}

/// Somebody switched trust off where it cannot be.
#[derive(Debug, Error)]
#[error("`--disable-content-trust` does not switch off what {0} requires; nothing was done")]
pub(super) struct SwitchedOff(pub(super) Origin);

impl Required {
    /// What the policy at `path` requires; `None` where there is none, or none that requires or refuses anything.
    ///
    /// # Errors
    /// It cannot be followed. Nobody knows then what it requires.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, PolicyError> {
        if matches!(fs::exists(path), Ok(false)) {
            return Ok(None);
        }
        let policy = Policy::of_system_with(path, TrustPinning::default())?;
        let first = policy.first_requirement();
        Ok(first.map(|first| Self { policy, first }))
    }

    /// A line that requires something, of whichever image.
    pub(super) fn first(&self) -> &Origin {
        &self.first
    }

    /// The line that requires trust for this image.
    pub(super) fn of(&self, image: &ImageReference) -> Option<Origin> {
        self.policy.requirement(&image.gun())
    }

    /// The line that requires trust for an image of this command. A push brings in none; what a build brings in, its line does
    /// not say.
    pub(super) fn by(&self, kind: Kind, covered: Covered, line: &Line, args: &[OsString]) -> Option<Origin> {
        let word = |index: usize| line.words.get(index).map(|at| args[*at].as_os_str());
        let words = match covered {
            Covered::Push | Covered::PluginPush => Vec::new(),
            Covered::Build => return Some(self.first.clone()),
            Covered::Pull => line.words.iter().map(|at| args[*at].as_os_str()).collect(),
            Covered::Run | Covered::Create | Covered::ServiceCreate | Covered::PluginInstall => {
                word(0).into_iter().collect()
            }
            Covered::ServiceUpdate => {
                line.last("image").and_then(|flag| flag.value.as_deref()).into_iter().collect()
            }
            // Without the second word it is what the plugin was installed from.
            Covered::PluginUpgrade => match word(1) {
                Some(remote) => vec![remote],
                None => return Some(self.first.clone()),
            },
        };
        let mounts = line.flags.iter().filter(|flag| flag.name == "mount" || flag.name == "mount-add");
        let mut images = Vec::new();
        for mount in mounts {
            match ImageMount::of(mount) {
                Ok(mount) => images.extend(mount.map(|mount| mount.image().to_owned())),
                Err(_) => return Some(self.first.clone()),
            }
        }
        // What is no name at all the engine refuses by itself.
        images.extend(words.into_iter().filter_map(|word| word.to_str()).map(str::to_owned));
        images.iter().find_map(|word| {
            match named(kind, word.strip_prefix("docker://").unwrap_or(word)) {
                Ok(image) => self.of(&image),
                // A short name that podman's configuration does not complete could be any image.
                Err(_) if kind == Kind::Podman => Some(self.first.clone()),
                Err(_) => None,
            }
        })
    }
}
