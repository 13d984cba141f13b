//! Keys in files: brought in, made there, and written.
//!
//! Source: notary `cmd/notary/keys.go`, `utils/keys.go`; reference behaviour 7.2 and 11.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use countersign_client::keystore::{KeyStore as _, KeyStoreError};
use countersign_client::keystore_dir::DirKeyStore;
use countersign_client::passphrase::{KeyInQuestion, OpenError};
use countersign_core::key::KeyId;
use countersign_core::key_file::{self, KeyFileError, Passphrase, SealedKey};
use countersign_core::name::Gun;
use countersign_core::public_key_file;
use countersign_core::sign::SecretKey;
use tempfile::NamedTempFile;

use super::fatal::{Fatal, Outcome, passphrase};
use super::{keys, log};
use crate::report::one_line;

/// What a key is called that nobody has named.
const UNNAMED: &str = "delegation";
const NOT_ALL: &str = "failed to import all keys: invalid key pem block";

/// Imports every private key of a file. One that is encrypted stays as it is, and must say its id.
///
/// Deviation: Notary takes a file without keys for done; test `file_without_keys_is_no_import`.
pub(super) fn import(path: &str, role: Option<&str>, gun: Option<&Gun>, store: &DirKeyStore) -> Outcome {
    let text = keys::file(path)?;
    let sealed = key_file::split(&text).map_err(|error| no_key(path, &error))?;
    let mut failed = false;
    for key in &sealed {
        if let Err(error) = import_one(key, role, gun, store) {
            log::warning(&format!("failed to import key to store: {}", error.text));
            failed = true;
        }
    }
    if failed { Err(Fatal::new(NOT_ALL)) } else { Ok(()) }
}

fn import_one(key: &SealedKey, role: Option<&str>, gun: Option<&Gun>, store: &DirKeyStore) -> Outcome {
    let header = key.header();
    let role = header.role.as_deref().or(role).unwrap_or(UNNAMED);
    let named = header.gun.as_deref().map(str::parse::<Gun>).transpose();
    let named = named.map_err(|error| Fatal::of(&error))?;
    let gun = named.as_ref().or(gun);
    if !header.encrypted {
        let key = key.open(None).map_err(|error| Fatal::of(&error))?;
        return match store.add(key, role, gun) {
            // What is here already stays as it is. Deviation: Notary gives it the role that it is imported for; test
            // `key_that_is_here_already_keeps_its_role_when_it_is_imported_again`.
            Err(error @ KeyStoreError::OtherRole { .. }) => {
                log::warning(&one_line(&error));
                Ok(())
            }
            added => Ok(added.map(drop)?),
        };
    }
    let id = header.path.as_deref().and_then(|path| Path::new(path).file_stem()?.to_str()?.parse().ok());
    let id: KeyId = id.ok_or_else(|| {
        Fatal::new("Invalid key generated, key may be encrypted and does not contain path header")
    })?;
    store.store_sealed(key, id, role, gun)?;
    Ok(())
}

/// Brings the keys of files for a role, and gives their ids.
pub(super) fn for_role(files: &[String], role: &str, gun: &Gun, store: &DirKeyStore) -> Outcome<Vec<KeyId>> {
    let brought = |path: &String| match role {
        "root" => root_key(path, store),
        role => opened(path, role, Some(gun), store),
    };
    files.iter().map(brought).collect()
}

/// Brings a root key, which must be encrypted.
pub(super) fn root_key(path: &str, store: &DirKeyStore) -> Outcome<KeyId> {
    let text = keys::file(path)
        .map_err(|error| Fatal::new(format!("Error reading input root key file: {}", error.text)))?;
    if key_file::first(&text).is_ok_and(|key| !key.header().encrypted) {
        return Err(Fatal::new("only encrypted root keys may be imported"));
    }
    opened(path, "root", None, store)
}

/// Opens the first private key of a file and keeps it for `role`.
fn opened(path: &str, role: &str, gun: Option<&Gun>, store: &DirKeyStore) -> Outcome<KeyId> {
    let text = keys::file(path)
        .map_err(|error| Fatal::new(format!("Error reading input root key file: {}", error.text)))?;
    let sealed = key_file::first(&text).map_err(|_| Fatal::new("no valid private key found"))?;
    let key = open(path, role, &sealed, store)?;
    let id = key.id();
    match store.entry(id) {
        // One that is here already is the one that is meant.
        Ok(entry) if entry.role == role => return Ok(id),
        _ => store.add(key, role, gun)?,
    };
    Ok(id)
}

fn open(path: &str, role: &str, sealed: &SealedKey, store: &DirKeyStore) -> Outcome<SecretKey> {
    if !sealed.header().encrypted {
        return sealed.open(None).map_err(|error| Fatal::of(&error));
    }
    let open = |passphrase: &Passphrase| sealed.open(Some(passphrase));
    let opened = store.passphrases().for_file_of_role(path, role, open);
    opened.map(|(key, _)| key).map_err(|error| match error {
        OpenError::Passphrase(error) => passphrase(&error),
        OpenError::File(error) => Fatal::of(&error),
    })
}

/// Makes a key in two files, `<path>.pem` and `<path>-key.pem`, and keeps it nowhere else.
pub(super) fn generate(path: &str, role: &str, store: &DirKeyStore) -> Outcome {
    let key = SecretKey::generate_ecdsa().map_err(|error| Fatal::of(&error))?;
    let public = public_key_file::write(key.public_key(), role);
    let public = public.ok_or_else(|| Fatal::new(format!("`{}` is no role", role.escape_debug())))?;
    let question = KeyInQuestion { id: key.id(), role: "" };
    let chosen = store.passphrases().for_new(question).map_err(|error| passphrase(&error))?;
    let private = key_file::write(&key, role, None, &chosen).map_err(|error| Fatal::of(&error))?;
    write(&format!("{path}-key.pem"), &private)?;
    write(&format!("{path}.pem"), public.as_bytes())
}

/// Writes a file for its owner alone, whole or not at all, in place of what is there.
pub(super) fn write(path: &str, content: &[u8]) -> Outcome {
    let dir = Path::new(path).parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = NamedTempFile::with_prefix_in(".countersign-key-", dir).and_then(|mut file| {
        file.as_file().set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    });
    written.map_err(|error| Fatal::file("open", path, &error))
}

fn no_key(path: &str, error: &KeyFileError) -> Fatal {
    Fatal::new(format!("{path} has no private key: {}; nothing was imported", one_line(error)))
}
