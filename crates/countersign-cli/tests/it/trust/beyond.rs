//! What Docker has not: adopting, looking before a publication, and what a tag meant over time.

use countersign_testkit::image::Image;
use countersign_testkit::peers::{NotaryClient, PASSPHRASE as THEIRS, present_or_skip};
use serde_json::Value;

use super::stage::Server;
use super::team::{Team, digest};

#[test]
fn history_of_a_tag_is_told_with_those_who_signed() {
    for server in Server::both() {
        let team = Team::of(&server);
        let first = team.push(&team.owner, "v1", "first");
        team.push(&team.owner, "other", "something else");
        team.add("bob");
        let second = team.push(&team.bob, "v1", "second");
        team.bob.run(&["trust", "revoke", "-y", &team.tag("none")]).expect_code(3);
        let output = server.person().run(&["trust", "history", "--json", &team.tag("v1")]).expect_success();
        let events: Vec<Value> =
            output.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let told: Vec<_> = events
            .iter()
            .map(|event| {
                (event["role"].as_str().expect("a role"), event["digest"].as_str().unwrap_or("revoked"))
            })
            .collect();
        let (first, second) = (digest(&first), digest(&second));
        assert_eq!(
            told,
            [("targets", first.as_str()), ("targets/bob", &second), ("targets/releases", &second)]
        );
        assert!(events.iter().all(|event| event["signers"].as_array().is_some_and(|keys| keys.len() == 1)));
        let table = server.person().run(&["trust", "history", &team.tag("v1")]).expect_success();
        assert!(table.stdout.contains("bob ("), "{}", table.stdout);
        let all = server.person().run(&["trust", "history", &team.gun]).expect_success();
        assert!(all.stdout.contains("other"), "{}", all.stdout);
        server.person().run(&["trust", "history", &team.tag("never")]).expect_code(3);
        server.person().run(&["trust", "history", &format!("{}-not-there", team.gun)]).expect_code(3);
    }
}

#[test]
fn revocation_is_part_of_the_history() {
    let server = Server::both().remove(0);
    let team = Team::of(&server);
    team.push(&team.owner, "v1", "first");
    team.owner.run(&["trust", "revoke", &team.tag("v1")]).expect_success();
    let output = server.person().run(&["trust", "history", &team.tag("v1")]).expect_success();
    let last = output.stdout.lines().last().expect("a row");
    assert!(last.contains("revoked") && last.contains("targets"), "{}", output.stdout);
}

#[test]
fn diff_shows_what_staged_changes_would_change_and_signs_nothing() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    for server in Server::both() {
        let team = Team::of(&server);
        let before = team.push(&team.owner, "v1", "one");
        let nothing = team.owner.run(&["trust", "diff", &team.gun]).expect_success();
        assert_eq!(nothing.stdout, format!("Nothing is staged for {}\n", team.gun));
        let notary =
            NotaryClient::with_trust_dir(&team.owner.path(".docker/trust"), server.url(), server.ca_file());
        let (old, new) = ("1".repeat(64), "2".repeat(64));
        for args in [
            &["addhash", &team.gun, "v2", "6", "--sha256", &old][..],
            &["addhash", &team.gun, "v1", "6", "--sha256", &new],
            &[
                "delegation",
                "add",
                &team.gun,
                "targets/releases",
                &team.owner.path("bob.crt").display().to_string(),
                "--all-paths",
            ],
        ] {
            if args[0] == "delegation" {
                let authority = countersign_lab::tls::Authority::new().expect("an authority");
                let identity = authority.issue(&["bob"]).expect("a certificate");
                team.owner.write("bob.crt", identity.chain_pem());
            }
            notary.invocation(args).env("NOTARY_TARGETS_PASSPHRASE", THEIRS).run().expect_success();
        }
        // Notary stages a delegation in two changes. Nobody can be asked here: no passphrase is wanted.
        let mut silent = server.person();
        silent.set("DOCKER_CONFIG", &team.owner.path(".docker").display().to_string());
        let output = silent.run(&["trust", "diff", &team.gun]).expect_success();
        for line in [
            format!("4 staged changes of {}\n", team.gun),
            format!("  + v2 = sha256:{old}, 6 bytes  in targets\n"),
            format!("  ~ v1 = sha256:{new} (was {}), 6 bytes (was ", before.digest()),
            "  + targets/releases by 1 of ".to_owned(),
            "To be signed:\n".to_owned(),
            "which is here\n".to_owned(),
        ] {
            assert!(output.stdout.contains(&line), "{line} is not in {}", output.stdout);
        }
        let json = silent.run(&["trust", "diff", "--json", &team.gun]).expect_success();
        let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
        assert_eq!((json["staged"].as_u64(), json["tags"].as_array().map(Vec::len)), (Some(4), Some(2)));
        assert_eq!(team.pulled(&server, "v1"), Some(digest(&before)), "nothing was published");
    }
}

#[test]
fn upstream_image_is_adopted_once_it_was_looked_at() {
    for server in Server::both() {
        let team = Team::of(&server);
        let upstream = Image::of_text("somebody else's").expect("an image");
        team.registry().put_image("upstream/app", "3", &upstream);
        let from = format!("{}/upstream/app:3", team.registry().host());
        let adopt = ["trust", "adopt", &team.tag("3"), "--from", &from];
        let missing = team.owner.run(&[&adopt[..], &["--yes"]].concat()).expect_code(1);
        assert!(
            missing.stderr.contains("where it would be pulled from; nothing was signed"),
            "{}",
            missing.transcript()
        );
        assert!(missing.stderr.contains("hint: copy it to"), "{}", missing.transcript());
        team.registry().put_image("team/app", "whatever", &upstream);
        team.owner.program(&adopt).stdin("n\n").run().expect_code(1);
        assert_eq!(team.pulled(&server, "3"), None);
        let adopted = team.owner.program(&adopt).stdin("y\n").run().expect_success();
        assert!(adopted.stderr.contains("Nobody has signed"), "{}", adopted.transcript());
        assert_eq!(team.pulled(&server, "3"), Some(digest(&upstream)));

        // Under its own name, and what the tag means there later changes nothing.
        let other = team.registry().host().clone();
        let own = format!("{other}/upstream/app:3");
        team.owner.run(&["trust", "adopt", "--yes", &own]).expect_success();
        let later = Image::of_text("somebody else's, later").expect("an image");
        team.registry().put_image("upstream/app", "3", &later);
        let pulled = server.person().run(&["pull", &own]).expect_success();
        assert!(pulled.stdout.contains(&digest(&upstream)), "{}", pulled.transcript());
        // What the upstream signed is held against what its registry has.
        let refused = team.owner.run(&[&adopt[..], &["--yes"]].concat()).expect_code(3);
        assert!(refused.stderr.contains("is signed as"), "{}", refused.transcript());
    }
}
