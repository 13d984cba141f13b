//! The `sh` blocks of guides, run in their order.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use crate::world::{PASSPHRASE, Site, World};

/// The host that stands for a registry in guides.
const REGISTRY: &str = "registry.example";

/// The `sh` blocks of a page as one script, which ends at the first command that fails.
fn script(page: &str, site: &Site) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide").join(page);
    let page = std::fs::read_to_string(path).expect("the page can be read");
    let mut script = "set -eux\n".to_owned();
    let mut is_shell = false;
    for line in page.lines() {
        match line {
            "```sh" => is_shell = true,
            "```" => is_shell = false,
            line if is_shell => script.extend([line, "\n"]),
            _ => {}
        }
    }
    assert!(script.lines().count() > 10, "a page without commands");
    script.replace(REGISTRY, &site.registry().host())
}

/// Runs the commands of a page on somebody's machine.
#[track_caller]
fn run(page: &str, site: &Site, world: &World) {
    let bin = world.path("bin");
    std::fs::create_dir_all(&bin).expect("a directory");
    symlink(env!("CARGO_BIN_EXE_countersign"), bin.join("countersign")).expect("a link");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let shell = world.program_at(Path::new("sh"), &["-c", &script(page, site)]).env("PATH", path);
    shell.deadline(Duration::from_mins(5)).run().expect_success();
}

#[test]
fn commands_of_the_guide_to_rotation_work() {
    let site = Site::start();
    let alice = site.publisher();
    site.publish(&alice, "team/app:1.4", "one");
    run("rotation.md", &site, &alice);
    // Somebody who trusted the collection before follows.
    site.person().run(&["pull", "-q", &site.image("team/app:1.4")]).expect_success();
}

#[test]
fn commands_of_the_guide_to_continuous_integration_work() {
    let site = Site::start();
    let mut alice = site.publisher();
    site.publish(&alice, "team/base:1", "base");
    site.publish(&alice, "team/app:1.0", "one");
    alice.set("CI_KEY_PASSPHRASE", PASSPHRASE);
    let image = countersign_testkit::image::Image::of_text("two").expect("an image");
    image.write_oci_archive(&alice.path("app.tar"), "ignored").expect("an archive");
    run("ci.md", &site, &alice);
    site.person().run(&["pull", "-q", &site.image("team/app:1.4")]).expect_success();
}

/// What is written for other programs names hosts that are nobody's, and verbs that are there.
#[test]
fn workflows_of_guides_use_verbs_that_are_there() {
    let world = World::new();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let mut verbs = 0;
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let page = std::fs::read_to_string(entry.expect("an entry").path()).expect("a page");
        for line in page.lines() {
            let command = line.trim_start_matches(['-', ' ']).trim_start_matches("run: ");
            let Some(rest) = command.strip_prefix("countersign ") else { continue };
            let verb: Vec<_> = rest.split(' ').take_while(|word| is_verb(word)).collect();
            let Some((first, below)) = verb.split_first() else { continue };
            let help =
                [first].into_iter().chain(below.first()).copied().chain(["--help"]).collect::<Vec<_>>();
            let known = world.run(&help).code == Some(0) || world.run(&[first, "--help"]).code == Some(0);
            assert!(known, "{command}");
            verbs += 1;
        }
    }
    assert!(verbs > 30, "only {verbs} commands were found");
}

fn is_verb(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase())
}
