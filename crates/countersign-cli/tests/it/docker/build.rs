//! `docker build` and `podman build`: what goes in has digests, or nothing goes in.

use std::fs;

use super::Bench;
use crate::world::Site;

/// A bench with the images of `team/base:1` and `team/tool:1`, their names, and their digests.
fn bench(name: &'static str) -> (Site, Bench, [String; 2], [String; 2]) {
    let site = Site::start();
    let alice = site.publisher();
    let base = site.publish(&alice, "team/base:1", "one").digest().to_string();
    let tool = site.publish(&alice, "team/tool:1", "two").digest().to_string();
    let bench = Bench::new(site.person(), name);
    let names = ["team/base", "team/tool"].map(|name| site.image(name));
    (site, bench, names, [base, tool])
}

fn context(bench: &Bench, dockerfile: &str) -> String {
    bench.world.write("context/Dockerfile", dockerfile);
    bench.dir("context")
}

/// What the fake was told to do besides answering questions.
fn builds(bench: &Bench) -> Vec<Vec<String>> {
    let is_build = |call: &Vec<String>| call.iter().any(|word| word == "build");
    bench.calls().into_iter().filter(is_build).collect()
}

#[test]
fn every_image_of_a_build_is_written_as_its_digest() {
    let (_site, bench, [base, tool], [base_digest, tool_digest]) = bench("docker");
    let dockerfile = format!(
        "ARG FROM={base}\nFROM ${{FROM}}:1 AS one\nRUN echo FROM x\nFROM one\nCOPY --from={tool}:1 /a /b # {tool}:1\n"
    );
    let context = context(&bench, &dockerfile);
    bench.set("images", &format!("{base}@{base_digest} sha256:{}\n", "a".repeat(64)));
    let args = ["-D", "build", "-qt", "x", "--build-arg", "A=1", &context, "--network=none"];
    let output = bench.run(&args).expect_success();
    let expected = format!(
        "ARG FROM={base}\nFROM {base}@{base_digest} AS one\nRUN echo FROM x\nFROM one\nCOPY --from={tool}@{tool_digest} /a /b # {tool}:1\n"
    );
    assert_eq!(bench.get("dockerfile"), expected);
    let calls = builds(&bench);
    let [build] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((build[..2].join(" "), build[2].as_str()), ("-D build".to_owned(), "--file"));
    assert_eq!(build[4..], ["--quiet", "--tag=x", "--build-arg=A=1", "--network=none", "--", &context]);
    assert!(!fs::exists(&build[3]).expect("readable"), "nothing is left behind");
    assert_eq!(fs::read_to_string(bench.world.path("context/Dockerfile")).expect("ours"), dockerfile);
    assert_eq!(bench.variable("DOCKER_CONTENT_TRUST"), None);
    assert_eq!(bench.get("policy"), "", "the classic builder knows no policies");
    assert!(
        output.stderr.contains(&format!("Tagging {base}@{base_digest} as {base}:1")),
        "{}",
        output.stderr
    );
    assert!(bench.get("images").contains(&format!("{base}:1 sha256:")), "it was tagged");
}

#[test]
fn buildkit_gets_a_policy_that_lets_nothing_else_through() {
    let (_site, bench, [base, _], [digest, _]) = bench("docker");
    let context = context(&bench, &format!("FROM {base}:1\n"));
    bench.set("buildx", "");
    for args in [&["build", &context][..], &["buildx", "build", &context], &["builder", "build", &context]] {
        bench.set("policy", "");
        bench.run(args).expect_success();
        let policy = bench.get("policy");
        assert!(policy.contains("\"DENY\"") && policy.contains(&format!("{base}@{digest}")), "{policy}");
    }
    bench.world.write("own.json", "{\"rules\":[]}");
    let own = bench.dir("own.json");
    let output = bench
        .trusting(&["build", &context])
        .env("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY", &own)
        .run()
        .expect_success();
    assert_eq!(bench.get("policy"), "{\"rules\":[]}", "theirs stays");
    assert!(output.stderr.contains("`EXPERIMENTAL_BUILDKIT_SOURCE_POLICY` is set"), "{}", output.stderr);
    bench.set("policy", "");
    let classic = bench.trusting(&["build", &context]).env("DOCKER_BUILDKIT", "0").run();
    classic.expect_success();
    assert_eq!(bench.get("policy"), "");
}

#[test]
fn unsigned_base_is_refused_in_the_words_of_two_dockers() {
    let (site, bench, [base, _], _) = bench("docker");
    let context = context(&bench, &format!("FROM {base}:notrust\n"));
    let output = bench.run(&["build", &context]).expect_code(1);
    bench.world.write("context/Dockerfile", format!("FROM {}\n", site.image("team/nobody")));
    let nobody = bench.run(&["build", &context]).expect_code(1);
    bench.world.write("context/Dockerfile", "FROM scratch\nARG X\nCOPY --from=${X} /a /b\n");
    let unknown = bench.run(&["build", &context]).expect_code(1);
    assert_eq!(builds(&bench), Vec::<Vec<String>>::new(), "nothing was sent to the engine");
    bench.world.assert_told("docker_build_refused", &[&output, &nobody, &unknown]);
    let allowed = bench.run(&["build", "--disable-content-trust", &context]).expect_success();
    assert_eq!(allowed.stderr, "");
}

#[test]
fn failed_build_ends_as_it_does_and_tags_nothing() {
    let (_site, bench, [base, _], [digest, _]) = bench("docker");
    let context = context(&bench, &format!("FROM {base}:1\n"));
    bench.set("images", &format!("{base}@{digest} sha256:{}\n", "a".repeat(64)));
    bench.set("exit", "42");
    bench.run(&["build", &context]).expect_code(42);
    assert!(!bench.get("images").contains(&format!("{base}:1 ")));
}

#[test]
fn dockerfile_from_standard_input_is_pinned_too() {
    let (_site, bench, [base, _], [digest, _]) = bench("docker");
    let dockerfile = format!("FROM {base}:1\n");
    bench.trusting(&["build", "-"]).stdin(&dockerfile).run().expect_success();
    assert_eq!(bench.get("stdin"), format!("FROM {base}@{digest}\n"));
    let context = context(&bench, "FROM scratch\n");
    bench.trusting(&["build", "-f-", &context]).stdin(&dockerfile).run().expect_success();
    assert_eq!(bench.get("dockerfile"), format!("FROM {base}@{digest}\n"));
    assert_eq!(bench.get("stdin"), "");
}

#[test]
fn podman_builds_with_full_names_and_refuses_what_it_alone_has() {
    let (_site, bench, [base, _], [digest, _]) = bench("podman");
    let context = context(&bench, &format!("FROM {base}:1\n"));
    let file = format!("{context}/Dockerfile");
    bench.run(&["build", "-f", &file, "--ulimit", "host"]).expect_success();
    assert_eq!(bench.get("dockerfile"), format!("FROM {base}@{digest}\n"));
    assert_eq!(builds(&bench)[0][3..], ["--ulimit=host", "--", &context]);
    for args in [
        &["build", "-f", "a", "-f", "b", &context][..],
        &["build", "--from", "evil", &context],
        &["build", "--build-arg-file", "x", &context],
        &["build", "--sbom-scanner-image", "evil", &context],
        &["build", "--sbom", "syft", &context],
    ] {
        bench.run(args).expect_code(1);
    }
    assert_eq!(builds(&bench).len(), 1, "nothing else was built");
}

#[test]
fn short_name_in_a_dockerfile_is_podmans_to_complete_and_never_guessed() {
    let (site, bench, [base, tool], [base_digest, tool_digest]) = bench("podman");
    let build = |registries: &str, dockerfile: &str, flags: &[&str]| {
        bench.world.write("registries.conf", registries);
        let context = context(&bench, dockerfile);
        let args: Vec<_> = ["build"].iter().chain(flags).copied().chain([context.as_str()]).collect();
        bench.trusting(&args).env("CONTAINERS_REGISTRIES_CONF", bench.dir("registries.conf")).run()
    };
    let two = "unqualified-search-registries = [\"a.example\", \"b.example\"]";
    let mount = "FROM scratch\nRUN --mount=type=bind,from=tool:1,target=/x true\n";
    let refused = [
        build("", "\nFROM base:1\n", &[]),
        build(two, &format!("FROM {base}:1\nCOPY --from=tool:1 /a /b\n"), &[]),
        build(two, mount, &[]),
        build(two, "FROM other\n", &["--build-context", "other=docker-image://tool:1"]),
        build("= broken", "FROM scratch\n", &[]),
    ];
    for output in refused.iter().cloned() {
        output.expect_code(1);
    }
    bench.world.assert_told("podman_build_short_names", &refused.each_ref());
    assert_eq!(builds(&bench), Vec::<Vec<String>>::new(), "nothing was sent to the engine");
    let searched = format!("unqualified-search-registries = [\"{}/team\"]\n", site.registry().host());
    let aliases = format!("{searched}[aliases]\n\"b\" = \"{base}\"\n");
    build(&aliases, "FROM b:1\nCOPY --from=tool:1 /a /b\n", &[]).expect_success();
    let expected = format!("FROM {base}@{base_digest}\nCOPY --from={tool}@{tool_digest} /a /b\n");
    assert_eq!(bench.get("dockerfile"), expected);
}

#[test]
fn own_verb_builds_with_trust() {
    let (_site, bench, [base, _], [digest, _]) = bench("docker");
    let context = context(&bench, &format!("FROM {base}:1\n"));
    let run = |args: &[&str]| bench.world.program(args).env("PATH", bench.path()).run();
    run(&["build", "--engine", "docker", "-t", "x", &context]).expect_success();
    assert_eq!(bench.get("dockerfile"), format!("FROM {base}@{digest}\n"));
    bench.world.write("context/Dockerfile", format!("FROM {base}:2\n"));
    run(&["build", &context]).expect_code(1);
}
