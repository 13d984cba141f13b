//! The proposal that is kept for a collection: one row, or none.

use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_core::name::Gun;
use sqlx::SqliteConnection;

use super::super::{NewProposal, StorageError};
use super::backend;
use super::publish::current_timestamp;
use super::rows::{column, stamp};

pub(super) async fn kept(
    connection: &mut SqliteConnection,
    gun: &Gun,
) -> Result<Option<Bytes>, StorageError> {
    sqlx::query("SELECT data FROM countersign_proposals WHERE gun = ?")
        .bind(gun.as_str())
        .fetch_optional(connection)
        .await
        .map_err(|source| backend("read a proposal", source))?
        .map(|row| column::<Vec<u8>>(&row, "data").map(Bytes::from))
        .transpose()
}

pub(super) async fn keep(
    connection: &mut SqliteConnection,
    gun: &Gun,
    proposal: &NewProposal,
) -> Result<(), StorageError> {
    let NewProposal { base, before, bytes, at } = proposal;
    if current_timestamp(connection, gun).await? != Some(*base) || digest(connection, gun).await? != *before {
        return Err(StorageError::BaseChanged);
    }
    sqlx::query(
        "INSERT INTO countersign_proposals (gun, updated_at, sha256, data) VALUES (?, ?, ?, ?) \
         ON CONFLICT (gun) DO UPDATE SET updated_at = excluded.updated_at, sha256 = excluded.sha256, \
         data = excluded.data",
    )
    .bind(gun.as_str())
    .bind(stamp(*at))
    .bind(Digest::sha256(bytes).hex())
    .bind(bytes.as_ref())
    .execute(connection)
    .await
    .map(drop)
    .map_err(|source| backend("store a proposal", source))
}

pub(super) async fn drop_kept(
    connection: &mut SqliteConnection,
    gun: &Gun,
    which: Option<Digest>,
) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM countersign_proposals WHERE gun = ?1 AND (?2 IS NULL OR sha256 = ?2)")
        .bind(gun.as_str())
        .bind(which.map(|sha256| sha256.hex()))
        .execute(connection)
        .await
        .map(drop)
        .map_err(|source| backend("drop a proposal", source))
}

/// The SHA-256 of the kept proposal.
async fn digest(connection: &mut SqliteConnection, gun: &Gun) -> Result<Option<Digest>, StorageError> {
    Ok(kept(connection, gun).await?.map(|bytes| Digest::sha256(&bytes)))
}
