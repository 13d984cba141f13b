//! Keys and methods that do not belong together, and second forms of one signature.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use countersign_core::key::{KeyType, PublicKey};
use countersign_core::name::TopRole;
use countersign_core::number::Threshold;
use countersign_core::sign::SecretKey;
use countersign_core::signature::RoleKeys;

use super::case::Case;
use super::table::Outcome::{Means, Refused};
use super::table::{Row, hold};

const FEW: &str = "0 of 1 required signatures";

static RSA: LazyLock<Arc<SecretKey>> = LazyLock::new(|| {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().expect("its form");
    Arc::new(SecretKey::from_private_bytes(KeyType::Rsa, pkcs8.as_ref()).expect("an RSA key"))
});

fn secret(kind: &str) -> Arc<SecretKey> {
    match kind {
        "ecdsa" => crate::collection::key(),
        "ed25519" => Arc::new(SecretKey::generate_ed25519().expect("randomness")),
        _ => Arc::clone(&RSA),
    }
}

/// The order of P-256, less the second half of a signature: the other form of it.
fn other_form(sig: &mut [u8]) {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order = hex::decode(ORDER).expect("hex");
    let mut borrow = 0;
    for index in (0..32).rev() {
        let digit = i16::from(order[index]) - i16::from(sig[32 + index]) - borrow;
        borrow = i16::from(digit < 0);
        sig[32 + index] = u8::try_from(digit.rem_euclid(256)).expect("a byte");
    }
}

/// Lists the delegate's key, which is of `kind`, under the type `named`, with the signature that it makes.
fn renamed(case: &mut Case, kind: &str, named: KeyType) {
    let secret = secret(kind);
    case.sim.ring.insert(secret.clone());
    let listed = PublicKey::new(named, secret.public_key().as_bytes().to_vec());
    let own = RoleKeys::new([(secret.id(), secret.public_key().clone())].into(), Threshold::ONE);
    case.sign_by("targets/releases", &[own]);
    let id = listed.id().to_string();
    case.edit_signatures("targets/releases", |signatures| signatures[0].keyid = id);
    case.releases().keyids = vec![listed.id()];
    case.sim.targets("targets").delegations.keys = [(listed.id(), listed)].into();
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for kind in ["ecdsa", "ed25519", "rsa"] {
        rows.push(Row::new(format!("targets by a key of type `{kind}`"), Means("second"), move |case| {
            case.next_root_lists(TopRole::Targets, &[secret(kind)], 1);
        }));
        let own = if kind == "ecdsa" {
            "ecdsa"
        } else if kind == "rsa" {
            "rsapss"
        } else {
            "eddsa"
        };
        for method in ["ecdsa", "rsapss", "eddsa", "rsapkcs1v15", "pycrypto-pkcs#1 pss", "none", ""] {
            if method == own {
                continue;
            }
            let attack = format!("a signature of an `{kind}` key that says it is `{method}`");
            let row = Row::new(attack, Refused("Signature", FEW), move |case| {
                case.next_root_lists(TopRole::Targets, &[secret(kind)], 1);
                case.edit_signatures("targets", |signatures| method.clone_into(&mut signatures[0].method));
            });
            rows.push(row.ids("NCC 2015-1, CVE-2015-9258"));
        }
    }
    rows.extend(second_forms());
    rows
}

fn second_forms() -> Vec<Row> {
    vec![
        // Notary writes it: half of all signatures are of this form.
        Row::new("an ECDSA signature in its second form alone", Means("second"), |case| {
            case.edit_signatures("targets/releases", |signatures| other_form(&mut signatures[0].sig));
        }),
        Row::new(
            "an ECDSA signature in both forms under one id",
            Refused("Signature", "signs it twice"),
            |case| {
                case.edit_signatures("targets/releases", |signatures| {
                    let mut other = signatures[0].clone();
                    other_form(&mut other.sig);
                    signatures.push(other);
                });
            },
        )
        .ids("CVE-2020-15093"),
        Row::new(
            "an ECDSA signature in both forms under one key's two ids",
            Refused("Signature", "1 of 2"),
            |case| {
                let secret = case.new_key();
                let certificates = vec![case.sim.certificate(&secret), case.sim.certificate(&secret)];
                let second = certificates[1].id().to_string();
                let first =
                    RoleKeys::new([(certificates[0].id(), certificates[0].clone())].into(), Threshold::ONE);
                case.sim.next_root();
                case.sim.list(TopRole::Targets, certificates);
                let spec = case.sim.root.roles.get_mut("targets").expect("listed");
                spec.threshold = Threshold::new(2).expect("two");
                case.sign_by("targets", &[first]);
                case.edit_signatures("targets", |signatures| {
                    let mut other = signatures[0].clone();
                    other_form(&mut other.sig);
                    other.keyid = second;
                    signatures.push(other);
                });
            },
        )
        .ids("CVE-2020-15093"),
        Row::new("an ECDSA signature that is a byte longer", Refused("Signature", FEW), |case| {
            case.edit_signatures("targets/releases", |signatures| signatures[0].sig.insert(0, 0));
        }),
        Row::new("an ECDSA signature of zeros", Refused("Signature", FEW), |case| {
            case.edit_signatures("targets/releases", |signatures| signatures[0].sig = vec![0; 64]);
        }),
        Row::new("an ECDSA key that is listed as Ed25519", Refused("Signature", FEW), |case| {
            renamed(case, "ecdsa", KeyType::Ed25519);
        })
        .ids("NCC 2015-1"),
        Row::new("an Ed25519 key that is listed as ECDSA", Refused("Signature", FEW), |case| {
            renamed(case, "ed25519", KeyType::Ecdsa);
        })
        .ids("NCC 2015-1"),
        Row::new("an RSA key that is listed as ECDSA", Refused("Signature", FEW), |case| {
            renamed(case, "rsa", KeyType::Ecdsa);
        })
        .ids("NCC 2015-1"),
    ]
}

#[tokio::test]
async fn method_has_its_outcome() {
    hold(rows()).await;
}
