//! `docker push` under trust.

use countersign_testkit::image::Image;
use countersign_testkit::terminal::Terminal;

use super::Bench;
use crate::world::{PASSPHRASE, Site};

/// What Docker says when it pushed `image` under these tags.
pub(crate) fn pushed(image: &Image, name: &str, tags: &[&str]) -> String {
    let size = image.manifest().bytes.len();
    let lines: Vec<_> =
        tags.iter().map(|tag| format!("{tag}: digest: {} size: {size}\n", image.digest())).collect();
    format!("The push refers to repository [{name}]\n68865664d983: Pushed\n{}", lines.concat())
}

#[test]
fn push_signs_what_docker_says_that_it_sent() {
    let site = Site::start();
    let bench = Bench::new(site.publisher(), "docker");
    let (image, name) = (Image::of_text("x").expect("an image"), site.image("team/app"));
    bench.set("push", &pushed(&image, &name, &["latest"]));
    let first = bench.run(&["push", "-q", &name]).expect_success();
    assert_eq!(bench.last_call(), ["push", &format!("{name}:latest")]);
    let again = bench.run(&["push", &name]).expect_success();
    let lookup = bench.world.run(&["repo", "lookup", &name, "latest"]).expect_success();
    assert!(lookup.stdout.contains(&image.digest().to_string()), "{}", lookup.stdout);
    bench.set("push", &pushed(&image, &name, &["1", "2"]));
    let all = bench.run(&["push", "-a", &name]).expect_success();
    assert_eq!(bench.world.run(&["repo", "list", "-q", &name]).stdout, "1\n2\nlatest\n");
    let digest = bench.run(&["push", &format!("{name}@{}", image.digest())]).expect_code(1);
    bench.world.assert_told("docker_push", &[&first, &again, &all, &digest]);
}

#[test]
fn push_of_which_nobody_knows_what_was_sent_signs_nothing() {
    let site = Site::start();
    let bench = Bench::new(site.publisher(), "docker");
    let (one, two) = (Image::of_text("x").expect("an image"), Image::of_text("y").expect("an image"));
    let name = site.image("team/app");
    for said in [
        String::new(),
        pushed(&one, &name, &["other"]),
        pushed(&one, &name, &["1"]) + &pushed(&two, &name, &["1"]),
        "1: digest: sha256:12 size: 5\n".to_owned(),
    ] {
        bench.set("push", &said);
        let output = bench.run(&["push", &format!("{name}:1")]).expect_code(1);
        assert!(output.stderr.contains("is not signed"), "{}", output.stderr);
    }
    bench.world.run(&["repo", "list", &name]).expect_code(3);
}

#[test]
fn wrong_variable_is_found_before_anything_is_pushed() {
    let site = Site::start();
    let mut bench = Bench::new(site.publisher(), "docker");
    let (image, name) = (Image::of_text("x").expect("an image"), site.image("team/app"));
    bench.set("push", &pushed(&image, &name, &["1"]));
    bench.run(&["push", &format!("{name}:1")]).expect_success();
    bench.world.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "something else");
    let before = bench.calls().len();
    bench.run(&["push", &format!("{name}:2")]).expect_code(1);
    assert_eq!(bench.calls().len(), before, "nothing was pushed");
}

#[test]
fn prompts_are_dockers_on_stdout_and_take_piped_lines() {
    let site = Site::start();
    let bench = Bench::new(site.person(), "docker");
    let (image, name) = (Image::of_text("x").expect("an image"), site.image("team/app"));
    bench.set("push", &pushed(&image, &name, &["1"]));
    let piped =
        bench.trusting(&["push", &format!("{name}:1")]).stdin(format!("{PASSPHRASE}\n").repeat(4)).run();
    assert_eq!(piped.code, Some(0), "{}", piped.transcript());
    bench.world.assert_told("docker_push_prompts", &[&piped]);
    bench.set("push", &pushed(&image, &name, &["2"]));
    let mut terminal = Terminal::run(bench.trusting(&["push", &format!("{name}:2")]));
    terminal.expect("Enter passphrase for repository key with ID ");
    terminal.expect(": ");
    terminal.answer_hidden(PASSPHRASE);
    let session = terminal.finish();
    assert_eq!(session.code, Some(0), "{}", session.screen);
    assert!(!session.screen.contains(PASSPHRASE));
}

#[test]
fn push_without_trust_to_a_signed_repository_is_warned_of() {
    let site = Site::start();
    let bench = Bench::new(site.publisher(), "docker");
    let name = site.image("team/app");
    let before = bench.shim(&["push", &name]).run().expect_success();
    site.publish(&bench.world, "team/app", "x");
    let after = bench.shim(&["push", &name]).run().expect_success();
    assert_eq!((bench.last_call(), before.stderr.as_str()), (vec!["push".to_owned(), name.clone()], ""));
    assert!(after.stderr.contains(&format!("`{name}` is signed and this push is not")), "{}", after.stderr);
}

#[test]
fn plugin_is_pushed_and_signed() {
    let site = Site::start();
    let bench = Bench::new(site.publisher(), "docker");
    let (image, name) = (Image::of_text("x").expect("an image"), site.image("team/plugin"));
    bench.set("push", &pushed(&image, &name, &["latest"]));
    bench.run(&["plugin", "push", &name]).expect_success();
    assert_eq!(bench.last_call(), ["plugin", "push", &format!("{name}:latest")]);
    assert_eq!(bench.world.run(&["repo", "list", "-q", &name]).stdout, "latest\n");
}

#[test]
fn podman_says_the_digest_and_the_registry_its_size() {
    let site = Site::start();
    let bench = Bench::new(site.publisher(), "podman");
    let (image, name) = (Image::of_text("x").expect("an image"), site.image("team/app"));
    site.registry().put_image("team/app", "1", &image);
    bench.set("digest", &image.digest().to_string());
    bench.run(&["push", "localhost/app:1", &format!("{name}:1"), "--digestfile=said"]).expect_success();
    let call = bench.last_call();
    assert_eq!(call.last(), Some(&format!("docker://{name}:1")));
    assert_eq!(call[call.len() - 2], "localhost/app:1");
    let said = std::fs::read_to_string(bench.world.path("said")).expect("the file that was asked for");
    assert_eq!(said, image.digest().to_string());
    let lookup = bench.world.run(&["repo", "lookup", &name, "1"]).expect_success();
    assert_eq!(lookup.stdout, format!("1 {} {}\n", image.digest(), image.manifest().bytes.len()));
    bench.set("digest", "nonsense");
    bench.run(&["push", &format!("{name}:2")]).expect_code(1);
    bench.run(&["push", "x", "dir:/tmp/x"]).expect_code(1);
}
