//! The module, and the tokens in its slots.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::Error;
use cryptoki::slot::Slot;

use super::TokenError;

/// A PKCS#11 module that is loaded.
pub struct TokenModule {
    path: PathBuf,
    context: Pkcs11,
}

impl TokenModule {
    /// Loads a module, such as `/usr/lib/softhsm/libsofthsm2.so`. Its code runs in this process from then on.
    ///
    /// # Errors
    /// [`TokenError::Module`].
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        let failed = |error| TokenError::Module { path: path.to_owned(), reason: reason(&error) };
        let context = Pkcs11::new(path).map_err(failed)?;
        context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(failed)?;
        Ok(Self { path: path.to_owned(), context })
    }

    /// Every token that is in a slot and has been set up, by slot.
    ///
    /// # Errors
    /// [`TokenError::Module`].
    pub fn tokens(&self) -> Result<Vec<Token>, TokenError> {
        let failed = |error| TokenError::Module { path: self.path.clone(), reason: reason(&error) };
        let slots = self.context.get_slots_with_token().map_err(failed)?;
        let mut tokens = Vec::new();
        for slot in slots {
            // One that was pulled out between the two calls is not there.
            let Ok(info) = self.context.get_token_info(slot) else { continue };
            if info.token_initialized() {
                tokens.push(Token {
                    slot,
                    label: info.label().trim_end().to_owned(),
                    serial: info.serial_number().trim_end().to_owned(),
                    model: info.model().trim_end().to_owned(),
                    manufacturer: info.manufacturer_id().trim_end().to_owned(),
                });
            }
        }
        tokens.sort_by_key(|token| token.slot.id());
        Ok(tokens)
    }

    /// The one token of this name.
    ///
    /// # Errors
    /// [`TokenError::NoToken`], [`TokenError::Ambiguous`], [`TokenError::Module`].
    pub fn token(&self, name: &TokenName) -> Result<Token, TokenError> {
        let mut found: Vec<_> = self.tokens()?.into_iter().filter(|token| name.means(token)).collect();
        match (found.pop(), found.len()) {
            (Some(token), 0) => Ok(token),
            (Some(_), others) => Err(TokenError::Ambiguous { name: name.clone(), count: others + 1 }),
            (None, _) => Err(TokenError::NoToken { name: Some(name.clone()) }),
        }
    }

    pub(super) fn context(&self) -> &Pkcs11 {
        &self.context
    }
}

/// A token in a slot.
#[derive(Clone, Debug)]
pub struct Token {
    pub(super) slot: Slot,
    /// What its owner called it.
    pub label: String,
    /// Its serial number.
    pub serial: String,
    /// Its model.
    pub model: String,
    /// Who made it.
    pub manufacturer: String,
}

impl Token {
    /// The number of the slot that it is in, which may be another one tomorrow.
    pub fn slot_number(&self) -> u64 {
        self.slot.id()
    }

    pub(super) fn failed(&self) -> impl Fn(Error) -> TokenError + '_ {
        |error| TokenError::Token { token: self.label.clone(), reason: reason(&error) }
    }
}

/// A token as people name it: by its label, or `serial:…`, or `slot:…`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TokenName {
    /// What its owner called it.
    Label(String),
    /// Its serial number.
    Serial(String),
    /// The slot that it is in.
    Slot(u64),
}

impl TokenName {
    /// Whether it means this token.
    pub fn means(&self, token: &Token) -> bool {
        match self {
            Self::Label(label) => *label == token.label,
            Self::Serial(serial) => *serial == token.serial,
            Self::Slot(slot) => *slot == token.slot.id(),
        }
    }
}

impl FromStr for TokenName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let slot = text.strip_prefix("slot:").and_then(|slot| slot.parse().ok());
        Ok(match (slot, text.strip_prefix("serial:")) {
            (Some(slot), _) => Self::Slot(slot),
            (None, Some(serial)) => Self::Serial(serial.to_owned()),
            (None, None) => Self::Label(text.to_owned()),
        })
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => write!(f, "{}", label.escape_debug()),
            Self::Serial(serial) => write!(f, "serial:{}", serial.escape_debug()),
            Self::Slot(slot) => write!(f, "slot:{slot}"),
        }
    }
}

/// An error in few words: the standard's own explanations are paragraphs.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("{function:?} says {code:?}"),
        error => error.to_string(),
    }
}
