//! What others do while it is decided, and while it is published.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_client::publisher::PublisherError;
use countersign_core::author::Change;
use countersign_core::metadata::FileMeta;
use countersign_core::name::TopRole;
use countersign_core::number::Threshold;

use super::{Case, declared, named, stays};
use crate::collection::{name, role};
use crate::simulator::Fault;

/// Whoever has a stolen key goes on publishing with it while it is decided what to do: what nobody has seen is not affirmed.
#[tokio::test]
async fn key_is_not_taken_out_by_signing_what_was_not_looked_at() {
    let case = Case::with_targets_key().await;
    let shown = case.shown().await;
    case.owner.sign("evil", b"evil").await.expect("the thief's");
    let refused = case.take_out_of(&shown).await;
    let why = stays(&refused, &[], &["targets"]);
    assert!(matches!(why, PublisherError::ChangedSinceShown { .. }), "{why:?}");
    assert!(case.server.uploads().is_empty());
    let taken = case.take_out().await;
    assert_eq!((named(&taken.taken), taken.left.len()), (vec!["targets"], 0));
    assert!(!case.owner.keys_of(TopRole::Targets).await.contains(&case.id()));
}

#[tokio::test]
async fn targets_that_changed_keep_the_key_in_themselves_and_their_delegations_alone() {
    let case = Case::with_targets_key().await;
    case.nested(1).await;
    let shown = case.shown().await;
    let evil = Change::SetTarget { role: role("targets"), name: name("evil"), meta: FileMeta::of(b"evil") };
    case.publish(vec![evil]).await;
    let taken = case.take_out_of(&shown).await;
    let why = stays(&taken, &["targets/a/b"], &["targets", "targets/c"]);
    assert!(matches!(why, PublisherError::ChangedSinceShown { .. }), "{why:?}");
    assert_eq!(case.server.uploads(), [["targets/a"]]);
}

#[tokio::test]
async fn delegation_that_the_thief_signs_meanwhile_is_not_signed_again() {
    let case = Case::new().await;
    let [first, next] = ["first", "next"].map(|of| case.owner.key_for(of));
    let roles = [
        declared("targets/c", Threshold::ONE, &[&case.stolen, &first]),
        declared("targets/d", Threshold::ONE, &[&case.stolen, &next]),
    ];
    case.publish(roles.concat()).await;
    let shown = case.shown().await;
    let theirs = case.later("targets/c", &case.stolen, 1).await;
    case.server.take(&theirs).expect("taken");
    let taken = case.take_out_of(&shown).await;
    let why = stays(&taken, &["targets/d"], &["targets/c"]);
    assert!(matches!(why, PublisherError::ChangedSinceShown { .. }), "{why:?}");
    assert_eq!(case.server.uploads(), [["targets"]]);
}

#[tokio::test]
async fn delegation_that_changes_before_the_upload_is_not_signed_again() {
    let case = Case::new().await;
    let later = case.nested(1).await;
    case.server.meanwhile(move || later);
    let taken = case.take_out().await;
    let why = stays(&taken, &["targets/c"], &["targets/a/b"]);
    assert!(matches!(why, PublisherError::ChangedSinceShown { .. }), "{why:?}");
    assert_eq!(case.may_sign().await, ["targets/a/b"]);
}

#[tokio::test]
async fn key_that_is_put_back_meanwhile_is_said_to_be() {
    let case = Case::new().await;
    let later = case.nested(2).await;
    // The first upload took it out of that.
    case.server.meanwhile_after(1, move || later);
    let taken = case.take_out().await;
    let why = stays(&taken, &["targets/c"], &["targets/a/b"]);
    assert!(matches!(why, PublisherError::PutBack { .. }), "{why:?}");
    assert_eq!(case.server.uploads(), [["targets/a"], ["targets"]]);
}

#[tokio::test]
async fn outcome_that_cannot_be_seen_is_not_confirmed() {
    let case = Case::new().await;
    let next = case.owner.key_for("next");
    case.publish(declared("targets/c", Threshold::ONE, &[&case.stolen, &next]).into()).await;
    let files = Arc::clone(&case.server.files);
    case.server.meanwhile(move || {
        files.fail("timestamp.json", Fault::Status(503));
        BTreeMap::new()
    });
    let taken = case.take_out().await;
    taken.confirmed.expect_err("the server does not answer");
    assert_eq!((named(&taken.taken), taken.left.len()), (vec!["targets/c"], 0));
    case.server.files.fail("timestamp.json", None);
    assert!(case.may_sign().await.is_empty());
}

#[tokio::test]
async fn key_that_root_got_since_the_look_is_not_signed() {
    let case = Case::with_targets_key().await;
    let shown = case.shown().await;
    let keys = vec![case.stolen.clone(), case.owner.key_for("thief")];
    case.publish(vec![Change::ReplaceKeys { role: TopRole::Targets, keys }]).await;
    let taken = case.take_out_of(&shown).await;
    let why = stays(&taken, &[], &["targets"]);
    assert!(matches!(why, PublisherError::ChangedSinceShown { role } if *role == TopRole::Root), "{why:?}");
    assert!(case.server.uploads().is_empty());
}
