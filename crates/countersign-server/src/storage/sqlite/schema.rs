//! The tables: Notary's own three, and three more of ours.
//!
//! Every statement may run on a database that has its table already, with rows that this program did not write.
//!
//! Source: notary `migrations/server/mysql/*.sql`, `migrations/signer/mysql/*.sql`.

use sqlx::sqlite::SqlitePool;
use sqlx::{Executor as _, Row as _, SqliteConnection};

use super::super::StorageError;
use super::backend;
use super::write::Write;

// `data` is the last column, which Notary's is not: SQLite reads a row up to the column that it wants.
/// The schema version that this program writes (`PRAGMA user_version`).
const KNOWN: i64 = 1;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS tuf_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at TIMESTAMP NULL,
    updated_at TIMESTAMP NULL,
    deleted_at TIMESTAMP NULL,
    gun VARCHAR(255) NOT NULL,
    role VARCHAR(255) NOT NULL,
    version INTEGER NOT NULL,
    sha256 CHAR(64) NULL,
    data BLOB NOT NULL,
    UNIQUE (gun, role, version)
);
CREATE INDEX IF NOT EXISTS tuf_files_sha256_idx ON tuf_files (sha256);
CREATE TABLE IF NOT EXISTS change_category (category VARCHAR(20) PRIMARY KEY NOT NULL);
INSERT OR IGNORE INTO change_category (category) VALUES ('update'), ('deletion');
CREATE TABLE IF NOT EXISTS changefeed (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    gun VARCHAR(255) NOT NULL,
    version INTEGER NOT NULL,
    sha256 CHAR(64) NULL,
    category VARCHAR(20) NOT NULL DEFAULT 'update' REFERENCES change_category (category)
);
CREATE INDEX IF NOT EXISTS idx_changefeed_gun ON changefeed (gun);
CREATE TABLE IF NOT EXISTS countersign_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at TIMESTAMP NULL,
    updated_at TIMESTAMP NULL,
    deleted_at TIMESTAMP NULL,
    key_id VARCHAR(255) NOT NULL UNIQUE,
    encryption_alg VARCHAR(255) NOT NULL,
    keywrap_alg VARCHAR(255) NOT NULL,
    algorithm VARCHAR(50) NOT NULL,
    public BLOB NOT NULL,
    private BLOB NOT NULL,
    gun VARCHAR(255) NOT NULL,
    role VARCHAR(255) NOT NULL,
    last_used TIMESTAMP NULL
);
CREATE INDEX IF NOT EXISTS countersign_keys_gun_role ON countersign_keys (gun, role);
CREATE INDEX IF NOT EXISTS countersign_keys_unused ON countersign_keys (updated_at, gun)
    WHERE last_used IS NULL AND deleted_at IS NULL;
CREATE TABLE IF NOT EXISTS countersign_renewals (
    gun VARCHAR(255) PRIMARY KEY NOT NULL,
    due_at TIMESTAMP NOT NULL
);
CREATE INDEX IF NOT EXISTS countersign_renewals_due_at ON countersign_renewals (due_at);
CREATE TABLE IF NOT EXISTS countersign_proposals (
    gun VARCHAR(255) PRIMARY KEY NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    sha256 CHAR(64) NOT NULL,
    data BLOB NOT NULL
);
";

/// A collection that Notary stored has no renewal entry: it is due at once, and the task finds out when it really is.
const ADOPT: &str = "
INSERT OR IGNORE INTO countersign_renewals (gun, due_at)
SELECT DISTINCT gun, '0001-01-01 00:00:00' FROM tuf_files WHERE role = 'timestamp' AND deleted_at IS NULL;
";

/// Brings the database to this program's schema, in one transaction.
pub(super) async fn migrate(pool: &SqlitePool) -> Result<(), StorageError> {
    let mut write = Write::begin(pool).await?;
    let migrated = take_tables(&mut write).await;
    write.end(migrated).await
}

async fn take_tables(connection: &mut SqliteConnection) -> Result<(), StorageError> {
    let found: i64 = sqlx::query("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|source| backend("say its schema version", source))?;
    if found > KNOWN {
        return Err(StorageError::Schema { found, known: KNOWN });
    }
    for statements in [TABLES, ADOPT, "PRAGMA user_version = 1;"] {
        (*connection).execute(statements).await.map_err(|source| backend("take its tables", source))?;
    }
    Ok(())
}
