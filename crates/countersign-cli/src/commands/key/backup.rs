//! `key backup`: every key in one file, read back before anybody relies on it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use countersign_client::age::{self, Recipient};
use countersign_client::backup::{Backup, BackupRecord, RecordedBackup, compress};
use countersign_client::keystore_dir::DirKeyStore;
use countersign_core::key_file::Passphrase;

use super::{KeyRefusal, files};
use crate::app::App;
use crate::exit::ExitStatus;
use crate::report;

/// Back up every private key to one encrypted file
///
/// The file is in the age format, and holds a tar: `age -d FILE | tar -x` gets at the keys without this program. The keys in it are
/// still encrypted with their own passphrases. It is encrypted with a passphrase that is asked for, or taken from
/// `COUNTERSIGN_BACKUP_PASSPHRASE`, or to recipients. After it was written it is read back and compared.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to write, readable by you alone
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Encrypt to this recipient, `age1…`, instead of with a passphrase; can be repeated
    #[arg(long, short, value_name = "RECIPIENT")]
    recipient: Vec<Recipient>,
    /// Write a compressed tar that is not encrypted beyond the keys in it, as Docker's documentation makes it
    #[arg(long, conflicts_with = "recipient")]
    tar: bool,
    /// Write also a list of what is in the backup, without secrets
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

/// How a backup is encrypted.
enum Lock {
    Passphrase(Passphrase),
    Recipients,
    Nothing,
}

/// Backs up.
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let store = app.key_store()?;
    let backup = Backup::of(&store)?;
    for problem in &backup.unreadable {
        app.printer().warn(report::one_line(problem));
    }
    if backup.keys.is_empty() {
        return Err(KeyRefusal::NothingToBackUp.into());
    }
    for path in [Some(&args.file), args.inventory.as_ref()].into_iter().flatten() {
        if !args.force && path.symlink_metadata().is_ok() {
            return Err(KeyRefusal::FileExists { path: path.clone() }.into());
        }
    }
    let (content, lock) = content(args, &backup, &store, app)?;
    files::write(&args.file, &content, args.force)?;
    verify(&args.file, &content, &lock).with_context(|| {
        format!("the backup `{}` is not what was to be written; do not rely on it", args.file.display())
    })?;
    if let Some(path) = &args.inventory {
        files::write(path, backup.inventory().as_bytes(), args.force)?;
    }
    note(args, &backup, app);
    let keys =
        if backup.keys.len() == 1 { "1 key".to_owned() } else { format!("{} keys", backup.keys.len()) };
    app.printer().say(format_args!("Backed up {keys} to {}, and read it back", args.file.display()));
    Ok(if backup.unreadable.is_empty() { ExitStatus::Success } else { ExitStatus::Failure })
}

fn content(args: &Args, backup: &Backup, store: &DirKeyStore, app: &App) -> anyhow::Result<(Vec<u8>, Lock)> {
    let seconds = u64::try_from(app.context().now().unix_seconds()).unwrap_or_default();
    if args.tar {
        // The path that Docker's `tar -zcvf keys.tar.gz ~/.docker/trust/private` has in it.
        let private = std::path::absolute(store.path())?;
        let dir = private.strip_prefix("/").unwrap_or(&private);
        return Ok((compress(&backup.to_tar(dir, None, seconds)?)?, Lock::Nothing));
    }
    let tar = backup.to_tar(Path::new("private"), Some(&backup.inventory()), seconds)?;
    if !args.recipient.is_empty() {
        return Ok((age::encrypt_to(&tar, &args.recipient)?, Lock::Recipients));
    }
    let passphrase = store.passphrases().for_new_backup(&args.file.display().to_string())?;
    Ok((age::encrypt_with_passphrase(&tar, &passphrase)?, Lock::Passphrase(passphrase)))
}

/// Reads what was written, and opens it if what opens it is at hand.
fn verify(path: &Path, content: &[u8], lock: &Lock) -> anyhow::Result<()> {
    let (written, _) = files::read(path, content.len())?;
    anyhow::ensure!(*written == content, "other bytes are there");
    match lock {
        Lock::Passphrase(passphrase) => {
            countersign_client::backup::read_tar(&age::decrypt_with_passphrase(&written, passphrase)?)?;
        }
        Lock::Nothing => {
            countersign_client::backup::read_tar(&written)?;
        }
        // Only the recipients can.
        Lock::Recipients => {}
    }
    Ok(())
}

/// Notes which keys are safe, for `doctor` and `key remove`.
fn note(args: &Args, backup: &Backup, app: &App) {
    let recorded = RecordedBackup {
        time: app.context().now().whole_seconds(),
        file: std::path::absolute(&args.file).unwrap_or_else(|_| args.file.clone()),
        keys: backup.keys.iter().map(|key| key.id).collect(),
    };
    if let Err(error) = BackupRecord::note(&app.context().trust_dir(), recorded) {
        app.printer().warn(report::one_line(&error));
    }
}
