//! A repository whose released tags have no signature that counts, because their signer was removed.

use super::stage::{Server, docker, docker_is_here};
use super::team::{Team, digest};

const RELEASES: &str = "targets/releases";

fn without_bob(server: &Server) -> (Team, String) {
    let team = Team::of(server);
    team.add("bob");
    team.add("carol");
    let image = team.push(&team.bob, "v1", "one");
    team.owner.run(&["trust", "signer", "remove", "--force", "bob", &team.gun]).expect_success();
    assert_eq!(team.pulled(server, "v1"), None);
    (team, digest(&image))
}

#[test]
fn what_a_removed_signer_released_is_looked_at_and_signed_again() {
    for server in Server::both() {
        let (team, bobs) = without_bob(&server);
        team.carol.load(&team.tag("v2"), "two");
        let stuck = team.carol.run(&["push", "--engine", "local", &team.tag("v2")]).expect_code(1);
        assert!(stuck.stderr.contains("would lose what it says"), "{}", stuck.transcript());
        let hint = format!("`countersign repo witness GUN {RELEASES}`");
        assert!(stuck.stderr.contains(&hint), "{}", stuck.transcript());

        let witness = ["repo", "witness", &team.gun, RELEASES];
        let kept = team.carol.program(&witness).stdin("n\n").run().expect_code(1);
        let lines = kept.stdout.lines().collect::<Vec<_>>();
        assert!(
            lines.iter().any(|line| line.starts_with(&format!("  + v1 = {bobs}, "))),
            "{}",
            kept.transcript()
        );
        assert!(
            lines.iter().any(|line| line.starts_with(&format!("  {RELEASES} version 1, until "))),
            "{}",
            kept.transcript()
        );
        assert!(kept.stderr.contains("it was never trusted here"), "{}", kept.transcript());
        assert!(kept.stderr.contains("Sign all of this? [y/N]"), "{}", kept.transcript());
        assert_eq!(team.pulled(&server, "v1"), None);
        let owner = team.owner.program(&witness).stdin("y\n").run().expect_code(1);
        assert!(owner.stderr.contains("the last that was trusted here, by keys"), "{}", owner.transcript());
        assert_eq!(team.pulled(&server, "v1"), None, "the owner has no key for it");

        let signed = team.carol.program(&witness).stdin("y\n").run().expect_success();
        assert!(signed.stdout.ends_with(&format!("Signed {RELEASES} of {} again\n", team.gun)));
        assert_eq!(team.pulled(&server, "v1"), Some(bobs.clone()));
        if docker_is_here() {
            let seen = docker(&server.person(), &["trust", "inspect", &team.tag("v1")]).run();
            let hex = bobs.trim_start_matches("sha256:");
            assert!(seen.expect_success().stdout.contains(hex));
        }
        let nothing = team.carol.run(&witness).expect_success();
        assert!(nothing.stdout.contains("lacks no signature"), "{}", nothing.transcript());
        let image = team.push(&team.carol, "v2", "two");
        assert_eq!(team.pulled(&server, "v2"), Some(digest(&image)));
        assert_eq!(team.pulled(&server, "v1"), Some(bobs));
    }
}

#[test]
fn what_a_stolen_key_released_is_left_behind() {
    for server in Server::both() {
        let (team, _) = without_bob(&server);
        let witness = ["repo", "witness", "--empty", "--yes", &team.gun, RELEASES];
        team.carol.run(&witness).expect_success();
        assert_eq!(team.pulled(&server, "v1"), None);
        let image = team.push(&team.carol, "v2", "two");
        assert_eq!(team.pulled(&server, "v2"), Some(digest(&image)));
        assert_eq!(team.pulled(&server, "v1"), None);
        let other = ["repo", "witness", &team.gun, "targets/nobody"];
        team.carol.run(&other).expect_code(1);
    }
}
