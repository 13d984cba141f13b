//! A cache that one client left is continued by the other: nothing that is still current is fetched again.

use countersign_lab::proxy::{Proxy, Upstream};
use countersign_lab::tls::Authority;
use http::StatusCode;

use super::stage::{Person, Server, Shop, line};
use crate::world::block_on;

const TEAM: &str = "team/app";

/// A proxy before `server`, and somebody behind it.
pub(super) fn behind_a_proxy(server: &Server) -> (Proxy, Person) {
    let authority = Authority::new().expect("an authority can be made");
    let identity = authority.issue(&["127.0.0.1"]).expect("a certificate can be issued");
    let ca_pem = std::fs::read_to_string(server.ca_file()).expect("the server has a CA");
    let upstream = Upstream::server(server.url(), Some(&ca_pem)).expect("an address and a CA");
    let proxy = block_on(Proxy::start(upstream, Some(identity))).expect("a loopback port is free");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ca_file = dir.path().join("ca.crt");
    std::fs::write(&ca_file, authority.ca_pem()).expect("a file can be written");
    // Both clients take a copy, or read it now.
    let person = Person::at(&proxy.url(), &ca_file);
    (proxy, person)
}

/// The files that were asked for and are there, were they sent again or not.
fn fetched(proxy: &Proxy) -> Vec<String> {
    let exchanges = proxy.exchanges().into_iter();
    let is_there = |status: StatusCode| status.is_success() || status == StatusCode::NOT_MODIFIED;
    let answered = exchanges.filter(|exchange| exchange.status.is_some_and(is_there));
    let paths =
        answered.filter_map(|exchange| exchange.path.split_once("/tuf/").map(|(_, file)| file.to_owned()));
    let mut files: Vec<_> = paths.collect();
    files.sort();
    proxy.forget_exchanges();
    files
}

fn continued(server: &Server) {
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let alice = Person::of(server);
    shop.add(&alice, TEAM, "v1");
    let read = |person: &Person, ours: bool| {
        if ours { person.ours(&["repo", "list", &gun]) } else { person.theirs(&["list", &gun]) }
            .expect_success()
    };
    for ours_first in [false, true] {
        let (proxy, bob) = behind_a_proxy(server);
        read(&bob, ours_first);
        assert!(fetched(&proxy).len() >= 4, "all is new");
        let before = bob.state();
        let said = read(&bob, !ours_first);
        assert_eq!(fetched(&proxy), ["timestamp.json"], "ours first: {ours_first}");
        assert!(!said.stderr.contains("first use"), "{}", said.stderr);
        for (file, hash) in before
            .into_iter()
            .filter(|(file, _)| file.components().any(|part| part.as_os_str() == "metadata"))
        {
            assert_eq!(bob.state().get(&file), Some(&hash), "{} is as it was", file.display());
        }
    }
}

#[test]
fn cache_of_the_other_client_is_continued_with_debians_server() {
    let Some(server) = Server::debian() else { return };
    continued(&server);
}

#[test]
fn cache_of_the_other_client_is_continued_with_our_server() {
    let Some(server) = Server::ours() else { return };
    continued(&server);
}

/// Every file that either client cached, damaged in several ways: it is fetched again, and said, and a lost root is no
/// reason for trust on first use.
#[test]
fn damaged_cache_of_either_client_is_mended() {
    let Some(server) = Server::debian() else { return };
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let image = shop.add(&Person::of(&server), TEAM, "v1");
    for ours in [true, false] {
        let bob = Person::of(&server);
        let read = if ours { bob.ours(&["repo", "list", &gun]) } else { bob.theirs(&["list", &gun]) };
        read.expect_success();
        let metadata = format!(".docker/trust/tuf/{gun}/metadata");
        let whole = bob.files(&format!("tuf/{gun}/metadata"));
        for (name, bytes) in &whole {
            let file = format!("{metadata}/{}", name.display());
            let damages: [&[u8]; 4] = [b"", &bytes[..bytes.len() / 2], b"<html></html>", b"\xff\xfe\x00"];
            for damage in damages {
                bob.world().write(&file, damage);
                let output = bob.ours(&["repo", "lookup", &gun, "v1"]);
                let case = format!("{file}: {}", output.transcript());
                // With Notary's cache nobody but the root file says which root was trusted: one that is damaged, or empty, says
                // that it cannot be known.
                if name.ends_with("root.json") && !ours {
                    assert_eq!(
                        (output.code, output.stderr.contains("first use")),
                        (Some(3), false),
                        "{case}"
                    );
                    bob.remembers_nothing(&gun);
                    bob.world().write(&file, bytes);
                    continue;
                }
                assert_eq!(
                    (output.code, output.stdout.as_str()),
                    (Some(0), line("v1", &image).as_str()),
                    "{case}"
                );
                assert!(!output.stderr.contains("first use"), "{case}");
            }
        }
        assert_eq!(bob.files(&format!("tuf/{gun}/metadata")), whole);
    }
}
