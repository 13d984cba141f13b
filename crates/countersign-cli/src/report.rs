//! Errors as people see them: what failed, by what, and what may help; and the exit code that goes with it.

use std::error::Error;
use std::io;

use crate::commands::trust::SigningError;
use crate::exit::ExitStatus;
use crate::hint::hint;
use crate::output::{ERROR, Printer};
use crate::refusal::Refusal;
use crate::status;

/// Says why it ended so.
pub(crate) fn report(error: &anyhow::Error, printer: &Printer) -> ExitStatus {
    if is_broken_pipe(error) {
        // Whoever read our output has seen enough.
        return ExitStatus::Failure;
    }
    if let Some(refusal) = error.downcast_ref::<Refusal>().filter(|refusal| refusal.is_dockers()) {
        tell_refusal(refusal, printer);
    } else {
        tell_chain(error, printer);
    }
    if let Some(hint) = error.chain().find_map(hint) {
        printer.hint(hint);
    }
    error.chain().find_map(status::of).unwrap_or(ExitStatus::Failure)
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

/// Docker's lines are left as they are, for those who look for them.
fn tell_refusal(refusal: &Refusal, printer: &Printer) {
    if matches!(refusal, Refusal::NoTrustData { .. }) {
        printer.tell("no trust data available");
    }
    printer.tell(refusal);
    if let Some(cause) = refusal.source() {
        printer.tell(format_args!("  caused by: {cause}"));
    }
}

fn tell_chain(error: &anyhow::Error, printer: &Printer) {
    let mut chain = error.chain();
    match chain.next() {
        // Docker's line, for those who look for it.
        Some(first) if matches!(error.downcast_ref(), Some(SigningError::Inspect(_))) => printer.tell(first),
        Some(first) => printer.tell(format_args!("{ERROR}error:{ERROR:#} {first}")),
        None => {}
    }
    for cause in chain {
        printer.tell(format_args!("  caused by: {cause}"));
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
