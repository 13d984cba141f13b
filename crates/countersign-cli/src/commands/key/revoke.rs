//! `key revoke`: a key that is in the wrong hands, taken out of every collection that it may sign.

mod found;

use anyhow::Context as _;
use countersign_core::key::KeyId;
use countersign_core::time::DateTime;

use self::found::Collection;
use crate::app::App;
use crate::exit::ExitStatus;
use crate::report;

/// Take a key out of every repository that it may sign, and list what it signed
///
/// The repositories are those of which trust data is cached here and, with `--server`, all that the trust server names. Each is
/// brought up to date first. A role that would be left without a key gets a new one, which takes the root key; a signer who has no
/// other key goes. What the key signed is signed again with other keys that are here, and so is affirmed: look at the list first
/// (`--dry-run`), and revoke what should not be there. Where it fails the others go on; run it again for the rest.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Args {
    /// The key: its id, 64 hex digits
    #[arg(value_name = "KEY ID")]
    key: KeyId,
    /// List what it signed since then: a day such as 2026-11-24, or a time such as 2026-11-24T12:00:00Z
    #[arg(long, value_name = "DATE", value_parser = date)]
    since: Option<DateTime>,
    /// Look through every repository of the trust server in `DOCKER_CONTENT_TRUST_SERVER`, too
    #[arg(long)]
    server: bool,
    /// Only look: change nothing, and trust nothing that is not trusted yet
    #[arg(long)]
    dry_run: bool,
    /// Where nobody else could sign what is released, sign it with a new key that is made here
    #[arg(long)]
    take_over: bool,
    /// Print what was found as JSON, one object for each repository
    #[arg(long)]
    json: bool,
    /// Do not prompt for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// Looks, lists, asks, and takes it out of one repository after the other.
pub(super) async fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let printer = app.printer();
    let (collections, unknown) = found::with_key(args.key, args.since, args.server, app).await?;
    for collection in &collections {
        if args.json {
            printer.data(serde_json::to_string(collection)?)?;
        } else {
            printer.data_text(&found::text(collection, args.since))?;
        }
    }
    let rest = if unknown == 0 { ExitStatus::Success } else { ExitStatus::Failure };
    if collections.is_empty() {
        printer.say(format_args!("Key {} may sign nothing of what was looked at", args.key.short()));
        return Ok(rest);
    }
    if args.dry_run {
        return Ok(rest);
    }
    let question = match collections.len() {
        1 => format!("Take key {} out of this repository?", args.key.short()),
        count => format!("Take key {} out of these {count} repositories?", args.key.short()),
    };
    let agreed = || {
        app.ask(&format!("{question} [y/N] ")).is_some_and(|answer| answer.trim().eq_ignore_ascii_case("y"))
    };
    if !args.yes && !agreed() {
        printer.tell("Nothing was changed");
        return Ok(ExitStatus::Failure);
    }
    let mut outcome = rest;
    for collection in &collections {
        if let Err(error) = take_out(args, collection, app).await {
            report::report(&error, printer);
            outcome = ExitStatus::Failure;
        }
    }
    Ok(outcome)
}

async fn take_out(args: &Args, collection: &Collection, app: &App) -> anyhow::Result<()> {
    let gun = &collection.gun;
    let publisher = app.publisher(gun, None)?;
    let taken = publisher.take_out(args.key, args.take_over, &collection.files, app.context().now()).await;
    let published = taken.with_context(|| format!("key {} may still sign `{gun}`", args.key.short()))?;
    for warning in published.iter().flat_map(|published| &published.warnings) {
        app.printer().warn(report::one_line(warning));
    }
    let line = format!("Key {} may no longer sign {gun}", args.key.short());
    if args.json {
        app.printer().say(line);
    } else {
        app.printer().status(line)?;
    }
    Ok(())
}

/// Reads a day, or a time.
fn date(text: &str) -> Result<DateTime, String> {
    let time = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    time.parse().map_err(|_| "a day such as 2026-11-24, or a time such as 2026-11-24T12:00:00Z".to_owned())
}
