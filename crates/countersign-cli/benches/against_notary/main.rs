//! Whole programs side by side: `countersign` and Debian's `notary`, each with its own trust server, on loopback, in one run.
//!
//! ```sh
//! cargo bench -p countersign-cli --bench against_notary            # about three minutes
//! cargo bench -p countersign-cli --bench against_notary -- 5       # five runs of each instead of eleven
//! ```
//!
//! Needs Debian's `notary` and `time`. Times are wall times of a whole process, the two programs in turn, the median quoted. Memory is the peak resident set
//! that GNU `time` reports. It prints the table of `docs/performance.md`.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends at the first fault"
)]

#[path = "../support/our_server.rs"]
mod our_server;
mod people;
mod round_trips;

use std::time::Duration;

use countersign_testkit::peers::{NotaryServer, present_or_skip};

use crate::our_server::OurServer;
use crate::people::{Person, Program};

/// Tags in the large collection.
const MANY: usize = 20_000;

fn main() {
    if !present_or_skip(&["notary", "notary-server", "time"]) {
        return;
    }
    let runs = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(11);
    let (theirs, ours) = (NotaryServer::memory(), OurServer::start());
    let pair = Pair {
        ours: Person::new(Program::Countersign, &ours.url(), &ours.ca_file()),
        theirs: Person::new(Program::Notary, &theirs.url(), &theirs.ca_file()),
        equal: Person::new(Program::Countersign, &ours.url(), &ours.ca_file()).with_keys_by(Program::Notary),
        mixed: Person::new(Program::Countersign, &theirs.url(), &theirs.ca_file()),
        runs,
    };
    println!(
        "| what | countersign | notary | ratio | countersign with notary's keys | ratio | countersign at notary-server |"
    );
    println!("|---|---|---|---|---|---|---|");
    pair.collection("bench/one", 1);
    pair.collection("bench/many", MANY);
    println!();
    round_trips::print(&theirs, "theirs/bench/one");
}

/// The same work by both programs, each at its own server, by ours with keys that open with as few rounds as theirs, and by
/// ours at their server.
struct Pair {
    ours: Person,
    theirs: Person,
    equal: Person,
    mixed: Person,
    runs: usize,
}

impl Pair {
    fn people(&self) -> [(&Person, &'static str); 4] {
        [(&self.ours, "ours"), (&self.theirs, "theirs"), (&self.equal, "equal"), (&self.mixed, "mixed")]
    }

    /// Publishes a collection of `tags` tags, reads it cold and warm, and adds one tag.
    fn collection(&self, name: &str, tags: usize) {
        let gun = |prefix: &str| format!("{prefix}/{name}");
        for (person, prefix) in self.people() {
            person.init(&gun(prefix));
        }
        self.row_of(&format!("publish {tags} tags"), 1, |person, prefix| {
            person.stage(&gun(prefix), (0..tags).map(|number| format!("v{number}")));
            person.timed(&person.publish(&gun(prefix)))
        });
        self.row(&format!("lookup, cold, {tags} tags"), |person, prefix| {
            person.forget(&gun(prefix));
            person.timed(&person.lookup(&gun(prefix), "v0"))
        });
        self.row(&format!("lookup, warm, {tags} tags"), |person, prefix| {
            person.timed(&person.lookup(&gun(prefix), "v0"))
        });
        self.row(&format!("add one tag to {tags}"), |person, prefix| {
            person.stage(&gun(prefix), [person.fresh_tag()]);
            person.timed(&person.publish(&gun(prefix)))
        });
        self.memory(&format!("peak memory of a cold lookup, {tags} tags"), |person, prefix| {
            person.forget(&gun(prefix));
            person.lookup(&gun(prefix), "v0")
        });
        self.memory(&format!("peak memory of adding one tag to {tags}"), |person, prefix| {
            person.stage(&gun(prefix), [person.fresh_tag()]);
            person.publish(&gun(prefix))
        });
    }

    fn row(&self, what: &str, work: impl Fn(&Person, &str) -> Duration) {
        self.row_of(what, self.runs, work);
    }

    /// Lets everybody work in turn, `runs` times after one that is not counted (none when there is only one).
    fn row_of(&self, what: &str, runs: usize, work: impl Fn(&Person, &str) -> Duration) {
        let mut times = [const { Vec::new() }; 4];
        for run in 0..runs + usize::from(runs > 1) {
            for ((person, prefix), times) in self.people().into_iter().zip(&mut times) {
                let took = work(person, prefix);
                if run > 0 || runs == 1 {
                    times.push(took);
                }
            }
        }
        let medians = times.map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64() * 1000.0
        });
        print_row(what, "ms", medians);
    }

    fn memory(&self, what: &str, work: impl Fn(&Person, &str) -> people::Line) {
        let peaks = self.people().map(|(person, prefix)| person.peak_kib(&work(person, prefix)) / 1024.0);
        print_row(what, "MiB", peaks);
    }
}

fn print_row(what: &str, unit: &str, [ours, theirs, equal, mixed]: [f64; 4]) {
    println!(
        "| {what} | {ours:.1} {unit} | {theirs:.1} {unit} | {:.2} | {equal:.1} {unit} | {:.2} | {mixed:.1} {unit} |",
        ours / theirs,
        equal / theirs
    );
}
