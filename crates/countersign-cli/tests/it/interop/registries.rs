//! Registries that serve something else than what was signed, or nothing that can be used.

use bytes::Bytes;
use countersign_lab::fault::Fault;
use countersign_lab::registry::At;
use countersign_testkit::image::Image;
use countersign_testkit::peers::present_or_skip;

use super::stage::{Person, Server, Shop, gets};

const TEAM: &str = "team/app";

#[test]
fn image_that_is_not_what_was_signed_is_neither_kept_nor_tagged() {
    if !present_or_skip(&["faketime"]) {
        return;
    }
    let Some(server) = Server::ours() else { return };
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (alice, bob) = (Person::of(&server), Person::of(&server));
    let before = shop.push(&alice, TEAM, "v1");
    // Some answers are asked for again after a while.
    let pull = || bob.world().program(&["pull", &format!("{gun}:v1")]).hurried(50).run();
    pull().expect_success();
    let image = shop.push_again(&alice, TEAM, "v1", "something newer");
    let other = Image::of_text("somebody else's").expect("an image");
    let layer = At::Blob(image.layers()[0].digest);
    let manifest = || At::Manifest(image.digest().to_string());
    let cases = [
        (manifest(), Fault::Instead(other.manifest().bytes.clone()), 3),
        (manifest(), Fault::Short(20), 3),
        (manifest(), Fault::Endless, 1),
        (manifest(), Fault::Html, 3),
        (manifest(), Fault::MediaType("text/plain".to_owned()), 3),
        (manifest(), Fault::Status(404), 1),
        (manifest(), Fault::Status(503), 1),
        (manifest(), Fault::CutOff(20), 1),
        (layer.clone(), Fault::Instead(Bytes::from_static(b"other")), 3),
        (layer.clone(), Fault::Instead(other.layers()[0].bytes.clone()), 3),
        (layer.clone(), Fault::Short(10), 3),
        (layer.clone(), Fault::Endless, 3),
        (layer.clone(), Fault::Html, 3),
        (layer.clone(), Fault::Status(404), 1),
        (layer.clone(), Fault::Status(500), 1),
        (layer.clone(), Fault::Reset(10), 1),
        (layer, Fault::CutOff(10), 1),
    ];
    for (at, fault, code) in cases {
        shop.registry().misbehave(at.clone(), fault.clone());
        let output = pull();
        let case = format!("{at:?} {fault:?}: {}", output.transcript());
        assert_eq!(output.code, Some(code), "{case}");
        assert!(output.stderr.contains("means here what it meant before"), "{case}");
        let here = bob.ours(&["images", "--no-trunc"]).expect_success().stdout;
        assert!(here.contains(&before.digest().to_string()), "{here} after {case}");
        assert!(!here.contains(&image.digest().to_string()), "{here} after {case}");
        shop.registry().behave();
    }
    gets(&bob, &gun, "v1", &image);
}

#[test]
fn registry_that_never_answers_is_given_up_on() {
    if !present_or_skip(&["faketime"]) {
        return;
    }
    let Some(server) = Server::ours() else { return };
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (alice, bob) = (Person::of(&server), Person::of(&server));
    let image = shop.push(&alice, TEAM, "v1");
    for at in [At::Manifests, At::Blobs] {
        shop.registry().misbehave(at, Fault::Hang);
        let output = bob.world().program(&["pull", &format!("{gun}:v1")]).hurried(100).run().expect_code(1);
        assert!(output.stderr.contains("within"), "{}", output.transcript());
        shop.registry().behave();
    }
    gets(&bob, &gun, "v1", &image);
}
