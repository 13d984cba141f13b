//! Whether the local images are whole.

use countersign_registry::descriptor::Descriptor;
use countersign_registry::manifest::Content;
use countersign_registry::store::{Store, StoreError};

use super::finding::Finding;
use crate::context::Context;
use crate::report::one_line;

pub(super) fn check(context: &Context) -> Vec<Finding> {
    let dir = match context.data_dir() {
        Ok(dir) => dir.join("images"),
        Err(error) => return vec![Finding::fail("images", error.to_string())],
    };
    if !dir.exists() {
        return vec![Finding::ok("images", format!("no local images yet: `{}` is not there", dir.display()))];
    }
    let listed = Store::open(&dir).and_then(|store| Ok((store.list()?, store)));
    let (images, store) = match listed {
        Ok(listed) => listed,
        Err(error) => return vec![Finding::error("images", &error.into())],
    };
    let mut findings = Vec::new();
    for image in &images {
        let name =
            image.reference.as_ref().map_or_else(|| image.descriptor.digest.to_string(), ToString::to_string);
        if let Err(error) = whole(&store, &image.descriptor, DEPTH) {
            let finding = Finding::fail("images", format!("`{name}`: {}", one_line(&error)));
            findings.push(finding.hint("pull or load the image again"));
        }
    }
    if findings.is_empty() {
        let count = if images.len() == 1 { "1 image".to_owned() } else { format!("{} images", images.len()) };
        findings.push(Finding::ok(
            "images",
            format!("{count} in `{}`, with everything that they name", dir.display()),
        ));
    }
    findings
}

/// How deep indexes may lie in indexes.
const DEPTH: usize = 4;

/// Whether everything that an image names is there, with its size; of an index, at least one image.
///
/// Contents are compared with digests when they are used; reading all of it here could take hours.
fn whole(store: &Store, root: &Descriptor, depth: usize) -> Result<(), StoreError> {
    match store.manifest(root)?.content() {
        Content::Image(image) => {
            for blob in image.blobs() {
                if !store.has(blob)? {
                    return Err(StoreError::BlobMissing { digest: blob.digest });
                }
            }
            Ok(())
        }
        Content::Index(_) if depth == 0 => Ok(()),
        Content::Index(index) => {
            let mut last = Ok(());
            for manifest in &index.manifests {
                last = whole(store, manifest, depth - 1);
                if last.is_ok() {
                    break;
                }
            }
            last
        }
    }
}
