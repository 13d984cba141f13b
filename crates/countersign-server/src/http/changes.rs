//! The changefeed: what was published and deleted, for mirrors and for whoever looks for a key.
//!
//! Source: notary `server/handlers/changefeed.go`; reference behaviour 8.8.

use axum::response::Response;
use countersign_core::name::Gun;
use serde_json::{Value, json};

use super::error::ApiError;
use super::{Api, text};
use crate::storage::{Change, ChangeKind};

/// What `records=0` asks for.
const DEFAULT: u32 = 100;
/// Most entries of one answer.
const MOST: u32 = 1000;

/// Answers with the entries after `change_id`, at most `records` of them.
///
/// Deviation: Notary has no maximum, and reads negative numbers as counts from the end; here one answer has at most 1,000 entries, and
/// negative numbers are refused (`changefeed_is_served_in_pages`).
pub(super) async fn serve(api: &Api, gun: Option<&Gun>, query: Option<&str>) -> Result<Response, ApiError> {
    let parameters = query.unwrap_or_default().split('&').filter_map(|parameter| parameter.split_once('='));
    let (mut records, mut after) = (None, 0);
    for (name, value) in parameters {
        match name {
            "records" => records = Some(value.parse::<u32>().map_err(|_| ApiError::Parameter)?),
            "change_id" => {
                after = value.parse::<i64>().ok().filter(|id| *id >= 0).ok_or(ApiError::Parameter)?;
            }
            _ => {}
        }
    }
    let records = match records.ok_or(ApiError::Parameter)? {
        0 => DEFAULT,
        records => records.min(MOST),
    };
    let changes = api.service.changes(gun, after, records).await?;
    let records = if changes.is_empty() { Value::Null } else { changes.iter().map(entry).collect() };
    Ok(text(json!({ "count": changes.len(), "records": records }).to_string()))
}

fn entry(change: &Change) -> Value {
    let (version, sha256, category) = match &change.kind {
        ChangeKind::Update { version, sha256 } => (version.get(), sha256.hex(), "update"),
        ChangeKind::Deletion => (0, String::new(), "deletion"),
    };
    json!({
        "ID": change.id.to_string(),
        "CreatedAt": change.at.map(|at| at.to_string()),
        "GUN": change.gun,
        "Version": version,
        "SHA256": sha256,
        "Category": category,
    })
}
