//! Builds that brought in what nobody had looked at.

use countersign_testkit::command::Invocation;

use crate::docker::Bench;
use crate::world::Site;

/// The images of `team/base:1` and `team/tool:1` with their digests, and somebody with a shim.
struct Workshop {
    bench: Bench,
    base: String,
    tool: String,
    digests: [String; 2],
    _site: Site,
}

impl Workshop {
    fn new() -> Self {
        let site = Site::start();
        let alice = site.publisher();
        let digests = ["base", "tool"]
            .map(|name| site.publish(&alice, &format!("team/{name}:1"), name).digest().to_string());
        let bench = Bench::new(site.person(), "docker");
        let [base, tool] = ["base", "tool"].map(|name| site.image(&format!("team/{name}")));
        Self { bench, base, tool, digests, _site: site }
    }

    fn context(&self, dockerfile: &str) -> String {
        self.bench.world.write("context/Dockerfile", dockerfile);
        self.bench.dir("context")
    }

    fn built(&self) -> usize {
        self.bench.calls().iter().filter(|call| call[0] == "build").count()
    }
}

#[test]
fn trap_01_buildkit_and_docker_29_verify_as_all_others_do() {
    let shop = Workshop::new();
    let (Workshop { bench, base, .. }, [digest, _]) = (&shop, &shop.digests);
    bench.set("version", "Docker version 29.0.1, build x\n");
    bench.set("buildx", "");
    let signed = shop.context(&format!("FROM {base}:1\n"));
    for chosen in ["", "1"] {
        bench.trusting(&["build", &signed]).env("DOCKER_BUILDKIT", chosen).run().expect_success();
        assert_eq!(bench.get("dockerfile"), format!("FROM {base}@{digest}\n"));
    }
    let built = shop.built();
    let unsigned = shop.context(&format!("FROM {base}:unsigned\n"));
    let output = bench.run(&["build", &unsigned]).expect_code(1);
    assert!(output.stderr.contains("No trust data for unsigned"), "{}", output.stderr);
    let name = format!("{base}:unsigned");
    bench.run(&["pull", &name]).expect_code(1);
    bench.shim(&["pull", "--disable-content-trust=false", &name]).run().expect_code(1);
    assert_eq!(shop.built(), built, "nothing else was built");
    assert!(bench.calls().iter().all(|call| call[0] != "pull"), "{:?}", bench.calls());
}

#[test]
fn trap_03_every_source_is_pinned_in_every_form_of_context() {
    let shop = Workshop::new();
    let (Workshop { bench, base, tool, .. }, [base_digest, tool_digest]) = (&shop, &shop.digests);
    let archive = |dockerfile: &str| {
        shop.context(dockerfile);
        let tar = Invocation::of("tar").args(["-cf", "../archive.tar", "./Dockerfile"]);
        tar.dir(bench.world.path("context")).run().expect_success();
        std::fs::read(bench.world.path("archive.tar")).expect("an archive")
    };
    let from = |tag: &str| format!("FROM {base}:1\nCOPY --from={tool}:{tag} /a /b\n");
    let pinned = format!("FROM {base}@{base_digest}\nCOPY --from={tool}@{tool_digest} /a /b\n");
    bench.trusting(&["build", "-"]).stdin(archive(&from("1"))).run().expect_success();
    assert!(bench.get("stdin").contains(&pinned), "an archive whose entry is `./Dockerfile`");
    bench.trusting(&["build", "-"]).stdin(from("1")).run().expect_success();
    assert_eq!(bench.get("stdin"), pinned);
    bench.run(&["build", &shop.context(&from("1"))]).expect_success();
    assert_eq!(bench.get("dockerfile"), pinned);
    let built = shop.built();
    bench.trusting(&["build", "-"]).stdin(archive(&from("unsigned"))).run().expect_code(1);
    bench.trusting(&["build", "-"]).stdin(from("unsigned")).run().expect_code(1);
    bench.run(&["build", &shop.context(&from("unsigned"))]).expect_code(1);
    assert_eq!(shop.built(), built, "nothing was sent to the engine");
}

#[test]
fn trap_11_stages_arguments_and_platforms_are_read_as_builders_read_them() {
    let shop = Workshop::new();
    let (Workshop { bench, base, .. }, [digest, _]) = (&shop, &shop.digests);
    let context = shop.context(&format!(
        "ARG TAG=none\nFROM --platform=linux/amd64 {base}:${{TAG}} AS first\nFROM first AS second\nCOPY --from=first /a /b\n"
    ));
    bench.run(&["build", "--build-arg", "TAG=1", &context]).expect_success();
    let expected = format!(
        "ARG TAG=none\nFROM --platform=linux/amd64 {base}@{digest} AS first\nFROM first AS second\nCOPY --from=first /a /b\n"
    );
    assert_eq!(bench.get("dockerfile"), expected);
}
