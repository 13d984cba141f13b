//! `publish`, `status`, `reset`, `init`, `delete`: a collection and its staged changes.
//!
//! Source: notary `cmd/notary/tuf.go`.

use std::collections::BTreeSet;
use std::fs;

use countersign_client::changelist::StagedChange;
use countersign_client::keystore::KeyStore as _;
use countersign_client::publisher::{PublishOptions, PublisherError, RootKey};
use countersign_client::remote::FetchError;
use countersign_core::author::{AuthorError, Change};
use countersign_core::certificate::CertificateBundle;
use countersign_core::key::{KeyType, PublicKey};
use countersign_core::name::Gun;

use super::face::Face;
use super::fatal::{Fatal, Outcome, unavailable};
use super::{key_files, log, say, tell};
use crate::commands::repo;

const NO_GUN: &str = "Must specify a GUN";

/// Publishes what is staged.
pub(super) async fn publish(face: &Face) -> Outcome {
    let gun = gun(face)?;
    say(format_args!("Pushing changes to {gun}"))?;
    publish_staged(face, &gun).await
}

/// Publishes what is staged if `--publish` asks for it.
pub(super) async fn publish_if_asked(face: &Face, gun: &Gun) -> Outcome {
    if !face.line().is_on("publish") {
        return Ok(());
    }
    say(format_args!("Auto-publishing changes to {gun}"))?;
    publish_staged(face, gun).await
}

async fn publish_staged(face: &Face, gun: &Gun) -> Outcome {
    let list = face.changes(gun);
    let publisher = face.publisher(gun, PublishOptions::default())?;
    match publisher.publish_changes(&list, face.now()).await {
        Ok(published) => tell::published(&published),
        Err(PublisherError::Change { source: AuthorError::UnknownRole(role), .. }) => {
            let staged = list.list().await?;
            let is_witnessed =
                staged.iter().any(|staged| staged.change == Change::Witness { role: role.clone() });
            let is_of_target = |staged: &StagedChange| {
                matches!(
                    &staged.change,
                    Change::SetTarget { role: of, .. } | Change::RemoveTarget { role: of, .. } if *of == role
                )
            };
            if is_witnessed {
                return Err(Fatal::new(format!("tuf: invalid role {role}. this role is not known")));
            }
            let fatal = Fatal::from(AuthorError::UnknownRole(role.clone()));
            if staged.iter().any(is_of_target) {
                log::error(&format!("couldn't change a target of {role}: {}", fatal.text));
            }
            return Err(fatal);
        }
        Err(error) => return Err(error.into()),
    }
    say(format_args!("Successfully published changes for repository {gun}"))
}

/// Prints what is staged.
pub(super) async fn status(face: &Face) -> Outcome {
    let gun = gun(face)?;
    let changes = face.changes(&gun).list().await?;
    say(repo::staged_table(&gun, &changes).trim_end_matches('\n'))
}

/// Drops what is staged.
pub(super) async fn reset(face: &Face) -> Outcome {
    let gun = gun(face)?;
    let numbers = face.line().texts("number");
    let list = face.changes(&gun);
    if face.line().is_on("all") {
        list.clear().await?;
    } else if numbers.is_empty() {
        return Err(Fatal::usage("Must specify changes to reset with -n or the --all flag"));
    } else {
        let staged = list.list().await?;
        let chosen = numbers.iter().filter_map(|number| staged.get(number.trim().parse::<usize>().ok()?));
        let files: Vec<_> = chosen.map(|change| change.file.clone()).collect();
        list.remove(&files).await?;
    }
    say(format_args!("Successfully reset specified changes for repository {gun}"))
}

/// Makes a collection.
pub(super) async fn init(face: &Face) -> Outcome {
    let gun = gun(face)?;
    let keys = face.keys()?;
    let given = face.line().text("rootkey").map(|path| key_files::root_key(path, &keys)).transpose()?;
    let certificate = root_certificate(face);
    let wanted = match &certificate {
        Ok(Some(certificate)) => Some(certificate.canonical_id().map_err(|error| Fatal::of(&error))?),
        _ => None,
    };
    let listed = keys.list()?.keys.into_iter().filter(|key| key.role == "root");
    let here: BTreeSet<_> = listed.map(|key| key.id).collect();
    let chosen = given.or(wanted.filter(|key| here.contains(key))).or(here.first().copied());
    if let Some(key) = chosen {
        say(format_args!("Root key found, using: {key}"))?;
    }
    let root_certificate = certificate?;
    if given.is_none() && wanted.is_some_and(|key| !here.contains(&key)) {
        return Err(Fatal::new(
            "error initializing repository with certificate: cannot find matching private key id",
        ));
    }
    let root_key = chosen.map_or(RootKey::FirstOrNew, RootKey::Existing);
    let options = PublishOptions { root_certificate, root_key, ..PublishOptions::default() };
    face.publisher(&gun, options)?.init(face.now()).await?;
    publish_if_asked(face, &gun).await
}

/// Deletes what is here of a collection, and with `--remote` what the server has.
///
/// Deviation: Notary deletes what is here even if the server then refuses (reference behaviour 13 B14); test
/// `delete_that_the_server_refuses_deletes_nothing_here`.
pub(super) async fn delete(face: &Face) -> Outcome {
    let gun = gun(face)?;
    say(format_args!("Deleting trust data for repository {gun}"))?;
    let updater = face.updater(&gun, countersign_client::remote_http::Access::Push)?;
    let is_remote = face.line().is_on("remote");
    if is_remote {
        updater.remote().delete().await.map_err(|error| match error {
            FetchError::NotFound { .. } => unavailable(&format!("DELETE metadata for {gun} endpoint")),
            error => Fatal::from(&error),
        })?;
    }
    updater.cache().forget(&gun).await.map_err(|error| Fatal::of(&error))?;
    face.changes(&gun).clear().await?;
    let what = if is_remote { "local and remote" } else { "local" };
    say(format_args!("Successfully deleted {what} trust data for repository {gun}"))
}

/// The collection; a command without one is shown how it is called.
pub(super) fn gun(face: &Face) -> Outcome<Gun> {
    if face.line().words.is_empty() { Err(Fatal::usage(NO_GUN)) } else { face.gun() }
}

/// The certificate in the file that `--rootcert` names.
fn root_certificate(face: &Face) -> Outcome<Option<PublicKey>> {
    let Some(path) = face.line().text("rootcert") else { return Ok(None) };
    let text = fs::read(path).map_err(|error| {
        Fatal::new(format!("error reading certificate file: {}", Fatal::file("open", path, &error).text))
    })?;
    let bundle = CertificateBundle::parse(&text).map_err(|error| {
        log::warning(&format!("{path}: {error}"));
        Fatal::new("the provided file does not contain a valid PEM certificate <nil>")
    })?;
    let key_type = match bundle.public_key().key_type() {
        Some(KeyType::Rsa) => KeyType::RsaX509,
        _ => KeyType::EcdsaX509,
    };
    Ok(Some(PublicKey::new(key_type, text)))
}
