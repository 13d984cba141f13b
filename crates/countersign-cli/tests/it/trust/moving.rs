//! `repo import`: from one trust server to another, with everybody who trusts the collection.

use countersign_testkit::peers::{NotaryClient, present_or_skip};

use super::stage::Server;
use super::team::{Team, digest};
use crate::world::World;

/// Uses another server from now on.
fn move_to(world: &mut World, server: &Server) {
    world.use_server(server.url(), server.ca_file());
}

/// The digest that somebody's pull brings, with whatever they have trusted before.
#[track_caller]
fn pulls(world: &World, image: &str) -> String {
    let output = world.run(&["pull", image]).expect_success();
    let digest = output.stdout.lines().find_map(|line| line.strip_prefix("Digest: "));
    digest.expect("a digest").to_owned()
}

#[test]
fn exported_collection_goes_on_at_another_server_for_everybody_who_trusts_it() {
    for (old, new) in Server::both().into_iter().zip(Server::both().into_iter().rev()) {
        let mut team = Team::of(&old);
        let before = team.push(&team.owner, "v0", "zero");
        team.add("bob");
        let first = team.push(&team.bob, "v1", "one");
        let mut reader = old.person();
        assert_eq!(pulls(&reader, &team.tag("v1")), digest(&first));
        team.owner.run(&["repo", "export", &team.gun, "-o", "app.tar"]).expect_success();

        for world in [&mut team.owner, &mut team.bob, &mut reader] {
            move_to(world, &new);
        }
        reader.run(&["pull", &team.tag("v1")]).expect_code(3);
        let imported = team.owner.run(&["repo", "import", "app.tar"]).expect_success();
        assert_eq!(imported.stdout, format!("Successfully imported {} to {}\n", team.gun, new.url()));
        for world in [&reader, &new.person()] {
            assert_eq!(pulls(world, &team.tag("v1")), digest(&first));
            assert_eq!(pulls(world, &team.tag("v0")), digest(&before));
        }
        // The signer goes on with the key that he has.
        let next = team.push(&team.bob, "v2", "two");
        assert_eq!(pulls(&reader, &team.tag("v2")), digest(&next));
        let again = team.owner.run(&["repo", "import", "app.tar"]).expect_code(1);
        assert!(again.stderr.contains("already"), "{}", again.transcript());
        assert_eq!(pulls(&reader, &team.tag("v2")), digest(&next));
    }
}

#[test]
fn collection_is_brought_from_a_cache_with_its_snapshot_key() {
    for (old, new) in Server::both().into_iter().zip(Server::both()) {
        let mut team = Team::of(&old);
        let first = team.push(&team.owner, "v1", "one");
        team.push(&team.owner, "v2", "two");
        let mut reader = old.person();
        pulls(&reader, &team.tag("v1"));
        for world in [&mut team.owner, &mut reader] {
            move_to(world, &new);
        }
        team.owner.run(&["repo", "import", "--from-cache", &team.gun]).expect_success();
        assert_eq!(pulls(&reader, &team.tag("v1")), digest(&first));
        let next = team.push(&team.owner, "v3", "three");
        assert_eq!(pulls(&reader, &team.tag("v3")), digest(&next));
        assert_eq!(pulls(&new.person(), &team.tag("v3")), digest(&next));
        let nothing =
            team.owner.run(&["repo", "import", "--from-cache", "example.com/nothing"]).expect_code(1);
        assert!(nothing.stderr.contains("there is no root"), "{}", nothing.transcript());
    }
}

#[test]
fn collection_with_many_roots_gets_there_in_as_many_uploads() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    for (old, new) in Server::both().into_iter().zip(Server::both()) {
        let mut team = Team::of(&old);
        let first = team.push(&team.owner, "v1", "one");
        let mut reader = old.person();
        pulls(&reader, &team.tag("v1"));
        let trust_dir = team.owner.path(".docker/trust");
        let notary = NotaryClient::with_trust_dir(&trust_dir, old.url(), old.ca_file());
        for role in ["targets", "timestamp", "snapshot"] {
            let managed = if role == "timestamp" { &["--server-managed"][..] } else { &[] };
            let line = [&["key", "rotate", &team.gun, role], managed].concat();
            let invocation = notary.invocation(&line);
            let kinds = ["ROOT", "TARGETS", "SNAPSHOT"].iter();
            let invocation = kinds.fold(invocation, |invocation, kind| {
                invocation.env(format!("NOTARY_{kind}_PASSPHRASE"), crate::world::PASSPHRASE)
            });
            invocation.run().expect_success();
        }
        pulls(&reader, &team.tag("v1"));
        team.owner.run(&["repo", "export", &team.gun, "-o", "app.tar"]).expect_success();
        for world in [&mut team.owner, &mut reader] {
            move_to(world, &new);
        }
        team.owner.run(&["repo", "import", "app.tar"]).expect_success();
        assert_eq!(pulls(&reader, &team.tag("v1")), digest(&first));
        let next = team.push(&team.owner, "v2", "two");
        assert_eq!(pulls(&reader, &team.tag("v2")), digest(&next));
        assert_eq!(pulls(&new.person(), &team.tag("v2")), digest(&next));
    }
}

#[test]
fn import_without_the_root_key_or_of_a_changed_file_publishes_nothing() {
    let mut servers = Server::both().into_iter();
    let (Some(old), Some(new)) = (servers.next(), Server::both().into_iter().next()) else { return };
    let mut team = Team::of(&old);
    team.push(&team.owner, "v1", "one");
    team.owner.run(&["repo", "export", &team.gun, "-o", "app.tar"]).expect_success();
    let archive = std::fs::read(team.owner.path("app.tar")).expect("an export");
    move_to(&mut team.owner, &new);

    let stranger = new.person();
    stranger.write("app.tar", &archive);
    let refused = stranger.run(&["repo", "import", "app.tar"]).expect_code(1);
    assert!(refused.stderr.contains("root keys"), "{}", refused.transcript());

    // One letter of what is signed is another one.
    let text = b"\"length\":";
    let at = archive.windows(text.len()).position(|window| window == text).expect("a target");
    let mut changed = archive.clone();
    changed[at + text.len()] = if changed[at + text.len()] == b'1' { b'2' } else { b'1' };
    team.owner.write("changed.tar", &changed);
    let refused = team.owner.run(&["repo", "import", "changed.tar"]).expect_code(3);
    assert!(refused.stderr.contains("is not trusted; nothing was published"), "{}", refused.transcript());
    let nobody = ["repo", "import", "app.tar", "--leave-out", "targets/nobody"];
    let refused = team.owner.run(&nobody).expect_code(1);
    assert!(refused.stderr.contains("`targets/nobody` is not a role"), "{}", refused.transcript());
    team.owner.write("no.tar", b"no archive");
    team.owner.run(&["repo", "import", "no.tar"]).expect_code(1);
    new.person().run(&["pull", &team.tag("v1")]).expect_code(3);
}
