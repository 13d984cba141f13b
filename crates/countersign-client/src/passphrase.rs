//! Passphrases: from variables, from memory, or from a person, in the words and with the tries of Docker.
//!
//! - [`PassphraseVariables`]: what the environment says, by role.
//! - [`COMMAND`]: a program that is asked, such as a password manager.
//! - [`DesktopKeyring`]: the keyring of a desktop session.
//! - [`Passphrases`]: gets the passphrase of a new or an existing key.

mod command;
mod error;
mod keyring;
mod others;
mod program;
mod variables;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_core::key::KeyId;
use countersign_core::key_file::{KeyFileError, Passphrase};

pub use self::command::COMMAND;
pub use self::error::{OpenError, PassphraseError};
pub use self::keyring::{DesktopKeyring, Keyring};
use self::variables::Variable;
pub use self::variables::{BACKUP_PASSPHRASE, NEW_PASSPHRASE, PassphraseVariables, TOKEN_PIN, VariableError};
use crate::prompt::Prompt;

/// Shortest passphrase of a new key, in bytes.
pub const MIN_BYTES: usize = 8;

const ROOT_WARNING: [&str; 6] = [
    "You are about to create a new root signing key passphrase. This passphrase",
    "will be used to protect the most sensitive key in your signing system. Please",
    "choose a long, complex passphrase and be careful to keep the password and the",
    "key file itself secure and backed up. It is highly recommended that you use a",
    "password manager to generate the passphrase and keep it safe. There will be no",
    "way to recover this key. You can find the key in your config directory.",
];
const TOO_SHORT: &str =
    "Passphrase is too short. Please use a password manager to generate and store a good random passphrase.";
const DIFFERENT: &str = "Passphrases do not match. Please retry.";
const INCORRECT: &str = "Passphrase incorrect. Please retry.";

/// How often is asked, and what the end of input means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tries {
    /// Answers for an existing key. Default 4.
    pub existing: u32,
    /// Answers for a new key. Default 12.
    pub new: u32,
    /// Whether the end of input, for a new key, uses up one answer, as Docker has it. By default it ends the asking.
    pub end_of_input_uses_one: bool,
}

impl Default for Tries {
    /// Those of our own verbs.
    fn default() -> Self {
        Self { existing: 4, new: 12, end_of_input_uses_one: false }
    }
}

impl Tries {
    /// Those of Docker and Notary.
    ///
    /// Source: notary `passphrase/passphrase.go`, `trustmanager/keystore.go`.
    pub fn docker() -> Self {
        Self { end_of_input_uses_one: true, ..Self::default() }
    }
}

/// The key whose passphrase is wanted.
#[derive(Clone, Copy, Debug)]
pub struct KeyInQuestion<'a> {
    /// Canonical id.
    pub id: KeyId,
    /// The role that the key file names, such as `targets`, or a signer's name.
    pub role: &'a str,
}

impl<'a> KeyInQuestion<'a> {
    /// What the key is called towards people: `root`, `repository`, or the signer's name.
    ///
    /// Source: docker/cli `cli/trust/trust.go` (`GetPassphraseRetriever`).
    pub fn alias(&self) -> &'a str {
        match self.role {
            "targets" | "snapshot" | "default" | "" => "repository",
            role => role,
        }
    }
}

/// Gets passphrases, in this order: the variable for the role; the one that was right for the same alias before; the
/// command; the desktop's keyring; the person at the prompt.
///
/// A variable or a command that is wrong is an error, and nobody is asked. What a keyring has and is wrong is said, and then a person is
/// asked. The right answer is remembered for each alias as long as
/// this lives, so that the tagging pair (targets and snapshot, both `repository`) is asked for once.
pub struct Passphrases {
    variables: PassphraseVariables,
    prompt: Arc<dyn Prompt>,
    tries: Tries,
    by_role: bool,
    keyring: Option<Arc<dyn Keyring>>,
    /// The keys that the keyring was asked about in vain.
    not_in_keyring: Mutex<HashSet<KeyId>>,
    remembered: Mutex<HashMap<String, Passphrase>>,
}

impl Passphrases {
    /// Takes what the environment says, and whom to ask.
    pub fn new(variables: PassphraseVariables, prompt: Arc<dyn Prompt>, tries: Tries) -> Self {
        Self {
            variables,
            prompt,
            tries,
            by_role: false,
            keyring: None,
            not_in_keyring: Mutex::default(),
            remembered: Mutex::default(),
        }
    }

    /// The same, asking this keyring before a person.
    #[must_use]
    pub fn with_keyring(self, keyring: Option<Arc<dyn Keyring>>) -> Self {
        Self { keyring, ..self }
    }

    /// The keyring that is asked.
    pub fn keyring(&self) -> Option<&Arc<dyn Keyring>> {
        self.keyring.as_ref()
    }

    /// The same, calling each key by its role towards people, and asking for the keys of the tagging pair one by one, as
    /// Notary's command does.
    ///
    /// Source: notary `cmd/notary/main.go` (`getPassphraseRetriever`).
    #[must_use]
    pub fn called_by_role(self) -> Self {
        Self { by_role: true, ..self }
    }

    /// Gets the passphrase that a new key is to be encrypted with, at least [`MIN_BYTES`] long.
    ///
    /// Deviation: Docker lets a variable be shorter (`new_key_with_short_variable_is_refused`).
    ///
    /// # Errors
    /// - [`PassphraseError::ShortVariable`], [`PassphraseError::EndOfInput`], [`PassphraseError::Exhausted`].
    pub fn for_new(&self, key: KeyInQuestion<'_>) -> Result<Passphrase, PassphraseError> {
        if let Some(passphrase) = self.for_new_unasked(key)? {
            return Ok(passphrase);
        }
        let mut remembered = self.remembered();
        if let Some(passphrase) =
            remembered.get(self.alias(&key)).filter(|passphrase| passphrase.len() >= MIN_BYTES)
        {
            return Ok(passphrase.clone());
        }
        let passphrase = self.ask_for_new(key)?;
        remembered.insert(self.alias(&key).to_owned(), passphrase.clone());
        Ok(passphrase)
    }

    /// Gets the passphrase that a key which has one already is to have instead: the variable [`NEW_PASSPHRASE`], or the
    /// person's answer. What opens the key now is no answer, nor is it remembered.
    ///
    /// Deviation: with a passphrase variable Notary changes nothing and says that it did
    /// (`new_passphrase_is_never_the_variable_of_the_old_one`).
    ///
    /// # Errors
    /// As [`Passphrases::for_new`].
    pub fn for_change(&self, key: KeyInQuestion<'_>) -> Result<Passphrase, PassphraseError> {
        if let Some(variable) = self.variables.of_change() {
            return long_enough(variable);
        }
        let _one_at_a_time = self.remembered();
        self.ask_for_new(key)
    }

    /// As [`Passphrases::for_new`], as far as variables and the command go: `None` when only a person could say.
    pub fn for_new_unasked(&self, key: KeyInQuestion<'_>) -> Result<Option<Passphrase>, PassphraseError> {
        match (self.variables.of_role(key.role), self.variables.command()) {
            (Some(variable), _) => long_enough(variable).map(Some),
            (None, Some(command)) => long_enough(&command.of_key(&key)?).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn ask_for_new(&self, key: KeyInQuestion<'_>) -> Result<Passphrase, PassphraseError> {
        if key.role == "root" {
            for line in ROOT_WARNING {
                self.prompt.say(line);
            }
        }
        let what = format!("new {} key with ID {}", self.alias(&key).escape_debug(), key.id.short());
        let exhausted = || PassphraseError::Exhausted { alias: self.alias(&key).to_owned(), key: key.id };
        self.ask_twice(&what, || end_of_input(self.alias(&key), key.id), exhausted)
    }

    /// Calls `open` with one passphrase after another until one is right.
    ///
    /// `open` answers [`KeyFileError::WrongPassphrase`] for a wrong one; every other error of its own ends the search.
    ///
    /// # Errors
    /// - [`OpenError::File`]: what `open` said.
    /// - [`OpenError::Passphrase`]: [`PassphraseError::WrongVariable`], [`PassphraseError::EndOfInput`],
    ///   [`PassphraseError::Wrong`].
    pub fn for_existing<T>(
        &self,
        key: KeyInQuestion<'_>,
        mut open: impl FnMut(&Passphrase) -> Result<T, KeyFileError>,
    ) -> Result<T, OpenError> {
        let mut remembered = self.remembered();
        if let Some(answer) = self.open_unasked(&key, remembered.get(self.alias(&key)), &mut open)? {
            return Ok(answer);
        }
        for attempt in 0..self.tries.existing {
            if attempt > 0 {
                self.prompt.say(INCORRECT);
            }
            let alias = self.alias(&key).escape_debug();
            let text = format!("Enter passphrase for {alias} key with ID {}: ", key.id.short());
            let answer = self
                .prompt
                .ask_hidden(&text)
                .ok_or_else(|| OpenError::Passphrase(end_of_input(self.alias(&key), key.id)))?;
            let passphrase = Passphrase::trimmed(&answer);
            if let Some(answer) = accept_wrong(open(&passphrase))? {
                remembered.insert(self.alias(&key).to_owned(), passphrase);
                return Ok(answer);
            }
        }
        let (alias, tries) = (self.alias(&key).to_owned(), self.tries.existing);
        Err(OpenError::Passphrase(PassphraseError::Wrong { alias, key: key.id, tries }))
    }

    /// As [`Passphrases::for_existing`], but without asking: `None` when only a person could say.
    pub fn for_existing_unasked<T>(
        &self,
        key: KeyInQuestion<'_>,
        mut open: impl FnMut(&Passphrase) -> Result<T, KeyFileError>,
    ) -> Result<Option<T>, OpenError> {
        // Not under the lock: several keys may be opened at once.
        let remembered = self.remembered().get(self.alias(&key)).cloned();
        self.open_unasked(&key, remembered.as_ref(), &mut open)
    }

    fn open_unasked<T>(
        &self,
        key: &KeyInQuestion<'_>,
        remembered: Option<&Passphrase>,
        open: &mut impl FnMut(&Passphrase) -> Result<T, KeyFileError>,
    ) -> Result<Option<T>, OpenError> {
        if let Some(variable) = self.variables.of_role(key.role) {
            let wrong = || PassphraseError::WrongVariable { variable: variable.name, key: key.id };
            return accept_wrong(open(&variable.passphrase))?
                .map(Some)
                .ok_or_else(|| OpenError::Passphrase(wrong()));
        }
        if let Some(passphrase) = remembered
            && let Some(answer) = accept_wrong(open(passphrase))?
        {
            return Ok(Some(answer));
        }
        let Some(command) = self.variables.command() else { return self.open_with_keyring(key, open) };
        let said = command.of_key(key).map_err(OpenError::Passphrase)?;
        let wrong = || PassphraseError::WrongVariable { variable: said.name, key: key.id };
        accept_wrong(open(&said.passphrase))?.map(Some).ok_or_else(|| OpenError::Passphrase(wrong()))
    }

    fn open_with_keyring<T>(
        &self,
        key: &KeyInQuestion<'_>,
        open: &mut impl FnMut(&Passphrase) -> Result<T, KeyFileError>,
    ) -> Result<Option<T>, OpenError> {
        let Some(keyring) = &self.keyring else { return Ok(None) };
        let in_vain = || self.not_in_keyring.lock().unwrap_or_else(PoisonError::into_inner);
        if in_vain().contains(&key.id) {
            return Ok(None);
        }
        if let Some(passphrase) = keyring.find(key.id) {
            if let Some(answer) = accept_wrong(open(&passphrase))? {
                return Ok(Some(answer));
            }
            self.prompt.say(&format!(
                "The desktop's keyring has another passphrase than that of key {}.",
                key.id.short()
            ));
        }
        in_vain().insert(key.id);
        Ok(None)
    }

    /// Asks for a new passphrase until two answers are alike and long enough.
    fn ask_twice(
        &self,
        what: &str,
        ended: impl Fn() -> PassphraseError,
        exhausted: impl Fn() -> PassphraseError,
    ) -> Result<Passphrase, PassphraseError> {
        for _ in 0..self.tries.new {
            match self.ask_once_and_again(what) {
                Answer::Given(passphrase) => return Ok(passphrase),
                Answer::EndOfInput if !self.tries.end_of_input_uses_one => return Err(ended()),
                Answer::EndOfInput | Answer::Unfit => {}
            }
        }
        Err(exhausted())
    }

    fn ask_once_and_again(&self, what: &str) -> Answer {
        let Some(first) = self.prompt.ask_hidden(&format!("Enter passphrase for {what}: ")) else {
            return Answer::EndOfInput;
        };
        let first = Passphrase::trimmed(&first);
        if first.len() < MIN_BYTES {
            self.prompt.say(TOO_SHORT);
            return Answer::Unfit;
        }
        let Some(second) = self.prompt.ask_hidden(&format!("Repeat passphrase for {what}: ")) else {
            return Answer::EndOfInput;
        };
        if Passphrase::trimmed(&second) == first {
            Answer::Given(first)
        } else {
            self.prompt.say(DIFFERENT);
            Answer::Unfit
        }
    }

    /// What a key is called towards people.
    fn alias<'a>(&self, key: &KeyInQuestion<'a>) -> &'a str {
        if self.by_role { key.role } else { key.alias() }
    }

    /// Held while somebody is asked, so that two keys never ask at once.
    fn remembered(&self) -> MutexGuard<'_, HashMap<String, Passphrase>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Passphrases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passphrases").field("tries", &self.tries).finish_non_exhaustive()
    }
}

enum Answer {
    Given(Passphrase),
    /// Too short, or two different ones.
    Unfit,
    EndOfInput,
}

fn end_of_input(alias: &str, key: KeyId) -> PassphraseError {
    PassphraseError::EndOfInput { alias: alias.to_owned(), key }
}

fn long_enough(variable: &Variable) -> Result<Passphrase, PassphraseError> {
    if variable.passphrase.len() < MIN_BYTES {
        Err(PassphraseError::ShortVariable { variable: variable.name, min: MIN_BYTES })
    } else {
        Ok(variable.passphrase.clone())
    }
}

/// `None` for a wrong passphrase.
fn accept_wrong<T>(opened: Result<T, KeyFileError>) -> Result<Option<T>, OpenError> {
    match opened {
        Ok(answer) => Ok(Some(answer)),
        Err(KeyFileError::WrongPassphrase) => Ok(None),
        Err(error) => Err(OpenError::File(error)),
    }
}

#[cfg(test)]
mod tests;
