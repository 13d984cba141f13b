//! The tables of `trust inspect --pretty`.

use std::fmt::Write as _;

use super::{Inspected, Signer};

/// Digits of a signer's key id.
const SHORT_ID: usize = 12;

/// The text for one repository; between two there are two blank lines.
pub(super) fn text(inspected: &Inspected, is_first: bool) -> String {
    let name = &inspected.name;
    let mut text = if is_first { String::from("\n") } else { String::from("\n\n\n") };
    if inspected.signed_tags.is_empty() {
        let _ = write!(text, "No signatures for {name}\n\n");
    } else {
        let _ = write!(text, "Signatures for {name}\n\n");
        let rows = inspected.signed_tags.iter().map(|tag| {
            let signers = tag.signers.join(", ");
            let signers = if signers == super::REPOSITORY_ADMIN { format!("({signers})") } else { signers };
            [tag.tag.clone(), tag.digest.clone(), signers]
        });
        text.push_str(&table(
            [["SIGNED TAG", "DIGEST", "SIGNERS"].map(str::to_owned)].into_iter().chain(rows),
        ));
    }
    if !inspected.signers.is_empty() {
        let _ = write!(text, "\nList of signers and their keys for {name}\n\n");
        let mut signers: Vec<&Signer> = inspected.signers.iter().collect();
        signers.reverse();
        let rows = signers.into_iter().map(|signer| {
            let mut keys: Vec<_> = signer.keys.iter().map(|key| &key.id[..SHORT_ID]).collect();
            keys.sort_unstable();
            [signer.name.clone(), keys.join(", ")]
        });
        text.push_str(&table([["SIGNER", "KEYS"].map(str::to_owned)].into_iter().chain(rows)));
    }
    let _ = write!(text, "\nAdministrative keys for {name}\n\n");
    for administrator in inspected.administrative_keys.iter().rev() {
        let ids: Vec<_> = administrator.keys.iter().map(|key| key.id.as_str()).collect();
        let _ = writeln!(text, "  {} Key:\t{}", administrator.name, ids.join(", "));
    }
    text
}

/// Columns as Go's tab writer sets them: as wide as the widest cell, at least ten, and three blanks between.
///
/// Source: docker/cli `cli/command/formatter/formatter.go` (`NewWriter(w, 10, 1, 3, ' ', 0)`).
fn table<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<_> = rows.collect();
    let width = |column: usize| {
        let widest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        (widest + 3).max(10)
    };
    let widths: Vec<_> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            let width = if column + 1 == N { 0 } else { widths[column] };
            let _ = write!(text, "{cell:<width$}");
        }
        text.push('\n');
    }
    text
}
