//! The file key under a passphrase.
//!
//! Source: C2SP `age.md`, "The scrypt recipient type"; RFC 7914.

use ::scrypt::{Params, scrypt};
use countersign_core::key_file::Passphrase;

use super::header::{Stanza, decode, encode, malformed};
use super::stream::{open_once, seal_once};
use super::{AgeError, FileKey, Key, random};

pub(super) const KIND: &str = "scrypt";
/// Rounds of files written here, as a power of two: `age`'s own, a second and 256 MiB for each try.
const LOG_N: u8 = 18;
/// Most rounds of files read here: four seconds and 1 GiB for each try.
///
/// Deviation: `age` reads up to 22, which takes 4 GiB; it writes 18. Test
/// `rounds_that_would_take_for_ever_are_refused_before_any_is_done`.
pub(super) const MAX_LOG_N: u8 = 20;

const SALT_BYTES: usize = 16;
const LABEL: &[u8] = b"age-encryption.org/v1/scrypt";

/// Wraps the file key.
pub(super) fn wrap(file_key: &FileKey, passphrase: &Passphrase) -> Result<Stanza, AgeError> {
    let salt = random::<SALT_BYTES>()?;
    let key = derive(passphrase, salt.as_slice(), LOG_N)?;
    let args = vec![KIND.to_owned(), encode(salt.as_slice()), LOG_N.to_string()];
    Ok(Stanza { args, body: seal_once(&key, file_key.as_slice())? })
}

/// Unwraps the file key; `None` if the passphrase is another one.
pub(super) fn unwrap(stanza: &Stanza, passphrase: &Passphrase) -> Result<Option<FileKey>, AgeError> {
    let [_, salt, log_n] = stanza.args.as_slice() else { return Err(malformed("the passphrase's line")) };
    let salt = decode(salt)?;
    let rounds: u8 = log_n.parse().map_err(|_| malformed("the passphrase's rounds"))?;
    if salt.len() != SALT_BYTES || rounds == 0 || rounds.to_string() != *log_n {
        return Err(malformed("the passphrase's line"));
    }
    if rounds > MAX_LOG_N {
        return Err(AgeError::TooSlow { log_n: rounds });
    }
    open_once(&derive(passphrase, &salt, rounds)?, &stanza.body)
}

fn derive(passphrase: &Passphrase, salt: &[u8], log_n: u8) -> Result<Key, AgeError> {
    let params = Params::new(log_n, 8, 1).map_err(|_| malformed("the passphrase's rounds"))?;
    let mut key = Key::default();
    scrypt(passphrase.reveal(), &[LABEL, salt].concat(), &params, key.as_mut_slice())
        .map_err(|_| malformed("the passphrase's rounds"))?;
    Ok(key)
}
