//! What must be signed, what need not be, and what is refused whoever signed it.

use countersign_testkit::image::Image;

use crate::world::{Site, World};

use super::{person_with, write_rule};

const OPTIONAL: &str = "trust = \"optional\"";

fn unsigned(site: &Site, text: &str) -> Image {
    let image = Image::of_text(text).expect("an image");
    site.registry().put_image("team/new", "1", &image);
    image
}

#[test]
fn what_nobody_ever_signed_is_pulled_with_a_warning_that_names_the_line() {
    let site = Site::start();
    let image = unsigned(&site, "x");
    let bob = person_with(&site, OPTIONAL);
    let pulled = bob.run(&["pull", "-q", &site.image("team/new:1")]).expect_success();
    let images = bob.run(&["images", "--json"]).expect_success().stdout;
    assert!(images.contains(&image.digest().to_string()), "{images}");
    let digest = site.image(&format!("team/new:1@{}", image.digest()));
    bob.run(&["pull", &digest]).expect_success();
    bob.run(&["why", &site.image("team/new:1")]).expect_code(3);
    bob.run(&["pull", "--all-tags", &site.image("team/new")]).expect_code(3);
    bob.assert_told("policy_optional", &[&pulled]);
}

#[test]
fn optional_trust_lets_nothing_through_that_was_ever_signed_or_could_not_be_asked_for() {
    let site = Site::start();
    let alice = site.publisher();
    site.publish(&alice, "team/app:1", "one");
    let image = Image::of_text("x").expect("an image");
    site.registry().put_image("team/app", "2", &image);
    unsigned(&site, "x");
    let bob = person_with(&site, OPTIONAL);
    bob.run(&["pull", &site.image("team/app:2")]).expect_code(3);
    bob.run(&["pull", &site.image("team/app:1")]).expect_success();

    // A server that has forgotten what it once had.
    let other = Site::start();
    let mut robbed = World::new();
    robbed.use_server(&site.trust_server(), &site.ca());
    write_rule(&robbed, &site, OPTIONAL);
    robbed.run(&["pull", &site.image("team/app:1")]).expect_success();
    robbed.use_server(&other.trust_server(), &other.ca());
    let output = robbed.run(&["pull", &site.image("team/app:1")]).expect_code(3);
    assert!(output.stderr.contains("was signed before"), "{}", output.stderr);

    // A pin promises that there is trust data.
    let mut pinned = person_with(&site, OPTIONAL);
    pinned.set("COUNTERSIGN_PINS", &format!("{} {}", site.image("team/new"), "0".repeat(64)));
    pinned.run(&["pull", &site.image("team/new:1")]).expect_code(3);

    // Nobody could be asked.
    let mut away = World::new();
    away.set("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1");
    write_rule(&away, &site, OPTIONAL);
    away.run(&["pull", &site.image("team/new:1")]).expect_code(1);
    for world in [&pinned, &away] {
        assert_eq!(world.run(&["images", "-q"]).stdout, "");
    }
}

#[test]
fn what_is_refused_is_pulled_neither_by_tag_nor_by_digest() {
    let site = Site::start();
    let image = site.publish(&site.publisher(), "team/app:1", "one");
    let bob = person_with(&site, "trust = \"refused\"");
    let by_tag = bob.run(&["pull", &site.image("team/app:1")]).expect_code(3);
    bob.run(&["pull", &site.image(&format!("team/app@{}", image.digest()))]).expect_code(3);
    bob.run(&["pull", "-a", &site.image("team/app")]).expect_code(3);
    bob.run(&["policy", "check", &site.image("team/app:1")]).expect_code(3);
    assert_eq!(bob.run(&["images", "-q"]).stdout, "");
    bob.assert_told("policy_refused", &[&by_tag]);
}
