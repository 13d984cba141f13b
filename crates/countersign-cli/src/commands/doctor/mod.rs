//! `doctor`: what is wrong on this machine, and what can be done about it. It changes nothing.

pub(crate) mod cached;
mod collection;
mod configuration;
mod engine;
mod environment;
mod finding;
mod images;
mod keys;
mod server;
mod shim;
mod subject;
mod tokens;

use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use self::finding::Finding;
use self::subject::Subject;
use crate::app::App;
use crate::context::Context;
use crate::engine::EngineArgs;
use crate::exit::ExitStatus;

pub(crate) use cached::collections;
pub(crate) use server::clock_apart;

/// Say what is wrong: configuration, keys, trust server, clock, trust data, engine, images
///
/// Changes nothing. Ends with 1 when something is wrong that trust will fail on, and with 0 when there is nothing or only
/// something to be warned of.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image or the collection to check as a pull would: NAME[:TAG]
    #[arg(value_name = "REF")]
    subject: Option<Subject>,
    /// Print JSON, one object for each finding
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
    /// The longest time that one check may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

type Check<'run> = (&'static str, std::pin::Pin<Box<dyn Future<Output = Vec<Finding>> + 'run>>);

/// Makes every check at the same time and prints the outcomes in one order.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let deadline = Duration::from_secs(args.timeout);
    let subject = args.subject.as_ref();
    let mut checks: Vec<Check<'_>> = vec![
        ("config", Box::pin(configuration::docker(app))),
        on_files("policy", app, configuration::policy),
        on_files("network", app, environment::check),
        on_files("keys", app, keys::check),
        on_files("keys", app, tokens::check),
        on_files("shim", app, shim::check),
        ("server", Box::pin(server::check(subject, app))),
        ("trust", Box::pin(cached::check(subject, app))),
    ];
    if let Some(subject) = subject {
        checks.push(("trust", Box::pin(collection::check(subject, app))));
    }
    checks.push(("engine", Box::pin(engine::check(&args.engine, app))));
    checks.push(on_files("images", app, images::check));
    let checks = checks.into_iter().map(|(area, check)| async move {
        timeout(deadline, check).await.unwrap_or_else(|_| {
            vec![Finding::fail(area, format!("this could not be checked within {} s", deadline.as_secs()))]
        })
    });
    let findings = join_all(checks).await.concat();
    finding::report(&findings, args.json, app.printer())
}

/// A check that reads files, on a thread that may wait for them.
fn on_files<'run>(
    area: &'static str,
    app: &App,
    check: impl FnOnce(&Context) -> Vec<Finding> + Send + 'static,
) -> Check<'run> {
    let context = app.context().clone();
    let check = async move {
        let done = spawn_blocking(move || check(&context)).await;
        done.unwrap_or_else(|error| vec![Finding::fail(area, error.to_string())])
    };
    (area, Box::pin(check))
}
