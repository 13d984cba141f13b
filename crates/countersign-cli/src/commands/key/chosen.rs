//! Keys as they are named on a command line: by their id, or by how it begins.

use std::str::FromStr;

use countersign_client::keystore::{KeyEntry, KeyList};

use super::KeyRefusal;

/// Fewest digits of an id that say which key is meant: what prompts show.
const FEWEST: usize = 7;

/// An id or its beginning.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ChosenKey(String);

impl ChosenKey {
    /// The one key that is meant.
    pub(super) fn among<'a>(&self, list: &'a KeyList) -> Result<&'a KeyEntry, KeyRefusal> {
        let mut found = list.keys.iter().filter(|key| key.id.to_string().starts_with(&self.0));
        match (found.next(), found.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(KeyRefusal::Ambiguous { beginning: self.0.clone() }),
            (None, _) => Err(KeyRefusal::Unknown { id: self.0.clone() }),
        }
    }
}

impl FromStr for ChosenKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_hex && (FEWEST..=64).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "a key is named by its id, 64 lower-case hex digits, or by its first {FEWEST} or more"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ids: &[&str]) -> KeyList {
        let entry = |id: &&str| KeyEntry {
            id: format!("{id:0<64}").parse().expect("an id"),
            role: "root".to_owned(),
            gun: None,
            location: "here".into(),
            encrypted: true,
        };
        KeyList { keys: ids.iter().map(entry).collect(), unreadable: Vec::new() }
    }

    #[test]
    fn key_is_found_by_the_beginning_of_its_id_if_that_is_one_keys_alone() {
        let list = list(&["abcdef01", "abcdef02"]);
        let chosen = |text: &str| text.parse::<ChosenKey>().expect("an id");
        assert_eq!(chosen("abcdef01").among(&list).expect("one").id, list.keys[0].id);
        assert_eq!(chosen(&list.keys[1].id.to_string()).among(&list).expect("one").id, list.keys[1].id);
        assert!(matches!(chosen("abcdef0").among(&list), Err(KeyRefusal::Ambiguous { .. })));
        assert!(matches!(chosen("abcdef03").among(&list), Err(KeyRefusal::Unknown { .. })));
    }

    #[test]
    fn text_that_is_no_id_is_refused() {
        for text in ["", "abcdef", "ABCDEF01", "abcdefg1", &"a".repeat(65)] {
            assert!(text.parse::<ChosenKey>().is_err(), "{text}");
        }
    }
}
