//! Delegates who say more than they may, and names that lead elsewhere.

use countersign_core::metadata::{Delegation, Targets};
use countersign_core::number::Threshold;

use super::case::Case;
use super::table::Outcome::{Means, Refused, Unheard};
use super::table::{Row, hold};
use crate::collection::{now, role, version};

/// Has `targets/releases` declare a role of this name, which nothing but this text says, with the key of the releases.
fn declares(case: &mut Case, named: &str) {
    case.edit_signed(
        "targets/releases",
        r#""roles":[]"#,
        &format!(r#""roles":[{{"keyids":[],"name":{named},"paths":[""],"threshold":1}}]"#),
    );
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        Row::new("a delegate's tag outside its paths", Unheard, |case| {
            case.releases().paths = vec!["v".to_owned()];
            case.sim.set_in("targets/releases", "evil", b"evil");
        }),
        Row::new("a delegate without paths", Means("first"), |case| case.releases().paths.clear()),
        Row::new("a tag by a delegate's delegate", Unheard, |case| {
            case.sim.delegate("targets/releases/deep", &[""]);
            case.sim.set_in("targets/releases/deep", "evil", b"evil");
            case.sim.targets("targets/releases/deep").version = version(10);
        }),
        Row::new("a delegate's delegate that says what its delegate says", Means("second"), |case| {
            case.sim.delegate("targets/releases/deep", &["v1"]);
            case.sim.set_in("targets/releases/deep", "v1", b"evil");
        }),
        Row::new("1,025 delegations", Refused("TooManyDelegations", "1024"), |case| {
            for number in 0..1024 {
                let mut delegation = Delegation::new(role(&format!("targets/d{number}")), Threshold::ONE);
                delegation.paths = vec![String::new()];
                case.sim.targets("targets").delegations.roles.push(delegation);
            }
        }),
        Row::new("a delegate that was put under another key", Refused("Signature", "0 of 1"), |case| {
            let key = case.new_key();
            let file = case.file("targets/releases");
            case.put("targets/releases", file);
            case.releases().keyids = vec![key.id()];
            case.sim.targets("targets").delegations.keys = [(key.id(), key.public_key().clone())].into();
        })
        .ids("CVE-2024-47534"),
        Row::new("targets that say nothing but the delegation", Means("second"), |case| {
            let delegations = case.sim.targets("targets").delegations.clone();
            let mut bare = Targets::new(version(10), now().plus_seconds(3600));
            bare.delegations = delegations;
            *case.sim.targets("targets") = bare;
        }),
    ];
    let long = format!("\"targets/releases/{}\"", "a".repeat(300));
    let names = [
        ("itself", r#""targets/releases""#.to_owned()),
        ("its delegator", r#""targets""#.to_owned()),
        ("root", r#""root""#.to_owned()),
        ("a role beside it", r#""targets/other""#.to_owned()),
        ("`targets/releases/../../root`", r#""targets/releases/../../root""#.to_owned()),
        ("`targets/releases/%2e%2e`", r#""targets/releases/%2e%2e""#.to_owned()),
        ("`targets/releases%2fa`", r#""targets/releases%2fa""#.to_owned()),
        ("`targets/releases//a`", r#""targets/releases//a""#.to_owned()),
        ("`targets/releases/A`", r#""targets/releases/A""#.to_owned()),
        ("`/etc/passwd`", r#""/etc/passwd""#.to_owned()),
        ("a name with NUL", r#""targets/releases/a\u0000""#.to_owned()),
        ("a name with a Cyrillic letter", r#""targets/releases/\u0430""#.to_owned()),
        ("a name of 300 letters", long),
        ("an empty name", r#""""#.to_owned()),
    ];
    rows.extend(names.into_iter().map(|(what, name)| {
        let attack = format!("a delegate that declares {what}");
        Row::new(attack, Refused("Metadata", "targets/releases"), move |case| declares(case, &name))
            .ids("CVE-2026-24686, CVE-2023-7279")
    }));
    rows
}

#[tokio::test]
async fn escalation_has_its_outcome() {
    hold(rows()).await;
}
