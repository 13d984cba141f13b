//! Keys in the wrong hands: found wherever they may sign, taken out, and everybody follows.

use std::fs;

use super::stage::{Person, Server, Shop, gets};

const RELEASES: &str = "targets/releases";

/// The id of the one key of a role that somebody has for a collection, or of a signer.
fn key_of(person: &Person, role: &str, gun: Option<&str>) -> String {
    let listed = person.ours(&["key", "list", "--json"]).expect_success().stdout;
    let mut keys = listed.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let is_it = |key: &serde_json::Value| key["role"] == role && gun.is_none_or(|gun| key["gun"] == gun);
    let key = keys.rfind(is_it).expect("such a key");
    key["id"].as_str().expect("an id").to_owned()
}

fn make_signer(owner: &Person, person: &Person, name: &str, guns: &[&str]) {
    person.ours(&["trust", "key", "generate", name]).expect_success();
    let file = format!("{name}.pub");
    owner.world().write(&file, fs::read(person.world().path(&file)).expect("a public key"));
    for gun in guns {
        owner.ours(&["trust", "signer", "add", "--key", &file, name, gun]).expect_success();
    }
}

/// Bob's key was stolen. He signs in two repositories; Carol signs in one of them, too.
fn stolen(server: &Server) {
    let shop = Shop::open();
    let [one, two, other] = ["team/one", "team/two", "team/other"].map(|name| shop.gun(name));
    let [owner, bob, carol, reader] = [(); 4].map(|()| Person::of(server));
    make_signer(&owner, &bob, "bob", &[&one, &two]);
    make_signer(&owner, &carol, "carol", &[&one]);
    owner.take_keys_of(&carol);
    shop.push(&owner, "team/other", "v0");
    let image = shop.push(&bob, "team/one", "v1");
    let second = shop.push(&bob, "team/two", "v1");
    gets(&reader, &one, "v1", &image);
    let key = key_of(&bob, "bob", None);

    // Somebody without any cache finds them on the server.
    let auditor = Person::of(server);
    let dry = auditor.ours(&["key", "revoke", &key, "--server", "--dry-run"]).expect_success();
    for gun in [&one, &two] {
        assert!(dry.stdout.contains(&format!("{gun} on ")), "{}", dry.transcript());
    }
    assert!(!dry.stdout.contains(&other), "{}", dry.transcript());
    let listed = format!("v1 = {} in {RELEASES}", image.digest());
    assert!(dry.stdout.contains(&listed), "{}", dry.transcript());
    assert!(dry.stdout.contains("nobody else signed: v1"), "{}", dry.transcript());
    assert!(auditor.files("tuf").is_empty(), "looking is no first use");
    let json =
        auditor.ours(&["key", "revoke", &key, "--server", "--dry-run", "--json"]).expect_success().stdout;
    let found: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|found| found["nobody_else_signed"][0] == "v1"), "{json}");
    let future =
        auditor.ours(&["key", "revoke", &key, "--dry-run", "--since", "2126-01-01"]).expect_success();
    assert!(!future.stdout.contains(&listed), "{}", future.transcript());
    let none = auditor.ours(&["key", "revoke", &"a".repeat(64), "--dry-run"]).expect_success();
    assert!(none.stderr.contains("may sign nothing"), "{}", none.transcript());

    // Asked, and not agreed: nothing changes.
    let asked = owner.world().program(&["key", "revoke", &key]).stdin("n\n").run().expect_code(1);
    assert!(asked.stderr.contains("Nothing was changed"), "{}", asked.transcript());
    gets(&reader, &one, "v1", &image);

    // Carol's key signs the first one again. Nobody could sign what is released of the second one, so that stays until that is accepted.
    let some = owner.ours(&["key", "revoke", &key, "--yes"]).expect_code(1);
    assert!(some.stdout.contains(&format!("may no longer sign {one}")), "{}", some.transcript());
    assert!(
        some.stdout.contains(&format!("may no longer sign `targets/bob` of {two}")),
        "{}",
        some.transcript()
    );
    assert!(
        some.stderr.contains(&format!("may still sign `{RELEASES}` of `{two}`")),
        "{}",
        some.transcript()
    );
    assert!(some.stderr.contains("may still sign in 1 of 2 repositories"), "{}", some.transcript());
    assert!(some.stderr.contains("nothing can be pulled"), "{}", some.transcript());
    gets(&reader, &one, "v1", &image);
    let tried = bob.ours(&["trust", "sign", "--from-registry", &format!("{one}:v1")]);
    assert_ne!(tried.code, Some(0), "{}", tried.transcript());
    owner.ours(&["key", "revoke", &key, "--yes", "--take-over"]).expect_success();
    gets(&reader, &two, "v1", &second);
    let none = auditor.ours(&["key", "revoke", &key, "--server", "--dry-run"]).expect_success();
    assert!(none.stderr.contains("may sign nothing"), "{}", none.transcript());
    make_signer(&owner, &carol, "dave", &[&two]);
    let again = shop.push_again(&carol, "team/two", "v2", "two");
    gets(&reader, &two, "v2", &again);
}

/// The owner's own keys, one after the other.
fn owners(server: &Server) {
    let shop = Shop::open();
    let gun = shop.gun("team/app");
    let [owner, reader] = [(); 2].map(|()| Person::of(server));
    let image = shop.push(&owner, "team/app", "v0");
    gets(&reader, &gun, "v0", &image);
    for (turn, role) in ["targets", "snapshot", "root"].into_iter().enumerate() {
        let key = key_of(&owner, role, (role != "root").then_some(&gun));
        let revoked = owner.ours(&["key", "revoke", &key, "--yes"]).expect_success();
        assert!(
            revoked.stdout.contains(&format!("may sign {role}: 1 of 1 must")),
            "{}",
            revoked.transcript()
        );
        assert!(revoked.stdout.contains("stays in root, for timestamp: "), "{}", revoked.transcript());
        gets(&reader, &gun, "v0", &image);
        let root = reader.cached(&gun, "root");
        assert_eq!(root["signed"]["version"], turn + 2);
        let none = owner.ours(&["key", "revoke", &key, "--dry-run"]).expect_success();
        assert!(none.stderr.contains("may sign nothing"), "{}", none.transcript());
    }
    let image = shop.push(&owner, "team/app", "v1");
    gets(&reader, &gun, "v1", &image);
    // Without the root key nothing changes.
    let stranger = Person::of(server);
    stranger.ours(&["repo", "list", &gun]).expect_success();
    let root = stranger.cached(&gun, "root");
    let key = root["signed"]["roles"]["targets"]["keyids"][0].as_str().expect("an id");
    let refused = stranger.ours(&["key", "revoke", key, "--yes"]).expect_code(1);
    let still = format!("may still sign `targets` of `{gun}`");
    assert!(refused.stderr.contains(&still), "{}", refused.transcript());
    assert!(!refused.stdout.contains("may no longer sign"), "{}", refused.transcript());
    gets(&reader, &gun, "v1", &image);
    // Whoever had the key may have let somebody in: that stays, and is shown.
    let carol = Person::of(server);
    make_signer(&owner, &carol, "carol", &[&gun]);
    let shown = owner.ours(&["key", "revoke", key, "--dry-run"]).expect_success();
    let stays = format!("stays in targets, for targets/carol: {}", key_of(&carol, "carol", None));
    assert!(shown.stdout.contains(&stays), "{}", shown.transcript());
}

#[test]
fn stolen_key_is_taken_out_of_every_repository_on_our_server() {
    let Some(server) = Server::ours() else { return };
    stolen(&server);
    owners(&server);
}

#[test]
fn stolen_key_is_taken_out_of_every_repository_on_debians_server() {
    let Some(server) = Server::debian() else { return };
    stolen(&server);
    owners(&server);
}
