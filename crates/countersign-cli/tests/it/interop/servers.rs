//! Trust servers that answer badly: it is said, counted as what it is, and nothing is lost or believed.

use bytes::Bytes;
use countersign_lab::fault::Fault;
use countersign_lab::proxy::{At, Proxy};
use countersign_testkit::command::Output;
use countersign_testkit::peers::present_or_skip;

use super::cache::behind_a_proxy;
use super::stage::{Person, Server, Shop, load};
use crate::world::block_on;

const TEAM: &str = "team/app";
const ROLES: [&str; 4] = ["root", "timestamp", "snapshot", "targets"];

/// A bad answer, the exit code that it leads to, and what is said of it.
fn bad_answers() -> [(Fault, i32, &'static str); 10] {
    let garbage = Bytes::from_static(br#"{"signed":{"_type":"Root"},"signatures":[]}"#);
    [
        (Fault::Html, 1, "it is a web page, not trust data"),
        (Fault::Redirect("https://127.0.0.1:1/".to_owned()), 1, "answered with status 307"),
        (Fault::Status(503), 1, "answered with status 503"),
        (Fault::Status(403), 1, "does not allow it (status 403)"),
        (Fault::Status(404), 1, "does not have it"),
        (Fault::Reset(10), 1, "ended the connection before its answer was complete"),
        (Fault::CutOff(10), 1, "ended the connection before its answer was complete"),
        (Fault::Endless, 1, "bytes that it may have"),
        (Fault::Instead(Bytes::from_static(b"\xff\xfe\x00\x01")), 1, "it is not trust data"),
        (Fault::Instead(garbage), 3, "caused by: "),
    ]
}

/// A collection behind a proxy.
struct Scene {
    server: Server,
    shop: Shop,
    publisher: Person,
    proxy: Proxy,
    reader: Person,
}

impl Scene {
    fn set() -> Option<Self> {
        let server = Server::debian()?;
        let (shop, publisher) = (Shop::open(), Person::of(&server));
        shop.add(&publisher, TEAM, "v1");
        let (proxy, reader) = behind_a_proxy(&server);
        Some(Self { server, shop, publisher, proxy, reader })
    }

    fn gun(&self) -> String {
        self.shop.gun(TEAM)
    }

    /// A new root, and a new tag: whoever saw the collection before needs every file anew.
    fn change_everything(&self) {
        let rotation = ["key", "rotate", &self.gun(), "targets"];
        self.publisher.theirs(&rotation).expect_success();
        self.shop.add(&self.publisher, TEAM, "v2");
    }

    fn looks_up(&self, tag: &str) -> Output {
        self.reader.ours(&["repo", "lookup", &self.gun(), tag])
    }

    /// Has each file answered badly in each way; `expected` may know better which exit code and words follow.
    fn is_refused(&self, expected: impl Fn(&str, &Fault, i32, &'static str) -> (i32, &'static str)) {
        let before = self.reader.state();
        for role in ROLES {
            for (fault, code, said) in bad_answers() {
                self.proxy.misbehave(At::Role(role.to_owned()), fault.clone());
                let output = self.looks_up("v1");
                let (code, said) = expected(role, &fault, code, said);
                let case = format!("{role} {fault:?}: {}", output.transcript());
                assert_eq!(output.code, Some(code), "{case}");
                assert!(output.stderr.contains(said), "no `{said}`: {case}");
                assert!(output.stderr.contains("hint: ") || code == 0, "{case}");
                assert_eq!(self.reader.state(), before, "{case}");
                self.proxy.forward();
            }
        }
        self.looks_up("v1").expect_success();
    }
}

#[test]
fn first_lookup_with_a_bad_answer_is_an_error_and_leaves_nothing() {
    let Some(scene) = Scene::set() else { return };
    scene.is_refused(|role, fault, code, said| match fault {
        Fault::Status(404) if role == "root" => (3, "no trust data available"),
        _ => (code, said),
    });
}

#[test]
fn later_lookup_with_a_bad_answer_is_an_error_and_changes_nothing() {
    let Some(scene) = Scene::set() else { return };
    scene.looks_up("v1").expect_success();
    scene.change_everything();
    let cached = "using the cached trust data";
    scene.is_refused(|role, fault, code, said| match fault {
        // The timestamp alone may be stood in for, and only when the server is out of order.
        Fault::Status(503) | Fault::Reset(_) | Fault::CutOff(_) if role == "timestamp" => (0, cached),
        // No newer root; and the one that is trusted does not go with the rest.
        Fault::Status(404) if role == "root" => (3, "caused by: "),
        _ => (code, said),
    });
    scene.looks_up("v2").expect_success();
}

#[test]
fn server_that_never_answers_is_given_up_on() {
    if !present_or_skip(&["faketime"]) {
        return;
    }
    let Some(scene) = Scene::set() else { return };
    let hang = |role: &str| {
        scene.proxy.misbehave(At::Role(role.to_owned()), Fault::Hang);
        let gun = scene.gun();
        let output = scene.reader.world().program(&["repo", "lookup", &gun, "v1"]).hurried(100).run();
        scene.proxy.forward();
        output
    };
    let before = scene.reader.state();
    for role in ROLES {
        let output = hang(role).expect_code(1);
        assert!(output.stderr.contains("did not answer within"), "{role}: {}", output.transcript());
        assert_eq!(scene.reader.state(), before, "{role}");
    }
    scene.looks_up("v1").expect_success();
    let cached = hang("timestamp").expect_success();
    assert!(cached.stderr.contains("using the cached trust data"), "{}", cached.transcript());
    scene.change_everything();
    let before = scene.reader.state();
    for role in ["snapshot", "targets"] {
        hang(role).expect_code(1);
        assert_eq!(scene.reader.state(), before, "{role}");
    }
    scene.looks_up("v2").expect_success();
}

#[test]
fn server_that_is_gone_is_stood_in_for_by_the_cache_of_either_client_while_that_is_fresh() {
    let Some(scene) = Scene::set() else { return };
    let gun = scene.gun();
    let neighbour = Person::of(&scene.server);
    neighbour.theirs(&["list", &gun]).expect_success();
    scene.looks_up("v1").expect_success();
    let Scene { server, proxy, reader, shop: _shop, publisher: _publisher } = scene;
    drop((server, proxy));
    let lookup = ["repo", "lookup", &gun, "v1"];
    for person in [&reader, &neighbour] {
        let output = person.ours(&lookup).expect_success();
        assert!(output.stderr.contains("using the cached trust data"), "{}", output.transcript());
        let late = person.world().program(&lookup).clock("+15 days").run().expect_code(1);
        assert!(late.stderr.contains("timestamp expired at"), "{}", late.transcript());
    }
}

#[test]
fn upload_with_a_bad_answer_is_an_error_and_can_be_made_again() {
    let Some(scene) = Scene::set() else { return };
    let gun = scene.gun();
    let (shop, publisher, proxy) = (&scene.shop, &scene.reader, &scene.proxy);
    publisher.take_keys_of(&scene.publisher);
    shop.push(publisher, TEAM, "v2");
    load(publisher, &format!("{gun}:v3"));
    let push = |gun: &str| publisher.ours(&["push", &format!("{gun}:v3")]);
    // One of which the first upload fails, and one that gets no key of the server.
    let [first, keyless] = ["team/first", "team/keyless"].map(|repository| shop.gun(repository));
    for gun in [&first, &keyless] {
        load(publisher, &format!("{gun}:v3"));
    }
    let keys = publisher.files("private");
    let version = scene.server.version(&gun, "targets");
    let faults = [
        (Fault::Html, "gave a bad answer"),
        (Fault::Redirect("https://127.0.0.1:1/".to_owned()), "status 307"),
        (Fault::Status(500), "status 500"),
        (Fault::Status(404), "caused by"),
        (Fault::Status(413), "status 413"),
        (Fault::Status(201), "status 201"),
    ];
    for (fault, said) in faults {
        for (gun, at) in [(&gun, At::Uploads), (&first, At::Uploads), (&keyless, At::Keys)] {
            proxy.misbehave(at.clone(), fault.clone());
            let output = push(gun);
            let case = format!("{at:?} {fault:?}: {}", output.transcript());
            assert_eq!(output.code, Some(1), "{case}");
            assert!(output.stderr.contains(said), "no `{said}`: {case}");
            assert!(
                output.stderr.contains("is not signed") || output.stderr.contains("not pushed"),
                "{case}"
            );
            assert_eq!(publisher.files(&format!("tuf/{gun}/changelist")).len(), 0, "{case}");
            proxy.forward();
        }
    }
    assert_eq!(scene.server.version(&gun, "targets"), version, "nothing came through");
    for gun in [&first, &keyless] {
        assert_eq!(scene.server.file(gun, "root.json").0, "404");
    }
    for gun in [&gun, &first, &keyless] {
        push(gun).expect_success();
        scene.publisher.theirs(&["lookup", gun, "v3"]).expect_success();
    }
    // One pair for each new collection, however often it was tried.
    assert_eq!(publisher.files("private").len(), keys.len() + 4);
}

/// An answer that breaks off says nothing of whether the upload was taken: the next push finds out.
#[test]
fn upload_whose_answer_is_lost_is_not_made_twice() {
    let Some(scene) = Scene::set() else { return };
    let gun = scene.gun();
    scene.reader.take_keys_of(&scene.publisher);
    scene.shop.push(&scene.reader, TEAM, "v2");
    load(&scene.reader, &format!("{gun}:v3"));
    scene.proxy.misbehave(At::Uploads, Fault::Reset(0));
    let lost = scene.reader.ours(&["push", &format!("{gun}:v3")]);
    scene.proxy.forward();
    let version = scene.server.version(&gun, "targets");
    let again = scene.reader.ours(&["push", &format!("{gun}:v3")]).expect_success();
    let said = format!("{}{}", lost.transcript(), again.transcript());
    assert_eq!(scene.server.version(&gun, "targets"), version, "{said}");
    assert!(again.stdout.contains("Already signed"), "{said}");
    scene.publisher.theirs(&["lookup", &gun, "v3"]).expect_success();
}

#[test]
fn upload_that_the_server_takes_and_does_not_show_is_told() {
    let Some(scene) = Scene::set() else { return };
    let gun = scene.gun();
    scene.reader.take_keys_of(&scene.publisher);
    scene.shop.push(&scene.reader, TEAM, "v2");
    load(&scene.reader, &format!("{gun}:v3"));
    block_on(scene.proxy.remember("before", &gun.parse().expect("a GUN"))).expect("it is there");
    scene.proxy.replay("before");
    let output = scene.reader.ours(&["push", &format!("{gun}:v3")]).expect_success();
    assert!(output.stderr.contains("the server does not show it yet"), "{}", output.transcript());
    scene.proxy.forward();
    scene.publisher.theirs(&["lookup", &gun, "v3"]).expect_success();
}
