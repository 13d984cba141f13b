//! Where a key may sign, and what it has signed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use countersign_client::cache_memory::MemoryCache;
use countersign_client::export::{ExportError, ExportLimits};
use countersign_client::history::{TagEvent, tag_history};
use countersign_client::publisher::{MaySign, may_sign};
use countersign_client::remote_http::{Access, changefeed};
use countersign_client::trust_server::VARIABLE;
use countersign_client::updater::{UpdateError, Updater};
use countersign_core::digest::Digest;
use countersign_core::key::KeyId;
use countersign_core::metadata::Delegation;
use countersign_core::name::{Gun, RoleName, TargetName, TopRole};
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::TrustedCollection;
use serde::Serialize;
use tokio::task::spawn_blocking;

use crate::app::App;
use crate::commands::doctor::collections;
use crate::commands::repo::shown;
use crate::output::HEADING;
use crate::report;
use crate::time::minute;

/// A collection that the key may sign.
#[derive(Serialize)]
pub(super) struct Collection {
    pub(super) gun: Gun,
    server: String,
    may_sign: Vec<MaySign>,
    /// The other keys of files that the key may have signed, which are signed again with them.
    kept: Vec<Kept>,
    /// What it signed, as far as the server has it.
    signed: Vec<TagEvent>,
    /// The SHA-256 of each file that was looked at.
    #[serde(skip)]
    pub(super) files: BTreeMap<RoleName, Digest>,
    /// What is not known of that, in words.
    missing: Vec<String>,
    /// The tags that nobody else's signature stands behind.
    nobody_else_signed: BTreeSet<TargetName>,
}

/// Keys that stay.
#[derive(Serialize)]
struct Kept {
    /// The role that lists them.
    by: RoleName,
    /// The role that they are of.
    role: RoleName,
    /// Their canonical ids.
    keys: BTreeSet<KeyId>,
}

/// What looking came to.
#[derive(Default)]
pub(super) struct Found {
    /// The collections that the key may sign.
    pub(super) collections: Vec<Collection>,
    /// How many collections were looked at.
    pub(super) looked_at: usize,
    /// Of how many collections and delegations it could not be told.
    pub(super) unknown: usize,
}

/// What looking at one collection came to.
enum Looked {
    /// The server has no trust data for it, and never had as far as is known here.
    Nothing,
    At {
        collection: Option<Box<Collection>>,
        /// The delegations that cannot be used, with all below them.
        unread: Vec<RoleName>,
    },
}

/// The collections that a key may sign.
pub(super) async fn with_key(
    key: KeyId,
    since: Option<DateTime>,
    whole_server: bool,
    app: &App,
) -> anyhow::Result<Found> {
    let trust_dir = app.context().trust_dir();
    let cached = spawn_blocking(move || collections(&trust_dir)).await?;
    let cached: BTreeSet<_> = cached.into_iter().map(|collection| collection.gun).collect();
    let (mut guns, mut listed, mut found) = (cached.clone(), BTreeSet::new(), Found::default());
    if whole_server {
        let (session, server) = app.trust_server_session()?.with_context(|| {
            format!("`{VARIABLE}` is not set, so that there is no one trust server to look through")
        })?;
        match changefeed::collections(&session, &server).await {
            Ok(all) => {
                guns.extend(all.iter().cloned());
                listed = all;
            }
            Err(error) => {
                let why = report::one_line(&error);
                app.printer().warn(format_args!(
                    "`{}` does not say which repositories it has, and only those that are cached here are looked at: {why}",
                    server.host()
                ));
                found.unknown += 1;
            }
        }
    }
    for gun in guns {
        match of_collection(&gun, key, since, cached.contains(&gun), app).await {
            Ok(Looked::At { collection, unread }) => {
                for role in unread {
                    app.printer().warn(format_args!(
                        "`{role}` of `{gun}` cannot be read, and whether the key may sign below it could not be told"
                    ));
                    found.unknown += 1;
                }
                found.looked_at += 1;
                found.collections.extend(collection.map(|collection| *collection));
            }
            Ok(Looked::Nothing) if listed.contains(&gun) => {
                app.printer().warn(format_args!(
                    "the trust server lists `{gun}` and has no trust data for it: there was nothing to look at"
                ));
                found.unknown += 1;
            }
            Ok(Looked::Nothing) => {
                app.printer()
                    .say(format_args!("Nothing of {gun} is published: there was nothing to look at"));
            }
            Err(error) => {
                let why = report::one_line(error.as_ref());
                app.printer().warn(format_args!("whether it may sign `{gun}` could not be told: {why}"));
                found.unknown += 1;
            }
        }
    }
    Ok(found)
}

async fn of_collection(
    gun: &Gun,
    key: KeyId,
    since: Option<DateTime>,
    is_cached: bool,
    app: &App,
) -> anyhow::Result<Looked> {
    let mut updater = app.updater(gun, Access::Push)?;
    if !is_cached {
        // Looking is no first use.
        let cache = Arc::new(MemoryCache::default());
        updater = Updater::new(Arc::clone(updater.remote()), cache, updater.settings().clone());
    }
    let start = UpdateStart(app.context().now());
    let history = match tag_history(&updater, start, None, ExportLimits::default()).await {
        Err(ExportError::Update(UpdateError::NoTrustData { trusted_before: false, .. })) => {
            return Ok(Looked::Nothing);
        }
        history => history?,
    };
    let collection = &history.now.collection;
    let unread = history.now.skipped.iter().map(|skipped| skipped.role.clone()).collect();
    let may_sign = may_sign(collection, key);
    if may_sign.is_empty() {
        return Ok(Looked::At { collection: None, unread });
    }
    let is_meant = |event: &TagEvent| {
        let is_late = since.is_none_or(|since| event.signed_about.is_none_or(|at| at >= since));
        is_late && event.signers.contains(&key)
    };
    let nobody_else_signed = alone(collection, key);
    let root = (RoleName::from(TopRole::Root), collection.root().digest());
    let files = collection.roles().iter().map(|(role, file)| (role.clone(), file.digest()));
    let files = files.chain([root]).collect();
    let kept = kept(collection, key, &may_sign);
    let signed = history.events.into_iter().filter(is_meant).collect();
    let (server, missing) = (updater.remote().server().to_owned(), history.missing);
    let collection =
        Collection { gun: gun.clone(), server, may_sign, kept, signed, files, missing, nobody_else_signed };
    Ok(Looked::At { collection: Some(Box::new(collection)), unread })
}

/// The keys besides this one that root lists, if it has to be signed again, and those of the delegations of each file that it signed:
/// whoever has the key may have put them there.
fn kept(collection: &TrustedCollection, key: KeyId, may_sign: &[MaySign]) -> Vec<Kept> {
    let of = |by: &RoleName, role: RoleName, keys: BTreeSet<KeyId>| {
        let keys: BTreeSet<_> = keys.into_iter().filter(|id| *id != key).collect();
        (!keys.is_empty()).then(|| Kept { by: by.clone(), role, keys })
    };
    let root = RoleName::from(TopRole::Root);
    let is_of_root = may_sign.iter().any(|may| !may.role.is_delegation());
    let tops = TopRole::ALL.into_iter().filter(|_| is_of_root);
    let tops = tops.filter_map(|top| of(&root, top.into(), collection.root().role_keys(top).canonical_ids()));
    let signed = collection.roles().iter().filter(|(_, file)| file.signers().contains(&key));
    let delegated = signed.flat_map(|(by, file)| {
        let delegations = &file.delegations;
        let keys = |role: &Delegation| delegations.role_keys(role).canonical_ids();
        delegations.roles.iter().filter_map(move |role| of(by, role.name.clone(), keys(role)))
    });
    tops.chain(delegated).collect()
}

/// The tags of files that this key alone signed: signed again, they are affirmed by whoever does that.
fn alone(collection: &TrustedCollection, key: KeyId) -> BTreeSet<TargetName> {
    let only = BTreeSet::from([key]);
    let files = collection.roles().values().filter(|file| *file.signers() == only);
    files.flat_map(|file| file.targets.entries().map(|(name, _)| name).collect::<Vec<_>>()).collect()
}

/// What was found of one collection.
pub(super) fn text(collection: &Collection, since: Option<DateTime>) -> String {
    let mut text = format!("{HEADING}{}{HEADING:#} on {}\n", collection.gun, collection.server);
    for MaySign { role, keys, threshold } in &collection.may_sign {
        let _ = writeln!(text, "  may sign {role}: {threshold} of {keys} must");
    }
    let when = since.map_or_else(|| "ever".to_owned(), |since| format!("since {}", minute(since)));
    if collection.signed.is_empty() {
        let _ = writeln!(text, "  signed nothing {when}, as far as the server has it");
    }
    for event in &collection.signed {
        let at = event.signed_about.map_or_else(|| "at some time".to_owned(), minute);
        let what = event.digest.map_or_else(|| "revoked".to_owned(), |digest| digest.to_string());
        let _ = writeln!(text, "  signed {at}: {} = {what} in {}", shown(event.tag.as_str()), event.role);
    }
    for Kept { by, role, keys } in &collection.kept {
        let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "  stays in {by}, for {role}: {}", keys.join(", "));
    }
    for missing in &collection.missing {
        let _ = writeln!(text, "  not known: {missing}");
    }
    if !collection.nobody_else_signed.is_empty() {
        let tags: Vec<_> = collection.nobody_else_signed.iter().map(|tag| shown(tag.as_str())).collect();
        let _ = writeln!(text, "  nobody else signed: {}", tags.join(", "));
    }
    text
}
