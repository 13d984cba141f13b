//! `key remember` and `key forget`: passphrases in the desktop's keyring.

use std::sync::Arc;

use countersign_client::keystore::KeyStore as _;
use countersign_client::passphrase::{Keyring, PassphraseError};

use super::chosen::ChosenKey;
use crate::app::App;
use crate::exit::ExitStatus;

/// Keep the passphrases of private keys in the desktop's keyring, which is then asked before you are
///
/// Whoever can use your session can sign then. It takes `secret-tool` (libsecret) and a session with a keyring. A passphrase that does
/// not open its key is not kept.
#[derive(Debug, clap::Args)]
pub(crate) struct RememberArgs {
    /// The keys: their ids, or the first seven digits of them or more
    #[arg(value_name = "ID", required = true)]
    keys: Vec<ChosenKey>,
}

/// Take the passphrases of private keys out of the desktop's keyring
///
/// One that was never there is fine; a keyring that cannot be asked, or stays locked, is an error.
#[derive(Debug, clap::Args)]
pub(crate) struct ForgetArgs {
    /// The keys: their ids, or the first seven digits of them or more
    #[arg(value_name = "ID", required = true)]
    keys: Vec<ChosenKey>,
}

/// Has them kept, one after the other.
pub(super) fn remember(args: &RememberArgs, app: &App) -> anyhow::Result<ExitStatus> {
    let store = app.key_store()?;
    let list = store.list()?;
    for chosen in &args.keys {
        let key = chosen.among(&list)?;
        let keyring = keyring(app)?;
        let passphrase = store.passphrase_of(key.id)?;
        keyring.keep(key.id, &passphrase)?;
        app.printer().say(format_args!("The desktop's keyring keeps the passphrase of key {}", key.id));
    }
    Ok(ExitStatus::Success)
}

/// Has them forgotten, one after the other.
pub(super) fn forget(args: &ForgetArgs, app: &App) -> anyhow::Result<ExitStatus> {
    let list = app.key_store()?.list()?;
    for chosen in &args.keys {
        let key = chosen.among(&list)?;
        keyring(app)?.forget(key.id)?;
        app.printer().say(format_args!("The desktop's keyring has no passphrase of key {}", key.id));
    }
    Ok(ExitStatus::Success)
}

fn keyring(app: &App) -> anyhow::Result<Arc<dyn Keyring>> {
    let keyring = app.key_store()?.passphrases().keyring().cloned();
    Ok(keyring.ok_or(PassphraseError::NoKeyring)?)
}
