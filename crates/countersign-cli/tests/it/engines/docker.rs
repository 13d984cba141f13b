//! Docker's daemon, with its registry, our trust server and Debian's.

use countersign_core::digest::Digest;
use countersign_testkit::image::Image;
use countersign_testkit::peers::{
    DockerDaemon, DockerRegistry, DockerRegistryOptions, NotaryClient, NotaryServer, present_or_skip,
};
use countersign_testkit::terminal::Terminal;

use crate::world::{PASSPHRASE, Site, World};

/// Lets somebody use this daemon.
fn with_daemon(mut world: World, daemon: &DockerDaemon) -> World {
    world.set("COUNTERSIGN_ENGINE", "docker");
    world.set("DOCKER_HOST", &daemon.host());
    world
}

/// Loads an image with this text into the daemon under this name.
fn load(world: &World, name: &str, text: &str) {
    let image = Image::of_text(text).expect("an image");
    image.write_docker_archive(&world.path("image.tar"), "ignored:1").expect("an archive");
    world.run(&["load", "image.tar", "--as", name]).expect_success();
}

/// The digest on the line `TAG: digest: DIGEST size: SIZE`.
fn pushed(stdout: &str, tag: &str) -> (Digest, String) {
    let begin = format!("{tag}: digest: ");
    let line = stdout.lines().find_map(|line| line.strip_prefix(&begin));
    let (digest, size) = line.and_then(|line| line.split_once(" size: ")).expect("a line with the digest");
    (digest.parse().expect("a digest"), size.to_owned())
}

fn id(daemon: &DockerDaemon, name: &str) -> String {
    let output = daemon.docker(&["image", "inspect", "--format", "{{.Id}}", name]).run();
    if output.code == Some(0) { output.stdout.trim().to_owned() } else { String::new() }
}

#[test]
fn push_and_pull_go_through_the_daemon() {
    let (Some(alices), Some(bobs)) = (DockerDaemon::start_or_skip(), DockerDaemon::start_or_skip()) else {
        return;
    };
    if !present_or_skip(&["docker", "docker-registry"]) {
        return;
    }
    let (site, registry) = (Site::start(), DockerRegistry::start());
    let image = format!("{}/team/app", registry.host());
    let alice = with_daemon(site.publisher(), &alices);
    load(&alice, &image, "one");
    let first = alice.run(&["push", &image]).expect_success();
    let (digest, _) = pushed(&first.stdout, "latest");
    for line in [
        format!("The push refers to repository [{image}]"),
        "Signing and pushing trust metadata".to_owned(),
        format!("Finished initializing \"{image}\""),
        format!("Successfully signed {image}:latest"),
    ] {
        assert!(first.stdout.lines().any(|said| said == line), "{line}: {}", first.stdout);
    }

    let bob = with_daemon(site.person(), &bobs);
    let pulled = bob.run(&["pull", &image]).expect_success();
    let lines: Vec<_> = pulled.stdout.lines().collect();
    let expected = [
        "Using default tag: latest".to_owned(),
        format!("Pull (1 of 1): {image}:latest@{digest}"),
        format!("{image}@{digest}: Pulling from team/app"),
    ];
    assert_eq!(lines[..3], expected);
    let (layers, end) = lines[3..].split_at(lines.len() - 6);
    assert!(layers.iter().any(|line| line.ends_with(": Pull complete")), "{}", pulled.stdout);
    let expected = [
        format!("Digest: {digest}"),
        format!("Status: Downloaded newer image for {image}@{digest}"),
        format!("{image}:latest"),
    ];
    assert_eq!(end, expected);
    assert!(
        pulled.stderr.ends_with(&format!("Tagging {image}@{digest} as {image}:latest\n")),
        "{}",
        pulled.stderr
    );
    assert_eq!(id(&bobs, &image), id(&alices, &image));
    let again = bob.run(&["pull", &image]).expect_success();
    assert!(again.stdout.contains(&format!("Status: Image is up to date for {image}@{digest}")));
    let quiet = bob.run(&["pull", "-q", &image]).expect_success();
    assert_eq!((quiet.stdout, quiet.stderr), (format!("{image}:latest\n"), String::new()));

    // What the registry says now is something else; what was signed is not.
    load(&alice, &format!("{image}:other"), "evil");
    alices.docker(&["tag", &format!("{image}:other"), &image]).run().expect_success();
    alices.docker(&["push", "--disable-content-trust", &image]).run().expect_success();
    bob.run(&["pull", &image]).expect_success();
    assert_ne!(id(&bobs, &image), id(&alices, &image));
    let unsigned = bob.run(&["pull", &format!("{image}:other")]).expect_code(3);
    assert!(unsigned.stderr.contains("No valid trust data for other"), "{}", unsigned.stderr);
    assert_eq!(id(&bobs, &format!("{image}:other")), "");

    // A local image under the signed tag gives way to the signed one.
    load(&bob, &image, "bob's own");
    let own = id(&bobs, &image);
    let told = bob.run(&["pull", &image]).expect_success();
    assert_ne!(id(&bobs, &image), own);
    let expected = format!("`{image}:latest` was another image here until now, {own}\n");
    assert!(told.stderr.ends_with(&expected), "{}", told.stderr);

    let images = bob.run(&["images", "--json"]).expect_success();
    let signed = format!(r#""digest":"{digest}","reference":"{image}:latest""#);
    assert!(images.stdout.contains(&signed), "{}", images.stdout);
    bob.run(&["save", "-o", "saved.tar", &image]).expect_success();
    assert!(std::fs::metadata(bob.path("saved.tar")).expect("an archive").len() > 0);
    let doctor = bob.run(&["doctor", &image]).expect_success();
    let expected = format!(
        "`docker` at `{}`, because `COUNTERSIGN_ENGINE` says so; Docker there, Engine API 1.",
        bobs.host()
    );
    assert!(doctor.stdout.contains(&expected), "{}", doctor.stdout);
}

#[test]
fn push_of_all_tags_signs_each_of_its_own_digest() {
    let Some(daemon) = DockerDaemon::start_or_skip() else { return };
    let site = Site::start();
    let alice = with_daemon(site.publisher(), &daemon);
    let image = site.image("team/app");
    for tag in ["1", "2"] {
        load(&alice, &format!("{image}:{tag}"), tag);
    }
    load(&alice, &site.image("team/other:1"), "other");
    let output = alice.run(&["push", "--all-tags", &image]).expect_success();
    for tag in ["1", "2"] {
        let (digest, _) = pushed(&output.stdout, tag);
        assert_eq!(site.registry().tagged("team/app", tag), Some(digest));
        let found = alice.run(&["repo", "lookup", &image, tag]).expect_success();
        assert!(found.stdout.contains(&digest.hex()), "{}", found.stdout);
    }
    assert_eq!(site.registry().tagged("team/other", "1"), None);
    let tag = alice.run(&["push", "-a", &format!("{image}:1")]).expect_code(2);
    assert!(tag.stderr.contains("tag can't be used with --all-tags/-a"), "{}", tag.stderr);
    let none = alice.run(&["push", "-a", &site.image("team/none")]).expect_code(1);
    assert!(none.stderr.contains("there is no image"), "{}", none.stderr);
}

#[test]
fn daemons_words_and_the_accounts_of_the_client_are_used() {
    let Some(daemon) = DockerDaemon::start_or_skip() else { return };
    if !present_or_skip(&["docker-registry", "notary", "notary-server", "htpasswd"]) {
        return;
    }
    let account = Some(("alice".to_owned(), "secret".to_owned()));
    let options = DockerRegistryOptions { basic_auth: account, ..DockerRegistryOptions::default() };
    let (registry, server) = (DockerRegistry::with(&options), NotaryServer::memory());
    let mut alice = with_daemon(World::new(), &daemon);
    alice.use_server(&server.url(), &server.ca_file());
    for kind in ["ROOT", "REPOSITORY"] {
        alice.set(&format!("DOCKER_CONTENT_TRUST_{kind}_PASSPHRASE"), PASSPHRASE);
    }
    let gun = format!("{}/team/app", registry.host());
    let image = format!("{gun}:1");
    load(&alice, &image, "one");
    let refused = alice.run(&["push", &image]).expect_code(1);
    assert!(refused.stderr.contains("no basic auth credentials"), "{}", refused.stderr);
    assert!(refused.stderr.contains("nothing was signed"), "{}", refused.stderr);
    let login = alice.program(&["login", "-u", "alice", "--password-stdin", &registry.host()]);
    login.stdin("secret").run().expect_success();
    let first = alice.run(&["push", &image]).expect_success();
    let (digest, size) = pushed(&first.stdout, "1");
    let notary = NotaryClient::new(&server.url(), &server.ca_file());
    let found = notary.run(&["lookup", &gun, "1"]).expect_success();
    assert_eq!(found.stdout, format!("1 {digest} {size}\n"));
    alice.run(&["pull", &image]).expect_success();
    let unknown = alice.run(&["push", &format!("{gun}:none")]).expect_code(1);
    assert!(unknown.stderr.contains("there is no image"), "{}", unknown.stderr);
    let nothing = alice.run(&["pull", &format!("{gun}@{}", Digest::sha256(b"nothing"))]).expect_code(1);
    assert!(nothing.stderr.contains("Error response from daemon: manifest for "), "{}", nothing.stderr);
}

#[test]
fn terminal_shows_the_daemons_bars() {
    let Some(daemon) = DockerDaemon::start_or_skip() else { return };
    let site = Site::start();
    let alice = with_daemon(site.publisher(), &daemon);
    let image = site.image("team/app");
    load(&alice, &image, "one");
    let session = Terminal::run(alice.program(&["push", &image])).finish();
    assert_eq!(session.code, Some(0), "{}", session.screen);
    assert!(session.screen.contains(": Pushed"), "{}", session.screen);
    assert!(session.screen.contains("latest: digest: sha256:"), "{}", session.screen);
}
