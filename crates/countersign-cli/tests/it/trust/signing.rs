//! What ours does besides, and where it departs from Docker.

use std::path::Path;

use countersign_testkit::command::Invocation;
use countersign_testkit::image::Image;

use super::stage::{Server, docker, docker_is_here};
use super::team::{Team, digest};
use crate::world::{PASSPHRASE, World};

#[test]
fn tag_is_signed_again_by_each_signer_and_by_nobody_without_a_key() {
    for server in Server::both() {
        let team = Team::of(&server);
        team.add("bob");
        team.add("carol");
        let image = team.push(&team.bob, "v1", "one");
        assert_eq!(team.signers(&server, "v1"), ["bob"]);
        let signed = team.carol.run(&["trust", "sign", &team.tag("v1")]).expect_success();
        assert_eq!(
            signed.stdout,
            format!(
                "Signing and pushing trust metadata for {0}\nExisting signatures for tag v1 digest {1} from:\nbob\n\
                 Successfully signed {0}\n",
                team.tag("v1"),
                image.digest().hex()
            )
        );
        assert_eq!(team.signers(&server, "v1"), ["bob", "carol"]);
        let again = team.carol.run(&["trust", "sign", &team.tag("v1")]).expect_success();
        assert!(again.stdout.contains("Already signed"), "{}", again.transcript());
        let nobody = server.person().run(&["trust", "sign", &team.tag("v1")]).expect_code(1);
        assert!(
            nobody.stderr.contains("no private key that may sign `v1` is here"),
            "{}",
            nobody.transcript()
        );
        assert_eq!(team.pulled(&server, "v1"), Some(digest(&image)));
    }
}

#[test]
fn sign_without_a_key_is_no_success() {
    for server in Server::both() {
        let team = Team::of(&server);
        team.push(&team.owner, "v1", "one");
        let owner = team.owner.run(&["trust", "sign", &team.tag("v1")]).expect_success();
        assert!(owner.stdout.contains("Already signed"), "{}", owner.transcript());
        let nobody = team.bob.run(&["trust", "sign", &team.tag("v1")]).expect_code(1);
        assert!(nobody.stderr.contains("failed to sign"), "{}", nobody.transcript());
    }
}

#[test]
fn first_signer_hands_the_snapshot_key_over_or_nothing_changes() {
    for server in Server::both() {
        let team = Team::of(&server);
        let image = team.push(&team.owner, "v0", "zero");
        // Elsewhere the owner has every key but the root key.
        let elsewhere = server.person();
        let keys = team.owner.path(".docker/trust/private");
        for entry in std::fs::read_dir(keys).expect("keys") {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("a key");
            if !text.contains("role: root") {
                let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
                elsewhere.write(&format!(".docker/trust/private/{name}"), text);
            }
        }
        elsewhere.write("bob.pub", std::fs::read(team.owner.path("bob.pub")).expect("a public key"));
        let add = ["trust", "signer", "add", "--key", "bob.pub", "bob", &team.gun];
        let refused = elsewhere.run(&add).expect_code(1);
        assert!(refused.stderr.contains("takes the root key, which is not here"), "{}", refused.transcript());
        assert!(refused.stderr.contains("hint: do this where the root key is"), "{}", refused.transcript());
        assert_eq!(team.signers(&server, "v0"), ["Repo Admin"]);

        let added = team.owner.run(&add).expect_success();
        assert!(added.stderr.contains("until a signer has signed"), "{}", added.transcript());
        let later = team.push(&team.bob, "v1", "one");
        assert_eq!(team.pulled(&server, "v1"), Some(digest(&later)));
        assert_eq!(team.pulled(&server, "v0"), Some(digest(&image)), "what the owner signed stays signed");
        let twice = team.owner.run(&add).expect_success();
        assert!(twice.stderr.contains("nothing was changed"), "{}", twice.transcript());
    }
}

#[test]
fn signer_is_really_removed() {
    for server in Server::both() {
        let team = Team::of(&server);
        team.add("bob");
        team.add("carol");
        team.push(&team.bob, "v1", "one");
        // Bob signed last, and nobody else's key is here: the question comes.
        let remove = ["trust", "signer", "remove", "bob", &team.gun];
        let kept = team.owner.program(&remove).stdin("n\n").run().expect_code(1);
        assert!(kept.stderr.contains("will make") && kept.stderr.contains("[y/N]"), "{}", kept.transcript());
        assert_eq!(team.signers(&server, "v1"), ["bob"]);
        // With Carol's key at hand, what Bob released is signed again, and nobody has to be asked.
        let key = std::fs::read_dir(team.carol.path(".docker/trust/private")).expect("keys").next();
        let path = key.expect("a key").expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        team.owner.write(&format!(".docker/trust/private/{name}"), std::fs::read(&path).expect("a key"));
        let removed = team.owner.run(&remove).expect_success();
        assert_eq!(
            removed.stdout,
            format!("Removing signer \"bob\" from {0}...\nSuccessfully removed bob from {0}\n\n", team.gun)
        );
        assert!(team.pulled(&server, "v1").is_some(), "it is still released");
        assert_eq!(team.signers(&server, "v1"), ["Repo Admin"]);
        let late = team.bob.run(&["trust", "sign", &team.tag("v1")]).expect_code(1);
        assert!(late.stderr.contains("no private key that may sign"), "{}", late.transcript());
        // The last signer goes with a yes, and then nothing is pulled.
        std::fs::remove_file(team.owner.path(&format!(".docker/trust/private/{name}")))
            .expect("it was there");
        let last = ["trust", "signer", "remove", "carol", &team.gun];
        team.owner.program(&last).stdin("y\n").run().expect_success();
        assert_eq!(team.pulled(&server, "v1"), None);
    }
}

#[test]
fn forced_removal_asks_nothing() {
    for server in Server::both() {
        let team = Team::of(&server);
        team.add("bob");
        team.push(&team.bob, "v1", "one");
        team.owner.run(&["trust", "signer", "remove", "--force", "bob", &team.gun]).expect_success();
        assert_eq!(team.pulled(&server, "v1"), None);
        let list = server.person().run(&["trust", "inspect", &team.gun]).expect_success();
        assert!(list.stdout.contains("\"Signers\": []"), "{}", list.stdout);
    }
}

#[test]
fn revoked_tag_does_not_come_back_with_an_older_meaning() {
    for server in Server::both() {
        let team = Team::of(&server);
        team.push(&team.owner, "v1", "old");
        team.add("bob");
        let new = team.push(&team.bob, "v1", "new");
        let refused = team.bob.run(&["trust", "revoke", &team.tag("v1")]).expect_code(1);
        assert!(refused.stderr.contains("would go on meaning what that says"), "{}", refused.transcript());
        assert_eq!(team.pulled(&server, "v1"), Some(digest(&new)));
        let key = std::fs::read_dir(team.bob.path(".docker/trust/private")).expect("keys").next();
        let path = key.expect("a key").expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        team.owner.write(&format!(".docker/trust/private/{name}"), std::fs::read(&path).expect("a key"));
        team.owner.run(&["trust", "revoke", &team.tag("v1")]).expect_success();
        assert_eq!(team.pulled(&server, "v1"), None);
    }
}

#[test]
fn cancelled_revocation_changes_nothing_and_is_no_success() {
    let server = Server::both().remove(0);
    let team = Team::of(&server);
    let image = team.push(&team.owner, "v1", "one");
    for answer in ["n\n", "", "\n", "yes\n"] {
        let output = team.owner.program(&["trust", "revoke", &team.gun]).stdin(answer).run().expect_code(1);
        assert!(
            output.stderr.contains("Confirm you would like to delete all signature data"),
            "{}",
            output.transcript()
        );
    }
    assert_eq!(team.pulled(&server, "v1"), Some(digest(&image)));
    team.owner.program(&["trust", "revoke", &team.gun]).stdin("Y\n").run().expect_success();
    assert_eq!(team.pulled(&server, "v1"), None);
}

#[test]
fn sign_begins_a_repository_with_its_signer() {
    for server in Server::both() {
        let team = Team::of(&server);
        let missing = team.owner.run(&["trust", "sign", &team.tag("v1")]).expect_code(1);
        assert!(missing.stderr.contains("v1"), "{}", missing.transcript());
        let image = team.owner.load(&team.tag("v1"), "one");
        let nobody = team.owner.run(&["trust", "sign", &team.tag("v1")]).expect_code(1);
        assert!(nobody.stderr.contains("`--signer NAME`"), "{}", nobody.transcript());
        let signed =
            team.owner.run(&["trust", "sign", "--signer", "alice", &team.tag("v1")]).expect_success();
        let begin = format!(
            "Created signer: alice\nFinished initializing signed repository for {}\n",
            team.tag("v1")
        );
        assert!(signed.stdout.starts_with(&begin), "{}", signed.transcript());
        assert!(signed.stdout.ends_with(&format!("Successfully signed {}\n", team.tag("v1"))));
        assert_eq!(
            (team.signers(&server, "v1"), team.pulled(&server, "v1")),
            (vec!["alice".to_owned()], Some(digest(&image)))
        );
        // What the tag means is signed again, unless the local image is wanted.
        let other = team.owner.load(&team.tag("v1"), "another one");
        team.owner.run(&["trust", "sign", &team.tag("v1")]).expect_success();
        assert_eq!(team.pulled(&server, "v1"), Some(digest(&image)));
        team.owner.run(&["trust", "sign", "--local", &team.tag("v1")]).expect_success();
        assert_eq!(team.pulled(&server, "v1"), Some(digest(&other)));
        if docker_is_here() {
            let theirs =
                docker(&server.person(), &["trust", "inspect", &team.tag("v1")]).run().expect_success();
            let ours = server.person().run(&["trust", "inspect", &team.tag("v1")]).expect_success();
            assert_eq!(ours.stdout, theirs.stdout);
        }
    }
}

#[test]
fn tag_of_the_registry_is_signed_once_somebody_has_looked_at_it() {
    for server in Server::both() {
        let team = Team::of(&server);
        let image = Image::of_text("pushed by somebody else").expect("an image");
        team.registry().put_image("team/app", "v1", &image);
        let sign = ["trust", "sign", "--from-registry", "--signer", "alice", &team.tag("v1")];
        let seen = team.owner.program(&sign).stdin("n\n").run().expect_code(1);
        assert!(seen.stderr.contains(&image.digest().to_string()), "{}", seen.transcript());
        assert!(seen.stderr.contains("linux/"), "the platform is shown: {}", seen.transcript());
        assert_eq!(team.pulled(&server, "v1"), None);
        team.owner.program(&sign).stdin("y\n").run().expect_success();
        assert_eq!(team.pulled(&server, "v1"), Some(digest(&image)));
        let other = Image::of_text("pushed later").expect("an image");
        team.registry().put_image("team/app", "v1", &other);
        let again = ["trust", "sign", "--from-registry", "--yes", &team.tag("v1")];
        let changed = team.owner.run(&again).expect_success();
        assert!(
            changed.stderr.contains(&format!("signed as  {} so far", image.digest())),
            "{}",
            changed.transcript()
        );
        assert_eq!(team.pulled(&server, "v1"), Some(digest(&other)));
    }
}

#[test]
fn encrypted_keys_are_really_loaded() {
    let world = {
        let mut world = World::new();
        world.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", PASSPHRASE);
        world
    };
    let openssl = |args: &[&str]| {
        Invocation::of("openssl").dir(world.path("")).args(args).run().expect_success();
    };
    openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "a.pem"]);
    openssl(&[
        "pkcs8",
        "-topk8",
        "-in",
        "a.pem",
        "-v2",
        "aes-256-cbc",
        "-passout",
        "pass:open sesame",
        "-out",
        "p8.pem",
    ]);
    openssl(&["ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "b.pem"]);
    openssl(&["ec", "-in", "b.pem", "-aes256", "-passout", "pass:open sesame", "-out", "old.pem"]);
    for (file, name) in [("p8.pem", "first"), ("old.pem", "second")] {
        let path = world.path(file);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, mode).expect("a mode");
        let load = ["trust", "key", "load", file, "--name", name];
        let wrong = world.program(&load).stdin("a\nb\nc\nd\n").run().expect_code(1);
        assert!(wrong.stderr.contains("password invalid"), "{}", wrong.transcript());
        world.program(&load).run().expect_code(1);
        assert!(!listed(&world).contains(name), "nothing was stored");
        let right = world.program(&load).stdin("wrong\nopen sesame\n").run().expect_success();
        assert!(
            right.stdout.ends_with(&format!("Successfully imported key from {file}\n")),
            "{}",
            right.transcript()
        );
        assert!(listed(&world).contains(name), "it is stored");
        let again = world.program(&load).stdin("open sesame\n").run().expect_success();
        assert!(again.stderr.contains("was here already"), "{}", again.transcript());
        let renamed = ["trust", "key", "load", file, "--name", &format!("{name}-of-team")];
        world.program(&renamed).stdin("open sesame\n").run().expect_success();
        assert!(listed(&world).contains(&format!("{name}-of-team")), "it has another name");
    }
    assert!(!is_in_any_file(&world.path(".docker/trust/private"), "BEGIN EC PRIVATE KEY"));
}

fn listed(world: &World) -> String {
    world.run(&["key", "list"]).expect_success().stdout
}

fn is_in_any_file(dir: &Path, text: &str) -> bool {
    let files = std::fs::read_dir(dir).expect("a directory");
    files.into_iter().any(|file| {
        let content = std::fs::read(file.expect("an entry").path()).expect("a file");
        String::from_utf8_lossy(&content).contains(text)
    })
}

#[test]
fn signer_of_a_repository_that_was_never_signed_is_removed() {
    for server in Server::both() {
        let team = Team::of(&server);
        team.add("bob");
        let remove = ["trust", "signer", "remove", "bob", &team.gun];
        team.owner.run(&remove).expect_success();
        let gone = team.owner.run(&remove).expect_code(1);
        assert!(gone.stderr.contains("no signer bob for repository"), "{}", gone.transcript());
    }
}

#[test]
fn names_of_roles_are_no_names_of_signers_keys() {
    let world = World::new();
    for name in ["root", "targets", "snapshot", "timestamp", "releases"] {
        let refused = world.run(&["trust", "key", "generate", name]).expect_code(2);
        assert!(refused.stderr.contains("is a reserved keyword"), "{}", refused.transcript());
        assert!(!world.path(&format!("{name}.pub")).exists());
    }
}

#[test]
fn root_key_of_a_new_repository_can_be_chosen_and_is_named() {
    let server = Server::both().remove(0);
    let team = Team::of(&server);
    let made = [(); 2].map(|()| {
        let output = team.owner.run(&["key", "generate", "-q"]).expect_success();
        output.stdout.trim().to_owned()
    });
    let chosen = made.iter().max().expect("two");
    let add = ["trust", "signer", "add", "--root-key", chosen, "--key", "bob.pub", "bob", &team.gun];
    let added = team.owner.run(&add).expect_success();
    assert!(added.stderr.contains(&format!("Its root key is {chosen}")), "{}", added.transcript());
}

#[test]
fn several_repositories_are_done_although_one_fails() {
    let server = Server::both().remove(0);
    let team = Team::of(&server);
    let other = format!("{}-other", team.gun);
    let add = ["trust", "signer", "add", "--key", "bob.pub", "bob", &team.gun, "Not/A/Name", &other];
    let output = team.owner.run(&add).expect_code(2);
    assert!(output.stderr.contains("failed to add signer to: Not/A/Name"), "{}", output.transcript());
    assert!(output.stdout.contains(&format!("Successfully added signer: bob to {other}")));
}
