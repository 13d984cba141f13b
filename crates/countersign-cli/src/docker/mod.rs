//! The face of Docker, and of podman: their command line, with trust enforced.
//!
//! Started as `docker` or `podman`, this program is a shim. With trust off it becomes the real one at once. With trust on it finds
//! every image that a command would start, looks up what its publisher signed, puts the digest in its place, and hands the rest
//! over as it was.

mod build;
mod call;
mod container;
mod daemon;
pub(crate) mod flags;
mod images;
mod job;
mod learn;
mod line;
mod mount;
pub(crate) mod own;
pub(crate) mod plugin;
mod program;
mod prompt;
mod publish;
mod pull;
pub(crate) mod real;
mod required;
mod short_names;
mod swarm;
pub(crate) mod switch;
mod unsigned;
mod verbs;
mod words;

use countersign_registry::reference::{ImageReference, ReferenceError};

pub(crate) use self::call::Call;
use self::job::Job;
use self::line::{Flags, Order};
pub(crate) use self::prompt::DockerTerminal;
use self::verbs::Covered;
pub(crate) use self::verbs::Kind;

/// How the command line of a command is read.
fn reading(kind: Kind, covered: Covered) -> (Flags, Order) {
    let flags = match (kind, covered) {
        (Kind::Docker, Covered::Run | Covered::Create) => flags::DOCKER_CONTAINER,
        (Kind::Docker, Covered::Build) => flags::DOCKER_BUILD,
        (Kind::Docker, Covered::Pull | Covered::Push) => flags::DOCKER_TRANSFER,
        (_, Covered::ServiceCreate) => flags::SERVICE_CREATE,
        (_, Covered::ServiceUpdate) => flags::SERVICE_UPDATE,
        (_, Covered::PluginInstall | Covered::PluginUpgrade | Covered::PluginPush) => flags::DOCKER_PLUGIN,
        (Kind::Podman, Covered::Run | Covered::Create) => flags::PODMAN_CONTAINER,
        (Kind::Podman, Covered::Build) => flags::PODMAN_BUILD,
        (Kind::Podman, Covered::Pull) => flags::PODMAN_PULL,
        (Kind::Podman, Covered::Push) => flags::PODMAN_PUSH,
    };
    let belongs_to_a_container = matches!(covered, Covered::Run | Covered::Create | Covered::ServiceCreate);
    (flags, if belongs_to_a_container { Order::FlagsFirst } else { Order::Mixed })
}

/// A word that names an image, as the engine would understand it.
fn named(kind: Kind, word: &str) -> anyhow::Result<ImageReference> {
    Ok(match kind {
        Kind::Docker => reference(word)?,
        Kind::Podman => short_names::reference(word)?,
    })
}

/// A word that names an image, as Docker understands it.
fn reference(word: &str) -> Result<ImageReference, ReferenceError> {
    ImageReference::parse(word)
}
