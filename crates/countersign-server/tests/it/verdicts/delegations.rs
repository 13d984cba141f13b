//! Delegated roles: who may say what.

use countersign_core::metadata::{Delegation, FileMeta, Snapshot, Targets};
use countersign_core::name::TargetName;
use countersign_core::number::Threshold;

use super::Client::{Ignores, Refuses as Refused};
use super::Server::{Refuses, Takes};
use super::Setting::{Delegated, Online, Plain};
use super::case::{Case, version};
use super::{Row, hold};
use crate::setting::{DAY, role};

/// Declares `name` in the targets file of `by`, for everything, with a new key.
fn declare(case: &mut Case, by: &str, names: &[String]) {
    let key = case.new_key();
    case.edit_targets(by, |targets| {
        targets.delegations.keys.insert(key.id(), key.public_key().clone());
        for name in names {
            let mut delegation = Delegation::new(role(name), Threshold::ONE);
            delegation.keyids.push(key.id());
            delegation.paths.push(String::new());
            targets.delegations.roles.push(delegation);
        }
    });
}

fn says(targets: &mut Targets, name: &str) {
    targets.targets.insert(TargetName::from(name.to_owned()), FileMeta::of(name.as_bytes()));
}

/// A file of `of` that only says what `name` is.
fn publish_below(case: &mut Case, of: &str, name: &str) {
    let mut targets = Targets::new(version(1), case.now().plus_seconds(DAY));
    says(&mut targets, name);
    case.put(of, &targets);
}

fn declared(attack: &'static str, by: &'static str, name: &'static str) -> Row {
    Row::new(
        attack,
        Delegated,
        move |case| declare(case, by, &[name.to_owned()]),
        Refuses("ErrBadTargets", "which is not its to declare"),
        Refused("Metadata"),
    )
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = signed_by_others();
    rows.extend(every_check_of_a_top_role());
    rows.extend(beyond_their_right());
    rows.extend(exceptions());
    rows
}

fn signed_by_others() -> Vec<Row> {
    let unsigned = || Refuses("ErrBadTargets", "0 of 1 required signatures");
    vec![
        Row::new(
            "a delegate's file that a stranger signed",
            Delegated,
            |case| {
                let (keys, targets) = (case.stranger(), case.claim::<Targets>("targets/a"));
                case.put_by("targets/a", &targets, &[keys]);
            },
            unsigned(),
            Refused("Signature"),
        ),
        Row::new(
            "a delegate's file that the targets key signed",
            Delegated,
            |case| {
                let (keys, targets) = (case.keys("targets"), case.claim::<Targets>("targets/a"));
                case.put_by("targets/a", &targets, &[keys]);
            },
            unsigned(),
            Refused("Signature"),
        ),
        Row::new(
            "a delegate's signature twice, where two keys must sign",
            Delegated,
            |case| {
                case.edit_targets("targets", |targets| {
                    targets.delegations.roles[0].threshold = Threshold::new(2).expect("two");
                });
                case.edit_signatures("targets/a", |signatures| signatures.push(signatures[0].clone()));
            },
            Refuses("ErrBadTargets", "signs it twice"),
            Refused("Signature"),
        ),
        Row::new(
            "a delegation that needs more keys than it has",
            Delegated,
            |case| {
                case.edit_targets("targets", |targets| {
                    targets.delegations.roles[0].threshold = Threshold::new(2).expect("two");
                });
            },
            Refuses("ErrBadTargets", "1 of 2 required signatures"),
            Refused("Signature"),
        )
        .ids("CVE-2026-23992"),
    ]
}

/// A delegate's file goes through what the targets file goes through (CVE-2026-6967).
fn every_check_of_a_top_role() -> Vec<Row> {
    let rows = vec![
        Row::new(
            "a delegate's file of an older version under a new snapshot",
            Delegated,
            |case| case.edit_targets("targets/a", |targets| targets.version = version(1)),
            Refuses("VERSION", ""),
            // The first is the trusted one: the same version with other content.
            Refused("Equivocation"),
        ),
        Row::new(
            "a delegate's file that expires at this very instant",
            Delegated,
            |case| {
                let now = case.now();
                case.edit_targets("targets/a", |targets| targets.expires = now);
            },
            Refuses("ErrBadTargets", "targets/a expired at"),
            Refused("Expired"),
        ),
        Row::new(
            "a delegate's file with another SHA-512 than the snapshot names",
            Delegated,
            |case| {
                case.edit_snapshot(|snapshot| {
                    let wrong = countersign_core::digest::Hashes::of(b"other").sha512().expect("a digest");
                    snapshot.meta.get_mut("targets/a").expect("named").hashes.insert(wrong);
                });
            },
            Refuses("ErrBadSnapshot", "targets/a is not the file that its snapshot names"),
            Refused("Hash"),
        ),
        Row::new(
            "a delegate's file that is longer than the snapshot names",
            Delegated,
            |case| case.edit_snapshot(|of| of.meta.get_mut("targets/a").expect("named").length = 1),
            Refuses("ErrBadSnapshot", "its snapshot names 1"),
            Refused("Length"),
        ),
        Row::new(
            "a delegate's file that the snapshot does not name",
            Delegated,
            |case| case.edit_snapshot(|snapshot: &mut Snapshot| drop(snapshot.meta.remove("targets/a"))),
            Refuses("ErrBadSnapshot", "the snapshot does not list `targets/a`"),
            Refused("RoleRemoved"),
        ),
    ];
    rows.into_iter().map(|row| row.ids("CVE-2026-6967")).collect()
}

fn beyond_their_right() -> Vec<Row> {
    vec![
        Row::new(
            "a file of a role that nobody delegates to",
            Plain,
            |case| {
                let mut targets: Targets = case.claim("targets");
                says(&mut targets, "stray");
                let keys = case.keys("targets");
                case.put_by("targets/b", &targets, &[keys]);
            },
            Refuses("ErrBadTargets", "`targets/b` is not delegated"),
            Ignores("stray"),
        )
        .why("a client never asks for it; on a server it would only be room for anybody's bytes"),
        Row::new(
            "a delegate's tag outside its paths",
            Delegated,
            |case| case.edit_targets("targets/a", |targets| says(targets, "b1")),
            Takes,
            Ignores("b1"),
        )
        .why("paths may be widened later, and who publishes for a delegate may not know them; every lookup enforces them"),
        Row::new(
            "a tag by a delegate's delegate outside the delegate's paths",
            Delegated,
            |case| {
                declare(case, "targets/a", &["targets/a/x".to_owned()]);
                publish_below(case, "targets/a/x", "b2");
            },
            Takes,
            Ignores("b2"),
        )
        .why("as above: a path that is wider than the parent's is worth nothing at a lookup"),
        declared("a delegate that declares a role beside itself", "targets/a", "targets/b"),
        declared("a delegate that declares itself", "targets/a", "targets/a"),
        declared("a delegate's delegate that is declared over its head", "targets", "targets/a/x"),
        declared("a delegation that is declared twice", "targets", "targets/a"),
        Row::new(
            "1,025 delegations",
            Plain,
            |case| {
                let names: Vec<_> = (0..1025).map(|number| format!("targets/n{number}")).collect();
                declare(case, "targets", &names);
            },
            Refuses("ErrBadTargets", "more than 1024 delegated roles"),
            Refused("TooManyDelegations"),
        ),
    ]
}

fn exceptions() -> Vec<Row> {
    vec![
        Row::new(
            "keys are taken from a delegate that has not signed again",
            Online,
            |case| {
                case.next.remove(&role("targets/a"));
                let key = case.new_key();
                case.edit_targets("targets", |targets| {
                    targets.delegations.keys.insert(key.id(), key.public_key().clone());
                    targets.delegations.roles[0].keyids = vec![key.id()];
                    let used = targets.delegations.roles[0].keyids.clone();
                    targets.delegations.keys.retain(|id, _| used.contains(id));
                });
            },
            Takes,
            Refused("Signature"),
        )
        .why("a stolen key must be taken away at once, whether or not its owner can sign; that role's tags are refused until then")
        .mend(|case| {
            case.root = (**case.trusted.root()).clone();
            let mut targets: Targets = case.claim("targets/a");
            targets.version = targets.version.next().expect("a version");
            case.put("targets/a", &targets);
            case.next.remove(&role("targets"));
        }),
        Row::new(
            "a delegate's file, under targets that expired since",
            Online,
            |case| {
                case.next.remove(&role("targets"));
                case.server.clock.advance(1095 * DAY);
                let later = case.now().plus_seconds(1095 * DAY);
                case.edit_targets("targets/a", |targets| targets.expires = later);
            },
            Takes,
            Refused("Expired"),
        )
        .why("the delegate cannot sign for targets, and must not be kept from publishing; clients refuse until targets is signed again")
        .mend(|case| {
            let later = case.now().plus_seconds(1095 * DAY);
            case.next.clear();
            case.edit_targets("targets", |targets| {
                targets.version = targets.version.next().expect("a version");
                targets.expires = later;
            });
        }),
    ]
}

#[tokio::test]
async fn delegation_has_both_verdicts() {
    hold(rows()).await;
}
