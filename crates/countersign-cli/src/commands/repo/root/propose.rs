//! `repo root propose`: what is to change.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ArgAction;
use countersign_client::publisher::{Publisher, RootChange};
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::number::Threshold;
use countersign_core::public_key_file;
use countersign_core::time::UpdateStart;

use super::super::threshold::threshold;
use crate::app::App;
use crate::commands::key::files;
use crate::commands::trust::proposal;
use crate::exit::ExitStatus;

/// Propose a next root, signed with those of its keys that are here
///
/// It gives keys to root, targets, snapshot or timestamp, takes them away, or says how many must sign; without any of these, root
/// is signed anew as it is, for ten more years. Nothing is published: the others sign it (`repo root sign`), and when enough have,
/// anybody publishes it (`repo root publish`).
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The collection: the full name of a repository, such as docker.io/library/alpine
    #[arg(value_name = "GUN")]
    gun: Gun,
    /// The role whose keys change
    #[arg(long, value_name = "ROLE", default_value = "root", value_parser = top_role)]
    role: TopRole,
    /// A key that it gets: one of the key store, by its id, or a file with a public key; for root, with a certificate
    #[arg(long, value_name = "KEY ID or FILE", action = ArgAction::Append)]
    add: Vec<PathBuf>,
    /// A key that it loses
    #[arg(long, value_name = "KEY ID", action = ArgAction::Append)]
    remove: Vec<KeyId>,
    /// How many of its keys must sign from then on
    #[arg(long, value_name = "NUMBER", value_parser = threshold)]
    threshold: Option<Threshold>,
    /// Let the server make the key and keep it: for snapshot and timestamp
    #[arg(long, short = 'r', conflicts_with_all = ["add", "remove", "threshold"])]
    server_managed: bool,
    /// The file to write the proposal to, for the others
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Proposes.
pub(super) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let change = change(&args, app)?;
    let publisher: Publisher = app.publisher(&args.gun, None)?;
    let now = app.context().now();
    let proposed = publisher.propose_root(&change, now).await?;
    if let Some(path) = &args.file {
        proposal::write(path, &proposed.proposal)?;
    }
    let opened = publisher.open_proposal(Some(&proposed.proposal), now).await?;
    app.printer().data_text(&proposal::summary(args.gun.as_str(), &opened))?;
    proposal::tell(&proposed, args.file.as_deref(), app);
    Ok(ExitStatus::Success)
}

fn change(args: &Args, app: &App) -> anyhow::Result<RootChange> {
    let is_servers = matches!(args.role, TopRole::Snapshot | TopRole::Timestamp);
    if args.server_managed && !is_servers {
        anyhow::bail!("a server never keeps the {} key", args.role);
    }
    if args.role == TopRole::Timestamp && !args.server_managed {
        anyhow::bail!("the timestamp key is the server's own: `--server-managed` replaces it");
    }
    let (mut add, mut add_own) = (Vec::new(), Vec::new());
    for named in &args.add {
        match named.to_str().and_then(|text| text.parse().ok()) {
            Some(id) => add_own.push(id),
            None => add.push(public_key(named, app)?),
        }
    }
    let (remove, threshold) = (args.remove.clone(), args.threshold);
    Ok(RootChange { role: args.role, add, add_own, remove, threshold, by_server: args.server_managed })
}

fn public_key(path: &Path, app: &App) -> anyhow::Result<PublicKey> {
    let (text, _) = files::read(path, public_key_file::MAX_BYTES)?;
    let key = public_key_file::read(&text, UpdateStart(app.context().now()));
    key.with_context(|| format!("cannot use `{}`; nothing was proposed", path.display()))
}

fn top_role(text: &str) -> Result<TopRole, String> {
    let role = text.parse::<RoleName>().ok().and_then(|role| role.top());
    role.ok_or_else(|| "root, targets, snapshot or timestamp".to_owned())
}
