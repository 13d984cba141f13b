//! The table of attacks: what is served to whom, and what comes of it.
//!
//! Each row is tried on somebody who knows the collection and on somebody who meets it for the first time, unless it says
//! otherwise. After a refusal nothing is kept, no digest is told, and the next honest edition is trusted.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_client::cache::Cache as _;
use countersign_client::lookup::{LookupError, resolve_tag};
use countersign_client::updater::{DelegationFault, Releases, UpdateError};
use countersign_core::digest::Digest;
use futures_util::FutureExt as _;

use super::case::{Case, raise};
use crate::collection::{Files, Sim, name, role};
use crate::simulator::{Asker, SimServer};

/// Who is attacked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Whom {
    Both,
    /// Somebody who trusts the second edition.
    Known,
    /// Somebody who meets the collection for the first time.
    Stranger,
}

/// What comes of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// The variant of the error, and a part of what it says.
    Refused(&'static str, &'static str),
    /// The files are trusted, and the tag `v1` means this content.
    Means(&'static str),
    /// The files are trusted, and the tag `evil` means nothing.
    Unheard,
}

/// One attack.
pub(super) struct Row {
    pub(super) attack: String,
    /// Ids of findings and advisories that it stands for.
    pub(super) ids: &'static str,
    pub(super) whom: Whom,
    pub(super) outcome: Outcome,
    edit: Box<dyn Fn(&mut Case)>,
}

impl Row {
    pub(super) fn new(
        attack: impl Into<String>,
        outcome: Outcome,
        edit: impl Fn(&mut Case) + 'static,
    ) -> Self {
        Self { attack: attack.into(), ids: "", whom: Whom::Both, outcome, edit: Box::new(edit) }
    }

    pub(super) fn ids(self, ids: &'static str) -> Self {
        Self { ids, ..self }
    }

    /// Only for those who know the collection.
    pub(super) fn known(self) -> Self {
        Self { whom: Whom::Known, ..self }
    }

    /// Only for those who do not.
    pub(super) fn stranger(self) -> Self {
        Self { whom: Whom::Stranger, ..self }
    }

    async fn hold(&self) {
        for is_known in [true, false] {
            if self.whom != if is_known { Whom::Stranger } else { Whom::Known } {
                self.hold_for(is_known).await;
            }
        }
    }

    async fn hold_for(&self, is_known: bool) {
        let (sim, old) = two_editions();
        let server = SimServer::with(&old);
        server.publish(&sim.files());
        let asker = Asker::of(&sim, &server);
        if is_known {
            assert_eq!(asker.digest("v1").await, Digest::sha256(b"second"));
        }
        let before = kept(&asker).await;
        let mut case = Case::after(&sim, &old);
        (self.edit)(&mut case);
        let files = case.files();
        server.publish(&files);
        if files.root != sim.files().root {
            server.serve("2.root.json", &files.root);
        }
        serve_by_checksum(&server, &files);
        let told = format!("{} (known: {is_known})", self.attack);
        let pulled = asker.pull().await;
        match (self.outcome, pulled) {
            (Outcome::Refused(variant, text), Err(error)) => {
                assert_eq!(variant_of(&error), variant, "{told}: {error:?}");
                assert!(whole(&error).contains(text), "{told}: {}", whole(&error));
                assert_eq!(kept(&asker).await, before, "{told}: something of it was kept");
                next_is_trusted(&sim, &server, &asker).await;
            }
            (Outcome::Means(content), Ok(refreshed)) => {
                let found = resolve_tag(&refreshed.collection, &name("v1"), Releases::Required);
                assert_eq!(found.expect("signed").digest, Digest::sha256(content.as_bytes()), "{told}");
            }
            (Outcome::Unheard, Ok(refreshed)) => {
                let found = resolve_tag(&refreshed.collection, &name("evil"), Releases::Required);
                let unheard = LookupError::NotSigned { tag: name("evil") };
                assert_eq!(found.expect_err("nothing"), unheard, "{told}");
            }
            (outcome, pulled) => panic!("{told}: {outcome:?}, and {:?}", pulled.map(drop)),
        }
    }
}

/// Serves each file under the checksum that is asked for, whatever its own is.
fn serve_by_checksum(server: &SimServer, files: &Files) {
    let listed = |lister: &Bytes, of: &str| {
        let lister: serde_json::Value = serde_json::from_slice(lister).ok()?;
        let hash = lister["signed"]["meta"][of]["hashes"]["sha256"].as_str()?;
        Some(hex::encode(STANDARD.decode(hash).ok()?))
    };
    let snapshot = [("snapshot".to_owned(), &files.timestamp, &files.snapshot)];
    let roles = files.roles.iter().map(|(of, file)| (of.to_string(), &files.snapshot, file));
    for (of, lister, file) in snapshot.into_iter().chain(roles) {
        if let Some(checksum) = listed(lister, &of) {
            server.serve(&format!("{of}.{checksum}.json"), file);
        }
    }
}

/// A collection with `targets/releases` at its second edition, and the files of its first.
fn two_editions() -> (Sim, Files) {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    sim.set_in("targets/releases", "v1", b"first");
    let old = sim.files();
    sim.set_in("targets/releases", "v1", b"second");
    sim.publish();
    (sim, old)
}

/// Everything that the cache holds, and what was seen.
async fn kept(asker: &Asker) -> String {
    let cached = asker.cache.load(asker.gun(), &[], &asker.settings.limits).await.expect("memory");
    format!("{:?} {:?} {:?}", asker.cached().await, cached.seen, cached.confirmed)
}

async fn next_is_trusted(sim: &Sim, server: &Arc<SimServer>, asker: &Asker) {
    let mut honest = sim.clone();
    raise(&mut honest, 1000);
    honest.set_in("targets/releases", "v1", b"third");
    server.publish(&honest.files());
    assert_eq!(asker.digest("v1").await, Digest::sha256(b"third"));
    assert!(honest.roles.contains_key(&role("targets/releases")));
}

/// The variant of what was refused.
pub(super) fn variant_of(error: &UpdateError) -> String {
    let debug = match error {
        UpdateError::Untrusted(error)
        | UpdateError::Releases { source: DelegationFault::Untrusted(error), .. } => format!("{error:?}"),
        error => format!("{error:?}"),
    };
    debug.chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// An error with its causes.
pub(super) fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Tries every row, and names those that fail.
pub(super) async fn hold(rows: Vec<Row>) {
    let mut failed = Vec::new();
    for row in rows {
        if AssertUnwindSafe(row.hold()).catch_unwind().await.is_err() {
            failed.push(row.attack);
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Every row of every table.
fn rows() -> Vec<Row> {
    let tables = [
        super::versions::rows(),
        super::time::rows(),
        super::whose::rows(),
        super::methods::rows(),
        super::rotation::rows(),
        super::documents::rows(),
        super::escalation::rows(),
    ];
    tables.into_iter().flatten().collect()
}

/// The row as the page shows it.
fn line(row: &Row) -> String {
    let whom = match row.whom {
        Whom::Both => "both",
        Whom::Known => "known",
        Whom::Stranger => "first use",
    };
    let outcome = match row.outcome {
        Outcome::Refused(variant, _) => format!("`{variant}`"),
        Outcome::Means(content) => format!("trusted: the tag means the {content} edition's"),
        Outcome::Unheard => "trusted, and the tag means nothing".to_owned(),
    };
    format!("| {} | {} | {whom} | {outcome} |", row.attack, row.ids)
}

#[test]
fn page_shows_every_row_and_nothing_else() {
    const PAGE: &str = include_str!("../../../../../docs/security/attacks.md");
    let table: Vec<String> = rows().iter().map(line).collect();
    let shown = PAGE
        .split_once("<!-- clients -->\n")
        .and_then(|(_, rest)| rest.split_once("<!-- end of clients -->"));
    let shown: Vec<&str> =
        shown.map_or("", |(shown, _)| shown).lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(shown == table, "the table on the page should be:\n{}", table.join("\n"));
}
