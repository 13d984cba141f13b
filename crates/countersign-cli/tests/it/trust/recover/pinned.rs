//! A lost root key on a machine whose policy says which root keys count.

use super::lose;
use crate::trust::stage::Server;
use crate::trust::team::{Team, digest};

#[test]
fn lost_root_of_a_pinned_collection_is_refused_until_its_next_key_is_pinned() {
    let mut servers = Server::both().into_iter();
    let Some(server) = servers.next() else { return };
    let team = Team::of(&server);
    let first = team.push(&team.owner, "v0", "zero");
    let reader = server.person();
    reader.run(&["pull", &team.tag("v0")]).expect_success();
    let gun = team.gun.as_str();
    let pins = ".config/countersign/pins";
    let pin = team.owner.run(&["policy", "pin", gun]).expect_success().stdout;
    let key = team.owner.run(&["key", "generate", "-q"]).expect_success().stdout;
    let key = key.trim();
    let kept = team.owner.path(".docker/trust/private").join(format!("{key}.key"));
    let aside = team.owner.path("next.key");
    std::fs::rename(&kept, &aside).expect("a key");
    lose(&team.owner, "root");
    std::fs::rename(&aside, &kept).expect("kept");
    let made = ["repo", "recover", gun, "--lost-root", "--yes"];
    let named = ["repo", "recover", gun, "--lost-root", "--yes", "--root-key", key];
    let is_refused = |line: &[&str], by: &str| {
        let refused = team.owner.run(line).expect_code(1);
        assert!(refused.stderr.contains(by), "{}", refused.transcript());
        assert!(refused.stderr.contains("nothing was changed"), "{}", refused.transcript());
        assert!(refused.stderr.contains("hint: make the key first"), "{}", refused.transcript());
        let copy = team.owner.path(".docker/trust/tuf").join(gun).join("lost-root-1.tar");
        assert!(!copy.exists(), "{}", refused.transcript());
        let pulled = reader.run(&["pull", &team.tag("v0")]).expect_success();
        assert!(pulled.stdout.contains(&digest(&first)), "{}", pulled.transcript());
    };
    team.owner.write(".docker/trust/policy.toml", "[trust_pinning]\ndisable_tofu = true\n");
    is_refused(&made, "policy.toml, line 2), and nothing pins");
    is_refused(&named, "policy.toml, line 2), and nothing pins");
    team.owner.write(pins, &pin);
    is_refused(&made, "pins, line 1), and a key that is not");
    is_refused(&named, "pins, line 1), and a key that is not");
    team.owner.write(pins, format!("{pin}{gun} {key}\n"));
    is_refused(&made, "pins, line 1), and a key that is not");
    let anew = team.owner.run(&named).expect_success();
    assert!(anew.stdout.contains(key), "{}", anew.transcript());
    assert!(!anew.stderr.contains("not trusted here yet"), "{}", anew.transcript());
    // The line before goes, and the owner goes on.
    team.owner.write(pins, format!("{gun} {key}\n"));
    let next = team.push(&team.owner, "v1", "one");
    assert_eq!(team.pulled(&server, "v1"), Some(digest(&next)));
}
