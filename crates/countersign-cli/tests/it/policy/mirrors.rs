//! Images from a mirror, trust by their own name.

use countersign_lab::fault::Fault;
use countersign_lab::registry::{At, Registry};
use countersign_testkit::image::Image;

use crate::world::{Site, World, block_on};

use super::person_with;

/// A mirror, and somebody who pulls from it what a rule says.
fn mirrored(site: &Site) -> (Registry, World) {
    let mirror = block_on(Registry::start()).expect("a registry on loopback");
    let bob = person_with(site, &format!("mirror = \"{}/hub\"", mirror.host()));
    (mirror, bob)
}

#[test]
fn image_comes_from_the_mirror_and_has_its_own_name() {
    let site = Site::start();
    let image = site.publish(&site.publisher(), "team/app:1", "one");
    let (mirror, bob) = mirrored(&site);
    let reference = site.image("team/app:1");
    let absent = bob.run(&["pull", &reference]).expect_code(1);
    assert!(absent.stderr.contains(&format!("{}/hub/team/app", mirror.host())), "{}", absent.stderr);
    assert_eq!(bob.run(&["images", "-q"]).stdout, "", "the registry itself is not asked instead");
    mirror.put_image("hub/team/app", "whatever", &image);
    let pulled = bob.run(&["pull", &reference]).expect_success();
    assert_eq!(pulled.stdout.lines().last(), Some(reference.as_str()));
    let images = bob.run(&["images", "--json"]).expect_success().stdout;
    let own = images.lines().find(|line| line.contains(&site.image("team/app"))).expect("under its own name");
    assert!(own.contains(&image.digest().to_string()), "{own}");
    let all = bob.run(&["pull", "--all-tags", &site.image("team/app")]).expect_success();
    assert!(all.stdout.contains("Pull (1 of 1)"), "{}", all.stdout);
    let by_digest = bob.run(&["pull", &site.image(&format!("team/app@{}", image.digest()))]).expect_success();
    let there = format!("{}/hub/team/app@{}", mirror.host(), image.digest());
    assert_eq!(by_digest.stdout.lines().last(), Some(there.as_str()), "by the name that it has here");
}

#[test]
fn mirror_can_give_the_signed_image_or_none() {
    let site = Site::start();
    let image = site.publish(&site.publisher(), "team/app:1", "one");
    let (mirror, bob) = mirrored(&site);
    let evil = Image::of_text("evil").expect("an image");
    mirror.put_image("hub/team/app", "0", &image);
    mirror.put_image("hub/team/app", "1", &evil);
    mirror.misbehave(At::Manifest(image.digest().to_string()), Fault::Instead(evil.manifest().bytes.clone()));
    let refused = bob.run(&["pull", &site.image("team/app:1")]).expect_code(3);
    assert!(refused.stderr.contains("means here what it meant before"), "{}", refused.stderr);
    assert_eq!(bob.run(&["images", "-q"]).stdout, "");
}
