//! The embedded store: one SQLite file with Notary's table layout.
//!
//! Two pools share the file: one connection writes, so that writers queue here instead of meeting `SQLITE_BUSY`, and
//! several read. Another process may use the same file; both then wait for each other, at most ten seconds.

mod keys;
mod proposal;
mod publish;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod write;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_core::name::{Gun, RoleName};
use countersign_core::number::MetaVersion;
use countersign_core::time::DateTime;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use self::publish::{delete, publish};
use self::rows::{change_of, file_of, record_of, stamp};
use self::write::Write;
use super::{Change, FileRecord, NewProposal, Publication, Storage, StorageError, StoredFile};

/// How long a writer waits for a neighbour's transaction.
const BUSY: Duration = Duration::from_secs(10);
const READERS: u32 = 4;

/// A store in one SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteStorage {
    readers: SqlitePool,
    writer: SqlitePool,
}

impl SqliteStorage {
    /// Opens the store in `file`, and makes it, readable by its owner only, when it is not there.
    ///
    /// # Errors
    /// - [`StorageError::Schema`]: a later version of this program made it.
    /// - [`StorageError::Backend`]: it cannot be opened, or is no database.
    pub async fn open(file: &Path) -> Result<Self, StorageError> {
        private_file(file).map_err(|source| backend("open", source))?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .optimize_on_close(false, None);
        let pool = |connections| {
            SqlitePoolOptions::new().max_connections(connections).acquire_timeout(BUSY + BUSY / 2)
        };
        let writer = pool(1).connect_with(options.clone()).await.map_err(|source| backend("open", source))?;
        schema::migrate(&writer).await?;
        let readers = pool(READERS)
            .connect_with(options.read_only(true))
            .await
            .map_err(|source| backend("open", source))?;
        Ok(Self { readers, writer })
    }

    /// Ends every connection; the write-ahead log is folded into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn write(&self) -> Result<Write, StorageError> {
        Write::begin(&self.writer).await
    }
}

#[async_trait]
impl Storage for SqliteStorage {
    async fn current(&self, gun: &Gun, role: &RoleName) -> Result<Option<StoredFile>, StorageError> {
        sqlx::query(
            "SELECT role, version, data, sha256, created_at FROM tuf_files \
             WHERE gun = ? AND role = ? AND deleted_at IS NULL ORDER BY version DESC LIMIT 1",
        )
        .bind(gun.as_str())
        .bind(role.as_str())
        .fetch_optional(&self.readers)
        .await
        .map_err(|source| backend("read a file", source))?
        .map(|row| file_of(&row))
        .transpose()
    }

    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: MetaVersion,
    ) -> Result<Option<StoredFile>, StorageError> {
        sqlx::query(
            "SELECT role, version, data, sha256, created_at FROM tuf_files \
             WHERE gun = ? AND role = ? AND version = ? AND deleted_at IS NULL",
        )
        .bind(gun.as_str())
        .bind(role.as_str())
        .bind(number(version))
        .fetch_optional(&self.readers)
        .await
        .map_err(|source| backend("read a file", source))?
        .map(|row| file_of(&row))
        .transpose()
    }

    async fn by_checksum(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: &Digest,
    ) -> Result<Option<StoredFile>, StorageError> {
        sqlx::query(
            "SELECT role, version, data, sha256, created_at FROM tuf_files \
             WHERE sha256 = ? AND gun = ? AND role = ? AND deleted_at IS NULL ORDER BY version DESC LIMIT 1",
        )
        .bind(sha256.hex())
        .bind(gun.as_str())
        .bind(role.as_str())
        .fetch_optional(&self.readers)
        .await
        .map_err(|source| backend("read a file", source))?
        .map(|row| file_of(&row))
        .transpose()
    }

    async fn versions(&self, gun: &Gun, role: &RoleName) -> Result<Vec<MetaVersion>, StorageError> {
        sqlx::query(
            "SELECT version FROM tuf_files WHERE gun = ? AND role = ? AND deleted_at IS NULL ORDER BY version",
        )
        .bind(gun.as_str())
        .bind(role.as_str())
        .fetch_all(&self.readers)
        .await
        .map_err(|source| backend("list versions", source))?
        .iter()
        .map(rows::version_of)
        .collect()
    }

    async fn heads(&self, gun: &Gun) -> Result<Vec<FileRecord>, StorageError> {
        sqlx::query(
            // One step of the index per role, however many versions there are.
            "WITH RECURSIVE roles (role) AS ( \
               SELECT min(role) FROM tuf_files WHERE gun = ?1 \
               UNION ALL \
               SELECT (SELECT min(role) FROM tuf_files WHERE gun = ?1 AND role > roles.role) FROM roles \
               WHERE roles.role IS NOT NULL) \
             SELECT files.role, files.version, files.sha256, \
               CASE WHEN files.sha256 IS NULL THEN files.data END AS data \
             FROM roles JOIN tuf_files AS files ON files.gun = ?1 AND files.role = roles.role \
             WHERE files.version = (SELECT max(version) FROM tuf_files \
               WHERE gun = ?1 AND role = roles.role AND deleted_at IS NULL) \
             ORDER BY files.role",
        )
        .bind(gun.as_str())
        .fetch_all(&self.readers)
        .await
        .map_err(|source| backend("list files", source))?
        .iter()
        .map(record_of)
        .collect()
    }

    async fn publish(&self, gun: &Gun, publication: &Publication) -> Result<(), StorageError> {
        let mut write = self.write().await?;
        let published = publish(&mut write, gun, publication).await;
        write.end(published).await
    }

    async fn delete(&self, gun: &Gun, at: DateTime) -> Result<bool, StorageError> {
        let mut write = self.write().await?;
        let deleted = delete(&mut write, gun, at).await;
        write.end(deleted).await
    }

    async fn proposal(&self, gun: &Gun) -> Result<Option<Bytes>, StorageError> {
        let mut connection = self.readers.acquire().await.map_err(|source| backend("be reached", source))?;
        proposal::kept(&mut connection, gun).await
    }

    async fn keep_proposal(&self, gun: &Gun, proposal: &NewProposal) -> Result<(), StorageError> {
        let mut write = self.write().await?;
        let kept = proposal::keep(&mut write, gun, proposal).await;
        write.end(kept).await
    }

    async fn drop_proposal(&self, gun: &Gun, which: Option<Digest>) -> Result<(), StorageError> {
        let mut write = self.write().await?;
        let dropped = proposal::drop_kept(&mut write, gun, which).await;
        write.end(dropped).await
    }

    async fn changes(&self, gun: Option<&Gun>, after: i64, limit: u32) -> Result<Vec<Change>, StorageError> {
        let of_one = "SELECT id, created_at, gun, version, sha256, category FROM changefeed WHERE gun = ? AND id > ? ORDER BY id LIMIT ?";
        let of_all = "SELECT id, created_at, gun, version, sha256, category FROM changefeed WHERE id > ? ORDER BY id LIMIT ?";
        let query = match gun {
            Some(gun) => sqlx::query(of_one).bind(gun.as_str()),
            None => sqlx::query(of_all),
        };
        query
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await
            .map_err(|source| backend("read the changefeed", source))?
            .iter()
            .map(change_of)
            .collect()
    }

    async fn renewals_due(&self, now: DateTime, limit: u32) -> Result<Vec<Gun>, StorageError> {
        let rows =
            sqlx::query("SELECT gun FROM countersign_renewals WHERE due_at <= ? ORDER BY due_at LIMIT ?")
                .bind(stamp(now))
                .bind(i64::from(limit))
                .fetch_all(&self.readers)
                .await
                .map_err(|source| backend("list renewals", source))?;
        rows.iter().map(rows::gun_of).collect()
    }

    async fn postpone_renewal(&self, gun: &Gun, until: DateTime) -> Result<(), StorageError> {
        let mut write = self.write().await?;
        let postponed = sqlx::query("UPDATE countersign_renewals SET due_at = ? WHERE gun = ?")
            .bind(stamp(until))
            .bind(gun.as_str())
            .execute(&mut *write)
            .await
            .map(drop)
            .map_err(|source| backend("postpone a renewal", source));
        write.end(postponed).await
    }

    async fn hasten_renewals(&self, latest: DateTime) -> Result<(), StorageError> {
        let mut write = self.write().await?;
        let hastened = sqlx::query("UPDATE countersign_renewals SET due_at = ?1 WHERE due_at > ?1")
            .bind(stamp(latest))
            .execute(&mut *write)
            .await
            .map(drop)
            .map_err(|source| backend("hasten renewals", source));
        write.end(hastened).await
    }

    async fn health(&self) -> Result<(), StorageError> {
        sqlx::query("SELECT id FROM tuf_files LIMIT 1")
            .fetch_optional(&self.readers)
            .await
            .map(drop)
            .map_err(|source| backend("answer", source))
    }
}

fn number(version: MetaVersion) -> i64 {
    version.get().cast_signed()
}

fn backend(
    action: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StorageError {
    StorageError::Backend { action, source: source.into() }
}

/// Makes the file with mode 0600 before SQLite does, so that it and its log are nobody else's.
fn private_file(file: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}
