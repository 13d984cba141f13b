//! What a push asks at a terminal: Docker's words, and how often they come.

use countersign_testkit::peers::PASSPHRASE;
use countersign_testkit::terminal::{Session, Terminal};

use super::stage::{Person, Server, Shop, load};

const TEAM: &str = "team/app";

/// Docker's first push, from where it signs. `ROOT` and `KEY` are the first digits of key ids.
///
/// Source: reference behaviour 5.2, 8.3.
const FIRST_PUSH: &str = "\
Signing and pushing trust metadata
You are about to create a new root signing key passphrase. This passphrase
will be used to protect the most sensitive key in your signing system. Please
choose a long, complex passphrase and be careful to keep the password and the
key file itself secure and backed up. It is highly recommended that you use a
password manager to generate the passphrase and keep it safe. There will be no
way to recover this key. You can find the key in your config directory.
Enter passphrase for new root key with ID ROOT: 
Repeat passphrase for new root key with ID ROOT: 
Enter passphrase for new repository key with ID KEY: 
Repeat passphrase for new repository key with ID KEY: 
Finished initializing \"GUN\"
Successfully signed GUN:v1
";

/// The same with a root key that is there.
const SECOND_REPOSITORY: &str = "\
Signing and pushing trust metadata
Enter passphrase for root key with ID ROOT: 
Enter passphrase for new repository key with ID KEY: 
Repeat passphrase for new repository key with ID KEY: 
Finished initializing \"GUN\"
Successfully signed GUN:v1
";

const LATER_PUSH: &str = "\
Signing and pushing trust metadata
Enter passphrase for repository key with ID KEY: 
Successfully signed GUN:v2
";

const WRONG_EACH_TIME: &str = "\
Signing and pushing trust metadata
Enter passphrase for repository key with ID KEY: 
Passphrase incorrect. Please retry.
Enter passphrase for repository key with ID KEY: 
Passphrase incorrect. Please retry.
Enter passphrase for repository key with ID KEY: 
Passphrase incorrect. Please retry.
Enter passphrase for repository key with ID KEY: 
";

/// Somebody at a terminal, without passphrase variables.
struct Desk<'a> {
    person: &'a Person,
    gun: String,
}

impl Desk<'_> {
    /// Pushes a tag, answering each question for a passphrase with the next answer, if there are more.
    fn push(&self, tag: &str, answers: &[&str]) -> Session {
        let reference = format!("{}:{tag}", self.gun);
        load(self.person, &reference);
        let variables = ["ROOT", "REPOSITORY"].map(|kind| format!("DOCKER_CONTENT_TRUST_{kind}_PASSPHRASE"));
        let push = self.person.world().program(&["push", "--engine", "local", &reference]);
        // An empty variable counts as none.
        let push = variables.iter().fold(push, |push, variable| push.env(variable, ""));
        let mut terminal = Terminal::run(push);
        for answer in answers {
            terminal.expect(" with ID ");
            terminal.expect(": ");
            terminal.answer_hidden(answer);
        }
        terminal.finish()
    }

    /// Compares what was to be seen from the signing on with the first lines that are expected.
    #[track_caller]
    fn saw(&self, session: &Session, expected: &str) {
        let begin = session.screen.find("Signing and pushing").unwrap_or(0);
        let screen = &session.screen[begin..];
        let keys = self.person.files("private");
        let role_of = |id: &str| {
            let file = keys.iter().find(|(name, _)| name.to_string_lossy().starts_with(id));
            let (_, text) = file.expect("the key is kept");
            if String::from_utf8_lossy(text).contains("role: root") { "ROOT" } else { "KEY" }
        };
        let named = screen.lines().map(|line| match line.split_once(" with ID ") {
            Some((before, id)) if id.len() > 7 => {
                format!("{before} with ID {}{}\n", role_of(&id[..7]), &id[7..])
            }
            _ => format!("{}\n", line.replace(&self.gun, "GUN")),
        });
        let named: String = named.collect();
        assert!(named.starts_with(expected), "expected:\n{expected}\nfound:\n{named}");
    }
}

#[test]
fn push_asks_as_docker_does() {
    let Some(server) = Server::ours() else { return };
    let shop = Shop::open();
    let alice = Person::of(&server);
    let app = Desk { person: &alice, gun: shop.gun(TEAM) };
    let other = Desk { person: &alice, gun: shop.gun("team/other") };

    let first = app.push("v1", &[PASSPHRASE; 4]);
    assert_eq!(first.code, Some(0), "{}", first.screen);
    app.saw(&first, FIRST_PUSH);
    let later = app.push("v2", &[PASSPHRASE]);
    assert_eq!(later.code, Some(0), "{}", later.screen);
    app.saw(&later, LATER_PUSH);
    let second = other.push("v1", &[PASSPHRASE; 3]);
    assert_eq!(second.code, Some(0), "{}", second.screen);
    other.saw(&second, SECOND_REPOSITORY);

    // Both keys of the pair have one passphrase, which the other client takes, too.
    for gun in [&app.gun, &other.gun] {
        let file = alice.notary().config_file().display().to_string();
        alice.theirs(&["add", gun, "theirs", &file, "-p"]).expect_success();
    }
}

#[test]
fn wrong_passphrase_is_asked_for_again_and_at_last_given_up() {
    let Some(server) = Server::ours() else { return };
    let shop = Shop::open();
    let (alice, bob) = (Person::of(&server), Person::of(&server));
    let desk = Desk { person: &alice, gun: shop.gun(TEAM) };
    shop.push(&alice, TEAM, "v1");

    let third_time = desk.push("v2", &["wrong once", "wrong twice", PASSPHRASE]);
    assert_eq!(third_time.code, Some(0), "{}", third_time.screen);
    assert_eq!(third_time.screen.matches("Passphrase incorrect. Please retry.").count(), 2);
    let before = server.version(&desk.gun, "targets");
    let never = desk.push("v3", &["wrong"; 4]);
    assert_eq!(never.code, Some(1), "{}", never.screen);
    desk.saw(&never, WRONG_EACH_TIME);
    assert!(never.screen.contains("was pushed, and is not signed"), "{}", never.screen);
    assert!(!never.screen.contains("wrong\n"), "{}", never.screen);
    assert_eq!(server.version(&desk.gun, "targets"), before);
    assert_eq!(bob.both_list(&desk.gun), ["v1", "v2"]);
}
