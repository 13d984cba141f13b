//! `key remove`: never the last copy by accident.

use countersign_client::keystore::KeyStore as _;

use super::KeyRefusal;
use super::chosen::ChosenKey;
use crate::app::App;
use crate::exit::ExitStatus;

/// Remove private keys
///
/// A key of which no other copy is known here is removed with `--force` alone. Nothing is removed if one of the keys can't be.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The keys: their ids, or the first seven digits of them or more
    #[arg(value_name = "ID", required = true)]
    keys: Vec<ChosenKey>,
    /// Remove keys of which no other copy is known
    #[arg(long, short)]
    force: bool,
}

/// Removes, and prints the ids.
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let store = app.key_store()?;
    let list = store.list()?;
    let mut ids = Vec::new();
    for key in &args.keys {
        let key = key.among(&list)?;
        if !args.force {
            return Err(KeyRefusal::LastCopy { id: key.id, role: key.role.clone() }.into());
        }
        ids.push((key.id, key.role.as_str()));
    }
    ids.dedup();
    for (id, role) in ids {
        store.remove(id)?;
        if app.printer().is_quiet() {
            app.printer().data(id)?;
        } else {
            app.printer().data(format_args!("Removed {} key {id}", role.escape_debug()))?;
        }
    }
    Ok(ExitStatus::Success)
}
