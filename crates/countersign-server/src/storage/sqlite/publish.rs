//! What a publish and a deletion write, inside a transaction that the caller begins and ends.

use countersign_core::digest::Digest;
use countersign_core::name::{Gun, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::time::DateTime;
use sqlx::{Row as _, SqliteConnection};

use super::super::{NewFile, Publication, StorageError};
use super::rows::{self, record_of, stamp};
use super::{backend, number, proposal};

pub(super) async fn publish(
    connection: &mut SqliteConnection,
    gun: &Gun,
    publication: &Publication,
) -> Result<(), StorageError> {
    if current_timestamp(connection, gun).await? != publication.base {
        return Err(StorageError::BaseChanged);
    }
    for file in &publication.files {
        insert(connection, gun, file, publication.at).await?;
    }
    if let Some(timestamp) = publication.files.iter().find(|file| file.role == TopRole::Timestamp) {
        prune_timestamps(connection, gun, timestamp.version).await?;
        if publication.announce {
            announce(connection, gun, timestamp, publication.at).await?;
        }
    }
    schedule(connection, gun, publication.renew_at).await
}

pub(super) async fn delete(
    connection: &mut SqliteConnection,
    gun: &Gun,
    at: DateTime,
) -> Result<bool, StorageError> {
    proposal::drop_kept(connection, gun, None).await?;
    let deleted = sqlx::query("DELETE FROM tuf_files WHERE gun = ?")
        .bind(gun.as_str())
        .execute(&mut *connection)
        .await
        .map_err(|source| backend("delete files", source))?
        .rows_affected();
    if deleted == 0 {
        return Ok(false);
    }
    sqlx::query("DELETE FROM countersign_renewals WHERE gun = ?")
        .bind(gun.as_str())
        .execute(&mut *connection)
        .await
        .map_err(|source| backend("delete a renewal", source))?;
    sqlx::query(
        "INSERT INTO changefeed (created_at, gun, version, sha256, category) VALUES (?, ?, 0, '', 'deletion')",
    )
    .bind(stamp(at))
    .bind(gun.as_str())
    .execute(connection)
    .await
    .map_err(|source| backend("write the changefeed", source))?;
    Ok(true)
}

pub(super) async fn current_timestamp(
    connection: &mut SqliteConnection,
    gun: &Gun,
) -> Result<Option<Digest>, StorageError> {
    sqlx::query(
        "SELECT role, version, sha256, CASE WHEN sha256 IS NULL THEN data END AS data FROM tuf_files \
         WHERE gun = ? AND role = 'timestamp' AND deleted_at IS NULL ORDER BY version DESC LIMIT 1",
    )
    .bind(gun.as_str())
    .fetch_optional(connection)
    .await
    .map_err(|source| backend("read the timestamp", source))?
    .map(|row| record_of(&row).map(|record| record.sha256))
    .transpose()
}

async fn insert(
    connection: &mut SqliteConnection,
    gun: &Gun,
    file: &NewFile,
    at: DateTime,
) -> Result<(), StorageError> {
    let highest: Option<i64> = sqlx::query(
        "SELECT max(version) AS version FROM tuf_files WHERE gun = ? AND role = ? AND deleted_at IS NULL",
    )
    .bind(gun.as_str())
    .bind(file.role.as_str())
    .fetch_one(&mut *connection)
    .await
    .and_then(|row| row.try_get("version"))
    .map_err(|source| backend("read a version", source))?;
    if let Some(highest) = highest {
        let stored = rows::version(highest)?;
        if stored >= file.version {
            let role = file.role.clone();
            return Err(StorageError::VersionConflict { role, offered: file.version, stored });
        }
    }
    sqlx::query(
        "INSERT INTO tuf_files (created_at, updated_at, gun, role, version, data, sha256) \
         VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .bind(stamp(at))
    .bind(gun.as_str())
    .bind(file.role.as_str())
    .bind(number(file.version))
    .bind(file.bytes.as_ref())
    .bind(Digest::sha256(&file.bytes).hex())
    .execute(connection)
    .await
    .map(drop)
    .map_err(|source| backend("store a file", source))
}

async fn prune_timestamps(
    connection: &mut SqliteConnection,
    gun: &Gun,
    below: MetaVersion,
) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM tuf_files WHERE gun = ? AND role = 'timestamp' AND version < ?")
        .bind(gun.as_str())
        .bind(number(below))
        .execute(connection)
        .await
        .map(drop)
        .map_err(|source| backend("prune timestamps", source))
}

async fn announce(
    connection: &mut SqliteConnection,
    gun: &Gun,
    timestamp: &NewFile,
    at: DateTime,
) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO changefeed (created_at, gun, version, sha256, category) VALUES (?, ?, ?, ?, 'update')",
    )
    .bind(stamp(at))
    .bind(gun.as_str())
    .bind(number(timestamp.version))
    .bind(Digest::sha256(&timestamp.bytes).hex())
    .execute(connection)
    .await
    .map(drop)
    .map_err(|source| backend("write the changefeed", source))
}

async fn schedule(connection: &mut SqliteConnection, gun: &Gun, due: DateTime) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO countersign_renewals (gun, due_at) VALUES (?, ?) \
         ON CONFLICT (gun) DO UPDATE SET due_at = excluded.due_at",
    )
    .bind(gun.as_str())
    .bind(stamp(due))
    .execute(connection)
    .await
    .map(drop)
    .map_err(|source| backend("schedule a renewal", source))
}
