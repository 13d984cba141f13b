//! Signatures: who signed, how often, and how.

use countersign_core::limits::Limits;
use countersign_core::metadata::{Envelope, Targets};
use countersign_core::signature::Signature;

use super::Client::{Refuses as Refused, Takes as Taken};
use super::Server::{Refuses, Takes};
use super::Setting::{Online, Plain};
use super::{Row, hold};

const NONE_COUNT: Server = Refuses("ErrBadTargets", "0 of 1 required signatures");
type Server = super::Server;

/// A signature by nobody.
fn junk(number: usize) -> Signature {
    Signature { keyid: format!("{number:064x}"), method: "ecdsa".to_owned(), sig: vec![7; 64] }
}

/// Signs the targets file by the keys of these roles.
fn signed_by(attack: &str, roles: &'static [&'static str], ids: &'static str) -> Row {
    let edit = |case: &mut super::case::Case| {
        let targets: Targets = case.claim("targets");
        let keys: Vec<_> = roles.iter().map(|of| case.keys(of)).collect();
        case.put_by("targets", &targets, &keys);
    };
    Row::new(attack, Plain, edit, NONE_COUNT, Refused("Signature")).ids(ids)
}

/// Edits the signatures of the targets file.
fn edited(
    attack: impl Into<String>,
    edit: impl Fn(&mut Vec<Signature>) + 'static,
    server: Server,
    client: super::Client,
) -> Row {
    Row::new(attack, Plain, move |case| case.edit_signatures("targets", &edit), server, client)
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = whose();
    rows.extend(how_often());
    rows.extend(methods());
    rows
}

fn whose() -> Vec<Row> {
    vec![
        Row::new(
            "targets that a stranger signed",
            Plain,
            |case| {
                let (keys, targets) = (case.stranger(), case.claim::<Targets>("targets"));
                case.put_by("targets", &targets, &[keys]);
            },
            NONE_COUNT,
            Refused("Signature"),
        ),
        signed_by("targets that the snapshot key signed", &["snapshot"], "Cure53 TUF-01-003"),
        signed_by("targets that the root key signed", &["root"], ""),
        Row::new(
            "targets that a delegate signed",
            Online,
            |case| {
                let (keys, targets) = (case.keys("targets/a"), case.claim::<Targets>("targets"));
                case.put_by("targets", &targets, &[keys]);
            },
            NONE_COUNT,
            Refused("Signature"),
        ),
        edited(
            "targets without signatures",
            Vec::clear,
            Refuses("ErrBadTargets", "it has no signature"),
            Refused("Signature"),
        ),
        Row::new(
            "targets with the signature of other targets",
            Plain,
            |case| {
                let old = case.trusted.targets(&crate::setting::role("targets")).expect("loaded");
                let old = Envelope::parse(old.bytes().clone(), &Limits::default()).expect("a file");
                let theirs = old.signatures().to_vec();
                case.edit_signatures("targets", |signatures| signatures.clone_from(&theirs));
            },
            NONE_COUNT,
            Refused("Signature"),
        ),
        edited(
            "a signature with one bit changed",
            |signatures| signatures[0].sig[40] ^= 1,
            NONE_COUNT,
            Refused("Signature"),
        ),
        edited(
            "a signature under the id of nobody's key",
            |signatures| signatures[0].keyid = "0".repeat(64),
            NONE_COUNT,
            Refused("Signature"),
        ),
    ]
}

fn how_often() -> Vec<Row> {
    let twice = || Refuses("ErrBadTargets", "signs it twice");
    let many = |count: usize, server, client| {
        edited(
            format!("{count} signatures by nobody before the right one"),
            move |signatures| drop(signatures.splice(0..0, (0..count).map(junk))),
            server,
            client,
        )
        .ids("CVE-2020-6173")
    };
    vec![
        edited(
            "the same signature twice",
            |signatures| signatures.push(signatures[0].clone()),
            twice(),
            Refused("Signature"),
        ),
        edited(
            "a bad signature and the right one by one key",
            |signatures| {
                let mut bad = signatures[0].clone();
                bad.sig[40] ^= 1;
                signatures.insert(0, bad);
            },
            twice(),
            Refused("Signature"),
        ),
        many(1023, Takes, Taken),
        many(1024, Refuses("ErrBadTargets", "at most 1024 are read"), Refused("Metadata")),
        many(5000, Refuses("ErrBadTargets", "at most 1024 are read"), Refused("Metadata")),
    ]
}

/// Every method but the key's own, and names that are none.
fn methods() -> Vec<Row> {
    ["rsapss", "eddsa", "rsapkcs1v15", "pycrypto-pkcs#1 pss", "none", "", "ecdsa-sha2-nistp256", "ed25519"]
        .into_iter()
        .map(|method| {
            edited(
                format!("an ECDSA signature that says it is `{method}`"),
                move |signatures| method.clone_into(&mut signatures[0].method),
                NONE_COUNT,
                Refused("Signature"),
            )
            .ids("NCC 2015-1")
        })
        .collect()
}

#[tokio::test]
async fn signature_has_both_verdicts() {
    hold(rows()).await;
}
