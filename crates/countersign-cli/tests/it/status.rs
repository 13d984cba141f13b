//! `status`: roles, expiries, who can renew, for people and for monitoring.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::world::{Site, World};

fn published(site: &Site) -> (World, String) {
    let alice = site.publisher();
    site.publish(&alice, "team/app:1", "one");
    (alice, site.image("team/app"))
}

#[test]
fn status_tells_who_can_renew_what() {
    let site = Site::start();
    let (alice, gun) = published(&site);
    let owner = alice.run(&["status", "--json", &gun]).expect_success();
    let owner: Value = serde_json::from_str(&owner.stdout).expect("JSON");
    let reader = site.person().run(&["status", "--json", &gun]).expect_success();
    let reader: Value = serde_json::from_str(&reader.stdout).expect("JSON");
    let renewers = |report: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let roles = report["roles"].as_array().expect("roles").iter();
        roles.map(|role| (text(&role["role"]), text(&role["renewed_by"]))).collect()
    };
    let expected = |others: [&str; 4]| -> Vec<_> {
        let roles = ["root", "timestamp", "snapshot", "targets"].into_iter();
        roles.zip(others).map(|(role, by)| (role.to_owned(), by.to_owned())).collect()
    };
    assert_eq!(renewers(&owner), expected(["here", "server", "here", "here"]));
    assert_eq!(renewers(&reader), expected(["elsewhere", "server", "server-or-elsewhere", "elsewhere"]));
    assert_eq!((owner["verdict"].as_str(), owner["gun"].as_str()), (Some("trusted"), Some(gun.as_str())));
    // Without a name: what is cached.
    let all = alice.run(&["status"]).expect_success();
    assert!(
        all.stdout.starts_with(&format!("{gun} on ")) && all.stdout.contains("you, with keys that are here")
    );
    let nothing = site.person().run(&["status"]).expect_success();
    assert_eq!(nothing.stdout, "");
}

#[test]
fn status_fails_in_time_before_something_expires() {
    let site = Site::start();
    let (alice, gun) = published(&site);
    alice.run(&["status", "--warn-within", "30d", &gun]).expect_success();
    let soon = alice.run(&["status", "--warn-within", "2000d", &gun]).expect_code(1);
    assert!(soon.stdout.contains(", soon)"), "{}", soon.stdout);
    alice.run(&["status", "--warn-within", "soon", &gun]).expect_code(2);
}

#[test]
fn status_tells_untrusted_from_unchecked() {
    let site = Site::start();
    let (alice, gun) = published(&site);
    let expired = alice.program(&["status", &gun]).clock("+20 days").run().expect_code(3);
    assert!(expired.stdout.contains("not trusted: timestamp expired"), "{}", expired.transcript());
    site.person().run(&["status", &site.image("team/nosuch")]).expect_code(3);
    let mut nobody = site.person();
    nobody.use_server("https://127.0.0.1:1", &site.ca());
    let unchecked = nobody.run(&["status", &gun]).expect_code(1);
    assert!(unchecked.stdout.contains("not checked: "), "{}", unchecked.transcript());
    let both = alice.run(&["status", &gun, &site.image("team/nosuch")]).expect_code(3);
    assert!(both.stdout.contains(": trusted") && both.stdout.contains("not trusted"), "{}", both.stdout);
}

#[test]
fn metrics_are_written_whole_for_everybody_to_read() {
    let site = Site::start();
    let (alice, gun) = published(&site);
    let line = ["status", "--prometheus", "metrics.prom", &gun, &site.image("team/nosuch")];
    alice.run(&line).expect_code(3);
    let text = std::fs::read_to_string(alice.path("metrics.prom")).expect("metrics");
    let server = site.trust_server();
    let server = server.trim_start_matches("https://");
    for sample in [
        format!("countersign_collection_trusted{{gun=\"{gun}\",server=\"{server}\"}} 1\n"),
        format!(
            "countersign_collection_trusted{{gun=\"{}\",server=\"{server}\"}} 0\n",
            site.image("team/nosuch")
        ),
        format!("countersign_role_version{{gun=\"{gun}\",server=\"{server}\",role=\"root\"}} 1\n"),
        format!("countersign_role_keys_here{{gun=\"{gun}\",server=\"{server}\",role=\"targets\"}} 1\n"),
        "# TYPE countersign_role_expires_timestamp_seconds gauge\n".to_owned(),
    ] {
        assert!(text.contains(&sample), "{sample} is not in {text}");
    }
    let mode = std::fs::metadata(alice.path("metrics.prom")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    let unwritten = alice.run(&["status", "--prometheus", "nowhere/metrics.prom", &gun]).expect_code(1);
    assert!(unwritten.stderr.contains("cannot write `nowhere/metrics.prom`"), "{}", unwritten.transcript());
}
