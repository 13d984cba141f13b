//! `doctor`, in a healthy world and in broken ones.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use countersign_lab::fault::Fault;
use countersign_lab::image::Image;
use countersign_lab::proxy::{At, Proxy, Upstream};
use countersign_lab::tls::Authority;
use countersign_server::config::Config;
use countersign_server::{RunningServer, Server};
use countersign_testkit::command::Output;
use countersign_testkit::peers::present_or_skip;
use tempfile::TempDir;

use crate::world::{Site, World, block_on};

const SERVER: &str = "DOCKER_CONTENT_TRUST_SERVER";

/// A trust server, and a world that knows its authority and looks for trust there.
struct Trust {
    server: RunningServer,
    _data: TempDir,
}

impl Trust {
    fn start() -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let mut config = Config::new(data.path());
        config.listen.set_port(0);
        let server = block_on(Server::start(config)).expect("a trust server");
        Self { server, _data: data }
    }

    fn world(&self) -> World {
        let ca = fs::read(self.server.ca_certificate().expect("an authority")).expect("its certificate");
        world(&self.server.address().to_string(), &ca)
    }
}

fn world(host: &str, ca: &[u8]) -> World {
    let mut world = World::new();
    world.set(SERVER, &format!("https://{host}"));
    world.write(&format!(".docker/tls/{host}/ca.crt"), ca);
    world
}

fn chmod(world: &World, path: &str, mode: u32) {
    fs::set_permissions(world.path(path), Permissions::from_mode(mode)).expect("a mode is set");
}

/// The lines that begin so, with the hint below the last one.
fn lines<'a>(output: &'a Output, level: &str, area: &str) -> Vec<&'a str> {
    let mut lines = Vec::new();
    let mut is_wanted = false;
    for line in output.stdout.lines() {
        is_wanted = if line.starts_with(' ') {
            is_wanted
        } else {
            let mut words = line.split_whitespace();
            (words.next(), words.next()) == (Some(level), Some(area))
        };
        if is_wanted {
            lines.push(line.trim_start());
        }
    }
    lines
}

#[test]
fn healthy_world_is_well_and_nothing_is_made_in_it() {
    let trust = Trust::start();
    let mut world = trust.world();
    world.set("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "correct horse battery");
    let new = world.run(&["doctor"]).expect_success();
    assert!(!world.path(".docker/trust").exists() && !world.path(".local").exists(), "nothing is made");
    world.run(&["key", "generate"]).expect_success();
    let archive = world.path("image.tar");
    Image::of_text("hello").and_then(|image| image.write_oci_archive(&archive, "1")).expect("an archive");
    world.run(&["load", "image.tar", "--as", "app:1"]).expect_success();
    let used = world.run(&["doctor"]).expect_success();
    world.assert_told("doctor_healthy", &[&new, &used]);
    let quiet = world.run(&["doctor", "-q"]).expect_success();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn machine_without_a_server_is_told_of_docker_hubs_end() {
    let output = World::new().run(&["doctor"]).expect_success();
    let warned = lines(&output, "warn", "server").join("\n");
    assert!(warned.contains("no trust server is named"), "{warned}");
    assert!(warned.contains("closes on 2026-12-08") || warned.contains("closed on 2026-12-08"), "{warned}");
    assert!(
        warned.contains("hint: name one of your own with `export DOCKER_CONTENT_TRUST_SERVER="),
        "{warned}"
    );
}

#[test]
fn broken_files_are_named_with_what_to_do() {
    let trust = Trust::start();
    let mut world = trust.world();
    world.set("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "correct horse battery");
    world.run(&["key", "generate"]).expect_success();
    let config = r#"{"auths":{"bad.example":{"auth":"!!"}},"credHelpers":{"other.example":"absent"}}"#;
    world.write(".docker/config.json", config);
    world.write(".docker/trust/policy.toml", "offline = \"forbid\"\noffine = true\n");
    world.write(&format!(".docker/trust/private/{}.key", "0a".repeat(32)), "no key\n");
    let change = r#"{"action":"delete","role":"targets","type":"target","path":"1","data":""}"#;
    world.write(".docker/trust/tuf/registry.example/app/changelist/0000_a.change", change);
    world.write(".docker/trust/tuf/registry.example/other/changelist/0000_a.change", "{}");
    let keys = fs::read_dir(world.path(".docker/trust/private")).expect("the keys");
    for key in keys {
        fs::set_permissions(key.expect("a key").path(), Permissions::from_mode(0o644))
            .expect("a mode is set");
    }
    chmod(&world, ".docker/trust/private", 0o755);
    chmod(&world, ".docker/trust", 0o777);
    let output = world.run(&["doctor"]).expect_code(1);
    world.assert_told("doctor_broken_files", &[&output]);
}

#[test]
fn configuration_that_is_no_json_is_named_with_its_place() {
    let trust = Trust::start();
    let world = trust.world();
    world.write(".docker/config.json", "{\n  \"auths\": nothing\n}\n");
    let output = world.run(&["doctor"]).expect_code(1);
    let failed = lines(&output, "fail", "config").join("\n");
    assert!(failed.contains("is not a Docker configuration: line 2, column"), "{failed}");
}

#[test]
fn server_that_cannot_be_used_is_a_failure_with_its_reason() {
    let trust = Trust::start();
    let mut world = World::new();
    world.set(SERVER, "https://127.0.0.1:1");
    let refused = world.run(&["doctor"]).expect_code(1);
    assert!(
        lines(&refused, "fail", "server")[0].ends_with("`127.0.0.1:1` refused the connection"),
        "{}",
        refused.stdout
    );

    let mut world = World::new();
    world.set(SERVER, &trust.server.url());
    let unknown = world.run(&["doctor"]).expect_code(1);
    let failed = lines(&unknown, "fail", "server").join("\n");
    assert!(failed.contains("no trusted TLS connection"), "{failed}");
    assert!(
        failed.contains(&format!(
            "hint: if you trust its authority, put the authority's certificate at `tls/{}/ca.crt`",
            trust.server.address()
        )),
        "{failed}"
    );

    let mut world = World::new();
    world.set(SERVER, "http://trust.example");
    let plain = world.run(&["doctor"]).expect_code(1);
    assert!(lines(&plain, "fail", "server")[0].contains("valid https URL required"), "{}", plain.stdout);
}

#[test]
fn server_that_misbehaves_is_found_out_in_time() {
    let trust = Trust::start();
    let ca =
        fs::read_to_string(trust.server.ca_certificate().expect("an authority")).expect("its certificate");
    let authority = Authority::new().expect("an authority");
    let identity = authority.issue(&["127.0.0.1"]).expect("an identity");
    let upstream = Upstream::server(&trust.server.url(), Some(&ca)).expect("a server");
    let proxy = block_on(Proxy::start(upstream, Some(identity))).expect("a proxy");
    let world = world(&proxy.host(), authority.ca_pem().as_bytes());
    world.run(&["doctor"]).expect_success();

    proxy.misbehave(At::Everything, Fault::Status(502));
    let status = world.run(&["doctor"]).expect_code(1);
    assert!(lines(&status, "fail", "server")[0].ends_with("answers with status 502"), "{}", status.stdout);

    proxy.misbehave(At::Everything, Fault::Hang);
    let hanging = world.run(&["doctor", "--timeout", "1"]).expect_code(1);
    let failed = lines(&hanging, "fail", "server");
    assert_eq!(failed, ["fail  server   this could not be checked within 1 s"]);
    assert!(!lines(&hanging, "ok", "images").is_empty(), "the other checks are made: {}", hanging.stdout);
}

#[test]
fn clock_that_is_off_is_compared_with_the_servers() {
    if !present_or_skip(&["faketime"]) {
        return;
    }
    let trust = Trust::start();
    let world = trust.world();
    let ahead = world.program(&["doctor"]).clock("+2 hours").run().expect_success();
    let warned = lines(&ahead, "warn", "clock");
    assert!(warned[0].contains(&format!("2 h ahead of that of `{}`", trust.server.address())), "{warned:?}");
    let behind = world.program(&["doctor"]).clock("-3 days").run();
    // The certificate of the server is not valid yet, three days ago.
    let said = lines(&behind, "fail", "clock").join("\n") + &lines(&behind, "fail", "server").join("\n");
    assert_eq!(behind.code, Some(1), "{}", behind.stdout);
    assert!(said.contains("3 days behind") || said.contains("not valid yet"), "{said}");
}

#[test]
fn damaged_images_are_named() {
    let trust = Trust::start();
    let world = trust.world();
    let (image, archive) = (Image::of_text("hello").expect("an image"), world.path("image.tar"));
    image.write_oci_archive(&archive, "1").expect("an archive");
    world.run(&["load", "image.tar", "--as", "app:1"]).expect_success();
    let layer = image.layers()[0].digest;
    let blob = format!(".local/share/countersign/images/blobs/sha256/{}", layer.hex());
    fs::remove_file(world.path(&blob)).expect("the layer was there");
    let output = world.run(&["doctor"]).expect_code(1);
    let failed = lines(&output, "fail", "images");
    assert_eq!(
        failed[0],
        format!("fail  images   `docker.io/library/app:1`: blob {layer} is not in the store")
    );
    assert_eq!(failed[1], "hint: pull or load the image again");
}

#[test]
fn proxies_are_shown_without_passwords() {
    let mut world = World::new();
    world.set("HTTPS_PROXY", "http://me:secret@127.0.0.1:9");
    world.set("NO_PROXY", "registry.example");
    let output = world.run(&["doctor"]).expect_success();
    let said = lines(&output, "ok", "network").join("\n");
    assert!(
        said.contains("requests go through HTTPS_PROXY `127.0.0.1:9`, but not for `registry.example`"),
        "{said}"
    );
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn findings_are_objects_with_json() {
    let trust = Trust::start();
    let output = trust.world().run(&["doctor", "--json"]).expect_success();
    for line in output.stdout.lines() {
        let finding: serde_json::Value = serde_json::from_str(line).expect("an object in each line");
        assert_eq!(finding["level"], "ok", "{line}");
        assert!(finding["area"].is_string() && finding["text"].is_string(), "{line}");
    }
}

#[test]
fn collection_that_nobody_signed_is_a_failure() {
    let trust = Trust::start();
    let output = trust.world().run(&["doctor", "registry.example/app:1"]).expect_code(1);
    let failed = lines(&output, "fail", "trust").join("\n");
    assert!(failed.contains("remote trust data does not exist for registry.example/app"), "{failed}");
    trust.world().run(&["doctor", "Not/An//Image"]).expect_code(2);
}

#[test]
fn collection_in_question_is_examined_as_a_pull_would() {
    let (site, publisher) = published();
    let user = site.person();
    let image = site.image("team/app:1");
    let good = user.run(&["doctor", &image]).expect_success();
    assert!(!user.path(".docker/trust").exists(), "nothing is stored");
    let unsigned = user.run(&["doctor", &site.image("team/app:2")]).expect_code(1);
    user.assert_told("doctor_collection", &[&good, &unsigned]);
    let own = publisher.run(&["doctor", &image]).expect_success();
    let cached = lines(&own, "ok", "trust").join("\n");
    assert!(cached.contains("is cached, and nothing of it expires soon"), "{cached}");
}

#[test]
fn pins_that_do_not_hold_are_failures() {
    let (site, _) = published();
    let user = site.person();
    user.run(&["pull", &site.image("team/app:1")]).expect_success();
    let gun = site.image("team/app");
    let policy = format!("[trust_pinning.certs]\n\"{gun}\" = [\"{}\"]\n", "0a".repeat(32));
    user.write(".docker/trust/policy.toml", policy);
    let output = user.run(&["doctor"]).expect_code(1);
    let failed = lines(&output, "fail", "trust").join("\n");
    assert!(
        failed.contains(&format!("the cached root of `{gun}` cannot be used: no root certificate")),
        "{failed}"
    );
    assert!(failed.contains("hint: the policy pins another root key"), "{failed}");

    user.write(".docker/trust/policy.toml", "[trust_pinning]\ndisable_tofu = true\n");
    let output = user.run(&["doctor", &site.image("team/other")]).expect_code(1);
    let warned = lines(&output, "warn", "policy").join("\n");
    assert!(
        warned.contains("has no pin, and ") && warned.contains("line 2 refuses trust on first use"),
        "{warned}"
    );
    assert!(warned.contains("`countersign policy pin "), "{warned}");
}

#[test]
fn cached_files_that_expire_or_are_damaged_are_named() {
    if !present_or_skip(&["faketime"]) {
        return;
    }
    let (site, _) = published();
    let user = site.person();
    user.run(&["pull", &site.image("team/app:1")]).expect_success();
    let gun = site.image("team/app");
    let expiring = |clock: &str| {
        // The server's own certificate has expired by then, too.
        let output = user.program(&["doctor"]).clock(clock).run().expect_code(1);
        lines(&output, "warn", "trust").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let soon = expiring("+1000 days");
    assert!(
        soon[0].starts_with(&format!("warn  trust    `{gun}`: snapshot expires in 94 days, at ")),
        "{soon:?}"
    );
    assert_eq!(soon[1], "hint: its owner has to sign it again");
    assert!(
        soon[2].starts_with(&format!("warn  trust    `{gun}`: targets expires in 94 days, at ")),
        "{soon:?}"
    );
    let late = expiring("+1100 days");
    assert!(late[0].contains(": snapshot expired ") && late[2].contains(": targets expired "), "{late:?}");

    user.write(&format!(".docker/trust/tuf/{gun}/metadata/targets.json"), "garbage");
    let damaged = user.run(&["doctor"]).expect_success();
    let warned = lines(&damaged, "warn", "trust").join("\n");
    assert!(warned.contains(&format!("`{gun}`: cached targets cannot be used")), "{warned}");
    assert!(warned.contains("hint: the next pull fetches it again"), "{warned}");
}

/// A site with a signed image, and who signed it.
fn published() -> (Site, World) {
    let site = Site::start();
    let publisher = site.publisher();
    publisher.load(&site.image("team/app:1"), "one");
    publisher.run(&["push", &site.image("team/app:1")]).expect_success();
    (site, publisher)
}
