//! The chain behind a verdict.

use countersign_client::why::{Verdict, explain};
use countersign_core::name::RoleName;

use crate::collection::{Sim, name, now};
use crate::simulator::{Asker, Fault, SimServer};

#[tokio::test]
async fn why_shows_the_chain_of_a_trusted_tag() {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    sim.set_in("targets/releases", "v1", b"released");
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(&sim, &server);
    let why = explain(&asker.updater(), asker.start(), Some(&name("v1"))).await;
    assert_eq!(why.verdict, Verdict::Trusted);
    let roles: Vec<_> = why.chain.iter().map(|link| (link.role.as_str(), link.cached)).collect();
    assert_eq!(
        roles,
        [
            ("root", false),
            ("timestamp", false),
            ("snapshot", false),
            ("targets", false),
            ("targets/releases", false)
        ]
    );
    assert_eq!(why.target.expect("signed").role.as_str(), "targets/releases");
    assert_eq!(why.chain[0].keys, [sim.root_key.id()]);

    server.fail_all(Fault::Offline);
    asker.wait(60);
    let why = explain(&asker.updater(), asker.start(), Some(&name("v1"))).await;
    assert_eq!(why.verdict, Verdict::Trusted);
    let freshness = why.freshness.expect("trusted");
    assert_eq!(
        (freshness.online, freshness.confirmed, freshness.age_seconds),
        (false, Some(now()), Some(60))
    );
    assert!(why.chain.iter().all(|link| link.cached));
}

#[tokio::test]
async fn why_names_the_first_link_that_fails() {
    let mut sim = Sim::new();
    sim.targets("targets").expires = now();
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(&sim, &server);
    let why = explain(&asker.updater(), asker.start(), Some(&name("v1"))).await;
    assert_eq!(why.verdict, Verdict::Untrusted);
    assert_eq!(why.chain.len(), 3);
    let failure = why.failure.clone().expect("it failed");
    assert_eq!(failure.role.as_ref().map(RoleName::as_str), Some("targets"));
    assert!(failure.causes[0].starts_with("targets expired at "), "{:?}", failure.causes);
    let json = serde_json::to_value(&why).expect("it serialises");
    assert_eq!(json["verdict"], "untrusted");
    assert_eq!(json["chain"][0]["role"], "root");

    server.fail_all(Fault::Unauthorized);
    let why = explain(&asker.updater(), asker.start(), None).await;
    assert_eq!(why.verdict, Verdict::Unknown);
    assert!(why.chain.is_empty());
}

#[tokio::test]
async fn why_tells_an_unsigned_tag() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(&sim, &server);
    let why = explain(&asker.updater(), asker.start(), Some(&name("none"))).await;
    assert_eq!(why.verdict, Verdict::Untrusted);
    assert_eq!(why.failure.expect("unsigned").causes, ["no trust data for `none`"]);
}
