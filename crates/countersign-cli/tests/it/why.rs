//! `why`: the chain behind a verdict.

use crate::world::{Site, World};

#[test]
fn why_shows_the_chain_online_and_from_the_cache() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "one");
    let bob = site.person();
    let online = bob.run(&["why", &site.image("team/app:1")]).expect_success();
    let offline = bob.run(&["why", "--offline", &site.image("team/app:1")]).expect_success();
    bob.assert_told("why", &[&online, &offline]);
    let json = bob.run(&["why", "--json", &site.image("team/app:1")]).expect_success();
    for part in [r#""verdict":"trusted""#, r#""role":"timestamp""#, r#""target":{"name":"1""#] {
        assert!(json.stdout.contains(part), "{part} in {}", json.stdout);
    }
}

#[test]
fn why_shows_what_failed() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "one");
    let bob = site.person();
    let unsigned = bob.run(&["why", &site.image("team/app:2")]).expect_code(3);
    let nothing = bob.run(&["why", &site.image("team/nosuch")]).expect_code(3);
    let mut carol = World::new();
    carol.set("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1");
    let unknown = carol.run(&["why", &site.image("team/app:1")]).expect_code(1);
    bob.assert_told("why_not", &[&unsigned, &nothing, &unknown]);
}

#[test]
fn why_compares_a_digest_with_what_is_signed() {
    let site = Site::start();
    let image = site.publish(&site.publisher(), "team/app:1", "one");
    let bob = site.person();
    bob.run(&["why", &site.image(&format!("team/app:1@{}", image.digest()))]).expect_success();
    let other = format!("sha256:{}", "0".repeat(64));
    let output = bob.run(&["why", &site.image(&format!("team/app:1@{other}"))]).expect_code(3);
    assert!(output.stdout.contains("FAILED the reference names"), "{}", output.stdout);
    bob.run(&["why", &site.image(&format!("team/app@{other}"))]).expect_code(2);
}
