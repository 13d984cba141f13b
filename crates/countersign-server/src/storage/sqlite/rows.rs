//! Rows to data. A row may have been written by another program, so nothing in it is taken for granted.

use bytes::Bytes;
use countersign_core::digest::{Algorithm, Digest};
use countersign_core::name::Gun;
use countersign_core::number::MetaVersion;
use countersign_core::time::DateTime;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::super::{Change, ChangeKind, FileRecord, StorageError, StoredFile};
use super::backend;

/// A time as a column holds it: UTC, `2026-11-24 00:27:22.0225`, which sorts as the times do.
pub(super) fn stamp(at: DateTime) -> String {
    at.to_string().replacen('T', " ", 1).trim_end_matches('Z').to_owned()
}

/// A time from a column, `None` when it is none or in a form of another program's.
fn moment(text: Option<&str>) -> Option<DateTime> {
    let text = text?.replacen(' ', "T", 1);
    text.parse().or_else(|_| format!("{text}Z").parse()).ok()
}

pub(super) fn version(number: i64) -> Result<MetaVersion, StorageError> {
    u64::try_from(number)
        .ok()
        .and_then(|number| MetaVersion::new(number).ok())
        .ok_or_else(|| StorageError::Row { what: "a version", value: number.to_string() })
}

pub(super) fn version_of(row: &SqliteRow) -> Result<MetaVersion, StorageError> {
    version(column(row, "version")?)
}

pub(super) fn gun_of(row: &SqliteRow) -> Result<Gun, StorageError> {
    let gun: String = column(row, "gun")?;
    gun.parse().map_err(|_| StorageError::Row { what: "a collection name", value: gun })
}

pub(super) fn file_of(row: &SqliteRow) -> Result<StoredFile, StorageError> {
    let bytes = Bytes::from(column::<Vec<u8>>(row, "data")?);
    let role: String = column(row, "role")?;
    let stored_at: Option<String> = row.try_get("created_at").ok();
    let sha256 = Digest::sha256(&bytes);
    let noted: Option<String> = column(row, "sha256")?;
    if noted.is_some_and(|noted| noted != sha256.hex()) {
        return Err(StorageError::Row { what: "a file unlike its checksum, of role", value: role });
    }
    Ok(StoredFile {
        role: role.parse().map_err(|_| StorageError::Row { what: "a role", value: role })?,
        version: version_of(row)?,
        sha256,
        bytes,
        stored_at: moment(stored_at.as_deref()),
    })
}

pub(super) fn record_of(row: &SqliteRow) -> Result<FileRecord, StorageError> {
    let role: String = column(row, "role")?;
    let sha256 = match column::<Option<String>>(row, "sha256")? {
        Some(text) => checksum(&text)?,
        None => Digest::sha256(&column::<Vec<u8>>(row, "data")?),
    };
    Ok(FileRecord {
        role: role.parse().map_err(|_| StorageError::Row { what: "a role", value: role })?,
        version: version_of(row)?,
        sha256,
    })
}

pub(super) fn change_of(row: &SqliteRow) -> Result<Change, StorageError> {
    let category: String = column(row, "category")?;
    let at: Option<String> = row.try_get("created_at").ok();
    let kind = match category.as_str() {
        "update" => ChangeKind::Update {
            version: version_of(row)?,
            sha256: checksum(&column::<Option<String>>(row, "sha256")?.unwrap_or_default())?,
        },
        "deletion" => ChangeKind::Deletion,
        _ => return Err(StorageError::Row { what: "a category", value: category }),
    };
    Ok(Change { id: column(row, "id")?, at: moment(at.as_deref()), gun: column(row, "gun")?, kind })
}

pub(super) fn column<'row, T>(row: &'row SqliteRow, name: &'static str) -> Result<T, StorageError>
where
    T: sqlx::Decode<'row, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(name).map_err(|source| backend("give a column as it should be", source))
}

fn checksum(text: &str) -> Result<Digest, StorageError> {
    hex::decode(text)
        .ok()
        .and_then(|bytes| Digest::from_bytes(Algorithm::Sha256, &bytes).ok())
        .ok_or_else(|| StorageError::Row { what: "a checksum", value: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime {
        text.parse().expect("a time")
    }

    #[test]
    fn stamp_sorts_as_times_do() {
        let times = [
            "2026-11-24T00:27:22Z",
            "2026-11-24T00:27:22.03Z",
            "2026-11-24T00:27:22.5Z",
            "2026-11-24T00:27:23Z",
        ];
        let stamps: Vec<_> = times.into_iter().map(|time| stamp(at(time))).collect();
        assert!(stamps.is_sorted(), "{stamps:?}");
        assert_eq!(stamps[1], "2026-11-24 00:27:22.03");
    }

    #[test]
    fn moment_reads_ours_and_other_databases_forms() {
        let time = at("2026-11-24T00:27:22.5Z");
        assert_eq!(moment(Some(&stamp(time))), Some(time));
        assert_eq!(moment(Some("2026-11-24 00:27:22.5+00:00")), Some(time));
        assert_eq!(moment(Some("yesterday")), None);
        assert_eq!(moment(None), None);
    }
}
