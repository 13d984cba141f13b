//! Roots: whose keys count from now on.

use std::collections::BTreeMap;

use countersign_core::certificate::self_signed;
use countersign_core::key::PublicKey;
use countersign_core::metadata::Root;
use countersign_core::name::{Gun, TopRole};
use countersign_core::number::Threshold;
use countersign_core::sign::SecretKey;
use countersign_core::signature::RoleKeys;

use super::Client::{Refuses as Refused, Takes as Taken};
use super::Server::{Refuses, Takes};
use super::Setting::Plain;
use super::case::{Case, version};
use super::{Row, hold};
use crate::setting::DAY;

/// Lists exactly these keys for a role.
fn list(root: &mut Root, top: TopRole, keys: &[PublicKey]) {
    root.keys.extend(keys.iter().map(|key| (key.id(), key.clone())));
    root.roles.get_mut(top.name()).expect("listed").keyids = keys.iter().map(PublicKey::id).collect();
}

fn require(root: &mut Root, top: TopRole, threshold: u64) {
    let threshold = Threshold::new(threshold).expect("a threshold");
    root.roles.get_mut(top.name()).expect("listed").threshold = threshold;
}

/// A certificate of `key` for `gun`, valid from `days` before today.
fn certificate(case: &Case, key: &SecretKey, gun: &str, days: i64) -> PublicKey {
    let gun: Gun = gun.parse().expect("a GUN");
    self_signed(&gun, key, case.now().plus_seconds(-days * DAY)).expect("a certificate")
}

/// The next root with a new root key, certified for `gun` that many days ago, and the groups of keys that can sign it: the
/// trusted root's, and its own.
fn handed_over(case: &mut Case, gun: &str, days: i64) -> (Root, [RoleKeys; 2]) {
    let key = case.new_key();
    let certificate = certificate(case, &key, gun, days);
    let root = case.next_root(|root| list(root, TopRole::Root, std::slice::from_ref(&certificate)));
    let keys = [case.keys("root"), root.role_keys(TopRole::Root)];
    (root, keys)
}

/// Two certificates of one new key, and a threshold of two.
fn one_key_twice(case: &mut Case) {
    let key = case.new_key();
    let certificates = [certificate(case, &key, "g/a", 1), certificate(case, &key, "g/a", 2)];
    let root = case.next_root(|root| {
        list(root, TopRole::Root, &certificates);
        require(root, TopRole::Root, 2);
    });
    // Signed under both ids, as somebody would who hopes that ids are counted.
    let both: BTreeMap<_, _> = certificates.iter().map(|key| (key.id(), key.clone())).collect();
    let keys = [case.keys("root"), RoleKeys::new(both, Threshold::ONE)];
    case.put_by("root", &root, &keys);
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = signed_by_others();
    rows.extend(versions_and_times());
    rows.extend(keys_and_thresholds());
    rows
}

fn signed_by_others() -> Vec<Row> {
    vec![
        Row::new(
            "a root that a stranger signed",
            Plain,
            |case| {
                let keys = case.stranger();
                let root = case.next_root(|_| {});
                case.put_by("root", &root, &[keys]);
            },
            Refuses("ErrBadRoot", "is not signed by the keys of trusted root version 1"),
            Refused("Rotation"),
        ),
        Row::new(
            "a root with a new key that only the new key signed",
            Plain,
            |case| {
                let (root, [_, new]) = handed_over(case, "g/a", 1);
                case.put_by("root", &root, &[new]);
            },
            Refuses("ErrBadRoot", "is not signed by the keys of trusted root version 1"),
            Refused("Rotation"),
        ),
        Row::new(
            "a root with a new key that only the old key signed",
            Plain,
            |case| {
                let (root, [old, _]) = handed_over(case, "g/a", 1);
                case.put_by("root", &root, &[old]);
            },
            Refuses("ErrBadRoot", "root is not signed as it must be"),
            Refused("Signature"),
        ),
        Row::new(
            "a root that the targets key signed",
            Plain,
            |case| {
                let root = case.next_root(|_| {});
                let keys = case.keys("targets");
                case.put_by("root", &root, &[keys]);
            },
            Refuses("ErrBadRoot", "is not signed by the keys of trusted root version 1"),
            Refused("Rotation"),
        ),
        Row::new(
            "a root whose new root key is certified for another collection",
            Plain,
            |case| {
                let (root, keys) = handed_over(case, "g/b", 1);
                case.put_by("root", &root, &keys);
            },
            Refuses("ErrBadRoot", "no usable certificate for `g/a`"),
            Refused("NoLeaf"),
        ),
        Row::new(
            "a root whose new root key is the targets key, without a certificate",
            Plain,
            |case| {
                let bare = case.keys("targets").keys().values().next().expect("a key").clone();
                let root = case.next_root(|root| list(root, TopRole::Root, std::slice::from_ref(&bare)));
                let keys = [case.keys("root"), case.keys("targets")];
                case.put_by("root", &root, &keys);
            },
            Refuses("ErrBadRoot", "no usable certificate for `g/a`"),
            Refused("NoLeaf"),
        ),
    ]
}

fn versions_and_times() -> Vec<Row> {
    vec![
        Row::new(
            "a root that skips a version",
            Plain,
            |case| case.edit_root(|root| root.version = version(3)),
            Refuses("ErrBadRoot", "Root modifications must increment the version. Current 1, new 3"),
            Refused("VersionGap"),
        )
        .ids("CVE-2025-2885"),
        Row::new(
            "a root of the trusted version with other content",
            Plain,
            |case| {
                case.edit_root(|root| {
                    root.version = version(1);
                    root.expires = root.expires.plus_seconds(1);
                });
            },
            Refuses("VERSION", ""),
            Refused("VersionGap"),
        ),
        Row::new(
            "a root at the last version there is",
            Plain,
            |case| case.edit_root(|root| root.version = version(2_147_483_647)),
            Refuses("ErrBadRoot", "Current 1, new 2147483647"),
            Refused("VersionGap"),
        )
        .ids("Cure53 TUF-01-002"),
        Row::new(
            "a root that expires at this very instant",
            Plain,
            |case| {
                let now = case.now();
                case.edit_root(|root| root.expires = now);
            },
            Refuses("ErrBadRoot", "root expired at"),
            Refused("Expired"),
        )
        .ids("NCC 2015-2"),
        Row::new(
            "a root whose certificate expired",
            Plain,
            |case| {
                let (root, keys) = handed_over(case, "g/a", 11 * 366);
                case.put_by("root", &root, &keys);
            },
            Refuses("ErrBadRoot", "no usable certificate for `g/a`"),
            Refused("NoLeaf"),
        )
        .ids("NCC 2015-2"),
        Row::new(
            "a root whose certificate is not valid yet",
            Plain,
            |case| {
                let (root, keys) = handed_over(case, "g/a", -3);
                case.put_by("root", &root, &keys);
            },
            Refuses("ErrBadRoot", "no usable certificate for `g/a`"),
            Refused("NoLeaf"),
        ),
    ]
}

fn keys_and_thresholds() -> Vec<Row> {
    vec![
        Row::new(
            "a root that needs two keys, signed by one key under two certificates",
            Plain,
            one_key_twice,
            Refuses("ErrBadRoot", "1 of 2 required signatures"),
            Refused("Signature"),
        ),
        Row::new(
            "a root that lists a key under another key's id",
            Plain,
            |case| {
                let stranger = case.new_key().public_key().clone();
                case.edit_root(|root| {
                    let id = root.roles["targets"].keyids[0];
                    root.keys.insert(id, stranger);
                });
            },
            Refuses("ErrBadRoot", "has the id"),
            Refused("Metadata"),
        ),
        Row::new(
            "a root whose targets need two of one key",
            Plain,
            |case| case.edit_root(|root| require(root, TopRole::Targets, 2)),
            Refuses("ErrBadTargets", "1 of 2 required signatures"),
            Refused("Signature"),
        )
        .ids("CVE-2026-23992"),
        Row::new(
            "a root that takes the targets key away, over targets that it signed",
            Plain,
            |case| {
                let key = case.new_key().public_key().clone();
                case.edit_root(|root| list(root, TopRole::Targets, std::slice::from_ref(&key)));
            },
            Refuses("ErrBadTargets", "0 of 1 required signatures"),
            Refused("Signature"),
        ),
        Row::new(
            "a root whose timestamp key the publisher keeps",
            Plain,
            |case| {
                let key = case.new_key().public_key().clone();
                case.edit_root(|root| list(root, TopRole::Timestamp, std::slice::from_ref(&key)));
            },
            Refuses("ErrBadRoot", "no  timestamp keys exist on the server"),
            Taken,
        )
        .why("the server could not sign what it publishes; a client does not ask who holds a key"),
        Row::new(
            "a root whose timestamp is the targets key's",
            Plain,
            |case| {
                let key = case.keys("targets").keys().values().next().expect("a key").clone();
                case.edit_root(|root| list(root, TopRole::Timestamp, std::slice::from_ref(&key)));
            },
            Refuses("ErrBadRoot", "no  timestamp keys exist on the server"),
            Taken,
        )
        .why("the server could not sign what it publishes; a client does not ask who holds a key"),
        Row::new(
            "a root whose targets key is its snapshot key too",
            Plain,
            |case| {
                let key = case.keys("snapshot").keys().values().next().expect("a key").clone();
                case.edit_root(|root| list(root, TopRole::Targets, std::slice::from_ref(&key)));
                case.root = case.claim("root");
                case.edit_targets("targets", |_| {});
            },
            Takes,
            Taken,
        ),
    ]
}

#[tokio::test]
async fn root_has_both_verdicts() {
    hold(rows()).await;
}
