//! Files that are withheld until they are over, and times at the edge.

use countersign_client::updater::{Roles, UpdateError};
use countersign_core::digest::Digest;
use countersign_core::time::UpdateStart;
use countersign_core::trust::TrustError;

use super::table::Outcome::{Means, Refused};
use super::table::{Row, hold};
use crate::collection::{Sim, now};
use crate::simulator::{Asker, SimServer};

const YEAR: i64 = 365 * 24 * 3600;
const ROLES: [&str; 5] = ["root", "timestamp", "snapshot", "targets", "targets/releases"];

/// Replaces the expiry of a file by this text, and signs that.
fn expiring(of: &'static str, what: &str, at: String, outcome: super::table::Outcome) -> Row {
    Row::new(format!("{of} that expires {what}"), outcome, move |case| {
        if of == "root" {
            case.sim.next_root();
        }
        case.edit_signed(of, r#""expires":"2026-11-24T13:00:00Z""#, &format!(r#""expires":"{at}""#));
    })
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for of in ROLES {
        let time = |seconds| now().plus_seconds(seconds).to_string();
        rows.extend([
            expiring(of, "at this very instant", time(0), Refused("Expired", "expired at")).ids("NCC 2015-2"),
            expiring(of, "years ago", "1999-12-31T23:59:59Z".to_owned(), Refused("Expired", "expired at")),
            expiring(of, "in a second", time(1), Means("second")),
            expiring(of, "in the year 9999", "9999-12-31T23:59:59Z".to_owned(), Means("second")),
            expiring(
                of,
                "on a thirtieth of February",
                "2027-02-30T00:00:00Z".to_owned(),
                Refused("Metadata", of),
            ),
            expiring(of, "in the year 10000", "10000-01-01T00:00:00Z".to_owned(), Refused("Metadata", of)),
            expiring(of, "without a time zone", "2027-01-01T00:00:00".to_owned(), Refused("Metadata", of)),
            expiring(of, "in a leap second", "2026-12-31T23:59:60Z".to_owned(), Refused("Metadata", of)),
        ]);
    }
    rows
}

#[tokio::test]
async fn time_has_its_outcome() {
    hold(rows()).await;
}

/// The server shows one client what it showed before, while others move on.
#[tokio::test]
async fn frozen_client_stays_until_the_timestamp_is_over_and_is_then_refused() {
    let mut sim = Sim::new();
    let frozen = SimServer::with(&sim.files());
    let moving = SimServer::with(&sim.files());
    let (victim, other) = (Asker::of(&sim, &frozen), Asker::of(&sim, &moving));
    for asker in [&victim, &other] {
        assert_eq!(asker.digest("v1").await, Digest::sha256(b"first"));
    }
    let later = now().plus_seconds(7200);
    (sim.root.expires, sim.snapshot.expires, sim.timestamp.expires) = (later, later, later);
    sim.targets("targets").expires = later;
    sim.next_root();
    sim.set("v1", b"second");
    moving.publish(&sim.publish());
    assert_eq!(other.digest("v1").await, Digest::sha256(b"second"));
    assert_eq!(victim.digest("v1").await, Digest::sha256(b"first"), "what is signed holds for its lifetime");
    let before = victim.cached().await;
    victim.wait(3600);
    let error = victim.pull().await.expect_err("frozen");
    assert!(matches!(&error, UpdateError::Untrusted(TrustError::Expired { .. })), "{error:?}");
    assert_eq!(victim.cached().await, before);
    frozen.publish(&sim.files());
    assert_eq!(victim.digest("v1").await, Digest::sha256(b"second"));
}

/// A clock that is years ahead finds everything expired; one that is years behind finds certificates not valid yet.
#[tokio::test]
async fn clock_that_is_years_off_trusts_nothing_and_keeps_what_was_trusted() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let known = Asker::of(&sim, &server);
    known.digest("v1").await;
    for (asker, is_known) in [(&known, true), (&Asker::of(&sim, &server), false)] {
        let before = asker.cached().await;
        for years in [1, 7000, -1, -50] {
            let start = UpdateStart(now().plus_seconds(years * YEAR));
            let error =
                asker.updater().refresh(start, Roles::Pull).await.map(drop).expect_err("another time");
            let expected = match &error {
                UpdateError::Untrusted(TrustError::Expired { .. }) => years == 1,
                UpdateError::Untrusted(TrustError::NoLeaf { .. }) => years != 1,
                _ => false,
            };
            assert!(expected, "{years}, known {is_known}: {error:?}");
            assert_eq!(asker.cached().await, before, "{years}, known {is_known}");
        }
        assert_eq!(asker.digest("v1").await, Digest::sha256(b"first"));
    }
}
