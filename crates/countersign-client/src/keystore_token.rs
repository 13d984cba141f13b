//! Keys in PKCS#11 tokens: smart cards, security keys, hardware security modules.
//!
//! The module is a library of the token's maker, loaded when it is named and never otherwise. What is public of a key can be seen
//! without a PIN: its public key, and a certificate whose common name is the role, which is how Notary kept root keys in a
//! `YubiKey`. Keys are ECDSA on P-256. They sign in the token, and do not leave it.
//!
//! Source: PKCS#11 2.40; notary `trustmanager/yubikey/yubikeystore.go`.

mod keys;
mod module;
mod objects;
mod signer;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_core::key::KeyId;
use countersign_core::sign::SecretKey;
use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use thiserror::Error;

pub use self::keys::Keys;
pub use self::module::{Token, TokenModule, TokenName};
use self::objects::TokenKey;
use self::signer::TokenSigner;
use crate::keystore::{KeyEntry, KeyStoreError};
use crate::passphrase::{PassphraseError, Passphrases};

/// The keys in the tokens of one module.
pub struct TokenStore {
    module: TokenModule,
    only: Option<TokenName>,
    passphrases: Arc<Passphrases>,
    /// Sessions in which somebody has logged in, by the token's serial number.
    sessions: Mutex<HashMap<String, Arc<Mutex<Session>>>>,
}

impl TokenStore {
    /// The keys in the module's tokens, or in the one that is named.
    pub fn new(module: TokenModule, only: Option<TokenName>, passphrases: Arc<Passphrases>) -> Self {
        Self { module, only, passphrases, sessions: Mutex::default() }
    }

    /// The tokens that are looked at.
    ///
    /// # Errors
    /// [`TokenError::Module`]: the module cannot say.
    pub fn tokens(&self) -> Result<Vec<Token>, TokenError> {
        let tokens = self.module.tokens()?;
        Ok(tokens
            .into_iter()
            .filter(|token| self.only.as_ref().is_none_or(|name| name.means(token)))
            .collect())
    }

    /// The one token of this name.
    ///
    /// # Errors
    /// As [`TokenModule::token`].
    pub fn token(&self, name: &TokenName) -> Result<Token, TokenError> {
        self.module.token(name)
    }

    /// Every key that can sign, with the token that it is in. No PIN is needed.
    ///
    /// # Errors
    /// [`TokenError`]: a token cannot be read.
    pub fn list(&self) -> Result<Vec<KeyEntry>, TokenError> {
        Ok(self.found()?.into_iter().map(|(token, key)| entry(&token, &key)).collect())
    }

    /// Makes a key in a token, which it never leaves.
    ///
    /// # Errors
    /// - [`TokenError::Passphrase`]: the PIN could not be had. Whatever fails, nothing is left in the token.
    pub fn generate(&self, token: &Token, role: &str) -> Result<KeyEntry, TokenError> {
        let session = self.session(token)?;
        let key = objects::generate(&session, token, role)?;
        Ok(entry(token, &key))
    }

    /// Puts a copy of a key into a token.
    ///
    /// # Errors
    /// - [`TokenError::Kind`]: it is no ECDSA key on P-256, or is held elsewhere itself.
    /// - [`TokenError::Present`]: it is there already.
    pub fn copy(&self, token: &Token, key: &SecretKey, role: &str) -> Result<KeyEntry, TokenError> {
        let session = self.session(token)?;
        if objects::keys(&lock(&session), token)?.iter().any(|there| there.id() == key.id()) {
            return Err(TokenError::Present { token: token.label.clone(), id: key.id() });
        }
        let copied = objects::copy(&session, token, key, role)?;
        Ok(entry(token, &copied))
    }

    /// Deletes a key in a token.
    ///
    /// # Errors
    /// - [`TokenError::NoKey`]: it is not there.
    pub fn remove(&self, token: &Token, id: KeyId) -> Result<(), TokenError> {
        let session = self.session(token)?;
        objects::remove(&lock(&session), token, id)
    }

    /// A key that signs in its token; `None` if it is in none. The PIN is asked for if it must, and only with `ask`.
    ///
    /// # Errors
    /// As [`TokenStore::list`]; [`TokenError::Passphrase`]: the PIN could not be had.
    pub fn load(&self, id: KeyId, ask: bool) -> Result<Option<SecretKey>, TokenError> {
        let Some((token, key)) = self.found()?.into_iter().find(|(_, key)| key.id() == id) else {
            return Ok(None);
        };
        if !ask && !self.sessions().contains_key(&token.serial) && !self.passphrases.knows_pin() {
            return Ok(None);
        }
        let session = self.session(&token)?;
        let signer = TokenSigner::new(session, &token, &key)?;
        Ok(Some(SecretKey::held(Box::new(signer))))
    }

    fn found(&self) -> Result<Vec<(Token, TokenKey)>, TokenError> {
        let mut found = Vec::new();
        for token in self.tokens()? {
            let session = self.module.context().open_ro_session(token.slot).map_err(token.failed())?;
            for key in objects::keys(&session, &token)? {
                found.push((token.clone(), key));
            }
        }
        Ok(found)
    }

    /// A session in which the user has logged in.
    fn session(&self, token: &Token) -> Result<Arc<Mutex<Session>>, TokenError> {
        let mut sessions = self.sessions();
        if let Some(session) = sessions.get(&token.serial) {
            return Ok(Arc::clone(session));
        }
        let context = self.module.context();
        let session = context
            .open_rw_session(token.slot)
            .or_else(|_| context.open_ro_session(token.slot))
            .map_err(token.failed())?;
        log_in(context, &session, token, &self.passphrases)?;
        let session = Arc::new(Mutex::new(session));
        sessions.insert(token.serial.clone(), Arc::clone(&session));
        Ok(session)
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Arc<Mutex<Session>>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Logs in, and stops while one more wrong PIN would not yet lock the token.
fn log_in(
    context: &Pkcs11,
    session: &Session,
    token: &Token,
    passphrases: &Passphrases,
) -> Result<(), TokenError> {
    let info = context.get_token_info(token.slot).map_err(token.failed())?;
    if !info.login_required() {
        return Ok(());
    }
    if info.user_pin_locked() {
        return Err(TokenError::Locked { token: token.label.clone() });
    }
    if info.protected_authentication_path() {
        return session.login(UserType::User, None).map_err(token.failed());
    }
    passphrases.for_token(&token.label, |pin| {
        let pin = AuthPin::from(String::from_utf8_lossy(pin.reveal()).into_owned());
        match session.login(UserType::User, Some(&pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(Some(())),
            Err(Error::Pkcs11(RvError::PinLocked, _)) => {
                Err(TokenError::Locked { token: token.label.clone() })
            }
            Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                let info = context.get_token_info(token.slot).map_err(token.failed())?;
                if info.user_pin_final_try() {
                    return Err(TokenError::LastTry { token: token.label.clone() });
                }
                Ok(None)
            }
            Err(error) => Err(token.failed()(error)),
        }
    })
}

fn entry(token: &Token, key: &TokenKey) -> KeyEntry {
    KeyEntry {
        id: key.id(),
        role: key.role.clone(),
        gun: None,
        location: PathBuf::from(format!("pkcs11:token={};id={}", token.label, hex::encode(&key.handle))),
        encrypted: true,
    }
}

impl From<TokenError> for KeyStoreError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Passphrase(error) => Self::Passphrase(error),
            error => Self::Token(error),
        }
    }
}

/// What went wrong with a token.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// A library that is no PKCS#11 module, or doesn't work.
    #[error("the PKCS#11 module `{}` cannot be used: {reason}", path.display())]
    Module {
        /// The library.
        path: PathBuf,
        /// What it, or the system, said.
        reason: String,
    },
    /// No token of this name, or none at all.
    #[error("no token{} is in any reader", name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default())]
    NoToken {
        /// What was asked for.
        name: Option<TokenName>,
    },
    /// Several tokens of one name.
    #[error("{count} tokens are called `{name}`")]
    Ambiguous {
        /// What was asked for.
        name: TokenName,
        /// How many there are.
        count: usize,
    },
    /// Something that a token didn't do. It may have been pulled out.
    #[error("the token `{}` failed: {reason}", token.escape_debug())]
    Token {
        /// Its label.
        token: String,
        /// The function, and what it gave.
        reason: String,
    },
    /// A token that has had too many wrong PINs.
    #[error("the token `{}` is locked after too many wrong PINs", token.escape_debug())]
    Locked {
        /// Its label.
        token: String,
    },
    /// A token that one more wrong PIN would lock.
    #[error("the PIN was wrong, and one more wrong PIN locks the token `{}`", token.escape_debug())]
    LastTry {
        /// Its label.
        token: String,
    },
    /// A key that is not in the token.
    #[error("key {} is not in the token `{}`", id.short(), token.escape_debug())]
    NoKey {
        /// Its label.
        token: String,
        /// The key.
        id: KeyId,
    },
    /// A key that is in the token already.
    #[error("key {} is in the token `{}` already", id.short(), token.escape_debug())]
    Present {
        /// Its label.
        token: String,
        /// The key.
        id: KeyId,
    },
    /// A key that tokens don't take.
    #[error("key {} is no ECDSA key on P-256 that could be copied to a token", id.short())]
    Kind {
        /// The key.
        id: KeyId,
    },
    /// No room for another key.
    #[error("there is no free place for a key in the token `{}`", token.escape_debug())]
    Full {
        /// Its label.
        token: String,
    },
    /// The PIN could not be had.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
}
