//! `signatures`: hex, without a method.

use serde::{Deserialize, Deserializer};

use crate::signature::Signature;

#[derive(Deserialize)]
struct Wire {
    keyid: String,
    sig: String,
}

/// Reads the list of signatures. One that is not hex counts for nothing.
///
/// Source: TUF 1.0.34 §4.2.1.
pub(in crate::metadata) fn signatures<'de, D: Deserializer<'de>>(
    list: D,
) -> Result<Vec<Signature>, D::Error> {
    let listed: Vec<Wire> = Vec::deserialize(list)?;
    let read = |Wire { keyid, sig }| Signature {
        keyid,
        method: String::new(),
        sig: hex::decode(sig).unwrap_or_default(),
    };
    Ok(listed.into_iter().map(read).collect())
}
