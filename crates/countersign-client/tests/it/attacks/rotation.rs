//! Roots that follow each other, and pins.

use countersign_core::name::TopRole;
use countersign_core::trust::TrustPinning;

use super::table::Outcome::{Means, Refused};
use super::table::{Row, hold, variant_of};
use crate::collection::{Sim, key, version};
use crate::simulator::{Asker, SimServer};

pub(super) fn rows() -> Vec<Row> {
    let rows = vec![
        Row::new("a root with a new key that old and new signed", Means("second"), |case| {
            case.sim.next_root();
            case.sim.give_root(&key());
        }),
        Row::new(
            "a root with a new key that only the new key signed",
            Refused("Rotation", "0 of 1"),
            |case| {
                case.sim.next_root();
                case.sim.give_root(&key());
                let new = case.keys("root");
                case.sign_by("root", &[new]);
            },
        ),
        Row::new(
            "a root with a new key that only the old key signed",
            Refused("Signature", "0 of 1"),
            |case| {
                let old = case.keys("root");
                case.sim.next_root();
                case.sim.give_root(&key());
                case.sign_by("root", &[old]);
            },
        ),
        Row::new("a root that a stranger signed", Refused("Rotation", "0 of 1"), |case| {
            case.sim.next_root();
            let keys = case.stranger();
            case.sign_by("root", &[keys]);
        }),
        Row::new("a root that skips a version", Refused("VersionGap", "version 2 must follow"), |case| {
            case.sim.next_root();
            case.sim.root.version = version(3);
        })
        .ids("CVE-2025-2885"),
        Row::new(
            "a root of the trusted version with other content",
            Refused("VersionGap", "version 2 must follow"),
            |case| {
                case.sim.root.expires = case.sim.root.expires.plus_seconds(60);
            },
        )
        .ids("CVE-2025-2885"),
        Row::new(
            "a root at the last version there is",
            Refused("VersionGap", "version 2 must follow"),
            |case| {
                case.sim.next_root();
                case.sim.root.version = version(0x7fff_ffff);
            },
        )
        .ids("Cure53 TUF-01-002"),
        Row::new(
            "a root whose key is the targets key, without a certificate",
            Refused("NoLeaf", ""),
            |case| {
                let keys = case.keys("targets").keys().values().cloned().collect();
                case.sim.next_root();
                case.sim.list(TopRole::Root, keys);
            },
        ),
        Row::new("a root whose targets key is its snapshot key too", Means("second"), |case| {
            let keys = case.keys("snapshot").keys().values().cloned().collect();
            case.sim.next_root();
            case.sim.list(TopRole::Targets, keys);
        }),
    ];
    rows.into_iter().map(Row::known).collect()
}

#[tokio::test]
async fn rotation_has_its_outcome() {
    hold(rows()).await;
}

/// Attempts on somebody with a pin, who may know the collection.
#[tokio::test]
async fn pin_decides_whatever_was_trusted_before() {
    let sim = Sim::new();
    let own = sim.certificate(&sim.root_key).id();
    let bare = sim.root_key.id();
    let listed = sim.root.roles["root"].keyids[0];
    let other = key().id();
    let gun = sim.gun.to_string();
    let pins = |pins: &[(&str, countersign_core::key::KeyId)]| TrustPinning {
        certs: pins.iter().map(|(name, id)| ((*name).to_owned(), [*id].into())).collect(),
        ..TrustPinning::default()
    };
    let cases = [
        ("its certificate", pins(&[(&gun, listed)]), true),
        ("its key", pins(&[(&gun, bare)]), true),
        ("another certificate of its key", pins(&[(&gun, own)]), false),
        ("another key", pins(&[(&gun, other)]), false),
        (
            "the longer wildcard is its own",
            pins(&[("docker.io/*", other), ("docker.io/library/*", bare)]),
            true,
        ),
        (
            "the longer wildcard is another's",
            pins(&[("docker.io/*", bare), ("docker.io/library/*", other)]),
            false,
        ),
        ("its name is another's, a wildcard its own", pins(&[(&gun, other), ("docker.io/*", bare)]), false),
        ("a wildcard of another case", pins(&[("Docker.io/*", other)]), true),
    ];
    for (case, pinning, is_trusted) in cases {
        for is_known in [true, false] {
            let server = SimServer::with(&sim.files());
            let mut asker = Asker::of(&sim, &server);
            if is_known {
                asker.digest("v1").await;
            }
            let before = asker.cached().await;
            asker.settings.pinning = pinning.clone();
            let pulled = asker.pull().await.map(drop);
            assert_eq!(pulled.is_ok(), is_trusted, "{case}, known {is_known}: {pulled:?}");
            if let Err(error) = pulled {
                assert_eq!(variant_of(&error), "Pin", "{case}, known {is_known}");
                assert_eq!(asker.cached().await, before, "{case}, known {is_known}");
            }
            asker.settings.pinning = TrustPinning::default();
            asker.digest("v1").await;
        }
    }
}

/// Once a root is trusted, a pin that is taken away does not make it a first use again.
#[tokio::test]
async fn pin_that_is_taken_away_opens_no_first_use() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let mut asker = Asker::of(&sim, &server);
    asker.settings.pinning.certs.insert(sim.gun.to_string(), [sim.root_key.id()].into());
    asker.digest("v1").await;
    asker.settings.pinning = TrustPinning::default();
    let before = asker.cached().await;
    let mut evil = Sim::new();
    evil.set("v1", b"evil");
    super::case::raise(&mut evil, 10);
    server.clear();
    server.publish(&evil.files());
    asker.pull().await.map(drop).expect_err("another root");
    server.serve("2.root.json", &evil.files().root);
    asker.pull().await.map(drop).expect_err("another root");
    assert_eq!(asker.cached().await, before);
    asker.settings.pinning.disable_tofu = true;
    server.clear();
    server.publish(&sim.files());
    asker.digest("v1").await;
    let stranger = {
        let mut asker = Asker::of(&sim, &server);
        asker.settings.pinning.disable_tofu = true;
        asker
    };
    assert_eq!(variant_of(&stranger.pull().await.map(drop).expect_err("no pin")), "NoPin");
}
