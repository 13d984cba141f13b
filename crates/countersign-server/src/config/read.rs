//! Reads tables of a TOML file key by key, and notes what is wrong instead of stopping.

use std::time::Duration;

use toml::{Table, Value};

use super::Problem;

/// One table of the file. What is left in it at the end is unknown.
pub(super) struct Section<'p> {
    name: &'static str,
    table: Table,
    problems: &'p mut Vec<Problem>,
}

impl<'p> Section<'p> {
    /// The table's own keys, without those of tables in it.
    pub(super) fn top(table: Table, problems: &'p mut Vec<Problem>) -> Self {
        Self { name: "", table, problems }
    }

    /// The table called `name`, taken out of `table`; an empty one when it is not there.
    pub(super) fn inner(table: &mut Table, name: &'static str, problems: &'p mut Vec<Problem>) -> Self {
        let table = match table.remove(name) {
            None => Table::new(),
            Some(Value::Table(table)) => table,
            Some(_) => {
                problems.push(Problem { key: name.to_owned(), what: "expected a table".to_owned() });
                Table::new()
            }
        };
        Self { name, table, problems }
    }

    /// Takes the value of `key` if `read` can, and says that `expected` was expected if it can't.
    pub(super) fn take<T>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.table.remove(key)?;
        let taken = read(&value);
        if taken.is_none() {
            self.refuse(key, format!("expected {expected}"));
        }
        taken
    }

    /// Takes a text.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.take(key, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// Takes a list of texts, not empty.
    pub(super) fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        self.take(key, "a list of texts", |value| {
            let texts: Option<Vec<_>> =
                value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect();
            texts.filter(|texts| !texts.is_empty())
        })
    }

    /// Takes a flag.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        self.take(key, "true or false", Value::as_bool).unwrap_or_default()
    }

    /// Sets `target` to a whole number between `low` and `high`, if there is one.
    pub(super) fn number<T: TryFrom<u64>>(&mut self, key: &str, low: u64, high: u64, target: &mut T) {
        let expected = format!("a whole number from {low} to {high}");
        let number = self.take(key, &expected, |value| {
            let number = u64::try_from(value.as_integer()?).ok()?;
            T::try_from((low..=high).contains(&number).then_some(number)?).ok()
        });
        if let Some(number) = number {
            *target = number;
        }
    }

    /// Sets `target` to a time between one second and `days` days, if there is one.
    pub(super) fn time(&mut self, key: &str, days: u64, target: &mut Duration) {
        let expected = expected_time(days);
        let time = self.take(key, &expected, |value| parse_time(value.as_str()?, days));
        if let Some(time) = time {
            *target = time;
        }
    }

    /// Notes a problem with `key`.
    pub(super) fn refuse(&mut self, key: &str, what: impl Into<String>) {
        let key = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        self.problems.push(Problem { key, what: what.into() });
    }

    /// Notes every key that nobody took.
    pub(super) fn finish(mut self) {
        let unknown: Vec<String> = self.table.keys().cloned().collect();
        for key in unknown {
            self.refuse(&key.escape_debug().to_string(), "there is no such setting");
        }
    }
}

/// A time such as `14d`, `2h`, `10m` or `30s`, between one second and `days` days.
pub(super) fn parse_time(text: &str, days: u64) -> Option<Duration> {
    let unit = match text.chars().next_back()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=days * 86_400).contains(&seconds).then(|| Duration::from_secs(seconds))
}

/// What [`parse_time`] expects.
pub(super) fn expected_time(days: u64) -> String {
    format!("a time such as `14d`, `2h`, `10m` or `30s`, of at most {days} days")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_has_a_unit_and_bounds() {
        let seconds = |text| parse_time(text, 30).map(|time| time.as_secs());
        assert_eq!(seconds("1s"), Some(1));
        assert_eq!(seconds("10m"), Some(600));
        assert_eq!(seconds("2h"), Some(7_200));
        assert_eq!(seconds("30d"), Some(30 * 86_400));
        for bad in
            ["", "s", "0s", "31d", "14", "-1s", "+1s", "1.5h", "1w", " 1s", "99999999999999999999d", "1é"]
        {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
