//! Flags of a build, besides `--build-context`, whose values bring in images: `--cache-from`, `--sbom`, `--attest`, and the
//! build argument `BUILDKIT_SYNTAX`.

use countersign_core::digest::Digest;
use countersign_registry::reference::ImageReference;

use super::error::{BuildRefusal, Reason};
use super::inputs::Builder;
use super::plan::{ImageUse, Place, UseKind, image};

/// The build argument that replaces `# syntax=`.
pub(super) const SYNTAX_ARGUMENT: &str = "BUILDKIT_SYNTAX";

/// A flag, its value taken apart around an image.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct FlagImage {
    pub(super) flag: &'static str,
    before: String,
    image: Option<(ImageReference, UseKind)>,
    after: String,
}

impl FlagImage {
    fn plain(flag: &'static str, value: &str) -> Self {
        Self { flag, before: value.to_owned(), image: None, after: String::new() }
    }

    /// The use, if there is one.
    pub(super) fn image_use(&self) -> Option<ImageUse> {
        let (reference, kind) = self.image.clone()?;
        Some(ImageUse { reference, kind, place: Place::Flag(self.flag), platform: None, stage: None })
    }

    /// The value, its image as `pin` writes it.
    pub(super) fn write(
        &self,
        pin: &dyn Fn(&ImageReference) -> Result<String, Reason>,
    ) -> Result<String, BuildRefusal> {
        let pinned = match &self.image {
            Some((reference, _)) => pin(reference)
                .map_err(|reason| BuildRefusal::flag(self.flag, &reference.familiar(), reason))?,
            None => String::new(),
        };
        Ok(format!("{}{pinned}{}", self.before, self.after))
    }
}

/// Reads `--cache-from`. What is in a cache becomes part of the result, so its image must be a trusted one.
///
/// Source: `docker/buildx util/buildflags/cache.go`.
pub(super) fn cache_from(value: &str, builder: Builder) -> Result<Vec<FlagImage>, BuildRefusal> {
    const FLAG: &str = "--cache-from";
    let refuse = |reason| BuildRefusal::flag(FLAG, value, reason);
    if builder == Builder::Podman {
        return Err(refuse(Reason::Unverifiable(
            "podman looks for tags that it computes itself; leave the flag out",
        )));
    }
    if !value.contains('=') {
        return value
            .split(',')
            .map(|text| {
                let image = Some((image(text, builder, None).map_err(refuse)?, UseKind::CacheFrom));
                Ok(FlagImage { flag: FLAG, before: String::new(), image, after: String::new() })
            })
            .collect();
    }
    let fields = Fields::parse(value).map_err(refuse)?;
    match fields.get("type").unwrap_or("registry") {
        "registry" => {
            let found = fields.image(FLAG, "ref", UseKind::CacheFrom, builder).map_err(refuse)?;
            let missing = || refuse(Reason::Unverifiable("a cache in a registry needs `ref=`"));
            found.map(|found| vec![found]).ok_or_else(missing)
        }
        "local" if fields.get("digest").is_some_and(|digest| digest.parse::<Digest>().is_ok()) => {
            Ok(vec![FlagImage::plain(FLAG, value)])
        }
        "local" => Err(refuse(Reason::Unverifiable("name the cache by its digest, `digest=sha256:…`"))),
        _ => {
            Err(refuse(Reason::Unverifiable("only caches in registries have trust data; leave the flag out")))
        }
    }
}

/// Reads `--sbom` or `--attest`. An attestation of packages is made by an image that `BuildKit` starts.
///
/// Source: `docker/buildx util/buildflags/attests.go`.
pub(super) fn attestation(
    flag: &'static str,
    value: &str,
    builder: Builder,
) -> Result<FlagImage, BuildRefusal> {
    let refuse = |reason| BuildRefusal::flag(flag, value, reason);
    let off = |text: &str| matches!(text, "0" | "f" | "F" | "false" | "FALSE" | "False");
    if flag == "--sbom" && off(value) {
        return Ok(FlagImage::plain(flag, value));
    }
    let needs_generator = Reason::Unverifiable(
        "BuildKit chooses the image that makes the attestation; name one with `generator=IMAGE`",
    );
    if !value.contains('=') {
        return Err(refuse(needs_generator));
    }
    let fields = Fields::parse(value).map_err(refuse)?;
    if flag == "--attest" {
        let is_sbom = fields.get("type").is_none_or(|kind| kind.eq_ignore_ascii_case("sbom"));
        if !is_sbom || fields.get("disabled").is_some_and(|text| text == "true") {
            return Ok(FlagImage::plain(flag, value));
        }
    }
    let found = fields.image(flag, "generator", UseKind::Attestation, builder).map_err(refuse)?;
    found.ok_or_else(|| refuse(needs_generator))
}

/// Reads the build argument that replaces `# syntax=`.
pub(super) fn syntax(value: &str, builder: Builder) -> Result<FlagImage, BuildRefusal> {
    const FLAG: &str = "--build-arg BUILDKIT_SYNTAX";
    let refuse = |reason| BuildRefusal::flag(FLAG, value, reason);
    if builder != Builder::BuildKit {
        return Ok(FlagImage::plain(FLAG, &format!("{SYNTAX_ARGUMENT}={value}")));
    }
    let value = value.trim();
    let (text, after) = match value.split_once(' ') {
        Some((text, words)) => (text, format!(" {words}")),
        None => (value, String::new()),
    };
    let image = Some((image(text, builder, None).map_err(refuse)?, UseKind::Syntax));
    Ok(FlagImage { flag: FLAG, before: format!("{SYNTAX_ARGUMENT}="), image, after })
}

/// `key=value,key=value`, as they are written.
struct Fields<'value>(Vec<(String, &'value str)>);

impl<'value> Fields<'value> {
    fn parse(value: &'value str) -> Result<Self, Reason> {
        if value.contains(['"', '\n']) {
            return Err(Reason::Ambiguous("has quotes between its commas, which are not read here"));
        }
        let fields = value.split(',').map(|field| {
            let (key, value) = field.split_once('=').unwrap_or((field, ""));
            (key.trim().to_ascii_lowercase(), value)
        });
        let fields: Vec<_> = fields.collect();
        let twice = fields
            .iter()
            .enumerate()
            .any(|(at, (key, _))| fields[..at].iter().any(|(other, _)| other == key));
        if twice { Err(Reason::Ambiguous("gives something twice")) } else { Ok(Self(fields)) }
    }

    fn get(&self, key: &str) -> Option<&'value str> {
        self.0.iter().find(|(found, _)| found == key).map(|(_, value)| *value)
    }

    /// The value taken apart around the image under `key`.
    fn image(
        &self,
        flag: &'static str,
        key: &str,
        kind: UseKind,
        builder: Builder,
    ) -> Result<Option<FlagImage>, Reason> {
        let Some(place) = self.0.iter().position(|(found, _)| found == key) else { return Ok(None) };
        let write = |fields: &[(String, &str)]| {
            fields.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
        };
        let (before, after) = (write(&self.0[..place]), write(&self.0[place + 1..]));
        let comma = |text: &str| if text.is_empty() { "" } else { "," };
        Ok(Some(FlagImage {
            flag,
            before: format!("{before}{}{key}=", comma(&before)),
            image: Some((image(self.0[place].1, builder, None)?, kind)),
            after: format!("{}{after}", comma(&after)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(found: &FlagImage) -> String {
        let pin = |reference: &ImageReference| Ok(format!("<{}>", reference.familiar()));
        found.write(&pin).expect("it can be written")
    }

    #[test]
    fn caches_in_registries_are_pinned_and_others_refused() {
        let cache = |value| {
            let found = cache_from(value, Builder::BuildKit)?;
            Ok::<_, BuildRefusal>(found.iter().map(written).collect::<Vec<_>>())
        };
        assert_eq!(cache("app:cache,b"), Ok(vec!["<app:cache>".to_owned(), "<b:latest>".to_owned()]));
        assert_eq!(
            cache("type=registry,ref=app,mode=max"),
            Ok(vec!["type=registry,ref=<app:latest>,mode=max".to_owned()])
        );
        assert_eq!(cache("ref=app"), Ok(vec!["ref=<app:latest>".to_owned()]));
        let local = format!("type=local,src=x,digest=sha256:{}", "0".repeat(64));
        assert_eq!(cache(&local), Ok(vec![local.clone()]));
        for refused in
            ["type=local,src=x", "type=gha", "type=registry", "ref=a,ref=b", "\"ref=a\"", "type=s3,ref=a"]
        {
            assert!(cache(refused).is_err(), "{refused}");
        }
        assert!(cache_from("app", Builder::Podman).is_err());
    }

    #[test]
    fn generators_of_attestations_are_pinned() {
        let found = |flag, value| attestation(flag, value, Builder::BuildKit).map(|found| written(&found));
        assert_eq!(found("--sbom", "generator=scan:1").as_deref(), Ok("generator=<scan:1>"));
        assert_eq!(
            found("--attest", "type=sbom,generator=scan").as_deref(),
            Ok("type=sbom,generator=<scan:latest>")
        );
        assert_eq!(found("--attest", "type=provenance,mode=max").as_deref(), Ok("type=provenance,mode=max"));
        assert_eq!(found("--sbom", "false").as_deref(), Ok("false"));
        for refused in [("--sbom", "true"), ("--attest", "type=sbom"), ("--attest", "type=SBOM")] {
            assert!(found(refused.0, refused.1).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn syntax_argument_is_pinned() {
        let found = syntax(" docker/dockerfile:1 x y ", Builder::BuildKit).expect("an image");
        assert_eq!(written(&found), "BUILDKIT_SYNTAX=<docker/dockerfile:1> x y");
        assert!(syntax("", Builder::BuildKit).is_err());
    }
}
