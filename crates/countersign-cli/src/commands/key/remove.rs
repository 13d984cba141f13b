//! `key remove`: never the last copy by accident.

use countersign_client::backup::BackupRecord;
use countersign_client::keystore::{KeyList, KeyStore as _};
use countersign_client::keystore_token::TokenName;

use super::chosen::ChosenKey;
use super::{KeyRefusal, token};
use crate::app::App;
use crate::exit::ExitStatus;

/// Remove private keys
///
/// A key of which no other copy is known here is removed with `--force` alone; a copy is known if a backup with the key was made here
/// and still is where it was written, or if the key is both in a file and in a token. Nothing is removed if one of the keys can't be.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The keys: their ids, or the first seven digits of them or more
    #[arg(value_name = "ID", required = true)]
    keys: Vec<ChosenKey>,
    /// Remove keys of which no other copy is known
    #[arg(long, short)]
    force: bool,
    /// Remove them from this token, and not their files: its label, `serial:NUMBER` or `slot:NUMBER`
    #[arg(long, value_name = "TOKEN")]
    token: Option<TokenName>,
}

/// Removes, and prints the ids.
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let store = app.key_store()?;
    let (files, hardware) = (store.list()?, app.tokens()?);
    let in_tokens = match &hardware {
        Some(keys) => KeyList { keys: keys.tokens().list()?, unreadable: Vec::new() },
        None => KeyList::default(),
    };
    let token = args.token.as_ref().map(|name| token::chosen(name, app)).transpose()?;
    let (list, elsewhere) = if token.is_some() { (&in_tokens, &files) } else { (&files, &in_tokens) };
    // Without a record that can be read, no copy is known.
    let record = BackupRecord::load(&app.context().trust_dir()).unwrap_or_default();
    let mut ids = Vec::new();
    for key in &args.keys {
        let key = key.among(list)?;
        let has_copy =
            record.at_hand(key.id).is_some() || elsewhere.keys.iter().any(|other| other.id == key.id);
        if !args.force && !has_copy {
            return Err(KeyRefusal::LastCopy { id: key.id, role: key.role.clone() }.into());
        }
        ids.push((key.id, key.role.as_str()));
    }
    ids.dedup();
    for (id, role) in ids {
        match &token {
            Some((keys, token)) => keys.tokens().remove(token, id)?,
            None => store.remove(id)?,
        }
        if app.printer().is_quiet() {
            app.printer().data(id)?;
        } else {
            app.printer().data(format_args!("Removed {} key {id}", role.escape_debug()))?;
        }
    }
    Ok(ExitStatus::Success)
}
