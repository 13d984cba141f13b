//! BuildKit's own fence: a source policy that lets the pinned images through and no others.
//!
//! Deviation: the variable that hands it over is called experimental by Docker, so it is the second fence, never the only one.

use serde_json::json;

use crate::pinned::Pinned;

/// The variable through which `docker buildx build` takes the path of a source policy.
pub const SOURCE_POLICY_VARIABLE: &str = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY";

/// Writes the policy: every image is denied, then each of `images` is allowed. The last rule that fits holds.
///
/// `layouts` lets local OCI layouts through, which BuildKit names by no registry.
///
/// Source: `moby/buildkit sourcepolicy/engine.go`, `docs/build-repro.md`.
pub fn source_policy<'image>(images: impl IntoIterator<Item = &'image Pinned>, layouts: bool) -> Vec<u8> {
    let rule = |action: &str, identifier: String| json!({ "action": action, "selector": { "identifier": identifier } });
    let mut rules = vec![rule("DENY", "docker-image://*".to_owned())];
    if !layouts {
        rules.push(rule("DENY", "oci-layout://*".to_owned()));
    }
    rules.extend(images.into_iter().map(|image| rule("ALLOW", format!("docker-image://{image}"))));
    json!({ "rules": rules }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use countersign_core::digest::Digest;
    use countersign_registry::reference::ImageReference;
    use serde_json::Value;

    use super::*;

    /// What BuildKit makes of a policy: of the rules that fit, the last one.
    fn allows(policy: &[u8], identifier: &str) -> bool {
        let policy: Value = serde_json::from_slice(policy).expect("JSON");
        let rules = policy["rules"].as_array().expect("rules");
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => identifier.starts_with(start),
            None => identifier == pattern,
        };
        let last =
            rules.iter().rfind(|rule| fits(rule["selector"]["identifier"].as_str().expect("an identifier")));
        last.is_none_or(|rule| rule["action"] == "ALLOW")
    }

    #[test]
    fn policy_lets_pinned_images_through_and_no_others() {
        let digest = Digest::sha256(b"a manifest");
        let image = Pinned::new(&ImageReference::parse("alpine:3").expect("a reference"), digest);
        let policy = source_policy([&image], false);
        assert!(allows(&policy, &format!("docker-image://docker.io/library/alpine@{digest}")));
        for denied in [
            "docker-image://docker.io/library/alpine:3",
            "docker-image://docker.io/library/evil@sha256:00",
            "oci-layout://x@sha256:00",
        ] {
            assert!(!allows(&policy, denied), "{denied}");
        }
        assert!(allows(&policy, "git://example.test/r.git"));
        assert!(allows(&source_policy([&image], true), "oci-layout://x@sha256:00"));
    }
}
