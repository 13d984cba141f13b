//! Why a passphrase could not be had.

use countersign_core::key::KeyId;
use countersign_core::key_file::KeyFileError;
use thiserror::Error;

/// A passphrase that could not be had.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PassphraseError {
    /// A variable that does not decrypt the key.
    #[error("`{variable}` is not the passphrase of key {}", key.short())]
    WrongVariable {
        /// Its name.
        variable: &'static str,
        /// The key.
        key: KeyId,
    },
    /// A variable too short for a new key.
    #[error("`{variable}` is shorter than {min} characters; nothing was encrypted with it")]
    ShortVariable {
        /// Its name.
        variable: &'static str,
        /// Fewest bytes.
        min: usize,
    },
    /// Nobody could be asked.
    #[error("the passphrase of the {} key {} could not be asked for", alias.escape_default(), key.short())]
    EndOfInput {
        /// What the key is called.
        alias: String,
        /// The key.
        key: KeyId,
    },
    /// Every answer for an existing key was wrong.
    #[error("the passphrase of the {} key {} was wrong {tries} times", alias.escape_default(), key.short())]
    Wrong {
        /// What the key is called.
        alias: String,
        /// The key.
        key: KeyId,
        /// Answers given.
        tries: u32,
    },
    /// Nobody could be asked for the passphrase of a key that is in no store, or the input has ended.
    #[error("the passphrase of `{}` could not be asked for", file.escape_default())]
    FileEndOfInput {
        /// The file.
        file: String,
    },
    /// Every answer for such a key was wrong.
    #[error("{tries} passphrases did not decrypt `{}`", file.escape_default())]
    FileWrong {
        /// The file.
        file: String,
        /// Answers given.
        tries: u32,
    },
    /// No usable answer for a file that is to be made.
    #[error("maximum number of passphrase attempts exceeded for `{}`", file.escape_default())]
    FileExhausted {
        /// The file.
        file: String,
    },
    /// A variable that does not open a file or a token.
    #[error("`{variable}` does not open `{}`", what.escape_default())]
    WrongFor {
        /// Its name.
        variable: &'static str,
        /// What it was tried on.
        what: String,
    },
    /// A token whose PIN nobody could be asked for.
    #[error("the PIN of the token `{}` could not be asked for", token.escape_default())]
    NoPin {
        /// Its label.
        token: String,
    },
    /// The passphrase command could not be run, ended badly, or said nothing that could be one.
    #[error("the passphrase command {problem}")]
    Command {
        /// What happened.
        problem: String,
    },
    /// The desktop's keyring could not be used.
    #[error("the desktop's keyring could not be used: `secret-tool` {problem}")]
    Keyring {
        /// What happened.
        problem: String,
    },
    /// There is no keyring.
    #[error("there is no desktop's keyring here; nothing was kept or forgotten")]
    NoKeyring,
    /// No usable answer for a new key.
    #[error("maximum number of passphrase attempts exceeded")]
    Exhausted {
        /// What the key is called.
        alias: String,
        /// The key.
        key: KeyId,
    },
}

/// A key that could not be opened: for want of a passphrase, or because of its file.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum OpenError {
    /// No right passphrase.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The key file.
    #[error(transparent)]
    File(KeyFileError),
}
