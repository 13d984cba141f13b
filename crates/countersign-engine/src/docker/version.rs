//! Versions of the Engine API, and which one is spoken.
//!
//! Source: docker/docker `client/client.go` (`negotiateAPIVersionPing`).

use std::fmt;
use std::str::FromStr;

/// A version such as 1.41.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct ApiVersion(u16, u16);

impl ApiVersion {
    /// The newest that is spoken here: Docker 28.0.
    pub(super) const NEWEST: Self = Self(1, 48);
    /// The oldest that is spoken here, and what a daemon speaks that names none.
    pub(super) const OLDEST: Self = Self(1, 24);
    /// The oldest, as text.
    pub(super) const OLDEST_TEXT: &'static str = "1.24";

    /// What to speak with a daemon whose newest version is `theirs`; `None` if there is nothing in common.
    pub(super) fn negotiate(theirs: Option<Self>) -> Option<Self> {
        let version = theirs.unwrap_or(Self::OLDEST).min(Self::NEWEST);
        (version >= Self::OLDEST).then_some(version)
    }
}

impl FromStr for ApiVersion {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (major, minor) = text.trim_start_matches('v').split_once('.').ok_or(())?;
        let number = |digits: &str| {
            let legal = digits.bytes().all(|byte| byte.is_ascii_digit());
            if legal { digits.parse().map_err(drop) } else { Err(()) }
        };
        Ok(Self(number(major)?, number(minor)?))
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_of_both_is_spoken_unless_it_is_too_old() {
        let spoken = |theirs: &str| {
            ApiVersion::negotiate(theirs.parse().ok())
                .map_or_else(|| "none".to_owned(), |spoken| spoken.to_string())
        };
        for (theirs, expected) in [
            ("1.41", "1.41"),
            ("1.48", "1.48"),
            ("1.52", "1.48"),
            ("2.0", "1.48"),
            ("1.9", "none"),
            ("1.24", "1.24"),
            ("1.23", "none"),
            ("", "1.24"),
        ] {
            assert_eq!(spoken(theirs), expected, "{theirs}");
        }
    }

    #[test]
    fn other_text_is_no_version() {
        for text in ["1", "1.x", "-1.2", "1.+2", "1.99999", "one.two"] {
            assert_eq!(text.parse::<ApiVersion>(), Err(()), "{text}");
        }
    }
}
