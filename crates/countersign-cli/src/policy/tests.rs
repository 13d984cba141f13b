//! Policies read, merged and asked.

mod page;
mod properties;

use countersign_core::trust::PinRule;

use super::rules::Rules;
use super::*;

const ONE: &str = "0000000000000000000000000000000000000000000000000000000000000001";
const TWO: &str = "0000000000000000000000000000000000000000000000000000000000000002";
const GUNS: [&str; 3] = ["registry.example/team/app", "registry.example/other", "docker.io/library/alpine"];

fn rules(text: &str) -> Rules {
    Rules::parse(Path::new("/p/policy.toml"), text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn policy(system: &str, variable: &str, user: &str) -> Policy {
    Policy { system: rules(system), variable: rules(variable), user: rules(user), in_ci: false }
}

fn gun() -> Gun {
    GUNS[0].parse().expect("a GUN")
}

fn refusal(text: &str) -> String {
    Rules::parse(Path::new("p.toml"), text).expect_err(text).to_string()
}

fn ids(decision: &Decision) -> Vec<String> {
    match decision.pin.as_ref().map(|pin| &pin.value) {
        Some(Pin::Keys { ids, .. }) => ids.iter().map(ToString::to_string).collect(),
        Some(Pin::Authorities(_)) => vec!["ca".to_owned()],
        None => Vec::new(),
    }
}

#[test]
fn policy_refuses_unknown_keys_with_their_line() {
    let error = refusal("offline = \"forbid\"\noffine = 1\n");
    assert!(error.starts_with("`p.toml`, line 2: unknown field `offine`"), "{error}");
    for (text, part) in [
        ("\n[[rule]]\nmatch = \"*\"\ntrsut = \"required\"", "line 4: unknown field `trsut`"),
        ("[trust_pinning]\ncert = {}", "line 2: unknown field `cert`"),
        ("releases = \"maybe\"", "line 1: unknown variant `maybe`"),
        ("offline = \"allow\"\noffline = \"allow\"", "line 2: duplicate key"),
    ] {
        let error = refusal(text);
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn value_that_means_nothing_is_refused_with_its_line() {
    let rule = |line: &str| format!("[[rule]]\nmatch = \"registry.example/*\"\n{line}\n");
    for (text, part) in [
        ("[trust_pinning.certs]\na = [\"12\"]".to_owned(), "line 2: `12` is no key id"),
        ("token_realms = [\n\"nowhere\",\n]".to_owned(), "line 2: the token realm `nowhere`"),
        (rule("max_age = \"soon\""), "line 3: `soon` is no time"),
        (rule("signed_by = []"), "line 3: `signed_by` names no role"),
        (rule("signed_by = [\"snapshot\"]"), "line 3: `snapshot` is not `targets` or a delegation"),
        (rule("root_keys = []"), "line 3: `root_keys` names no key"),
        (rule("trust_server = \"http://t.example\""), "line 3: valid https URL required"),
        (rule("mirror = \"team\""), "line 3: `team` is no mirror"),
        (rule("mirror = \"m.example/app:1\""), "line 3: `m.example/app:1` is no mirror"),
        (
            "[[rule]]\nmatch = \"team/*\"".to_owned(),
            "line 2: `team/*` is no full name; `docker.io/team/*` is",
        ),
        ("\n[[rule]]\ntrust = \"refused\"".to_owned(), "line 2: this rule has no `match`"),
        (format!("{0}{0}", rule("")), "line 5: another rule is for `registry.example/*`, too"),
        (
            "first_use = \"trust\"\n[trust_pinning]\ndisable_tofu = true".to_owned(),
            "line 3: this contradicts `first_use` in line 1",
        ),
    ] {
        let error = refusal(&text);
        assert!(error.contains(part), "{error}");
    }
    let both = refusal(&rule(&format!("root_keys = [\"{ONE}\"]\nroot_ca = \"ca.crt\"")));
    assert!(both.contains("line 4: a rule has `root_keys` or `root_ca`, not both"), "{both}");
}

#[test]
fn policy_without_files_has_no_rules() {
    let dir = tempfile::tempdir().expect("a directory");
    let sources = |in_ci| Sources {
        system: dir.path().join("system.toml"),
        variable: None,
        pins: None,
        user: vec![dir.path().join("user.toml")],
        in_ci,
    };
    let decision = Policy::load(&sources(false)).expect("no rules").decide(&gun());
    assert_eq!(decision.trust.value, Trust::Required);
    assert_eq!(decision.offline.value, Offline::Allow);
    assert_eq!(decision.releases.value, Releases::Require);
    assert_eq!(decision.first_use.value, FirstUse::Trust);
    assert!(decision.pin.is_none());
    assert_eq!(decision.trust.by, Origin::Default);
    let decision = Policy::load(&sources(true)).expect("no rules").decide(&gun());
    assert_eq!(decision.first_use.value, FirstUse::Warn);
}

#[test]
fn users_file_is_at_one_place_and_the_variables_must_be_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).join("policy.toml");
    let mut sources = Sources {
        system: path("system"),
        variable: None,
        pins: Some(format!("registry.example/team/app {TWO}")),
        user: vec![path("new"), path("old")],
        in_ci: false,
    };
    let write = |name: &str, file: &str, text: &str| {
        std::fs::create_dir_all(dir.path().join(name)).expect("a directory");
        std::fs::write(dir.path().join(name).join(file), text).expect("a file");
    };
    write("old", "policy.toml", "max_age = \"5m\"");
    write("new", "pins", &format!("registry.example/team/app {ONE}\nregistry.example/other {ONE}"));
    let decision = |sources: &Sources, gun: &str| {
        Policy::load(sources).expect("a policy").decide(&gun.parse().expect("a GUN"))
    };
    assert_eq!(decision(&sources, GUNS[0]).max_age.map(|age| age.value.seconds()), Some(300));
    assert_eq!(ids(&decision(&sources, GUNS[0])), [TWO], "the variable's pin comes first");
    assert_eq!(ids(&decision(&sources, GUNS[1])), [ONE]);
    write("new", "policy.toml", "");
    let two = Policy::load(&sources).expect_err("two files");
    assert!(matches!(two, PolicyError::Two { .. }), "{two:?}");
    std::fs::remove_file(path("new")).expect("a file");
    sources.variable = Some(path("nosuch"));
    let missing = Policy::load(&sources).expect_err("named and not there");
    assert!(matches!(missing, PolicyError::Missing { .. }), "{missing:?}");
}

#[test]
fn narrowest_rule_that_says_something_decides_each_setting() {
    let user = "\
max_age = \"1h\"
[[rule]]
match = \"registry.example/*\"
trust = \"optional\"
max_age = \"5m\"
[[rule]]
match = \"registry.example/team/app\"
trust = \"refused\"
";
    let policy = policy("", "", user);
    let decision = policy.decide(&gun());
    let line = |origin: &Origin| match origin {
        Origin::Line(place) => place.line,
        _ => 0,
    };
    assert_eq!((decision.trust.value, line(&decision.trust.by)), (Trust::Refused, 8));
    let age = decision.max_age.expect("an age");
    assert_eq!((age.value.to_string().as_str(), line(&age.by)), ("5m", 5));
    let other = policy.decide(&GUNS[1].parse().expect("a GUN"));
    assert_eq!((other.trust.value, line(&other.trust.by)), (Trust::Optional, 4));
    let alpine = policy.decide(&GUNS[2].parse().expect("a GUN"));
    assert_eq!((alpine.trust.value, &alpine.trust.by), (Trust::Required, &Origin::Default));
    assert_eq!(alpine.max_age.map(|age| age.by.to_string()).as_deref(), Some("/p/policy.toml, line 1"));
}

#[test]
fn variables_policy_comes_before_the_users_and_after_the_systems() {
    let of = |system: &str, variable: &str, user: &str| policy(system, variable, user).decide(&gun());
    let trust = |system, variable, user| {
        let text =
            |value: &str| if value.is_empty() { String::new() } else { format!("trust = \"{value}\"") };
        of(&text(system), &text(variable), &text(user)).trust.value
    };
    for (system, variable, user, expected) in [
        ("", "", "optional", Trust::Optional),
        ("", "optional", "refused", Trust::Optional),
        ("", "required", "optional", Trust::Required),
        ("required", "optional", "optional", Trust::Required),
        ("required", "", "refused", Trust::Refused),
        ("optional", "", "", Trust::Optional),
        ("optional", "", "required", Trust::Required),
        ("refused", "required", "optional", Trust::Refused),
    ] {
        assert_eq!(trust(system, variable, user), expected, "{system}/{variable}/{user}");
    }
    let ages = of("max_age = \"1h\"", "max_age = \"2h\"", "max_age = \"5m\"");
    assert_eq!(
        ages.max_age.map(|age| age.value.to_string()).as_deref(),
        Some("1h"),
        "the user's is not asked"
    );
    let shorter = of("max_freeze = \"1h\"", "", "max_freeze = \"5m\"");
    assert_eq!(shorter.max_freeze.map(|age| age.value.to_string()).as_deref(), Some("5m"));
    let signers =
        of("signed_by = [\"targets/ci\"]", "", "signed_by = [\"targets/ci\", \"targets/security\"]");
    let names: Vec<_> = signers.signed_by.iter().map(|role| role.value.to_string()).collect();
    assert_eq!(names, ["targets/ci", "targets/security"]);
}

#[test]
fn narrowest_pin_holds_and_equally_narrow_ones_add_up() {
    let text = format!(
        "[[rule]]\nmatch = \"registry.example/team/*\"\nroot_keys = [\"{ONE}\"]\n[trust_pinning.certs]\n\"registry.example/*\" = [\"{TWO}\"]\n"
    );
    let mut policy = policy("", "", &text);
    assert_eq!(ids(&policy.decide(&gun())), [ONE]);
    assert_eq!(ids(&policy.decide(&GUNS[1].parse().expect("a GUN"))), [TWO]);
    assert!(policy.decide(&gun()).is_known_to_be_signed(), "any pin says that somebody signs it");
    policy.user.pins = pins::from_variable(&format!("{0} {TWO}\n{0} {ONE}", GUNS[0])).expect("pins");
    assert_eq!(ids(&policy.decide(&gun())), [ONE, TWO]);
    assert!(policy.decide(&gun()).is_known_to_be_signed());
    policy.user.pins.pop();
    assert_eq!(ids(&policy.decide(&gun())), [TWO]);
}

#[test]
fn systems_pin_holds_where_the_user_pins_more_exactly() {
    let system = format!("[trust_pinning.certs]\n\"registry.example/*\" = [\"{ONE}\"]");
    let user = format!("[trust_pinning.certs]\n\"registry.example/team/app\" = [\"{TWO}\"]");
    let decision = policy(&system, &user, &user).decide(&gun());
    assert_eq!(ids(&decision), [ONE]);
    let pinning = decision.pinning();
    let PinRule::Certificates(pinned) = pinning.rule(&decision.gun) else { panic!("no certificates") };
    assert_eq!(pinned.iter().map(ToString::to_string).collect::<Vec<_>>(), [ONE], "what an update is given");
}

#[test]
fn notarys_switch_against_first_use_still_works() {
    let decision = policy("", "", "[trust_pinning]\ndisable_tofu = true").decide(&gun());
    assert_eq!(decision.first_use.value, FirstUse::Refuse);
    assert_eq!(decision.first_use.by.to_string(), "/p/policy.toml, line 2");
    assert_eq!(decision.demands().first_use, countersign_client::updater::FirstUse::Refused);
    let rule = "[trust_pinning]\ndisable_tofu = true\n[[rule]]\nmatch = \"registry.example/*\"\nfirst_use = \"warn\"";
    assert_eq!(policy("", "", rule).decide(&gun()).first_use.value, FirstUse::Warn);
    assert_eq!(
        policy("[trust_pinning]\ndisable_tofu = true", "", "first_use = \"trust\"")
            .decide(&gun())
            .first_use
            .value,
        FirstUse::Refuse
    );
}

#[test]
fn mirror_takes_the_place_of_what_stands_before_the_star() {
    let mirrored = |pattern: &str, mirror: &str, gun: &str| {
        let text = format!("[[rule]]\nmatch = \"{pattern}\"\nmirror = \"{mirror}\"");
        let decision = policy("", "", &text).decide(&gun.parse().expect("a GUN"));
        let mirror = decision.mirror.expect("a mirror").value;
        mirror.of(&decision.gun).map(|reference| reference.to_string())
    };
    for (pattern, mirror, gun, expected) in [
        ("docker.io/*", "m.example/hub", GUNS[2], Ok("m.example/hub/library/alpine")),
        ("docker.io/library/*", "m.example", GUNS[2], Ok("m.example/alpine")),
        ("docker.io/library/alpine", "m.example/os/alpine", GUNS[2], Ok("m.example/os/alpine")),
        ("*", "m.example", GUNS[2], Ok("m.example/docker.io/library/alpine")),
        ("*", "m.example", "registry.example:5000/app", Err("m.example/registry.example:5000/app")),
    ] {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(mirrored(pattern, mirror, gun), expected, "{pattern} {mirror}");
    }
}

#[test]
fn flag_beats_the_user_and_not_the_system() {
    let user = "snapshot_key = \"server\"";
    let free = policy("", "", user);
    assert_eq!(free.snapshot_key(None).expect("allowed"), SnapshotKey::Server);
    assert_eq!(free.snapshot_key(Some(SnapshotKey::Client)).expect("allowed"), SnapshotKey::Client);
    assert_eq!(
        policy("", "snapshot_key = \"client\"", user).snapshot_key(None).ok(),
        Some(SnapshotKey::Client)
    );
    let bound = policy("snapshot_key = \"client\"", user, user);
    assert_eq!(bound.snapshot_key(None).expect("allowed"), SnapshotKey::Client);
    assert!(bound.snapshot_key(Some(SnapshotKey::Server)).is_err());
}
