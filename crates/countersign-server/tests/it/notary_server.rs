//! The same requests to Debian's `notary-server` and to this one: the same answers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use countersign_server::Server;
use countersign_server::config::Config;
use countersign_testkit::command::Invocation;
use countersign_testkit::peers::{NotaryClient, NotaryServer, present_or_skip};

/// A server as `curl` and `notary` see it.
#[derive(Clone)]
struct Peer {
    url: String,
    ca: PathBuf,
}

impl Peer {
    fn new(url: &str, ca: &Path) -> Self {
        Self { url: url.to_owned(), ca: ca.to_owned() }
    }

    /// Status, the headers that matter, and the body of an answer.
    fn ask(&self, arguments: &[&str], path: &str) -> (BTreeSet<String>, String) {
        let output = Invocation::of("curl")
            .args(["--silent", "--http1.1", "--path-as-is", "--max-time", "20", "--include", "--cacert"])
            .arg(&self.ca)
            .args(arguments)
            .arg(format!("{}{path}", self.url))
            .run()
            .expect_success();
        let (head, body) = output.stdout.split_once("\r\n\r\n").expect("a head");
        let matters = |line: &&str| {
            let line = line.to_ascii_lowercase();
            ["http/1.1 ", "content-type:", "cache-control:", "pragma:", "location:", "content-length:"]
                .iter()
                .any(|name| line.starts_with(name))
        };
        (head.lines().filter(matters).map(str::to_ascii_lowercase).collect(), body.to_owned())
    }

    fn publish(&self, gun: &str) {
        let notary = NotaryClient::new(&self.url, &self.ca);
        let file = notary.config_file().with_file_name("file");
        std::fs::write(&file, "content").expect("written");
        notary.run(&["init", gun]).expect_success();
        notary.run(&["add", gun, "v1", &file.display().to_string(), "-p"]).expect_success();
    }
}

const FORM: &str = "content-type: multipart/form-data; boundary=b";
const PART: &str =
    "--b\r\ncontent-disposition: form-data; name=\"files\"; filename=\"NAME\"\r\n\r\nBODY\r\n--b--\r\n";

/// Compares statuses, headers and bodies of requests whose answers do not hang on keys.
fn compare(theirs: &Peer, ours: &Peer) {
    for (arguments, path) in [
        (&[][..], "/v2/"),
        (&[], "/v2"),
        (&[], "/"),
        (&["--head"], "/v2/"),
        (&["-X", "POST"], "/v2/"),
        (&["-X", "PATCH"], "/v2/"),
        (&["-X", "OPTIONS"], "/v2/g/_trust/tuf/"),
        (&[], "/_notary_server/health"),
        (&["-X", "POST"], "/_notary_server/health"),
        (&[], "/v2/g/_trust/tuf/"),
        (&[], "/v2/none/_trust/tuf/root.json"),
        (&[], "/v2/none/_trust/tuf/1.root.json"),
        (&[], "/v2/none/_trust/tuf/timestamp.json"),
        (&[], "/v2/none/_trust/tuf/targets/releases.json"),
        (&[], "/v2/g/_trust/tuf/root.key"),
        (&[], "/v2/g/_trust/tuf/Root.json"),
        (&["-X", "PUT"], "/v2/g/_trust/tuf/root.json"),
        (&["-X", "DELETE"], "/v2/none/_trust/tuf/"),
        (&[], "/v2//g/_trust/tuf/root.json"),
        (&[], "/v2/x/../g/_trust/tuf/root.json"),
        (&["-d", "x"], "/v2/g/_trust/tuf/"),
        (&["-H", FORM, "--data-binary", "--b--\r\n"], "/v2/none/_trust/tuf/"),
    ] {
        assert_eq!(ours.ask(arguments, path), theirs.ask(arguments, path), "{arguments:?} {path}");
    }
    for (name, body) in
        [("", "{}"), ("foo", "{}"), ("targets/A", "{}"), ("root", "no JSON"), ("targets", "[")]
    {
        let part = PART.replace("NAME", name).replace("BODY", body);
        let arguments = ["-H", FORM, "--data-binary", &part];
        let path = "/v2/none/_trust/tuf/";
        assert_eq!(ours.ask(&arguments, path), theirs.ask(&arguments, path), "{name} {body}");
    }
    // By this a client knows that Notary's server keeps no proposals.
    for (method, gun) in
        ["GET", "PUT", "DELETE"].into_iter().flat_map(|method| [(method, "g"), (method, "none")])
    {
        let (head, body) = theirs.ask(&["-X", method], &format!("/v2/{gun}/_trust/proposal"));
        assert!(head.contains("http/1.1 404 not found"), "{method} {gun}: {head:?} {body}");
    }
    // The lengths of these hang on keys and certificates.
    let headers = |peer: &Peer, path: &str| {
        let (head, _) = peer.ask(&[], path);
        head.into_iter().filter(|line| !line.starts_with("content-length")).collect::<BTreeSet<_>>()
    };
    for name in
        ["root.json", "1.root.json", "timestamp.json", "snapshot.json", "targets.json", "timestamp.key"]
    {
        let path = format!("/v2/g/_trust/tuf/{name}");
        assert_eq!(headers(ours, &path), headers(theirs, &path), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_notary_server() {
    if !present_or_skip(&["notary", "notary-server", "curl"]) {
        return;
    }
    let data = tempfile::tempdir().expect("a directory");
    let mut config = Config::new(data.path());
    config.listen.set_port(0);
    let server = Server::start(config).await.expect("a server");
    let url = format!("https://localhost:{}", server.address().port());
    let ours = Peer::new(&url, server.ca_certificate().expect("a CA"));
    let compared = tokio::task::spawn_blocking(move || {
        let notary = NotaryServer::memory();
        let theirs = Peer::new(&notary.url(), &notary.ca_file());
        theirs.publish("g");
        ours.publish("g");
        compare(&theirs, &ours);
    });
    compared.await.expect("the same answers");
    server.shutdown().await;
}
