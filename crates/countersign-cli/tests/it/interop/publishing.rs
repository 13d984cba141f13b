//! One collection, published by either client to either server, and read by both.

use countersign_testkit::image::Image;

use super::stage::{Person, Server, Shop, gets};

const TEAM: &str = "team/app";

/// Who publishes.
#[derive(Clone, Copy, Debug)]
enum Client {
    Ours,
    Theirs,
}

use Client::{Ours, Theirs};

impl Client {
    fn publish(self, shop: &Shop, person: &Person, tag: &str) -> Image {
        match self {
            Ours => shop.push(person, TEAM, tag),
            Theirs => shop.add(person, TEAM, tag),
        }
    }
}

/// Lets each publisher in turn publish a tag, and a reader of each turn get what is there by then.
///
/// Versions rise by one for each tag, and nothing is lost.
fn take_turns(server: &Server, turns: &[(Client, &Person)]) {
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let witness = Person::of(server);
    let mut images = Vec::new();
    let mut before = 0;
    for (turn, (client, person)) in turns.iter().enumerate() {
        let tag = format!("v{turn}");
        images.push((tag.clone(), client.publish(&shop, person, &tag)));
        let version = server.version(&gun, "targets");
        assert!(version > before, "targets {version} follow {before} after {turn} turns");
        assert!(turn == 0 || version == before + 1, "targets {version} follow {before} after {turn} turns");
        before = version;
        let tags: Vec<_> = images.iter().map(|(tag, _)| tag.clone()).collect();
        assert_eq!(witness.both_list(&gun), tags);
    }
    let stranger = Person::of(server);
    for (tag, image) in &images {
        gets(&witness, &gun, tag, image);
        gets(&stranger, &gun, tag, image);
    }
}

/// Two machines of one publisher: the second has the keys of the first once they are made.
fn on_two_machines(server: &Server, first: Client, second: Client) {
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (here, there) = (Person::of(server), Person::of(server));
    let mut images = vec![("v0", first.publish(&shop, &here, "v0"))];
    there.take_keys_of(&here);
    images.push(("v1", second.publish(&shop, &there, "v1")));
    images.push(("v2", first.publish(&shop, &here, "v2")));
    images.push(("v3", first.publish(&shop, &there, "v3")));
    images.push(("v4", second.publish(&shop, &here, "v4")));
    let reader = Person::of(server);
    for (tag, image) in images {
        gets(&reader, &gun, tag, &image);
    }
    assert_eq!(reader.both_list(&gun).len(), 5);
}

/// One machine: cache, change list, keys and passphrases are shared.
fn on_one_machine(server: &Server, turns: &[Client]) {
    let alice = Person::of(server);
    let turns: Vec<_> = turns.iter().map(|client| (*client, &alice)).collect();
    take_turns(server, &turns);
}

#[test]
fn theirs_publishes_to_debians_server_and_ours_pulls() {
    let Some(server) = Server::debian() else { return };
    on_one_machine(&server, &[Theirs, Theirs]);
}

#[test]
fn theirs_publishes_to_our_server_and_ours_pulls() {
    let Some(server) = Server::ours() else { return };
    on_one_machine(&server, &[Theirs, Theirs]);
}

#[test]
fn both_publish_in_turn_from_one_machine_to_debians_server() {
    let Some(server) = Server::debian() else { return };
    on_one_machine(&server, &[Ours, Theirs, Ours, Ours, Theirs]);
    on_one_machine(&server, &[Theirs, Ours, Theirs]);
}

#[test]
fn both_publish_in_turn_from_one_machine_to_our_server() {
    let Some(server) = Server::ours() else { return };
    on_one_machine(&server, &[Ours, Theirs, Ours, Ours, Theirs]);
    on_one_machine(&server, &[Theirs, Ours, Theirs]);
}

#[test]
fn both_publish_in_turn_from_two_machines_to_debians_server() {
    let Some(server) = Server::debian() else { return };
    on_two_machines(&server, Ours, Theirs);
    on_two_machines(&server, Theirs, Ours);
}

#[test]
fn both_publish_in_turn_from_two_machines_to_our_server() {
    let Some(server) = Server::ours() else { return };
    on_two_machines(&server, Ours, Theirs);
    on_two_machines(&server, Theirs, Ours);
}
