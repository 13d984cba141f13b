use super::*;

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
fn what_starts_nothing_passes() {
    for line in
        ["buildx ls", "buildx create --name x", "compose ps", "compose -p up ps", "ps -a", "exec -it x sh"]
    {
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
