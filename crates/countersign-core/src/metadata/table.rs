//! The `targets` of one document, by name.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::digest::Hashes;
use crate::metadata::plain::PlainEntry;
use crate::metadata::walk::Entry;
use crate::metadata::{FileMeta, MetadataError};
use crate::name::TargetName;

/// About how many bytes an entry takes in a file.
const USUAL_ENTRY: usize = 200;

/// Target names and what they mean, sorted by the bytes of the name.
///
/// A table that was read from a canonical file stays in the file's bytes; an entry is decoded when it is asked for. Each
/// entry's shape was checked when the table was read.
#[derive(Clone, Debug)]
pub struct TargetTable(Form);

#[derive(Clone, Debug)]
enum Form {
    InFile { file: Bytes, entries: Vec<Entry> },
    Owned(BTreeMap<TargetName, FileMeta>),
}

impl TargetTable {
    /// Takes the entries of a canonical file.
    pub(crate) fn in_file(file: Bytes, entries: Vec<Entry>) -> Result<Self, MetadataError> {
        for entry in entries.iter().filter(|entry| !entry.is_plain()) {
            serde_json::from_slice::<FileMeta>(&file[entry.value()])?.refuse_near_misses()?;
        }
        Ok(Self(Form::InFile { file, entries }))
    }

    /// How many targets there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::InFile { entries, .. } => entries.len(),
            Form::Owned(map) => map.len(),
        }
    }

    /// Whether there is no target.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What `name` means here.
    pub fn find(&self, name: &TargetName) -> Option<Cow<'_, FileMeta>> {
        match &self.0 {
            Form::InFile { file, entries } => {
                let wanted = name.as_str().as_bytes();
                let at = entries.binary_search_by(|entry| file[entry.name()].cmp(wanted)).ok()?;
                decode(file, entries[at]).map(|(_, meta)| Cow::Owned(meta))
            }
            Form::Owned(map) => map.get(name).map(Cow::Borrowed),
        }
    }

    /// Every target, sorted by the bytes of its name.
    pub fn entries(&self) -> Box<dyn Iterator<Item = (TargetName, FileMeta)> + '_> {
        match &self.0 {
            Form::InFile { file, entries } => {
                Box::new(entries.iter().filter_map(|entry| decode(file, *entry)))
            }
            Form::Owned(map) => Box::new(map.iter().map(|(name, meta)| (name.clone(), meta.clone()))),
        }
    }

    /// Sets what `name` means, and returns what it meant.
    pub fn insert(&mut self, name: TargetName, meta: FileMeta) -> Option<FileMeta> {
        self.owned().insert(name, meta)
    }

    /// Removes `name`, and returns what it meant.
    pub fn remove(&mut self, name: &TargetName) -> Option<FileMeta> {
        self.owned().remove(name)
    }

    /// The name of the first unknown field of any entry.
    pub(crate) fn unknown_field(&self) -> Option<String> {
        match &self.0 {
            Form::InFile { file, entries } => {
                let odd = entries.iter().filter(|entry| !entry.is_plain());
                odd.filter_map(|entry| decode(file, *entry))
                    .find_map(|(_, meta)| meta.unknown_field().map(str::to_owned))
            }
            Form::Owned(map) => map.values().find_map(FileMeta::unknown_field).map(str::to_owned),
        }
    }

    /// Whether every entry is just as it would be written here: one in a file may have further fields.
    pub(crate) fn is_as_written(&self) -> bool {
        let Form::InFile { file, entries } = &self.0 else { return true };
        entries.iter().filter(|entry| !entry.is_plain()).all(|entry| {
            let mut written = Vec::new();
            decode(file, *entry).is_some_and(|(_, meta)| {
                meta.write_canonical(&mut written);
                written == file[entry.value()]
            })
        })
    }

    /// Appends the canonical form.
    pub(crate) fn write_canonical(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        match &self.0 {
            Form::InFile { file, entries } => {
                out.reserve(file.len());
                for (index, entry) in entries.iter().enumerate() {
                    separate(out, index);
                    out.push(b'"');
                    out.extend_from_slice(&file[entry.name()]);
                    out.extend_from_slice(b"\":");
                    out.extend_from_slice(&file[entry.value()]);
                }
            }
            Form::Owned(map) => {
                out.reserve(map.len() * USUAL_ENTRY);
                for (index, (name, meta)) in map.iter().enumerate() {
                    separate(out, index);
                    crate::canonical::write_string(out, name.as_str());
                    out.push(b':');
                    meta.write_canonical(out);
                }
            }
        }
        out.push(b'}');
    }

    fn owned(&mut self) -> &mut BTreeMap<TargetName, FileMeta> {
        if let Form::InFile { file, entries } = &self.0 {
            self.0 = Form::Owned(entries.iter().filter_map(|entry| decode(file, *entry)).collect());
        }
        match &mut self.0 {
            Form::Owned(map) => map,
            Form::InFile { .. } => unreachable!("the table was just taken over"),
        }
    }
}

impl Default for TargetTable {
    fn default() -> Self {
        Self(Form::Owned(BTreeMap::new()))
    }
}

impl From<BTreeMap<TargetName, FileMeta>> for TargetTable {
    fn from(map: BTreeMap<TargetName, FileMeta>) -> Self {
        Self(Form::Owned(map))
    }
}

impl PartialEq for TargetTable {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.entries().eq(other.entries())
    }
}

fn separate(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

/// Decodes one entry. Its shape was checked when the table was read, so nothing is ever left out.
fn decode(file: &Bytes, entry: Entry) -> Option<(TargetName, FileMeta)> {
    let name = std::str::from_utf8(&file[entry.name()]).ok()?;
    let text = &file[entry.value()];
    let meta = match PlainEntry::read(text) {
        Some((plain, _)) => FileMeta::new(Hashes::from_base64(plain.sha256, plain.sha512)?, plain.length),
        None => serde_json::from_slice(text).ok()?,
    };
    Some((TargetName::from(name.to_owned()), meta))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::walk;

    fn table(targets: &str) -> Result<TargetTable, MetadataError> {
        let file = Bytes::from(format!(r#"{{"signed":{{"targets":{targets}}},"signatures":[]}}"#));
        let layout = walk::layout(&file).expect("canonical");
        TargetTable::in_file(file, layout.targets)
    }

    #[test]
    fn table_in_file_finds_the_same_as_an_owned_one() {
        let mut owned = TargetTable::default();
        for name in ["a", "b", "z10", "z2", "\u{e9}"] {
            owned.insert(TargetName::from(name.to_owned()), FileMeta::of(name.as_bytes()));
        }
        let mut text = Vec::new();
        owned.write_canonical(&mut text);
        let read = table(std::str::from_utf8(&text).expect("UTF-8")).expect("own entries");
        assert_eq!(read, owned);
        for name in ["a", "z2", "\u{e9}", "nope", ""] {
            let name = TargetName::from(name.to_owned());
            assert_eq!(read.find(&name), owned.find(&name));
        }
        let mut again = Vec::new();
        read.write_canonical(&mut again);
        assert_eq!(again, text);
    }

    #[test]
    fn malformed_entry_refuses_the_whole_table() {
        for bad in [
            r#"{"a":{}}"#,
            r#"{"a":1}"#,
            r#"{"a":{"hashes":{},"length":"1"}}"#,
            r#"{"a":{"hashes":{"sha256":"AA=="},"length":1}}"#,
            r#"{"a":{"hashes":{},"length":-1}}"#,
        ] {
            assert!(table(bad).is_err(), "{bad} was accepted");
        }
        let near = r#"{"a":{"Length":2,"hashes":{},"length":1}}"#;
        assert!(matches!(table(near), Err(MetadataError::NearMiss { known: "length", .. })));
    }
}
