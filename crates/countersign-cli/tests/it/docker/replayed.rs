//! The shim and the installed docker before a daemon that reports the same to both.

use countersign_testkit::command::Invocation;
use countersign_testkit::fake_daemon::{FakeDaemon, Reply};
use countersign_testkit::peers::present_or_skip;
use countersign_testkit::terminal::Terminal;

use super::daemon::{installed_docker, shim_before};
use crate::world::Site;

/// The report of a pull of two layers, by one that has `pinned` afterwards.
fn replayed_pull(pinned: &str) -> FakeDaemon {
    let layer = |id: &str, status: &str, (current, total): (u64, u64)| {
        let detail = match total {
            0 => serde_json::json!({}),
            _ => serde_json::json!({"current": current, "total": total}),
        };
        serde_json::json!({"status": status, "progressDetail": detail, "id": id}).to_string()
    };
    let steps = [
        ("Pulling fs layer", (0, 0)),
        ("Downloading", (53_300, 5_260_000)),
        ("Downloading", (5_260_000, 5_260_000)),
        ("Verifying Checksum", (0, 0)),
        ("Download complete", (0, 0)),
        ("Extracting", (65_540, 5_260_000)),
        ("Pull complete", (0, 0)),
    ];
    let layers = steps
        .iter()
        .flat_map(|(status, part)| ["5269a6e54cf2", "a2fa83c4cf6c"].map(|id| layer(id, status, *part)));
    let report: Vec<_> = [serde_json::json!({"status": "Pulling from team/app", "id": pinned}).to_string()]
        .into_iter()
        .chain(layers)
        .chain(
            [format!("Status: Downloaded newer image for {pinned}")]
                .map(|status| serde_json::json!({"status": status}).to_string()),
        )
        .collect();
    let image = serde_json::json!({
        "Id": format!("sha256:{}", "1".repeat(64)), "RepoTags": [], "RepoDigests": [pinned], "Size": 7,
    });
    FakeDaemon::start(move |request| match request {
        _ if request.starts_with("POST /images/create") => Some(Reply::Report(report.clone())),
        _ if request.contains("/tag?") => Some(Reply::Whole(201, String::new())),
        _ if request.starts_with("GET /images/") => Some(Reply::Whole(200, image.to_string())),
        _ => None,
    })
}

#[test]
fn report_of_a_pull_is_shown_byte_for_byte_as_docker_shows_it() {
    if !present_or_skip(&["docker"]) {
        return;
    }
    let site = Site::start();
    let digest = site.publish(&site.publisher(), "team/app", "hello").digest().to_string();
    let world = site.person();
    shim_before(&world, &installed_docker());
    let name = site.image("team/app");
    let pinned = format!("{name}@{digest}");
    let fake = replayed_pull(&pinned);
    let path = format!("{}:/usr/bin:/bin", world.path("real").display());
    let asking = |docker: Invocation| docker.env("PATH", &path).env("DOCKER_HOST", fake.host());
    let theirs = || asking(world.program_at(&world.path("real/docker"), &["pull", &pinned]));
    let ours = || {
        asking(world.program_at(&world.path("shim/docker"), &["pull", &name]))
            .env("DOCKER_CONTENT_TRUST", "1")
    };
    let start = format!("Using default tag: latest\nPull (1 of 1): {name}:latest@{digest}\n");
    let tagging = format!("Tagging {pinned} as {name}:latest\n");

    let piped = theirs().run().expect_success().stdout;
    let report = piped.strip_suffix(&format!("{pinned}\n")).expect("docker names what it pulled at the end");
    assert!(report.contains("Verifying Checksum") && !report.contains("Downloading"), "{report}");
    assert_eq!(ours().run().expect_success().stdout, format!("{start}{report}{name}:latest\n"));

    let drawn = Terminal::run(theirs()).finish().screen;
    let report = drawn.strip_suffix(&format!("{pinned}\n")).expect("docker names what it pulled at the end");
    assert!(report.contains("Downloading [") && report.contains("\u{1b}[1A\u{1b}[2K\r"), "{report:?}");
    let session = Terminal::run(ours()).finish();
    let lines: String =
        session.screen.split_inclusive('\n').filter(|line| !line.starts_with("Trusting ")).collect();
    assert_eq!(lines, format!("{start}{report}{tagging}{name}:latest\n"));
}
