//! What tags meant over time, from the versions that a trust server keeps, each verified by keys of its time.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::digest::Digest;
use countersign_core::key::KeyId;
use countersign_core::metadata::{Document as _, Envelope, Targets};
use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::time::{DateTime, UpdateStart};
use serde::Serialize;

use crate::export::{Edition, ExportError, ExportLimits, History};
use crate::updater::{Refreshed, Roles, Updater};
use crate::why::signed_about;

/// What was said of tags, in the order in which it was signed.
#[derive(Debug)]
pub struct TagHistory {
    /// The collection as it is now.
    pub now: Refreshed,
    /// What was said.
    pub events: Vec<TagEvent>,
    /// What is not known, in words: versions that are not there or could not be verified.
    pub missing: Vec<String>,
}

/// A role began to say something else of a tag.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct TagEvent {
    /// The tag.
    pub tag: TargetName,
    /// The role.
    pub role: RoleName,
    /// The version of the role's file in which it first says so, among those that are known.
    pub version: MetaVersion,
    /// The SHA-256 of what the tag means from then on; absent when the role says nothing of it any more.
    pub digest: Option<Digest>,
    /// When that was signed, if the file lives as long as the usual tools have it.
    pub signed_about: Option<DateTime>,
    /// Canonical ids of the keys whose signatures the file has.
    pub signers: BTreeSet<KeyId>,
}

/// Follows one tag, or all, through every version of every role that the server still has.
///
/// Nothing is taken from a file that no key of its time signed. A server can leave versions out; gaps in their numbers are told.
///
/// # Errors
/// [`ExportError::Update`], [`ExportError::Large`].
pub async fn tag_history(
    updater: &Updater,
    start: UpdateStart,
    tag: Option<&TargetName>,
    limits: ExportLimits,
) -> Result<TagHistory, ExportError> {
    let refreshed = updater.refresh(start, Roles::All).await?;
    let mut history = History::of(updater, &refreshed.collection, limits);
    history.collect().await?;
    let mut missing: Vec<_> = history.missing.drain(..).collect();
    let mut versions: BTreeMap<RoleName, Vec<Edition>> = BTreeMap::new();
    for edition in history.into_versions() {
        let is_targets = edition.role.is_delegation() || edition.role == TopRole::Targets;
        if is_targets && edition.signers.is_some() {
            versions.entry(edition.role.clone()).or_default().push(edition);
        } else if is_targets {
            let (role, version) = (&edition.role, edition.version);
            missing.push(format!(
                "{role} version {version} is signed by no key that is known to have been its own"
            ));
        }
    }
    let limits = &refreshed.collection.environment().limits;
    let mut events = Vec::new();
    for (role, mut editions) in versions {
        editions.sort_by_key(|edition| edition.version);
        let mut said = BTreeMap::new();
        let mut last: Option<MetaVersion> = None;
        for edition in &editions {
            // The first version of `targets` is made when a collection begins, and never published.
            if last.is_some_and(|last| last.get() + 1 != edition.version.get()) {
                missing.push(format!("the server has no version of {role} just before {}", edition.version));
            }
            last = Some(edition.version);
            let Some(file) = claimed(edition, limits) else { continue };
            let says = meanings(&file, tag);
            let tags: BTreeSet<_> = said.keys().chain(says.keys()).cloned().collect();
            for tag in tags.into_iter().filter(|tag| said.get(tag) != says.get(tag)) {
                events.push(TagEvent {
                    role: role.clone(),
                    version: edition.version,
                    digest: says.get(&tag).copied(),
                    signed_about: signed_about(&role, file.expires()),
                    signers: edition.signers.clone().unwrap_or_default(),
                    tag,
                });
            }
            said = says;
        }
    }
    events.sort_by(|one, other| {
        (one.signed_about, &one.role, one.version, &one.tag).cmp(&(
            other.signed_about,
            &other.role,
            other.version,
            &other.tag,
        ))
    });
    Ok(TagHistory { now: refreshed, events, missing })
}

/// The document of an edition whose signatures were verified.
fn claimed(edition: &Edition, limits: &countersign_core::limits::Limits) -> Option<Targets> {
    Envelope::parse(edition.bytes.clone(), limits).ok()?.claim::<Targets>().ok()
}

fn meanings(file: &Targets, tag: Option<&TargetName>) -> BTreeMap<TargetName, Digest> {
    let entries: Box<dyn Iterator<Item = _>> = match tag {
        Some(tag) => {
            Box::new(file.targets.find(tag).into_iter().map(|meta| (tag.clone(), meta.into_owned())))
        }
        None => file.targets.entries(),
    };
    entries.filter_map(|(name, meta)| Some((name, meta.hashes.sha256()?))).collect()
}
