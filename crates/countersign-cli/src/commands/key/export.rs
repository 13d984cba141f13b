//! `key export`: keys for somewhere else, encrypted as they are kept.

use std::path::PathBuf;

use countersign_client::keystore::KeyEntry;
use countersign_client::keystore::KeyStore as _;
use countersign_core::key::KeyId;
use countersign_core::name::Gun;
use zeroize::Zeroizing;

use super::chosen::ChosenKey;
use super::{KeyRefusal, files};
use crate::app::App;
use crate::exit::ExitStatus;

/// Export private keys, encrypted as they are kept, for `key import` here or with Notary
///
/// Without `--key` and `--gun`: every key. Nobody is asked for a passphrase, and the one that each key has opens its copy.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// This key: its id, or the first seven digits of it or more; can be repeated
    #[arg(long, short, value_name = "ID")]
    key: Vec<ChosenKey>,
    /// The keys of this collection; can be repeated
    #[arg(long, short, value_name = "GUN")]
    gun: Vec<Gun>,
    /// The file to write, readable by you alone; without it, the keys are printed
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "output")]
    force: bool,
}

/// Exports.
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let store = app.key_store()?;
    let mut list = store.list()?;
    if args.key.is_empty()
        && let Some(error) = list.unreadable.pop()
    {
        return Err(error.into());
    }
    let mut ids: Vec<KeyId> = Vec::new();
    for key in &args.key {
        ids.push(key.among(&list)?.id);
    }
    let all = args.key.is_empty() && args.gun.is_empty();
    let is_meant =
        |key: &KeyEntry| all || args.gun.iter().any(|gun| key.gun.as_deref() == Some(gun.as_str()));
    ids.extend(list.keys.iter().filter(|key| is_meant(key)).map(|key| key.id));
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Err(KeyRefusal::Nothing.into());
    }
    let mut text = Zeroizing::new(Vec::new());
    for id in &ids {
        text.extend_from_slice(&store.export(*id)?);
    }
    let Some(path) = &args.output else {
        app.printer().data_text(&String::from_utf8_lossy(&text))?;
        return Ok(ExitStatus::Success);
    };
    files::write(path, &text, args.force)?;
    let keys = if ids.len() == 1 { "1 key".to_owned() } else { format!("{} keys", ids.len()) };
    app.printer().say(format_args!("Exported {keys} to {}", path.display()));
    Ok(ExitStatus::Success)
}
