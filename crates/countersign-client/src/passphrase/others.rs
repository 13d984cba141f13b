//! Secrets of what is in no key store: files that somebody brings, backups, tokens.

use countersign_core::key_file::{KeyFileError, Passphrase};

use super::variables::{BACKUP_PASSPHRASE, TOKEN_PIN};
use super::{INCORRECT, OpenError, PassphraseError, Passphrases, accept_wrong, long_enough};

/// Most PINs that a person may try at once: a token counts wrong ones, and locks itself.
const PINS: u32 = 3;

impl Passphrases {
    /// Opens a key that somebody brings in a file: with the variable for its role, if that is right, or else with what the
    /// person says. Gives what opened it, too.
    ///
    /// `open` answers as for [`Passphrases::for_existing`].
    ///
    /// # Errors
    /// - [`OpenError::File`]: what `open` said.
    /// - [`OpenError::Passphrase`]: [`PassphraseError::FileEndOfInput`], [`PassphraseError::FileWrong`].
    pub fn for_file<T>(
        &self,
        file: &str,
        role: &str,
        mut open: impl FnMut(&Passphrase) -> Result<T, KeyFileError>,
    ) -> Result<(T, Passphrase), OpenError> {
        if let Some(variable) = self.variables.of_role(role)
            && let Some(answer) = accept_wrong(open(&variable.passphrase))?
        {
            return Ok((answer, variable.passphrase.clone()));
        }
        self.ask_for(file, "Enter passphrase for encrypted key: ", |passphrase| {
            accept_wrong(open(passphrase))
        })
    }

    /// As [`Passphrases::for_file`], in the words in which Notary asks. A variable that is wrong is an error, and nobody is
    /// asked in its place.
    ///
    /// # Errors
    /// As [`Passphrases::for_file`].
    pub fn for_file_of_role<T>(
        &self,
        file: &str,
        role: &str,
        mut open: impl FnMut(&Passphrase) -> Result<T, KeyFileError>,
    ) -> Result<(T, Passphrase), OpenError> {
        if let Some(variable) = self.variables.of_role(role) {
            let opened = accept_wrong(open(&variable.passphrase))?;
            let wrong = || PassphraseError::FileWrong { file: file.to_owned(), tries: 1 };
            let opened = opened.ok_or_else(|| OpenError::Passphrase(wrong()))?;
            return Ok((opened, variable.passphrase.clone()));
        }
        self.ask_for(file, &format!("Enter passphrase for {role} key: "), |passphrase| {
            accept_wrong(open(passphrase))
        })
    }

    /// Gets the passphrase that a new backup is to be encrypted with, at least [`MIN_BYTES`](super::MIN_BYTES) long: from its
    /// variable, the command, or the person.
    ///
    /// # Errors
    /// - [`PassphraseError::ShortVariable`], [`PassphraseError::FileEndOfInput`], [`PassphraseError::FileExhausted`].
    pub fn for_new_backup(&self, file: &str) -> Result<Passphrase, PassphraseError> {
        match (self.variables.named(BACKUP_PASSPHRASE), self.variables.command()) {
            (Some(variable), _) => return long_enough(variable),
            (None, Some(command)) => return long_enough(&command.of_other("backup", file)?),
            (None, None) => {}
        }
        let _one_at_a_time = self.remembered();
        let ended = || PassphraseError::FileEndOfInput { file: file.to_owned() };
        let exhausted = || PassphraseError::FileExhausted { file: file.to_owned() };
        self.ask_twice("new backup", ended, exhausted)
    }

    /// Opens a backup. `open` gives `None` for a wrong passphrase.
    ///
    /// # Errors
    /// What `open` said, or [`PassphraseError::WrongFor`], [`PassphraseError::FileEndOfInput`],
    /// [`PassphraseError::FileWrong`].
    pub fn for_backup<T, E: From<PassphraseError>>(
        &self,
        file: &str,
        mut open: impl FnMut(&Passphrase) -> Result<Option<T>, E>,
    ) -> Result<T, E> {
        let said = match (self.variables.named(BACKUP_PASSPHRASE), self.variables.command()) {
            (Some(variable), _) => Some((variable.name, variable.passphrase.clone())),
            (None, Some(command)) => {
                let said = command.of_other("backup", file)?;
                Some((said.name, said.passphrase))
            }
            (None, None) => None,
        };
        if let Some((variable, passphrase)) = said {
            let wrong = || E::from(PassphraseError::WrongFor { variable, what: file.to_owned() });
            return open(&passphrase)?.ok_or_else(wrong);
        }
        self.ask_for(file, "Enter passphrase for backup: ", open).map(|(answer, _)| answer)
    }

    /// Whether a PIN can be had without asking anybody.
    pub fn knows_pin(&self) -> bool {
        self.variables.named(TOKEN_PIN).is_some() || self.variables.command().is_some()
    }

    /// Opens a token with its PIN. `open` gives `None` for a wrong PIN.
    ///
    /// A wrong variable is tried once, because tokens count.
    ///
    /// # Errors
    /// What `open` said, or [`PassphraseError::WrongFor`], [`PassphraseError::NoPin`].
    pub fn for_token<T, E: From<PassphraseError>>(
        &self,
        token: &str,
        mut open: impl FnMut(&Passphrase) -> Result<Option<T>, E>,
    ) -> Result<T, E> {
        let said = match (self.variables.named(TOKEN_PIN), self.variables.command()) {
            (Some(variable), _) => Some((variable.name, variable.passphrase.clone())),
            (None, Some(command)) => {
                let said = command.of_other("token", token)?;
                Some((said.name, said.passphrase))
            }
            (None, None) => None,
        };
        if let Some((variable, pin)) = said {
            let wrong = || E::from(PassphraseError::WrongFor { variable, what: token.to_owned() });
            return open(&pin)?.ok_or_else(wrong);
        }
        let _one_at_a_time = self.remembered();
        for attempt in 0..PINS {
            if attempt > 0 {
                self.prompt.say("PIN incorrect. Please retry.");
            }
            let question = format!("Enter PIN for token {}: ", token.escape_debug());
            let answer = self.prompt.ask_hidden(&question);
            let answer = answer.ok_or_else(|| PassphraseError::NoPin { token: token.to_owned() })?;
            if let Some(answer) = open(&Passphrase::trimmed(&answer))? {
                return Ok(answer);
            }
        }
        Err(PassphraseError::FileWrong { file: token.to_owned(), tries: PINS }.into())
    }

    /// Asks until an answer is right, and gives what it opened and the answer.
    fn ask_for<T, E: From<PassphraseError>>(
        &self,
        file: &str,
        question: &str,
        mut open: impl FnMut(&Passphrase) -> Result<Option<T>, E>,
    ) -> Result<(T, Passphrase), E> {
        let _one_at_a_time = self.remembered();
        for attempt in 0..self.tries.existing {
            if attempt > 0 {
                self.prompt.say(INCORRECT);
            }
            let answer = self.prompt.ask_hidden(question);
            let answer = answer.ok_or_else(|| PassphraseError::FileEndOfInput { file: file.to_owned() })?;
            let passphrase = Passphrase::trimmed(&answer);
            if let Some(answer) = open(&passphrase)? {
                return Ok((answer, passphrase));
            }
        }
        let (file, tries) = (file.to_owned(), self.tries.existing);
        Err(PassphraseError::FileWrong { file, tries }.into())
    }
}
