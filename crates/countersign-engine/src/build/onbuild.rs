//! Triggers in the configuration of a base image, which run in the build that uses it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use countersign_registry::client::RegistryError;
use countersign_registry::descriptor::{Descriptor, Platform};
use countersign_registry::manifest::Content;
use countersign_registry::transfer::BlobWriter;
use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::dockerfile::{Instruction, Keyword, next_instruction};
use super::error::{BuildRefusal, DockerfileProblem, Reason, RefusalPlace, quoted};
use super::flags::name_and_value;
use super::text::Lines;
use crate::pinned::Pinned;
use crate::registries::Registries;

/// Largest image configuration, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 4 << 20;
/// Most images of one index that are looked at.
const MAX_IMAGES: usize = 64;

/// A base image that could not be looked at, or that brings in others.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OnbuildError {
    /// A trigger is refused.
    #[error(transparent)]
    Refused(#[from] BuildRefusal),
    /// The registry did not give the configuration.
    #[error("the triggers of base image {image} could not be read, so the build was not started")]
    Registry {
        /// The image.
        image: String,
        /// Why.
        source: RegistryError,
    },
    /// It is no configuration.
    #[error("the configuration of base image {image} is not that of an image, so the build was not started")]
    Config {
        /// The image.
        image: String,
        /// Why.
        source: serde_json::Error,
    },
    /// There is too much of it.
    #[error("base image {image} has {what}, so its triggers were not read and the build was not started")]
    Large {
        /// The image.
        image: String,
        /// What is too much.
        what: &'static str,
    },
}

/// Looks at the triggers of `image`, and refuses those that bring in another image.
///
/// The image is read by its digest. Of an index, the images that may run on one of `platforms` are looked at; all of them
/// when there are none. `stages` are the names of the build stages that come before the one that uses the image.
///
/// # Errors
/// - [`OnbuildError::Refused`]: a trigger brings in an image.
/// - [`OnbuildError::Registry`], [`OnbuildError::Config`], [`OnbuildError::Large`]: it can't be told.
pub async fn verify_base(
    registries: &Arc<dyn Registries>,
    image: &Pinned,
    platforms: &[Platform],
    stages: &[String],
) -> Result<(), OnbuildError> {
    let name = image.familiar();
    let failed = |source| OnbuildError::Registry { image: name.clone(), source };
    let reference = image.reference();
    let repository = registries.registry(reference.domain()).map_err(failed)?.repository(reference.path());
    let manifest = repository.manifest(image.digest()).await.map_err(failed)?;
    let configs = match manifest.content() {
        Content::Image(manifest) => vec![manifest.config.clone()],
        Content::Index(index) => {
            let entries: Vec<_> = index
                .manifests
                .iter()
                .filter(|entry| may_run(entry, platforms))
                .map(|entry| entry.digest)
                .collect();
            if entries.len() > MAX_IMAGES {
                return Err(OnbuildError::Large { image: name, what: "images for too many platforms" });
            }
            let found = try_join_all(entries.iter().map(|digest| repository.manifest(digest)))
                .await
                .map_err(failed)?;
            let configs = found.iter().map(|manifest| match manifest.content() {
                Content::Image(manifest) => Ok(manifest.config.clone()),
                Content::Index(_) => {
                    Err(OnbuildError::Large { image: name.clone(), what: "an index inside its index" })
                }
            });
            configs.collect::<Result<Vec<_>, _>>()?
        }
    };
    for config in configs {
        if config.size > MAX_CONFIG_BYTES {
            return Err(OnbuildError::Large { image: name, what: "too large a configuration" });
        }
        let mut collected = Collected::default();
        repository.fetch_blob(&config, &mut collected, &|_| {}).await.map_err(failed)?;
        verify_config(&name, &collected.0, stages)?;
    }
    Ok(())
}

/// Refuses an image configuration whose triggers bring in an image.
///
/// `image` is its name for messages; `stages` as for [`verify_base`].
///
/// # Errors
/// [`OnbuildError::Refused`], with the text of the trigger, and [`OnbuildError::Config`].
pub fn verify_config(image: &str, config: &[u8], stages: &[String]) -> Result<(), OnbuildError> {
    let failed = |source| OnbuildError::Config { image: image.to_owned(), source };
    for trigger in triggers(config).map_err(failed)? {
        if brings_in_an_image(&trigger, stages) {
            let place = RefusalPlace::Base(quoted(image));
            return Err(BuildRefusal { place, text: trigger, reason: Reason::Trigger }.into());
        }
    }
    Ok(())
}

/// The triggers of a configuration, however its fields are written: Go reads them in any case.
fn triggers(config: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    let mut found = Vec::new();
    for config in Entries::parse(config)?.named("config") {
        let entries: Option<Entries> = serde_json::from_str(config.get())?;
        for list in entries.unwrap_or_default().named("onbuild") {
            let list: Option<Vec<String>> = serde_json::from_str(list.get())?;
            found.extend(list.unwrap_or_default());
        }
    }
    Ok(found)
}

/// Every entry of an object, repeated names too.
#[derive(Default)]
struct Entries(Vec<(String, Box<RawValue>)>);

impl Entries {
    fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    fn named(self, name: &'static str) -> impl Iterator<Item = Box<RawValue>> {
        self.0.into_iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Whether a trigger names an image. What can't be read counts as one.
///
/// Lines after the first are a here-document's, or more instructions to a builder that knows none.
fn brings_in_an_image(trigger: &str, stages: &[String]) -> bool {
    let mut lines = Lines::new(trigger);
    let mut is_first = true;
    loop {
        match next_instruction(&mut lines, '\\') {
            Ok(Some(instruction)) if names_one(&instruction, stages) => return true,
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(error) if !is_first && matches!(error.problem, DockerfileProblem::Instruction(_)) => {}
            Err(_) => return true,
        }
        is_first = false;
    }
}

fn names_one(instruction: &Instruction, stages: &[String]) -> bool {
    let is_stage = |text: &str| stages.iter().any(|stage| stage == text);
    match instruction.keyword {
        Keyword::From | Keyword::Onbuild => true,
        Keyword::Copy => {
            instruction.flags.iter().map(name_and_value).any(|(name, value)| match (name, value) {
                ("--from", value) => value.is_none_or(|value| !is_stage(value.as_str())),
                (name, _) => !matches!(name, "--chown" | "--chmod" | "--link" | "--exclude" | "--parents"),
            })
        }
        Keyword::Run => {
            instruction.flags.iter().map(name_and_value).any(|(name, value)| match (name, value) {
                ("--mount", Some(value)) => {
                    value.as_str().to_ascii_lowercase().contains("from") || value.as_str().contains('$')
                }
                (name, _) => !matches!(name, "--network" | "--security" | "--device"),
            })
        }
        Keyword::Add | Keyword::Arg | Keyword::Other => false,
    }
}

/// Whether an entry of an index may be the image that a builder takes for one of `platforms`.
fn may_run(entry: &Descriptor, platforms: &[Platform]) -> bool {
    let family = |architecture: &str| match architecture {
        "amd64" | "386" => "x86".to_owned(),
        "arm" | "arm64" => "arm".to_owned(),
        other => other.to_owned(),
    };
    let Some(platform) = &entry.platform else { return true };
    let fits = |wanted: &Platform| {
        wanted.os == platform.os && family(&wanted.architecture) == family(&platform.architecture)
    };
    platform.os != "unknown" && (platforms.is_empty() || platforms.iter().any(fits))
}

/// A blob in memory. Its size was looked at before.
#[derive(Default)]
struct Collected(Vec<u8>);

#[async_trait]
impl BlobWriter for Collected {
    async fn write(&mut self, piece: Bytes) -> std::io::Result<()> {
        self.0.extend_from_slice(&piece);
        Ok(())
    }

    async fn commit(self: Box<Self>) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
