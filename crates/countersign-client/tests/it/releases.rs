//! Docker's release role, and delegations that cannot be used.

use bytes::Bytes;
use countersign_client::lookup::{LookupError, list_tags, resolve_tag, signers};
use countersign_client::updater::{DelegationFault, Releases, Roles, UpdateError, Warning};
use countersign_core::digest::Digest;
use countersign_core::metadata::FileMeta;
use countersign_core::name::RoleName;
use countersign_core::trust::TrustError;

use crate::collection::{Files, Sim, name, now, role};
use crate::simulator::{Asker, Fault, SimServer, digest};

fn delegating() -> Sim {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    sim.set_in("targets/releases", "v1", b"released");
    sim
}

/// The files of `sim` with `file` in place of the releases, truly named.
fn with_releases(sim: &Sim, file: Option<Bytes>) -> Files {
    let mut files = sim.files();
    let releases = role("targets/releases");
    let mut snapshot = sim.snapshot.clone();
    match file {
        Some(file) => drop(files.roles.insert(releases, file)),
        None => drop(files.roles.remove(&releases)),
    }
    snapshot.meta.insert("root".to_owned(), FileMeta::of(&files.root));
    for (role, file) in &files.roles {
        snapshot.meta.insert(role.to_string(), FileMeta::of(file));
    }
    sim.seal(files.root.clone(), &snapshot, files.roles)
}

#[tokio::test]
async fn releases_win_over_targets() {
    let mut sim = delegating();
    sim.set("only", b"in targets");
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(&sim, &server);
    let refreshed = asker.pull().await.expect("trusted");
    assert_eq!(digest(&refreshed, "v1"), Digest::sha256(b"released"));
    assert_eq!(digest(&refreshed, "only"), Digest::sha256(b"in targets"));
    let tags = list_tags(&refreshed.collection, Releases::Required).expect("loaded");
    let listed: Vec<_> = tags.iter().map(|tag| (tag.name.as_str(), tag.role.as_str())).collect();
    assert_eq!(listed, [("only", "targets"), ("v1", "targets/releases")]);
}

#[tokio::test]
async fn entry_of_releases_without_a_digest_is_not_made_up_for_by_targets() {
    let mut sim = delegating();
    let nothing = FileMeta::new(countersign_core::digest::Hashes::default(), 1);
    sim.targets("targets/releases").targets.insert(name("v1"), nothing);
    let server = SimServer::with(&sim.files());
    let refreshed = Asker::of(&sim, &server).pull().await.expect("trusted");
    let found = resolve_tag(&refreshed.collection, &name("v1"), Releases::Required);
    assert!(matches!(found, Err(LookupError::NotSigned { .. })), "{found:?}");
}

#[tokio::test]
async fn releases_that_cannot_be_used_is_an_error() {
    let sim = delegating();
    let mut expired = sim.clone();
    expired.targets("targets/releases").expires = now();
    let stranger = delegating();
    let stranger = stranger.files().roles[&role("targets/releases")].clone();
    let unsigned = Bytes::from_static(
        br#"{"signed":{"_type":"Targets","delegations":{"keys":{},"roles":[]},"expires":"2030-01-01T00:00:00Z","targets":{},"version":1},"signatures":[]}"#,
    );
    let cases = [
        ("expired", expired.files()),
        ("by a stranger", with_releases(&sim, Some(stranger))),
        ("unsigned", with_releases(&sim, Some(unsigned))),
        ("no metadata", with_releases(&sim, Some(Bytes::from_static(b"{}")))),
        ("unpublished", with_releases(&sim, None)),
    ];
    for (case, files) in cases {
        let server = SimServer::with(&files);
        let mut asker = Asker::of(&sim, &server);
        let error = asker.pull().await.expect_err(case);
        assert!(matches!(error, UpdateError::Releases { .. }), "{case}: {error:?}");
        assert!(error.is_untrusted(), "{case}");
        assert!(asker.cached().await.is_empty(), "{case}");

        asker.settings.releases = Releases::MayFallBack;
        let refreshed = asker.pull().await.expect(case);
        assert!(
            refreshed.warnings.iter().any(|warning| matches!(warning, Warning::FellBack { .. })),
            "{case}"
        );
        let fallen = resolve_tag(&refreshed.collection, &name("v1"), Releases::MayFallBack).expect(case);
        assert_eq!(fallen.digest, Digest::sha256(b"first"));
        let strict = resolve_tag(&refreshed.collection, &name("v1"), Releases::Required);
        assert_eq!(strict.expect_err(case), LookupError::ReleasesNotLoaded);
    }
}

#[tokio::test]
async fn releases_that_the_server_lost_is_an_error() {
    let sim = delegating();
    let files = sim.files();
    let server = SimServer::with(&files);
    let hex = Digest::sha256(&files.roles[&role("targets/releases")]).hex();
    server.fail("targets/releases.json", Fault::NotFound);
    server.fail(&format!("targets/releases.{hex}.json"), Fault::NotFound);
    let error = Asker::of(&sim, &server).pull().await.expect_err("missing");
    let UpdateError::Releases { source: DelegationFault::Fetch(fault), .. } = &error else {
        panic!("{error:?}")
    };
    assert!(fault.is_not_found());
}

#[tokio::test]
async fn releases_removed_from_the_snapshot_is_an_error() {
    let sim = delegating();
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(&sim, &server);
    asker.digest("v1").await;
    let mut later = sim.clone();
    later.timestamp.version = later.timestamp.version.next().expect("a version");
    later.snapshot.version = later.snapshot.version.next().expect("a version");
    server.publish(&with_releases(&later, None));
    let error = asker.pull().await.expect_err("removed");
    let UpdateError::Releases { source, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(source, DelegationFault::Untrusted(TrustError::RoleRemoved { .. })), "{source:?}");
}

#[tokio::test]
async fn all_leaves_out_what_cannot_be_used_with_all_below_it() {
    let mut sim = Sim::new();
    for role in ["targets/a", "targets/b", "targets/a/x"] {
        sim.delegate(role, &[""]);
        sim.set_in(role, role, b"content");
    }
    sim.targets("targets/a").expires = now();
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(&sim, &server);
    let refreshed = asker.refresh(Roles::All).await.expect("the rest is trusted");
    let loaded: Vec<_> = refreshed.collection.roles().keys().map(RoleName::as_str).collect();
    assert_eq!(loaded, ["targets", "targets/b"]);
    let skipped: Vec<_> = refreshed.skipped.iter().map(|skipped| skipped.role.as_str()).collect();
    assert_eq!(skipped, ["targets/a"]);
    // For the next edition, expired is good enough.
    let refreshed = asker.refresh(Roles::Publish).await.expect("trusted");
    assert_eq!(refreshed.collection.roles().len(), 4);
}

#[tokio::test]
async fn tag_of_another_delegation_is_not_taken() {
    let mut sim = Sim::new();
    sim.delegate("targets/alice", &[""]);
    sim.set_in("targets/alice", "hers", b"hers");
    sim.set_in("targets/alice", "v1", b"first");
    let server = SimServer::with(&sim.files());
    let collection = Asker::of(&sim, &server).refresh(Roles::All).await.expect("trusted").collection;
    let found = resolve_tag(&collection, &name("hers"), Releases::Required);
    assert_eq!(
        found.expect_err("hers"),
        LookupError::OnlyElsewhere { tag: name("hers"), role: role("targets/alice") }
    );
    let none = resolve_tag(&collection, &name("none"), Releases::Required);
    assert_eq!(none.expect_err("unsigned"), LookupError::NotSigned { tag: name("none") });
    let v1 = resolve_tag(&collection, &name("v1"), Releases::Required).expect("signed");
    assert_eq!(signers(&collection, &v1), [role("targets"), role("targets/alice")]);
}
