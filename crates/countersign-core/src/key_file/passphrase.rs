//! Passphrases.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The passphrase of a key: wiped when dropped, compared in constant time, never printed.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes `text` as it is.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Takes `text` without white space around it, as prompts do.
    pub fn trimmed(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    /// Whether it has no characters at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes it has, which is what Docker's minimum counts.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What it is. Whoever asks keeps it out of logs, errors and arguments.
    pub fn reveal(&self) -> &[u8] {
        self.as_bytes()
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl PartialEq for Passphrase {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Eq for Passphrase {}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}
