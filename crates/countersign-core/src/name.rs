//! Names: of collections, of roles and of targets. Parsed once, at the border.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest GUN or role name, in bytes: the width of Notary's database columns.
const MAX_NAME_BYTES: usize = 255;

macro_rules! text_newtype {
    ($name:ident, $error:ty) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }
    };
}

/// The globally unique name of a trust collection, such as `docker.io/library/alpine`.
///
/// It becomes a directory and a part of URLs, so what could leave either is refused: empty, `.` or `..` segments, a
/// leading or trailing `/`, `*`, `\`, `%`, `?`, `#`, white space and control characters, more than 255 bytes. Case and
/// colons are kept as they are.
///
/// Deviation: Notary's client takes any string, and so writes outside its directory (attack TUF-01-004).
///
/// Source: notary `server/server.go` (the route refuses only `*`), OCI distribution, "Pulling manifests".
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gun(String);

text_newtype!(Gun, NameError);

impl TryFrom<String> for Gun {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let forbidden =
            |c: char| c.is_control() || c.is_whitespace() || matches!(c, '*' | '\\' | '%' | '?' | '#');
        if text.len() > MAX_NAME_BYTES {
            return Err(NameError::Long { name: text, max: MAX_NAME_BYTES });
        }
        if let Some(position) = text.chars().position(forbidden) {
            return Err(NameError::GunCharacter { name: text, position });
        }
        if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(NameError::GunSegment(text));
        }
        Ok(Self(text))
    }
}

/// One of the four roles that every collection has.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TopRole {
    /// Says which keys each role has.
    Root,
    /// Says which file of each role belongs together.
    Snapshot,
    /// Says what targets are.
    Targets,
    /// Says which snapshot is the current one.
    Timestamp,
}

impl TopRole {
    /// All four, in alphabetical order.
    pub const ALL: [Self; 4] = [Self::Root, Self::Snapshot, Self::Targets, Self::Timestamp];

    /// The role's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
            Self::Timestamp => "timestamp",
        }
    }
}

impl fmt::Display for TopRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of a role: one of the four, or a delegation.
///
/// In Notary's files, and wherever text is parsed, a delegation's name says who declares it: it stands below `targets/`,
/// matches `^[-a-z0-9_/]+$`, is a clean path and at most 254 bytes long. In other TUF repositories a name says nothing and
/// may be any text ([`RoleName::flat`]).
///
/// Source: notary `tuf/data/roles.go`; TUF 1.0.34 §4.5.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleName(Box<str>, Naming);

/// What the name of a role says.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Naming {
    /// Its directory is the role that declares it.
    Path,
    /// Nothing.
    Flat,
}

text_newtype!(RoleName, NameError);

impl RoleName {
    /// Docker's release role, `targets/releases`.
    pub fn releases() -> Self {
        Self("targets/releases".into(), Naming::Path)
    }

    /// A delegation whose name says nothing of who declares it.
    ///
    /// # Errors
    /// [`NameError`]: it is the name of a top-level role, empty, longer than 255 bytes, or holds a control character.
    ///
    /// Source: TUF 1.0.34 §4.5 (`ROLENAME`).
    pub fn flat(text: String) -> Result<Self, NameError> {
        if text.len() > MAX_NAME_BYTES {
            return Err(NameError::Long { name: text, max: MAX_NAME_BYTES });
        }
        let is_top = TopRole::ALL.iter().any(|role| role.name() == text);
        if text.is_empty() || is_top || text.chars().any(char::is_control) {
            return Err(NameError::FlatRole(text));
        }
        Ok(Self(text.into(), Naming::Flat))
    }

    /// The top-level role of this name, or `None` for a delegation.
    pub fn top(&self) -> Option<TopRole> {
        TopRole::ALL.into_iter().find(|role| *role.name() == *self.0)
    }

    /// Whether this is a delegation.
    pub fn is_delegation(&self) -> bool {
        self.top().is_none()
    }

    /// Whether this is a delegation at any depth under `ancestor`.
    pub fn is_below(&self, ancestor: &Self) -> bool {
        self.1 == Naming::Path
            && self.0.strip_prefix(ancestor.as_str()).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The role that declares this delegation, where its name says so; `None` for the four top-level roles.
    pub fn parent(&self) -> Option<Self> {
        if !self.is_delegation() || self.1 == Naming::Flat {
            return None;
        }
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.into(), Naming::Path))
    }
}

impl From<TopRole> for RoleName {
    fn from(role: TopRole) -> Self {
        Self(role.name().into(), Naming::Path)
    }
}

impl PartialEq<TopRole> for RoleName {
    fn eq(&self, role: &TopRole) -> bool {
        *self.0 == *role.name()
    }
}

impl TryFrom<String> for RoleName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        if TopRole::ALL.iter().any(|role| role.name() == text) {
            return Ok(Self(text.into(), Naming::Path));
        }
        if text.len() > MAX_NAME_BYTES - 1 {
            return Err(NameError::Long { name: text, max: MAX_NAME_BYTES - 1 });
        }
        let legal = |byte: u8| matches!(byte, b'-' | b'_' | b'/' | b'a'..=b'z' | b'0'..=b'9');
        let clean = text.split('/').all(|segment| !segment.is_empty());
        if text.starts_with("targets/") && clean && text.bytes().all(legal) {
            Ok(Self(text.into(), Naming::Path))
        } else {
            Err(NameError::Role(text))
        }
    }
}

/// The name of a target. For images this is the tag.
///
/// Any text is a target name; the author of metadata additionally refuses control characters, which no JSON file of
/// this dialect can carry.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct TargetName(String);

text_newtype!(TargetName, std::convert::Infallible);

impl From<String> for TargetName {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// A name that does not follow its rules.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum NameError {
    /// Too many bytes.
    #[error("name `{}` is longer than {max} bytes", name.escape_default())]
    Long {
        /// The name.
        name: String,
        /// Most bytes allowed.
        max: usize,
    },
    /// A character that a GUN must not have.
    #[error("collection name `{}` has a forbidden character at position {}", name.escape_default(), position + 1)]
    GunCharacter {
        /// The name.
        name: String,
        /// Its position, counted from 0.
        position: usize,
    },
    /// An empty, `.` or `..` segment.
    #[error("collection name `{}` has an empty, `.` or `..` segment", .0.escape_default())]
    GunSegment(String),
    /// Neither a top-level role nor a legal delegation.
    #[error("`{}` is not a role: root, targets, snapshot, timestamp, or `targets/` and lower-case letters, digits, `-`, `_`", .0.escape_default())]
    Role(String),
    /// No name of a delegated role anywhere.
    #[error("`{}` cannot be the name of a delegated role", .0.escape_default())]
    FlatRole(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gun_that_could_leave_its_directory_is_refused() {
        for bad in [
            "", "/a", "a/", "a//b", "../a", "a/../b", "a/.", "a*", "a\\b", "a%2fb", "a b", "a\0", "a\n",
            "a?b", "a#b",
        ] {
            assert!(bad.parse::<Gun>().is_err(), "{bad:?} was accepted");
        }
        assert!("a".repeat(256).parse::<Gun>().is_err());
    }

    #[test]
    fn gun_keeps_case_ports_and_brackets() {
        for good in ["docker.io/library/alpine", "localhost:5000/Alice/app", "[::1]:5000/a", &"a".repeat(255)]
        {
            assert_eq!(good.parse::<Gun>().map(String::from).as_deref(), Ok(good));
        }
    }

    #[test]
    fn role_names_follow_notary() {
        for good in ["root", "targets", "targets/releases", "targets/a/b-c_1"] {
            assert!(good.parse::<RoleName>().is_ok(), "{good} was refused");
        }
        for bad in [
            "",
            "Root",
            "mirrors",
            "targets/",
            "targets//a",
            "targets/Foo",
            "targets/a.b",
            "targets/../a",
            "targets/*",
            "snapshot/a",
        ] {
            assert!(bad.parse::<RoleName>().is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn flat_role_has_no_parent_and_no_top_level_name() {
        for good in ["A", "../up", "/abs", "?", "targets/a", "registry.npmjs.org"] {
            let role = RoleName::flat(good.to_owned()).expect(good);
            assert!(role.is_delegation() && role.parent().is_none(), "{good}");
            assert!(!role.is_below(&TopRole::Targets.into()));
        }
        for bad in ["", "root", "timestamp", "a\0b", "a\n", &"a".repeat(256)] {
            assert!(RoleName::flat(bad.to_owned()).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn role_parent_is_its_directory() {
        let role: RoleName = "targets/a/b".parse().expect("legal");
        let parent = role.parent().expect("a delegation has one");
        assert_eq!(parent.as_str(), "targets/a");
        assert_eq!(parent.parent().expect("also a delegation"), TopRole::Targets);
        assert_eq!(RoleName::from(TopRole::Targets).parent(), None);
        assert!(role.is_below(&parent) && role.is_below(&TopRole::Targets.into()));
        assert!(!role.is_below(&role) && !parent.is_below(&role));
        assert!(!"targets/ab".parse::<RoleName>().expect("legal").is_below(&parent));
    }
}
