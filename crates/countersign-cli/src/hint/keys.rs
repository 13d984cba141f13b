//! What may help with keys: their files, passphrases and tokens.

use countersign_client::keystore::KeyStoreError;
use countersign_client::keystore_token::TokenError;
use countersign_client::passphrase::PassphraseError;

/// What may help with a key store.
pub(super) fn key_store(error: &KeyStoreError) -> Option<String> {
    match error {
        KeyStoreError::Passphrase(error) => passphrase(error),
        KeyStoreError::Plain { .. } => Some("`countersign key passwd` encrypts it".to_owned()),
        KeyStoreError::Token(error) => token(error),
        KeyStoreError::Changed { .. } => Some("try again".to_owned()),
        KeyStoreError::OtherRole { .. } | KeyStoreError::FixedRole { .. } => Some(
            "one key is for one role; `countersign key rename` changes the names of signers alone".to_owned(),
        ),
        KeyStoreError::OtherKey { .. } => Some(
            "two key files may have been mixed up; restore it from a backup, and change nothing here until it is found"
                .to_owned(),
        ),
        _ => None,
    }
}

/// What may help with a token.
pub(super) fn token(error: &TokenError) -> Option<String> {
    let text = match error {
        TokenError::Passphrase(error) => return passphrase(error),
        TokenError::Module { .. } => {
            "`COUNTERSIGN_PKCS11_MODULE` names the library of the token's maker; without it, everything but tokens works"
        }
        TokenError::NoToken { .. } | TokenError::Ambiguous { .. } => {
            "`countersign key tokens` shows the tokens that are there; one is also named by `serial:NUMBER`"
        }
        TokenError::Locked { .. } | TokenError::LastTry { .. } => {
            "its security officer's PIN (PUK) unlocks a token, with the tools of its maker"
        }
        TokenError::Token { .. } => {
            "if it was pulled out, put it back and try again; nothing was published without it"
        }
        TokenError::Kind { .. } => "`countersign key generate` makes keys that tokens take",
        TokenError::NoKey { .. } | TokenError::Present { .. } => {
            "`countersign key list` shows what is in which token"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// What may help with a passphrase that is missing or wrong.
pub(super) fn passphrase(error: &PassphraseError) -> Option<String> {
    match error {
        PassphraseError::EndOfInput { alias, .. } => {
            let name = if alias == "root" { "ROOT" } else { "REPOSITORY" };
            Some(format!("run it at a terminal, or set `DOCKER_CONTENT_TRUST_{name}_PASSPHRASE`"))
        }
        PassphraseError::WrongVariable { variable, .. } | PassphraseError::WrongFor { variable, .. } => {
            Some(format!("set `{variable}` right, or unset it to be asked at the terminal"))
        }
        PassphraseError::NoPin { .. } => {
            Some("run it at a terminal, or set `COUNTERSIGN_PKCS11_PIN`; no option takes a PIN".to_owned())
        }
        PassphraseError::FileEndOfInput { .. } => Some("run it at a terminal".to_owned()),
        PassphraseError::ShortVariable { .. } => {
            Some("a password manager generates and keeps a good random passphrase".to_owned())
        }
        PassphraseError::NoKeyring => Some(
            "it takes `secret-tool` (libsecret) in `PATH`, and a desktop session (`DBUS_SESSION_BUS_ADDRESS`)".to_owned(),
        ),
        PassphraseError::Keyring { .. } => {
            Some("run it in your desktop's session, with its keyring unlocked; what that keeps until then, it keeps".to_owned())
        }
        _ => None,
    }
}
