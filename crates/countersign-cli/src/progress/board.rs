//! The parts of an image as a daemon reports them, drawn as Docker draws them.
//!
//! Source: docker/docker `pkg/jsonmessage/jsonmessage.go`, docker/go-units `size.go`.

use std::fmt::Write as _;

use countersign_engine::{Count, Part};

/// Most parts that have a line of their own.
const MAX_PARTS: usize = 512;
/// The narrowest terminal on which there is room for a bar.
const BAR_COLUMNS: u16 = 110;

/// Which part has which line.
pub(super) struct Board {
    ids: Vec<String>,
    columns: Option<u16>,
}

impl Board {
    /// A board on a terminal of that width, or on something that is none.
    pub(super) fn new(columns: Option<u16>) -> Self {
        Self { ids: Vec::new(), columns }
    }

    /// A line of its own. What was drawn before stays as it is.
    pub(super) fn line(&mut self, line: &str) -> String {
        self.ids.clear();
        format!("{line}\n")
    }

    /// A part, in its line. Without a terminal only what is not counted is written.
    pub(super) fn part(&mut self, part: &Part<'_>) -> String {
        let Part { id, status, count } = part;
        let Some(columns) = self.columns else {
            return if count.is_none() { format!("{id}: {status}\n") } else { String::new() };
        };
        let mut text = String::new();
        if self.ids.len() >= MAX_PARTS {
            self.ids.clear();
        }
        let line = self.ids.iter().position(|known| known == id).unwrap_or_else(|| {
            text.push('\n');
            self.ids.push((*id).to_owned());
            self.ids.len() - 1
        });
        let up = self.ids.len() - line;
        let progress = counted(count, columns);
        let _ = write!(text, "\x1b[{up}A\x1b[2K\r{id}: {status} {progress}\r\x1b[{up}B");
        text
    }
}

fn counted(count: &Count<'_>, columns: u16) -> String {
    let Count { current, total, units } = *count;
    if count.is_none() {
        return String::new();
    }
    if total == 0 {
        return if units.is_empty() { format!("{:>8}", size(current)) } else { format!("{current} {units}") };
    }
    let half = usize::try_from(current.saturating_mul(100) / total / 2).unwrap_or(50).min(50);
    let mut text = String::new();
    if columns > BAR_COLUMNS {
        let _ = write!(text, "[{}>{}] ", "=".repeat(half), " ".repeat(50 - half));
    }
    let _ = match (units, current > total) {
        ("", false) => write!(text, "{:>8}/{}", size(current), size(total)),
        ("", true) => write!(text, "{:>8}", size(current)),
        (units, false) => write!(text, "{current}/{total} {units}"),
        (units, true) => write!(text, "{current} {units}"),
    };
    text
}

/// Bytes with four digits: `33.28kB`.
fn size(bytes: u64) -> String {
    let (mut unit, mut name) = (1_u128, "B");
    for larger in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if u128::from(bytes) < unit * 1000 {
            break;
        }
        (unit, name) = (unit * 1000, larger);
    }
    let decimals = match u128::from(bytes) / unit {
        0..10 => 3,
        10..100 => 2,
        _ => 1,
    };
    let scale = 10_u128.pow(decimals);
    let scaled = (u128::from(bytes) * scale * 2 + unit) / (unit * 2);
    let text = format!("{}.{:0width$}", scaled / scale, scaled % scale, width = decimals as usize);
    format!("{}{name}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(id: &'static str, status: &'static str, current: u64, total: u64) -> Part<'static> {
        Part { id, status, count: Count { current, total, units: "" } }
    }

    #[test]
    fn sizes_are_dockers() {
        let sizes = [0, 999, 1_000, 33_280, 1_064_318, 1_982_256, 999_960, 123_456_789].map(size);
        let expected = ["0B", "999B", "1kB", "33.28kB", "1.064MB", "1.982MB", "1000kB", "123.5MB"];
        assert_eq!(sizes, expected);
    }

    #[test]
    fn bars_are_dockers() {
        let counted = |current, total, columns| counted(&Count { current, total, units: "" }, columns);
        let bar = "[=>                                                 ]  36.45kB/1.064MB";
        assert_eq!(counted(36_445, 1_064_318, 200), bar);
        let full = format!("[{}>]  1.987MB", "=".repeat(50));
        assert_eq!(counted(1_986_560, 1_982_256, 200), full);
        assert_eq!(counted(36_445, 1_064_318, 80), " 36.45kB/1.064MB");
        assert_eq!(counted(36_445, 0, 80), " 36.45kB");
        assert_eq!(counted(u64::MAX, 1, 200).len(), full.len());
    }

    #[test]
    fn terminal_has_one_line_for_each_part() {
        let mut board = Board::new(Some(80));
        assert_eq!(board.line("Pulling"), "Pulling\n");
        assert_eq!(board.part(&part("a", "Waiting", 0, 0)), "\n\x1b[1A\x1b[2K\ra: Waiting \r\x1b[1B");
        assert_eq!(board.part(&part("b", "Waiting", 0, 0)), "\n\x1b[1A\x1b[2K\rb: Waiting \r\x1b[1B");
        let drawn = board.part(&part("a", "Downloading", 5, 10));
        assert_eq!(drawn, "\x1b[2A\x1b[2K\ra: Downloading       5B/10B\r\x1b[2B");
        assert_eq!(board.line("Digest"), "Digest\n");
        assert!(board.part(&part("a", "Waiting", 0, 0)).starts_with('\n'), "a new line begins");
    }

    #[test]
    fn elsewhere_only_what_is_not_counted_is_written() {
        let mut board = Board::new(None);
        assert_eq!(board.part(&part("a", "Downloading", 5, 10)), "");
        assert_eq!(board.part(&part("a", "Download complete", 0, 0)), "a: Download complete\n");
    }
}
