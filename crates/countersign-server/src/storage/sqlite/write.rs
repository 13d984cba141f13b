//! A write transaction that leaves no broken connection behind.
//!
//! SQLite ends a transaction by itself on some errors, a full disk among them, and a future can be dropped in the
//! middle. A connection that may still be in a transaction, or no longer is in one that was begun, is closed and never
//! used again.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqlitePool;
use sqlx::{Executor as _, Sqlite, SqliteConnection};

use super::super::StorageError;
use super::backend;

/// A write transaction. Dropped before its end, it is rolled back.
pub(super) struct Write {
    connection: PoolConnection<Sqlite>,
    is_ended: bool,
}

impl Write {
    /// Begins a transaction; waits for whoever writes now.
    pub(super) async fn begin(pool: &SqlitePool) -> Result<Self, StorageError> {
        let connection = pool.acquire().await.map_err(|source| backend("be reached", source))?;
        let mut write = Self { connection, is_ended: false };
        write.run("BEGIN IMMEDIATE").await.map_err(|source| backend("begin a transaction", source))?;
        Ok(write)
    }

    /// Ends the transaction: what was written stays if `result` is good, and is undone if it is not.
    pub(super) async fn end<T>(mut self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        match result {
            Ok(value) => {
                self.run("COMMIT").await.map_err(|source| backend("commit", source))?;
                self.is_ended = true;
                Ok(value)
            }
            Err(error) => {
                self.is_ended = self.run("ROLLBACK").await.is_ok();
                Err(error)
            }
        }
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        (*self.connection).execute(statement).await.map(drop)
    }
}

impl Deref for Write {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        if !self.is_ended {
            self.connection.close_on_drop();
        }
    }
}
