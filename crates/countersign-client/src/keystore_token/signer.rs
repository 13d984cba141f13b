//! Signing in a token.

use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use countersign_core::key::PublicKey;
use countersign_core::sign::{Sign, SignError};
use countersign_core::verify::Method;
use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;

use super::module::reason;
use super::objects::TokenKey;
use super::{Token, TokenError, lock, objects};

/// Bytes of a signature on P-256: `r‖s`.
const SIGNATURE_BYTES: usize = 64;

/// A key in a token whose user has logged in.
pub(super) struct TokenSigner {
    session: Arc<Mutex<Session>>,
    token: String,
    public: PublicKey,
    private: ObjectHandle,
}

impl TokenSigner {
    pub(super) fn new(
        session: Arc<Mutex<Session>>,
        token: &Token,
        key: &TokenKey,
    ) -> Result<Self, TokenError> {
        let private = objects::private(&lock(&session), token, key)?;
        Ok(Self::of(session, token, key, private))
    }

    /// One whose private key's object is known.
    pub(super) fn of(
        session: Arc<Mutex<Session>>,
        token: &Token,
        key: &TokenKey,
        private: ObjectHandle,
    ) -> Self {
        Self { session, token: token.label.clone(), public: key.public.clone(), private }
    }
}

impl Sign for TokenSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<(Method, Vec<u8>), SignError> {
        sign(&lock(&self.session), &self.token, &self.public, self.private, message)
    }
}

fn sign(
    session: &Session,
    token: &str,
    public: &PublicKey,
    private: ObjectHandle,
    message: &[u8],
) -> Result<(Method, Vec<u8>), SignError> {
    let failed = |reason: String| SignError {
        key: public.id(),
        reason: Some(format!("the token `{}` failed: {reason}", token.escape_debug())),
    };
    let signature = session
        .sign(&Mechanism::Ecdsa, private, digest(&SHA256, message).as_ref())
        .map_err(|error: Error| failed(reason(&error)))?;
    if signature.len() != SIGNATURE_BYTES {
        return Err(failed(format!("it gave a signature of {} bytes", signature.len())));
    }
    Ok((Method::Ecdsa, signature))
}
