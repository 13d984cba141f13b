//! Requests to one host, with what the host wants to see.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderValue};
use tokio::sync::OnceCell;
use url::Url;

use super::challenge::{Challenge, parse_challenges};
use super::error::AuthError;
use super::realm::{Realms, is_confidential, is_same_realm, same_origin};
use super::scope::Scope;
use super::token::{Key, Tokens, basic, bearer};
use crate::credentials::{CredentialSource, Credentials};
use crate::http::{HttpClient, Request, Response, origin};

/// What a session is made of.
pub struct SessionParts {
    /// Connections.
    pub http: HttpClient,
    /// Tokens, shared with other sessions.
    pub tokens: Tokens,
    /// Any URL of the host.
    pub host: Url,
    /// Who we are to it.
    pub credentials: Arc<dyn CredentialSource>,
    /// Which token services may see that.
    pub realms: Realms,
}

/// Requests to one host. Clones share what the host was heard to want.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    parts: SessionParts,
    credentials: OnceCell<Arc<Credentials>>,
    registry_realms: OnceCell<Vec<Url>>,
    wanted: Mutex<Option<Wanted>>,
}

/// What the host wants to see, as far as we can show it.
#[derive(Clone)]
enum Wanted {
    Basic,
    Bearer { realm: Url, service: String, scope: String },
}

impl Session {
    /// A session that has not talked to its host.
    pub fn new(parts: SessionParts) -> Self {
        let (credentials, registry_realms) = (OnceCell::new(), OnceCell::new());
        Self(Arc::new(Inner { parts, credentials, registry_realms, wanted: Mutex::default() }))
    }

    /// The connections, for requests that need no authorization.
    pub fn http(&self) -> &HttpClient {
        &self.0.parts.http
    }

    /// The URL that the session was made with.
    pub fn host(&self) -> &Url {
        &self.0.parts.host
    }

    /// Sends `request` with authorization for `scopes`.
    ///
    /// If the host asks for authorization, it gets it and the request is repeated, once. Requests to other hosts (the
    /// place of an upload may be one) are sent without. Whatever the host answers besides 401 is the caller's.
    ///
    /// # Errors
    /// Every variant of [`AuthError`]. [`AuthError::Resend`]: the content could be read only once; the next attempt
    /// with fresh content carries the authorization from the beginning.
    pub async fn send(&self, mut request: Request, scopes: &[Scope]) -> Result<Response, AuthError> {
        let inner = &*self.0;
        if !same_origin(&inner.parts.host, &request.url) {
            return Ok(inner.parts.http.send(request).await?);
        }
        let again = request.replay();
        let shown = inner.at_hand(scopes).await?;
        if let Some(value) = &shown {
            request.headers.insert(AUTHORIZATION, value.clone());
        }
        let response = inner.parts.http.send(request).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let host = origin(&inner.parts.host);
        let wanted = wanted(&host, &response)?;
        if let Some(refused) = &shown {
            inner.forget(&wanted, scopes, refused).await?;
        }
        // The connection is used again only once the answer was read.
        response.read_prefix(64 << 10).await;
        *inner.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(wanted.clone());
        let value = inner.authorization(&wanted, scopes).await?;
        let Some(mut request) = again else { return Err(AuthError::Resend { host }) };
        request.headers.insert(AUTHORIZATION, value);
        let response = inner.parts.http.send(request).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let anonymous = inner.credentials().await?.is_anonymous();
            let basic = matches!(wanted, Wanted::Basic);
            return Err(if basic {
                AuthError::Incorrect { host }
            } else {
                AuthError::Refused { host, anonymous }
            });
        }
        Ok(response)
    }

    /// Asks the host's `/v2/` and gets what later requests for `scopes` will need; the host's status.
    pub async fn ping(&self, scopes: &[Scope]) -> Result<StatusCode, AuthError> {
        let mut url = self.0.parts.host.clone();
        url.set_path("/v2/");
        url.set_query(None);
        let response = self.send(Request::get(url), scopes).await?;
        let status = response.status();
        response.read_prefix(64 << 10).await;
        Ok(status)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", origin(&self.0.parts.host))
    }
}

impl Inner {
    async fn credentials(&self) -> Result<&Arc<Credentials>, AuthError> {
        Ok(self.credentials.get_or_try_init(|| self.parts.credentials.credentials()).await?)
    }

    /// What the host is known to want and may see.
    async fn at_hand(&self, scopes: &[Scope]) -> Result<Option<HeaderValue>, AuthError> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match wanted {
            None => Ok(None),
            Some(wanted) => self.authorization(&wanted, scopes).await.map(Some),
        }
    }

    async fn authorization(&self, wanted: &Wanted, scopes: &[Scope]) -> Result<HeaderValue, AuthError> {
        let credentials = self.credentials().await?;
        let host = || origin(&self.parts.host);
        if !credentials.is_anonymous() && !is_confidential(&self.parts.host) {
            return Err(AuthError::Plain { host: host(), to: self.parts.host.to_string() });
        }
        match (wanted, &**credentials) {
            (Wanted::Basic, Credentials::Password { username, password }) => Ok(basic(username, password)),
            (Wanted::Basic, _) => Err(AuthError::NoCredentials { host: host() }),
            (Wanted::Bearer { .. }, Credentials::RegistryToken(token)) => {
                bearer(token.expose()).ok_or_else(|| AuthError::NoCredentials { host: host() })
            }
            (Wanted::Bearer { realm, service, scope }, credentials) => {
                self.admit(realm, credentials).await?;
                let key = key(realm, service, scope, scopes, credentials);
                Ok(self.parts.tokens.token(&self.parts.http, &key, credentials).await?.header)
            }
        }
    }

    /// Refuses a realm that must not see the credentials.
    async fn admit(&self, realm: &Url, credentials: &Credentials) -> Result<(), AuthError> {
        if credentials.is_anonymous() {
            return Ok(());
        }
        let host = origin(&self.parts.host);
        if !is_confidential(realm) {
            return Err(AuthError::Plain { host, to: realm.to_string() });
        }
        if self.parts.realms.allow(&self.parts.host, realm) {
            return Ok(());
        }
        if let Some(registry) = self.parts.realms.registry() {
            let named = self.registry_realms.get_or_try_init(|| self.ask_registry(registry)).await?;
            if named.iter().any(|named| is_same_realm(named, realm)) {
                return Ok(());
            }
        }
        Err(AuthError::Realm { host, realm: realm.to_string() })
    }

    /// The realms that a registry names, asked without showing anything.
    async fn ask_registry(&self, registry: &Url) -> Result<Vec<Url>, AuthError> {
        let mut url = registry.clone();
        url.set_path("/v2/");
        let response = self.parts.http.send(Request::get(url)).await?;
        let realms =
            parse_challenges(response.headers()).into_iter().filter_map(|challenge| match challenge {
                Challenge::Bearer { realm, .. } => Url::parse(&realm).ok(),
                _ => None,
            });
        Ok(realms.collect())
    }

    async fn forget(
        &self,
        wanted: &Wanted,
        scopes: &[Scope],
        refused: &HeaderValue,
    ) -> Result<(), AuthError> {
        if let Wanted::Bearer { realm, service, scope } = wanted {
            let key = key(realm, service, scope, scopes, self.credentials().await?);
            self.parts.tokens.forget(&key, refused);
        }
        Ok(())
    }
}

/// The caller's scopes; if there are none, the host's.
fn key(realm: &Url, service: &str, scope: &str, scopes: &[Scope], credentials: &Credentials) -> Key {
    let named: Vec<Scope>;
    let scopes = if scopes.is_empty() {
        named = scope.split(' ').filter(|scope| !scope.is_empty()).map(Scope::named).collect();
        &named
    } else {
        scopes
    };
    Key::new(realm, service, scopes, credentials)
}

/// A token before a password, as Docker; among several of a kind the first.
fn wanted(host: &str, response: &Response) -> Result<Wanted, AuthError> {
    let host = || host.to_owned();
    let challenges = parse_challenges(response.headers());
    let first = challenges.first().cloned();
    for challenge in &challenges {
        if let Challenge::Bearer { realm, service, scope } = challenge {
            let url = Url::parse(realm).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
            let url = url.ok_or_else(|| AuthError::RealmUrl { host: host(), realm: realm.clone() })?;
            return Ok(Wanted::Bearer { realm: url, service: service.clone(), scope: scope.clone() });
        }
    }
    if challenges.contains(&Challenge::Basic) {
        return Ok(Wanted::Basic);
    }
    match first {
        Some(Challenge::Other(scheme)) => Err(AuthError::Scheme { host: host(), scheme }),
        _ => Err(AuthError::NoChallenge { host: host() }),
    }
}
