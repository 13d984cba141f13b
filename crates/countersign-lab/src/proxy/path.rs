//! Which file of which collection a path names.

/// A metadata file in a path: `/v2/GUN/_trust/tuf/FILE.json`.
///
/// Source: notary `server/server.go` (the routes).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct TrustFile {
    /// The collection, as it stands in the path.
    pub(super) gun: String,
    /// The last part: `root.json`, `2.root.json`, `targets/releases.<checksum>.json`.
    pub(super) file: String,
}

impl TrustFile {
    /// Parses a path. `None`: it names no metadata file.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let (gun, file) = path.strip_prefix("/v2/")?.split_once("/_trust/tuf/")?;
        file.strip_suffix(".json").filter(|name| !name.is_empty())?;
        Some(Self { gun: gun.to_owned(), file: file.to_owned() })
    }

    /// The path that names `file` of `gun`.
    pub(super) fn path(gun: &str, file: &str) -> String {
        format!("/v2/{gun}/_trust/tuf/{file}")
    }

    /// The role, without version or checksum.
    pub(super) fn role(&self) -> &str {
        let name = self.file.strip_suffix(".json").unwrap_or(&self.file);
        let is_checksum = |text: &str| text.len() >= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_version = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match (name.rsplit_once('.'), name.split_once('.')) {
            (Some((role, checksum)), _) if is_checksum(checksum) => role,
            (_, Some((version, role))) if is_version(version) => role,
            _ => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_is_found_with_version_or_checksum() {
        let checksum = "0a".repeat(32);
        for (file, role) in [
            ("root.json", "root"),
            ("12.root.json", "root"),
            ("targets/releases.json", "targets/releases"),
            (&format!("targets/releases.{checksum}.json"), "targets/releases"),
            (&format!("snapshot.{checksum}.json"), "snapshot"),
        ] {
            let path = TrustFile::path("example.com:5000/a/b", file);
            let parsed = TrustFile::parse(&path).expect("a file's path");
            assert_eq!((parsed.gun.as_str(), parsed.role()), ("example.com:5000/a/b", role), "{path}");
        }
    }

    #[test]
    fn other_paths_name_no_file() {
        for path in ["/v2/", "/v2/a/_trust/tuf/", "/v2/a/_trust/tuf/timestamp.key", "/v2/a/manifests/x.json"]
        {
            assert_eq!(TrustFile::parse(path), None, "{path}");
        }
    }
}
