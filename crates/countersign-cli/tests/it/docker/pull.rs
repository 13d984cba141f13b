//! `docker pull` under trust.

use countersign_core::name::Gun;
use countersign_lab::fault::Fault;
use countersign_lab::proxy::{At, Proxy, Upstream};
use countersign_lab::registry::Registry;
use countersign_lab::tls::Authority;
use countersign_testkit::image::Image;

use super::Bench;
use crate::world::{Site, World, block_on};

#[test]
fn pull_resolves_pulls_by_digest_and_tags() {
    let site = Site::start();
    let image = site.publish(&site.publisher(), "team/app", "hello");
    let bench = Bench::new(site.person(), "docker");
    let name = site.image("team/app");
    let pinned = format!("{name}@{}", image.digest());
    let plain = bench.run(&["pull", &name]).expect_success();
    assert_eq!(bench.calls(), [vec!["pull", &pinned], vec!["tag", &pinned, &format!("{name}:latest")]]);
    assert_eq!(bench.variable("DOCKER_CONTENT_TRUST"), None);
    let quiet = bench.run(&["image", "pull", "-q", &format!("{name}:latest")]).expect_success();
    let platform =
        bench.trusting(&["-D", "--context", "x", "pull", &name, "--platform", "linux/arm64"]).run();
    assert_eq!(bench.calls()[4], ["-D", "--context", "x", "pull", "--platform=linux/arm64", &pinned]);
    bench.world.assert_told("docker_pull", &[&plain, &quiet, &platform]);
}

#[test]
fn pull_of_all_tags_and_by_digest() {
    let site = Site::start();
    let alice = site.publisher();
    let one = site.publish(&alice, "team/app:1", "one");
    site.publish(&alice, "team/app:2", "two");
    let bench = Bench::new(site.person(), "docker");
    let name = site.image("team/app");
    let all = bench.run(&["pull", "-a", &name]).expect_success();
    let tag = bench.run(&["pull", "-a", &format!("{name}:1")]).expect_code(1);
    let mut stranger = Bench::new(World::new(), "docker");
    stranger.world.set("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1");
    let digest = stranger.run(&["pull", &format!("{name}@{}", one.digest())]).expect_success();
    bench.world.assert_told("docker_pull_all", &[&all, &tag]);
    stranger.world.assert_told("docker_pull_by_digest", &[&digest]);
}

#[test]
fn refusals_are_in_dockers_words_and_start_nothing() {
    let site = Site::start();
    let alice = site.publisher();
    let one = site.publish(&alice, "team/app:1", "one");
    let two = site.publish(&alice, "team/app:2", "two");
    put(site.registry(), "team/unsigned", "x");
    let bench = Bench::new(site.person(), "docker");
    let contradiction = site.image(&format!("team/app:1@{}", two.digest()));
    let outputs = [
        site.image("team/unsigned"),
        site.image("team/app:3"),
        contradiction,
        "alice/APP".to_owned(),
        "a b;$(touch x)".to_owned(),
    ]
    .map(|name| bench.run(&["pull", &name]).expect_code(1));
    assert!(bench.calls().is_empty(), "{:?}", bench.calls());
    bench.run(&["pull", &site.image(&format!("team/app:1@{}", one.digest()))]).expect_success();
    bench.world.assert_told("docker_pull_refused", &outputs.each_ref());
    let none = bench.run(&["pull"]).expect_code(1);
    assert!(none.stderr.starts_with("docker: 'docker pull' requires"), "{}", none.stderr);
    let mut away = Bench::new(World::new(), "docker");
    away.world.set("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1");
    let output = away.run(&["pull", "alpine"]).expect_code(1);
    assert!(output.stderr.starts_with("Error: error contacting notary server: "), "{}", output.stderr);
    away.world.set("DOCKER_CONTENT_TRUST_SERVER", "http://localhost:4443");
    let output = away.run(&["pull", "alpine"]).expect_code(1);
    assert!(output.stderr.contains("valid https URL required for trust server"), "{}", output.stderr);
}

#[test]
fn failed_pull_leaves_the_tag_alone() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app", "hello");
    let bench = Bench::new(site.person(), "docker");
    bench.set("pull-fails", "no space left");
    let output = bench.run(&["pull", &site.image("team/app")]).expect_code(1);
    assert_eq!(bench.calls().len(), 1, "nothing was tagged");
    assert!(output.stderr.contains("Error response from daemon: no space left"), "{}", output.stderr);
    assert!(output.stderr.contains("no tag was changed"), "{}", output.stderr);
}

#[test]
fn podman_is_given_full_names() {
    let site = Site::start();
    let image = site.publish(&site.publisher(), "team/app", "hello");
    let bench = Bench::new(site.person(), "podman");
    let name = site.image("team/app");
    bench.run(&["pull", "-q", "--tls-verify=false", &name]).expect_success();
    let pinned = format!("{name}@{}", image.digest());
    assert_eq!(
        bench.calls(),
        [
            vec!["pull", "--quiet", "--tls-verify=false", &pinned],
            vec!["tag", &pinned, &format!("{name}:latest")]
        ]
    );
}

#[test]
fn short_name_that_podman_could_only_guess_is_refused() {
    let site = Site::start();
    let image = site.publish(&site.publisher(), "team/app", "hello");
    let bench = Bench::new(site.person(), "podman");
    let configured = |text: &str| {
        bench.world.write("registries.conf", text);
        bench.trusting(&["pull", "-q", "app"]).env("CONTAINERS_REGISTRIES_CONF", bench.dir("registries.conf"))
    };
    let none = configured("").run().expect_code(1);
    let two =
        configured("unqualified-search-registries = [\"a.example\", \"b.example\"]").run().expect_code(1);
    assert!(bench.calls().is_empty(), "{:?}", bench.calls());
    bench.world.assert_told("podman_short_names", &[&none, &two]);
    configured(&format!("[aliases]\n\"app\" = \"{}\"\n", site.image("team/app"))).run().expect_success();
    assert_eq!(bench.calls()[0][2], format!("{}@{}", site.image("team/app"), image.digest()));
}

fn put(registry: &Registry, path: &str, text: &str) {
    registry.put_image(path, "latest", &Image::of_text(text).expect("an image"));
}

#[test]
fn each_attack_and_each_fault_has_dockers_words() {
    let site = Site::start();
    let alice = site.publisher();
    site.publish(&alice, "team/app", "old");
    let gun: Gun = site.image("team/app").parse().expect("a GUN");
    let (proxy, ca) = proxy(&site);
    block_on(proxy.remember("before", &gun)).expect("remembered");
    site.publish(&alice, "team/app", "new");
    let fresh = || {
        let mut world = World::new();
        world.write("ca.crt", &ca);
        world.use_server(&proxy.url(), &world.path("ca.crt"));
        Bench::new(world, "docker")
    };
    let bench = fresh();
    bench.run(&["pull", &site.image("team/app")]).expect_success();
    proxy.replay("before");
    let rollback = bench.run(&["pull", &site.image("team/app")]).expect_code(1);
    let expected = format!(
        "Warning: potential malicious behavior - trust data version is lower than expected for remote repository {gun}: version "
    );
    assert!(rollback.stderr.starts_with(&expected), "{}", rollback.stderr);
    proxy.forward();
    for (fault, words) in [
        (Fault::Status(401), "you are not authorized to perform this operation: server returned 401.\n"),
        (Fault::Status(403), "unable to reach trust server at this time: 403.\n"),
        (Fault::Status(500), "unable to reach trust server at this time: 500.\n"),
        (Fault::Status(503), "unable to reach trust server at this time: 503.\n"),
        (Fault::Instead("<html>".into()), "Error: no trust data available for remote repository "),
    ] {
        proxy.misbehave(At::Everything, fault);
        let bench = fresh();
        let output = bench.run(&["pull", &site.image("team/app")]).expect_code(1);
        assert!(output.stderr.starts_with(words), "{words}{}", output.stderr);
        assert!(bench.calls().is_empty(), "{:?}", bench.calls());
    }
}

/// Something in between, and its authority's certificate.
pub(super) fn proxy(site: &Site) -> (Proxy, String) {
    let authority = Authority::new().expect("an authority");
    let ca = std::fs::read_to_string(site.ca()).expect("a certificate");
    let upstream = Upstream::server(&site.trust_server(), Some(&ca)).expect("an upstream");
    let identity = authority.issue(&["127.0.0.1"]).expect("a certificate");
    let proxy = block_on(Proxy::start(upstream, Some(identity))).expect("a proxy on loopback");
    (proxy, authority.ca_pem().to_owned())
}
