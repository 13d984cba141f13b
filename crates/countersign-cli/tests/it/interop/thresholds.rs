//! Roles that need the signatures of several people: nobody publishes alone, everybody follows, Docker's and Notary's clients with
//! the caches that they have.

use std::fs;

use countersign_testkit::command::{Invocation, Output};
use countersign_testkit::peers::find_program;

use super::stage::{Person, Server, Shop, gets, load};

const TEAM: &str = "team/app";
const RELEASES: &str = "targets/releases";

/// Whether the server keeps proposals, or their files have to travel.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Travels {
    ByServer,
    AsFile,
}

/// The tags that Docker's client sees with the cache that it has, where it is installed and has `docker trust`.
fn docker_sees(person: &Person, gun: &str) -> Option<Output> {
    let docker = find_program("docker")?;
    if Invocation::of(&docker).args(["trust", "--help"]).run().code != Some(0) {
        return None;
    }
    Some(person.world().program_at(&docker, &["trust", "inspect", gun]).run())
}

/// Brings what waits at `from` to `to`, if the server does not. The arguments that name it there.
fn bring(from: &Person, to: &Person, gun: &str, travels: Travels) -> Vec<&'static str> {
    if travels == Travels::ByServer {
        return Vec::new();
    }
    let file = from.world().path(&format!(".docker/trust/tuf/{gun}/proposal.json"));
    to.world().write("proposal.json", fs::read(file).expect("it is kept"));
    vec!["--file", "proposal.json"]
}

/// Makes `person` a signer of the owner's repository.
fn make_signer(owner: &Person, person: &Person, name: &str, gun: &str) {
    person.ours(&["trust", "key", "generate", name]).expect_success();
    let file = format!("{name}.pub");
    owner.world().write(&file, fs::read(person.world().path(&file)).expect("a public key"));
    owner.ours(&["trust", "signer", "add", "--key", &file, name, gun]).expect_success();
}

/// What is released takes two of three signers.
fn release(server: &Server, travels: Travels) {
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let [owner, bob, carol, dave, reader, dora] = [(); 6].map(|()| Person::of(server));
    for (person, name) in [(&bob, "bob"), (&carol, "carol"), (&dave, "dave")] {
        make_signer(&owner, person, name, &gun);
    }
    let image = shop.push(&bob, TEAM, "v0");
    gets(&reader, &gun, "v0", &image);
    docker_sees(&dora, &gun);

    // Raised while something is released: what is released has to be signed by a second one first.
    let raised = owner.ours(&["repo", "threshold", &gun, RELEASES, "2"]);
    assert_eq!(raised.code, Some(1), "{}", raised.transcript());
    assert!(raised.stderr.contains("targets/releases has 0 of 2 signatures"), "{}", raised.transcript());
    gets(&reader, &gun, "v0", &image);
    let file = bring(&owner, &bob, &gun, travels);
    let signed = bob.ours(&[&["trust", "approve", "--yes", &gun], &file[..]].concat()).expect_success();
    assert!(signed.stderr.contains("1 of 2 signatures"), "{}", signed.transcript());
    if travels == Travels::AsFile {
        dave.world().write("proposal.json", fs::read(bob.world().path("proposal.json")).expect("rewritten"));
    }
    let published = dave.ours(&[&["trust", "approve", "--yes", &gun], &file[..]].concat()).expect_success();
    assert!(published.stdout.contains("Successfully published"), "{}", published.transcript());
    gets(&reader, &gun, "v0", &image);

    // One of two releases nothing.
    let reference = format!("{gun}:v1");
    let image = load(&bob, &reference);
    let pushed = bob.ours(&["push", "--engine", "local", &reference]);
    assert_eq!(pushed.code, Some(1), "{}", pushed.transcript());
    assert!(pushed.stderr.contains("targets/releases has 1 of 2 signatures"), "{}", pushed.transcript());
    assert_eq!(reader.ours(&["repo", "lookup", &gun, "v1"]).code, Some(3));
    let shown = bob.ours(&["repo", "status", &gun]).expect_success().stdout;
    assert!(shown.contains(&format!("+ v1 = {}", image.digest())), "{shown}");
    if travels == Travels::ByServer {
        // Whoever looks sees it, without having been told.
        let shown = carol.ours(&["repo", "status", &gun]).expect_success().stdout;
        assert!(shown.contains("1 of 2, by") && shown.contains("can, which is here"), "{shown}");
        let shown = carol.ours(&["trust", "diff", "--json", &gun]).expect_success().stdout;
        let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(shown["proposed"]["complete"], false);
    }
    let file = bring(&bob, &carol, &gun, travels);
    let asked = carol.world().program(&[&["trust", "approve", &gun], &file[..]].concat()).stdin("n\n").run();
    assert_eq!(asked.code, Some(1), "{}", asked.transcript());
    assert!(asked.stderr.contains("Nothing was signed"), "{}", asked.transcript());
    assert_eq!(reader.ours(&["repo", "lookup", &gun, "v1"]).code, Some(3));
    let approved =
        carol.world().program(&[&["trust", "approve", &gun], &file[..]].concat()).stdin("y\n").run();
    approved.expect_success();
    gets(&reader, &gun, "v1", &image);
    if let Some(seen) = docker_sees(&dora, &gun) {
        assert!(seen.expect_success().stdout.contains("\"v1\""));
    }
    nothing_is_published_by_notary(&bob, &reader, &gun, &shop);
}

/// What Notary's client does with one key of two: it fails, and nothing changes. What it staged, ours publishes together.
fn nothing_is_published_by_notary(bob: &Person, reader: &Person, gun: &str, shop: &Shop) {
    let image = shop.offer(TEAM, "v2");
    let manifest = bob.world().path("manifest.json");
    fs::write(&manifest, &image.manifest().bytes).expect("a file can be written");
    let manifest = manifest.display().to_string();
    let tried = bob.notary().invocation(&["add", gun, "v2", &manifest, "-r", RELEASES, "-p"]).run();
    assert_ne!(tried.code, Some(0), "{}", tried.transcript());
    assert!(
        tried.stdout.contains("not enough signing keys: found 1 of 2 needed keys"),
        "{}",
        tried.transcript()
    );
    assert_eq!(reader.ours(&["repo", "lookup", gun, "v2"]).code, Some(3));
    // Its change is staged, and ours makes a proposal of it.
    let left = bob.ours(&["repo", "publish", gun]);
    assert!(left.stderr.contains("targets/releases has 1 of 2 signatures"), "{}", left.transcript());
    bob.ours(&["repo", "withdraw", gun]).expect_success();
}

#[test]
fn release_of_two_signers_on_our_server() {
    let Some(server) = Server::ours() else { return };
    release(&server, Travels::ByServer);
}

#[test]
fn release_of_two_signers_on_debians_server() {
    let Some(server) = Server::debian() else { return };
    release(&server, Travels::AsFile);
}

/// The id of the root key that is here.
fn root_key(person: &Person) -> String {
    let listed = person.ours(&["key", "list", "--json"]).expect_success().stdout;
    let keys: Vec<serde_json::Value> =
        listed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut keys =
        keys.iter().flat_map(|json| json.as_array().cloned().unwrap_or_else(|| vec![json.clone()]));
    let root = keys.rfind(|key| key["role"] == "root").expect("a root key");
    root["id"].as_str().expect("an id").to_owned()
}

/// A root goes from one key to two of three, loses the first, and everybody follows.
fn ceremony(server: &Server, travels: Travels) {
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let [owner, second, third, reader, dora, nora] = [(); 6].map(|()| Person::of(server));
    let image = shop.push(&owner, TEAM, "v0");
    gets(&reader, &gun, "v0", &image);
    nora.theirs(&["list", &gun]).expect_success();
    docker_sees(&dora, &gun);
    let first = root_key(&owner);
    for (person, file) in [(&second, "second.crt"), (&third, "third.crt")] {
        person.ours(&["key", "generate", "--role", "root"]).expect_success();
        let key = root_key(person);
        person.ours(&["repo", "root", "certificate", &gun, "--key", &key, "-o", file]).expect_success();
        owner.world().write(file, fs::read(person.world().path(file)).expect("a certificate"));
    }
    let line =
        ["repo", "root", "propose", &gun, "--add", "second.crt", "--add", "third.crt", "--threshold", "2"];
    let proposed = owner.ours(&line).expect_success();
    assert!(proposed.stdout.contains("~ root keys 2 of"), "{}", proposed.transcript());
    assert!(proposed.stderr.contains("root has 1 of 2 signatures"), "{}", proposed.transcript());
    let file = bring(&owner, &second, &gun, travels);
    let early = second.ours(&[&["repo", "root", "publish", &gun], &file[..]].concat());
    assert_eq!(early.code, Some(1), "{}", early.transcript());
    second.ours(&[&["repo", "root", "sign", "--yes", &gun], &file[..]].concat()).expect_success();
    assert_eq!(server.version(&gun, "root"), 1, "signing publishes nothing");
    // The owner has the snapshot key.
    let file = bring(&second, &owner, &gun, travels);
    owner.ours(&[&["repo", "root", "publish", &gun], &file[..]].concat()).expect_success();
    assert_eq!(server.version(&gun, "root"), 2);
    gets(&reader, &gun, "v0", &image);
    assert_eq!(reader.cached(&gun, "root")["signed"]["roles"]["root"]["threshold"], 2);
    nora.theirs(&["list", &gun]).expect_success();

    // No change of keys by one of them, whatever program is used. (Theirs deletes the key that it wanted to replace.)
    let thief = Person::of(server);
    thief.take_keys_of(&owner);
    let rotate = ["key", "rotate", &gun, "targets"];
    for tried in [thief.ours(&rotate), thief.theirs(&rotate)] {
        assert_ne!(tried.code, Some(0), "{}", tried.transcript());
    }
    assert_eq!(server.version(&gun, "root"), 2);

    // The two others take the first out. The third key never meets a network.
    second
        .ours(&["repo", "root", "propose", &gun, "--remove", &first, "--file", "away.json"])
        .expect_success();
    let vault = Person::at("https://127.0.0.1:9", server.ca_file());
    vault.take_keys_of(&third);
    vault.world().write("away.json", fs::read(second.world().path("away.json")).expect("it was written"));
    let line = ["repo", "root", "sign", "--offline", "--yes", &gun, "--file", "away.json"];
    let signed = vault.ours(&line).expect_success();
    assert!(signed.stderr.contains("~ root keys 2 of"), "{}", signed.transcript());
    owner.world().write("away.json", fs::read(vault.world().path("away.json")).expect("it was written"));
    owner.ours(&["repo", "root", "publish", &gun, "--file", "away.json"]).expect_success();
    gets(&reader, &gun, "v0", &image);
    let listed = reader.cached(&gun, "root")["signed"]["roles"]["root"]["keyids"].as_array().map(Vec::len);
    assert_eq!(listed, Some(2));
    nora.theirs(&["list", &gun]).expect_success();
    let image = shop.push(&owner, TEAM, "v1");
    gets(&reader, &gun, "v1", &image);
    if let Some(seen) = docker_sees(&dora, &gun) {
        assert!(seen.expect_success().stdout.contains("\"v1\""));
    }
}

#[test]
fn root_of_two_of_three_keys_on_our_server() {
    let Some(server) = Server::ours() else { return };
    ceremony(&server, Travels::ByServer);
}

#[test]
fn root_of_two_of_three_keys_on_debians_server() {
    let Some(server) = Server::debian() else { return };
    ceremony(&server, Travels::AsFile);
}
