//! Time: instants as metadata and certificates write them, and the one expiry comparison of metadata.
//!
//! The core has no clock. Whoever starts an update reads one, once, and passes it in as [`UpdateStart`].

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use jiff::civil::{Date, Weekday};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Seconds of 0000-01-01T00:00:00Z.
const FIRST_SECOND: i64 = -62_167_219_200;
/// Seconds of 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;
const SECONDS_PER_DAY: i64 = 86_400;
const NANOSECONDS_PER_SECOND: u32 = 1_000_000_000;
const EPOCH: Date = Date::constant(1970, 1, 1);

/// An instant with nanosecond precision, in the years 0 to 9999.
///
/// It is read from any RFC 3339 text with an offset and up to nine fractional digits, and written in UTC as Go's
/// `RFC3339Nano` does: trailing zeros trimmed, no fraction at whole seconds. A date without a time is refused.
///
/// ```
/// use countersign_core::time::DateTime;
/// let expires: DateTime = "2029-11-23T01:27:22.039452750+01:00".parse()?;
/// assert_eq!(expires.to_string(), "2029-11-23T00:27:22.03945275Z");
/// # Ok::<(), countersign_core::time::TimeError>(())
/// ```
///
/// Source: RFC 3339 §5.6; notary `tuf/data/types.go`.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DateTime {
    seconds: i64,
    nanoseconds: u32,
}

impl DateTime {
    /// The instant `seconds` after 1970-01-01T00:00:00Z, or `None` outside the years 0 to 9999.
    pub fn from_unix(seconds: i64) -> Option<Self> {
        (FIRST_SECOND..=LAST_SECOND).contains(&seconds).then_some(Self { seconds, nanoseconds: 0 })
    }

    /// The instant `nanoseconds` after 1970-01-01T00:00:00Z, or `None` outside the years 0 to 9999.
    pub fn from_unix_ns(nanoseconds: i128) -> Option<Self> {
        let per_second = i128::from(NANOSECONDS_PER_SECOND);
        let whole = Self::from_unix(i64::try_from(nanoseconds.div_euclid(per_second)).ok()?)?;
        Some(Self { nanoseconds: u32::try_from(nanoseconds.rem_euclid(per_second)).ok()?, ..whole })
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded towards the past.
    pub fn unix_seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub fn unix_nanoseconds(self) -> i128 {
        i128::from(self.seconds) * i128::from(NANOSECONDS_PER_SECOND) + i128::from(self.nanoseconds)
    }

    /// This instant without its fraction of a second.
    #[must_use]
    pub fn whole_seconds(self) -> Self {
        Self { nanoseconds: 0, ..self }
    }

    /// The instant `seconds` later, or earlier if negative; stops at the first and the last second that exist here.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        let seconds = self.seconds.saturating_add(seconds).clamp(FIRST_SECOND, LAST_SECOND);
        Self { seconds, ..self }
    }

    /// Whole seconds from this instant to `later`, rounded towards zero; negative if `later` is earlier.
    pub fn seconds_until(self, later: Self) -> i64 {
        let difference = later.unix_nanoseconds() - self.unix_nanoseconds();
        i64::try_from(difference / i128::from(NANOSECONDS_PER_SECOND)).unwrap_or_default()
    }

    /// The instant in UTC as Go's `UnixDate` writes it: `Mon Nov 23 00:34:07 UTC 2026`.
    ///
    /// Source: notary `tuf/signed/errors.go` (the text of an expiry error).
    pub fn go_unix_date(self) -> String {
        let (date, [hour, minute, second]) = self.civil();
        let weekday = match date.weekday() {
            Weekday::Monday => "Mon",
            Weekday::Tuesday => "Tue",
            Weekday::Wednesday => "Wed",
            Weekday::Thursday => "Thu",
            Weekday::Friday => "Fri",
            Weekday::Saturday => "Sat",
            Weekday::Sunday => "Sun",
        };
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let month = months[usize::try_from(date.month() - 1).unwrap_or_default() % 12];
        let (day, year) = (date.day(), date.year());
        format!("{weekday} {month} {day:>2} {hour:02}:{minute:02}:{second:02} UTC {year:04}")
    }

    /// The UTC date, and hour, minute and second of the day.
    fn civil(self) -> (Date, [i64; 3]) {
        let days = self.seconds.div_euclid(SECONDS_PER_DAY);
        let rest = self.seconds.rem_euclid(SECONDS_PER_DAY);
        let date = EPOCH.saturating_add(SignedDuration::from_secs(days * SECONDS_PER_DAY));
        (date, [rest / 3600, rest / 60 % 60, rest % 60])
    }
}

impl FromStr for DateTime {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        parse_rfc3339(text).ok_or_else(|| TimeError(text.to_owned()))
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, [hour, minute, second]) = self.civil();
        let (year, month, day) = (date.year(), date.month(), date.day());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.nanoseconds != 0 {
            let digits = format!("{:09}", self.nanoseconds);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The one instant that a whole update is judged by.
///
/// Source: TUF 1.0.34 §5.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UpdateStart(pub DateTime);

/// Whether metadata that expires at `expires` has expired for an update begun at `start`.
///
/// At the very instant of `expires` it has.
///
/// Deviation: Notary's rule is `expires < now`; this is the specification's, "MUST be higher"
/// (`expiry_instant_itself_is_expired` holds it).
///
/// Source: TUF 1.0.34 §5.3.10, §5.4.4, §5.5.6, §5.6.6.
pub fn is_expired(expires: DateTime, start: UpdateStart) -> bool {
    expires <= start.0
}

/// Text that is no RFC 3339 instant.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{}` is not an RFC 3339 time", .0.escape_default())]
pub struct TimeError(String);

/// Reads `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)`, nothing else.
fn parse_rfc3339(text: &str) -> Option<DateTime> {
    let bytes = text.as_bytes();
    let shape = |position: usize, byte: u8| (bytes.get(position) == Some(&byte)).then_some(());
    shape(4, b'-')?;
    shape(7, b'-')?;
    shape(10, b'T')?;
    shape(13, b':')?;
    shape(16, b':')?;
    let date = Date::new(
        i16::try_from(digits(bytes.get(..4)?)?).ok()?,
        i8::try_from(digits(bytes.get(5..7)?)?).ok()?,
        i8::try_from(digits(bytes.get(8..10)?)?).ok()?,
    )
    .ok()?;
    let hour = bounded(bytes.get(11..13)?, 23)?;
    let minute = bounded(bytes.get(14..16)?, 59)?;
    let second = bounded(bytes.get(17..19)?, 59)?;
    let (nanoseconds, offset) = fraction(bytes.get(19..)?)?;
    let days = date.duration_since(EPOCH).as_secs() / SECONDS_PER_DAY;
    let local = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    let whole = DateTime::from_unix(local - offset_seconds(offset)?)?;
    Some(DateTime { nanoseconds, ..whole })
}

/// Splits `.digits` off the front of `rest` and returns it in nanoseconds.
fn fraction(rest: &[u8]) -> Option<(u32, &[u8])> {
    let Some(rest) = rest.strip_prefix(b".") else { return Some((0, rest)) };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&count) {
        return None;
    }
    let (number, rest) = rest.split_at(count);
    let scale = 10_u32.pow(u32::try_from(9 - count).ok()?);
    Some((u32::try_from(digits(number)?).ok()? * scale, rest))
}

fn offset_seconds(offset: &[u8]) -> Option<i64> {
    let sign = match offset.first()? {
        b'Z' if offset.len() == 1 => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    if offset.len() != 6 || offset[3] != b':' {
        return None;
    }
    Some(sign * (bounded(&offset[1..3], 23)? * 3600 + bounded(&offset[4..6], 59)? * 60))
}

fn bounded(text: &[u8], max: i64) -> Option<i64> {
    digits(text).filter(|number| *number <= max)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime {
        text.parse().expect("a test writes legal times")
    }

    #[test]
    fn time_round_trips_as_go_writes_it() {
        for text in [
            "2029-11-23T00:27:22.03945275Z",
            "2026-12-08T00:27:22.050830231Z",
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59.5Z",
            "9999-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "2028-02-29T12:00:00Z",
        ] {
            assert_eq!(at(text).to_string(), text);
        }
    }

    #[test]
    fn time_with_offset_becomes_utc() {
        assert_eq!(at("2026-01-01T00:30:00+01:00").to_string(), "2025-12-31T23:30:00Z");
        assert_eq!(at("2026-01-01T00:30:00.000-00:30").to_string(), "2026-01-01T01:00:00Z");
    }

    #[test]
    fn time_that_is_not_rfc3339_is_refused() {
        for bad in [
            "",
            "2030-01-01",
            "2030-01-01T00:00:00",
            "2030-01-01 00:00:00Z",
            "2030-01-01t00:00:00Z",
            "2030-01-01T00:00:00z",
            "2030-02-29T00:00:00Z",
            "2030-13-01T00:00:00Z",
            "2030-01-01T24:00:00Z",
            "2030-01-01T00:60:00Z",
            "2030-01-01T00:00:60Z",
            "2030-01-01T00:00:00.Z",
            "2030-01-01T00:00:00.1234567890Z",
            "2030-01-01T00:00:00,5Z",
            "2030-01-01T00:00:00+0100",
            "2030-01-01T00:00:00+24:00",
            "2030-01-01T00:00:00Z ",
            "+030-01-01T00:00:00Z",
            "2030-01-01T00:00:00[UTC]",
            "2030-01-01T00:00Z",
            "9999-12-31T23:59:59-00:01",
            "2030-01-01T00:00:0éZ",
        ] {
            assert!(bad.parse::<DateTime>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn unix_date_is_as_go_writes_it() {
        assert_eq!(at("2026-11-23T00:34:07Z").go_unix_date(), "Mon Nov 23 00:34:07 UTC 2026");
        assert_eq!(at("2026-11-01T00:34:07Z").go_unix_date(), "Sun Nov  1 00:34:07 UTC 2026");
    }

    #[test]
    fn arithmetic_stops_at_the_ends_and_rounds_towards_zero() {
        assert_eq!(at("2026-01-01T00:00:00.5Z").plus_seconds(i64::MAX), at("9999-12-31T23:59:59.5Z"));
        assert_eq!(at("2026-01-01T00:00:00.9Z").seconds_until(at("2026-01-01T00:00:02.1Z")), 1);
        assert_eq!(at("2026-01-01T00:00:02.1Z").seconds_until(at("2026-01-01T00:00:00.9Z")), -1);
        assert_eq!(
            DateTime::from_unix_ns(-1).map(|time| time.to_string()).as_deref(),
            Some("1969-12-31T23:59:59.999999999Z")
        );
        assert_eq!(DateTime::from_unix(LAST_SECOND + 1), None);
    }

    #[test]
    fn expiry_instant_itself_is_expired() {
        let expires = at("2026-01-01T00:00:00Z");
        assert!(is_expired(expires, UpdateStart(expires)));
        assert!(is_expired(expires, UpdateStart(at("2026-01-01T00:00:00.000000001Z"))));
        assert!(!is_expired(expires, UpdateStart(at("2025-12-31T23:59:59.999999999Z"))));
    }
}
