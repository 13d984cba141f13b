//! Lost keys, with servers and clients of both makes: who follows, who is refused, and what each is told.

mod pinned;

use countersign_lab::fault::Fault;
use countersign_lab::proxy::{At, Proxy, Upstream};
use countersign_lab::tls::Authority;
use countersign_testkit::command::{Invocation, Output};
use countersign_testkit::peers::{NotaryClient, present_or_skip};
use countersign_testkit::terminal::Terminal;

use super::stage::{Server, docker, docker_is_here};
use super::team::{Team, digest};
use crate::world::{World, block_on};

/// Removes the private keys of a role; their ids.
fn lose(world: &World, role: &str) -> Vec<String> {
    let private = world.path(".docker/trust/private");
    let mut lost = Vec::new();
    for file in std::fs::read_dir(private).expect("keys") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a key");
        if text.lines().any(|line| line == format!("role: {role}")) {
            lost.push(path.file_stem().expect("a name").to_string_lossy().into_owned());
            std::fs::remove_file(path).expect("removed");
        }
    }
    assert!(!lost.is_empty(), "there was a {role} key");
    lost
}

/// The ids of the timestamp and the snapshot key, by the root that the owner trusts.
fn online_keys(team: &Team) -> [serde_json::Value; 2] {
    let path = team.owner.path(".docker/trust/tuf").join(&team.gun).join("metadata/root.json");
    let root: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).expect("a root")).expect("JSON");
    ["timestamp", "snapshot"].map(|role| root["signed"]["roles"][role]["keyids"].clone())
}

/// People who have pulled before: with our program, with Notary, with Docker.
struct Readers {
    ours: World,
    notary: Option<NotaryClient>,
    docker: Option<World>,
}

impl Readers {
    fn of(server: &Server) -> Self {
        let notary = present_or_skip(&["notary"]).then(|| NotaryClient::new(server.url(), server.ca_file()));
        Self { ours: server.person(), notary, docker: docker_is_here().then(|| server.person()) }
    }

    /// What each makes of a tag: ours, then the others.
    fn look(&self, team: &Team, tag: &str) -> (Output, Vec<Output>) {
        let notary = self.notary.as_ref().map(|notary| notary.run(&["lookup", &team.gun, tag]));
        let docker =
            self.docker.as_ref().map(|world| docker(world, &["trust", "inspect", &team.tag(tag)]).run());
        (self.ours.run(&["pull", &team.tag(tag)]), notary.into_iter().chain(docker).collect())
    }

    /// Everybody follows, and ours gets this digest.
    #[track_caller]
    fn follow(&self, team: &Team, tag: &str, expected: &str) {
        let (ours, others) = self.look(team, tag);
        let ours = ours.expect_success();
        assert!(ours.stdout.contains(expected), "{}", ours.transcript());
        assert!(!ours.stderr.contains("first use") || tag == "v0", "{}", ours.transcript());
        for other in others {
            let other = other.expect_success();
            assert!(other.stdout.contains(expected.trim_start_matches("sha256:")), "{}", other.transcript());
        }
    }

    /// Nobody does.
    #[track_caller]
    fn are_refused(&self, team: &Team, tag: &str) -> Output {
        let (ours, others) = self.look(team, tag);
        for other in others {
            assert_ne!(other.code, Some(0), "{}", other.transcript());
        }
        ours.expect_code(3)
    }
}

#[test]
fn lost_tagging_pair_is_recovered_and_everybody_follows() {
    for server in Server::both() {
        for with_signer in [false, true] {
            let team = Team::of(&server);
            let readers = Readers::of(&server);
            let first = team.push(&team.owner, "v0", "zero");
            if with_signer {
                team.add("bob");
                team.push(&team.bob, "v0", "zero");
            }
            readers.follow(&team, "v0", &digest(&first));
            lose(&team.owner, "targets");
            if !with_signer {
                lose(&team.owner, "snapshot");
            }
            let gun = team.gun.as_str();
            let asked = team.owner.program(&["repo", "recover", gun]).stdin("n\n").run().expect_code(1);
            assert!(asked.stderr.contains("by a new key, which is kept here"), "{}", asked.transcript());
            assert!(asked.stderr.contains("nothing was changed"), "{}", asked.transcript());
            let unasked = team.owner.run(&["repo", "recover", gun]).expect_code(1);
            assert!(unasked.stderr.contains("hint: run it at a terminal, or with `--yes`"));
            let recovered = team.owner.run(&["repo", "recover", gun, "--yes"]).expect_success();
            assert_eq!(recovered.stdout, format!("Successfully recovered {gun}\n"));
            assert!(
                recovered.stderr.contains("Consumers and signers need nothing"),
                "{}",
                recovered.transcript()
            );
            assert_eq!(recovered.stderr.contains("New snapshot key"), !with_signer);
            let again = team.owner.run(&["repo", "recover", gun, "--yes"]).expect_success();
            assert!(again.stderr.contains("nothing was changed"), "{}", again.transcript());

            readers.follow(&team, "v0", &digest(&first));
            let signer = if with_signer { &team.bob } else { &team.owner };
            let next = team.push(signer, "v1", "one");
            readers.follow(&team, "v1", &digest(&next));
        }
    }
}

#[test]
fn lost_root_with_a_recovery_key_is_replaced_and_everybody_follows() {
    for server in Server::both() {
        let team = Team::of(&server);
        let readers = Readers::of(&server);
        let first = team.push(&team.owner, "v0", "zero");
        readers.follow(&team, "v0", &digest(&first));
        let gun = team.gun.as_str();
        let create =
            ["key", "recovery", "create", "--shares", "3", "--needed", "2", "--output", "shares", "--for"];
        std::fs::create_dir(team.owner.path("shares")).expect("a directory");
        let unknown = team.owner.run(&[&create[..], &["example.com/nothing"]].concat()).expect_code(1);
        assert!(
            unknown.stderr.contains("cannot get a recovery key; none was made"),
            "{}",
            unknown.transcript()
        );
        assert_eq!(std::fs::read_dir(team.owner.path("shares")).expect("a directory").count(), 0);
        team.owner.run(&[&create[..], &[gun]].concat()).expect_success();
        readers.follow(&team, "v0", &digest(&first));
        let next = team.push(&team.owner, "v1", "one");
        readers.follow(&team, "v1", &digest(&next));

        let lost = lose(&team.owner, "root");
        let refused = team.owner.run(&["key", "rotate", gun, "root"]).expect_code(1);
        assert!(refused.stderr.contains("key recovery combine"), "{}", refused.transcript());
        let shares: Vec<String> = std::fs::read_dir(team.owner.path("shares"))
            .expect("a directory")
            .map(|file| format!("shares/{}", file.expect("a file").file_name().to_string_lossy()))
            .collect();
        team.owner.run(&["key", "recovery", "combine", &shares[2], &shares[0]]).expect_success();
        // It is not lost any more.
        let here = team.owner.run(&["repo", "recover", gun, "--lost-root", "--yes"]).expect_code(1);
        assert!(here.stderr.contains("key rotate"), "{}", here.transcript());
        team.owner.run(&["key", "rotate", gun, "root"]).expect_success();
        readers.follow(&team, "v1", &digest(&next));
        let next = team.push(&team.owner, "v2", "two");
        readers.follow(&team, "v2", &digest(&next));
        let inspected = server.person().run(&["trust", "inspect", gun]).expect_success().stdout;
        assert!(lost.iter().all(|id| !inspected.contains(id.as_str())), "{inspected}");
    }
}

#[test]
fn lost_root_without_anything_begins_anew_and_is_trusted_once_it_was_compared() {
    for server in Server::both() {
        let team = Team::of(&server);
        let readers = Readers::of(&server);
        let first = team.push(&team.owner, "v0", "zero");
        team.add("bob");
        let second = team.push(&team.bob, "v1", "one");
        readers.follow(&team, "v0", &digest(&first));
        let gun = team.gun.as_str();
        let needless = readers.ours.run(&["trust", "repin", gun]).expect_success();
        assert!(needless.stderr.contains("nothing has to be done"), "{}", needless.transcript());
        let here = team.owner.run(&["repo", "recover", gun, "--lost-root", "--yes"]).expect_code(1);
        assert!(here.stderr.contains("and not lost; nothing was changed"), "{}", here.transcript());

        let lost = lose(&team.owner, "root");
        let line = ["repo", "recover", gun, "--lost-root"];
        let other = team.owner.program(&line).stdin("yes\n").run().expect_code(1);
        assert!(other.stderr.contains("nothing was changed"), "{}", other.transcript());
        readers.follow(&team, "v0", &digest(&first));
        let mut anew = Terminal::run(team.owner.program(&line));
        anew.expect("Type `");
        anew.answer(gun);
        let anew = anew.finish();
        assert_eq!(anew.code, Some(0), "{}", anew.screen);
        assert!(anew.screen.contains("lost-root-1.tar") || anew.screen.contains("lost-root-2.tar"));
        let root_key = anew.screen.trim_end().rsplit(' ').next().expect("an id").to_owned();
        assert_eq!(root_key.len(), 64, "{}", anew.screen);

        // Who meets it for the first time has everything, whoever signed it.
        assert_eq!(team.pulled(&server, "v0"), Some(digest(&first)));
        assert_eq!(team.signers(&server, "v1"), ["bob"]);
        let refused = readers.are_refused(&team, "v0");
        assert!(refused.stderr.contains("countersign trust repin"), "{}", refused.transcript());

        let repin = ["trust", "repin", gun];
        let unasked = readers.ours.program(&repin).stdin("y\n").run().expect_code(1);
        assert!(unasked.stderr.contains("nobody is at a terminal"), "{}", unasked.transcript());
        assert!(unasked.stderr.contains("Every tag means what it meant"), "{}", unasked.transcript());
        assert!(unasked.stderr.contains(&lost[0]) && unasked.stderr.contains(&root_key));
        readers.ours.run(&["trust", "repin", gun, "--yes"]).expect_code(2);
        let other =
            readers.ours.run(&["trust", "repin", gun, "--yes", "--root-key", &lost[0]]).expect_code(3);
        assert!(other.stderr.contains("ask the publisher"), "{}", other.transcript());
        readers.ours.run(&["pull", &team.tag("v0")]).expect_code(3);
        let mut asked = Terminal::run(readers.ours.program(&repin));
        asked.expect("Trust the published root key from now on? [y/N] ");
        asked.answer("n");
        assert_eq!(asked.finish().code, Some(1));
        readers.ours.run(&["pull", &team.tag("v0")]).expect_code(3);
        let mut asked = Terminal::run(readers.ours.program(&repin));
        asked.expect("Trust the published root key from now on? [y/N] ");
        asked.answer("y");
        assert_eq!(asked.finish().code, Some(0));
        readers.ours.run(&["pull", &team.tag("v1")]).expect_success();

        // Bob signs on once he trusts it, with the key that he has, and the owner goes on with theirs.
        team.bob.run(&["trust", "repin", gun, "--yes", "--root-key", &root_key]).expect_success();
        let third = team.push(&team.bob, "v2", "two");
        team.add("carol");
        let fourth = team.push(&team.carol, "v3", "three");
        for (tag, image) in [("v1", &second), ("v2", &third), ("v3", &fourth)] {
            let pulled = readers.ours.run(&["pull", &team.tag(tag)]).expect_success();
            assert!(pulled.stdout.contains(&digest(image)), "{tag}");
        }
        // Notary's and Docker's way: their caches of it are removed.
        if let Some(notary) = &readers.notary {
            std::fs::remove_dir_all(notary.trust_dir().join("tuf").join(gun)).expect("a cache");
            notary.run(&["lookup", gun, "v0"]).expect_success();
        }
    }
}

#[test]
fn recovery_that_cannot_be_says_why_and_changes_nothing() {
    let mut servers = Server::both().into_iter();
    let Some(server) = servers.next() else { return };
    let mut team = Team::of(&server);
    let first = team.push(&team.owner, "v0", "zero");
    let reader = server.person();
    reader.run(&["pull", &team.tag("v0")]).expect_success();
    let gun = team.gun.clone();
    let lost_root = ["repo", "recover", gun.as_str(), "--lost-root", "--yes"];

    for line in [
        &["repo", "recover", "example.com/nothing", "--yes"][..],
        &["repo", "recover", "example.com/nothing", "--lost-root", "--yes"],
    ] {
        let wrong = team.owner.run(line).expect_code(1);
        assert!(wrong.stderr.contains("example.com/nothing"), "{}", wrong.transcript());
        assert!(!team.owner.path(".docker/trust/tuf/example.com").exists(), "{}", wrong.transcript());
    }
    let never = server.person().run(&["trust", "repin", &gun]).expect_code(1);
    assert!(never.stderr.contains("never trusted here"), "{}", never.transcript());
    team.owner.run(&["repo", "recover", "Not A Name"]).expect_code(2);

    // A passphrase that opens nothing is found before anything is deleted.
    lose(&team.owner, "root");
    team.owner.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "not the passphrase");
    let locked = team.owner.run(&lost_root).expect_code(1);
    assert!(locked.stderr.contains("REPOSITORY_PASSPHRASE"), "{}", locked.transcript());
    team.owner.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", crate::world::PASSPHRASE);
    assert!(reader.run(&["pull", &team.tag("v0")]).expect_success().stdout.contains(&digest(&first)));

    // Nobody answers.
    team.owner.set("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:9");
    let away = team.owner.run(&lost_root).expect_code(1);
    assert!(away.stderr.contains("cannot be"), "{}", away.transcript());
    team.owner.set("DOCKER_CONTENT_TRUST_SERVER", server.url());

    // A copy of something else.
    team.owner.run(&["repo", "export", &gun, "-o", "app.tar"]).expect_success();
    let other = format!("{gun}-other");
    let mixed = ["repo", "recover", other.as_str(), "--lost-root", "--yes", "--from", "app.tar"];
    let mixed = team.owner.run(&mixed).expect_code(1);
    assert!(mixed.stderr.contains("the file is of"), "{}", mixed.transcript());
    assert!(reader.run(&["pull", &team.tag("v0")]).expect_success().stdout.contains(&digest(&first)));

    // From a copy, on a machine that knows nothing else.
    let elsewhere = server.person();
    elsewhere.write("app.tar", std::fs::read(team.owner.path("app.tar")).expect("an export"));
    let line = ["repo", "recover", gun.as_str(), "--lost-root", "--yes", "--from", "app.tar"];
    let anew = elsewhere.run(&line).expect_success();
    assert!(anew.stderr.contains("New targets key"), "{}", anew.transcript());
    assert_eq!(team.pulled(&server, "v0"), Some(digest(&first)));

    // The owner finds that somebody did it already.
    let late = team.owner.run(&lost_root);
    assert_eq!(late.code, Some(3), "{}", late.transcript());
    assert!(late.stderr.contains("trust repin"), "{}", late.transcript());
}

#[test]
fn lost_root_of_a_collection_that_its_server_lost_too_is_published_from_the_cache() {
    for server in Server::both() {
        let team = Team::of(&server);
        let first = team.push(&team.owner, "v0", "zero");
        team.add("bob");
        let second = team.push(&team.bob, "v1", "one");
        team.owner.run(&["repo", "list", &team.gun]).expect_success();
        lose(&team.owner, "root");
        lose(&team.owner, "targets");
        let before = online_keys(&team);
        // As a run would leave it that was killed right after the deletion.
        let url = format!("{}/v2/{}/_trust/tuf/", server.url(), team.gun);
        let delete = ["--silent", "--show-error", "--fail", "--request", "DELETE", "--cacert"];
        Invocation::of("curl").args(delete).arg(server.ca_file()).arg(url).run().expect_success();
        let anew = team.owner.run(&["repo", "recover", &team.gun, "--lost-root", "--yes"]).expect_success();
        assert!(anew.stderr.contains("has nothing of it any more"), "{}", anew.transcript());
        for (role, (before, after)) in before.iter().zip(online_keys(&team)).enumerate() {
            assert_ne!(*before, after, "what the server's keys signed before counts for nothing: {role}");
        }
        assert_eq!(team.pulled(&server, "v0"), Some(digest(&first)));
        assert_eq!(team.pulled(&server, "v1"), Some(digest(&second)));
        let copies =
            std::fs::read_dir(team.owner.path(".docker/trust/tuf").join(&team.gun)).expect("a cache");
        let is_copy = |name: &str| name.starts_with("lost-root-");
        let copy = copies.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
        let copy = copy.filter(|name| is_copy(name)).collect::<Vec<_>>();
        assert_eq!(copy.len(), 1, "{copy:?}");
        // The owner trusts what was published, and goes on.
        team.add("carol");
        let third = team.push(&team.carol, "v2", "two");
        assert_eq!(team.pulled(&server, "v2"), Some(digest(&third)));
    }
}

#[test]
fn recovery_by_a_wrong_clock_is_refused() {
    if !present_or_skip(&["faketime", "notary-server"]) {
        return;
    }
    // Debian's, whose certificate does not expire.
    let Some(server) = Server::both().pop() else { return };
    let team = Team::of(&server);
    let first = team.push(&team.owner, "v0", "zero");
    lose(&team.owner, "root");
    for (clock, way) in
        [("+20 days", "ahead of"), ("+11 years", "ahead of"), ("2001-01-01 00:00:00", "behind")]
    {
        let line = ["repo", "recover", &team.gun, "--lost-root", "--yes"];
        let refused = team.owner.program(&line).clock(clock).run().expect_code(1);
        assert!(refused.stderr.contains(way) && refused.stderr.contains("clock"), "{}", refused.transcript());
        assert_eq!(team.pulled(&server, "v0"), Some(digest(&first)), "nothing has changed");
    }
}

#[test]
fn recovery_from_a_lost_root_that_is_killed_goes_on_when_it_is_run_again() {
    for server in Server::both() {
        let mut team = Team::of(&server);
        let first = team.push(&team.owner, "v0", "zero");
        team.add("bob");
        let second = team.push(&team.bob, "v1", "one");
        lose(&team.owner, "root");
        let proxy = before(&server, &mut team.owner);
        let line = ["repo", "recover", team.gun.as_str(), "--lost-root", "--yes"];
        // No upload gets through: whatever moment the end comes at, the collection is as it was, or gone and kept here.
        proxy.misbehave(At::Uploads, Fault::Hang);
        for seconds in ["0.2", "0.6", "3"] {
            let killed = team.owner.program(&line).through("timeout", &["--signal=KILL", seconds]).run();
            assert_ne!(killed.code, Some(0), "{}", killed.transcript());
        }
        proxy.forward();
        proxy.misbehave(At::Uploads, Fault::Status(503));
        let refused = team.owner.run(&line).expect_code(1);
        assert!(refused.stderr.contains("run it again to go on"), "{}", refused.transcript());
        proxy.forward();
        team.owner.run(&line).expect_success();
        assert_eq!(team.pulled(&server, "v0"), Some(digest(&first)));
        assert_eq!(team.pulled(&server, "v1"), Some(digest(&second)));
        // What is done is not done again.
        let again = team.owner.run(&line).expect_code(1);
        assert!(again.stderr.contains("and not lost"), "{}", again.transcript());
        team.add("carol");
    }
}

/// Puts a proxy between a server and somebody.
fn before(server: &Server, person: &mut World) -> Proxy {
    let authority = Authority::new().expect("an authority can be made");
    let identity = authority.issue(&["127.0.0.1"]).expect("a certificate can be issued");
    let ca_pem = std::fs::read_to_string(server.ca_file()).expect("the server has a CA");
    let upstream = Upstream::server(server.url(), Some(&ca_pem)).expect("an address and a CA");
    let proxy = block_on(Proxy::start(upstream, Some(identity))).expect("a loopback port is free");
    person.write("proxy.crt", authority.ca_pem());
    let ca_file = person.path("proxy.crt");
    person.use_server(&proxy.url(), &ca_file);
    proxy
}
