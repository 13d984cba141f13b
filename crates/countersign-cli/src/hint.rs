//! What may help. Libraries say what is wrong; only the program knows what a person can do about it here.

mod engine;
mod keys;
mod proposals;
mod recover;
mod tuf;

use std::error::Error;

use countersign_client::keystore::KeyStoreError;
use countersign_client::keystore_token::TokenError;
use countersign_client::lookup::LookupError;
use countersign_client::passphrase::PassphraseError;
use countersign_client::publisher::PublisherError;
use countersign_client::remote::{FetchError, PublishError};
use countersign_client::trust_server::{TrustServer, TrustServerError, VARIABLE};
use countersign_client::tuf::{TufError, TufTargetError};
use countersign_client::updater::{DelegationFault, UpdateError};
use countersign_core::author::AuthorError;
use countersign_core::certificate::CertificateError;
use countersign_core::name::TopRole;
use countersign_core::trust::{LeafError, TrustError};
use countersign_engine::EngineError;
use countersign_engine::docker::DaemonError;
use countersign_registry::auth::AuthError;
use countersign_registry::client::RegistryError;
use countersign_registry::http::{HttpError, TlsFault};
use countersign_registry::store::StoreError;
use countersign_registry::transfer::TransferError;

use crate::commands::key::{KeyRefusal, OpenBackupError};
use crate::commands::trust::{AdoptError, SigningError};
use crate::policy::PolicyError;
use crate::refusal::Refusal;
use crate::verdict::commit_this;

/// What may help against this link of a chain of errors.
pub(crate) fn hint(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<Refusal>() {
        return refusal(error);
    }
    if let Some(error) = error.downcast_ref::<SigningError>() {
        return error.hint();
    }
    if let Some(AdoptError::Elsewhere { repository, .. }) = error.downcast_ref::<AdoptError>() {
        return Some(format!(
            "copy it to {repository} first, for instance with `skopeo copy --all --preserve-digests`"
        ));
    }
    if let Some(error) = error.downcast_ref::<KeyRefusal>() {
        return Some(error.hint());
    }
    if let Some(hint) = recover::hint(error) {
        return Some(hint);
    }
    match error.downcast_ref::<OpenBackupError>() {
        Some(OpenBackupError::NoIdentity) => {
            return Some("`--identity` names the file with the identity of one of them".to_owned());
        }
        Some(OpenBackupError::Passphrase(error)) => return keys::passphrase(error),
        _ => {}
    }
    if let Some(error) = error.downcast_ref::<UpdateError>() {
        return update(error);
    }
    if let Some(error) = error.downcast_ref::<LookupError>() {
        return lookup(error);
    }
    if let Some(PolicyError::Two { .. }) = error.downcast_ref::<PolicyError>() {
        return Some("move the rules into one of them, and remove the other".to_owned());
    }
    if let Some(error) = error.downcast_ref::<DelegationFault>() {
        return delegation(error);
    }
    if let Some(error) = error.downcast_ref::<TufError>() {
        return tuf::update(error);
    }
    if let Some(error) = error.downcast_ref::<TufTargetError>() {
        return tuf::target(error);
    }
    if let Some(error) = error.downcast_ref::<TrustError>() {
        return trust(error);
    }
    if let Some(error) = error.downcast_ref::<FetchError>() {
        return fetch(error);
    }
    if let Some(PublishError::Fetch(error)) = error.downcast_ref::<PublishError>() {
        return fetch(error);
    }
    if let Some(error) = error.downcast_ref::<PublisherError>() {
        return publisher(error);
    }
    if let Some(error) = error.downcast_ref::<EngineError>() {
        return engine(error);
    }
    if let Some(error) = error.downcast_ref::<DaemonError>() {
        return engine::daemon(error);
    }
    if let Some(error) = error.downcast_ref::<RegistryError>() {
        return registry(error);
    }
    if let Some(error) = error.downcast_ref::<AuthError>() {
        return auth(error);
    }
    if let Some(error) = error.downcast_ref::<HttpError>() {
        return http(error);
    }
    if let Some(error) = error.downcast_ref::<KeyStoreError>() {
        return keys::key_store(error);
    }
    if let Some(error) = error.downcast_ref::<TokenError>() {
        return keys::token(error);
    }
    if let Some(error) = error.downcast_ref::<PassphraseError>() {
        return keys::passphrase(error);
    }
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return store(error);
    }
    if error.is::<TrustServerError>() {
        return Some(format!(
            "trust servers are asked over TLS alone: `export {VARIABLE}=https://HOST:PORT`"
        ));
    }
    None
}

fn refusal(error: &Refusal) -> Option<String> {
    match error {
        Refusal::NoTrustData { trusted_before: true, gun, .. } => Some(format!(
            "`{gun}` was signed before; ask its publisher, and do not pull it without trust: its trust data may have been removed \
             to make you do that"
        )),
        Refusal::NoTrustData { .. } => Some(format!(
            "nobody has signed this repository on that server; `{VARIABLE}` names another one, and a publisher signs with \
             `countersign push`"
        )),
        Refusal::Unsigned { .. } => Some(
            "the repository is signed and this tag is not; `countersign repo list` shows what is".to_owned(),
        ),
        Refusal::OnlyElsewhere { .. } => Some("its publisher has yet to release it".to_owned()),
        _ => None,
    }
}

fn update(error: &UpdateError) -> Option<String> {
    match error {
        UpdateError::Untrusted(error) => recover::another_root(error).or_else(|| trust(error)),
        UpdateError::Releases { .. } => Some(
            "its publisher has to sign `targets/releases` again; Docker would have used `targets` here, which the line \
             `releases = \"fall-back\"` of the policy brings back"
                .to_owned(),
        ),
        UpdateError::CachedRoot(_) | UpdateError::Forgotten(_) | UpdateError::LostRoot { .. } => Some(
            "the cache of this collection is damaged; `countersign trust repin REF` shows the published root key, to compare with the \
             publisher, before it is trusted anew"
                .to_owned(),
        ),
        UpdateError::Unreachable { source, .. } | UpdateError::Stale { source, .. } => fetch(source),
        UpdateError::FirstUse { gun, root_keys } => Some(commit_this(gun, root_keys)),
        UpdateError::SignedBy { role, .. } => Some(format!(
            "whoever signs as `{role}` has to sign again; `countersign policy check` names the line that asks for them"
        )),
        UpdateError::FarExpiry { .. } => Some(
            "its server has to renew timestamps more often (`expiry.timestamp` of `countersign server`), or `max_freeze` of the \
             policy has to be longer"
                .to_owned(),
        ),
        _ => None,
    }
}

/// What an administrator or the user wrote decides; the line is in the message, or can be asked for.
fn lookup(error: &LookupError) -> Option<String> {
    match error {
        LookupError::SignerMissing { .. } => Some(
            "the policy wants every role of `signed_by` to sign a tag; `countersign policy check` names the line".to_owned(),
        ),
        LookupError::SignersDisagree { .. } => Some(
            "ask both which image they mean; nothing that they disagree on is pulled".to_owned(),
        ),
        _ => None,
    }
}

fn delegation(error: &DelegationFault) -> Option<String> {
    match error {
        DelegationFault::Untrusted(error) => trust(error),
        DelegationFault::Fetch(error) => fetch(error),
        _ => None,
    }
}

fn trust(error: &TrustError) -> Option<String> {
    let text = match error {
        TrustError::Rollback { .. } => {
            "a stale mirror or an attacker may be serving old metadata; what was trusted before still is"
        }
        TrustError::Equivocation { .. } => {
            "two files with one version were signed: different people are shown different things; ask the publisher"
        }
        TrustError::Expired { role, .. } if *role == TopRole::Timestamp => {
            "the server may be cut off from its keys, or somebody in between keeps what is new from you; if this machine's clock is \
             right (`countersign doctor`), wait for a fresh timestamp"
        }
        TrustError::Expired { .. } => {
            "its publisher has to sign it again; if this machine's clock is wrong, `countersign doctor` says so"
        }
        TrustError::NoLeaf {
            source:
                Some(LeafError::Certificate(CertificateError::Expired { .. } | CertificateError::Early { .. })),
            ..
        } => {
            "if this machine's clock is right (`countersign doctor`), its publisher has to replace the root key's certificate"
        }
        TrustError::Signature { .. } => {
            "whoever made this file does not hold the keys of this collection; nothing of it is used"
        }
        TrustError::Hash { .. } | TrustError::Length { .. } | TrustError::OtherRoot { .. } => {
            "the server mixes files of different versions; if that lasts, somebody may be tampering with them"
        }
        TrustError::Rotation { .. } | TrustError::VersionGap { .. } => {
            "the new root was not signed by the keys that are trusted here; what was trusted before still is"
        }
        TrustError::Pin { .. } => {
            "the policy pins another root key; if the publisher's key has changed, they can confirm its id for `trust_pinning`"
        }
        TrustError::NoPin(_) => "ask the publisher for the id of their root key and pin it",
        TrustError::NoLeaf { .. } => {
            "this trust data was signed for another repository, or with a certificate that is no good; nothing of it is used"
        }
        TrustError::Metadata { .. } => {
            "what answered may be no trust server, or somebody changes its answers"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

fn fetch(error: &FetchError) -> Option<String> {
    let (FetchError::NotFound { server }
    | FetchError::Offline { server, .. }
    | FetchError::Connection { server, .. }
    | FetchError::Unauthorized { server, .. }
    | FetchError::Forbidden { server }
    | FetchError::Status { server, .. }
    | FetchError::BadAnswer { server, .. }) = error
    else {
        return None;
    };
    if is_docker_hub(server) {
        return Some(format!(
            "Docker Hub's trust server closed on 2026-12-08; name one of your own with `export {VARIABLE}=https://HOST:PORT`, or \
             start one with `countersign server`"
        ));
    }
    match error {
        FetchError::Connection { source, .. } => {
            source.downcast_ref().and_then(auth).or_else(|| source.downcast_ref().and_then(http))
        }
        FetchError::Unauthorized { .. } | FetchError::Forbidden { .. } => {
            Some("a trust server takes the account of the registry: `countersign login REGISTRY`".to_owned())
        }
        FetchError::BadAnswer { .. } | FetchError::NotFound { .. } => Some(format!(
            "what answers at `{server}` may be no trust server; `{VARIABLE}` names the one to ask"
        )),
        _ => Some(format!("`{VARIABLE}` names the trust server to ask; `countersign doctor` checks it")),
    }
}

fn publisher(error: &PublisherError) -> Option<String> {
    match error {
        PublisherError::Keys(error) => keys::key_store(error),
        PublisherError::NoSigningKeys { .. } => Some(
            "`countersign key list` shows the keys that are here; somebody who has those that may sign can bring them, or make you \
             a signer"
                .to_owned(),
        ),
        PublisherError::HandOver { .. } => Some(
            "do this where the root key is, or bring the key here for it: `countersign key list` shows what is here".to_owned(),
        ),
        PublisherError::StillSigned { .. } => Some(
            "revoke it where that role's key is, or have the owner of the repository do it".to_owned(),
        ),
        PublisherError::ExpiredRemains { .. } => Some(
            "an old export says what was meant then; if this was the newest, `countersign repo import --renew-expired` signs it anew"
                .to_owned(),
        ),
        PublisherError::NoRootKeys { .. } => Some(
            "whoever keeps the root key does this, or brings it here (`countersign key import`): it signs every change of keys. Several \
             people sign one together with `countersign repo root`. If it is lost, `countersign key recovery combine` restores a recovery key, and without one `countersign repo recover --lost-root` \
             is what is left"
                .to_owned(),
        ),
        PublisherError::WouldLose { .. } => Some(
            "have their signers sign again first, which they can as long as the collection stands; or `--leave-out` goes without what they \
             said, and they begin anew afterwards"
                .to_owned(),
        ),
        PublisherError::ChangedSinceShown { .. } | PublisherError::PutBack { .. } => {
            Some("look again: it may be the work of whoever has the key".to_owned())
        }
        PublisherError::NobodyLeft { .. } => Some(
            "do it where another signer's key is, or add a signer who has signed it first; `--take-over` signs it with a new key that is made \
             here"
                .to_owned(),
        ),
        PublisherError::Sign(AuthorError::MissingKeys { .. }) => Some(
            "do this where one of the missing keys is, or bring it here (`countersign key import`): `countersign key list` shows what is here"
                .to_owned(),
        ),
        PublisherError::NoCollection(gun) => Some(format!("`countersign repo init {gun}` makes it")),
        PublisherError::Begun(..) => {
            Some("remove the collection's directory below `trust/tuf`, and begin again".to_owned())
        }
        PublisherError::Conflict { .. } => Some("try again".to_owned()),
        PublisherError::Proposed(proposed) => Some(proposals::left(proposed)),
        error => recover::publisher(error).or_else(|| proposals::other(error)),
    }
}

/// Whether this is the host of Docker Hub's trust server.
fn is_docker_hub(host: &str) -> bool {
    let server = format!("https://{host}").parse::<TrustServer>();
    server.is_ok_and(|server| server.is_docker_hub())
}

fn engine(error: &EngineError) -> Option<String> {
    match error {
        EngineError::Transfer(TransferError::Registry(error)) | EngineError::Registry(error) => {
            registry(error)
        }
        EngineError::Transfer(TransferError::NoPlatform { .. }) => {
            Some("`--platform` chooses one that there is".to_owned())
        }
        EngineError::Store(error) => store(error),
        EngineError::Daemon(error) => engine::daemon(error),
        EngineError::Podman(error) => engine::podman(error),
        EngineError::UnknownLength { source, .. } => registry(source),
        EngineError::NotWithThis { .. } => Some("`--engine local` supports it".to_owned()),
        EngineError::NoSuchImage(_) => Some(
            "`countersign images` shows what is here; `countersign load` brings images from archives"
                .to_owned(),
        ),
        _ => None,
    }
}

fn registry(error: &RegistryError) -> Option<String> {
    match error {
        RegistryError::Auth(error) => auth(error),
        RegistryError::Denied { host, .. } => Some(format!("run `countersign login {host}`")),
        RegistryError::Digest { .. } | RegistryError::Size { .. } => {
            Some("the registry, or somebody in between, serves something else than what was signed; nothing of it is kept".to_owned())
        }
        _ => None,
    }
}

fn auth(error: &AuthError) -> Option<String> {
    match error {
        AuthError::Http(error) => http(error),
        AuthError::Incorrect { host }
        | AuthError::NoCredentials { host }
        | AuthError::Refused { host, .. } => Some(format!("run `countersign login {host}`")),
        AuthError::Realm { .. } => {
            Some("if that is right, name it in `token_realms` of the policy".to_owned())
        }
        _ => None,
    }
}

fn http(error: &HttpError) -> Option<String> {
    match error {
        HttpError::Tls { host, fault: TlsFault::UnknownIssuer, .. } => Some(format!(
            "if you trust its authority, put the authority's certificate at `tls/{host}/ca.crt` in Docker's configuration directory"
        )),
        HttpError::Tls { fault: TlsFault::Expired | TlsFault::NotYetValid, .. } => {
            Some("if this machine's clock is wrong, `countersign doctor` says so".to_owned())
        }
        HttpError::Tls { fault: TlsFault::NotTls, .. } => {
            Some("it may speak plain HTTP, which is not enough".to_owned())
        }
        HttpError::Plain { host } => {
            Some(format!("`insecure_registries = [\"{host}\"]` in the policy allows it"))
        }
        _ => None,
    }
}

fn store(error: &StoreError) -> Option<String> {
    match error {
        StoreError::BlobCorrupt { .. } | StoreError::BlobMissing { .. } => {
            Some("pull or load the image again".to_owned())
        }
        _ => None,
    }
}
