//! `key rotate`: other keys for a role of a collection.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::ArgAction;
use countersign_client::publisher::{OlderRoots, Rotation, SignedOutcome};
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::public_key_file;
use countersign_core::time::UpdateStart;

use super::files;
use crate::app::App;
use crate::exit::ExitStatus;
use crate::report;

/// Replace the keys of a role, and publish that at once
///
/// For root, targets, snapshot and timestamp the root key must be here: it signs the change. New keys are kept before anything is
/// uploaded, so that a rotation which was interrupted goes on when it is run again; replaced ones are deleted once the server shows
/// the new ones, but for root's, which other collections may have. Staged changes stay staged.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collection: the full name of a repository, such as docker.io/library/alpine
    #[arg(value_name = "GUN")]
    gun: Gun,
    /// The role: root, targets, snapshot, timestamp, or a delegation
    #[arg(value_name = "ROLE")]
    role: RoleName,
    /// Let the server make the key and keep it: for snapshot, and always for timestamp
    #[arg(long, short = 'r')]
    server_managed: bool,
    /// A key of the key store that takes the place of the present ones; without it, one is made
    #[arg(long, short, value_name = "KEY ID", action = ArgAction::Append, conflicts_with = "server_managed")]
    key: Vec<KeyId>,
    /// For root: so many older versions' keys sign as well, as far as they are here; `all` for every one
    #[arg(long, value_name = "NUMBER", value_parser = older, default_value = "0")]
    older: OlderRoots,
    /// For a delegation: a file with a public key or certificate that it gets
    #[arg(long, value_name = "FILE", action = ArgAction::Append)]
    add: Vec<PathBuf>,
    /// For a delegation: a key that it loses
    #[arg(long, value_name = "KEY ID", action = ArgAction::Append)]
    remove: Vec<KeyId>,
}

/// Rotates, and says so in Notary's words.
pub(super) async fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let rotation = rotation(args, app)?;
    let publisher = app.publisher(&args.gun, None)?;
    let printer = app.printer();
    let before = match &rotation {
        Rotation::Root { .. } => publisher.admit_root_change(app.context().now()).await?,
        _ => BTreeSet::new(),
    };
    let published = publisher.rotate(rotation, app.context().now()).await?;
    for warning in &published.warnings {
        printer.warn(report::one_line(warning));
    }
    if let Err(error) = &published.confirmed {
        printer.warn(format_args!(
            "published, but the server does not show it yet: {}",
            report::one_line(error)
        ));
    }
    if published.outcome == SignedOutcome::NothingToPublish {
        printer.say("An earlier run had published it already");
    }
    if before.len() > 1 {
        printer.say(format_args!(
            "It had {} root keys, and none of them counts from now on that was not named; `countersign key recovery create --for {}` makes \
             a recovery key again",
            before.len(),
            args.gun
        ));
    }
    printer.status(format_args!("Successfully rotated {} key for repository {}", args.role, args.gun))?;
    Ok(ExitStatus::Success)
}

fn rotation(args: &Args, app: &App) -> anyhow::Result<Rotation> {
    let keys = args.key.clone();
    let of_delegation = !args.add.is_empty() || !args.remove.is_empty();
    let rotation = match args.role.top() {
        None if args.server_managed || !keys.is_empty() || !of_delegation => {
            anyhow::bail!("the keys of `{}` are given with `--add` and taken with `--remove`", args.role)
        }
        None => {
            let add = args.add.iter().map(|path| public_key(path, app)).collect::<Result<_, _>>()?;
            Rotation::Delegation { role: args.role.clone(), add, remove: args.remove.clone() }
        }
        Some(_) if of_delegation => {
            anyhow::bail!("`{}` is no delegation: `--key` names its keys", args.role)
        }
        Some(TopRole::Root | TopRole::Targets) if args.server_managed => {
            anyhow::bail!("a server never keeps the {} key", args.role)
        }
        Some(TopRole::Timestamp) if !keys.is_empty() => {
            anyhow::bail!("the timestamp key is the server's own")
        }
        Some(TopRole::Root) => Rotation::Root { keys, older: args.older },
        Some(TopRole::Targets) => Rotation::Targets { keys },
        Some(TopRole::Snapshot) if args.server_managed => Rotation::ServerSnapshot,
        Some(TopRole::Snapshot) => Rotation::Snapshot { keys },
        Some(TopRole::Timestamp) => Rotation::Timestamp,
    };
    Ok(rotation)
}

fn public_key(path: &std::path::Path, app: &App) -> anyhow::Result<PublicKey> {
    let (text, _) = files::read(path, public_key_file::MAX_BYTES)?;
    let key = public_key_file::read(&text, UpdateStart(app.context().now()));
    key.with_context(|| format!("cannot use `{}`; no keys were changed", path.display()))
}

fn older(text: &str) -> Result<OlderRoots, String> {
    match text {
        "all" => Ok(OlderRoots::All),
        "0" => Ok(OlderRoots::None),
        number => number.parse().map(OlderRoots::Versions).map_err(|_| "a number, or `all`".to_owned()),
    }
}
