//! The program's clock, and times as people read them.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign_core::time::DateTime;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Up to here, in seconds, something happened just now.
const JUST_NOW: i64 = 5;

/// The time by this machine's clock. Before 1970 it reads as 1970, when nothing has been published.
#[expect(clippy::expect_used, reason = "the clock would have to be past the year 9999")]
pub(crate) fn now() -> DateTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanoseconds = i128::try_from(since.as_nanos()).unwrap_or(i128::MAX);
    DateTime::from_unix_ns(nanoseconds).expect("the clock is before the year 10000")
}

/// `2026-12-08 16:40 UTC`.
pub(crate) fn minute(at: DateTime) -> String {
    let text = at.to_string();
    format!("{} {} UTC", text.get(..10).unwrap_or_default(), text.get(11..16).unwrap_or_default())
}

/// How long ago something was: `2 h ago`.
pub(crate) fn ago(then: DateTime, now: DateTime) -> String {
    let seconds = then.seconds_until(now);
    match seconds {
        ..0 => format!("in {}", span(-seconds)),
        0..JUST_NOW => "just now".to_owned(),
        _ => format!("{} ago", span(seconds)),
    }
}

/// A length of time in its largest unit that says something: `90 s`, `45 min`, `47 h`, `13 days`, `3 years`.
pub(crate) fn span(seconds: i64) -> String {
    match seconds {
        ..100 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", seconds / MINUTE),
        6_000..=172_799 => format!("{} h", seconds / HOUR),
        _ => match seconds / DAY {
            days @ ..100 => format!("{days} days"),
            days @ 100..=729 => format!("{} months", (days * 12 + 182) / 365),
            days => format!("{} years", (days + 182) / 365),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime {
        text.parse().expect("a time")
    }

    #[test]
    fn minute_is_in_utc_without_seconds() {
        assert_eq!(minute(at("2026-12-08T17:40:59.5+01:00")), "2026-12-08 16:40 UTC");
    }

    #[test]
    fn span_takes_the_largest_unit_that_says_something() {
        let spans = [0, 99, 100, 5_999, 6_000, 172_799, 172_800, 99 * DAY, 100 * DAY, 729 * DAY, 730 * DAY];
        let expected = [
            "0 s",
            "99 s",
            "1 min",
            "99 min",
            "1 h",
            "47 h",
            "2 days",
            "99 days",
            "3 months",
            "24 months",
            "2 years",
        ];
        assert_eq!(spans.map(span), expected);
    }

    #[test]
    fn ago_knows_the_future() {
        let now = at("2026-11-24T12:00:00Z");
        assert_eq!(ago(at("2026-11-24T10:00:00Z"), now), "2 h ago");
        assert_eq!(ago(at("2026-11-24T12:30:00Z"), now), "in 30 min");
        assert_eq!(ago(at("2026-11-24T11:59:56Z"), now), "just now");
    }
}
