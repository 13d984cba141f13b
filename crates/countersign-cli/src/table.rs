//! Tables as Notary prints them.

use std::fmt::Write as _;

/// Spaces between two columns.
const PADDING: usize = 4;

/// A table with headings, a line of dashes below them, and rows.
///
/// Every cell but a row's last is padded, so a row with an empty last cell ends in spaces, as Notary's do.
///
/// Source: notary `cmd/notary/prettyprint.go`, Go `text/tabwriter`.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let dashes = headings.map(|heading| "-".repeat(heading.len()));
    let head = [headings.map(str::to_owned), dashes];
    let mut widths = [0; N];
    for row in head.iter().chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in head.iter().chain(rows) {
        for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
            let width = if index + 1 == N { 0 } else { width + PADDING };
            let _ = write!(text, "{cell:<width$}");
        }
        text.push('\n');
    }
    text
}

/// The last part of a long text, after `...`, `limit` characters in all.
///
/// Source: notary `cmd/notary/prettyprint.go` (`truncateWithEllipsis`).
pub(crate) fn keep_end(text: &str, limit: usize) -> String {
    let count = text.chars().count();
    if count <= limit {
        return text.to_owned();
    }
    let end: String = text.chars().skip(count - limit.saturating_sub(3)).collect();
    format!("...{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_laid_out_as_notary_does() {
        let row = ["0", "create", "targets", "target", "v2"].map(str::to_owned);
        assert_eq!(
            table(["#", "ACTION", "SCOPE", "TYPE", "PATH"], &[row]),
            "#    ACTION    SCOPE      TYPE      PATH\n\
             -    ------    -----      ----      ----\n\
             0    create    targets    target    v2\n"
        );
    }

    #[test]
    fn table_pads_before_an_empty_last_cell() {
        let rows = [["a".to_owned(), String::new()]];
        assert_eq!(table(["A", "B"], &rows), "A    B\n-    -\na    \n");
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(keep_end("0123456789012345678901234", 25), "0123456789012345678901234");
        assert_eq!(keep_end("01234567890123456789012345", 25), "...4567890123456789012345");
    }
}
