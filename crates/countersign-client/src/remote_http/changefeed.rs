//! What a trust server has: the collections of its changefeed.
//!
//! Source: notary `server/handlers/changefeed.go`; reference behaviour 8.8.

use std::collections::BTreeSet;

use countersign_core::name::Gun;
use countersign_registry::auth::{Scope, Session};
use countersign_registry::http::Request;
use http::StatusCode;
use serde::Deserialize;

use super::answer::{fetch_error, status_error};
use crate::remote::FetchError;
use crate::trust_server::TrustServer;

/// Entries asked for at once.
const PAGE: usize = 1000;
/// Most pages that are read: a million entries.
const PAGES: usize = 1000;
/// Largest page, in bytes.
const PAGE_BYTES: u64 = 4 << 20;
/// Most that is read of an answer that is an error, in bytes.
const ERROR_BYTES: usize = 64 << 10;

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    records: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "GUN")]
    gun: String,
    #[serde(rename = "Category")]
    category: String,
}

/// The collections that a trust server says it has. A name that is none is left out.
///
/// # Errors
/// [`FetchError`]: it does not say, as most servers do not to everybody; or it has more than a million entries.
pub async fn collections(session: &Session, server: &TrustServer) -> Result<BTreeSet<Gun>, FetchError> {
    let host = server.host();
    let bad = |reason: &str| FetchError::BadAnswer { server: host.clone(), reason: reason.to_owned() };
    let (mut guns, mut last) = (BTreeSet::new(), 0_u64);
    for _ in 0..PAGES {
        let mut url = server.join("_trust/changefeed");
        url.set_query(Some(&format!("records={PAGE}&change_id={last}")));
        let sent = session.send(Request::get(url), &[Scope::catalog()]).await;
        let response = sent.map_err(|error| fetch_error(&host, error))?;
        if response.status() != StatusCode::OK {
            let status = response.status();
            response.read_prefix(ERROR_BYTES).await;
            return Err(status_error(&host, status));
        }
        let body = response.read_bounded(PAGE_BYTES).await;
        let body =
            body.map_err(|error| fetch_error(&host, countersign_registry::auth::AuthError::Http(error)))?;
        let page: Page = serde_json::from_slice(&body).map_err(|_| bad("its changefeed cannot be read"))?;
        let entries = page.records.unwrap_or_default();
        let Some(newest) = entries.last() else { return Ok(guns) };
        let id: u64 = newest.id.parse().map_err(|_| bad("an entry of its changefeed has no number"))?;
        if id <= last {
            return Err(bad("its changefeed goes backwards"));
        }
        last = id;
        for entry in entries {
            let Ok(gun) = entry.gun.parse::<Gun>() else { continue };
            if entry.category == "deletion" {
                guns.remove(&gun)
            } else {
                guns.insert(gun)
            };
        }
    }
    Err(bad("its changefeed has more entries than are read"))
}
