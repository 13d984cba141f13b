//! Delegations that Debian's client makes: ours publishes them, signs in them, and follows their keys.

use std::fs;

use countersign_lab::tls::Authority;

use super::stage::{Person, Server, Shop, gets};

const TEAM: &str = "team/app";
const RELEASES: &str = "targets/releases";

/// A signer's key and certificate, as files: `NAME.key`, `NAME.crt`.
struct Signer {
    key: String,
    certificate: String,
}

impl Signer {
    fn new(person: &Person, name: &str) -> Self {
        let identity =
            Authority::new().and_then(|authority| authority.issue(&[name])).expect("a certificate");
        let path = |ending: &str| person.world().path(&format!("{name}.{ending}"));
        fs::write(path("key"), identity.key_pem()).expect("a file can be written");
        fs::write(path("crt"), identity.chain_pem()).expect("a file can be written");
        Self { key: path("key").display().to_string(), certificate: path("crt").display().to_string() }
    }

    /// Has `person` keep the private key with Debian's client.
    fn is_kept_by(&self, person: &Person, role: &str) {
        person.theirs(&["key", "import", &self.key, "--role", role]).expect_success();
    }
}

/// The roles in which a name is signed, as the reader's cache has them.
fn signed_in(reader: &Person, gun: &str, tag: &str, roles: &[&'static str]) -> Vec<&'static str> {
    reader.ours(&["repo", "list", gun]).expect_success();
    let has = |role: &str| reader.cached(gun, role)["signed"]["targets"].get(tag).is_some();
    roles.iter().copied().filter(|role| has(role)).collect()
}

fn delegated(server: &Server) {
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (alice, bob, dave) = (Person::of(server), Person::of(server), Person::of(server));
    let before = shop.push(&alice, TEAM, "v0");
    bob.ours(&["repo", "list", &gun]).expect_success();

    // Staged by theirs, published by ours: two roles, one with a key that Alice has.
    let (first, second, carols) =
        (Signer::new(&alice, "first"), Signer::new(&alice, "second"), Signer::new(&alice, "carol"));
    first.is_kept_by(&alice, RELEASES);
    for (role, certificate) in [(RELEASES, &first.certificate), ("targets/carol", &carols.certificate)] {
        alice.theirs(&["delegation", "add", &gun, role, certificate, "--all-paths"]).expect_success();
    }
    let status = alice.ours(&["repo", "status", &gun]).expect_success();
    assert_eq!(status.stdout, alice.theirs(&["status", &gun]).expect_success().stdout);
    alice.ours(&["repo", "publish", &gun]).expect_success();
    let made = bob.theirs(&["delegation", "list", &gun]).expect_success().stdout;
    assert!(made.contains(RELEASES) && made.contains("targets/carol"), "{made}");

    // Ours signs in the delegations whose keys it has, and not in `targets`.
    let image = shop.push(&alice, TEAM, "v1");
    assert_eq!(signed_in(&bob, &gun, "v1", &["targets", RELEASES]), [RELEASES]);
    gets(&bob, &gun, "v1", &image);
    let pulled = bob.ours(&["pull", &format!("{gun}:v1")]).expect_success();
    assert!(pulled.stderr.contains("signed by targets/releases"), "{}", pulled.transcript());
    gets(&bob, &gun, "v0", &before);

    // A delegate without the snapshot key cannot publish; once the server has it, both clients of the delegate can.
    second.is_kept_by(&dave, RELEASES);
    alice.theirs(&["delegation", "add", &gun, RELEASES, &second.certificate, "-p"]).expect_success();
    let reference = format!("{gun}:v2");
    super::stage::load(&dave, &reference);
    let refused = dave.ours(&["push", &reference]).expect_code(1);
    assert!(refused.stderr.contains("snapshot"), "{}", refused.transcript());
    alice.theirs(&["key", "rotate", &gun, "snapshot", "--server-managed"]).expect_success();
    let by_ours = shop.push(&dave, TEAM, "v2");
    let by_theirs = shop.offer(TEAM, "v3");
    let file = super::stage::manifest_file(&dave, &by_theirs);
    dave.theirs(&["add", &gun, "v3", &file, "--roles", RELEASES, "-p"]).expect_success();
    gets(&bob, &gun, "v2", &by_ours);
    gets(&bob, &gun, "v3", &by_theirs);

    // The first key goes: what it alone signed has to be signed again, by the key that stays.
    let first_id = made
        .lines()
        .find(|row| row.starts_with(RELEASES))
        .and_then(|row| row.split_whitespace().rev().nth(1));
    let first_id = first_id.expect("the row names the key");
    alice.theirs(&["delegation", "remove", &gun, RELEASES, first_id]).expect_success();
    alice.ours(&["repo", "publish", &gun]).expect_success();
    dave.theirs(&["witness", &gun, RELEASES]).expect_success();
    dave.ours(&["repo", "publish", &gun]).expect_success();
    gets(&bob, &gun, "v1", &image);
    gets(&Person::of(server), &gun, "v1", &image);
    let late = shop.push(&dave, TEAM, "v4");
    gets(&bob, &gun, "v4", &late);

    // And the whole role goes.
    alice.theirs(&["delegation", "remove", &gun, RELEASES, "-y"]).expect_success();
    alice.ours(&["repo", "publish", &gun]).expect_success();
    assert_eq!(bob.both_list(&gun), ["v0"]);
    gets(&bob, &gun, "v0", &before);
    bob.ours(&["pull", &format!("{gun}:v4")]).expect_code(3);
}

/// Paths that a role was given in vain are told by ours, which publishes what theirs staged.
fn excluded(server: &Server) {
    let shop = Shop::open();
    let gun = shop.gun("team/paths");
    let alice = Person::of(server);
    shop.push(&alice, "team/paths", "v0");
    let (team, below) = (Signer::new(&alice, "team"), Signer::new(&alice, "below"));
    team.is_kept_by(&alice, "targets/team");
    let add = |role: &str, signer: &Signer, paths: &str| {
        alice
            .theirs(&["delegation", "add", &gun, role, &signer.certificate, "--paths", paths])
            .expect_success();
    };
    add("targets/team", &team, "team-");
    let fine = alice.ours(&["repo", "publish", &gun]).expect_success();
    assert!(!fine.stderr.contains("nobody finds"), "{}", fine.transcript());
    add("targets/team/below", &below, "team-below-,other-");
    let told = alice.ours(&["repo", "publish", &gun]).expect_success();
    let warning = "nobody finds what `targets/team/below` signs below `other-`: the role that declares it";
    assert!(told.stderr.contains(warning), "{}", told.transcript());
}

#[test]
fn delegations_are_shared_on_debians_server() {
    let Some(server) = Server::debian() else { return };
    delegated(&server);
    excluded(&server);
}

#[test]
fn delegations_are_shared_on_our_server() {
    let Some(server) = Server::ours() else { return };
    delegated(&server);
    excluded(&server);
}
