//! `trust inspect`, also as `docker trust inspect`.

use countersign_testkit::normalise::Normaliser;

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
