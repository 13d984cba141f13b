use std::fs;

use countersign_testkit::command::Invocation;
use countersign_testkit::image::{File, Image, Index};
use countersign_testkit::peers::{
    DockerRegistry, DockerRegistryOptions, MariaDb, NotaryClient, NotaryServer, NotarySigner,
    peers_dir_or_skip, present_or_skip,
};

fn publish_and_look_up(server: &NotaryServer) {
    let publisher = NotaryClient::new(&server.url(), &server.ca_file());
    let file = publisher.config_file();
    publisher.run(&["init", "example.com/app", "-p"]).expect_success();
    publisher
        .run(&["add", "example.com/app", "v1", file.to_str().expect("a path of ASCII"), "-p"])
        .expect_success();
    assert!(publisher.trust_dir().join("private").is_dir());

    let consumer = NotaryClient::new(&server.url(), &server.ca_file());
    let found = consumer.run(&["lookup", "example.com/app", "v1"]).expect_success();
    let length = fs::metadata(&file).expect("the target is there").len();
    assert!(found.stdout.starts_with("v1 sha256:"), "{}", found.transcript());
    assert!(found.stdout.ends_with(&format!(" {length}\n")), "{}", found.transcript());
}

#[test]
fn notary_publishes_to_notary_server_in_memory() {
    if present_or_skip(&["notary", "notary-server"]) {
        let server = NotaryServer::memory();
        publish_and_look_up(&server);
        assert!(server.log().contains("/v2/example.com/app/_trust/tuf/"), "{}", server.log());
    }
}

#[test]
fn notary_publishes_to_notary_server_on_mariadb() {
    if present_or_skip(&["notary", "notary-server", "mariadbd", "mariadb", "mariadb-install-db"]) {
        let database = MariaDb::start();
        let server = NotaryServer::mariadb(&database);
        publish_and_look_up(&server);
        let rows = database.execute("SELECT role, version FROM notary0.tuf_files ORDER BY role, version");
        assert_eq!(
            rows,
            "root\t1\nsnapshot\t2\nsnapshot\t3\ntargets\t2\ntargets\t3\ntimestamp\t1\ntimestamp\t2\n"
        );
    }
}

#[test]
fn notary_server_has_its_keys_from_a_signer() {
    if present_or_skip(&["notary", "notary-server", "notary-signer"]) {
        let signer = NotarySigner::memory();
        let server = NotaryServer::with_signer(&signer);
        publish_and_look_up(&server);
    }
}

#[test]
fn notary_asks_for_passphrases_at_a_terminal() {
    if present_or_skip(&["notary", "notary-server"]) {
        let server = NotaryServer::memory();
        let notary = NotaryClient::new(&server.url(), &server.ca_file());
        let mut terminal = notary.at_terminal(&["init", "example.com/asked"]);
        for key in ["root", "targets", "snapshot"] {
            terminal.expect(&format!("Enter passphrase for new {key} key"));
            terminal.answer_hidden("a passphrase");
            terminal.expect(&format!("Repeat passphrase for new {key} key"));
            terminal.answer_hidden("a passphrase");
        }
        let session = terminal.finish();
        assert_eq!(session.code, Some(0), "{}", session.screen);
        assert!(!session.screen.contains("a passphrase"), "{}", session.screen);
    }
}

#[test]
fn docker_registry_takes_an_index_and_gives_it_back() {
    if !present_or_skip(&["docker-registry", "skopeo"]) {
        return;
    }
    let registry = DockerRegistry::start();
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let image = |architecture: &str| {
        Image::builder()
            .platform("linux", architecture)
            .layer([File::new("bin/hello", "#!/bin/sh\necho hello\n").executable()])
            .build()
            .expect("an image can be made")
    };
    let index = Index::of([image("amd64"), image("arm64")]);
    index.write_layout(&dir.path().join("here"), "1.4").expect("a layout can be written");
    let copy = |from: String, to: String, flag: &str| {
        Invocation::of("skopeo")
            .args(["--insecure-policy", "copy", "--all", "--preserve-digests", flag, &from, &to])
            .env("HOME", dir.path())
            .run()
            .expect_success();
    };
    let here = format!("oci:{}:1.4", dir.path().join("here").display());
    let there = format!("docker://{}/team/app:1.4", registry.host());
    let back = format!("oci:{}:1.4", dir.path().join("back").display());
    copy(here, there.clone(), "--dest-tls-verify=false");
    copy(there, back, "--src-tls-verify=false");
    let text = fs::read_to_string(dir.path().join("back/index.json")).expect("a layout came back");
    assert!(text.contains(&index.digest().to_string()), "{text}");
}

#[test]
fn docker_registry_with_tls_and_a_password_asks_for_both() {
    if !present_or_skip(&["docker-registry", "htpasswd", "curl"]) {
        return;
    }
    let registry = DockerRegistry::with(&DockerRegistryOptions {
        basic_auth: Some(("alice".into(), "secret".into())),
        tls: true,
        ..DockerRegistryOptions::default()
    });
    let ask = |more: &[&str]| {
        Invocation::of("curl")
            .args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--cacert"])
            .arg(registry.ca_file())
            .args(more)
            .arg(format!("{}/v2/", registry.url()))
            .run()
            .expect_success()
            .stdout
    };
    assert_eq!(ask(&[]), "401");
    assert_eq!(ask(&["--user", "alice:secret"]), "200");
}

#[test]
fn docker_archives_of_both_generations_are_read_by_skopeo() {
    if !present_or_skip(&["skopeo"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let image = Image::of_text("hello\n").expect("an image can be made");
    let path = |name: &str| dir.path().join(name);
    image.write_docker_archive(&path("old.tar"), "app:1.4").expect("an archive can be written");
    image.write_docker_archive_with_layout(&path("new.tar"), "app:1.4").expect("an archive can be written");
    image.write_oci_archive(&path("oci.tar"), "1.4").expect("an archive can be written");
    for source in ["docker-archive:old.tar", "docker-archive:new.tar", "oci-archive:oci.tar:1.4"] {
        let seen = Invocation::of("skopeo")
            .args(["inspect", "--config", "--raw", source])
            .dir(dir.path())
            .env("HOME", dir.path())
            .run()
            .expect_success();
        assert_eq!(seen.stdout.as_bytes(), image.config().bytes, "{source}");
    }
}

#[test]
fn peers_dir_holds_the_old_trust_directories() {
    if let Some(dir) = peers_dir_or_skip() {
        assert!(dir.join("notary-compatibility.tar.gz").is_file());
    }
}
