//! `key`: the private keys.
//!
//! Source: notary `cmd/notary/keys.go`.

use std::fs;

use countersign_client::keystore::{KeyEntry, KeyStore as _, KeyStoreError};
use countersign_client::keystore_dir::NewPassphrase;
use countersign_client::publisher::{OlderRoots, PublishOptions, Rotation};
use countersign_core::key::KeyId;
use countersign_core::name::{Gun, TopRole};

use super::face::Face;
use super::fatal::{Fatal, Outcome, passphrase};
use super::prompt::confirms;
use super::{key_files, log, say, say_text, tell};
use crate::report::one_line;
use crate::table::{keep_end, table};

/// Widest GUN in the table.
const GUN_WIDTH: usize = 25;
/// Widest location in the table.
const LOCATION_WIDTH: usize = 40;

/// Prints every key.
pub(super) fn list(face: &Face) -> Outcome {
    if !face.line().words.is_empty() {
        return Err(Fatal::usage(""));
    }
    let keys = face.keys()?;
    let mut list = keys.list()?;
    for unreadable in &list.unreadable {
        log::error(&one_line(unreadable));
    }
    if list.keys.is_empty() {
        return say("\nNo signing keys found.\n");
    }
    let order = |key: &KeyEntry| (key.role != "root", key.gun.clone(), key.role.clone(), key.id.to_string());
    list.keys.sort_by_key(order);
    let location = keep_end(&keys.path().display().to_string(), LOCATION_WIDTH);
    let row = |key: KeyEntry| {
        let gun = keep_end(key.gun.as_deref().unwrap_or_default(), GUN_WIDTH);
        let shown = |text: &str| text.escape_debug().to_string();
        [shown(&key.role), shown(&gun), key.id.to_string(), location.clone()]
    };
    let rows: Vec<_> = list.keys.into_iter().map(row).collect();
    say(format_args!("\n{}", table(["ROLE", "GUN", "KEY ID", "LOCATION"], &rows)))
}

/// Makes a key, in the key store or in files.
pub(super) fn generate(face: &Face) -> Outcome {
    let words = &face.line().words;
    if words.len() > 1 {
        return Err(Fatal::usage(
            "Please provide only one Algorithm as an argument to generate (rsa, ecdsa)",
        ));
    }
    let algorithm = words.first().map_or("ecdsa", String::as_str);
    if !algorithm.eq_ignore_ascii_case("ecdsa") {
        return Err(Fatal::new("Algorithm not allowed, possible values are: ECDSA"));
    }
    let role = face.line().text("role").unwrap_or("root");
    let keys = face.keys()?;
    if let Some(path) = face.line().text("output") {
        return key_files::generate(path, role, &keys);
    }
    let key = keys.generate(role, None)?;
    say(format_args!("Generated new ecdsa {role} key with keyID: {}", key.id()))
}

/// Replaces the keys of a role.
pub(super) async fn rotate(face: &Face) -> Outcome {
    let line = face.line();
    if line.words.len() < 2 {
        return Err(Fatal::usage("Must specify a GUN and a key role to rotate"));
    }
    let gun = face.gun()?;
    let role = face.word(1);
    let by_server = line.is_on("server-managed");
    let top = TopRole::ALL.into_iter().find(|top| top.name() == role);
    let files = line.texts("key");
    match (top, by_server) {
        (None, _) => {
            return Err(Fatal::new(format!("notary does not currently permit rotating the {role} key")));
        }
        (Some(TopRole::Timestamp), false) => {
            return Err(Fatal::new("notary does not permit the client managing the timestamp key"));
        }
        (Some(TopRole::Root | TopRole::Targets), true) => {
            return Err(Fatal::new(format!("notary does not permit the server managing the {role} key")));
        }
        _ => {}
    }
    let keys = key_files::for_role(&files, role, &gun, &*face.keys()?)?;
    let rotation = match top {
        Some(TopRole::Root) => {
            if !confirms(ROOT_QUESTION) {
                return say("\nAborting action.");
            }
            Rotation::Root { keys, older: older_roots(face) }
        }
        Some(TopRole::Targets) => Rotation::Targets { keys },
        Some(TopRole::Snapshot) if by_server => Rotation::ServerSnapshot,
        Some(TopRole::Snapshot) => Rotation::Snapshot { keys },
        _ => Rotation::Timestamp,
    };
    let publisher = face.publisher(&gun, PublishOptions::default())?;
    tell::published(&publisher.rotate(rotation, face.now()).await?);
    say(format_args!("Successfully rotated {role} key for repository {gun}"))
}

const ROOT_QUESTION: &str = "Warning: you are about to rotate your root key.\n\nYou must use your old key to sign this root \
                             rotation.\nAre you sure you want to proceed?  (yes/no)  ";

fn older_roots(face: &Face) -> OlderRoots {
    match face.line().text("legacy").and_then(|count| count.trim().parse::<i64>().ok()) {
        None | Some(0) => OlderRoots::None,
        Some(count) => u64::try_from(count).map_or(OlderRoots::All, OlderRoots::Versions),
    }
}

/// Brings keys from files.
pub(super) fn import(face: &Face) -> Outcome {
    let line = face.line();
    if line.words.is_empty() {
        return Err(Fatal::usage("must specify at least one input file to import keys from"));
    }
    let gun = line.text("gun").map(str::parse::<Gun>).transpose().map_err(|error| Fatal::of(&error))?;
    let keys = face.keys()?;
    for path in &line.words {
        key_files::import(path, line.text("role"), gun.as_ref(), &keys)?;
    }
    Ok(())
}

/// Writes keys as they are kept, encrypted.
///
/// Deviation: Notary exports nothing, and says nothing, for an id that it does not have; test
/// `export_of_a_key_that_is_not_here_fails`.
pub(super) fn export(face: &Face) -> Outcome {
    let line = face.line();
    let (guns, ids) = (line.texts("gun"), line.texts("key"));
    if !guns.is_empty() && !ids.is_empty() {
        return Err(Fatal::new("Only the --gun or --key flag may be provided, not a mix of the two flags"));
    }
    let keys = face.keys()?;
    let mut listed = keys.list()?.keys;
    listed.sort_by_key(|key| key.id.to_string());
    let chosen: Vec<KeyId> = if ids.is_empty() {
        let is_of =
            |key: &KeyEntry| guns.is_empty() || key.gun.as_ref().is_some_and(|gun| guns.contains(gun));
        listed.into_iter().filter(is_of).map(|key| key.id).collect()
    } else {
        let here = |id: &String| {
            let found = listed.iter().find(|key| key.id.to_string() == *id).map(|key| key.id);
            found.ok_or_else(|| Fatal::new(format!("No key with ID {id} found")))
        };
        ids.iter().map(here).collect::<Outcome<_>>()?
    };
    let mut text = zeroize::Zeroizing::new(Vec::new());
    for id in chosen {
        text.extend_from_slice(&keys.export(id)?);
    }
    match line.text("output") {
        Some(path) => key_files::write(path, &text),
        None => say_text(&text),
    }
}

/// Deletes a key.
pub(super) fn remove(face: &Face) -> Outcome {
    if face.line().words.len() != 1 {
        return Err(Fatal::usage("must specify the key ID of the key to remove"));
    }
    let id = key_id(face.word(0))?;
    let keys = face.keys()?;
    say("")?;
    let outcome = remove_confirmed(id, &keys);
    say("")?;
    outcome
}

fn remove_confirmed(id: KeyId, keys: &countersign_client::keystore_dir::DirKeyStore) -> Outcome {
    let entry = match keys.entry(id) {
        Ok(entry) => entry,
        Err(KeyStoreError::NotFound { .. }) => {
            return Err(Fatal::new(format!("No key with ID {id} found")));
        }
        Err(error) => return Err(error.into()),
    };
    let key = format!("{id} (role {}) from {}", entry.role.escape_debug(), keys.path().display());
    if !confirms(&format!("Are you sure you want to remove {key}?  (yes/no)  ")) {
        return say("\nAborting action.");
    }
    keys.remove(id)?;
    say(format_args!("\nDeleted {key}."))
}

/// Gives a key another passphrase.
pub(super) fn passwd(face: &Face) -> Outcome {
    if face.line().words.len() != 1 {
        return Err(Fatal::usage("must specify the key ID of the key to change the passphrase of"));
    }
    let id = key_id(face.word(0))?;
    match face.keys()?.change_passphrase(id, NewPassphrase::Asked) {
        Ok(()) => say(format_args!("\nSuccessfully updated passphrase for key ID: {id}")),
        Err(KeyStoreError::NotFound { .. }) => {
            Err(Fatal::new(format!("could not retrieve local key for key ID provided: {id}")))
        }
        Err(KeyStoreError::Passphrase(error)) => Err(passphrase(&error)),
        Err(error) => Err(error.into()),
    }
}

fn key_id(text: &str) -> Outcome<KeyId> {
    text.parse().map_err(|_| Fatal::new(format!("invalid key ID provided: {text}")))
}

/// Reads a whole file.
pub(super) fn file(path: &str) -> Outcome<zeroize::Zeroizing<Vec<u8>>> {
    let read = fs::read(path).map(zeroize::Zeroizing::new);
    read.map_err(|error| Fatal::file("open", path, &error))
}
