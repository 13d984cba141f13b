//! `key recovery`: a root key on paper, for the day when the other one is gone.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{ArgAction, Subcommand};
use countersign_client::keystore::KeyStore as _;
use countersign_client::publisher::Publisher;
use countersign_client::recovery::{RecoveryError, RecoveryKey, Share, Shares, combine};
use countersign_core::name::Gun;
use zeroize::Zeroizing;

use super::files;
use crate::app::App;
use crate::exit::ExitStatus;
use crate::report;
use crate::time::minute;

/// Largest file with a share, in bytes.
const SHARE_BYTES: usize = 64 << 10;
/// How often a share is asked for again that was typed wrong.
const TRIES: u32 = 4;

/// Make and restore a recovery key: a root key that is kept on paper, whole or in shares
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Create(CreateArgs),
    Combine(CombineArgs),
}

/// Make a recovery key, and write it down
///
/// The key is made, written down and forgotten; its public half stays in a file. Without options it is printed whole. With `--shares` it is
/// printed in shares, of which `--needed` restore it, and fewer say nothing of it. Whoever has enough of them has the key.
///
/// With `--for` it becomes a root key of collections, beside those that they have: either of them can replace the other. The present
/// root key must be here. Everybody who trusts the collection follows.
#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// Split the key in so many shares
    #[arg(long, value_name = "TOTAL", requires = "needed")]
    shares: Option<u8>,
    /// How many of the shares restore the key
    #[arg(long, value_name = "COUNT", requires = "shares")]
    needed: Option<u8>,
    /// Write each share to a file of its own in this directory, readable by you alone, instead of printing them
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Make it a root key of this collection, beside those that it has, and publish that at once
    #[arg(long = "for", value_name = "GUN", action = ArgAction::Append)]
    collections: Vec<Gun>,
}

/// Restore a recovery key from what was written down
///
/// Shares are read from files, or asked for one after the other. The key is kept as a root key, encrypted with a passphrase.
#[derive(Debug, clap::Args)]
struct CombineArgs {
    /// Files with one share each
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs a verb.
pub(crate) async fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    match &args.verb {
        Verb::Create(args) => create(args, app).await,
        Verb::Combine(args) => restore(args, app),
    }
}

async fn create(args: &CreateArgs, app: &App) -> anyhow::Result<ExitStatus> {
    let split = match (args.needed, args.shares) {
        (Some(needed), Some(total)) => Shares::new(needed, total)?,
        _ => Shares::ONE,
    };
    let mut publishers = Vec::new();
    for gun in &args.collections {
        // Before anything is written down that would be good for nothing.
        let publisher = app.publisher(gun, None)?;
        let admitted = publisher.admit_root_change(app.context().now()).await;
        admitted.with_context(|| format!("`{gun}` cannot get a recovery key; none was made"))?;
        publishers.push((gun, publisher));
    }
    let key = RecoveryKey::generate()?;
    let shares = key.split(split)?;
    let pages: Vec<_> = shares.iter().map(|share| page(share, &key, app)).collect();
    verify(&pages, &key)?;
    let public = app.context().trust_dir().join("recovery").join(format!("{}.pub", key.id()));
    keep_public(&public, &key)?;
    for (share, page) in shares.iter().zip(&pages) {
        match &args.output {
            Some(dir) => {
                let name = format!("share-{}-of-{}-{}.txt", share.number(), split.total(), key.id().short());
                files::write(&dir.join(name), page.as_bytes(), false)?;
            }
            None => app.printer().data_text(page)?,
        }
    }
    app.printer().say(format_args!("Recovery key {}; its public half is in {}", key.id(), public.display()));
    app.printer().say("Keep what was written away from this machine; no copy of it is here");
    let mut status = ExitStatus::Success;
    for (gun, publisher) in publishers {
        if let Err(error) = add(&key, gun, &publisher, app).await {
            let error = error.context(format!("the key that was written down is no root key of `{gun}`"));
            status = report::report(&error, app.printer());
        }
    }
    Ok(status)
}

/// Makes the recovery key a root key of a collection.
async fn add(key: &RecoveryKey, gun: &Gun, publisher: &Publisher, app: &App) -> anyhow::Result<()> {
    let (now, printer) = (app.context().now(), app.printer());
    let published = publisher.add_root_key(key.certificate(gun, now)?, now).await?;
    for warning in &published.warnings {
        printer.warn(report::one_line(warning));
    }
    match &published.confirmed {
        Ok(()) => {}
        Err(error) => printer.warn(format_args!(
            "published, but the server does not show it yet: {}",
            report::one_line(error)
        )),
    }
    printer.say(format_args!("It is a root key of {gun} from now on, beside those that it had"));
    Ok(())
}

/// What is printed of one share.
fn page(share: &Share, key: &RecoveryKey, app: &App) -> Zeroizing<String> {
    let (needed, total) = (share.shares().needed(), share.shares().total());
    let what = if total == 1 {
        "Whoever has this page has the key.".to_owned()
    } else {
        format!("Any {needed} of the {total} shares restore the key; whoever has {needed} has it.")
    };
    let text = share.to_text();
    let (first, second) = text.split_at(text.len().min(54));
    let mut page = Zeroizing::new(String::with_capacity(1024));
    for line in [
        &format!("Countersign recovery share {} of {total}", share.number()),
        &format!("Root key {}", key.id()),
        &format!("Made {}. {what}", minute(app.context().now())),
        "Restore with: countersign key recovery combine",
        "",
        first.trim(),
        second.trim(),
        "",
        "",
    ] {
        page.push_str(line);
        page.push('\n');
    }
    page
}

/// Makes the key again from what is about to be written, before anybody relies on it.
fn verify(pages: &[Zeroizing<String>], key: &RecoveryKey) -> anyhow::Result<()> {
    let shares = pages.iter().map(|page| Share::find(page)).collect::<Result<Vec<_>, _>>()?;
    let restored = combine(&shares)?.id();
    anyhow::ensure!(restored == key.id(), "the shares do not restore the key; nothing was written");
    Ok(())
}

fn keep_public(path: &Path, key: &RecoveryKey) -> anyhow::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    files::create_private_dir(dir).with_context(|| format!("cannot make `{}`", dir.display()))?;
    files::write(path, key.public_pem().as_bytes(), false)
}

fn restore(args: &CombineArgs, app: &App) -> anyhow::Result<ExitStatus> {
    let shares = if args.files.is_empty() { ask(app)? } else { read(&args.files)? };
    let key = combine(&shares)?;
    let id = key.id();
    app.key_store()?.add(key, "root", None)?;
    app.printer().data(format_args!("Restored root key {id}"))?;
    Ok(ExitStatus::Success)
}

fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<Share>> {
    let mut shares = Vec::new();
    for path in paths {
        let (bytes, _) = files::read(path, SHARE_BYTES)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| RecoveryError::NoShare);
        let share = text.and_then(Share::find);
        shares.push(share.with_context(|| format!("cannot read a share from `{}`", path.display()))?);
    }
    Ok(shares)
}

/// Asks for shares until there are enough.
fn ask(app: &App) -> anyhow::Result<Vec<Share>> {
    let mut shares: Vec<Share> = Vec::new();
    loop {
        let needed = shares.first().map(|share| usize::from(share.shares().needed()));
        if needed.is_some_and(|needed| shares.len() >= needed) {
            return Ok(shares);
        }
        let of = needed.map(|needed| format!(" of {needed}")).unwrap_or_default();
        shares.push(ask_one(&format!("Enter recovery share {}{of}: ", shares.len() + 1), app)?);
    }
}

fn ask_one(question: &str, app: &App) -> anyhow::Result<Share> {
    for _ in 0..TRIES {
        let answer = app.ask_hidden(question).context("a recovery share could not be asked for")?;
        match answer.parse() {
            Ok(share) => return Ok(share),
            Err(error) => app.printer().tell(error),
        }
    }
    anyhow::bail!("no recovery share was given in {TRIES} tries; nothing was restored")
}
