//! `trust inspect`, also as `docker trust inspect`.

use countersign_testkit::normalise::Normaliser;
use countersign_testkit::peers::present_or_skip;

use super::Bench;
use crate::world::Site;

#[test]
fn inspect_prints_dockers_json_and_tables() {
    let site = Site::start();
    let alice = site.publisher();
    for tag in ["v10", "v2"] {
        site.publish(&alice, &format!("team/app:{tag}"), tag);
    }
    let bench = Bench::new(site.person(), "docker");
    let name = site.image("team/app");
    let json = bench.shim(&["trust", "inspect", &name]).run().expect_success();
    let tag =
        bench.run(&["trust", "inspect", &format!("{name}:v2"), &site.image("team/nosuch")]).expect_code(1);
    let pretty = bench.shim(&["trust", "inspect", "--pretty", &name]).run().expect_success();
    assert!(bench.calls().is_empty(), "{:?}", bench.calls());
    let text = [&json, &tag, &pretty].map(countersign_testkit::command::Output::transcript).join("\n");
    crate::world::assert_snapshot(
        "docker_inspect",
        &bench.world.normalise(&Normaliser::new().normalise(&text)),
    );
    bench.world.program(&["trust", "inspect", &site.image("team/nosuch")]).run().expect_code(3);
}

#[test]
fn inspect_is_byte_for_byte_that_of_docker() {
    if !present_or_skip(&["docker"]) {
        return;
    }
    let site = Site::start();
    let alice = site.publisher();
    let name = site.image("team/app");
    site.publish(&alice, "team/app:v10", "ten");
    site.publish(&alice, "team/app:v9", "nine");
    let docker = |args: &[&str]| alice.program_at("docker".as_ref(), args).run();
    if docker(&["trust", "--help"]).code != Some(0) {
        return;
    }
    for signer in ["bob", "carol"] {
        docker(&["trust", "key", "generate", signer]).expect_success();
        docker(&["trust", "signer", "add", "--key", &format!("{signer}.pub"), signer, &name])
            .expect_success();
    }
    site.publish(&alice, "team/app:v11", "eleven");
    let tag = format!("{name}:v9");
    for args in
        [&[name.as_str()][..], &[&tag], &[&name, &tag], &["--pretty", &name], &["--pretty", &tag, &name]]
    {
        let args: Vec<_> = ["trust", "inspect"].iter().chain(args).copied().collect();
        let (theirs, ours) = (docker(&args).expect_success(), alice.run(&args).expect_success());
        assert_eq!(ours.stdout, theirs.stdout, "{args:?}");
    }
    let unknown = ["trust", "inspect", &site.image("team/nosuch")];
    let (theirs, ours) = (docker(&unknown), alice.run(&unknown));
    assert_eq!(ours.stdout, theirs.stdout);
    assert_eq!(ours.stderr.lines().next(), theirs.stderr.lines().next());
    let none = alice.run(&["trust", "inspect", "--pretty", &format!("{name}:nosuch")]).expect_success();
    assert_eq!(none.stdout, docker(&["trust", "inspect", "--pretty", &format!("{name}:nosuch")]).stdout);
}
