//! The server's own keys, in a table modelled on the one of Notary's signer.

use async_trait::async_trait;
use countersign_core::name::Gun;
use countersign_core::time::DateTime;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::super::{KeyRow, KeyStorage, StorageError};
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
    ) -> Result<Option<KeyRow>, StorageError> {
        let mut connection = self.readers.acquire().await.map_err(|source| backend("be reached", source))?;
        unused(&mut connection, gun, role, algorithm).await
    }

    async fn add_key(&self, row: KeyRow, at: DateTime) -> Result<KeyRow, StorageError> {
        let mut write = self.write().await?;
        let added = add(&mut write, row, at).await;
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
) -> Result<Option<KeyRow>, StorageError> {
    sqlx::query(
        "SELECT key_id, gun, role, algorithm, public, private, last_used FROM countersign_keys \
         WHERE gun = ? AND role = ? AND algorithm = ? AND last_used IS NULL AND deleted_at IS NULL \
         ORDER BY id LIMIT 1",
    )
    .bind(gun.as_str())
    .bind(role.name())
    .bind(algorithm)
    .fetch_optional(connection)
    .await
    .map_err(|source| backend("read a key", source))?
    .map(|row| key_of(&row))
    .transpose()
}

async fn add(connection: &mut SqliteConnection, row: KeyRow, at: DateTime) -> Result<KeyRow, StorageError> {
    if let Some(there) = unused(connection, &row.gun, row.role, &row.algorithm).await? {
        return Ok(there);
    }
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
