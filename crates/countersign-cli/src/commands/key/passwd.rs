//! `key passwd`: another passphrase, or the same one in a stronger file.

use countersign_client::keystore::KeyStore as _;
use countersign_client::keystore_dir::NewPassphrase;

use super::chosen::ChosenKey;
use crate::app::App;
use crate::exit::ExitStatus;

/// Change the passphrase of private keys
///
/// Asks for the one that a key has and for the new one, or takes them from `DOCKER_CONTENT_TRUST_…_PASSPHRASE` and
/// `COUNTERSIGN_NEW_PASSPHRASE`. The file is written as new ones are: older files resist guessing less, and this is how they
/// become as strong.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The keys: their ids, or the first seven digits of them or more
    #[arg(value_name = "ID", required = true)]
    keys: Vec<ChosenKey>,
    /// Keep the passphrase, and only write the file as new ones are
    #[arg(long)]
    same: bool,
}

/// Changes one after the other, and says so.
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let store = app.key_store()?;
    let list = store.list()?;
    let ids: Vec<_> =
        args.keys.iter().map(|key| key.among(&list).map(|key| key.id)).collect::<Result<_, _>>()?;
    let new = if args.same { NewPassphrase::Same } else { NewPassphrase::Asked };
    for id in ids {
        store.change_passphrase(id, new)?;
        if args.same {
            app.printer().say(format_args!("Encrypted key {id} anew with the passphrase that it has"));
        } else {
            app.printer().say(format_args!("Changed the passphrase of key {id}"));
        }
    }
    Ok(ExitStatus::Success)
}
