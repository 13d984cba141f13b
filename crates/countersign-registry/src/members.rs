//! Names of members that two readers would read in two ways.
//!
//! Go's reader of JSON takes `Layers` for `layers`, and the last of two members for the one that counts. This crate's reads exact
//! names only. A document that both could read, and read differently, is refused.
//!
//! Source: Go `encoding/json`; the like in metadata files is refused by `countersign_core::metadata`.

use std::collections::BTreeSet;
use std::fmt;

use countersign_core::metadata::reads_as;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, de};

/// The members of an object that mean something to any reader, each with the shape of what is in it.
pub(crate) struct Shape(&'static [(&'static str, Option<&'static Shape>)]);

/// A manifest, an index, or both, whichever a reader may take the document for.
///
/// Source: OCI image specification, "Image Manifest", "Image Index"; distribution `docs/spec/manifest-v2-1.md`.
pub(crate) static MANIFEST: Shape = Shape(&[
    ("schemaVersion", None),
    ("mediaType", None),
    ("artifactType", None),
    ("config", Some(&DESCRIPTOR)),
    ("layers", Some(&DESCRIPTOR)),
    ("manifests", Some(&DESCRIPTOR)),
    ("subject", Some(&DESCRIPTOR)),
    ("annotations", None),
    ("fsLayers", None),
    ("history", None),
    ("signatures", None),
]);

/// Source: OCI image specification, "OCI Content Descriptors".
static DESCRIPTOR: Shape = Shape(&[
    ("mediaType", None),
    ("digest", None),
    ("size", None),
    ("urls", None),
    ("annotations", None),
    ("data", None),
    ("platform", Some(&PLATFORM)),
    ("artifactType", None),
]);

static PLATFORM: Shape = Shape(&[
    ("architecture", None),
    ("os", None),
    ("os.version", None),
    ("os.features", None),
    ("variant", None),
    ("features", None),
]);

/// An image's configuration, as far as it says which layers the image has and what it runs on.
///
/// Source: OCI image specification, "Image Configuration".
pub(crate) static CONFIG: Shape = Shape(&[
    ("architecture", None),
    ("os", None),
    ("os.version", None),
    ("os.features", None),
    ("variant", None),
    ("config", None),
    ("rootfs", Some(&ROOTFS)),
    ("history", None),
]);

static ROOTFS: Shape = Shape(&[("type", None), ("diff_ids", None)]);

/// What says that a directory or an archive is an image layout.
pub(crate) static LAYOUT: Shape = Shape(&[("imageLayoutVersion", None)]);

/// The list of images in an archive of `docker save`.
///
/// Source: moby `image/tarexport/tarexport.go`.
pub(crate) static SAVED: Shape = Shape(&[
    ("Config", None),
    ("RepoTags", None),
    ("Layers", None),
    ("Parent", None),
    ("LayerSources", None),
]);

impl Shape {
    /// Refuses a JSON document in which a member's name is one of these in another case, or stands twice.
    ///
    /// # Errors
    /// Names the member; or it is no JSON.
    pub(crate) fn admit(&'static self, document: &[u8]) -> Result<(), serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_slice(document);
        self.deserialize(&mut reader)?;
        reader.end()
    }
}

impl<'de> DeserializeSeed<'de> for &'static Shape {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Of a list, each item has the shape; anything that is no object has no members.
impl<'de> Visitor<'de> for &'static Shape {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut met = BTreeSet::new();
        while let Some(found) = members.next_key::<String>()? {
            let Some((known, shape)) = self.0.iter().find(|(known, _)| reads_as(&found, known)) else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            if found != *known {
                let text = format!("member `{}` is `{known}` in another case", found.escape_debug());
                return Err(A::Error::custom(text));
            }
            if !met.insert(*known) {
                return Err(A::Error::custom(format!("member `{known}` is there twice")));
            }
            match shape {
                Some(shape) => members.next_value_seed(*shape)?,
                None => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}
