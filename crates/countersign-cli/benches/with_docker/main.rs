//! What trust adds to Docker's own commands, whole programs in turn, on loopback, in one run.
//!
//! ```sh
//! cargo bench -p countersign-cli --bench with_docker            # about a minute
//! cargo bench -p countersign-cli --bench with_docker -- 5       # five runs of each instead of thirty-one
//! ```
//!
//! Needs root for the daemon, and Debian's `docker.io` and `docker-registry`. Times are wall times of a whole process, the two
//! programs in turn, the median quoted. It prints a table of `docs/performance.md`.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends at the first fault"
)]

mod machine;
#[path = "../support/our_server.rs"]
mod our_server;

use std::process::Command;
use std::time::{Duration, Instant};

use countersign_testkit::peers::{DockerDaemon, DockerRegistry, present_or_skip};

use crate::machine::{Machine, Slow};
use crate::our_server::OurServer;

/// Images of the larger build.
const MANY: usize = 20;
/// How long an answer takes each way where the network counts.
const EACH_WAY: Duration = Duration::from_millis(25);

fn main() {
    if !present_or_skip(&["docker", "dockerd", "docker-registry"]) {
        return;
    }
    let Some(daemon) = DockerDaemon::start_or_skip() else { return };
    let runs = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(31);
    let (registry, server) = (DockerRegistry::start(), OurServer::start());
    let machine = Machine::new(&daemon, &server);
    println!("| what | docker | with the shim | added |");
    println!("|---|---|---|---|");

    let version = ["version", "--format", "{{.Client.Version}}"];
    pair("`docker version`, trust off", runs, || machine.real(&version), || machine.shim(&version, false));

    let image = format!("{}/bench/app:1", registry.host());
    machine.publish(&image);
    let pull = ["pull", &image];
    pair(
        "`docker pull` of what is there, trust on",
        runs,
        || machine.real(&pull),
        || machine.shim(&pull, true),
    );
    drop(daemon);

    println!();
    let slow = Slow::of(&server, EACH_WAY);
    slow.sign_images(MANY);
    println!(
        "| `docker build`, trust server {} ms away each way | time before the engine builds |",
        EACH_WAY.as_millis()
    );
    println!("|---|---|");
    for images in [2, MANY] {
        let times = (0..runs.min(11)).map(|_| {
            slow.forget();
            timed(slow.build(images))
        });
        println!("| {images} images of as many repositories | {:.0} ms |", median(times.collect()));
    }
}

/// Runs both in turn, after one run of each that is not counted.
fn pair(what: &str, runs: usize, plain: impl Fn() -> Command, shim: impl Fn() -> Command) {
    let (mut plains, mut shims) = (Vec::new(), Vec::new());
    for run in 0..=runs {
        let (one, other) = (timed(plain()), timed(shim()));
        if run > 0 {
            plains.push(one);
            shims.push(other);
        }
    }
    let (plain, shim) = (median(plains), median(shims));
    println!("| {what} | {plain:.1} ms | {shim:.1} ms | {:.1} ms |", shim - plain);
}

fn timed(mut command: Command) -> Duration {
    let started = Instant::now();
    let status = command.status().expect("the program starts");
    let took = started.elapsed();
    assert!(status.success(), "{command:?} ended with {status}");
    took
}

/// In milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}
