//! The two numbers that metadata counts with.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Largest version that this dialect's stores can hold (`int` columns): 2^31 − 1.
const MAX_VERSION: u64 = 0x7fff_ffff;

/// The version of one metadata file, 1 to 2^31 − 1.
///
/// Source: TUF 1.0.34 §4.3; the upper bound is Notary's database column (`tuf_files.version int`).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct MetaVersion(NonZeroU64);

impl MetaVersion {
    /// Version 1, the first that can exist.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Takes `value`, or says why it is no version.
    pub fn new(value: u64) -> Result<Self, NumberError> {
        match NonZeroU64::new(value) {
            Some(number) if value <= MAX_VERSION => Ok(Self(number)),
            _ => Err(NumberError::Version(value)),
        }
    }

    /// The number itself.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The version after this one; an error at the very last.
    pub fn next(self) -> Result<Self, NumberError> {
        Self::new(self.get() + 1)
    }
}

impl fmt::Display for MetaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u64> for MetaVersion {
    type Error = NumberError;

    fn try_from(value: u64) -> Result<Self, NumberError> {
        Self::new(value)
    }
}

impl From<MetaVersion> for u64 {
    fn from(version: MetaVersion) -> Self {
        version.get()
    }
}

/// How many distinct keys must have signed, at least 1.
///
/// Source: TUF 1.0.34 §4.3 (`THRESHOLD`).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Threshold(NonZeroU32);

impl Threshold {
    /// A threshold of one key.
    pub const ONE: Self = Self(NonZeroU32::MIN);

    /// Takes `value`, or says why it is no threshold.
    pub fn new(value: u64) -> Result<Self, NumberError> {
        u32::try_from(value).ok().and_then(NonZeroU32::new).map(Self).ok_or(NumberError::Threshold(value))
    }

    /// The number of keys, as a count.
    pub fn get(self) -> usize {
        self.0.get() as usize
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u64> for Threshold {
    type Error = NumberError;

    fn try_from(value: u64) -> Result<Self, NumberError> {
        Self::new(value)
    }
}

impl From<Threshold> for u64 {
    fn from(threshold: Threshold) -> Self {
        u64::from(threshold.0.get())
    }
}

/// A number that cannot be what it is meant to be.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum NumberError {
    /// Zero, or above 2^31 − 1.
    #[error("version {0} is not between 1 and {MAX_VERSION}")]
    Version(u64),
    /// Zero, or above 2^32 − 1.
    #[error("threshold {0} is not between 1 and 4294967295")]
    Threshold(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_bounds_are_one_and_the_largest_column_value() {
        assert_eq!(MetaVersion::new(0), Err(NumberError::Version(0)));
        assert_eq!(MetaVersion::new(1), Ok(MetaVersion::FIRST));
        assert!(MetaVersion::new(MAX_VERSION).is_ok());
        assert_eq!(MetaVersion::new(MAX_VERSION + 1), Err(NumberError::Version(MAX_VERSION + 1)));
    }

    #[test]
    fn version_next_stops_at_the_last() {
        assert_eq!(
            MetaVersion::new(MAX_VERSION).and_then(MetaVersion::next),
            Err(NumberError::Version(MAX_VERSION + 1))
        );
    }

    #[test]
    fn threshold_zero_and_too_large_are_refused() {
        assert_eq!(Threshold::new(0), Err(NumberError::Threshold(0)));
        assert!(Threshold::new(1 << 40).is_err());
        assert_eq!(Threshold::new(1), Ok(Threshold::ONE));
    }
}
