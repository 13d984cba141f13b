//! Files by somebody else, by too few, and by one who counts twice.

use countersign_core::metadata::FileMeta;
use countersign_core::name::TopRole;
use countersign_core::number::Threshold;
use countersign_core::signature::RoleKeys;

use super::table::Outcome::{Means, Refused};
use super::table::{Row, hold};
use crate::collection::{key, name, role};

const FEW: &str = "0 of 1 required signatures";
const ROLES: [&str; 5] = ["root", "timestamp", "snapshot", "targets", "targets/releases"];

/// A file that says something else, signed by the keys of another role.
fn by_another(of: &'static str, signer: &'static str, ids: &'static str) -> Row {
    Row::new(format!("{of} that the {signer} key signed"), Refused("Signature", FEW), move |case| {
        let keys = case.keys(signer);
        case.sign_by(of, &[keys]);
    })
    .ids(ids)
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        by_another("targets", "snapshot", "Cure53 TUF-01-003"),
        by_another("targets", "timestamp", "Cure53 TUF-01-003"),
        by_another("targets", "root", ""),
        by_another("targets", "targets/releases", ""),
        by_another("targets/releases", "targets", ""),
        by_another("targets/releases", "snapshot", "Cure53 TUF-01-003"),
        by_another("snapshot", "timestamp", "Cure53 TUF-01-003"),
        by_another("timestamp", "snapshot", ""),
        by_another("timestamp", "targets", ""),
    ];
    for of in ROLES.into_iter().filter(|of| *of != "root") {
        rows.extend([
            Row::new(format!("{of} that a stranger signed"), Refused("Signature", FEW), move |case| {
                let keys = case.stranger();
                case.sign_by(of, &[keys]);
            }),
            Row::new(
                format!("{of} without a signature"),
                Refused("Signature", "no signature"),
                move |case| {
                    case.edit_signatures(of, Vec::clear);
                },
            ),
            Row::new(
                format!("{of} with one bit of its signature changed"),
                Refused("Signature", FEW),
                move |case| {
                    case.edit_signatures(of, |signatures| signatures[0].sig[40] ^= 1);
                },
            ),
            Row::new(
                format!("{of} with the same signature twice"),
                Refused("Signature", "signs it twice"),
                move |case| {
                    case.edit_signatures(of, |signatures| signatures.push(signatures[0].clone()));
                },
            )
            .ids("CVE-2020-6174, CVE-2026-6966"),
            Row::new(
                format!("{of} with 5,000 signatures by nobody"),
                // So large a timestamp is not even read.
                if of == "timestamp" {
                    Refused("Fetch", "too large")
                } else {
                    Refused("Metadata", "at most 1024")
                },
                move |case| {
                    case.edit_signatures(of, |signatures| {
                        for number in 0..5000 {
                            let mut junk = signatures[0].clone();
                            junk.keyid = format!("{number:064x}");
                            signatures.push(junk);
                        }
                    });
                },
            )
            .ids("CVE-2020-6173, CVE-2023-33958"),
        ]);
    }
    rows.extend(entries());
    rows.extend(thresholds());
    rows
}

/// What somebody without the key of the role writes into it.
fn entries() -> Vec<Row> {
    vec![
        Row::new("a tag's entry under another tag's name, by nobody", Refused("Signature", FEW), |case| {
            case.sim.set_in("targets/releases", "old", b"old");
            case.damage("targets/releases", r#""v1":{"#, r#""v2":{"#);
        }),
        Row::new("a tag that means another image, by nobody", Refused("Signature", FEW), |case| {
            let meta = FileMeta::of(b"evil");
            let honest = case.file("targets/releases");
            case.sim.targets("targets/releases").targets.insert(name("v1"), meta);
            let evil = String::from_utf8(case.file("targets/releases").to_vec()).expect("text");
            let honest = String::from_utf8(honest.to_vec()).expect("text");
            let (_, signatures) = honest.split_once(r#","signatures""#).expect("signatures");
            let (signed, _) = evil.split_once(r#","signatures""#).expect("signatures");
            case.put("targets/releases", format!(r#"{signed},"signatures"{signatures}"#));
        }),
        Row::new("another collection's root", Refused("NoLeaf", "no usable certificate"), |case| {
            let gun = case.sim.gun.clone();
            case.sim.gun = "docker.io/library/other".parse().expect("a GUN");
            let root_key = case.sim.root_key.clone();
            case.sim.next_root();
            case.sim.give_root(&root_key);
            case.sim.gun = gun;
        }),
        // SECURITY.md: nothing but root names its collection.
        Row::new(
            "another collection's targets by the same key, with stolen online keys",
            Means("second"),
            |case| {
                case.sim.set_in("targets", "other", b"other");
            },
        ),
        Row::new(
            "another collection's targets by the same key, without the online keys",
            Refused("Hash", "targets"),
            |case| {
                let snapshot = case.file("snapshot");
                case.put("snapshot", snapshot);
                case.sim.set_in("targets", "v1", b"other");
            },
        ),
    ]
}

fn thresholds() -> Vec<Row> {
    let of_three = |case: &mut super::case::Case| {
        let keys = [key(), key(), key()];
        case.next_root_lists(TopRole::Targets, &keys, 2);
        keys
    };
    vec![
        Row::new(
            "one stolen key of three, of which two must sign",
            Refused("Signature", "1 of 2"),
            move |case| {
                let keys = of_three(case);
                let one =
                    RoleKeys::new([(keys[0].id(), keys[0].public_key().clone())].into(), Threshold::ONE);
                case.sign_by("targets", &[one]);
            },
        ),
        Row::new("two keys of three, of which two must sign", Means("second"), move |case| {
            let keys = of_three(case);
            let two = keys[..2].iter().map(|key| (key.id(), key.public_key().clone())).collect();
            case.sign_by("targets", &[RoleKeys::new(two, Threshold::ONE)]);
        }),
        Row::new(
            "one key in two certificates, where two keys must sign",
            Refused("Signature", "1 of 2"),
            |case| {
                let secret = case.new_key();
                let certificates = vec![case.sim.certificate(&secret), case.sim.certificate(&secret)];
                let both = certificates.iter().map(|key| (key.id(), key.clone())).collect();
                case.sim.next_root();
                case.sim.list(TopRole::Targets, certificates);
                let spec = case.sim.root.roles.get_mut("targets").expect("listed");
                spec.threshold = Threshold::new(2).expect("two");
                case.sign_by("targets", &[RoleKeys::new(both, Threshold::ONE)]);
            },
        )
        .ids("CVE-2020-6174"),
        Row::new(
            "a delegate's key bare and in a certificate, where two keys must sign",
            Refused("Signature", "1 of 2"),
            |case| {
                let secret = case.new_key();
                let twice = [secret.public_key().clone(), case.sim.certificate(&secret)];
                case.releases().keyids = twice.iter().map(countersign_core::key::PublicKey::id).collect();
                case.releases().threshold = Threshold::new(2).expect("two");
                let listed: std::collections::BTreeMap<_, _> =
                    twice.iter().map(|key| (key.id(), key.clone())).collect();
                case.sim.targets("targets").delegations.keys = listed.clone().into_iter().collect();
                case.sign_by("targets/releases", &[RoleKeys::new(listed, Threshold::ONE)]);
            },
        )
        .ids("CVE-2026-6966"),
        Row::new("a key under another key's id", Refused("Metadata", "root"), |case| {
            let stolen = case.new_key();
            case.sim.next_root();
            let id = case.sim.keys[&role("targets")][0].id();
            case.sim.root.keys.insert(id, stolen.public_key().clone());
        }),
        Row::new("more keys needed than there are", Refused("Signature", "1 of 2"), |case| {
            let keys = case.keys("targets/releases");
            case.releases().threshold = Threshold::new(2).expect("two");
            let one = RoleKeys::new(keys.keys().clone(), Threshold::ONE);
            case.sign_by("targets/releases", &[one]);
        })
        .ids("CVE-2026-23992"),
    ]
}

#[tokio::test]
async fn signer_has_its_outcome() {
    hold(rows()).await;
}
