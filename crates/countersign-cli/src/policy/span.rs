//! Lengths of time as a policy writes them: `30s`, `5m`, `1h`, `14d`.

use std::fmt;
use std::str::FromStr;

/// The units, largest first, in seconds.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
/// The longest: ten years.
const MAX_SECONDS: u64 = 3_650 * 86_400;

/// A length of time, in seconds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Span(u64);

impl Span {
    /// The seconds.
    pub(crate) fn seconds(self) -> u64 {
        self.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{}` is no time such as `30s`, `5m`, `1h` or `14d`", text.escape_debug());
        let (digits, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))
            .filter(|(digits, _)| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or_else(refused)?;
        let seconds = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(*unit));
        seconds.filter(|seconds| *seconds <= MAX_SECONDS).map(Self).ok_or_else(refused)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |unit: &&(&str, u64)| self.0.is_multiple_of(unit.1) && self.0 > 0;
        let (name, unit) = UNITS.iter().find(whole).unwrap_or(&("s", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_reads_back_in_its_largest_whole_unit() {
        for (text, seconds, shown) in [
            ("30s", 30, "30s"),
            ("5m", 300, "5m"),
            ("60m", 3_600, "1h"),
            ("14d", 1_209_600, "14d"),
            ("0s", 0, "0s"),
        ] {
            let span: Span = text.parse().expect(text);
            assert_eq!((span.seconds(), span.to_string().as_str()), (seconds, shown));
        }
    }

    #[test]
    fn span_without_a_number_a_unit_or_an_end_is_refused() {
        for bad in
            ["", "s", "5", "-5m", "+5m", "1.5h", "1w", " 5m", "5 m", "3651d", "99999999999999999999d", "1é"]
        {
            bad.parse::<Span>().expect_err(bad);
        }
        "3650d".parse::<Span>().expect("ten years");
    }
}
