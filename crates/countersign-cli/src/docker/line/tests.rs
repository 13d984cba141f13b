use super::*;
use crate::docker::flags;

const RUN: Flags = flags::DOCKER_CONTAINER;

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

fn read_known(line: &str, flags: &Flags, order: Order) -> Result<(Vec<String>, Vec<String>), LineError> {
    let args = words(line);
    let read = read(&args, 0, flags, order, &mut Vec::new)?;
    let text = |value: &OsString| value.to_string_lossy().into_owned();
    let flags = read.flags.iter().map(|flag| match &flag.value {
        Some(value) => format!("{}={}", flag.name, text(value)),
        None => flag.name.clone(),
    });
    Ok((flags.collect(), read.words.iter().map(|at| text(&args[*at])).collect()))
}

#[track_caller]
fn assert_run(line: &str, flags: &[&str], words: &[&str]) {
    let (read_flags, read_words) = read_known(line, &RUN, Order::FlagsFirst).expect("it can be read");
    assert_eq!((read_flags, read_words), (strings(flags), strings(words)), "{line}");
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn run_line_is_read_as_docker_reads_it() {
    assert_run("alpine", &[], &["alpine"]);
    assert_run("-it alpine sh -c x", &["interactive", "tty"], &["alpine", "sh", "-c", "x"]);
    assert_run("-itd --rm alpine", &["interactive", "tty", "detach", "rm"], &["alpine"]);
    assert_run("-e FOO alpine", &["env=FOO"], &["alpine"]);
    assert_run("-eFOO alpine", &["env=FOO"], &["alpine"]);
    assert_run("-e=FOO alpine", &["env=FOO"], &["alpine"]);
    assert_run("-e= alpine", &["env=="], &["alpine"]);
    assert_run("-iteFOO alpine", &["interactive", "tty", "env=FOO"], &["alpine"]);
    assert_run("-ite FOO alpine", &["interactive", "tty", "env=FOO"], &["alpine"]);
    assert_run("--env FOO --env=BAR alpine", &["env=FOO", "env=BAR"], &["alpine"]);
    assert_run("--env= alpine", &["env="], &["alpine"]);
    assert_run("--env -it alpine", &["env=-it"], &["alpine"]);
    assert_run("-v /a:/b -p 80:80 alpine", &["volume=/a:/b", "publish=80:80"], &["alpine"]);
    assert_run("-- alpine -it", &[], &["alpine", "-it"]);
    assert_run("-i -- -it", &["interactive"], &["-it"]);
    assert_run("- alpine", &[], &["-", "alpine"]);
    assert_run("-i=false alpine", &["interactive=false"], &["alpine"]);
    assert_run("-it=false alpine", &["interactive", "tty=false"], &["alpine"]);
    assert_run("--rm false alpine", &["rm"], &["false", "alpine"]);
    assert_run("--rm=false alpine", &["rm=false"], &["alpine"]);
    assert_run("-h alpine busybox", &["hostname=alpine"], &["busybox"]);
    assert_run("--disable-content-trust false x", &["disable-content-trust"], &["false", "x"]);
    assert_run("alpine --disable-content-trust", &[], &["alpine", "--disable-content-trust"]);
}

#[test]
fn flags_of_pull_may_come_after_the_image() {
    let read = read_known("alpine -q --platform linux/arm64", &flags::DOCKER_TRANSFER, Order::Mixed);
    assert_eq!(read, Ok((strings(&["quiet", "platform=linux/arm64"]), strings(&["alpine"]))));
    let read = read_known("-a alpine -- -q", &flags::DOCKER_TRANSFER, Order::Mixed);
    assert_eq!(read, Ok((strings(&["all-tags"]), strings(&["alpine", "-q"]))));
}

#[test]
fn line_that_cannot_be_told_is_an_error() {
    let error = |line| read_known(line, &RUN, Order::FlagsFirst).expect_err("no such line").to_string();
    assert_eq!(error("--nosuch x"), "unknown flag: --nosuch");
    assert_eq!(error("--nosuch=x alpine"), "unknown flag: --nosuch");
    assert_eq!(error("-itZ x"), "unknown shorthand flag: 'Z' in -itZ");
    assert_eq!(error("--env"), "flag needs an argument: --env");
    assert_eq!(error("-ie"), "flag needs an argument: 'e' in -ie");
    assert_eq!(error("---x"), "bad flag syntax: ---x");
    assert_eq!(error("--=x"), "bad flag syntax: --=x");
}

#[test]
fn unknown_flag_is_learned_once() {
    let args = words("--new a -Nb --plain --new c image");
    let mut asked = 0;
    let mut learn = || {
        asked += 1;
        let new = Learned { short: Some(b'N'), long: "new".to_owned(), shape: Shape::Takes };
        vec![new, Learned { short: None, long: "plain".to_owned(), shape: Shape::Alone }]
    };
    let line = read(&args, 0, &RUN, Order::FlagsFirst, &mut learn).expect("it can be read");
    assert_eq!((asked, line.words), (1, vec![6]));
    assert_eq!(line.flags.len(), 4);
}

#[test]
fn one_value_is_replaced_and_no_other_word() {
    for (line, expected) in [
        ("--pull always x", "--pull missing x"),
        ("--pull=always x", "--pull=missing x"),
        ("--name pull --pull=always x", "--name pull --pull=missing x"),
    ] {
        let mut args = words(line);
        let read = read(&args, 0, &RUN, Order::FlagsFirst, &mut Vec::new).expect("it can be read");
        read.last("pull").expect("a flag").set(&mut args, "missing");
        assert_eq!(args, words(expected));
    }
    let mut args = words("-iteA x");
    let line = read(&args, 0, &RUN, Order::FlagsFirst, &mut Vec::new).expect("it can be read");
    line.last("env").expect("a flag").set(&mut args, "B");
    assert_eq!(args, words("-iteB x"));
}

#[test]
fn no_table_contradicts_itself() {
    let tables = [
        flags::DOCKER,
        flags::DOCKER_TRANSFER,
        flags::DOCKER_PLUGIN,
        flags::DOCKER_CONTAINER,
        flags::SERVICE_CREATE,
        flags::SERVICE_UPDATE,
        flags::DOCKER_BUILD,
        flags::PODMAN,
        flags::PODMAN_PULL,
        flags::PODMAN_PUSH,
        flags::PODMAN_CONTAINER,
        flags::PODMAN_BUILD,
        flags::COMPOSE,
        flags::BUILDX,
    ];
    for table in tables {
        let all = table.all();
        for (index, flag) in all.iter().enumerate() {
            let twice = all[..index].iter().find(|other| {
                *other != flag
                    && (other.long == flag.long || (other.short.is_some() && other.short == flag.short))
            });
            assert_eq!(twice, None, "against {flag:?}");
        }
    }
}
