//! `key revoke`: a key that is in the wrong hands, taken out of every collection that it may sign.

mod found;

use std::collections::BTreeSet;

use anyhow::Context as _;
use countersign_client::publisher::{StillSigns, TakenOut};
use countersign_core::key::KeyId;
use countersign_core::name::RoleName;
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
/// (`--dry-run`), and revoke what should not be there. What fails is named, with the reason, and the rest goes on; run it again then.
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
    let found = found::with_key(args.key, args.since, args.server, app).await?;
    let collections = &found.collections;
    for collection in collections {
        if args.json {
            printer.data(serde_json::to_string(collection)?)?;
        } else {
            printer.data_text(&found::text(collection, args.since))?;
        }
    }
    let rest = if found.unknown == 0 { ExitStatus::Success } else { ExitStatus::Failure };
    if collections.is_empty() {
        let looked_at = repositories(found.looked_at);
        printer.say(format_args!(
            "Key {} may sign nothing of what was looked at: {looked_at}",
            args.key.short()
        ));
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
    let (mut left, mut outcome) = (0, rest);
    for collection in collections {
        let came_of_it = take_out(args, collection, app).await;
        let came_of_it = came_of_it.unwrap_or_else(|error| {
            report::report(&error, printer);
            Outcome::Left
        });
        left += usize::from(came_of_it == Outcome::Left);
        if came_of_it != Outcome::Out {
            outcome = ExitStatus::Failure;
        }
    }
    if left > 0 {
        let all = repositories(collections.len());
        printer.say(format_args!("Key {} may still sign in {left} of {all}", args.key.short()));
    }
    Ok(outcome)
}

/// What came of one repository.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Outcome {
    /// It may sign nothing of it.
    Out,
    /// That was published, and could not be seen.
    Unseen,
    /// It may still sign something.
    Left,
}

/// Takes it out of one repository, and says what came of that.
async fn take_out(args: &Args, collection: &Collection, app: &App) -> anyhow::Result<Outcome> {
    let (gun, key, printer) = (&collection.gun, args.key.short(), app.printer());
    let publisher = app.publisher(gun, None)?;
    let taken = publisher.take_out(args.key, args.take_over, &collection.files, app.context().now()).await;
    let TakenOut { taken, left, unsigned, warnings, confirmed } =
        taken.with_context(|| format!("key {key} may still sign `{gun}`"))?;
    for warning in warnings.iter().map(|warning| report::one_line(warning)).collect::<BTreeSet<_>>() {
        printer.warn(warning);
    }
    for role in unsigned {
        printer.warn(format_args!(
            "`{role}` of `{gun}` lacks signatures now, and nobody can use what it says: \
             `countersign repo witness {gun} {role}` shows it, where a key of it is, and signs it again"
        ));
    }
    let line = match (taken.is_empty(), left.is_empty()) {
        (_, true) => Some(format!("Key {key} may no longer sign {gun}")),
        (false, false) => Some(format!("Key {key} may no longer sign {} of {gun}", names(&taken))),
        (true, false) => None,
    };
    if let Some(line) = line {
        if args.json {
            printer.say(line);
        } else {
            printer.status(line)?;
        }
    }
    let outcome = match (left.is_empty(), &confirmed) {
        (false, _) => Outcome::Left,
        (true, Err(_)) => Outcome::Unseen,
        (true, Ok(())) => Outcome::Out,
    };
    for StillSigns { roles, why } in left {
        let what = format!("key {key} may still sign {} of `{gun}`", names(&roles));
        report::report(&anyhow::Error::new(why).context(what), printer);
    }
    if let Err(error) = confirmed {
        let what = format!(
            "`{gun}` was published without key {key}, and what the server shows of it could not be seen"
        );
        report::report(&anyhow::Error::new(error).context(what), printer);
    }
    Ok(outcome)
}

fn names(roles: &[RoleName]) -> String {
    roles.iter().map(|role| format!("`{role}`")).collect::<Vec<_>>().join(", ")
}

fn repositories(count: usize) -> String {
    if count == 1 { "1 repository".to_owned() } else { format!("{count} repositories") }
}

/// Reads a day, or a time.
fn date(text: &str) -> Result<DateTime, String> {
    let time = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    time.parse().map_err(|_| "a day such as 2026-11-24, or a time such as 2026-11-24T12:00:00Z".to_owned())
}
