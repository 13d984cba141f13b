//! Errors as people see them: what failed, by what, and what may help; and the exit code that goes with it.

use std::error::Error;
use std::io;

use crate::exit::ExitStatus;
use crate::output::{ERROR, Printer};

/// Says why it ended so.
pub(crate) fn report(error: &anyhow::Error, printer: &Printer) -> ExitStatus {
    if is_broken_pipe(error) {
        // Whoever read our output has seen enough.
        return ExitStatus::Failure;
    }
    let mut chain = error.chain();
    if let Some(first) = chain.next() {
        printer.tell(format_args!("{ERROR}error:{ERROR:#} {first}"));
    }
    for cause in chain {
        printer.tell(format_args!("  caused by: {cause}"));
    }
    ExitStatus::Failure
}

/// An error with its causes, in one line.
pub(crate) fn one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        next = cause.source();
    }
    line
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
