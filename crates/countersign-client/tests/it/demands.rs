//! What a policy asks for beyond TUF: who must have signed, how old an answer may be, how far ahead a timestamp may expire.

use countersign_client::lookup::{LookupError, list_tags, resolve_tag};
use countersign_client::updater::{
    DelegationFault, FirstUse, Freshness, Releases, Roles, UpdateError, Warning,
};
use countersign_core::certificate::self_signed;
use countersign_core::digest::Digest;
use countersign_core::metadata::FileMeta;
use countersign_core::name::TopRole;
use countersign_core::trust::{TrustError, TrustPinning, TrustedTarget};

use crate::collection::{Sim, name, now, role};
use crate::simulator::{Asker, Fault, SimServer};

const BOTH: [&str; 2] = ["targets/ci", "targets/security"];
/// How long the simulated timestamp lives, in seconds.
const TIMESTAMP_LIVES: u64 = 3600;

/// A collection in which two roles sign, beside `targets`.
fn two_signers() -> Sim {
    let mut sim = Sim::new();
    for role in BOTH {
        sim.delegate(role, &[""]);
    }
    sim
}

fn asker(sim: &Sim, server: &std::sync::Arc<SimServer>, signed_by: &[&str]) -> Asker {
    let mut asker = Asker::of(sim, server);
    asker.settings.demands.signed_by = signed_by.iter().map(|name| role(name)).collect();
    asker
}

async fn resolve(asker: &Asker, tag: &str) -> Result<TrustedTarget, LookupError> {
    let refreshed = asker.pull().await.expect("trusted");
    resolve_tag(&refreshed.collection, &name(tag), Releases::Required)
}

#[tokio::test]
async fn name_that_all_signed_is_resolved_and_no_other() {
    let mut sim = two_signers();
    for role in BOTH {
        sim.set_in(role, "both", b"image");
        sim.set_in(role, "differs", role.as_bytes());
        sim.set_in(role, "contradicted", b"image");
    }
    sim.set_in(BOTH[0], "one", b"image");
    sim.set("contradicted", b"other");
    let server = SimServer::with(&sim.files());
    let asker = asker(&sim, &server, &BOTH);
    let both = resolve(&asker, "both").await.expect("signed by both");
    assert_eq!((both.digest, both.role.as_str()), (Digest::sha256(b"image"), BOTH[0]));
    for tag in ["differs", "contradicted"] {
        let found = resolve(&asker, tag).await;
        assert!(matches!(found, Err(LookupError::SignersDisagree { .. })), "{tag}: {found:?}");
    }
    for (tag, silent) in [("one", BOTH[1]), ("v1", BOTH[0]), ("nosuch", BOTH[0])] {
        let missing = LookupError::SignerMissing { tag: name(tag), role: role(silent) };
        assert_eq!(resolve(&asker, tag).await, Err(missing), "{tag}");
    }
    for roles in [Roles::Pull, Roles::All] {
        let refreshed = asker.refresh(roles).await.expect("trusted");
        let listed = list_tags(&refreshed.collection, Releases::Required).expect("loaded");
        assert_eq!(listed.iter().map(|target| target.name.as_str()).collect::<Vec<_>>(), ["both"]);
    }
}

#[tokio::test]
async fn role_that_nobody_delegated_signs_nothing() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let found = resolve(&asker(&sim, &server, &["targets/ci"]), "v1").await;
    assert_eq!(found, Err(LookupError::SignerMissing { tag: name("v1"), role: role("targets/ci") }));
    let targets = resolve(&asker(&sim, &server, &["targets"]), "v1").await.expect("signed by targets");
    assert_eq!(targets.digest, Digest::sha256(b"first"));
}

#[tokio::test]
async fn role_below_another_is_loaded_with_it_and_from_the_cache() {
    let mut sim = two_signers();
    sim.delegate("targets/ci/nightly", &[""]);
    sim.set_in("targets/ci/nightly", "1", b"image");
    let server = SimServer::with(&sim.files());
    let asker = asker(&sim, &server, &["targets/ci/nightly"]);
    assert_eq!(resolve(&asker, "1").await.expect("signed").digest, Digest::sha256(b"image"));
    server.fail_all(Fault::Offline);
    assert_eq!(resolve(&asker, "1").await.expect("cached").digest, Digest::sha256(b"image"));
}

#[tokio::test]
async fn role_that_must_have_signed_and_cannot_be_used_is_an_error() {
    let mut sim = two_signers();
    for role in BOTH {
        sim.set_in(role, "1", b"image");
    }
    let mut expired = sim.clone();
    expired.targets(BOTH[1]).expires = now();
    let server = SimServer::with(&expired.files());
    let error = asker(&expired, &server, &BOTH).pull().await.expect_err("expired");
    let UpdateError::SignedBy { role, source } = &error else { panic!("{error:?}") };
    assert_eq!(role.as_str(), BOTH[1]);
    assert!(matches!(source, DelegationFault::Untrusted(TrustError::Expired { .. })), "{source:?}");
    assert!(error.is_untrusted());

    let files = sim.files();
    let server = SimServer::with(&files);
    let hex = Digest::sha256(&files.roles[role]).hex();
    server.fail(&format!("{}.{hex}.json", BOTH[1]), Fault::Offline);
    let error = asker(&sim, &server, &BOTH).pull().await.expect_err("not fetched");
    assert!(matches!(error, UpdateError::SignedBy { .. }), "{error:?}");
    assert!(!error.is_untrusted());
}

#[tokio::test]
async fn whoever_publishes_sees_what_is_published() {
    let sim = two_signers();
    let server = SimServer::with(&sim.files());
    let refreshed = asker(&sim, &server, &BOTH).refresh(Roles::Publish).await.expect("trusted");
    let found = resolve_tag(&refreshed.collection, &name("v1"), Releases::Required);
    assert_eq!(found.expect("as Docker would see it").digest, Digest::sha256(b"first"));
}

#[tokio::test]
async fn uncheckable_entry_of_the_usual_order_is_not_made_up_for() {
    let mut sim = two_signers();
    for role in BOTH {
        sim.set_in(role, "1", b"image");
    }
    let nothing = FileMeta::new(countersign_core::digest::Hashes::default(), 1);
    sim.targets("targets").targets.insert(name("1"), nothing);
    let server = SimServer::with(&sim.files());
    let found = resolve(&asker(&sim, &server, &BOTH), "1").await;
    assert_eq!(found, Err(LookupError::NotSigned { tag: name("1") }));
}

#[tokio::test]
async fn cache_stands_in_up_to_the_allowed_age() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let mut asker = Asker::of(&sim, &server);
    asker.settings.demands.max_age = Some(300);
    asker.pull().await.expect("online");
    server.fail_all(Fault::Offline);
    asker.wait(300);
    let refreshed = asker.pull().await.expect("just young enough");
    assert!(matches!(refreshed.freshness, Freshness::Offline { .. }));
    asker.wait(1);
    let error = asker.pull().await.expect_err("too old");
    assert!(matches!(error, UpdateError::Stale { age: Some(301), max_age: 300, .. }), "{error:?}");
    assert!(!error.is_untrusted(), "it could not be checked");
    server.fail_all(None);
    asker.pull().await.expect("heard from again");
    server.fail_all(Fault::Status(503));
    asker.wait(300);
    asker.pull().await.expect("young again");
}

#[tokio::test]
async fn confirmation_that_is_yet_to_come_or_unknown_is_too_old() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let mut asker = Asker::of(&sim, &server);
    asker.settings.demands.max_age = Some(u64::MAX);
    asker.wait(60);
    asker.pull().await.expect("online");
    server.fail_all(Fault::Offline);
    let mut earlier = Asker::of(&sim, &server);
    earlier.cache = asker.cache.clone();
    earlier.settings = asker.settings.clone();
    let error = earlier.pull().await.expect_err("confirmed in the future");
    assert!(matches!(error, UpdateError::Stale { age: None, .. }), "{error:?}");
}

#[tokio::test]
async fn timestamp_that_expires_too_far_ahead_is_refused_and_not_kept() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let mut asker = Asker::of(&sim, &server);
    asker.settings.demands.max_freeze = Some(TIMESTAMP_LIVES - 1);
    let error = asker.pull().await.expect_err("too far ahead");
    assert!(matches!(error, UpdateError::FarExpiry { ahead: 3600, max_freeze: 3599, .. }), "{error:?}");
    assert!(error.is_untrusted(), "it was checked");
    assert!(asker.cached().await.is_empty());
    asker.refresh(Roles::Publish).await.expect("the server's own timestamp does not keep its publisher out");
    asker.settings.demands.max_freeze = Some(TIMESTAMP_LIVES);
    asker.pull().await.expect("just near enough");
}

#[tokio::test]
async fn expired_certificate_of_a_role_is_a_warning_or_refused_as_demanded() {
    let mut sim = Sim::new();
    let key = sim.keys[&role("targets")][0].clone();
    // It lives for ten years.
    let began = now().plus_seconds(-11 * 365 * 86_400);
    sim.list(TopRole::Targets, vec![self_signed(&sim.gun, &key, began).expect("a certificate")]);
    let server = SimServer::with(&sim.files());
    let mut asker = Asker::of(&sim, &server);
    asker.settings.demands.certificates_hold = true;
    let error = asker.pull().await.expect_err("it is over");
    let UpdateError::Certificate { role: of, key: named, .. } = &error else { panic!("{error:?}") };
    assert_eq!((of.as_str(), *named), ("targets", key.public_key().id()));
    assert!(error.is_untrusted(), "it was checked");
    assert!(asker.cached().await.is_empty());
    asker.settings.demands.certificates_hold = false;
    let refreshed = asker.pull().await.expect("only a warning");
    let is_told = |warning: &Warning| matches!(warning, Warning::CertificateEnds { .. });
    assert!(refreshed.warnings.iter().any(is_told), "{:?}", refreshed.warnings);
}

#[tokio::test]
async fn first_use_that_is_refused_names_the_key_and_keeps_nothing() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let mut asker = Asker::of(&sim, &server);
    asker.settings.demands.first_use = FirstUse::Refused;
    for _ in 0..2 {
        let error = asker.pull().await.expect_err("the first time, and the first time again");
        let UpdateError::FirstUse { root_keys, .. } = &error else { panic!("{error:?}") };
        assert_eq!(root_keys, &[sim.root_key.public_key().id()]);
        assert!(error.is_untrusted());
        assert!(asker.cached().await.is_empty());
    }
    let pinned = [(sim.gun.to_string(), [sim.root_key.public_key().id()].into())];
    asker.settings.pinning = TrustPinning { certs: pinned.into(), ..TrustPinning::default() };
    asker.pull().await.expect("a pin says which key is right");
}

#[tokio::test]
async fn first_use_that_is_refused_says_first_what_is_wrong() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let mut asker = Asker::of(&sim, &server);
    asker.settings.demands.first_use = FirstUse::Refused;
    asker.wait(TIMESTAMP_LIVES);
    let error = asker.pull().await.expect_err("expired");
    assert!(matches!(error, UpdateError::Untrusted(TrustError::Expired { .. })), "{error:?}");
}
