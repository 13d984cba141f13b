//! The desktop's keyring: passphrases that a person had kept there, by a verb that says so.
//!
//! It is asked through `secret-tool`, the program of libsecret, so that any Secret Service does (GNOME's keyring, KDE's wallet,
//! `KeePassXC`). Nothing is asked where there is no such program or no session bus, and nothing secret is ever an argument.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use countersign_core::key::KeyId;
use countersign_core::key_file::Passphrase;
use zeroize::Zeroizing;

use super::PassphraseError;
use super::program::{self, ANSWER_BYTES};

/// How long the keyring may take: it may have to ask a person to unlock it.
const DEADLINE: Duration = Duration::from_mins(2);
const PROGRAM: &str = "secret-tool";

/// Where passphrases are kept between runs.
pub trait Keyring: Send + Sync {
    /// The passphrase that is kept for a key; `None`, too, when the keyring cannot be asked.
    fn find(&self, key: KeyId) -> Option<Passphrase>;

    /// Keeps the passphrase of a key, in place of the one before.
    ///
    /// # Errors
    /// [`PassphraseError::Keyring`].
    fn keep(&self, key: KeyId, passphrase: &Passphrase) -> Result<(), PassphraseError>;

    /// Keeps none for a key any more; none is fine.
    ///
    /// # Errors
    /// [`PassphraseError::Keyring`]: it cannot be asked, or goes on keeping one.
    fn forget(&self, key: KeyId) -> Result<(), PassphraseError>;
}

/// The keyring of this session.
#[derive(Clone, Debug)]
pub struct DesktopKeyring(PathBuf);

impl DesktopKeyring {
    /// The keyring of the session that the environment describes, if there is one: `secret-tool` in `PATH`, and a session bus.
    pub fn of_session(lookup: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        lookup("DBUS_SESSION_BUS_ADDRESS").filter(|address| !address.is_empty())?;
        let path = lookup("PATH")?;
        std::env::split_paths(&path).map(|dir| dir.join(PROGRAM)).find(|program| program.is_file()).map(Self)
    }

    fn program(&self, verb: &str, key: KeyId) -> Command {
        let mut program = Command::new(&self.0);
        program.arg(verb);
        if verb == "store" {
            program.arg(format!("--label=Passphrase of signing key {}", key.short()));
        }
        let id = key.to_string();
        program.args(["service", "countersign", "key"].map(OsStr::new)).arg(id).stderr(Stdio::piped());
        program
    }

    /// What `secret-tool` answers; `None` when it found nothing. It ends with 1 then as it does when something went wrong, but without
    /// a word.
    ///
    /// Source: libsecret `tool/secret-tool.c`.
    fn ask(&self, verb: &str, key: KeyId) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        match program::answer(&mut self.program(verb, key), b"", DEADLINE) {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if failure.is_silent => Ok(None),
            Err(failure) => Err(failure.problem),
        }
    }

    fn clear(&self, key: KeyId) -> Result<(), String> {
        // Looking it up has a person asked to unlock it; nothing is cleared of what is locked.
        if self.ask("lookup", key)?.is_some() {
            self.ask("clear", key)?;
        }
        // What stays locked is no answer to a look-up, and shows only in a search, which ends well with no line for none.
        match self.ask("search", key)? {
            Some(found) if found.is_empty() => Ok(()),
            Some(_) => Err("still finds one, in a keyring that is locked".to_owned()),
            None => Err("does not say what it finds".to_owned()),
        }
    }
}

impl Keyring for DesktopKeyring {
    fn find(&self, key: KeyId) -> Option<Passphrase> {
        let answer = self.ask("lookup", key);
        let answer = answer.inspect_err(|problem| tracing::debug!(%key, "the keyring {problem}")).ok()??;
        let text = std::str::from_utf8(&answer).ok().filter(|text| !text.is_empty())?;
        (answer.len() as u64 <= ANSWER_BYTES).then(|| Passphrase::new(text.to_owned()))
    }

    fn keep(&self, key: KeyId, passphrase: &Passphrase) -> Result<(), PassphraseError> {
        let kept = program::answer(&mut self.program("store", key), passphrase.reveal(), DEADLINE);
        kept.map(drop).map_err(|failure| PassphraseError::Keyring { problem: failure.problem })
    }

    fn forget(&self, key: KeyId) -> Result<(), PassphraseError> {
        self.clear(key).map_err(|problem| PassphraseError::Keyring { problem })
    }
}
