//! A key that is taken out: of what it can be taken out of, whatever stands in the way elsewhere.

mod meanwhile;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_client::keystore::KeyStore;
use countersign_client::publisher::{Approval, Lacks, PublisherError, SnapshotKey, TakenOut, may_sign};
use countersign_client::updater::Roles;
use countersign_core::author::{AuthorError, Change, DelegationEdit, Draft, KeyRing, sign};
use countersign_core::digest::Digest;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::{MetaVersion, Threshold};
use countersign_core::sign::Sign as _;
use countersign_core::signature::RoleKeys;
use countersign_core::time::UpdateStart;

use super::Author;
use super::proposed::two;
use crate::collection::{now, role};
use crate::publishing::PublishServer;

/// An owner whose collection is published, and a key that was stolen.
struct Case {
    server: Arc<PublishServer>,
    owner: Author,
    /// Somebody whose keys are elsewhere.
    other: Author,
    stolen: PublicKey,
}

impl Case {
    async fn new() -> Self {
        let server = PublishServer::empty();
        let [mut owner, other] = [(); 2].map(|()| Author::at(&server));
        owner.options.snapshot_key = SnapshotKey::Server;
        owner.sign("v1", b"one").await.expect("published");
        let stolen = owner.key_for("stolen");
        server.uploads();
        Self { server, owner, other, stolen }
    }

    /// The same, with the owner's targets key stolen.
    async fn with_targets_key() -> Self {
        let case = Self::new().await;
        let id = case.owner.private("targets").into_iter().next().expect("a key");
        let stolen = case.owner.keys.load(id).expect("there").public_key().clone();
        Self { stolen, ..case }
    }

    fn id(&self) -> KeyId {
        self.stolen.canonical_id().expect("an id")
    }

    /// The files of an edition with these changes, signed by whoever can.
    async fn edition(&self, changes: Vec<Change>) -> BTreeMap<RoleName, Bytes> {
        let refreshed = self.owner.updater().refresh(UpdateStart(now()), Roles::Publish).await;
        let mut draft = Draft::of(&refreshed.expect("trusted").collection);
        for change in changes {
            draft.apply(&change).expect("applied");
        }
        let mut ring = KeyRing::default();
        for keys in [&self.owner.keys, &self.other.keys] {
            for key in keys.list().expect("keys").keys {
                ring.insert(keys.load(key.id).expect("there"));
            }
        }
        draft.sign(&ring, now()).expect("signed").files
    }

    async fn publish(&self, changes: Vec<Change>) {
        let files = self.edition(changes).await;
        self.server.take(&files).expect("taken");
    }

    /// The SHA-256 of each file, as somebody looks at it.
    async fn shown(&self) -> BTreeMap<RoleName, Digest> {
        let refreshed = self.owner.updater().refresh(UpdateStart(now()), Roles::All).await.expect("trusted");
        let root = (role("root"), refreshed.collection.root().digest());
        let files = refreshed.collection.roles().iter().map(|(role, file)| (role.clone(), file.digest()));
        files.chain([root]).collect()
    }

    /// Takes the stolen key out of what is there now.
    async fn take_out(&self) -> TakenOut {
        self.take_out_of(&self.shown().await).await
    }

    async fn take_out_of(&self, shown: &BTreeMap<RoleName, Digest>) -> TakenOut {
        self.server.uploads();
        self.owner.publisher().take_out(self.id(), false, shown, now()).await.expect("looked at")
    }

    /// The roles that the stolen key may sign, as a reader sees it.
    async fn may_sign(&self) -> Vec<String> {
        let reader = Author::at(&self.server);
        let refreshed = reader.updater().refresh(UpdateStart(now()), Roles::All).await.expect("trusted");
        may_sign(&refreshed.collection, self.id()).into_iter().map(|may| may.role.to_string()).collect()
    }

    /// A key in one delegation of `targets/a` and one of `targets`, and `targets/a` as it is so many versions later.
    async fn nested(&self, later: u64) -> BTreeMap<RoleName, Bytes> {
        let [a, below, next] = ["a", "below", "next"].map(|of| self.owner.key_for(of));
        let roles = [
            declared("targets/a", Threshold::ONE, &[&a]),
            declared("targets/a/b", Threshold::ONE, &[&self.stolen, &below]),
            declared("targets/c", Threshold::ONE, &[&self.stolen, &next]),
        ];
        self.publish(roles.concat()).await;
        self.later("targets/a", &a, later).await
    }

    /// A role as it is so many versions later, signed by one key that is here.
    async fn later(&self, of: &str, key: &PublicKey, later: u64) -> BTreeMap<RoleName, Bytes> {
        let of = role(of);
        let refreshed = self.owner.updater().refresh(UpdateStart(now()), Roles::All).await.expect("trusted");
        let mut file = (**refreshed.collection.targets(&of).expect("loaded")).clone();
        file.version = MetaVersion::new(file.version.get() + later).expect("a version");
        let mut ring = KeyRing::default();
        ring.insert(self.owner.keys.load(key.canonical_id().expect("an id")).expect("there"));
        let keys = RoleKeys::new(BTreeMap::from([(key.id(), key.clone())]), Threshold::ONE);
        let file = sign(&of, &file, &[keys], &ring).expect("signed");
        BTreeMap::from([(of, file)])
    }
}

/// A delegation with these keys and a file.
fn declared(of: &str, threshold: Threshold, keys: &[&PublicKey]) -> [Change; 2] {
    let edit = DelegationEdit {
        threshold: Some(threshold),
        add_keys: keys.iter().copied().cloned().collect(),
        add_paths: vec![String::new()],
        ..DelegationEdit::default()
    };
    [Change::EditDelegation { role: role(of), edit }, Change::Witness { role: role(of) }]
}

fn named(roles: &[RoleName]) -> Vec<&str> {
    roles.iter().map(RoleName::as_str).collect()
}

/// Checks of which roles it was taken out, and in which it stays, all for one reason: that.
#[track_caller]
fn stays<'t>(taken: &'t TakenOut, out_of: &[&str], roles: &[&str]) -> &'t PublisherError {
    assert_eq!(named(&taken.taken), out_of, "{taken:?}");
    let [left] = &taken.left[..] else { panic!("{taken:?}") };
    assert_eq!(named(&left.roles), roles);
    &left.why
}

#[tokio::test]
async fn role_below_one_that_goes_stands_in_nobodys_way() {
    let case = Case::new().await;
    let [below, next] = ["below", "next"].map(|of| case.owner.key_for(of));
    let roles = [
        declared("targets/a", Threshold::ONE, &[&case.stolen]),
        declared("targets/a/b", Threshold::ONE, &[&case.stolen, &below]),
        declared("targets/c", Threshold::ONE, &[&case.stolen, &next]),
    ];
    case.publish(roles.concat()).await;
    let taken = case.take_out().await;
    assert!(taken.left.is_empty(), "{taken:?}");
    assert_eq!(named(&taken.taken), ["targets/a", "targets/c", "targets/a/b"]);
    assert_eq!(case.server.uploads(), [["targets"]], "in one upload");
    assert!(case.may_sign().await.is_empty());
    taken.confirmed.expect("the server shows it");
}

#[tokio::test]
async fn role_whose_keys_are_elsewhere_keeps_the_key_in_its_own_delegations_alone() {
    let case = Case::new().await;
    let [below, next] = ["below", "next"].map(|of| case.owner.key_for(of));
    let roles = [
        declared("targets/a", Threshold::ONE, &[&case.other.key_for("a")]),
        declared("targets/a/b", Threshold::ONE, &[&case.stolen, &below]),
        declared("targets/c", Threshold::ONE, &[&case.stolen, &next]),
    ];
    case.publish(roles.concat()).await;
    let taken = case.take_out().await;
    let why = stays(&taken, &["targets/c"], &["targets/a/b"]);
    let PublisherError::Sign(AuthorError::MissingKeys { role: missing, .. }) = why else { panic!("{why:?}") };
    assert_eq!(*missing, role("targets/a"));
    assert_eq!(case.may_sign().await, ["targets/a/b"]);
}

/// The role above loses its only signature with the key: whoever signs that again makes usable what is below.
#[tokio::test]
async fn role_below_one_that_lacks_signatures_then_is_said_to_keep_the_key() {
    let case = Case::new().await;
    let roles = [
        declared("targets/a", Threshold::ONE, &[&case.stolen, &case.other.key_for("a")]),
        declared("targets/a/b", Threshold::ONE, &[&case.stolen]),
    ];
    case.publish(roles.concat()).await;
    let by_it_alone = case.later("targets/a", &case.stolen, 1).await;
    case.server.take(&by_it_alone).expect("taken");
    case.owner.keys.remove(case.id()).expect("there");
    let taken = case.take_out().await;
    let why = stays(&taken, &["targets/a"], &["targets/a/b"]);
    assert!(matches!(why, PublisherError::Delegation { lacks: Some(Lacks::Signatures), .. }), "{why:?}");
    assert_eq!(named(&taken.unsigned), ["targets/a"]);
}

/// Before the role above loses it, the key itself is the only one here that can sign that.
#[tokio::test]
async fn deepest_delegation_loses_the_key_first() {
    let case = Case::new().await;
    let below = case.owner.key_for("below");
    let roles = [
        declared("targets/a", Threshold::ONE, &[&case.stolen, &case.other.key_for("a")]),
        declared("targets/a/b", Threshold::ONE, &[&case.stolen, &below]),
    ];
    case.publish(roles.concat()).await;
    let taken = case.take_out().await;
    assert!(taken.left.is_empty(), "{taken:?}");
    assert_eq!(case.server.uploads(), [["targets/a"], ["targets"]]);
    assert!(case.may_sign().await.is_empty());
}

#[tokio::test]
async fn root_keys_that_are_elsewhere_keep_the_key_in_top_level_roles_alone() {
    let case = Case::with_targets_key().await;
    let next = case.owner.key_for("next");
    case.publish(declared("targets/c", Threshold::ONE, &[&case.stolen, &next]).into()).await;
    case.owner.private("root").into_iter().for_each(|id| case.owner.keys.remove(id).expect("there"));
    let taken = case.take_out().await;
    let why = stays(&taken, &["targets/c"], &["targets"]);
    assert!(matches!(why, PublisherError::NoRootKeys { .. }), "{why:?}");
    assert_eq!(case.may_sign().await, ["targets"]);
}

/// What was signed here of a file that was looked at needs no second look.
#[tokio::test]
async fn key_of_targets_and_of_a_delegation_is_taken_out_of_both() {
    let case = Case::with_targets_key().await;
    let next = case.owner.key_for("next");
    case.publish(declared("targets/c", Threshold::ONE, &[&case.stolen, &next]).into()).await;
    let taken = case.take_out().await;
    assert_eq!((named(&taken.taken), taken.left.len()), (vec!["targets", "targets/c"], 0));
    assert_eq!(case.server.uploads(), [vec!["root", "targets"], vec!["targets"]]);
    assert!(case.may_sign().await.is_empty());
}

/// What waits for others is proposed again on top of what was published past it.
#[tokio::test]
async fn proposal_of_top_level_roles_keeps_the_key_in_no_delegation() {
    let case = Case::with_targets_key().await;
    case.server.keep_proposals();
    let [second, next] = ["targets", "next"].map(|of| case.owner.key_for(of));
    let third = case.other.key_for("targets");
    let keys = vec![case.stolen.clone(), second, third];
    let threshold = Change::SetThreshold { role: role("targets"), threshold: two() };
    let mut changes = vec![Change::ReplaceKeys { role: TopRole::Targets, keys }, threshold];
    changes.extend(declared("targets/c", Threshold::ONE, &[&case.stolen, &next]));
    case.publish(changes).await;
    let taken = case.take_out().await;
    let why = stays(&taken, &["targets/c"], &["targets"]);
    assert!(matches!(why, PublisherError::Proposed(_)), "{why:?}");
    assert_eq!(case.may_sign().await, ["targets"]);
    let approval = case.other.approve(None).await.expect("the second signature");
    assert!(matches!(approval, Approval::Published(_)), "{approval:?}");
    assert!(case.may_sign().await.is_empty());
}

#[tokio::test]
async fn delegation_that_waits_for_others_does_not_hold_up_its_neighbours() {
    let case = Case::new().await;
    let [first, next] = ["first", "next"].map(|of| case.owner.key_for(of));
    let second = case.other.key_for("second");
    let roles = [
        declared("targets/c", two(), &[&case.stolen, &first, &second]),
        declared("targets/d", Threshold::ONE, &[&case.stolen, &next]),
    ];
    case.publish(roles.concat()).await;
    // The other one has not signed that yet.
    let second_id = second.canonical_id().expect("an id");
    case.other.keys.remove(second_id).expect("there");
    case.publish(vec![Change::Witness { role: role("targets/c") }]).await;
    let taken = case.take_out().await;
    let why = stays(&taken, &["targets/d"], &["targets/c"]);
    let PublisherError::Proposed(proposed) = why else { panic!("{why:?}") };
    assert_eq!(proposed.wanting(), "targets/c has 1 of 2 signatures");
    assert_eq!(case.may_sign().await, ["targets/c"]);
}

#[tokio::test]
async fn delegation_that_cannot_be_signed_again_does_not_hold_up_its_neighbours() {
    let case = Case::new().await;
    let [first, next] = ["first", "next"].map(|of| case.owner.key_for(of));
    let roles = [
        declared("targets/c", Threshold::ONE, &[&case.stolen, &first]),
        declared("targets/d", Threshold::ONE, &[&case.stolen, &next]),
    ];
    case.publish(roles.concat()).await;
    // The stolen key alone signs the next version, with a field that would be lost.
    let text = String::from_utf8(case.server.newest()[&role("targets/c")].to_vec()).expect("UTF-8");
    let end = text.find(",\"signatures\"").expect("signatures");
    let message = text["{\"signed\":".len()..end].replace(",\"version\":1", ",\"unheard\":[1],\"version\":2");
    let key = case.owner.keys.load(case.id()).expect("there");
    let (method, sig) = key.sign(message.as_bytes()).expect("signed");
    let sig = STANDARD.encode(sig);
    let file = format!(
        "{{\"signed\":{message},\"signatures\":[{{\"keyid\":\"{}\",\"method\":\"{}\",\"sig\":\"{sig}\"}}]}}",
        key.id(),
        method.name()
    );
    case.server.take(&BTreeMap::from([(role("targets/c"), Bytes::from(file))])).expect("taken");
    let taken = case.take_out().await;
    let why = stays(&taken, &["targets/d"], &["targets/c"]);
    assert!(matches!(why, PublisherError::Sign(AuthorError::UnknownField { .. })), "{why:?}");
    assert_eq!(case.may_sign().await, ["targets/c"]);
}

#[tokio::test]
async fn delegation_with_too_few_keys_does_not_hold_up_its_neighbours() {
    let case = Case::new().await;
    let [first, next] = ["first", "next"].map(|of| case.owner.key_for(of));
    let roles = [
        declared("targets/c", two(), &[&case.stolen, &first]),
        declared("targets/d", Threshold::ONE, &[&case.stolen, &next]),
    ];
    case.publish(roles.concat()).await;
    let taken = case.take_out().await;
    let why = stays(&taken, &["targets/d"], &["targets/c"]);
    assert!(matches!(why, PublisherError::TooFewKeys { keys: 1, threshold: 2, .. }), "{why:?}");
}
