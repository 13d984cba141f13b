//! The open proposal of a collection: kept, joined, replaced, refused, dropped.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use countersign_core::author::{Change, DelegationEdit, Draft, KeyRing, OpenProposal, Proposal};
use countersign_core::certificate::self_signed;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::name::{Gun, TopRole};
use countersign_core::number::Threshold;
use countersign_core::sign::SecretKey;
use countersign_core::trust::TrustedCollection;
use countersign_server::clock::Clock as _;
use countersign_server::storage::Storage as _;
use http::{Method, Request, StatusCode};

use crate::setting::{DAY, Publisher, Reply, SnapshotKey, TestServer, role, set};

const YEAR: i64 = 365 * DAY;

/// A published collection whose targets role needs two of three people.
struct Team {
    server: Arc<TestServer>,
    publisher: Publisher,
    people: Vec<PublicKey>,
}

impl Team {
    async fn new() -> Self {
        Self::on(Arc::new(TestServer::start().await), "g").await
    }

    async fn on(server: Arc<TestServer>, gun: &str) -> Self {
        let mut publisher = Publisher::of(&server, gun, SnapshotKey::Server).await;
        let people: Vec<_> = (0..3).map(|_| publisher.new_key()).collect();
        let mut draft = Draft::first(publisher.keys.clone(), server.clock.now());
        for change in [
            set("targets", "v1", b"one"),
            Change::ReplaceKeys { role: TopRole::Targets, keys: people.clone() },
            Change::SetThreshold { role: role("targets"), threshold: Threshold::new(2).expect("two") },
        ] {
            draft.apply(&change).expect("applied");
        }
        let files = draft.sign(&publisher.ring, server.clock.now()).expect("signed").files;
        server.publish(&publisher.gun, &files).await.expect_ok();
        Self { server, publisher, people }
    }

    fn gun(&self) -> &Gun {
        &self.publisher.gun
    }

    /// The keys of these people alone.
    fn ring(&self, people: &[usize]) -> KeyRing {
        let mut ring = KeyRing::default();
        for person in people {
            let key = self.publisher.ring.find(&self.people[*person].id());
            ring.insert(Arc::clone(key.expect("a key")));
        }
        ring
    }

    async fn published(&self) -> TrustedCollection {
        self.server.update(self.gun()).await
    }

    /// A next edition with one more tag, signed by these people.
    async fn proposal(&self, tag: &str, people: &[usize]) -> Vec<u8> {
        let changes = [set("targets", tag, tag.as_bytes())];
        self.proposal_of(&self.published().await, &changes, &self.ring(people))
    }

    fn proposal_of(&self, base: &TrustedCollection, changes: &[Change], ring: &KeyRing) -> Vec<u8> {
        let mut draft = Draft::of(base);
        for change in changes {
            draft.apply(change).expect("applied");
        }
        draft.propose(base, self.gun().clone(), ring, self.server.clock.now()).expect("written").to_bytes()
    }

    async fn put(&self, proposal: impl Into<Body>) -> Reply {
        put(&self.server, self.gun(), proposal, "").await
    }

    async fn replace(&self, proposal: impl Into<Body>) -> Reply {
        put(&self.server, self.gun(), proposal, "?replace=true").await
    }

    async fn shown(&self) -> Reply {
        self.server.get(&format!("/v2/{}/_trust/proposal", self.gun())).await
    }

    /// What is stored, whether or not it would be shown.
    async fn stored(&self) -> Option<Bytes> {
        self.server.storage.proposal(self.gun()).await.expect("read")
    }

    async fn open(&self, reply: &Reply) -> OpenProposal {
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        let proposal = Proposal::parse(&reply.body).expect("a proposal");
        proposal.open(&self.published().await).expect("the next edition")
    }

    /// How many people signed what the server answered.
    async fn signers(&self, reply: &Reply) -> usize {
        self.open(reply).await.standing()[0].groups[0].signed.len()
    }
}

async fn put(server: &TestServer, gun: &Gun, proposal: impl Into<Body>, query: &str) -> Reply {
    let request = Request::put(format!("/v2/{gun}/_trust/proposal{query}")).body(proposal.into());
    server.send(request.expect("a request")).await
}

/// Refused for a reason that says this.
#[track_caller]
fn expect_refused(reply: &Reply, status: StatusCode, code: &str, why: &str) {
    reply.expect_code(status, code);
    let body: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
    let found = body["errors"][0]["detail"].as_str().expect("a reason");
    assert!(found.contains(why), "{found:?} does not say {why:?}");
    assert!(reply.body.len() < 1024);
}

#[tokio::test]
async fn proposal_is_kept_joined_and_gone_once_it_is_published() {
    let team = Team::new().await;
    team.shown().await.expect_code(StatusCode::NOT_FOUND, "METADATA_NOT_FOUND");
    let first = team.proposal("v2", &[0]).await;
    let reply = team.put(first.clone()).await;
    assert_eq!((reply.status, &reply.body), (StatusCode::OK, &Bytes::from(first)));
    let shown = team.shown().await;
    assert_eq!((shown.status, &shown.body), (StatusCode::OK, &reply.body));
    assert_eq!(shown.header("cache-control"), "no-store");
    assert_eq!(shown.header("content-type"), "application/json; charset=utf-8");
    let second = team.put(team.proposal("v2", &[1]).await).await;
    assert_eq!(team.signers(&second).await, 2);
    assert_eq!(team.shown().await.body, second.body);
    // Whoever puts what others know already takes nothing away.
    let again = team.put(team.proposal("v2", &[0]).await).await;
    assert_eq!(again.body, second.body);
    let open = team.open(&second).await;
    let edition = open.finish(&KeyRing::default(), team.server.clock.now()).expect("complete");
    team.server.publish(team.gun(), &edition.files).await.expect_ok();
    team.shown().await.expect_code(StatusCode::NOT_FOUND, "METADATA_NOT_FOUND");
    assert_eq!(team.stored().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn proposals_at_once_lose_no_signature() {
    let team = Arc::new(Team::new().await);
    for _ in 0..5 {
        team.server.ask(Method::DELETE, "/v2/g/_trust/proposal").await.expect_ok();
        let puts: Vec<_> = (0..3)
            .map(|person| {
                let team = Arc::clone(&team);
                tokio::spawn(async move { team.put(team.proposal("v2", &[person]).await).await.status })
            })
            .collect();
        for put in puts {
            assert_eq!(put.await.expect("answered"), StatusCode::OK);
        }
        assert_eq!(team.signers(&team.shown().await).await, 3);
    }
}

#[tokio::test]
async fn another_proposal_is_refused_unless_it_is_to_replace() {
    let team = Team::new().await;
    let first = team.put(team.proposal("v2", &[0]).await).await;
    let other = team.proposal("v3", &[1]).await;
    let refused = team.put(other.clone()).await;
    expect_refused(&refused, StatusCode::CONFLICT, "PROPOSAL_EXISTS", "something else for `targets`");
    // What would be refused by itself replaces nothing.
    let unsigned = team.proposal("v3", &[]).await;
    let refused = team.replace(unsigned).await;
    expect_refused(&refused, StatusCode::BAD_REQUEST, "PROPOSAL_UNSIGNED", "nobody signed it");
    assert_eq!(team.shown().await.body, first.body);
    // The same proposal is joined, even so.
    let joined = team.replace(team.proposal("v2", &[1]).await).await;
    assert_eq!(team.signers(&joined).await, 2);
    for query in ["?replace=false", "?replace", "?replaced=true"] {
        let reply = put(&team.server, team.gun(), other.clone(), query).await;
        reply.expect_code(StatusCode::CONFLICT, "PROPOSAL_EXISTS");
    }
    let replaced = team.replace(other).await;
    assert_eq!(team.signers(&replaced).await, 1);
    assert_eq!(team.shown().await.body, replaced.body);
}

/// Who signs for another role goes on with what waits already; who signs nothing adds nothing.
#[tokio::test]
async fn proposal_goes_on_with_what_another_role_says() {
    let mut team = Team::new().await;
    let edit = DelegationEdit {
        add_keys: vec![team.publisher.new_key()],
        add_paths: vec![String::new()],
        ..DelegationEdit::default()
    };
    let delegate = Change::EditDelegation { role: role("targets/a"), edit };
    let files = team.publisher.next(&team.server, &[delegate]).await;
    team.server.publish(team.gun(), &files).await.expect_ok();
    let base = team.published().await;
    let first = team.proposal("v2", &[0]).await;
    let kept = team.put(first.clone()).await;
    let both = [set("targets", "v2", b"v2"), set("targets/a", "v2", b"v2")];
    let unsigned = team.proposal_of(&base, &both, &team.ring(&[0]));
    team.put(unsigned).await.expect_code(StatusCode::CONFLICT, "PROPOSAL_EXISTS");
    assert_eq!(team.shown().await.body, kept.body);
    let mut of_a = team.ring(&[]);
    let key = base.targets(&role("targets")).expect("loaded").delegations.keys_of(&role("targets/a"));
    for id in key.expect("delegated").canonical_ids() {
        of_a.insert(Arc::clone(team.publisher.ring.find(&id).expect("a key")));
    }
    let more = team.put(team.proposal_of(&base, &both, &of_a)).await;
    // What was signed of the first is signed still, and whoever knows that alone adds to it.
    assert_eq!((team.signers(&more).await, team.open(&more).await.roles().len()), (1, 2));
    let joined = team.put(team.proposal("v2", &[1]).await).await;
    assert_eq!(team.signers(&joined).await, 2);
    assert!(team.open(&joined).await.is_complete());
}

#[tokio::test]
async fn overtaken_proposal_is_refused_and_makes_room() {
    let team = Team::new().await;
    let stale = team.proposal("v2", &[0]).await;
    team.put(stale.clone()).await;
    let mut draft = Draft::of(&team.published().await);
    draft.apply(&set("targets", "v3", b"three")).expect("applied");
    let files = draft.sign(&team.ring(&[0, 1]), team.server.clock.now()).expect("signed").files;
    team.server.publish(team.gun(), &files).await.expect_ok();
    let refused = team.put(stale).await;
    expect_refused(&refused, StatusCode::CONFLICT, "PROPOSAL_OVERTAKEN", "the next one is 4");
    assert!(team.stored().await.is_some());
    let next = team.put(team.proposal("v4", &[2]).await).await;
    assert_eq!(team.signers(&next).await, 1);
    assert_eq!(team.shown().await.body, next.body);
}

#[tokio::test]
async fn proposal_that_nobody_could_sign_is_refused() {
    let team = Team::new().await;
    let text = String::from_utf8(team.proposal("v2", &[0]).await).expect("JSON");
    let elsewhere = text.replace(r#""gun": "g""#, r#""gun": "h""#);
    let snapshot = text.replace(r#""targets": "#, r#""snapshot": "#);
    let nobodys = text.replace(r#""targets": "#, r#""targets/nobody": "#);
    let past = text.replace(r#"\"expires\":\"2029"#, r#"\"expires\":\"2019"#);
    let extra = text.replace(r#"\"version\":3"#, r#"\"version\":3,\"x\":1"#);
    for (bad, why) in [
        ("", "it is no proposal"),
        ("<html>", "it is no proposal"),
        ("{}", "it is no proposal"),
        (&text[..text.len() / 2], "it is no proposal"),
        (&elsewhere, "it is for `h`"),
        (&snapshot, "`snapshot`, which is not proposed"),
        (&nobodys, "`targets/nobody` is not a role"),
        (&past, "expired at 2019"),
        (&extra, "not in the form"),
    ] {
        assert!(bad != text, "{why}: nothing was replaced");
        expect_refused(&team.put(bad.to_owned()).await, StatusCode::BAD_REQUEST, "PROPOSAL_INVALID", why);
        assert_eq!(team.stored().await, None, "{why}");
    }
}

#[tokio::test]
async fn proposal_is_for_its_own_collection_and_for_one_that_is_there() {
    let team = Team::new().await;
    let other = Team::on(Arc::clone(&team.server), "g/other").await;
    let ours = team.proposal("v2", &[0]).await;
    expect_refused(
        &other.put(ours.clone()).await,
        StatusCode::BAD_REQUEST,
        "PROPOSAL_INVALID",
        "it is for `g`",
    );
    let nowhere: Gun = "g/none".parse().expect("a GUN");
    let reply = put(&team.server, &nowhere, ours, "").await;
    expect_refused(&reply, StatusCode::BAD_REQUEST, "PROPOSAL_INVALID", "nothing is published here");
    for gun in [other.gun(), &nowhere] {
        assert_eq!(team.server.storage.proposal(gun).await.expect("read"), None);
    }
}

#[tokio::test]
async fn proposal_without_a_signature_of_the_collection_is_refused() {
    let team = Team::new().await;
    let base = team.published().await;
    let mut strangers = KeyRing::default();
    let stranger = Arc::new(SecretKey::generate_ecdsa().expect("a key"));
    strangers.insert(stranger.clone());
    let certificate = self_signed(team.gun(), &stranger, team.server.clock.now()).expect("a certificate");
    let take_over = |role, keys| Change::ReplaceKeys { role, keys };
    let hostile = [
        vec![set("targets", "v2", b"two")],
        // Signed by the keys that it proposes itself.
        vec![take_over(TopRole::Root, vec![certificate])],
        vec![
            Change::SetThreshold { role: role("targets"), threshold: Threshold::ONE },
            take_over(TopRole::Targets, vec![stranger.public_key().clone()]),
            set("targets", "v2", b"two"),
        ],
    ];
    for changes in hostile {
        let reply = team.put(team.proposal_of(&base, &changes, &strangers)).await;
        expect_refused(&reply, StatusCode::BAD_REQUEST, "PROPOSAL_UNSIGNED", "nobody signed it");
        assert_eq!(team.stored().await, None);
    }
}

/// A signature that counts for nothing is not kept, so that it cannot stand in the way of the true one.
#[tokio::test]
async fn signature_that_counts_for_nothing_is_not_kept() {
    let team = Team::new().await;
    let text = String::from_utf8(team.proposal("v2", &[0, 1]).await).expect("JSON");
    let ids: Vec<KeyId> = team.people.iter().map(PublicKey::id).collect();
    let forged = text.replace(&ids[1].to_string(), &ids[2].to_string());
    let kept = team.put(forged).await;
    assert_eq!(team.signers(&kept).await, 1);
    let joined = team.put(team.proposal("v2", &[2]).await).await;
    assert_eq!(team.signers(&joined).await, 2);
}

#[tokio::test]
async fn proposal_is_bounded() {
    let server = TestServer::with(|config| config.limits.upload_bytes = 6000).await;
    let team = Team::on(Arc::new(server), "g").await;
    let too_large = |reply: Reply| reply.expect_code(StatusCode::PAYLOAD_TOO_LARGE, "INVALID_UPDATE");
    let endless =
        futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 100])));
    too_large(team.put(Body::from_stream(endless)).await);
    let announced =
        Request::put("/v2/g/_trust/proposal").header("content-length", "6001").body(Body::empty());
    too_large(team.server.send(announced.expect("a request")).await);
    let broken = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("reset"))]);
    let reply = team.put(Body::from_stream(broken)).await;
    reply.expect_code(StatusCode::BAD_REQUEST, "MALFORMED_UPLOAD");
    // With the signatures of all it may be longer than what any of them sent.
    let (first, second) = (team.proposal("v2", &[0]).await, team.proposal("v2", &[1]).await);
    let max_bytes = first.len().max(second.len()) as u64 + 10;
    let propose = |bytes: Vec<u8>| team.server.service.propose(team.gun(), bytes.into(), false, max_bytes);
    let kept = propose(first).await.expect("kept");
    let refused = propose(second).await.expect_err("too large");
    assert!(refused.to_string().contains("its signatures included"), "{refused}");
    assert_eq!(team.shown().await.body, kept);
}

#[tokio::test]
async fn proposal_is_withdrawn_by_whoever_may_publish() {
    let team = Team::new().await;
    let other = Team::on(Arc::clone(&team.server), "g/other").await;
    let withdraw = "/v2/g/_trust/proposal";
    team.server.ask(Method::DELETE, withdraw).await.expect_ok();
    for each in [&team, &other] {
        each.put(each.proposal("v2", &[0]).await).await;
    }
    for _ in 0..2 {
        team.server.ask(Method::DELETE, withdraw).await.expect_ok();
        team.shown().await.expect_code(StatusCode::NOT_FOUND, "METADATA_NOT_FOUND");
    }
    assert_eq!(other.shown().await.status, StatusCode::OK);
    team.put(team.proposal("v3", &[0]).await).await;
    team.server.ask(Method::DELETE, "/v2/g/_trust/tuf/").await.expect_ok();
    assert_eq!(team.stored().await, None);
    assert_eq!(other.shown().await.status, StatusCode::OK);
}

#[tokio::test]
async fn proposal_outlives_renewals_and_ends_with_its_time() {
    let team = Team::new().await;
    let kept = team.put(team.proposal("v2", &[0]).await).await;
    team.server.clock.advance(10 * DAY);
    team.server.service.renew_due().await.expect("renewed");
    assert_eq!(team.shown().await.body, kept.body);
    team.server.clock.advance(3 * YEAR);
    team.shown().await.expect_code(StatusCode::NOT_FOUND, "METADATA_NOT_FOUND");
    assert_eq!(team.stored().await, None);
}

/// Under a root that nobody trusts any more nobody can look at it; that root may be followed by another yet.
#[tokio::test]
async fn proposal_is_not_shown_under_an_expired_root() {
    let team = Team::new().await;
    let next = team.proposal("v2", &[0]).await;
    team.put(next.clone()).await;
    team.server.clock.advance(11 * YEAR);
    team.shown().await.expect_code(StatusCode::NOT_FOUND, "METADATA_NOT_FOUND");
    assert!(team.stored().await.is_some());
    expect_refused(
        &team.put(next).await,
        StatusCode::BAD_REQUEST,
        "PROPOSAL_INVALID",
        "on what is published: root",
    );
}

#[tokio::test]
async fn proposal_of_a_delegation_needs_only_what_is_above_it() {
    let mut team = Team::new().await;
    let people: Vec<_> = (0..2).map(|_| team.publisher.new_key()).collect();
    let edit = |keys: &[PublicKey], threshold| DelegationEdit {
        add_keys: keys.to_vec(),
        add_paths: vec![String::new()],
        threshold: Threshold::new(threshold).ok(),
        ..DelegationEdit::default()
    };
    let delegate = [
        Change::EditDelegation { role: role("targets/a"), edit: edit(&people[..1], 1) },
        Change::EditDelegation { role: role("targets/a/b"), edit: edit(&people, 2) },
    ];
    let files = team.publisher.next(&team.server, &delegate).await;
    team.server.publish(team.gun(), &files).await.expect_ok();
    let mut ring = KeyRing::default();
    ring.insert(Arc::clone(team.publisher.ring.find(&people[1].id()).expect("a key")));
    let change = set("targets/a/b", "v2", b"two");
    let reply = team.put(team.proposal_of(&team.published().await, &[change], &ring)).await;
    assert_eq!(team.signers(&reply).await, 1);
}

/// A role that was delegated before goes on from its last version, as an upload must.
#[tokio::test]
async fn delegation_that_comes_back_goes_on_from_its_last_version() {
    let mut team = Team::new().await;
    let edit = DelegationEdit {
        add_keys: vec![team.publisher.new_key()],
        add_paths: vec![String::new()],
        ..DelegationEdit::default()
    };
    let delegate = Change::EditDelegation { role: role("targets/a"), edit };
    let back = [delegate, set("targets/a", "v2", b"two")];
    let files = team.publisher.next(&team.server, &back).await;
    team.server.publish(team.gun(), &files).await.expect_ok();
    let gone =
        team.publisher.next(&team.server, &[Change::RemoveDelegation { role: role("targets/a") }]).await;
    team.server.publish(team.gun(), &gone).await.expect_ok();
    let forgetful = team.proposal_of(&team.published().await, &back, &team.publisher.ring);
    team.put(forgetful).await.expect_code(StatusCode::CONFLICT, "PROPOSAL_OVERTAKEN");
    let known = team.server.remembering(team.gun(), &["targets/a"]).await;
    let reply = team.put(team.proposal_of(&known, &back, &team.publisher.ring)).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
}
