//! `status`: what is published of collections, when it expires, and who can renew it.

mod prometheus;
mod report;

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use countersign_core::time::DateTime;
use countersign_registry::reference::ImageReference;
use tokio::task::spawn_blocking;

use self::report::{CollectionReport, RoleReport, Verdict};
use crate::app::App;
use crate::commands::doctor::collections;
use crate::exit::ExitStatus;
use crate::output::{ERROR, GOOD, HEADING, WARNING};
use crate::table::table;
use crate::time::{minute, span};

/// Show the roles, signers and expiries of repositories, and who can renew what expires
///
/// Without a name, every repository that trust data is cached of. Ends with 3 if one is not trusted, and with 1 if one could not
/// be checked, or if something expires within the time of `--warn-within`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repositories
    #[arg(value_name = "REF")]
    repositories: Vec<ImageReference>,
    /// Print JSON, one object for each repository
    #[arg(long)]
    json: bool,
    /// Fail if something expires within this time, such as 30d, 12h or 90m
    ///
    /// Timestamps live for days and the server renews them; they count on their last day.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    warn_within: Option<i64>,
    /// Write metrics in the text format of Prometheus to this file, whole or not at all
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
}

/// Shows.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let mut guns: Vec<_> = args.repositories.iter().map(ImageReference::gun).collect();
    if guns.is_empty() {
        let trust_dir = app.context().trust_dir();
        let cached = spawn_blocking(move || collections(&trust_dir)).await?;
        guns = cached.into_iter().map(|collection| collection.gun).collect();
    }
    guns.dedup();
    let now = app.context().now();
    let mut reports = Vec::with_capacity(guns.len());
    for gun in guns {
        reports.push(report::of(gun, args.warn_within.unwrap_or(0), now, app).await?);
    }
    if let Some(path) = &args.prometheus {
        let (text, path) = (prometheus::text(&reports, now), path.clone());
        let written =
            spawn_blocking(move || prometheus::write(&path, &text).map_err(|error| (error, path))).await?;
        written.map_err(|(error, path)| {
            anyhow::Error::new(error).context(format!("cannot write `{}`", path.display()))
        })?;
    }
    let printer = app.printer();
    if args.json {
        for report in &reports {
            printer.data(serde_json::to_string(report).context("the report cannot be written")?)?;
        }
    } else if reports.is_empty() {
        printer.say("No trust data is cached here; name a repository");
    } else {
        let texts: Vec<_> = reports.iter().map(|report| text(report, now)).collect();
        printer.data_text(&texts.join("\n"))?;
    }
    Ok(reports.iter().map(exit_status).max_by_key(|status| status.code()).unwrap_or(ExitStatus::Success))
}

fn exit_status(report: &CollectionReport) -> ExitStatus {
    match report.verdict {
        Verdict::Trusted if report.roles.iter().any(|role| role.expires_soon) => ExitStatus::Failure,
        Verdict::Trusted => ExitStatus::Success,
        Verdict::Untrusted => ExitStatus::Untrusted,
        Verdict::Unknown => ExitStatus::Failure,
    }
}

fn text(report: &CollectionReport, now: DateTime) -> String {
    let mut text = format!("{HEADING}{}{HEADING:#} on {}: ", report.gun, report.server);
    let _ = match (&report.verdict, report.problem.as_deref().unwrap_or_default()) {
        (Verdict::Trusted, "") => writeln!(text, "{GOOD}trusted{GOOD:#}"),
        (Verdict::Trusted, problem) => writeln!(text, "{WARNING}trusted{WARNING:#}, {problem}"),
        (Verdict::Untrusted, problem) => writeln!(text, "{ERROR}not trusted{ERROR:#}: {problem}"),
        (Verdict::Unknown, problem) => writeln!(text, "{ERROR}not checked{ERROR:#}: {problem}"),
    };
    if report.roles.is_empty() {
        return text;
    }
    let rows: Vec<_> = report.roles.iter().map(|role| row(role, now)).collect();
    text.push_str(&table(["ROLE", "VERSION", "SIGNED BY", "EXPIRES", "RENEWED BY"], &rows));
    text
}

fn row(role: &RoleReport, now: DateTime) -> [String; 5] {
    let left = now.seconds_until(role.expires);
    let left = if left > 0 { format!("in {}", span(left)) } else { format!("{} ago", span(-left)) };
    let soon = if role.expires_soon { ", soon" } else { "" };
    [
        role.role.to_string(),
        role.version.to_string(),
        format!("{} of {}", role.threshold, role.keys.len()),
        format!("{} ({left}{soon})", minute(role.expires)),
        role.renewed_by.to_string(),
    ]
}

/// Reads `30d`, `12h`, `90m` or `45s`.
fn seconds(text: &str) -> Result<i64, String> {
    let unreadable = || format!("`{}` is no time such as 30d, 12h or 90m", text.escape_default());
    let unit = text.chars().last().ok_or_else(unreadable)?;
    let factor = match unit {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return Err(unreadable()),
    };
    let count: u32 = text[..text.len() - 1].parse().map_err(|_| unreadable())?;
    Ok(i64::from(count) * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(["30d", "12h", "90m", "5s"].map(seconds), [2_592_000, 43_200, 5_400, 5].map(Ok));
        for bad in ["", "d", "30", "-1d", "1.5h", "1w", "d30", "é"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
