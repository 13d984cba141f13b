//! `key rename`: another name for a signer's key.

use countersign_client::keystore::KeyStore as _;

use super::chosen::ChosenKey;
use super::role;
use crate::app::App;
use crate::exit::ExitStatus;

/// Give a signer's key another name
///
/// Only the name on this machine changes: what collections call the signer stays.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The key: its id, or the first seven digits of it or more
    #[arg(value_name = "ID")]
    key: ChosenKey,
    /// The name of a signer, or a delegation
    #[arg(value_name = "NAME", value_parser = role::parse_name)]
    name: String,
}

/// Renames.
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let store = app.key_store()?;
    let list = store.list()?;
    let key = args.key.among(&list)?;
    store.rename(key.id, &args.name)?;
    let old = if key.role.is_empty() { "without a name" } else { &key.role };
    app.printer().say(format_args!("Key {} was {}, and is {}", key.id, old.escape_debug(), args.name));
    Ok(ExitStatus::Success)
}
