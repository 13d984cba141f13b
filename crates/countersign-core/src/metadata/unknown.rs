//! Fields that a file has and this dialect does not know.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::metadata::MetadataError;

/// The fields left over after the known ones were read.
///
/// They are covered by the signature and stay in the received bytes; they only matter again when somebody wants to sign
/// a next version, which would lose them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(transparent)]
pub(crate) struct Unknown(BTreeMap<String, Value>);

impl Unknown {
    /// Refuses a field that differs from one of `known` in case only.
    pub(crate) fn refuse_near_misses(&self, known: &[&'static str]) -> Result<(), MetadataError> {
        for found in self.0.keys() {
            if let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(found)) {
                return Err(MetadataError::NearMiss { found: found.clone(), known });
            }
        }
        Ok(())
    }

    /// The first unknown field's name.
    pub(crate) fn first(&self) -> Option<&str> {
        self.0.keys().next().map(String::as_str)
    }
}
