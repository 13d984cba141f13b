//! Pushes that signed nothing and said otherwise, signed too much, or left what was pushed unsigned.

use countersign_lab::fault::Fault;
use countersign_lab::proxy::At;
use countersign_testkit::image::Image;

use crate::docker::Bench;
use crate::docker::publish::pushed;
use crate::pull::proxy;
use crate::world::Site;

/// A bench of `world` whose docker says that it pushed one image under these tags of `team/app`.
fn pushing(world: crate::world::World, site: &Site, tags: &[&str]) -> (Bench, String, Image) {
    let bench = Bench::new(world, "docker");
    let (image, name) = (Image::of_text("x").expect("an image"), site.image("team/app"));
    bench.set("push", &pushed(&image, &name, tags));
    (bench, name, image)
}

fn signed(bench: &Bench, name: &str) -> String {
    bench.world.run(&["repo", "list", "-q", name]).stdout
}

#[test]
fn trap_04_change_of_a_failed_signing_is_not_published_by_another_push() {
    let site = Site::start();
    let (proxy, ca) = proxy(&site);
    let mut world = site.publisher();
    world.write("ca.crt", &ca);
    world.use_server(&proxy.url(), &world.path("ca.crt"));
    let (bench, name, _) = pushing(world, &site, &["1", "2", "3"]);
    bench.run(&["push", &format!("{name}:1")]).expect_success();
    proxy.misbehave(At::Uploads, Fault::Status(500));
    let failed = bench.run(&["push", &format!("{name}:2")]).expect_code(1);
    assert!(failed.stderr.contains("was pushed, and is not signed"), "{}", failed.stderr);
    proxy.forward();
    bench.run(&["push", &format!("{name}:3")]).expect_success();
    assert_eq!(signed(&bench, &name), "1\n3\n");
}

#[test]
fn trap_05_keys_and_variables_are_tried_before_anything_is_public() {
    let site = Site::start();
    let (mut bench, name, _) = pushing(site.publisher(), &site, &["1", "2"]);
    bench.run(&["push", &format!("{name}:1")]).expect_success();
    bench.world.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "something else");
    let before = bench.calls().len();
    bench.run(&["push", &format!("{name}:2")]).expect_code(1);
    assert_eq!(bench.calls().len(), before, "nothing was pushed");
    let (stranger, ..) = pushing(site.publisher(), &site, &["2"]);
    stranger.run(&["push", &format!("{name}:2")]).expect_code(1);
    assert!(stranger.calls().is_empty(), "nothing was pushed without the keys");
}

#[test]
fn trap_07_success_is_only_said_of_a_signature_that_is_ours() {
    let site = Site::start();
    let (bench, name, _) = pushing(site.publisher(), &site, &["1"]);
    let tagged = format!("{name}:1");
    let first = bench.run(&["push", &tagged]).expect_success();
    assert!(first.stdout.contains("Successfully signed"), "{}", first.stdout);
    let again = bench.run(&["push", &tagged]).expect_success();
    assert!(again.stdout.contains(&format!("Already signed {tagged} by targets")), "{}", again.stdout);
    assert!(!again.stdout.contains("Successfully signed"), "{}", again.stdout);
    // The tag means it already, and nobody here has signed that.
    let (stranger, ..) = pushing(site.publisher(), &site, &["1"]);
    let output = stranger.run(&["push", &tagged]).expect_code(1);
    assert!(!output.stdout.contains("signed"), "{}", output.stdout);
}

#[test]
fn trap_09_push_of_all_tags_signs_each_as_its_own_digest() {
    let site = Site::start();
    let bench = Bench::new(site.publisher(), "docker");
    let name = site.image("team/app");
    let images = ["one", "two"].map(|text| Image::of_text(text).expect("an image"));
    let said = [pushed(&images[0], &name, &["1"]), pushed(&images[1], &name, &["2"])].concat();
    bench.set("push", &said);
    bench.run(&["push", "--all-tags", &name]).expect_success();
    for (tag, image) in ["1", "2"].iter().zip(&images) {
        let found = bench.world.run(&["repo", "lookup", &name, tag]).expect_success();
        assert!(found.stdout.contains(&image.digest().to_string()), "{}", found.stdout);
    }
    bench.set("push", "The push refers to repository\n");
    bench.run(&["push", "--all-tags", &name]).expect_code(1);
}

#[test]
fn trap_12_push_without_trust_over_a_signed_tag_is_warned_of() {
    let site = Site::start();
    let (bench, name, _) = pushing(site.publisher(), &site, &["1"]);
    bench.run(&["push", &format!("{name}:1")]).expect_success();
    let output = bench.trusting(&["push", "--disable-content-trust", &format!("{name}:1")]).run();
    assert_eq!(output.code, Some(0), "{}", output.transcript());
    assert!(output.stderr.contains("is signed and this push is not"), "{}", output.stderr);
}

#[test]
fn trap_14_root_key_of_a_repository_is_chosen_and_shown() {
    let site = Site::start();
    let (bench, name, _) = pushing(site.publisher(), &site, &["1"]);
    let mut made = [(); 2].map(|()| {
        let output = bench.world.run(&["key", "generate", "-q"]).expect_success();
        output.stdout.trim().to_owned()
    });
    made.sort();
    let [first, second] = made;
    let shown = bench.run(&["push", &format!("{name}:1")]).expect_success();
    assert!(shown.stderr.contains(&format!("Its root key is {first}")), "{}", shown.stderr);
    let other = site.image("team/other");
    let chosen = bench.world.run(&["repo", "init", "--root-key", &second, &other]).expect_success();
    assert!(chosen.stdout.contains(&second), "{}", chosen.stdout);
}

#[test]
fn trap_18_pushes_at_once_from_one_machine_lose_nothing() {
    let site = Site::start();
    let tags = ["0", "1", "2", "3"];
    let (bench, name, _) = pushing(site.publisher(), &site, &tags);
    bench.run(&["push", &format!("{name}:0")]).expect_success();
    let started = tags[1..].iter().map(|tag| bench.trusting(&["push", &format!("{name}:{tag}")]).start());
    for mut child in started.collect::<Vec<_>>() {
        assert!(child.wait().expect("it ends").success());
    }
    assert_eq!(signed(&bench, &name), "0\n1\n2\n3\n");
}
