//! The flags of a build command that can change which images it uses.

use std::collections::BTreeMap;
use std::path::PathBuf;

use countersign_registry::descriptor::Platform;

use super::contexts::NamedContexts;
use super::error::{BuildRefusal, Reason};
use super::flag_images::{FlagImage, SYNTAX_ARGUMENT, attestation, cache_from, syntax};
use super::inputs::{BuildInputs, Builder};
use crate::podman::ShortNames;

/// The flags of a build command, as they were given, and its argument.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BuildFlags {
    /// Who reads the Dockerfile.
    pub builder: Builder,
    /// The build context: a directory, a URL, or `-`.
    pub context: String,
    /// The directory that paths count from.
    pub cwd: PathBuf,
    /// `-f`.
    pub file: Option<String>,
    /// `--build-arg`, those that take their value from the environment completed; without `=` they are not set.
    pub build_args: Vec<String>,
    /// `--build-context`.
    pub build_contexts: Vec<String>,
    /// `--cache-from`.
    pub cache_from: Vec<String>,
    /// `--platform`, which may hold several, with commas.
    pub platforms: Vec<String>,
    /// `--sbom`.
    pub sbom: Option<String>,
    /// `--attest`.
    pub attest: Vec<String>,
    /// Podman's `--from`, which replaces the first `FROM`.
    pub from: Option<String>,
    /// The engine's own platform, if it is known.
    pub build_platform: Option<Platform>,
    /// What names without a registry mean to podman; without it they are Docker Hub's, as with Docker.
    pub short_names: Option<ShortNames>,
}

impl BuildFlags {
    /// A build of `context` without any flags.
    pub fn new(builder: Builder, context: &str, cwd: PathBuf) -> Self {
        Self {
            builder,
            context: context.to_owned(),
            cwd,
            file: None,
            build_args: Vec::new(),
            build_contexts: Vec::new(),
            cache_from: Vec::new(),
            platforms: Vec::new(),
            sbom: None,
            attest: Vec::new(),
            from: None,
            build_platform: None,
            short_names: None,
        }
    }

    /// What the Dockerfile is read with.
    pub(super) fn inputs(&self) -> Result<BuildInputs, BuildRefusal> {
        if let Some(image) = &self.from {
            let reason = Reason::Ambiguous("replaces the first `FROM`; write it there instead");
            return Err(BuildRefusal::flag("--from", image, reason));
        }
        Ok(BuildInputs {
            builder: self.builder,
            build_args: self.build_args().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            platforms: self.platforms(),
            build_platform: self.build_platform.clone(),
            contexts: NamedContexts::parse(&self.build_contexts, self.builder, self.short_names.as_ref())?,
            short_names: self.short_names.clone(),
        })
    }

    /// The flags besides `--build-context` that may bring in images.
    pub(super) fn images(&self) -> Result<Vec<FlagImage>, BuildRefusal> {
        let mut images = Vec::new();
        let arguments: BTreeMap<_, _> = self.build_args().collect();
        if let Some(value) = arguments.get(SYNTAX_ARGUMENT) {
            images.push(syntax(value, self.builder)?);
        }
        for value in &self.cache_from {
            images.extend(cache_from(value, self.builder)?);
        }
        if let Some(value) = self.sbom.as_ref().filter(|_| self.builder == Builder::Podman) {
            let reason =
                Reason::Unverifiable("podman scans with images of its own choice; leave the flag out");
            return Err(BuildRefusal::flag("--sbom", value, reason));
        }
        if self.builder == Builder::BuildKit {
            let attest = self.attest.iter().map(|value| ("--attest", value));
            for (flag, value) in self.sbom.iter().map(|value| ("--sbom", value)).chain(attest) {
                images.push(attestation(flag, value, self.builder)?);
            }
        }
        Ok(images)
    }

    fn build_args(&self) -> impl Iterator<Item = (&str, &str)> {
        self.build_args.iter().filter_map(|text| text.split_once('='))
    }

    /// The target platforms; none if one of them is only known to the engine.
    fn platforms(&self) -> Vec<Platform> {
        let texts = self.platforms.iter().flat_map(|text| text.split(','));
        texts.map(platform).collect::<Option<_>>().unwrap_or_default()
    }
}

/// Reads `os/architecture` or `os/architecture/variant`; shorter forms depend on the engine.
pub(super) fn platform(text: &str) -> Option<Platform> {
    let parts: Vec<&str> = text.trim().split('/').collect();
    let is_plain = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match parts.as_slice() {
        parts if !parts.iter().all(is_plain) => None,
        [os, architecture] => Some(Platform::new(os, architecture, None)),
        [os, architecture, variant] => Some(Platform::new(os, architecture, Some(variant))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_known_all_or_not_at_all() {
        let mut flags = BuildFlags::new(Builder::BuildKit, ".", PathBuf::new());
        flags.platforms = vec!["linux/amd64,linux/arm/v7".to_owned()];
        let expected = [Platform::new("linux", "amd64", None), Platform::new("linux", "arm", Some("v7"))];
        assert_eq!(flags.platforms(), expected);
        flags.platforms.push("local".to_owned());
        assert_eq!(flags.platforms(), []);
    }

    #[test]
    fn images_that_podman_brings_in_by_flags_are_refused() {
        let mut flags = BuildFlags::new(Builder::Podman, ".", PathBuf::new());
        assert!(flags.inputs().is_ok() && flags.images().is_ok());
        flags.from = Some("evil".to_owned());
        assert!(flags.inputs().is_err());
        flags.sbom = Some("syft".to_owned());
        assert!(flags.images().is_err());
    }
}
