//! What a request path names: parsed whole, because a GUN spans path segments.
//!
//! ```text
//! /v2/                                          the ping
//! /v2/{gun}/_trust/tuf/                         the collection: uploads and deletion
//! /v2/{gun}/_trust/tuf/{role}.json              the current file of a role
//! /v2/{gun}/_trust/tuf/{version}.{role}.json    one version of it
//! /v2/{gun}/_trust/tuf/{role}.{sha256}.json     the file with this checksum
//! /v2/{gun}/_trust/tuf/{role}.key               the server's key, for `snapshot` and `timestamp`
//! /v2/_trust/changefeed                         what was published and deleted
//! /v2/{gun}/_trust/changefeed                   the same of one collection
//! /v2/{gun}/_trust/proposal                     the open proposal of the collection
//! ```
//!
//! The last is not Notary's. Source: notary `server/server.go`.

use countersign_core::digest::{Algorithm, Digest};
use countersign_core::name::{Gun, RoleName};
use countersign_core::number::MetaVersion;

use crate::keys::OnlineRole;

/// The path of the health check.
const HEALTH: &str = "/_notary_server/health";
const PREFIX: &str = "/v2/";
const TRUST: &str = "/_trust/tuf/";
const CHANGES: &str = "/_trust/changefeed";
const PROPOSAL: &str = "/_trust/proposal";

/// What a request path names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum TrustPath {
    /// `/v2/`: is this a trust server, and am I let in?
    Ping,
    /// The health check.
    Health,
    /// What was published and deleted, of one collection or of all.
    Changes(Option<Gun>),
    /// A whole collection.
    Collection(Gun),
    /// One metadata file.
    File {
        /// The collection.
        gun: Gun,
        /// The role.
        role: RoleName,
        /// Which of its files.
        selector: Selector,
    },
    /// The open proposal of a collection.
    Proposal(Gun),
    /// The server's own key of a role.
    Key {
        /// The collection.
        gun: Gun,
        /// The role.
        role: OnlineRole,
    },
}

/// Which file of a role is meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Selector {
    /// The current one.
    Current,
    /// The one with this version.
    Version(MetaVersion),
    /// The one with this SHA-256.
    Checksum(Digest),
}

impl TrustPath {
    /// Parses the path of a request as it stands in the request line; `None` when it names nothing.
    ///
    /// Escapes are undone once, and only where a character cannot stand plainly in a path: an escaped letter, digit,
    /// `-`, `.`, `_`, `~`, `/`, `\`, `%` or control character names nothing, so no two spellings of a plain GUN exist.
    ///
    /// Deviation: Notary takes `%2F` for `/`, version 0 for the first row, and a GUN that holds `_trust/tuf`.
    pub(crate) fn parse(raw: &str) -> Option<Self> {
        let path = unescape(raw)?;
        if path == PREFIX {
            return Some(Self::Ping);
        }
        if path == HEALTH {
            return Some(Self::Health);
        }
        let tail = path.strip_prefix(PREFIX)?;
        if tail == CHANGES.trim_start_matches('/') {
            return Some(Self::Changes(None));
        }
        if let Some(gun) = tail.strip_suffix(CHANGES) {
            return parse_gun(gun).map(|gun| Self::Changes(Some(gun)));
        }
        if let Some(gun) = tail.strip_suffix(PROPOSAL) {
            return parse_gun(gun).map(Self::Proposal);
        }
        let (gun, name) = tail.split_once(TRUST)?;
        if name.split('/').any(|segment| segment == "_trust") {
            return None;
        }
        let gun = parse_gun(gun)?;
        if name.is_empty() {
            return Some(Self::Collection(gun));
        }
        if let Some(role) = name.strip_suffix(".key") {
            return Some(Self::Key { gun, role: OnlineRole::of_name(role)? });
        }
        let (role, selector) = parse_file(name.strip_suffix(".json")?)?;
        Some(Self::File { gun, role, selector })
    }
}

/// The cleaned path that Notary redirects to, when `raw` has empty, `.` or `..` segments.
///
/// Source: notary `server/server.go` (its router cleans paths).
pub(crate) fn cleaned(raw: &str) -> Option<String> {
    let needs = |segment: &str| matches!(segment, "" | "." | "..");
    let mut middle = raw.strip_prefix('/')?.split('/').peekable();
    let mut dirty = false;
    let mut kept: Vec<&str> = Vec::new();
    while let Some(segment) = middle.next() {
        let last = middle.peek().is_none();
        if segment.is_empty() && last {
            break;
        }
        dirty |= needs(segment);
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    let slash = if raw.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    dirty.then(|| format!("/{}{slash}", kept.join("/")))
}

fn parse_gun(text: &str) -> Option<Gun> {
    if text.split('/').any(|segment| segment == "_trust") {
        return None;
    }
    text.parse().ok()
}

fn parse_file(stem: &str) -> Option<(RoleName, Selector)> {
    if let Ok(role) = stem.parse() {
        return Some((role, Selector::Current));
    }
    let (front, role) = stem.split_once('.')?;
    if let (Some(version), Ok(role)) = (parse_version(front), role.parse()) {
        return Some((role, Selector::Version(version)));
    }
    let (role, checksum) = stem.rsplit_once('.')?;
    Some((role.parse().ok()?, Selector::Checksum(parse_checksum(checksum)?)))
}

fn parse_version(text: &str) -> Option<MetaVersion> {
    if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    MetaVersion::new(text.parse().ok()?).ok()
}

fn parse_checksum(text: &str) -> Option<Digest> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    Digest::from_bytes(Algorithm::Sha256, &hex::decode(text).ok()?).ok()
}

fn unescape(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        let byte = hex::decode(digits).ok()?.first().copied()?;
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/');
        if plain || byte.is_ascii_control() || matches!(byte, b'\\' | b'%') {
            return None;
        }
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(gun: &str, role: &str, selector: Selector) -> TrustPath {
        TrustPath::File { gun: gun.parse().expect("a GUN"), role: role.parse().expect("a role"), selector }
    }

    #[test]
    fn path_of_each_route_is_told_apart() {
        let hex = "ab".repeat(32);
        let digest: Digest = format!("sha256:{hex}").parse().expect("a digest");
        let gun: Gun = "docker.io/library/alpine".parse().expect("a GUN");
        let base = "/v2/docker.io/library/alpine/_trust/tuf/";
        assert_eq!(TrustPath::parse("/v2/"), Some(TrustPath::Ping));
        assert_eq!(TrustPath::parse("/_notary_server/health"), Some(TrustPath::Health));
        assert_eq!(TrustPath::parse(base), Some(TrustPath::Collection(gun.clone())));
        for (name, role, selector) in [
            ("root.json", "root", Selector::Current),
            ("timestamp.json", "timestamp", Selector::Current),
            ("targets/releases.json", "targets/releases", Selector::Current),
            ("1.root.json", "root", Selector::Version(MetaVersion::FIRST)),
            ("targets/x_trust/y.json", "targets/x_trust/y", Selector::Current),
            ("12.targets/a/b.json", "targets/a/b", Selector::Version(MetaVersion::new(12).expect("legal"))),
            (&format!("snapshot.{hex}.json"), "snapshot", Selector::Checksum(digest)),
            (&format!("targets/a.{hex}.json"), "targets/a", Selector::Checksum(digest)),
        ] {
            assert_eq!(
                TrustPath::parse(&format!("{base}{name}")),
                Some(file(gun.as_str(), role, selector)),
                "{name}"
            );
        }
        assert_eq!(
            TrustPath::parse("/v2/docker.io/library/alpine/_trust/proposal"),
            Some(TrustPath::Proposal(gun.clone()))
        );
        for (name, role) in [("snapshot.key", OnlineRole::Snapshot), ("timestamp.key", OnlineRole::Timestamp)]
        {
            let key = Some(TrustPath::Key { gun: gun.clone(), role });
            assert_eq!(TrustPath::parse(&format!("{base}{name}")), key);
        }
    }

    #[test]
    fn path_that_names_nothing_is_none() {
        let hex = "ab".repeat(32);
        for bad in [
            "",
            "/",
            "/v2",
            "/v1/",
            "/v2/g",
            "/v2/g/_trust/tuf",
            "/v2/_trust/tuf/root.json",
            "/v2//_trust/tuf/root.json",
            "/v2//_trust/changefeed",
            "/v2/_trust/changefeed/",
            "/v2/_trust/_trust/changefeed",
            "/v2/G?/_trust/changefeed",
            "/metrics",
            "/_notary_server/health/",
            "/v2/g/_trust/tuf/root",
            "/v2/g/_trust/tuf/root.JSON",
            "/v2/g/_trust/tuf/Root.json",
            "/v2/g/_trust/tuf/mirrors.json",
            "/v2/g/_trust/tuf/targets/.json",
            "/v2/g/_trust/tuf/targets/A.json",
            "/v2/g/_trust/tuf/root.key",
            "/v2/g/_trust/tuf/targets.key",
            "/v2/g/_trust/tuf/timestamp.key/",
            "/v2/g/_trust/tuf/0.root.json",
            "/v2/g/_trust/tuf/01.root.json",
            "/v2/g/_trust/tuf/-1.root.json",
            "/v2/g/_trust/tuf/+1.root.json",
            "/v2/g/_trust/tuf/2147483648.root.json",
            "/v2/g/_trust/tuf/99999999999999999999.root.json",
            "/v2/g/_trust/tuf/1.1.root.json",
            "/v2/g/_trust/tuf/root.1.json",
            "/v2/g/_trust/tuf/.root.json",
            "/v2/g/_trust/tuf/root..json",
            "/v2/g/../_trust/tuf/root.json",
            "/v2/g*/_trust/tuf/root.json",
            "/v2/g/_trust/tuf/targets/_trust/tuf/targets.json",
            "/v2/g/_trust/tuf/x/_trust/tuf/root.json",
            "/v2/_trust/g/_trust/tuf/root.json",
            "/v2/_trust/proposal",
            "/v2//_trust/proposal",
            "/v2/g/_trust/proposal/",
            "/v2/g/_trust/proposals",
            "/v2/g/_trust/tuf/_trust/proposal",
            "/v2/g/_trust/tuf/root.json/_trust/proposal",
            "/v2/g*/_trust/proposal",
        ] {
            assert_eq!(TrustPath::parse(bad), None, "{bad}");
        }
        for checksum in
            [hex.to_uppercase(), "ab".repeat(48), "ab".repeat(64), "ab".repeat(31), "zz".repeat(32)]
        {
            assert_eq!(
                TrustPath::parse(&format!("/v2/g/_trust/tuf/root.{checksum}.json")),
                None,
                "{checksum}"
            );
        }
    }

    #[test]
    fn t1_gun_keeps_ports_case_and_brackets() {
        for gun in ["localhost:5000/Alice/app", "[::1]:5000/a", "g", "a/b/c/d/e"] {
            let path = format!("/v2/{gun}/_trust/tuf/root.json");
            assert_eq!(TrustPath::parse(&path), Some(file(gun, "root", Selector::Current)), "{gun}");
        }
    }

    #[test]
    fn escape_is_undone_once_and_only_where_needed() {
        let named = |gun: &str| TrustPath::parse(&format!("/v2/{gun}/_trust/tuf/root.json"));
        assert_eq!(named("%C3%BCber/a"), Some(file("über/a", "root", Selector::Current)));
        assert_eq!(named("localhost%3A5000/a"), Some(file("localhost:5000/a", "root", Selector::Current)));
        for bad in [
            "g%2Fh",
            "g%2fh",
            "%67",
            "a%2e%2e",
            "a/%2e%2e/b",
            "a%5Cb",
            "a%25b",
            "a%252fb",
            "a%00b",
            "a%0Ab",
            "a%",
            "a%4",
            "a%zz",
            "a%FF",
            "a%20b",
            "a%2Ab",
            "a%3Fb",
            "a%23b",
        ] {
            assert_eq!(named(bad), None, "{bad}");
        }
        assert_eq!(TrustPath::parse("/v2/g/_trust/tuf/root%2Ejson"), None);
    }

    #[test]
    fn dirty_path_is_cleaned_and_a_clean_one_left_alone() {
        for (dirty, clean) in [
            ("/v2//g/_trust/tuf/root.json", "/v2/g/_trust/tuf/root.json"),
            ("//v2/", "/v2/"),
            ("//evil.example/", "/evil.example/"),
            ("/v2/g/../h/_trust/tuf/", "/v2/h/_trust/tuf/"),
            ("/../..", "/"),
            ("/v2/./", "/v2/"),
            ("/v2//", "/v2/"),
        ] {
            assert_eq!(cleaned(dirty).as_deref(), Some(clean), "{dirty}");
        }
        for clean in ["/", "/v2/", "/v2", "/v2/g/_trust/tuf/", "/v2/g/_trust/tuf/root.json", "*"] {
            assert_eq!(cleaned(clean), None, "{clean}");
        }
    }
}
