//! Keys in tokens, with `SoftHSM` in the place of hardware.

use std::fs;

use countersign_testkit::command::Invocation;
use countersign_testkit::peers::SoftHsm;
use countersign_testkit::terminal::Terminal;

use super::files::ids;
use crate::world::{PASSPHRASE, Site, World};

const PIN: &str = "COUNTERSIGN_PKCS11_PIN";

/// Lets somebody use tokens, with the PIN in a variable.
fn with_tokens(world: &mut World, hsm: &SoftHsm) {
    world.set("COUNTERSIGN_PKCS11_MODULE", hsm.module().to_str().expect("UTF-8"));
    world.set("SOFTHSM2_CONF", hsm.config().to_str().expect("UTF-8"));
    world.set(PIN, SoftHsm::PIN);
}

fn person(hsm: &SoftHsm) -> World {
    let mut world = World::new();
    for name in ["ROOT", "REPOSITORY"] {
        world.set(&format!("DOCKER_CONTENT_TRUST_{name}_PASSPHRASE"), PASSPHRASE);
    }
    with_tokens(&mut world, hsm);
    world
}

/// The one id that a run printed.
fn id_of(stdout: &str) -> String {
    let id = stdout.split_whitespace().find(|word| word.len() == 64).expect("an id");
    id.to_owned()
}

#[test]
fn root_key_is_made_in_a_token_and_signs_a_collection_there() {
    let Some(hsm) = SoftHsm::new_or_skip() else { return };
    hsm.add_token("release");
    let site = Site::start();
    let mut publisher = site.publisher();
    with_tokens(&mut publisher, &hsm);
    let made = publisher.run(&["key", "generate", "--token", "release"]).expect_success();
    let id = id_of(&made.stdout);
    assert!(!publisher.path(format!(".docker/trust/private/{id}.key").as_str()).exists());
    site.publish(&publisher, "team/app:1", "one");
    let roots = publisher.run(&["key", "list", "--json"]).expect_success().stdout;
    let roots: Vec<&str> = roots.lines().filter(|line| line.contains(r#""role":"root","uses""#)).collect();
    assert_eq!(roots.len(), 1, "no other root was made: {roots:?}");
    assert!(roots[0].contains(&id) && roots[0].contains("pkcs11:token=release;id=01"), "{}", roots[0]);
    assert!(roots[0].contains(r#""last_used":"20"#), "it was used: {}", roots[0]);
    assert!(roots[0].contains(r#""expires":"20"#), "{}", roots[0]);
    let long = publisher.run(&["key", "list", "--long"]).expect_success().stdout;
    let row = long.lines().find(|line| line.contains(&id)).expect("a row");
    assert!(row.contains("just now") && row.contains("team/app") && row.contains("pkcs11:"), "{row}");
    let consumer = site.person();
    consumer.run(&["pull", "--engine", "local", &site.image("team/app:1")]).expect_success();

    let doctor = publisher.run(&["doctor"]);
    assert!(doctor.stdout.contains("has 1 signing key, in release"), "{}", doctor.transcript());
    publisher.set("COUNTERSIGN_PKCS11_MODULE", "/nonexistent.so");
    let doctor = publisher.run(&["doctor"]).expect_code(1);
    assert!(doctor.stdout.contains("/nonexistent.so"), "{}", doctor.transcript());
    with_tokens(&mut publisher, &hsm);

    // Notary looks for a certificate with the role as its name, and a private key of the same identifier.
    let objects = hsm.pkcs11_tool(&["--list-objects"]).expect_success().stdout;
    for part in [
        "Certificate Object; type = X.509 cert",
        "subject:    DN: CN=root",
        "Private Key Object; EC",
        "Public Key Object; EC  EC_POINT 256 bits",
    ] {
        assert!(objects.contains(part), "{part}: {objects}");
    }
    assert!(objects.contains("never extractable"), "{objects}");
}

#[test]
fn key_goes_to_a_token_while_a_backup_keeps_its_copy() {
    let Some(hsm) = SoftHsm::new_or_skip() else { return };
    hsm.add_token("release");
    let world = person(&hsm);
    let id = id_of(&world.run(&["key", "generate"]).expect_success().stdout);
    world.run(&["key", "backup", "--tar", "keys.tar.gz"]).expect_success();
    let copied = world.run(&["key", "copy", &id, "--token", "release"]).expect_success();
    let again = world.run(&["key", "copy", &id, "--token", "release"]).expect_code(1);
    let removed = world.run(&["key", "remove", &id]).expect_success();
    let listed = world.run(&["key", "list"]).expect_success();
    world.assert_told("key_copy_to_a_token", &[&copied, &again, &removed, &listed]);
    assert_eq!(ids(&world), [id.as_str()]);

    fs::remove_file(world.path("keys.tar.gz")).expect("ours");
    let refused = world.run(&["key", "remove", &id, "--token", "release"]).expect_code(1).stderr;
    assert!(refused.contains("no other copy"), "{refused}");
    world.run(&["key", "remove", &id, "--token", "release", "--force"]).expect_success();
    assert!(ids(&world).is_empty());
    let objects = hsm.pkcs11_tool(&["--list-objects"]).expect_success().stdout;
    assert!(!objects.contains("Object;"), "{objects}");
}

#[test]
fn keys_of_other_tools_are_found_by_their_label() {
    let Some(hsm) = SoftHsm::new_or_skip() else { return };
    hsm.add_token("release");
    for (label, id, kind) in
        [("alice", "0a", "EC:prime256v1"), ("Machine", "0b", "EC:prime256v1"), ("bob", "0c", "rsa:2048")]
    {
        let args = ["--keypairgen", "--key-type", kind, "--id", id, "--label", label];
        hsm.pkcs11_tool(&args).expect_success();
    }
    let world = person(&hsm);
    let list = world.run(&["key", "list"]).expect_success().stdout;
    assert!(list.contains("alice") && list.contains("pkcs11:token=release;id=0a"), "{list}");
    assert!(
        !list.contains("Machine") && !list.contains("bob"),
        "names and kinds that are none of ours: {list}"
    );
}

#[test]
fn one_of_several_tokens_is_named() {
    let Some(hsm) = SoftHsm::new_or_skip() else { return };
    for label in ["one", "two", "same", "same"] {
        hsm.add_token(label);
    }
    let world = person(&hsm);
    let tokens = world.run(&["key", "tokens", "--json"]).expect_success().stdout;
    assert_eq!(tokens.lines().count(), 4, "{tokens}");
    let serial = tokens.lines().find(|line| line.contains("same")).expect("a token");
    let serial: serde_json::Value = serde_json::from_str(serial).expect("JSON");
    let serial = format!("serial:{}", serial["serial"].as_str().expect("a number"));
    for name in ["two", &serial] {
        world.run(&["key", "generate", "--role", "alice", "--token", name]).expect_success();
    }
    assert_eq!(ids(&world).len(), 2);
    for (name, said) in
        [("same", "2 tokens are called `same`"), ("three", "no token `three` is in any reader")]
    {
        let output = world.run(&["key", "generate", "--token", name]).expect_code(1);
        assert!(output.stderr.contains(said), "{}", output.stderr);
    }
    let only = world.program(&["-q", "key", "list"]).env("COUNTERSIGN_PKCS11_TOKEN", "two").run();
    assert_eq!(only.expect_success().stdout.lines().count(), 1);
}

#[test]
fn pin_is_asked_for_and_wrong_ones_end_before_the_token_locks() {
    let Some(hsm) = SoftHsm::new_or_skip() else { return };
    hsm.add_token("release");
    let world = person(&hsm);
    let generate = world.program(&["key", "generate", "--token", "release"]).env(PIN, "");
    let mut terminal = Terminal::run(generate.clone());
    terminal.expect("Enter PIN for token release: ");
    terminal.answer_hidden("000000");
    terminal.expect("PIN incorrect. Please retry.");
    terminal.expect("Enter PIN for token release: ");
    terminal.answer_hidden(SoftHsm::PIN);
    let session = terminal.finish();
    assert_eq!(session.code, Some(0), "{}", session.screen);
    assert!(!session.screen.contains(SoftHsm::PIN));

    let wrong = generate.clone().stdin("000000\n".repeat(9)).run().expect_code(1).stderr;
    assert_eq!(wrong.matches("Enter PIN").count(), 3, "{wrong}");
    let ended = generate.clone().run().expect_code(1).stderr;
    assert!(ended.contains("the PIN of the token `release` could not be asked for"), "{ended}");
    let variable = generate.env(PIN, "000000").run().expect_code(1).stderr;
    assert!(variable.contains("`COUNTERSIGN_PKCS11_PIN` does not open `release`"), "{variable}");
    assert_eq!(ids(&world).len(), 1);
}

/// NCC 2015-6: a PIN on a command line is everybody's.
#[test]
fn pin_is_in_no_command_line_and_no_option_takes_one() {
    let Some(hsm) = SoftHsm::new_or_skip() else { return };
    hsm.add_token("release");
    let world = person(&hsm);
    let mut terminal = Terminal::run(world.program(&["key", "generate", "--token", "release"]).env(PIN, ""));
    terminal.expect("Enter PIN for token release: ");
    let waiting = command_lines(&hsm);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert!(waiting[0].ends_with("key generate --token release"), "{waiting:?}");
    terminal.answer_hidden(SoftHsm::PIN);
    assert_eq!(terminal.finish().code, Some(0));

    for verb in ["generate", "copy", "remove", "list", "tokens", "import", "passwd", "backup", "restore"] {
        let help = world.run(&["key", verb, "--help"]).expect_success().stdout;
        let options: Vec<&str> = help.split_whitespace().filter(|word| word.starts_with("--")).collect();
        let secret = |word: &&&str| ["pin", "passphrase", "password"].iter().any(|name| word.contains(name));
        assert_eq!(options.iter().find(secret), None, "key {verb}");
    }
}

/// The command lines of our program's processes that use these tokens.
fn command_lines(hsm: &SoftHsm) -> Vec<String> {
    let config = hsm.config();
    let config = config.to_str().expect("UTF-8");
    let mut lines = Vec::new();
    for process in fs::read_dir("/proc").expect("processes").flatten() {
        let read = |name: &str| fs::read(process.path().join(name)).unwrap_or_default();
        let (environment, line) = (read("environ"), read("cmdline"));
        let line = String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ");
        let is_ours = String::from_utf8_lossy(&environment).contains(config);
        if is_ours && line.starts_with(env!("CARGO_BIN_EXE_countersign")) {
            assert!(!line.contains(SoftHsm::PIN));
            lines.push(line);
        }
    }
    lines
}

#[test]
fn without_a_module_tokens_are_refused_and_everything_else_works() {
    let mut world = World::new();
    world.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", PASSPHRASE);
    let none = world.run(&["key", "generate", "--token", "x"]).expect_code(1).stderr;
    assert!(none.contains("no PKCS#11 module is named"), "{none}");
    world.run(&["key", "generate", "--role", "alice"]).expect_success();
    for module in ["/nonexistent.so", "/bin/true", "/etc/passwd"] {
        let list = world.program(&["key", "list"]).env("COUNTERSIGN_PKCS11_MODULE", module).run();
        let said = list.expect_code(1).stderr;
        assert!(said.contains(&format!("the PKCS#11 module `{module}` cannot be used")), "{said}");
    }
    world.run(&["key", "list"]).expect_success();
}

#[test]
fn token_that_is_pulled_out_half_way_publishes_nothing() {
    let Some(hsm) = SoftHsm::new_or_skip() else { return };
    hsm.add_token("release");
    let site = Site::start();
    let mut publisher = site.publisher();
    with_tokens(&mut publisher, &hsm);
    publisher.run(&["key", "generate", "--token", "release"]).expect_success();
    publisher.load(&site.image("team/app:1"), "one");
    // Gone between the look at the keys and the signature: while the PIN is asked for.
    let push = publisher.program(&["push", "--engine", "local", &site.image("team/app:1")]).env(PIN, "");
    let mut terminal = Terminal::run(push);
    terminal.expect("Enter PIN for token release: ");
    let away = hsm.tokens().with_extension("away");
    fs::rename(hsm.tokens(), &away).expect("ours");
    terminal.answer_hidden(SoftHsm::PIN);
    let session = terminal.finish();
    assert_eq!(session.code, Some(1), "{}", session.screen);
    assert!(session.screen.contains("the token `release` failed"), "{}", session.screen);
    let gone = site.person().run(&["pull", "--engine", "local", &site.image("team/app:1")]);
    assert_eq!(gone.code, Some(3), "nothing was published: {}", gone.transcript());

    fs::rename(&away, hsm.tokens()).expect("ours");
    publisher.run(&["push", "--engine", "local", &site.image("team/app:1")]).expect_success();
    site.person().run(&["pull", "--engine", "local", &site.image("team/app:1")]).expect_success();
}

#[test]
fn key_of_another_curve_is_not_copied() {
    let Some(hsm) = SoftHsm::new_or_skip() else { return };
    hsm.add_token("release");
    let world = person(&hsm);
    let openssl = "umask 077; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out key.pem";
    Invocation::of("sh").args(["-c", openssl]).dir(world.path("")).run().expect_success();
    world.run(&["key", "import", "--role", "alice", "key.pem"]).expect_success();
    let id = ids(&world).remove(0);
    let refused = world.run(&["key", "copy", &id, "--token", "release"]).expect_code(1).stderr;
    assert!(refused.contains("is no ECDSA key on P-256"), "{refused}");
    let objects = hsm.pkcs11_tool(&["--list-objects"]).expect_success().stdout;
    assert!(!objects.contains("Object;"), "{objects}");
}
