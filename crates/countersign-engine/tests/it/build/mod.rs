//! The input of image builds.

mod corpus;
mod properties;

use std::collections::BTreeMap;

use countersign_core::digest::Digest;
use countersign_engine::build::BuildPlan;
use countersign_registry::reference::ImageReference;

/// A digest for each reference that needs one: that of its full text.
fn pins(plan: &BuildPlan) -> BTreeMap<ImageReference, Digest> {
    let digest = |reference: &ImageReference| Digest::sha256(reference.to_string().as_bytes());
    plan.unresolved().into_iter().map(|reference| (reference.clone(), digest(&reference))).collect()
}
