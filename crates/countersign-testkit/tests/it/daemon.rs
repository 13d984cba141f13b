use std::net::TcpStream;

use countersign_testkit::command::Invocation;
use countersign_testkit::daemon::{Daemon, answers};
use countersign_testkit::peers::present_or_skip;

fn registry(port: u16, dir: &std::path::Path) -> Invocation {
    let config = format!(
        r#"{{"version":"0.1","storage":{{"filesystem":{{"rootdirectory":"{}"}}}},"http":{{"addr":"127.0.0.1:{port}"}}}}"#,
        dir.display(),
    );
    let file = dir.join("config.yml");
    std::fs::write(&file, config).expect("a file can be written");
    Invocation::of("docker-registry").arg("serve").arg(file)
}

#[test]
fn daemon_is_gone_when_it_was_dropped_or_asked_to_end() {
    if !present_or_skip(&["docker-registry"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let start = || {
        Daemon::start("docker-registry", &dir.path().join("log"), |port| registry(port, dir.path()), answers)
    };
    let (daemon, port) = start();
    assert!(daemon.said().contains("listening on"), "{}", daemon.said());
    drop(daemon);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    let (daemon, port) = start();
    let _ = daemon.terminate();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
#[should_panic(expected = "ended at its start")]
fn daemon_that_ends_at_once_ends_the_test() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let (_daemon, _) = Daemon::start("true", &dir.path().join("log"), |_| Invocation::of("true"), |_| false);
}
