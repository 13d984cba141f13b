//! Where both programs find trust servers, and what they show them: the configuration file, flags and variables.

use std::fs;

use countersign_lab::registry::{Access, Account};
use countersign_testkit::peers::present_or_skip;
use serde_json::{Value, json};

use super::script::{both, both_at};
use super::stage::{Desk, Server};

/// The configuration that a desk begins with.
fn config(desk: &Desk) -> Value {
    let text = fs::read_to_string(desk.path(".notary/config.json")).expect("a configuration");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn configuration_is_read_the_same() {
    let prepare = |desk: &Desk| {
        let config = config(desk);
        let remote = &config["remote_server"];
        let url = &remote["url"];
        let ca = fs::read_to_string(remote["root_ca"].as_str().expect("a path")).expect("a certificate");
        desk.write("sub/ca.crt", &ca);
        let write = |name: &str, config: Value| desk.write(&format!("sub/{name}"), &config.to_string());
        let beside = json!({ "url": url, "root_ca": "ca.crt" });
        write("beside.json", json!({ "trust_dir": "~/trust", "remote_server": beside }));
        write(
            "cased.json",
            json!({ "TRUST_DIR": "~/trust", "Remote_Server": { "URL": url, "Root_CA": "./ca.crt" } }),
        );
        write("elsewhere.json", json!({ "trust_dir": "elsewhere", "remote_server": beside }));
        write("no-ca.json", json!({ "trust_dir": "~/trust", "remote_server": { "url": url } }));
        write("no-url.json", json!({ "trust_dir": "~/trust", "remote_server": { "root_ca": "ca.crt" } }));
        write(
            "missing-ca.json",
            json!({ "trust_dir": "~/trust", "remote_server": { "url": url, "root_ca": "none.crt" } }),
        );
        write(
            "checked.json",
            json!({ "trust_dir": "~/trust", "remote_server": { "url": url, "root_ca": "ca.crt", "skipTLSVerify": false } }),
        );
        let toml = format!("trust_dir = \"~/trust\"\n[remote_server]\nurl = {url}\nroot_ca = \"ca.crt\"\n");
        desk.write("sub/config.toml", &toml);
        desk.write("url", &format!("-s {}", url.as_str().expect("text")));
    };
    both(
        prepare,
        "init GUN -p
         add GUN v1 f -p
         -c sub/beside.json list GUN
         --configFile=sub/cased.json list GUN
         -c sub/checked.json list GUN
         -c sub/config.toml list GUN
         -c sub/no-ca.json list GUN -d fresh
         -c sub/no-ca.json list GUN --tlscacert sub/ca.crt
         -c sub/no-url.json --tlscacert sub/ca.crt status GUN
         -c sub/missing-ca.json list GUN
         -c sub/missing-ca.json --tlscacert=sub/ca.crt list GUN
         --tlscacert nofile list GUN
         --tlscacert f list GUN
         -c nofile.json list GUN
         -c sub/elsewhere.json key list
         -d ~/tilde key generate
         -d ~/tilde key list
         --trustDir sub/relative key generate
         --trustDir sub/relative key list
         -d trust list GUN
         NOTARY_TRUST_DIR=other key list
         NOTARY_REMOTE_SERVER_URL=https://127.0.0.1:1 lookup GUN v1",
    );
}

#[test]
fn pins_hold_the_same_on_first_use() {
    let prepare = |desk: &Desk| {
        desk.run(&["init", desk.gun(), "-p"]).expect_success();
        let root = fs::read(desk.path(&format!("trust/tuf/{}/metadata/root.json", desk.gun())));
        let root: Value = serde_json::from_slice(&root.expect("a root")).expect("JSON");
        let id = root["signed"]["roles"]["root"]["keyids"][0].clone();
        let config = config(desk);
        let write = |name: &str, pinning: Value| {
            let mut config = config.clone();
            config["trust_dir"] = json!(format!("~/{name}"));
            config["trust_pinning"] = pinning;
            desk.write(&format!("{name}.json"), &config.to_string());
        };
        let other = "0".repeat(64);
        let gun = desk.gun();
        let half = format!("{}/*", gun.split('/').next().expect("two parts"));
        write("exact", json!({ "certs": { gun: [id] } }));
        write("second", json!({ "certs": { gun: [other, id] } }));
        write("wrong", json!({ "certs": { gun: [other] } }));
        write("star", json!({ "certs": { half.clone(): [id] } }));
        write("wrong-star", json!({ "certs": { half.clone(): [other] } }));
        write("longest", json!({ "certs": { "*": [other], half.clone(): [id] } }));
        write("exact-first", json!({ "certs": { gun: [id], half: [other] } }));
        write("tofu", json!({ "disable_tofu": false }));
        write("no-tofu", json!({ "disable_tofu": true }));
        write("no-tofu-pinned", json!({ "disable_tofu": true, "certs": { gun: [id] } }));
        write("no-ca", json!({ "ca": { gun: "none.crt" } }));
        write("bad-ca", json!({ "ca": { gun: "f" } }));
        write("other-ca", json!({ "ca": { "else": "none.crt" } }));
        let wrong_ca = config["remote_server"]["root_ca"].clone();
        write("wrong-ca", json!({ "ca": { gun: wrong_ca } }));
    };
    both(
        prepare,
        "-c exact.json list GUN
         -c second.json list GUN
         -c wrong.json list GUN
         -c star.json list GUN
         -c wrong-star.json list GUN
         -c longest.json list GUN
         -c exact-first.json list GUN
         -c tofu.json list GUN
         -c no-tofu.json list GUN
         -c no-tofu-pinned.json list GUN
         -c no-ca.json list GUN
         -c bad-ca.json list GUN
         -c other-ca.json list GUN
         -c wrong-ca.json list GUN",
    );
}

#[test]
fn client_certificates_are_shown_the_same() {
    if !present_or_skip(&["notary", "notary-server"]) {
        return;
    }
    let server = Server::asking_for_certificates();
    let prepare = |desk: &Desk| {
        let mut config = config(desk);
        for name in ["client.crt", "client.key"] {
            let text = fs::read_to_string(server.ca_file.with_file_name(name)).expect("a file of the server");
            desk.write(&format!("sub/{name}"), &text);
        }
        config["remote_server"]["tls_client_cert"] = json!("client.crt");
        config["remote_server"]["tls_client_key"] = json!("client.key");
        desk.write("sub/with.json", &config.to_string());
        config["remote_server"]["tls_client_key"] = json!("none.key");
        desk.write("sub/without-key.json", &config.to_string());
    };
    both_at(
        &server,
        prepare,
        "list GUN
         -c sub/with.json init GUN -p
         list GUN
         -c sub/with.json list GUN
         --tlscert sub/client.crt --tlskey sub/client.key list GUN
         list GUN --tlscert=sub/client.crt --tlskey=sub/client.key
         -c sub/without-key.json --tlskey sub/client.key list GUN
         -c sub/without-key.json list GUN
         --tlscert sub/client.crt list GUN
         --tlskey sub/client.key list GUN
         --tlscert nofile --tlskey sub/client.key list GUN",
    );
}

#[test]
fn credentials_come_from_the_variable_in_both() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    let account = || Account::new("alice", "secret word");
    let token = Access::Token { account: account(), anonymous_pull: false };
    // alice:secret word, with a line break, bob:secret word, alice:, :secret word, alice
    let writes = "key generate
                  NOTARY_AUTH=YWxpY2U6c2VjcmV0IHdvcmQ= init GUN
                  NOTARY_AUTH=YWxpY2U6c2VjcmV0IHdvcmQK init GUN
                  NOTARY_AUTH=Ym9iOnNlY3JldCB3b3Jk init GUN
                  NOTARY_AUTH=YWxpY2U6c2VjcmV0IHdvcmQ= delete GUN --remote";
    both_at(&Server::guarded(Access::Basic(account())), |_| {}, writes);
    both_at(
        &Server::guarded(token),
        |_| {},
        "key generate
             NOTARY_AUTH=YWxpY2U6c2VjcmV0IHdvcmQ= list GUN
             NOTARY_AUTH=YWxpY2U6c2VjcmV0IHdvcmQK list GUN
             NOTARY_AUTH=YWxpY2U6 list GUN
             NOTARY_AUTH=OnNlY3JldCB3b3Jk list GUN
             NOTARY_AUTH=YWxpY2U= list GUN
             NOTARY_AUTH=*** list GUN
             NOTARY_AUTH= list GUN
             list GUN
             NOTARY_AUTH=YWxpY2U6c2VjcmV0IHdvcmQ= init GUN
             NOTARY_AUTH=YWxpY2U6c2VjcmV0IHdvcmQ= delete GUN --remote",
    );
}
