//! Changes that were staged, and who signs what they change.

use countersign_client::changelist::ChangeList;
use countersign_client::keystore::KeyStore;
use countersign_client::publisher::{PublisherError, SignedOutcome};
use countersign_core::author::{Change, DelegationEdit};
use countersign_core::digest::Digest;
use countersign_core::metadata::FileMeta;
use countersign_core::name::RoleName;
use countersign_core::number::Threshold;

use super::{Author, gun, roles_signed};
use crate::collection::{name, now, role};
use crate::publishing::PublishServer;
use crate::simulator::Fault;

#[tokio::test]
async fn delegations_sign_in_place_of_targets() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v1", b"one").await.expect("published");
    let signer = author.keys.generate("bob", None).expect("a key");
    let list = ChangeList::new(dir.path(), gun());
    let edit = |paths: &[&str], key: bool| DelegationEdit {
        threshold: Some(Threshold::ONE),
        add_keys: if key { vec![signer.public_key().clone()] } else { Vec::new() },
        add_paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        ..DelegationEdit::default()
    };
    let stranger = crate::collection::key();
    let mut others = edit(&[""], false);
    others.add_keys = vec![stranger.public_key().clone()];
    let changes = [
        Change::EditDelegation { role: RoleName::releases(), edit: edit(&[""], true) },
        Change::EditDelegation { role: role("targets/bob"), edit: edit(&[""], true) },
        Change::EditDelegation { role: role("targets/narrow"), edit: edit(&["x/"], true) },
        Change::EditDelegation { role: role("targets/others"), edit: others },
    ];
    list.add(&changes, now()).await.expect("staged");
    author.publisher().publish_changes(&list, now()).await.expect("published").confirmed.expect("shown");
    assert!(list.list().await.expect("read").is_empty());
    server.uploads();

    let published = author.sign("v2", b"two").await.expect("published");
    assert_eq!(roles_signed(&published), ["targets/releases", "targets/bob"]);
    assert_eq!(server.uploads(), [["snapshot", "targets/bob", "targets/releases"]]);
    assert_eq!(author.digest("v2").await, Digest::sha256(b"two"));
    let again = author.sign("v2", b"two").await.expect("nothing to do");
    let signers = vec![role("targets/bob"), role("targets/releases")];
    assert_eq!(again.outcome, SignedOutcome::AlreadySigned { signers });

    author.keys.remove(signer.id()).expect("there");
    let error = author.sign("v3", b"three").await.expect_err("no key");
    let PublisherError::NoSigningKeys { roles, .. } = &error else { panic!("{error:?}") };
    assert_eq!(roles.len(), 3);
}

#[tokio::test]
async fn staged_changes_stay_until_they_are_published() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = PublishServer::empty();
    let author = Author::at(&server);
    let list = ChangeList::new(dir.path(), gun());
    let set = |tag: &str| Change::SetTarget {
        role: role("targets"),
        name: name(tag),
        meta: FileMeta::of(tag.as_bytes()),
    };
    list.add(&[set("a"), set("b")], now()).await.expect("staged");
    server.refuse_next(Fault::Status(500));
    author.publisher().publish_changes(&list, now()).await.expect_err("refused");
    assert_eq!(list.list().await.expect("read").len(), 2);
    let push = list.stage_push(&[set("pushed")], now()).await.expect("staged");
    author.publisher().publish_changes(&list, now()).await.expect("published");
    assert_eq!(author.digest("b").await, Digest::sha256(b"b"));
    // What a push staged is not the authors'.
    let left = list.list().await.expect("read");
    assert_eq!(left.len(), 1, "{left:?}");
    drop(push);
    let published = author.publisher().publish_changes(&list, now()).await.expect("nothing to do");
    assert_eq!(published.outcome, SignedOutcome::NothingToPublish);

    list.add(&[Change::Witness { role: role("targets/none") }], now()).await.expect("staged");
    let error = author.publisher().publish_changes(&list, now()).await.expect_err("no such role");
    assert!(matches!(&error, PublisherError::Change { file: Some(_), .. }), "{error:?}");
    assert_eq!(list.list().await.expect("read").len(), 1);
}
