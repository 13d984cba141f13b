//! What is to be looked at most closely.

use std::str::FromStr;

use countersign_core::name::Gun;
use countersign_registry::reference::ImageReference;

/// An image, or a whole collection.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) gun: Gun,
    pub(super) tag: Option<String>,
}

impl FromStr for Subject {
    type Err = String;

    /// Takes an image reference; and the name of a collection that could be none.
    fn from_str(text: &str) -> Result<Self, String> {
        match ImageReference::parse(text) {
            Ok(reference) => Ok(Self { gun: reference.gun(), tag: reference.tag().map(str::to_owned) }),
            Err(refusal) => match text.parse::<Gun>() {
                Ok(gun) if text.contains('/') => Ok(Self { gun, tag: None }),
                _ => Err(refusal.to_string()),
            },
        }
    }
}
