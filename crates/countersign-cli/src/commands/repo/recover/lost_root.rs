//! A lost root key.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use countersign_client::cache_dir::DirectoryCache;
use countersign_client::export::export_remains;
use countersign_client::import::{Remains, RemainsLimits};
use countersign_client::publisher::{Found, FoundIn, LostRoot, Publisher, PublisherError, SnapshotKey};
use countersign_core::key::KeyId;
use countersign_core::name::{Gun, RoleName};
use tokio::task::spawn_blocking;

use super::pinned::admit_root_key;
use super::{Args, RecoverError};
use crate::app::App;
use crate::commands::doctor::clock_apart;
use crate::commands::repo::export;
use crate::exit::ExitStatus;
use crate::report;

/// Publishes the collection anew.
pub(super) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let (gun, printer, now) = (args.repository.gun(), app.printer(), app.context().now());
    admit_root_key(args.root_key, &app.context().policy().decide(&gun))?;
    let publisher = app.publisher(&gun, None)?;
    if let Some(ahead) = clock_apart(&app.context().trust_server(&gun)?, app).await {
        return Err(RecoverError::Clock { ahead }.into());
    }
    let found = find(args.from.as_deref(), &gun, &publisher, app).await?;
    let plan = publisher.lost_root(&found.remains, now).await?;
    let is_begun = matches!(found.source, FoundIn::Begun);
    match &found.source {
        FoundIn::Expired(error) => printer.warn(format_args!(
            "what is published has expired: {}; if this machine's clock is right, it is recovered as it is cached here",
            report::one_line(&**error)
        )),
        FoundIn::Gone => printer
            .warn("the trust server has nothing of it any more; it is recovered as it is cached here"),
        FoundIn::Begun => printer.say("Going on with a recovery that was cut off"),
        FoundIn::Published => {}
    }
    let copy = keep_copy(&args, &found, &plan, app).await?;
    let copied = match found.source {
        FoundIn::Published => "everything that is published",
        _ => "what is recovered",
    };
    printer.tell(described(&gun, &plan, copied, &copy));
    if !args.yes && !is_begun {
        let question = format!("Type `{gun}` to go on: ");
        let answer = app.ask(&question).ok_or(RecoverError::Unasked)?;
        if answer.trim() != gun.as_str() {
            return Err(RecoverError::Unconfirmed.into());
        }
    }
    let anew = publisher
        .recover_lost_root(&found.remains, args.root_key, args.leave_out, now)
        .await
        .with_context(|| {
            format!("`{gun}` is not recovered yet; run it again to go on, the copy is `{}`", copy.display())
        })?;
    if let Err(error) = &anew.confirmed {
        printer.warn(format_args!("published, but it is not trusted here yet: {}", report::one_line(error)));
    }
    if let Some(keys) = &anew.new_targets_keys {
        printer.say(format_args!("New targets key: {}", ids(keys)));
    }
    printer.say(format_args!("New root key: {}", anew.root_key));
    printer.say(format_args!(
        "Tell everybody who pulls or signs this key id, by another way than the registry: they are refused until they run `countersign \
         trust repin {gun}`. Docker and Notary have no such command; there, `tuf/{gun}` in the trust directory has to be removed"
    ));
    printer.say("Back up the new root key (`countersign key backup`), and make a recovery key (`countersign key recovery create --for`)");
    printer.status(format_args!("Successfully published {gun} anew, with root key {}", anew.root_key))?;
    Ok(ExitStatus::Success)
}

/// The files to recover from.
async fn find(from: Option<&Path>, gun: &Gun, publisher: &Publisher, app: &App) -> anyhow::Result<Found> {
    let found = publisher.found(app.context().now()).await;
    let Some(path) = from.map(Path::to_owned) else {
        return found.map_err(|error| match error {
            PublisherError::NoCollection(gun) | PublisherError::NothingLeft(gun) => {
                RecoverError::NothingLeft(gun).into()
            }
            error => error.into(),
        });
    };
    let unread = format!("cannot recover from `{}`; nothing was changed", path.display());
    let remains = spawn_blocking(move || Remains::of_export(&path, &RemainsLimits::default()))
        .await?
        .context(unread)?;
    if remains.gun != *gun {
        return Err(RecoverError::OtherCollection { found: remains.gun, wanted: gun.clone() }.into());
    }
    let source = match found {
        Ok(found) => found.source,
        Err(PublisherError::NoCollection(_) | PublisherError::NothingLeft(_)) => FoundIn::Gone,
        Err(error) => return Err(error.into()),
    };
    Ok(Found { remains, source })
}

/// Writes down what there is before anything is deleted; gives the path.
async fn keep_copy(args: &Args, found: &Found, plan: &LostRoot, app: &App) -> anyhow::Result<PathBuf> {
    if let (Some(path), FoundIn::Expired(_) | FoundIn::Gone | FoundIn::Begun) = (&args.from, &found.source) {
        return Ok(path.clone());
    }
    let gun = &found.remains.gun;
    let dir = DirectoryCache::new(app.context().trust_dir()).directory(gun);
    let path = dir.join(format!("lost-root-{}.tar", plan.root_version));
    match &found.source {
        FoundIn::Published => drop(export::to_file(gun, &path, app).await?),
        // What an earlier run has written has more in it.
        _ if path.exists() => {}
        _ => {
            let (remains, server) = (found.remains.clone(), app.context().trust_server(gun)?.host());
            let now = app.context().now();
            let write = |out| async move {
                let written = spawn_blocking(move || export_remains(&remains, &server, now, out)).await?;
                anyhow::Ok(written?)
            };
            export::whole_file(&path, write).await?;
        }
    }
    Ok(path)
}

fn described(gun: &Gun, plan: &LostRoot, copied: &str, copy: &Path) -> String {
    let lost: Vec<_> = plan.root_keys.iter().map(KeyId::to_string).collect();
    let mut lines = vec![
        format!("The root keys of {gun} are not here: {}", lost.join(", ")),
        match lost.len() {
            1 => "Nobody can sign a root that leads on from it. This is what will be done:".to_owned(),
            _ => "If other people have enough of these keys, nothing is lost, and `countersign repo root propose` is the way: stop here. If nobody \
                  has, this is what will be done:"
                .to_owned(),
        },
        format!("  copy       {copied} is in {}", copy.display()),
        "  delete     the collection, at its trust server".to_owned(),
        "  root       published anew, with a new root key".to_owned(),
    ];
    let (keys, signs_on) = &plan.targets;
    let with = if *signs_on { "the same key:" } else { "a new key; not here:" };
    lines.push(format!("  targets    signed again, with {with} {}", ids(keys)));
    lines.push(match plan.snapshot_key {
        SnapshotKey::Local => "  snapshot   signed again, with the same key".to_owned(),
        SnapshotKey::Server => "  snapshot   signed by the trust server, with a key of its own".to_owned(),
    });
    if !plan.delegations.is_empty() {
        let roles: Vec<_> = plan.delegations.iter().map(RoleName::as_str).collect();
        lines.push(format!("  as it is   {}", roles.join(", ")));
    }
    lines.extend(plan.left_out.iter().map(|left_out| format!("  left out   {left_out}")));
    lines.push(
        "Everybody who trusted the old root is refused from then on, until they trust the new key. Older versions are in the copy alone."
            .to_owned(),
    );
    lines.join("\n")
}

fn ids<'a>(keys: impl IntoIterator<Item = &'a KeyId>) -> String {
    keys.into_iter().map(KeyId::to_string).collect::<Vec<_>>().join(", ")
}
