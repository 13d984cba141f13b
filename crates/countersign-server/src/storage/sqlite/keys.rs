//! The server's own keys, in a table modelled on the one of Notary's signer.

use async_trait::async_trait;
use countersign_core::name::Gun;
use countersign_core::time::DateTime;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::super::{KeyRow, KeyStorage, PendingKeys, StorageError};
use super::rows::{column, gun_of, stamp};
use super::{SqliteStorage, backend};
use crate::keys::OnlineRole;
use crate::keys::seal::{CIPHER, DERIVATION};

#[async_trait]
impl KeyStorage for SqliteStorage {
    async fn key(&self, gun: &Gun, role: OnlineRole, key_id: &str) -> Result<Option<KeyRow>, StorageError> {
        sqlx::query(
            "SELECT key_id, gun, role, algorithm, public, private, last_used FROM countersign_keys \
             WHERE key_id = ? AND gun = ? AND role = ? AND deleted_at IS NULL",
        )
        .bind(key_id)
        .bind(gun.as_str())
        .bind(role.name())
        .fetch_optional(&self.readers)
        .await
        .map_err(|source| backend("read a key", source))?
        .map(|row| key_of(&row))
        .transpose()
    }

    async fn unused_key(
        &self,
        gun: &Gun,
        role: OnlineRole,
        algorithm: &str,
        since: DateTime,
    ) -> Result<Option<KeyRow>, StorageError> {
        let mut connection = self.readers.acquire().await.map_err(|source| backend("be reached", source))?;
        unused(&mut connection, gun, role, algorithm, &stamp(since)).await
    }

    async fn add_key(&self, row: KeyRow, at: DateTime, pending: PendingKeys) -> Result<KeyRow, StorageError> {
        let mut write = self.write().await?;
        let added = add(&mut write, row, at, pending).await;
        write.end(added).await
    }

    async fn mark_used(&self, key_id: &str, at: DateTime) -> Result<(), StorageError> {
        let mut write = self.write().await?;
        let marked =
            sqlx::query("UPDATE countersign_keys SET last_used = ?1, updated_at = ?1 WHERE key_id = ?2")
                .bind(stamp(at))
                .bind(key_id)
                .execute(&mut *write)
                .await
                .map(drop)
                .map_err(|source| backend("note a key's use", source));
        write.end(marked).await
    }

    async fn any_key(&self) -> Result<Option<KeyRow>, StorageError> {
        sqlx::query(
            "SELECT key_id, gun, role, algorithm, public, private, last_used FROM countersign_keys \
             WHERE deleted_at IS NULL ORDER BY id DESC LIMIT 1",
        )
        .fetch_optional(&self.readers)
        .await
        .map_err(|source| backend("read a key", source))?
        .map(|row| key_of(&row))
        .transpose()
    }
}

async fn unused(
    connection: &mut SqliteConnection,
    gun: &Gun,
    role: OnlineRole,
    algorithm: &str,
    since: &str,
) -> Result<Option<KeyRow>, StorageError> {
    sqlx::query(
        "SELECT key_id, gun, role, algorithm, public, private, last_used FROM countersign_keys \
         WHERE gun = ? AND role = ? AND algorithm = ? AND last_used IS NULL AND deleted_at IS NULL \
         AND updated_at >= ? ORDER BY id LIMIT 1",
    )
    .bind(gun.as_str())
    .bind(role.name())
    .bind(algorithm)
    .bind(since)
    .fetch_optional(connection)
    .await
    .map_err(|source| backend("read a key", source))?
    .map(|row| key_of(&row))
    .transpose()
}

async fn add(
    connection: &mut SqliteConnection,
    row: KeyRow,
    at: DateTime,
    pending: PendingKeys,
) -> Result<KeyRow, StorageError> {
    if let Some(there) = unused(connection, &row.gun, row.role, &row.algorithm, "").await? {
        sqlx::query("UPDATE countersign_keys SET updated_at = ? WHERE key_id = ?")
            .bind(stamp(at))
            .bind(there.key_id.as_str())
            .execute(connection)
            .await
            .map_err(|source| backend("keep a key", source))?;
        return Ok(there);
    }
    make_room(connection, &row.gun, at, pending).await?;
    sqlx::query(
        "INSERT INTO countersign_keys (created_at, updated_at, key_id, encryption_alg, keywrap_alg, algorithm, \
         public, private, gun, role) VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )
    .bind(stamp(at))
    .bind(row.key_id.as_str())
    .bind(CIPHER)
    .bind(DERIVATION)
    .bind(row.algorithm.as_str())
    .bind(row.public.as_slice())
    .bind(row.sealed.as_slice())
    .bind(row.gun.as_str())
    .bind(row.role.name())
    .execute(connection)
    .await
    .map_err(|source| backend("store a key", source))?;
    Ok(row)
}

/// The keys that have not signed, of collections of which nothing is published: whoever asks gets one, without a name.
const PENDING: &str = "last_used IS NULL AND deleted_at IS NULL AND NOT EXISTS \
                       (SELECT 1 FROM tuf_files WHERE tuf_files.gun = countersign_keys.gun AND tuf_files.deleted_at IS NULL)";

/// Sees that there is room for one more pending key, if `gun` is a collection of which nothing is published.
async fn make_room(
    connection: &mut SqliteConnection,
    gun: &Gun,
    at: DateTime,
    pending: PendingKeys,
) -> Result<(), StorageError> {
    let published = sqlx::query("SELECT 1 FROM tuf_files WHERE gun = ? AND deleted_at IS NULL LIMIT 1")
        .bind(gun.as_str())
        .fetch_optional(&mut *connection)
        .await
        .map_err(|source| backend("read a collection", source))?;
    if published.is_some() || count(connection).await? < pending.most {
        return Ok(());
    }
    let old = at.plus_seconds(-pending.seconds);
    sqlx::query(AssertSqlSafe(format!("DELETE FROM countersign_keys WHERE updated_at < ? AND {PENDING}")))
        .bind(stamp(old))
        .execute(&mut *connection)
        .await
        .map_err(|source| backend("drop keys", source))?;
    let most = pending.most;
    if count(connection).await? < most { Ok(()) } else { Err(StorageError::PendingKeys { most }) }
}

/// How many pending keys there are.
async fn count(connection: &mut SqliteConnection) -> Result<u32, StorageError> {
    let count: i64 =
        sqlx::query(AssertSqlSafe(format!("SELECT COUNT(*) FROM countersign_keys WHERE {PENDING}")))
            .fetch_one(connection)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(|source| backend("count keys", source))?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

fn key_of(row: &SqliteRow) -> Result<KeyRow, StorageError> {
    let role: String = column(row, "role")?;
    Ok(KeyRow {
        key_id: column(row, "key_id")?,
        gun: gun_of(row)?,
        role: OnlineRole::of_name(&role).ok_or(StorageError::Row { what: "a key's role", value: role })?,
        algorithm: column(row, "algorithm")?,
        public: column(row, "public")?,
        sealed: column(row, "private")?,
        used: column::<Option<String>>(row, "last_used")?.is_some(),
    })
}
