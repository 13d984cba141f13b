//! Fields that a file has and this dialect does not know.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::metadata::MetadataError;

/// The names of the fields left over after the known ones were read.
///
/// The fields are covered by the signature and stay in the received bytes; they only matter again when somebody wants to
/// sign a next version, which would lose them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Unknown(BTreeSet<String>);

impl Unknown {
    /// Refuses a field that Go's reader would take for one of `known`: one that differs in case only.
    pub(crate) fn refuse_near_misses(&self, known: &[&'static str]) -> Result<(), MetadataError> {
        for found in &self.0 {
            if let Some(known) = known.iter().find(|known| reads_as(found, known)) {
                return Err(MetadataError::NearMiss { found: found.clone(), known });
            }
        }
        Ok(())
    }

    /// The first unknown field's name.
    pub(crate) fn first(&self) -> Option<&str> {
        self.0.first().map(String::as_str)
    }

    /// Takes in the unknown fields of a part.
    pub(crate) fn absorb(&mut self, part: Self) {
        self.0.extend(part.0);
    }
}

/// Whether Go's reader of JSON takes a member called `found` for the field `known`, whose name is in ASCII.
///
/// Source: Go `encoding/json` (field names match in any case, and by Unicode's simple folding).
pub fn reads_as(found: &str, known: &str) -> bool {
    folded(found).eq(folded(known))
}

/// A name as Go folds it: in lower case, with the long s and the Kelvin sign as the letters that they stand for.
fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars().map(|character| match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    })
}

impl<'de> Deserialize<'de> for Unknown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Names)
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Unknown;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Unknown, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, IgnoredAny)) = fields.next_entry()? {
            names.insert(name);
        }
        Ok(Unknown(names))
    }
}
