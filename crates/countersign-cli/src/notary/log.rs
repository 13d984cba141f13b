//! What is said besides the outcome: lines on stderr in the form of Notary's log.
//!
//! Source: Go `sirupsen/logrus` (its text form without colours); observed on Debian's `notary`.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU8, Ordering};

use crate::time;

/// Lines of this level and those below it are shown.
static LEVEL: AtomicU8 = AtomicU8::new(WARNING);
const ERROR: u8 = 0;
const WARNING: u8 = 1;
const INFO: u8 = 2;
const DEBUG: u8 = 3;

/// Shows more: with `-v` information, with `-D` everything.
pub(super) fn show_more(verbose: bool, debug: bool) {
    LEVEL.store(
        if debug {
            DEBUG
        } else if verbose {
            INFO
        } else {
            WARNING
        },
        Ordering::Relaxed,
    );
}

/// Something that went wrong.
pub(super) fn error(text: &str) {
    write(ERROR, "error", text);
}

/// Something that is worth knowing.
pub(super) fn warning(text: &str) {
    write(WARNING, "warning", text);
}

fn write(level: u8, name: &str, text: &str) {
    if level > LEVEL.load(Ordering::Relaxed) {
        return;
    }
    let seconds = i64::try_from(time::now().unix_nanoseconds() / 1_000_000_000).unwrap_or_default();
    let now = jiff::Timestamp::from_second(seconds).map(|now| now.to_string()).unwrap_or_default();
    // Nobody is left to tell if this can't be written.
    let _ = writeln!(io::stderr(), "time=\"{now}\" level={name} msg={text:?}");
}
