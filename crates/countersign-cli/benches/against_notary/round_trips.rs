//! A cold lookup through a network that takes 50 ms each way.

use std::fs;
use std::time::Duration;

use countersign_lab::proxy::{Proxy, Upstream};
use countersign_lab::tls::Authority;
use countersign_testkit::peers::NotaryServer;

use crate::people::{Person, Program};

const EACH_WAY: Duration = Duration::from_millis(50);

/// Prints how many round trips, one after the other, each program needs for a cold lookup at Debian's server.
pub(crate) fn print(server: &NotaryServer, gun: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let authority = Authority::new().expect("an authority");
    let dir = tempfile::tempdir().expect("a directory");
    let ca_file = dir.path().join("ca.crt");
    fs::write(&ca_file, authority.ca_pem()).expect("a certificate");
    let proxy = runtime.block_on(async {
        let ca_pem = fs::read_to_string(server.ca_file()).expect("a certificate");
        let upstream = Upstream::server(&server.url(), Some(&ca_pem)).expect("a server");
        Proxy::start(upstream, Some(authority.issue(&["127.0.0.1"]).expect("a certificate")))
            .await
            .expect("a proxy")
    });
    proxy.delay(EACH_WAY);
    println!("| cold lookup, 1 tag, 50 ms each way | sequential round trips | requests | time |");
    println!("|---|---|---|---|");
    for (program, name) in [(Program::Countersign, "countersign"), (Program::Notary, "notary")] {
        let person = Person::new(program, &proxy.url(), &ca_file);
        proxy.forget_exchanges();
        let took = person.timed(&person.lookup(gun, "v0"));
        println!(
            "| {name} | {} | {} | {} ms |",
            proxy.round_trips(),
            proxy.exchanges().len(),
            took.as_millis()
        );
    }
}
