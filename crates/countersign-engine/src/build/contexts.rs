//! `--build-context NAME=VALUE`: what replaces an image or a stage by another source.

use std::collections::BTreeMap;

use countersign_registry::reference::{DEFAULT_TAG, ImageReference};

use super::error::{BuildRefusal, Reason};
use super::inputs::Builder;
use super::plan::{ImageUse, Place, UseKind, image};
use crate::podman::ShortNames;

const FLAG: &str = "--build-context";
/// The prefixes behind which an image stands.
const IMAGE: &str = "docker-image://";
const PODMAN_IMAGES: [&str; 3] = [IMAGE, "container-image://", "docker://"];

/// Named contexts, the last of a name wins.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NamedContexts {
    values: BTreeMap<String, Context>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Context {
    /// The name as written.
    name: String,
    value: String,
    image: Option<(String, ImageReference)>,
}

impl NamedContexts {
    /// Reads the values of all `--build-context` flags; `names` completes short names, if podman builds.
    ///
    /// # Errors
    /// A value that brings in an image whose digest can't be pinned.
    ///
    /// Source: `docker/buildx build/opt.go`, `containers/buildah pkg/parse/parse.go`.
    pub fn parse(
        flags: &[String],
        builder: Builder,
        names: Option<&ShortNames>,
    ) -> Result<Self, BuildRefusal> {
        let mut values = BTreeMap::new();
        for flag in flags {
            let refuse = |reason| BuildRefusal::flag(FLAG, flag, reason);
            let Some((name, value)) = flag.split_once('=').filter(|(name, _)| !name.is_empty()) else {
                return Err(refuse(Reason::Ambiguous("is not NAME=VALUE")));
            };
            let key = normalised(name)
                .ok_or_else(|| refuse(Reason::Ambiguous("has a name that no image can have")))?;
            let prefixes: &[&str] = if builder == Builder::Podman { &PODMAN_IMAGES } else { &[IMAGE] };
            let prefix = prefixes.iter().find_map(|prefix| Some((*prefix, value.strip_prefix(prefix)?)));
            let image = match prefix {
                Some((_, "scratch")) if builder == Builder::BuildKit => None,
                Some((prefix, text)) => {
                    Some((prefix.to_owned(), image(text, builder, names).map_err(refuse)?))
                }
                None => None,
            };
            if value.starts_with("oci-layout://") && !is_digested(value) {
                let reason = Reason::Unverifiable("name the image in the layout by its digest, `@sha256:…`");
                return Err(refuse(reason));
            }
            if value.starts_with("target:") {
                return Err(refuse(Reason::Unverifiable("targets of other builds are not read here")));
            }
            values.insert(key, Context { name: name.to_owned(), value: value.to_owned(), image });
        }
        Ok(Self { values })
    }

    /// Whether a context takes the place of what is called `name`.
    ///
    /// # Errors
    /// Podman compares the names as they are written, BuildKit what they mean.
    pub(super) fn replaces(&self, name: &str, builder: Builder) -> Result<bool, Reason> {
        let reserved = name.eq_ignore_ascii_case("scratch") || name.eq_ignore_ascii_case("context");
        let found = normalised(name).and_then(|key| self.values.get(&key));
        match (builder, found) {
            (Builder::Classic, _) | (_, None) => Ok(false),
            (Builder::Podman, Some(context)) if context.name == name => Ok(true),
            (Builder::Podman, Some(_)) => Err(Reason::Ambiguous(
                "is written differently in `--build-context`, so that podman may not see it",
            )),
            (Builder::BuildKit, Some(_)) => Ok(!reserved),
        }
    }

    /// The images that the contexts bring in.
    pub(super) fn uses(&self) -> impl Iterator<Item = ImageUse> {
        self.values.values().filter_map(|context| {
            let (_, reference) = context.image.as_ref()?;
            Some(ImageUse {
                reference: reference.clone(),
                kind: UseKind::BuildContext,
                place: Place::Flag(FLAG),
                platform: None,
                stage: None,
            })
        })
    }

    /// The values for the command line, images as `pin` writes them.
    pub(super) fn write(
        &self,
        pin: &dyn Fn(&ImageReference) -> Result<String, Reason>,
    ) -> Result<Vec<String>, BuildRefusal> {
        let write = |context: &Context| {
            let value = match &context.image {
                Some((prefix, reference)) => format!("{prefix}{}", pin(reference)?),
                None => context.value.clone(),
            };
            Ok(format!("{}={value}", context.name))
        };
        let refuse = |context: &Context, reason| BuildRefusal::flag(FLAG, &context.value, reason);
        self.values.values().map(|context| write(context).map_err(|reason| refuse(context, reason))).collect()
    }

    /// Whether some context is an OCI layout, which BuildKit's source policy must then let through.
    pub(super) fn has_layout(&self) -> bool {
        self.values.values().any(|context| context.value.starts_with("oci-layout://"))
    }
}

/// A name as BuildKit compares it: familiar, and without the tag `latest`.
fn normalised(name: &str) -> Option<String> {
    let reference = ImageReference::parse(name).ok()?;
    let familiar = reference.familiar();
    let latest = reference.digest().is_none() && reference.tag() == Some(DEFAULT_TAG);
    Some(if latest {
        familiar.trim_end_matches(DEFAULT_TAG).trim_end_matches(':').to_owned()
    } else {
        familiar
    })
}

fn is_digested(value: &str) -> bool {
    value
        .rsplit_once('@')
        .is_some_and(|(_, digest)| digest.parse::<countersign_core::digest::Digest>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(flags: &[&str], builder: Builder) -> Result<NamedContexts, BuildRefusal> {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        NamedContexts::parse(&flags, builder, None)
    }

    #[test]
    fn names_are_compared_as_each_builder_does() {
        let flags = ["alpine=docker-image://alpine:3", "docker.io/library/golang:latest=./go", "app=../app"];
        let contexts = parse(&flags, Builder::BuildKit).expect("contexts");
        for replaced in ["alpine", "alpine:latest", "docker.io/library/alpine", "golang", "app"] {
            assert_eq!(contexts.replaces(replaced, Builder::BuildKit), Ok(true), "{replaced}");
        }
        for other in ["alpine:3", "registry.example/alpine", "No Name"] {
            assert_eq!(contexts.replaces(other, Builder::BuildKit), Ok(false), "{other}");
        }
        assert_eq!(contexts.replaces("alpine", Builder::Podman), Ok(true));
        assert!(contexts.replaces("alpine:latest", Builder::Podman).is_err());
        assert_eq!(contexts.replaces("alpine", Builder::Classic), Ok(false));
        assert_eq!(contexts.uses().count(), 1);
    }

    #[test]
    fn images_without_a_digest_that_can_be_pinned_are_refused() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (flag, ok) in [
            ("a=docker-image://scratch", true),
            ("a=docker-image://Bad", false),
            ("a=oci-layout://dir", false),
            ("a=oci-layout://dir:tag", false),
            (&format!("a=oci-layout://dir@{digest}"), true),
            ("a=https://example.test/x.git", true),
            ("a=target:b", false),
            ("a", false),
            ("=b", false),
        ] {
            assert_eq!(parse(&[flag], Builder::BuildKit).is_ok(), ok, "{flag}");
        }
        assert!(parse(&["a=docker://alpine"], Builder::Podman).expect("contexts").uses().count() == 1);
    }
}
