//! `delegation`: who may sign what.
//!
//! Source: notary `cmd/notary/delegations.go`.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use countersign_core::author::NEAR_EXPIRY;
use countersign_core::author::{Change, DelegationEdit};
use countersign_core::certificate::FirstCertificate;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::metadata::Delegation;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::Threshold;
use countersign_core::public_key_file::{self, PublicKeyFileError};
use countersign_core::time::UpdateStart;

use super::face::Face;
use super::fatal::{Fatal, Outcome};
use super::prompt::confirms;
use super::publish::publish_if_asked;
use super::{log, say};
use crate::table::table;

/// Prints every delegation.
pub(super) async fn list(face: &Face) -> Outcome {
    if face.line().words.is_empty() {
        return Err(Fatal::usage("Please provide a Global Unique Name as an argument to list"));
    }
    let gun = face.gun()?;
    let refreshed = face.refresh(&gun).await?;
    let mut roles: BTreeMap<&RoleName, (&Delegation, Vec<String>)> = BTreeMap::new();
    for targets in refreshed.collection.roles().values() {
        for role in &targets.delegations.roles {
            let id = |listed: &KeyId| {
                let key = targets.delegations.keys.get(listed);
                key.and_then(|key| key.canonical_id().ok()).unwrap_or(*listed).to_string()
            };
            roles.insert(&role.name, (role, role.keyids.iter().map(id).collect()));
        }
    }
    if roles.is_empty() {
        return say("\n\nNo delegations present in this repository.\n\n");
    }
    let rows: Vec<_> = roles.into_values().flat_map(|(role, keys)| rows(role, &keys)).collect();
    say(format_args!("\n{}", table(["ROLE", "PATHS", "KEY IDS", "THRESHOLD"], &rows)))
}

/// One line for each path or key, whichever are more.
fn rows(role: &Delegation, keys: &[String]) -> Vec<[String; 4]> {
    let cell = |list: &[String], at: usize| list.get(at).cloned().unwrap_or_default();
    let paths: Vec<_> = role.paths.iter().map(|path| shown(path)).collect();
    let row = |at: usize| {
        let name = if at == 0 { role.name.to_string() } else { String::new() };
        let threshold = if at == 0 { role.threshold.get().to_string() } else { String::new() };
        [name, cell(&paths, at), cell(keys, at), threshold]
    };
    (0..paths.len().max(keys.len()).max(1)).map(row).collect()
}

/// Stages keys and paths for a delegation.
pub(super) async fn add(face: &Face) -> Outcome {
    let words = &face.line().words;
    let paths = paths(face);
    let has_paths = face.line().is_given("paths") || face.line().is_on("all-paths");
    if words.len() < 2 || (words.len() == 2 && !has_paths) {
        return Err(Fatal::usage(
            "must specify the Global Unique Name and the role of the delegation along with the public key certificate paths \
             and/or a list of paths to add",
        ));
    }
    let gun = face.gun()?;
    let keys = words[2..].iter().map(|path| public_key(face, path)).collect::<Outcome<Vec<_>>>()?;
    let role = delegation(face.word(1), "failed to create delegation: ")?;
    let mut changes = Vec::new();
    if !keys.is_empty() {
        let edit = DelegationEdit {
            threshold: Some(Threshold::ONE),
            add_keys: keys.clone(),
            ..DelegationEdit::default()
        };
        changes.push(Change::EditDelegation { role: role.clone(), edit });
    }
    if has_paths {
        let edit = DelegationEdit { add_paths: paths.clone(), ..DelegationEdit::default() };
        changes.push(Change::EditDelegation { role: role.clone(), edit });
    }
    face.changes(&gun).add(&changes, face.now()).await?;
    let ids: Vec<_> =
        keys.iter().map(|key| key.canonical_id().unwrap_or_else(|_| key.id()).to_string()).collect();
    let with = with_keys(&ids) + &if has_paths { with_paths(&paths) } else { String::new() };
    say(format_args!(
        "\nAddition of delegation role {role} {with}to repository \"{gun}\" staged for next publish.\n"
    ))?;
    publish_if_asked(face, &gun).await
}

/// Stages the removal of keys, paths, or a whole delegation.
pub(super) async fn remove(face: &Face) -> Outcome {
    let (words, line) = (&face.line().words, face.line());
    if words.len() < 2 {
        return Err(Fatal::usage(
            "must specify the Global Unique Name and the role of the delegation along with optional keyIDs and/or a list of \
             paths to remove",
        ));
    }
    let gun = face.gun()?;
    let role = delegation(face.word(1), "")?;
    let keys = words[2..].iter().map(|id| key_id(id)).collect::<Outcome<Vec<_>>>()?;
    let (paths, all_paths) = (line.texts("paths"), line.is_on("all-paths"));
    let has_paths = line.is_given("paths");
    if keys.is_empty() && !has_paths && !all_paths {
        return remove_whole(face, role).await;
    }
    let ids: Vec<_> = words[2..].to_vec();
    let with_paths = match (all_paths, has_paths) {
        (true, _) => "with all paths, ".to_owned(),
        (false, true) => with_paths(&paths),
        (false, false) => String::new(),
    };
    let edit = DelegationEdit {
        remove_keys: keys,
        remove_paths: if all_paths { Vec::new() } else { paths },
        clear_paths: all_paths,
        ..DelegationEdit::default()
    };
    face.changes(&gun).add(&[Change::EditDelegation { role: role.clone(), edit }], face.now()).await?;
    let with = with_keys(&ids) + &with_paths;
    say(format_args!(
        "\nRemoval of delegation role {role} {with}to repository \"{gun}\" staged for next publish.\n"
    ))?;
    publish_if_asked(face, &gun).await
}

async fn remove_whole(face: &Face, role: RoleName) -> Outcome {
    let gun = face.gun()?;
    let question = "\nAre you sure you want to remove all data for this delegation? (yes/no)";
    if face.line().is_on("yes") {
        say(format_args!("{question}\nConfirmed `yes` from flag"))?;
    } else if !confirms(question) {
        return Err(Fatal::new("Aborting action."));
    }
    face.changes(&gun).add(&[Change::RemoveDelegation { role: role.clone() }], face.now()).await?;
    say(format_args!(
        "\nForced removal (including all keys and paths) of delegation role {role} to repository \"{gun}\" staged for next \
         publish.\n"
    ))?;
    publish_if_asked(face, &gun).await
}

/// Stages the removal of keys from every delegation.
pub(super) async fn purge(face: &Face) -> Outcome {
    let ids = face.line().texts("key");
    if face.line().words.len() != 1 {
        return Err(Fatal::usage("Please provide a single Global Unique Name as an argument to remove"));
    }
    if ids.is_empty() {
        return Err(Fatal::usage("Please provide at least one key ID to be removed using the --key flag"));
    }
    let gun = face.gun()?;
    let keys = ids.iter().map(|id| key_id(id)).collect::<Outcome<Vec<_>>>()?;
    let below = TopRole::Targets.into();
    face.changes(&gun).add(&[Change::PurgeKeys { below, keys }], face.now()).await?;
    let listed = ids.join("\n\t- ");
    say(format_args!(
        "Removal of the following keys from all delegations in {gun} staged for next publish:\n\t- {listed}"
    ))?;
    publish_if_asked(face, &gun).await
}

/// Deviation: Notary stages whatever is given, to no effect; test `key_ids_that_are_none_are_refused`.
fn key_id(text: &str) -> Outcome<KeyId> {
    text.parse().map_err(|_| Fatal::new(format!("invalid key ID provided: {text}")))
}

fn delegation(name: &str, before: &str) -> Outcome<RoleName> {
    let role = name.parse::<RoleName>().ok().filter(RoleName::is_delegation);
    role.ok_or_else(|| {
        let why = if before.is_empty() {
            format!("invalid delegation name {name}")
        } else {
            format!("{before}tuf: invalid role {name}. invalid delegation role name")
        };
        Fatal::new(why)
    })
}

/// The paths that are to be added; one empty one for all.
fn paths(face: &Face) -> Vec<String> {
    if face.line().is_on("all-paths") { vec![String::new()] } else { face.line().texts("paths") }
}

/// The first public key of a file.
fn public_key(face: &Face, path: &str) -> Outcome<PublicKey> {
    let text = fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Fatal::new(format!("file for public key does not exist: {path}")),
        _ => Fatal::new(format!("unable to read public key from file: {path}")),
    })?;
    let start = UpdateStart(face.now());
    let key = public_key_file::read(&text, start).map_err(|error| {
        let why = match &error {
            PublicKeyFileError::Pem(_) => "no valid public key found".to_owned(),
            error => crate::report::one_line(error),
        };
        Fatal::new(format!("unable to parse valid public key certificate from PEM file {path}: {why}"))
    })?;
    if let Ok(certificate) = FirstCertificate::read(key.as_bytes(), start)
        && start.0.seconds_until(certificate.not_after) < NEAR_EXPIRY
    {
        log::warning(&format!("certificate with CN {} is near expiry", certificate.common_name));
    }
    Ok(key)
}

fn with_keys(ids: &[String]) -> String {
    if ids.is_empty() { String::new() } else { format!("with keys [{}], ", ids.join(" ")) }
}

fn with_paths(paths: &[String]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| shown(path)).collect();
    format!("with paths [{}], ", paths.join("\n"))
}

fn shown(path: &str) -> String {
    if path.is_empty() { "\"\" <all paths>".to_owned() } else { path.to_owned() }
}
