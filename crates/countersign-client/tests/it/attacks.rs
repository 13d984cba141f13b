//! What an attacker between the publisher and us may serve. Each is refused, nothing is kept of it, and the next honest
//! update succeeds.

mod case;
mod documents;
mod endless;
mod escalation;
mod methods;
mod rotation;
mod table;
mod time;
mod versions;
mod whose;

use std::sync::Arc;

use bytes::Bytes;
use countersign_client::updater::{DelegationFault, UpdateError};
use countersign_core::digest::Digest;
use countersign_core::metadata::FileMeta;
use countersign_core::name::TopRole;
use countersign_core::number::Threshold;
use countersign_core::trust::TrustError;

use crate::collection::{Files, Sim, name, now, role, version};
use crate::simulator::{Asker, SimServer};

/// Somebody who has trusted the second edition.
async fn warm() -> (Sim, Files, Arc<SimServer>, Asker) {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    sim.set_in("targets/releases", "v1", b"first");
    let old = sim.files();
    let server = SimServer::with(&old);
    sim.set_in("targets/releases", "v1", b"second");
    server.publish(&sim.publish());
    let asker = Asker::of(&sim, &server);
    assert_eq!(asker.digest("v1").await, Digest::sha256(b"second"));
    (sim, old, server, asker)
}

/// Updates, must be refused, and then sees that nothing changed and honest files are still taken.
async fn refused(sim: &Sim, server: &SimServer, asker: &Asker) -> TrustError {
    let before = asker.cached().await;
    let error = asker.pull().await.expect_err("an attack");
    assert!(error.is_untrusted(), "{error:?}");
    assert_eq!(asker.cached().await, before, "something of it was kept");
    let mut honest = sim.clone();
    honest.timestamp.version = version(1000);
    honest.snapshot.version = version(1000);
    for targets in honest.roles.values_mut() {
        targets.version = version(1000);
    }
    honest.set_in("targets/releases", "v1", b"third");
    server.publish(&honest.files());
    assert_eq!(asker.digest("v1").await, Digest::sha256(b"third"));
    match error {
        UpdateError::Untrusted(error)
        | UpdateError::Releases { source: DelegationFault::Untrusted(error), .. } => error,
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn old_timestamp_is_refused() {
    let (sim, old, server, asker) = warm().await;
    server.publish(&old);
    let error = refused(&sim, &server, &asker).await;
    assert!(matches!(&error, TrustError::Rollback { role, .. } if *role == TopRole::Timestamp), "{error:?}");
}

#[tokio::test]
async fn old_file_of_each_role_below_a_new_timestamp_is_refused() {
    for old_role in ["snapshot", "targets", "targets/releases"] {
        let (sim, _, server, asker) = warm().await;
        let mut attacked = sim.clone();
        attacked.timestamp.version = version(10);
        attacked.snapshot.version = version(if old_role == "snapshot" { 1 } else { 10 });
        for (role, targets) in &mut attacked.roles {
            targets.version = version(if role.as_str() == old_role { 1 } else { 10 });
        }
        server.publish(&attacked.files());
        let error = refused(&sim, &server, &asker).await;
        assert!(
            matches!(&error, TrustError::Rollback { role, .. } if role.as_str() == old_role),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn equal_version_with_other_content_is_refused() {
    for other in ["timestamp", "snapshot", "targets", "targets/releases"] {
        let (sim, _, server, asker) = warm().await;
        let mut attacked = sim.clone();
        let expires = now().plus_seconds(7200);
        match other {
            "timestamp" => attacked.timestamp.expires = expires,
            "snapshot" => {
                attacked.timestamp.version = version(10);
                attacked.snapshot.expires = expires;
            }
            other => {
                attacked.timestamp.version = version(10);
                attacked.snapshot.version = version(10);
                attacked.targets(other).expires = expires;
            }
        }
        server.publish(&attacked.files());
        let error = refused(&sim, &server, &asker).await;
        assert!(
            matches!(&error, TrustError::Equivocation { role, .. } if role.as_str() == other),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn frozen_timestamp_is_refused_once_it_expired() {
    let (mut sim, _, server, asker) = warm().await;
    asker.wait(3601);
    // Root and the rest live on; only the timestamp is withheld.
    let later = asker.start().0.plus_seconds(3600);
    sim.root.expires = later;
    sim.snapshot.expires = later;
    sim.roles.values_mut().for_each(|targets| targets.expires = later);
    let fresh = Asker::of(&sim, &server);
    server.publish(&sim.files());
    fresh.wait(3601);
    let error = fresh.pull().await.expect_err("frozen");
    assert!(
        matches!(&error, UpdateError::Untrusted(TrustError::Expired { role, .. }) if *role == TopRole::Timestamp),
        "{error:?}"
    );
}

#[tokio::test]
async fn mixed_and_matched_files_are_refused() {
    let (sim, old, server, asker) = warm().await;
    let before = asker.cached().await;
    let mut newer = sim.clone();
    newer.set_in("targets/releases", "v1", b"evil");
    let files = newer.publish();
    server.publish(&files);
    // Under the name of the new targets stands an old file.
    let releases = role("targets/releases");
    for name in [
        "targets/releases.json".to_owned(),
        format!("targets/releases.{}.json", Digest::sha256(&files.roles[&releases]).hex()),
    ] {
        server.serve(&name, &old.roles[&releases]);
    }
    let error = asker.pull().await.expect_err("mixed");
    assert!(matches!(&error, UpdateError::Releases { .. }), "{error:?}");
    assert_eq!(asker.cached().await, before);
}

#[tokio::test]
async fn another_collection_is_refused_at_first_and_later() {
    let (sim, _, server, asker) = warm().await;
    let mut other = Sim::new();
    other.gun = "docker.io/library/other".parse().expect("a GUN");
    let key = crate::collection::key();
    other.give_root(&key);
    other.set("v1", b"other");
    let swapped = SimServer::with(&other.files());
    let error = Asker::of(&sim, &swapped).pull().await.expect_err("another collection");
    assert!(matches!(&error, UpdateError::Untrusted(TrustError::NoLeaf { .. })), "{error:?}");
    server.publish(&other.files());
    server.serve("2.root.json", &other.files().root);
    asker.pull().await.expect_err("another collection");
}

#[tokio::test]
async fn too_few_signatures_are_refused() {
    let mut sim = Sim::new();
    let spec = sim.root.roles.get_mut("targets").expect("a role");
    spec.threshold = Threshold::new(2).expect("a threshold");
    let mut half = sim.clone();
    half.root.roles.get_mut("targets").expect("a role").threshold = Threshold::ONE;
    // One key signs; the root that everybody sees wants two.
    let mut files = half.files();
    let one = crate::collection::key();
    sim.ring.insert(one.clone());
    let mut keys = sim.keys[&role("targets")].iter().map(|key| key.public_key().clone()).collect::<Vec<_>>();
    keys.push(one.public_key().clone());
    sim.list(TopRole::Targets, keys);
    sim.root.roles.get_mut("targets").expect("a role").threshold = Threshold::new(2).expect("a threshold");
    let honest = sim.files();
    let mut snapshot = sim.snapshot.clone();
    snapshot.meta.insert("root".to_owned(), FileMeta::of(&honest.root));
    let targets = files.roles.remove(&role("targets")).expect("a file");
    snapshot.meta.insert("targets".to_owned(), FileMeta::of(&targets));
    let attack = sim.seal(honest.root.clone(), &snapshot, [(role("targets"), targets)].into());
    let server = SimServer::with(&attack);
    let error = Asker::of(&sim, &server).pull().await.expect_err("one of two");
    assert!(matches!(&error, UpdateError::Untrusted(TrustError::Signature { .. })), "{error:?}");
    let server = SimServer::with(&honest);
    Asker::of(&sim, &server).digest("v1").await;
}

#[tokio::test]
async fn seen_version_outlives_a_new_root() {
    // Reference behaviour 13 B2: with the cached root replaced, Notary forgets which snapshot it has seen.
    let (mut sim, old, server, asker) = warm().await;
    sim.next_root();
    sim.root.expires = now().plus_seconds(7200);
    let mut attacked = sim.clone();
    attacked.timestamp.version = version(10);
    attacked.snapshot.version = version(1);
    attacked.roles = old_roles(&sim);
    server.publish(&attacked.files());
    let error = asker.pull().await.expect_err("an old snapshot");
    assert!(
        matches!(&error, UpdateError::Untrusted(TrustError::Rollback { role, .. }) if *role == TopRole::Snapshot),
        "{error:?}"
    );
    drop(old);
}

fn old_roles(
    sim: &Sim,
) -> std::collections::BTreeMap<countersign_core::name::RoleName, countersign_core::metadata::Targets> {
    let mut roles = sim.roles.clone();
    for targets in roles.values_mut() {
        targets.version = version(1);
    }
    roles
}

#[tokio::test]
async fn fast_forward_is_recovered_from_by_new_keys() {
    for top in [TopRole::Timestamp, TopRole::Snapshot, TopRole::Targets] {
        let (mut sim, _, server, asker) = warm().await;
        // With a stolen key somebody publishes the last version there is.
        let mut stolen = sim.clone();
        let last = version(0x7fff_ffff);
        match top {
            TopRole::Timestamp => stolen.timestamp.version = last,
            TopRole::Snapshot => {
                stolen.timestamp.version = version(10);
                stolen.snapshot.version = last;
            }
            _ => {
                stolen.timestamp.version = version(10);
                stolen.snapshot.version = version(10);
                stolen.targets("targets").version = last;
            }
        }
        server.publish(&stolen.files());
        asker.digest("v1").await;
        sim.next_root();
        sim.rotate(top);
        sim.timestamp.version = version(20);
        sim.snapshot.version = version(20);
        sim.roles.values_mut().for_each(|targets| targets.version = version(20));
        sim.set_in("targets/releases", "v1", b"recovered");
        server.publish(&sim.files());
        assert_eq!(asker.digest("v1").await, Digest::sha256(b"recovered"), "{top}");
    }
}

#[tokio::test]
async fn whatever_else_is_served_is_refused() {
    let names = ["root.json", "timestamp.json", "snapshot.json", "targets.json"];
    let sim = Sim::new();
    let honest = sim.files();
    let rubbish = [
        Bytes::from_static(b"{}"),
        Bytes::from_static(b"{\"signed\":null,\"signatures\":null}"),
        Bytes::from_static(b"{\"signed\":{},\"signatures\":[]}"),
        honest.timestamp.slice(..honest.timestamp.len() / 2),
        honest.snapshot.clone(),
    ];
    for (index, bytes) in rubbish.iter().enumerate() {
        for name in &names[..2] {
            let server = SimServer::with(&honest);
            server.serve(name, bytes);
            let asker = Asker::of(&sim, &server);
            let error = asker.pull().await.expect_err("rubbish");
            assert!(error.is_untrusted(), "{name} {index}: {error:?}");
            assert!(asker.cached().await.is_empty());
        }
        for name in &names[2..] {
            // A guess that turns out wrong is fetched again.
            let server = SimServer::with(&honest);
            server.serve(name, bytes);
            assert_eq!(
                Asker::of(&sim, &server).digest("v1").await,
                Digest::sha256(b"first"),
                "{name} {index}"
            );
        }
    }
    assert!(!sim.targets_of("v1"));
}

impl Sim {
    /// Whether `targets` lacks a tag.
    fn targets_of(&self, tag: &str) -> bool {
        self.roles[&role("targets")].targets.find(&name(tag)).is_none()
    }
}
