//! A collection that is brought to another server in several uploads, one of which breaks.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use countersign_client::import::{Remains, RemainsError, RemainsLimits};
use countersign_client::keystore::KeyStore as _;
use countersign_client::publisher::{
    Expired, Lacks, PublishOptions, Publisher, PublisherError, Rotation, SnapshotKey, Witnessed,
};
use countersign_client::remote::{FetchError, Fetched, PublishError, Remote, RemoteFile};
use countersign_client::updater::{Roles, UpdateSettings, Updater};
use countersign_core::author::{KeyRing, sign};
use countersign_core::digest::Digest;
use countersign_core::key::PublicKey;
use countersign_core::limits::Limits;
use countersign_core::metadata::{Delegation, Document, Envelope, Root, TargetTable, Targets};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::Threshold;
use countersign_core::sign::SecretKey;
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::TrustError;
use countersign_server::RunningServer;

use crate::people::{Ours, Place, clock, gun};

/// A server that takes so many uploads and no more.
struct Breaking {
    inner: Arc<dyn Remote>,
    left: AtomicUsize,
}

#[async_trait]
impl Remote for Breaking {
    fn server(&self) -> &str {
        self.inner.server()
    }

    async fn fetch(
        &self,
        file: &RemoteFile,
        max_bytes: u64,
        if_none_match: Option<Digest>,
    ) -> Result<Fetched, FetchError> {
        self.inner.fetch(file, max_bytes, if_none_match).await
    }

    async fn public_key(&self, role: TopRole) -> Result<PublicKey, FetchError> {
        self.inner.public_key(role).await
    }

    async fn rotate_key(&self, role: TopRole) -> Result<PublicKey, FetchError> {
        self.inner.rotate_key(role).await
    }

    async fn publish(&self, files: &BTreeMap<RoleName, Bytes>) -> Result<(), PublishError> {
        let takes = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if takes.is_err() {
            return Err(FetchError::Status { server: self.server().to_owned(), status: 503 }.into());
        }
        self.inner.publish(files).await
    }

    async fn delete(&self) -> Result<(), FetchError> {
        self.inner.delete().await
    }
}

async fn goes_on_after(uploads: usize, snapshot_key: SnapshotKey) {
    let dirs = [(); 4].map(|()| tempfile::tempdir().expect("a temporary directory"));
    let [old_data, new_data, home, reader_home] = &dirs;
    let (_old, old) = Place::start_ours(old_data.path()).await;
    let (_new, new) = Place::start_ours(new_data.path()).await;
    let alice = Ours::at(&old, home.path());
    let publisher = alice.publisher(snapshot_key);
    let tag = countersign_client::publisher::TagToSign {
        tag: "v1".to_owned().into(),
        digest: Digest::sha256(b"one"),
        size: 3,
    };
    publisher.publish_target(&tag, clock()).await.expect("published");
    for _ in 0..3 {
        publisher.rotate(Rotation::Targets { keys: Vec::new() }, clock()).await.expect("rotated");
    }
    assert_eq!(Ours::at(&old, reader_home.path()).digest("v1").await, tag.digest);

    let moved = Ours::at(&new, home.path());
    let cache = moved.updater.cache();
    let remains = Remains::of_cache(&**cache, &gun(), &Limits::default()).await.expect("remains");
    let remote = Breaking { inner: Arc::clone(moved.updater.remote()), left: AtomicUsize::new(uploads) };
    let breaking = Updater::new(Arc::new(remote), Arc::clone(cache), UpdateSettings::new(gun()));
    let breaking = Publisher::new(&breaking, moved.keys.clone(), PublishOptions::default());
    let broken = breaking.import(&remains, Expired::Refused, clock()).await;
    assert!(matches!(broken, Err(PublisherError::Upload(_))), "{broken:?}");

    let publisher = moved.publisher(snapshot_key);
    let imported = publisher.import(&remains, Expired::Refused, clock()).await.expect("imported");
    assert_eq!((imported.root_version.get(), imported.snapshot_key), (5, snapshot_key));
    imported.confirmed.expect("the server shows it");
    assert_eq!(Ours::at(&new, reader_home.path()).digest("v1").await, tag.digest);
    let refreshed = moved.updater.refresh(UpdateStart(clock()), Roles::All).await.expect("trusted");
    assert!(refreshed.skipped.is_empty());
    let again = publisher.import(&remains, Expired::Refused, clock()).await;
    assert!(matches!(again, Err(PublisherError::Exists(_))), "{again:?}");
}

#[tokio::test]
async fn import_that_was_cut_off_goes_on() {
    for uploads in [0, 1, 3] {
        goes_on_after(uploads, SnapshotKey::Local).await;
    }
    goes_on_after(2, SnapshotKey::Server).await;
}

/// A collection on one server, with tags that were signed one after the other, and another server to bring it to.
struct Move {
    old: Ours,
    new: Ours,
    /// What was left after each tag.
    remains: Vec<Remains>,
    _servers: [RunningServer; 2],
    _dirs: [tempfile::TempDir; 3],
}

impl Move {
    async fn of(tags: &[&str]) -> Self {
        let dirs = [(); 3].map(|()| tempfile::tempdir().expect("a temporary directory"));
        let [old_data, new_data, home] = &dirs;
        let (old_server, old) = Place::start_ours(old_data.path()).await;
        let (new_server, new) = Place::start_ours(new_data.path()).await;
        let (old, new) = (Ours::at(&old, home.path()), Ours::at(&new, home.path()));
        let mut remains = Vec::new();
        for tag in tags {
            old.sign(tag, tag.as_bytes()).await.expect("published");
            let left = Remains::of_cache(&**old.updater.cache(), &gun(), &Limits::default()).await;
            remains.push(left.expect("remains"));
        }
        Self { old, new, remains, _servers: [old_server, new_server], _dirs: dirs }
    }

    async fn import(&self, remains: &Remains, expired: Expired, at: DateTime) -> Result<(), PublisherError> {
        self.new.publisher(SnapshotKey::Local).import(remains, expired, at).await.map(|_| ())
    }

    /// Takes away what only this program keeps in a cache.
    fn forget_seen(&self) {
        let seen = self.old.trust_dir.join("tuf").join(gun().as_str()).join("seen.json");
        std::fs::remove_file(seen).expect("it was there");
    }
}

/// What a file says.
fn claim<T: Document>(remains: &Remains, role: TopRole) -> T {
    let bytes = remains.files[&role.into()].clone();
    Envelope::parse(bytes, &Limits::default()).and_then(|file| file.claim()).expect("a file")
}

/// The remains with other targets, of the version that they have, signed as they should be; and without a snapshot.
fn with_targets(ours: &Ours, remains: &Remains, edit: impl FnOnce(&mut Targets)) -> Remains {
    let keys = claim::<Root>(remains, TopRole::Root).role_keys(TopRole::Targets);
    let mut ring = KeyRing::default();
    for id in keys.canonical_ids() {
        ring.insert(ours.keys.load(id).expect("a targets key"));
    }
    let mut targets: Targets = claim(remains, TopRole::Targets);
    edit(&mut targets);
    let role = RoleName::from(TopRole::Targets);
    let file = sign(&role, &targets, &[keys], &ring).expect("signed");
    let mut changed = remains.clone();
    changed.files.insert(role, file);
    changed.files.remove(&TopRole::Snapshot.into());
    changed
}

/// A cache that Docker or Notary left has no record of what was seen. Its files are one.
#[tokio::test]
async fn export_older_than_the_cache_is_refused() {
    let moving = Move::of(&["v1", "v2"]).await;
    moving.forget_seen();
    let refused = moving.import(&moving.remains[0], Expired::Renewed, clock()).await;
    let Err(PublisherError::Remains(_, TrustError::Rollback { role, offered, trusted })) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!((role.as_str(), offered.get() + 1), ("targets", trusted.get()));
    moving.import(&moving.remains[1], Expired::Refused, clock()).await.expect("the newest is imported");
}

#[tokio::test]
async fn other_content_of_a_known_version_is_refused() {
    let moving = Move::of(&["v1"]).await;
    for forgotten in [false, true] {
        if forgotten {
            moving.forget_seen();
        }
        let other =
            with_targets(&moving.old, &moving.remains[0], |targets| targets.targets = TargetTable::default());
        let refused = moving.import(&other, Expired::Refused, clock()).await;
        assert!(
            matches!(&refused, Err(PublisherError::Remains(_, TrustError::Equivocation { role, .. })) if *role == TopRole::Targets),
            "{refused:?}"
        );
    }
    let next = with_targets(&moving.old, &moving.remains[0], |targets| {
        targets.version = targets.version.next().expect("a version");
        targets.targets = TargetTable::default();
    });
    moving.import(&next, Expired::Refused, clock()).await.expect("a newer one is imported");
}

#[tokio::test]
async fn expired_files_are_signed_anew_only_when_that_is_asked_for() {
    let moving = Move::of(&["v1"]).await;
    let later = clock().plus_seconds(4 * 365 * 86_400);
    let refused = moving.import(&moving.remains[0], Expired::Refused, later).await;
    let Err(PublisherError::ExpiredRemains { files, .. }) = &refused else { panic!("{refused:?}") };
    let targets: Targets = claim(&moving.remains[0], TopRole::Targets);
    assert_eq!(files, &[(RoleName::from(TopRole::Targets), targets.version, targets.expires)]);
    moving.import(&moving.remains[0], Expired::Renewed, later).await.expect("as was asked for");
}

/// Declared by itself, a role would be met again and again.
#[tokio::test]
async fn role_that_declares_itself_is_met_once() {
    let moving = Move::of(&["v1"]).await;
    let key = SecretKey::generate_ed25519().expect("a key");
    let role: RoleName = "targets/loop".parse().expect("a role");
    let declare = |targets: &mut Targets| {
        let mut delegation = Delegation::new(role.clone(), Threshold::ONE);
        delegation.keyids.push(key.public_key().id());
        delegation.paths.push(String::new());
        targets.delegations.keys.insert(key.public_key().id(), key.public_key().clone());
        targets.delegations.roles.push(delegation);
    };
    let mut changed = with_targets(&moving.old, &moving.remains[0], |targets| {
        targets.version = targets.version.next().expect("a version");
        declare(targets);
    });
    let mut delegate: Targets = claim(&moving.remains[0], TopRole::Targets);
    declare(&mut delegate);
    let keys = delegate.delegations.role_keys(&delegate.delegations.roles[0]);
    let mut ring = KeyRing::default();
    ring.insert(Arc::new(key));
    let file = sign(&role, &delegate, &[keys], &ring).expect("signed");
    changed.files.insert(role, file);
    // What the server says of it is its own affair: what counts is that the import gets there.
    let refused = moving.import(&changed, Expired::Refused, clock()).await;
    assert!(matches!(refused, Err(PublisherError::Upload(_))), "{refused:?}");
}

/// A delegation's file is held against what is known of it as the others are, and goes only when it is named.
#[tokio::test]
async fn delegation_older_than_the_cache_is_refused_unless_it_is_left_out() {
    let moving = Move::of(&["v1"]).await;
    let key = SecretKey::generate_ed25519().expect("a key");
    let role: RoleName = "targets/bob".parse().expect("a role");
    let mut delegation = Delegation::new(role.clone(), Threshold::ONE);
    delegation.keyids.push(key.public_key().id());
    delegation.paths.push(String::new());
    let mut remains = with_targets(&moving.old, &moving.remains[0], |targets| {
        targets.version = targets.version.next().expect("a version");
        targets.delegations.keys.insert(key.public_key().id(), key.public_key().clone());
        targets.delegations.roles.push(delegation);
    });
    let delegations = claim::<Targets>(&remains, TopRole::Targets).delegations;
    let keys = delegations.role_keys(&delegations.roles[0]);
    let mut ring = KeyRing::default();
    ring.insert(Arc::new(key));
    let mut bobs: Targets = claim(&moving.remains[0], TopRole::Targets);
    let mut signed = || {
        let file = sign(&role, &bobs, std::slice::from_ref(&keys), &ring).expect("signed");
        bobs.version = bobs.version.next().expect("a version");
        bobs.targets = TargetTable::default();
        file
    };
    let (older, newer) = (signed(), signed());
    let cached = moving.old.trust_dir.join("tuf").join(gun().as_str()).join("metadata/targets");
    std::fs::create_dir_all(&cached).expect("a directory");
    std::fs::write(cached.join("bob.json"), &newer).expect("written");

    remains.files.insert(role.clone(), older);
    let refused = moving.import(&remains, Expired::Renewed, clock()).await;
    let Err(PublisherError::Remains(_, TrustError::Rollback { role: of, .. })) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(*of, role);
    // Whoever hands the files over could as well spoil that one, or keep it.
    let text = String::from_utf8(newer.to_vec()).expect("JSON");
    let start = text.find("\"sig\":\"").expect("a signature") + 7;
    let spoilt = format!("{}{}{}", &text[..start], "AAAA", &text[start + 4..]);
    remains.files.insert(role.clone(), Bytes::from(spoilt));
    let refused = moving.import(&remains, Expired::Renewed, clock()).await;
    assert!(
        matches!(&refused, Err(PublisherError::Remains(_, TrustError::Signature { role: of, .. })) if *of == role),
        "{refused:?}"
    );
    for nobodys in [RoleName::from(TopRole::Targets), "targets/nobody".parse().expect("a role")] {
        let mut left = remains.clone();
        left.leave_out(nobodys);
        let refused = moving.import(&left, Expired::Refused, clock()).await;
        assert!(matches!(refused, Err(PublisherError::Change { .. })), "{refused:?}");
    }
    remains.leave_out(role.clone());
    let publisher = moving.new.publisher(SnapshotKey::Local);
    let imported = publisher.import(&remains, Expired::Refused, clock()).await.expect("imported without it");
    assert!(!imported.roles.contains(&role), "{:?}", imported.roles);
    assert!(imported.left_out.iter().any(|left_out| left_out.contains("targets/bob")));
    imported.confirmed.expect("the server shows it");
}

/// A file that is kept back is not one that never was; and whoever trusted it goes on only once its signer begins it anew.
#[tokio::test]
async fn delegation_whose_file_is_missing_is_lost_only_by_name_and_begins_anew() {
    let moving = Move::of(&["v0"]).await;
    let alice: RoleName = "targets/alice".parse().expect("a role");
    let key = moving.old.keys.generate("alice", None).expect("a key").public_key().clone();
    moving.old.publisher(SnapshotKey::Local).add_signer(&alice, &[key], clock()).await.expect("added");
    moving.old.sign("v1", b"v1").await.expect("published");
    let left = Remains::of_cache(&**moving.old.updater.cache(), &gun(), &Limits::default()).await;
    let mut left = left.expect("remains");
    left.files.remove(&alice).expect("it was there");
    for listed in [true, false] {
        if !listed {
            left.files.remove(&TopRole::Snapshot.into());
        }
        let refused = moving.import(&left, Expired::Refused, clock()).await;
        assert!(
            matches!(&refused, Err(PublisherError::WouldLose { roles, .. }) if *roles == [alice.clone()]),
            "{refused:?}"
        );
    }
    left.leave_out(alice.clone());
    moving.import(&left, Expired::Refused, clock()).await.expect("imported without it");
    let stuck = moving.new.sign("v2", b"v2").await.expect_err("it was trusted here");
    assert!(
        matches!(&stuck, PublisherError::Delegation { role, lacks: Some(Lacks::File), .. } if *role == alice),
        "{stuck:?}"
    );
    let publisher = moving.new.publisher(SnapshotKey::Local);
    let found = publisher.unusable(&alice, clock()).await.expect("an answer").expect("it was trusted");
    publisher.witness(&alice, &found, Witnessed::Nothing, clock()).await.expect("begun anew");
    moving.new.sign("v2", b"v2").await.expect("it goes on");
}

/// An archive with these entries, each of a kind, with what its header says is its size.
fn archive(entries: &[(&str, tar::EntryType, &[u8])]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut tar = tar::Builder::new(file.as_file());
    for (name, kind, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, *bytes).expect("written");
    }
    tar.into_inner().expect("written");
    file
}

#[test]
fn export_is_bounded_in_every_direction() {
    let listed = |role: &str| format!(r#"{{"path":"{role}","role":"{role}","current":true}}"#);
    let manifest = |roles: &[&str]| {
        let files: Vec<_> = roles.iter().map(|role| listed(role)).collect();
        format!(r#"{{"format":1,"gun":"{}","files":[{}]}}"#, gun(), files.join(","))
    };
    let plain = tar::EntryType::Regular;
    let two = manifest(&["root", "targets"]);
    let whole = archive(&[
        ("root", plain, b"{}"),
        ("targets", plain, b"{}"),
        ("manifest.json", plain, two.as_bytes()),
    ]);
    let read = |file: &tempfile::NamedTempFile, edit: fn(&mut RemainsLimits)| {
        let mut limits = RemainsLimits { entries: 3, current_bytes: 4, ..RemainsLimits::default() };
        edit(&mut limits);
        Remains::of_export(file.path(), &limits)
    };
    assert_eq!(read(&whole, |_| {}).expect("it fits").files.len(), 2);
    let many = |what: &str, outcome: Result<Remains, RemainsError>| {
        assert!(matches!(&outcome, Err(RemainsError::Many { what: of, .. }) if *of == what), "{outcome:?}");
    };
    many("entries", read(&whole, |limits| limits.entries = 2));
    many("bytes of current files", read(&whole, |limits| limits.current_bytes = 3));
    many("bytes", read(&whole, |limits| limits.archive_bytes = 1024));
    let roles = ["targets/a", "targets/b", "targets/c", "targets/d", "targets/e"];
    let roles = archive(&[("manifest.json", plain, manifest(&roles).as_bytes())]);
    many("current files", read(&roles, |limits| limits.metadata.delegations = 0));
    let large = read(&whole, |limits| limits.metadata.root_bytes = 1);
    assert!(matches!(&large, Err(RemainsError::Large { file, max: 1 }) if file == "root"), "{large:?}");
    let large = read(&whole, |limits| limits.manifest_bytes = 8);
    assert!(matches!(&large, Err(RemainsError::Large { max: 8, .. })), "{large:?}");
    let sparse = tempfile::NamedTempFile::new().expect("a file");
    let mut header = tar::Header::new_gnu();
    header.set_path("root").expect("a path");
    header.set_entry_type(tar::EntryType::GNUSparse);
    // A gibibyte of nothing.
    let gnu = header.as_gnu_mut().expect("GNU's");
    gnu.set_real_size(1 << 30);
    gnu.sparse[0].offset = *b"10000000000\0";
    gnu.sparse[0].numbytes = *b"00000000000\0";
    header.set_size(0);
    header.set_cksum();
    let mut tar = tar::Builder::new(sparse.as_file());
    tar.append(&header, io::empty()).expect("written");
    tar.into_inner().expect("written");
    let sparse = read(&sparse, |_| {});
    assert!(matches!(&sparse, Err(RemainsError::Sparse { file }) if file == "root"), "{sparse:?}");
}
