//! `pull`: what is signed and nothing else, in Docker's words.

use countersign_core::name::Gun;
use countersign_lab::fault::Fault;
use countersign_lab::proxy::{Proxy, Upstream};
use countersign_lab::registry::At;
use countersign_lab::tls::Authority;
use countersign_testkit::image::Image;

use crate::world::{Site, World, block_on};

#[test]
fn pull_brings_the_signed_image_and_says_by_whose_word() {
    let site = Site::start();
    let image = site.publish(&site.publisher(), "team/app", "hello");
    let bob = site.person();
    let first = bob.run(&["pull", "--engine", "local", &site.image("team/app")]);
    let again = bob.run(&["pull", &site.image("team/app:latest")]);
    let quiet = bob.run(&["pull", "-q", &site.image("team/app")]);
    assert_eq!((first.code, again.code, quiet.code), (Some(0), Some(0), Some(0)));
    assert_eq!(bob.run(&["images", "-q"]).stdout, format!("{0}\n{0}\n", image.digest()));
    bob.assert_told("pull", &[&first, &again, &quiet]);
}

#[test]
fn pull_of_all_tags_brings_the_signed_ones() {
    let site = Site::start();
    let publisher = site.publisher();
    site.publish(&publisher, "team/app:1", "one");
    site.publish(&publisher, "team/app:2", "two");
    site.registry().put_image("team/app", "unsigned", &Image::of_text("three").expect("an image"));
    let bob = site.person();
    let all = bob.run(&["pull", "--all-tags", &site.image("team/app")]).expect_success();
    let tag = bob.run(&["pull", "-a", &site.image("team/app:1")]).expect_code(2);
    bob.assert_told("pull_all_tags", &[&all, &tag]);
}

#[test]
fn pull_without_trust_data_is_refused_in_the_words_of_two_dockers() {
    let site = Site::start();
    site.registry().put_image("team/app", "latest", &Image::of_text("x").expect("an image"));
    let bob = site.person();
    let output = bob.run(&["pull", &site.image("team/app")]).expect_code(3);
    assert_eq!(bob.run(&["images", "-q"]).stdout, "");
    bob.assert_told("pull_without_trust_data", &[&output]);
}

#[test]
fn pull_of_an_unsigned_tag_is_refused() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "one");
    site.registry().put_image("team/app", "2", &Image::of_text("two").expect("an image"));
    let bob = site.person();
    let output = bob.run(&["pull", &site.image("team/app:2")]).expect_code(3);
    bob.assert_told("pull_of_an_unsigned_tag", &[&output]);
}

#[test]
fn pull_by_digest_asks_no_trust_server() {
    let site = Site::start();
    let image = Image::of_text("x").expect("an image");
    site.registry().put_image("team/app", "latest", &image);
    let mut bob = World::new();
    bob.set("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1");
    let reference = site.image(&format!("team/app@{}", image.digest()));
    let output = bob.run(&["pull", &reference]).expect_success();
    bob.assert_told("pull_by_digest", &[&output]);
}

#[test]
fn tag_and_digest_must_agree() {
    let site = Site::start();
    let alice = site.publisher();
    let one = site.publish(&alice, "team/app:1", "one");
    let two = site.publish(&alice, "team/app:2", "two");
    let bob = site.person();
    bob.run(&["pull", &site.image(&format!("team/app:1@{}", one.digest()))]).expect_success();
    let output = bob.run(&["pull", &site.image(&format!("team/app:1@{}", two.digest()))]).expect_code(3);
    bob.assert_told("pull_with_another_digest", &[&output]);
}

#[test]
fn swapped_image_is_refused_and_the_tag_stays() {
    let site = Site::start();
    let alice = site.publisher();
    let old = site.publish(&alice, "team/app", "old");
    let bob = site.person();
    bob.run(&["pull", &site.image("team/app")]).expect_success();
    let new = site.publish(&alice, "team/app", "new");
    let evil = Image::of_text("evil").expect("an image");
    site.registry().put_image("team/app", "latest", &evil);
    site.registry()
        .misbehave(At::Manifest(new.digest().to_string()), Fault::Instead(evil.manifest().bytes.clone()));
    let output = bob.run(&["pull", &site.image("team/app")]).expect_code(3);
    let images = bob.run(&["images", "--json"]).stdout;
    assert!(images.contains(&old.digest().to_string()), "{images}");
    assert!(!images.contains(&new.digest().to_string()), "{images}");
    bob.assert_told("pull_of_a_swapped_image", &[&output]);
    site.registry().behave();
    bob.run(&["pull", &site.image("team/app")]).expect_success();
}

#[test]
fn moved_tag_of_the_registry_means_nothing() {
    let site = Site::start();
    let image = site.publish(&site.publisher(), "team/app", "ours");
    site.registry().put_image("team/app", "latest", &Image::of_text("theirs").expect("an image"));
    let bob = site.person();
    let output = bob.run(&["pull", &site.image("team/app")]).expect_success();
    assert!(output.stdout.contains(&format!("Digest: {}", image.digest())), "{}", output.stdout);
}

#[test]
fn old_trust_data_is_refused_as_a_rollback() {
    let site = Site::start();
    let alice = site.publisher();
    site.publish(&alice, "team/app", "old");
    let gun: Gun = site.image("team/app").parse().expect("a GUN");
    let (proxy, ca) = proxy(&site);
    block_on(proxy.remember("before", &gun)).expect("remembered");
    site.publish(&alice, "team/app", "new");
    let mut bob = World::new();
    bob.write("ca.crt", &ca);
    bob.use_server(&proxy.url(), &bob.path("ca.crt"));
    bob.run(&["pull", &site.image("team/app")]).expect_success();
    proxy.replay("before");
    let output = bob.run(&["pull", &site.image("team/app")]).expect_code(3);
    let why = bob.run(&["why", &site.image("team/app")]).expect_code(3);
    bob.assert_told("pull_of_a_rollback", &[&output, &why]);
    proxy.forward();
    bob.run(&["pull", &site.image("team/app")]).expect_success();
}

#[test]
fn cached_trust_data_stands_in_while_the_server_is_away_unless_the_policy_forbids_it() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app", "hello");
    let (proxy, ca) = proxy(&site);
    let mut bob = World::new();
    bob.write("ca.crt", &ca);
    bob.use_server(&proxy.url(), &bob.path("ca.crt"));
    bob.run(&["pull", &site.image("team/app")]).expect_success();
    proxy.misbehave(countersign_lab::proxy::At::Everything, Fault::Status(503));
    let offline = bob.run(&["pull", &site.image("team/app")]).expect_success();
    bob.write(".docker/trust/policy.toml", "offline = \"forbid\"\n");
    let forbidden = bob.run(&["pull", &site.image("team/app")]).expect_code(1);
    bob.assert_told("pull_offline", &[&offline, &forbidden]);
}

#[test]
fn server_that_cannot_be_reached_is_a_failure_with_a_hint() {
    let mut bob = World::new();
    bob.set("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1");
    let refused = bob.run(&["pull", "127.0.0.1:1/app"]).expect_code(1);
    let mut carol = World::new();
    carol.set("DOCKER_CONTENT_TRUST_SERVER", "http://127.0.0.1:1");
    let plain = carol.run(&["pull", "127.0.0.1:1/app"]).expect_code(1);
    bob.assert_told("pull_without_a_server", &[&refused, &plain]);
}

#[test]
fn docker_hubs_closed_server_has_a_hint_of_its_own() {
    let mut bob = World::new();
    bob.set("HTTPS_PROXY", "http://127.0.0.1:1");
    let output = bob.run(&["pull", "alpine"]).expect_code(1);
    bob.assert_told("pull_from_docker_hub", &[&output]);
}

#[test]
fn unknown_authority_says_where_its_certificate_belongs() {
    let site = Site::start();
    let mut bob = World::new();
    bob.set("DOCKER_CONTENT_TRUST_SERVER", &site.trust_server());
    let output = bob.run(&["pull", &site.image("team/app")]).expect_code(1);
    bob.assert_told("pull_from_an_unknown_authority", &[&output]);
}

#[test]
fn names_that_are_no_references_are_usage_errors() {
    let output = World::new().run(&["pull", "alice/APP"]).expect_code(2);
    assert!(output.stderr.contains("repository name (alice/APP) must be lowercase"), "{}", output.stderr);
}

/// Something in between, and its authority's certificate.
pub(crate) fn proxy(site: &Site) -> (Proxy, String) {
    let authority = Authority::new().expect("an authority");
    let ca = std::fs::read_to_string(site.ca()).expect("a certificate");
    let upstream = Upstream::server(&site.trust_server(), Some(&ca)).expect("an upstream");
    let identity = authority.issue(&["127.0.0.1"]).expect("a certificate");
    let proxy = block_on(Proxy::start(upstream, Some(identity))).expect("a proxy on loopback");
    (proxy, authority.ca_pem().to_owned())
}
