//! What a check found, and how it is shown.

use std::fmt::Write as _;

use serde::Serialize;

use crate::exit::ExitStatus;
use crate::output::{ERROR, GOOD, HINT, Printer, WARNING};

/// Width of the column with the areas.
const AREA_WIDTH: usize = 9;

/// How well something is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    Warn,
    Fail,
}

/// One thing that was found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Finding {
    pub(super) area: &'static str,
    pub(super) level: Level,
    pub(super) text: String,
    pub(super) hint: Option<String>,
}

impl Finding {
    pub(super) fn ok(area: &'static str, text: impl Into<String>) -> Self {
        Self { area, level: Level::Ok, text: text.into(), hint: None }
    }

    pub(super) fn warn(area: &'static str, text: impl Into<String>) -> Self {
        Self { level: Level::Warn, ..Self::ok(area, text) }
    }

    pub(super) fn fail(area: &'static str, text: impl Into<String>) -> Self {
        Self { level: Level::Fail, ..Self::ok(area, text) }
    }

    /// An error with its causes, and the hint that every verb would give.
    pub(super) fn error(area: &'static str, error: &anyhow::Error) -> Self {
        let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
        Self { hint: error.chain().find_map(crate::hint::hint), ..Self::fail(area, causes.join(": ")) }
    }

    /// The same, with what can be done about it.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Prints everything that was found; with `--quiet` only what is not well. The exit code is 1 when something failed.
pub(super) fn report(findings: &[Finding], json: bool, printer: &Printer) -> anyhow::Result<ExitStatus> {
    for finding in findings {
        if json {
            printer.data(serde_json::to_string(finding)?)?;
        } else if finding.level != Level::Ok || !printer.is_quiet() {
            printer.data_text(&lines(finding))?;
        }
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (failures, warnings) = (count(Level::Fail), count(Level::Warn));
    if !json {
        printer.say(summary(failures, warnings));
    }
    Ok(if failures == 0 { ExitStatus::Success } else { ExitStatus::Failure })
}

fn lines(finding: &Finding) -> String {
    let (style, word) = match finding.level {
        Level::Ok => (GOOD, "ok"),
        Level::Warn => (WARNING, "warn"),
        Level::Fail => (ERROR, "fail"),
    };
    let (area, text) = (finding.area, &finding.text);
    let mut lines = format!("{style}{word:<4}{style:#}  {area:<AREA_WIDTH$}{text}\n");
    if let Some(hint) = &finding.hint {
        let indent = 6 + AREA_WIDTH;
        let _ = writeln!(lines, "{:indent$}{HINT}hint:{HINT:#} {hint}", "");
    }
    lines
}

fn summary(failures: usize, warnings: usize) -> String {
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (failures, warnings) {
        (0, 0) => "nothing is wrong".to_owned(),
        (0, _) => plural(warnings, "warning"),
        (_, 0) => plural(failures, "failure"),
        _ => format!("{}, {}", plural(failures, "failure"), plural(warnings, "warning")),
    }
}
