//! One script, once with Debian's `notary` and once with ours: the same words and the same ends.

use countersign_testkit::peers::present_or_skip;

use super::script::both;
use super::stage::{Desk, Make, Server};

/// Every command with `--help`.
const COMMANDS: [&str; 26] = [
    "",
    "add",
    "addhash",
    "delegation",
    "delegation add",
    "delegation list",
    "delegation purge",
    "delegation remove",
    "delete",
    "init",
    "key",
    "key export",
    "key generate",
    "key import",
    "key list",
    "key passwd",
    "key remove",
    "key rotate",
    "list",
    "lookup",
    "publish",
    "remove",
    "reset",
    "status",
    "verify",
    "witness",
];

/// What the SHA-256 of `hello\n` is.
const HELLO: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

#[test]
fn help_is_the_same_to_the_letter() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    let config = serde_json::json!({});
    let [theirs, ours] = [Make::Debian, Make::Ours].map(|make| Desk::with(&config, make));
    for command in COMMANDS {
        let mut words: Vec<_> = command.split(' ').filter(|word| !word.is_empty()).collect();
        words.push("--help");
        let [theirs, ours] = [&theirs, &ours].map(|desk| desk.run(&words).expect_success().stdout);
        // Scripts for completion are what our own program generates.
        let theirs: String =
            theirs.split_inclusive('\n').filter(|line| !line.starts_with("  completion ")).collect();
        assert_eq!(ours, theirs, "{command}");
    }
}

#[test]
fn wrong_calls_end_the_same() {
    both(
        |_| {},
        "bogus
         key
         key bogus
         help key list
         --foo
         add -Z
         add --roles
         reset g -n x
         add g v --publish=maybe
         -c nofile.json list g
         add
         add g
         addhash g t 5
         remove g
         lookup
         verify g
         init
         list
         publish
         status
         reset
         reset g
         delete
         witness g
         delegation list
         delegation add g targets/x
         delegation remove g
         delegation purge
         delegation purge g
         key list extra
         key generate rsa
         key generate ecdsa extra
         key rotate g
         key rotate g targets/x
         key rotate g timestamp
         key rotate g targets -r
         key import
         key import nofile
         key export --gun g --key abc
         key remove
         key remove 0000
         key passwd
         key passwd 0000",
    );
}

#[test]
fn targets_are_staged_published_and_read_the_same() {
    both(
        |desk| desk.write("note.json", "{\"a\":1,\"b\":[\"x\"]}"),
        &"list GUN
         init GUN
         status GUN
         add GUN v1 f
         add GUN noted f --custom note.json
         addhash GUN v2 6 --sha256 HELLO
         addhash --sha256=HELLO GUN v3 0x06 -p
         status GUN
         publish GUN
         list GUN
         lookup GUN v1
         lookup GUN nope
         verify GUN v1 -i f
         verify GUN v1 -i f -q
         verify GUN v1 -i f -o out
         verify GUN v1 <<< hello
         verify GUN v1 <<< other
         verify GUN nope -i f
         verify GUN v1 -i nofile
         remove GUN v1
         remove GUN zz
         status GUN
         reset GUN -n 1,7
         status GUN
         publish GUN
         list GUN
         add GUN v4 f -p
         add GUN v5 nofile
         add GUN v5 f --custom nofile
         add GUN v5 f -r targets/Bad
         add GUN v5 f -r snapshot
         addhash GUN v5 abc --sha256 00
         addhash GUN v5 5 --sha256 00
         add GUN v6 f -r targets/nope -p
         reset GUN --all
         witness GUN targets targets/x
         publish GUN
         reset GUN --all
         witness GUN targets -p
         list GUN
         delete GUN
         list GUN
         delete GUN --remote
         list GUN"
            .replace("HELLO", HELLO),
    );
}

#[test]
fn delegations_are_kept_the_same() {
    let certificates = |desk: &Desk| {
        for name in ["one", "two"] {
            // An authority's certificate, too, is taken for a delegation's.
            let make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$0 -days 900 \
                        -keyout $0.key -out $0.crt && openssl pkey -in $0.key -pubout -out $0.pub";
            let run = countersign_testkit::command::Invocation::of("sh").args(["-c", make, name]);
            run.dir(desk.path("")).run().expect_success();
        }
    };
    both(
        certificates,
        "init GUN -p
         delegation list GUN
         delegation add GUN targets/rel one.crt --all-paths
         delegation add GUN targets/two one.crt two.crt --paths a/,b
         delegation add GUN targets/rel --paths x,y
         delegation add GUN targets/bare two.pub
         delegation add GUN targets/Bad one.crt --all-paths
         delegation add GUN targets one.crt
         delegation add GUN targets/rel nofile
         delegation add GUN targets/rel f
         delegation add GUN targets/rel one.key
         status GUN
         publish GUN
         delegation list GUN
         delegation remove GUN targets/two --paths b
         delegation remove GUN targets/rel --all-paths
         delegation remove GUN targets/bare
         delegation remove GUN targets/bare -y
         delegation remove GUN targets/rel <<< no
         publish GUN
         delegation list GUN
         key import one.key -r targets/two
         add GUN a/1 f -r targets/two -p
         list GUN
         list GUN -r targets/two
         list GUN -r targets/none
         lookup GUN a/1
         add GUN c f -r targets/two -p
         reset GUN --all
         delegation remove GUN targets/rel -y -p
         delegation list GUN",
    );
}

#[test]
fn keys_are_listed_rotated_moved_and_removed_the_same() {
    both(
        |desk| {
            let make = "openssl ecparam -name prime256v1 -genkey -noout -out plain.pem";
            countersign_testkit::command::Invocation::of("sh")
                .args(["-c", make])
                .dir(desk.path(""))
                .run()
                .expect_success();
        },
        "key list
         key generate ecdsa
         key generate ecdsa -r targets/x
         key generate -o made -r bob
         init GUN -p
         key list
         key rotate GUN targets
         key rotate GUN snapshot
         key rotate GUN snapshot -r
         key rotate GUN timestamp -r
         key rotate GUN root <<< no
         key rotate GUN root <<< yes
         key list
         key rotate GUN targets -k plain.pem
         key rotate GUN targets -k nofile
         key rotate GUN targets -k f
         key list
         add GUN v1 f -p
         list GUN
         key export --gun GUN -o exported.pem
         key export --gun nope
         key import exported.pem
         key import made-key.pem -r targets
         key list",
    );
}

#[test]
fn keys_go_from_one_program_to_the_other() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    for server in Server::both() {
        for (from, to) in [(Make::Debian, Make::Ours), (Make::Ours, Make::Debian)] {
            let (alice, bob) = (Desk::at(&server, from), Desk::at(&server, to));
            let gun = if from == Make::Ours { "ours/keys" } else { "theirs/keys" };
            alice.write("f", "hello\n");
            alice.run(&["init", gun, "-p"]).expect_success();
            alice.run(&["key", "export", "-o", "all.pem"]).expect_success();
            let exported = std::fs::read_to_string(alice.path("all.pem")).expect("exported");
            bob.write("all.pem", &exported);
            bob.write("f", "hello\n");
            bob.run(&["key", "import", "all.pem"]).expect_success();
            bob.run(&["add", gun, "v1", "f", "-p"]).expect_success();
            alice.run(&["add", gun, "v2", "f", "-p"]).expect_success();
            for desk in [&alice, &bob] {
                let listed = desk.run(&["list", gun]).expect_success().stdout;
                assert!(listed.contains("v1 ") && listed.contains("v2 "), "{listed}");
                let removed = desk.notary(&["key", "remove", &desk.key("root")]).stdin("yes\n").run();
                assert!(removed.expect_success().stdout.contains("Deleted "));
            }
        }
    }
}
