use std::fmt::Write as _;

use super::*;
use crate::docker::real::Real;
use crate::docker::{learn, reading};

fn find(kind: Kind, line: &str) -> Found {
    let args: Vec<_> = line.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect();
    kind.find(&args, &mut Vec::new).expect("it can be read")
}

#[track_caller]
fn assert_docker(line: &str, words: &str, verb: Verb) {
    let found = find(Kind::Docker, line);
    assert_eq!((found.words.as_str(), found.verb), (words, verb), "{line}");
}

#[test]
fn command_is_found_behind_dockers_flags() {
    assert_docker("pull alpine", "pull", Verb::Covered(Covered::Pull));
    assert_docker("-D --config /c pull alpine", "pull", Verb::Covered(Covered::Pull));
    assert_docker("-H run ps", "ps", Verb::Passes);
    assert_docker("-Hrun --context=x ps", "ps", Verb::Passes);
    assert_docker("-l debug image pull alpine", "image pull", Verb::Covered(Covered::Pull));
    assert_docker("--tls=false container run alpine", "container run", Verb::Covered(Covered::Run));
    assert_eq!(find(Kind::Docker, "--config /a --config=/b pull x").config, Some("/b".into()));
    let found = find(Kind::Docker, "-D image pull alpine");
    assert_eq!((found.globals, found.rest), (1, 3));
}

#[test]
fn help_and_groups_alone_pass() {
    for line in ["", "--help", "-v", "help", "help run", "image", "image --help", "compose", "compose --help"]
    {
        assert_eq!(find(Kind::Docker, line).verb, Verb::Passes, "{line:?}");
    }
    assert_eq!(find(Kind::Docker, "help trust").verb, Verb::Trust);
    assert_eq!(find(Kind::Docker, "trust inspect x").verb, Verb::Trust);
}

#[test]
fn what_could_start_an_unverified_image_is_refused() {
    for line in [
        "compose up",
        "compose -f a.yml --profile ps up -d",
        "compose --file=ps run web",
        "buildx bake",
        "buildx --builder ls bake",
        "stack deploy -c x y",
        "buildx create --name x",
        "buildx create --bootstrap",
        "nosuch",
        "debug x",
        "image nosuch",
        "scout nosuch",
    ] {
        assert!(matches!(find(Kind::Docker, line).verb, Verb::Refused(_)), "{line}");
    }
    for line in [
        "kube play x.yml",
        "play kube x.yml",
        "auto-update",
        "pod create --infra-image x",
        "pod create --infra-image=x",
        "volume create --driver image --opt image=x v",
        "volume create --driver=image v",
        "container clone a b",
        "compose up",
        "nosuch",
    ] {
        assert!(matches!(find(Kind::Podman, line).verb, Verb::Refused(_)), "{line}");
    }
}

#[test]
fn what_two_readers_take_for_two_commands_is_refused() {
    for (kind, line) in [
        (Kind::Docker, "image -- ls pull evil"),
        (Kind::Docker, "container -- ls run evil"),
        (Kind::Docker, "buildx -- ls build ."),
        (Kind::Docker, "compose --project-directory --profile ls up"),
        (Kind::Docker, "-- image ls"),
        (Kind::Podman, "-- info run evil"),
        (Kind::Podman, "--log-level --config info run evil"),
    ] {
        let args: Vec<_> = line.split(' ').map(OsString::from).collect();
        assert!(kind.find(&args, &mut Vec::new).is_err(), "{line}");
    }
}

#[test]
fn what_starts_nothing_passes() {
    for line in ["buildx ls", "compose ps", "compose -p up ps", "ps -a", "exec -it x sh"] {
        assert_eq!(find(Kind::Docker, line).verb, Verb::Passes, "{line}");
    }
    for line in ["pod create x", "volume create x", "--log-level debug ps", "kube generate x"] {
        assert_eq!(find(Kind::Podman, line).verb, Verb::Passes, "{line}");
    }
}

#[test]
fn unknown_flag_before_the_command_is_an_error() {
    let args: Vec<OsString> = ["--nosuch", "x", "pull", "alpine"].map(OsString::from).to_vec();
    assert!(Kind::Docker.find(&args, &mut Vec::new).is_err());
    let args: Vec<OsString> = ["image", "--nosuch", "pull", "alpine"].map(OsString::from).to_vec();
    assert!(Kind::Docker.find(&args, &mut Vec::new).is_err());
}

#[test]
fn no_command_is_listed_twice() {
    for kind in [Kind::Docker, Kind::Podman] {
        let all = kind.table().all();
        for (index, (words, _)) in all.iter().enumerate() {
            assert!(!all[..index].iter().any(|(other, _)| other == words), "{words} is there twice");
        }
    }
}

/// The installed programs of this name. Without one the test says that it skips, and fails where all must be there.
fn installed(name: &str) -> Vec<Real> {
    let found: Vec<_> = crate::docker::real::all(name).into_iter().map(Real::at).collect();
    assert!(!found.is_empty() || std::env::var("CI").as_deref() != Ok("true"), "`{name}` is not installed");
    if found.is_empty() {
        eprintln!("skipped: `{name}` is not installed");
    }
    found
}

#[test]
fn flags_are_those_of_the_installed_programs() {
    for kind in [Kind::Docker, Kind::Podman] {
        for real in installed(kind.name()) {
            let mut compared = 0;
            let groups =
                kind.table().covered.iter().map(|(words, covered)| (*words, reading(kind, *covered).0));
            for (words, flags) in groups.chain([("", *kind.global_flags())]) {
                let ours = flags.all();
                for theirs in learn::ask(&real, words) {
                    let same = |flag: &Learned| {
                        flag.long == theirs.long
                            && flag.shape == theirs.shape
                            && (theirs.short.is_none() || flag.short == theirs.short)
                    };
                    assert!(ours.iter().any(same), "{}: `{words}` has {theirs:?}", real.path().display());
                    compared += 1;
                }
            }
            assert!(compared > 100, "{} has said no help", real.path().display());
        }
    }
}

#[test]
fn commands_of_the_installed_programs_are_all_listed() {
    for kind in [Kind::Docker, Kind::Podman] {
        for real in installed(kind.name()) {
            let mut groups = vec![String::new()];
            let mut count = 0;
            while let Some(group) = groups.pop() {
                for word in commands(&real, &group) {
                    let words = format!("{group} {word}").trim().to_owned();
                    if word == "help" || word == "trust" {
                        continue;
                    }
                    if kind.table().is_group(&words) {
                        groups.push(words);
                        continue;
                    }
                    let verb = kind.table().verb(&words, &[]);
                    assert_ne!(verb, Verb::Refused(UNKNOWN), "{}: {words}", real.path().display());
                    count += 1;
                }
            }
            assert!(count > 50, "{} has said no help", real.path().display());
        }
    }
}

/// The commands that a help text lists: lines of a name and a sentence, below a heading that names them.
fn commands(real: &Real, group: &str) -> Vec<String> {
    let output = real.command().args(group.split_ascii_whitespace()).arg("--help").output().expect("it runs");
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut commands = Vec::new();
    let mut is_listed = false;
    for line in help.lines() {
        match line.strip_prefix("  ").filter(|line| !line.starts_with([' ', '-'])) {
            Some(line) if is_listed => commands.extend(line.split([' ', '*']).next().map(str::to_owned)),
            Some(_) => {}
            None if line.trim().is_empty() => {}
            None => is_listed = line.ends_with("Commands:"),
        }
    }
    commands
}

/// The lists of `docs/reference/coverage.md`.
fn page() -> String {
    let mut page = String::new();
    for (kind, title) in [(Kind::Docker, "Docker"), (Kind::Podman, "podman")] {
        let (name, table) = (kind.name(), kind.table());
        let _ = write!(page, "## {title}: covered\n\n| Command | Under trust |\n|---|---|\n");
        for (words, covered) in table.covered {
            let _ = writeln!(page, "| `{name} {words}` | {} |", what(*covered));
        }
        let _ = write!(page, "\n## {title}: refused\n\n| Command | Way round |\n|---|---|\n");
        for (words, way) in table.refused {
            let _ = writeln!(page, "| `{name} {words}` | {way} |");
        }
        for (words, with, way) in table.guarded {
            let with: Vec<_> = with.iter().map(|word| format!("`{word}`")).collect();
            let _ = writeln!(page, "| `{name} {words}` with {} | {way} |", with.join(", "));
        }
        let _ = writeln!(page, "| any other | {UNKNOWN} |");
        let _ =
            write!(page, "\n## {title}: starts nothing new, passes as it is\n\n| Command | |\n|---|---|\n");
        for (group, list) in table.passes {
            let words: Vec<_> = list.split_ascii_whitespace().map(|word| format!("`{word}`")).collect();
            let _ = writeln!(page, "| `{}` | {} |", format!("{name} {group}").trim(), words.join(" "));
        }
        page.push('\n');
    }
    page
}

fn what(covered: Covered) -> &'static str {
    match covered {
        Covered::Pull => "each tag is looked up, pulled by its signed digest, then tagged",
        Covered::Push => "the image is pushed, then its tag is signed as the digest that was sent",
        Covered::Run | Covered::Create => {
            "the image, and the image of each `--mount type=image`, is looked up, pulled by its signed digest where it is missing, \
             and named by the digest"
        }
        Covered::Build => {
            "every image that the Dockerfile or a flag names is looked up and written as its digest, or the build is refused: \
             [build](../guide/build.md)"
        }
        Covered::ServiceCreate => "the image becomes `NAME:TAG@DIGEST`",
        Covered::ServiceUpdate => "the same for `--image`; without it the service goes on with what it has",
        Covered::PluginInstall => "the plugin becomes `NAME:TAG@DIGEST`",
        Covered::PluginUpgrade => "the same for what it is upgraded to",
        Covered::PluginPush => "the plugin is pushed, then its tag is signed",
    }
}

#[test]
fn page_on_coverage_is_what_the_tables_say() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/coverage.md");
    let text = std::fs::read_to_string(file).expect("the page is there");
    let page = page();
    assert!(text.contains(&page), "docs/reference/coverage.md must have these lists:\n{page}");
}
