//! `doctor`: says what is wrong, and what to do about it.

mod collections;
mod places;
mod servers;

use std::fmt;

use countersign_registry::reference::ImageReference;
use serde::Serialize;

use crate::app::App;
use crate::engine::EngineArgs;
use crate::exit::ExitStatus;
use crate::output::{ERROR, GOOD, HINT, WARNING};

/// Check this machine: clock, trust servers, pins, keys, expiries, engine, configuration
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An image whose trust server is to be checked, too
    #[arg(value_name = "REF")]
    image: Option<ImageReference>,
    /// Print JSON, one object for each finding
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Examines everything and prints a line for each finding; fails if something is wrong.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let collections = collections::cached(app);
    let mut findings = places::configuration(app);
    findings.push(places::pins(app));
    findings.extend(servers::examine(args.image.as_ref(), &collections, app).await);
    findings.extend(places::keys(app));
    findings.extend(collections::examine(&collections, app).await);
    findings.push(places::engine(args.engine, app).await);
    for finding in &findings {
        if args.json {
            app.printer().data(serde_json::to_string(finding)?)?;
        } else if !app.printer().is_quiet() || finding.level != Level::Ok {
            app.printer().data(finding)?;
        }
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (warnings, failures) = (count(Level::Warn), count(Level::Fail));
    app.printer().say(format_args!("{} findings, {warnings} to look at, {failures} wrong", findings.len()));
    Ok(if failures == 0 { ExitStatus::Success } else { ExitStatus::Failure })
}

/// How a finding is to be taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warn,
    Fail,
}

/// Something that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    level: Level,
    /// What was looked at, in a word.
    about: &'static str,
    /// What was found.
    text: String,
    /// What may help.
    hint: Option<String>,
}

impl Finding {
    fn ok(about: &'static str, text: impl Into<String>) -> Self {
        Self { level: Level::Ok, about, text: text.into(), hint: None }
    }

    fn warn(about: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { level: Level::Warn, about, text: text.into(), hint: Some(hint.into()) }
    }

    fn fail(about: &'static str, text: impl Into<String>, hint: Option<String>) -> Self {
        Self { level: Level::Fail, about, text: text.into(), hint }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (style, word) = match self.level {
            Level::Ok => (GOOD, "ok  "),
            Level::Warn => (WARNING, "warn"),
            Level::Fail => (ERROR, "fail"),
        };
        write!(f, "{style}{word}{style:#}  {:<12}{}", self.about, self.text)?;
        match &self.hint {
            Some(hint) => write!(f, "\n      {HINT}hint:{HINT:#} {hint}"),
            None => Ok(()),
        }
    }
}
