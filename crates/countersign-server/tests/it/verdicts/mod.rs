//! Attacks that can be said in an upload, each with two verdicts: what the server says to the upload, and what a client says
//! that is served the same files by a server that checks nothing.
//!
//! The server refuses at least what a client would refuse. Where the verdicts differ the row says why; the rows in which the
//! server takes what a client does not use are the exceptions, and are counted by
//! [`server_takes_what_a_client_refuses_in_the_listed_rows_only`]. After each refusal nothing has changed, and the publisher's
//! own edition is published next.

pub(crate) mod case;
mod client;
mod delegations;
mod documents;
mod numbers;
mod online;
mod page;
mod roots;
mod signatures;
mod snapshots;
mod targets;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use countersign_core::name::{RoleName, TargetName};
use countersign_server::storage::Storage as _;
use futures_util::FutureExt as _;
use http::StatusCode;

use self::case::Case;
use crate::setting::{Reply, SnapshotKey, TestServer, role, set};

/// Which collection an attack is tried on.
#[derive(Clone, Copy)]
enum Setting {
    /// The publisher has the snapshot key; nothing is delegated.
    Plain,
    /// The publisher has the snapshot key; `targets/a` may speak of what begins with `a`.
    Delegated,
    /// The server has the snapshot key; `targets/a` as above.
    Online,
}

/// What the server says to an upload.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Server {
    Takes,
    /// Notary's name of the refusal, and a part of the message.
    Refuses(&'static str, &'static str),
}

/// What a client says to the same files.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Client {
    Takes,
    /// It takes the files, and this name means nothing to it.
    Ignores(&'static str),
    /// The variant of its error.
    Refuses(&'static str),
}

/// One attack.
struct Row {
    /// What is uploaded.
    attack: String,
    /// Ids of findings and advisories that it stands for.
    ids: &'static str,
    setting: Setting,
    edit: Box<dyn Fn(&mut Case)>,
    server: Server,
    client: Client,
    /// Why the verdicts differ.
    why: &'static str,
    /// What brings the collection back for clients, where the server took what they refuse.
    mend: Option<fn(&mut Case)>,
}

impl Row {
    fn new(
        attack: impl Into<String>,
        setting: Setting,
        edit: impl Fn(&mut Case) + 'static,
        server: Server,
        client: Client,
    ) -> Self {
        let (attack, edit) = (attack.into(), Box::new(edit));
        Self { attack, ids: "", setting, edit, server, client, why: "", mend: None }
    }

    fn ids(self, ids: &'static str) -> Self {
        Self { ids, ..self }
    }

    /// Says why the verdicts differ.
    fn why(self, why: &'static str) -> Self {
        Self { why, ..self }
    }

    fn mend(self, mend: fn(&mut Case)) -> Self {
        Self { mend: Some(mend), ..self }
    }

    /// Whether the server takes what a client refuses.
    fn is_exception(&self) -> bool {
        self.server == Server::Takes && matches!(self.client, Client::Refuses(_))
    }

    fn verdicts_differ(&self) -> bool {
        match (self.server, self.client) {
            (Server::Takes, Client::Takes) | (Server::Refuses(..), Client::Refuses(_)) => false,
            (Server::Takes | Server::Refuses(..), _) => true,
        }
    }

    async fn hold(&self) {
        let attack = &self.attack;
        assert_eq!(self.verdicts_differ(), !self.why.is_empty(), "{attack}: a difference has a reason");
        let mut case = match self.setting {
            Setting::Plain => Case::new(SnapshotKey::Publisher).await,
            Setting::Delegated => Case::delegated(SnapshotKey::Publisher).await,
            Setting::Online => Case::delegated(SnapshotKey::Server).await,
        };
        (self.edit)(&mut case);

        let said = client::update(&case).await;
        let expected = match self.client {
            Client::Takes | Client::Ignores(_) => "",
            Client::Refuses(variant) => variant,
        };
        let (variant, detail) = match &said {
            Ok(_) => (String::new(), String::new()),
            Err(refusal) => (refusal.name(), refusal.to_string()),
        };
        assert_eq!(variant, expected, "{attack}: what a client says: {detail}");
        if let (Ok(trusted), Client::Ignores(name)) = (&said, self.client) {
            let found = trusted.search(&[role("targets")], &TargetName::from(name.to_owned()));
            assert_eq!(found, None, "{attack}: a client finds {name}");
        }

        let before = everything(&case.server, &case).await;
        let reply = case.server.publish(&case.publisher.gun, &case.next).await;
        match self.server {
            Server::Takes => {
                assert_eq!((reply.status, reply.text()), (StatusCode::OK, ""), "{attack}");
                self.hold_taken(&mut case).await;
            }
            Server::Refuses(name, message) => {
                expect_refused(attack, &reply, name, message);
                assert_eq!(everything(&case.server, &case).await, before, "{attack}: something was stored");
                case.server.publish(&case.publisher.gun, &case.honest).await.expect_ok();
                case.server.update(&case.publisher.gun).await;
            }
        }
    }

    /// A taken upload leaves a collection that can be published to, and that clients can use.
    async fn hold_taken(&self, case: &mut Case) {
        if let Some(mend) = self.mend {
            mend(case);
            case.server.publish(&case.publisher.gun, &case.next).await.expect_ok();
        } else {
            let next = case.publisher.next(&case.server, &[set("targets", "after", b"after")]).await;
            case.server.publish(&case.publisher.gun, &next).await.expect_ok();
        }
        case.server.update(&case.publisher.gun).await;
    }
}

/// Holds every row, also after one that does not hold.
async fn hold(rows: Vec<Row>) {
    let mut wrong = Vec::new();
    for row in rows {
        if AssertUnwindSafe(row.hold()).catch_unwind().await.is_err() {
            wrong.push(row.attack);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A refusal has a status and a name that old clients know, and a short body.
fn expect_refused(attack: &str, reply: &Reply, name: &str, message: &str) {
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{attack}: {}", reply.text());
    assert!(reply.body.len() < 1024, "{attack}");
    let body: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
    let error = &body["errors"][0];
    let found = error["detail"]["Name"].as_str().or(error["code"].as_str());
    assert_eq!(found, Some(name), "{attack}: {body}");
    let text = error["detail"]["Error"]["Msg"].as_str().unwrap_or_default();
    assert!(text.contains(message), "{attack}: {text:?} does not say {message:?}");
}

/// Every current file, and how many entries the changefeed has.
async fn everything(server: &TestServer, case: &Case) -> (BTreeMap<RoleName, Bytes>, usize) {
    let mut files = BTreeMap::new();
    for head in server.storage.heads(&case.publisher.gun).await.expect("read") {
        let file = server.storage.current(&case.publisher.gun, &head.role).await.expect("read");
        files.insert(head.role, file.expect("there").bytes);
    }
    (files, server.storage.changes(None, 0, 1000).await.expect("read").len())
}

/// The whole table.
fn rows() -> Vec<Row> {
    [
        roots::rows(),
        snapshots::rows(),
        targets::rows(),
        signatures::rows(),
        delegations::rows(),
        documents::rows(),
        numbers::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn server_takes_what_a_client_refuses_in_the_listed_rows_only() {
    let exceptions: Vec<_> = rows().into_iter().filter(Row::is_exception).map(|row| row.attack).collect();
    assert_eq!(
        exceptions,
        [
            "keys are taken from a delegate that has not signed again",
            "a delegate's file, under targets that expired since"
        ]
    );
}
