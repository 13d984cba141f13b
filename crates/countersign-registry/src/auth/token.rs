//! Getting tokens, once for everybody who needs the same one.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_core::digest::Digest;
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use super::error::AuthError;
use super::scope::Scope;
use crate::credentials::{Credentials, Secret};
use crate::http::{HttpClient, Request, origin};

/// Our name to token services.
pub(super) const CLIENT_ID: &str = "docker";
/// Longest answer of a token service, in bytes.
const MAX_ANSWER_BYTES: u64 = 1 << 20;
/// A token lives at least this long, whatever it says.
const MIN_LIFETIME: Duration = Duration::from_mins(1);
/// A token is replaced this long before it ends.
const LEEWAY: Duration = Duration::from_secs(5);

/// Tokens by token service, service, scopes and account. Clones share them.
#[derive(Clone, Default)]
pub struct Tokens {
    slots: Arc<Mutex<HashMap<Key, Arc<Slot>>>>,
}

type Slot = OnceCell<Token>;

/// What one token is good for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Key {
    realm: Url,
    service: String,
    scopes: Vec<Scope>,
    /// Which account, without being it.
    account: Digest,
}

/// A token as it goes into `Authorization`.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    replace_at: Instant,
}

impl Key {
    pub(super) fn new(realm: &Url, service: &str, scopes: &[Scope], credentials: &Credentials) -> Self {
        let mut scopes = scopes.to_vec();
        scopes.sort();
        scopes.dedup();
        Self { realm: realm.clone(), service: service.to_owned(), scopes, account: fingerprint(credentials) }
    }
}

impl Tokens {
    /// No tokens yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A token for `key`: one that is still good, or one that is fetched now, by one caller for all.
    pub(super) async fn token(
        &self,
        http: &HttpClient,
        key: &Key,
        credentials: &Credentials,
    ) -> Result<Token, AuthError> {
        let slot = self.slot(key);
        slot.get_or_try_init(|| fetch(http, key, credentials)).await.cloned()
    }

    /// Forgets a token that was refused.
    pub(super) fn forget(&self, key: &Key, refused: &HeaderValue) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.get(key).and_then(|slot| slot.get()).is_some_and(|token| token.header == refused) {
            slots.remove(key);
        }
    }

    fn slot(&self, key: &Key) -> Arc<Slot> {
        let now = Instant::now();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| slot.get().is_none_or(|token| token.replace_at > now));
        Arc::clone(slots.entry(key.clone()).or_default())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(..)")
    }
}

/// `Basic` with this name and password.
pub(super) fn basic(username: &str, password: &Secret) -> HeaderValue {
    use base64::Engine as _;
    let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
    let text = Zeroizing::new(format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair.as_bytes())
    ));
    sensitive(&text).unwrap_or_else(|| HeaderValue::from_static("Basic"))
}

/// `Bearer` with this token; `None` if it has characters that no header can carry.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    sensitive(&Zeroizing::new(format!("Bearer {token}")))
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

async fn fetch(http: &HttpClient, key: &Key, credentials: &Credentials) -> Result<Token, AuthError> {
    let scopes: Vec<&str> = key.scopes.iter().map(Scope::as_str).collect();
    let request = match credentials {
        Credentials::IdentityToken(identity) => refresh_request(&key.realm, &key.service, &scopes, identity),
        _ => token_request(&key.realm, &key.service, &scopes, credentials, &[]),
    };
    let answer = ask(http, request).await?;
    let lifetime =
        Duration::from_secs(u64::try_from(answer.expires_in.unwrap_or(0)).unwrap_or(0)).max(MIN_LIFETIME);
    let no_token = || AuthError::NoToken { realm: origin(&key.realm) };
    let header = answer.token().and_then(bearer).ok_or_else(no_token)?;
    Ok(Token { header, replace_at: Instant::now() + lifetime - LEEWAY })
}

/// A POST of an identity token to a token service.
fn refresh_request(realm: &Url, service: &str, scopes: &[&str], identity: &Secret) -> Request {
    let mut form = Serializer::new(String::new());
    form.append_pair("client_id", CLIENT_ID);
    form.append_pair("grant_type", "refresh_token");
    form.append_pair("refresh_token", identity.expose());
    form.append_pair("scope", &scopes.join(" "));
    form.append_pair("service", service);
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    Request::post(realm.clone(), form.finish().into_bytes()).header(CONTENT_TYPE, kind)
}

/// A GET to a token service; parameters are in alphabetical order, as Docker's.
pub(super) fn token_request(
    realm: &Url,
    service: &str,
    scopes: &[&str],
    credentials: &Credentials,
    more: &[(&str, &str)],
) -> Request {
    let mut parameters: Vec<(&str, &str)> = more.to_vec();
    parameters.extend(credentials.username().map(|username| ("account", username)));
    parameters.extend(scopes.iter().map(|scope| ("scope", *scope)));
    if !service.is_empty() {
        parameters.push(("service", service));
    }
    parameters.sort_by_key(|(name, _)| *name);
    let mut url = realm.clone();
    url.query_pairs_mut().extend_pairs(parameters);
    match credentials {
        Credentials::Password { username, password } => {
            Request::get(url).header(AUTHORIZATION, basic(username, password))
        }
        _ => Request::get(url),
    }
}

/// Sends a request to a token service and reads what it gives out. A redirect is no token.
pub(super) async fn ask(http: &HttpClient, request: Request) -> Result<TokenAnswer, AuthError> {
    let realm = origin(&request.url);
    let response = http.send(request).await?;
    match response.status() {
        StatusCode::OK => {
            let body = Zeroizing::new(response.read_bounded(MAX_ANSWER_BYTES).await?.to_vec());
            serde_json::from_slice(&body).map_err(|_| AuthError::NoToken { realm })
        }
        StatusCode::UNAUTHORIZED => Err(AuthError::Incorrect { host: realm }),
        status => Err(AuthError::TokenStatus { realm, status: status.as_u16() }),
    }
}

/// What a token service gives out.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    #[serde(default)]
    token: Secret,
    #[serde(default)]
    access_token: Secret,
    expires_in: Option<i64>,
    #[serde(default)]
    pub(super) refresh_token: Secret,
}

impl TokenAnswer {
    /// The token, under whichever name.
    pub(super) fn token(&self) -> Option<&str> {
        [&self.token, &self.access_token].into_iter().map(Secret::expose).find(|token| !token.is_empty())
    }
}

fn fingerprint(credentials: &Credentials) -> Digest {
    let text = Zeroizing::new(match credentials {
        Credentials::Anonymous => String::new(),
        Credentials::Password { username, password } => format!("p{username}:{}", password.expose()),
        Credentials::IdentityToken(token) => format!("i{}", token.expose()),
        Credentials::RegistryToken(token) => format!("r{}", token.expose()),
    });
    Digest::sha256(text.as_bytes())
}
