//! Where the server takes the time from.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign_core::time::DateTime;

/// A source of the present time. Tests and the demo bring one that they can move.
pub trait Clock: Send + Sync {
    /// The present.
    fn now(&self) -> DateTime;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let last = DateTime::from_unix(0).map(|epoch| epoch.plus_seconds(i64::MAX));
        let nanoseconds = i128::try_from(since.as_nanos()).unwrap_or(i128::MAX);
        // Past the year 9999 time stands still, and everything has expired.
        DateTime::from_unix_ns(nanoseconds)
            .or(last)
            .unwrap_or_else(|| unreachable!("1970 is between the years 0 and 9999"))
    }
}
