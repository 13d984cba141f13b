//! The shim before the programs that are installed: their command lines are the ones that it reads.

use countersign_testkit::peers::present_or_skip;

use crate::world::World;

#[test]
fn real_docker_says_its_help_through_the_shim() {
    if !present_or_skip(&["docker"]) {
        return;
    }
    let world = World::new();
    std::fs::create_dir(world.path("shim")).expect("a directory");
    let shim = world.path("shim/docker");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_countersign"), &shim).expect("a link");
    let path = std::env::var("PATH").expect("a PATH");
    let path = format!("{}:{path}", world.path("shim").display());
    for args in [&["run", "--help"][..], &["--help"], &["image", "--help"], &["--version"]] {
        let real = world.program_at("docker".as_ref(), args).run();
        let through = world.program_at(&shim, args).env("PATH", &path).env("DOCKER_CONTENT_TRUST", "1").run();
        let without_trust =
            |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").replace(" (default true)", "");
        assert_eq!(without_trust(&through.stdout), without_trust(&real.stdout), "{args:?}");
        assert_eq!(through.code, real.code);
    }
}
