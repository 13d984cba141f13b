//! The trust server over HTTP, by Notary's routes, and by ours for proposals.
//!
//! Requests go out at once: a server that wants to know who asks says so in its answer, and the request is repeated.
//!
//! Source: notary `server/server.go`, `storage/httpstore.go`; reference behaviour 6.1, 6.7, 8.

pub(crate) mod answer;
pub mod changefeed;
mod multipart;
mod proposal;

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_core::key::PublicKey;
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_registry::auth::{AuthError, Scope, Session};
use countersign_registry::http::{Request, RequestBody, Response};
use http::header::{CONTENT_TYPE, HeaderValue, IF_NONE_MATCH};
use http::{Method, StatusCode};

use self::answer::{fetch_error, refusal, status_error};
use crate::remote::{FetchError, Fetched, PublishError, Remote, RemoteFile};
use crate::trust_server::TrustServer;

/// Largest key that a server gives, in bytes.
const KEY_BYTES: u64 = 64 << 10;
/// Most that is read of an answer that is an error, in bytes.
const ERROR_BYTES: usize = 64 << 10;

/// What a user means to do with a collection, which is what tokens are asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Read it.
    Pull,
    /// Change it.
    Push,
}

/// One collection on a trust server.
#[derive(Clone, Debug)]
pub struct HttpRemote {
    session: Session,
    server: TrustServer,
    gun: Gun,
    access: Access,
    host: String,
}

impl HttpRemote {
    /// The collection `gun` on `server`; `session` is a session with that server.
    pub fn new(session: Session, server: TrustServer, gun: Gun, access: Access) -> Self {
        let host = server.host();
        Self { session, server, gun, access, host }
    }

    /// The scope for reading or changing the collection. The order of actions is Docker's.
    fn scope(&self) -> Scope {
        let actions = match self.access {
            Access::Pull => "pull",
            Access::Push => "push,pull",
        };
        Scope::repository(self.gun.as_str(), actions)
    }

    /// The scope for what only an owner may do.
    fn owners_scope(&self) -> Scope {
        Scope::repository(self.gun.as_str(), "*")
    }

    fn request(&self, method: Method, name: &str) -> Request {
        Request::new(method, self.server.join(&format!("{}/_trust/tuf/{name}", self.gun)))
    }

    async fn send(&self, request: Request, scope: Scope) -> Result<Response, FetchError> {
        let again = request.replay();
        let scopes = [scope];
        let refused = |error| fetch_error(&self.host, error);
        match (self.session.send(request, &scopes).await, again) {
            (Err(AuthError::NoChallenge { .. }), Some(again)) => {
                // The answer does not say what the server wants; `/v2/` is the place that has to.
                let ping =
                    self.session.send(Request::get(self.server.join("")), &scopes).await.map_err(refused)?;
                ping.read_prefix(ERROR_BYTES).await;
                self.session.send(again, &scopes).await.map_err(refused)
            }
            (outcome, _) => outcome.map_err(refused),
        }
    }

    /// The body of an answer with status 200.
    async fn content(&self, response: Response, max_bytes: u64) -> Result<Bytes, FetchError> {
        let status = response.status();
        if status != StatusCode::OK {
            // Read, so that the connection can be used again.
            response.read_prefix(ERROR_BYTES).await;
            return Err(status_error(&self.host, status));
        }
        let read = response.read_bounded(max_bytes).await;
        read.map_err(|error| fetch_error(&self.host, AuthError::Http(error)))
    }

    async fn key(&self, method: Method, role: TopRole, scope: Scope) -> Result<PublicKey, FetchError> {
        let response = self.send(self.request(method, &format!("{role}.key")), scope).await?;
        let body = self.content(response, KEY_BYTES).await?;
        serde_json::from_slice(&body).map_err(|_| FetchError::BadAnswer {
            server: self.host.clone(),
            reason: format!("its {role} key is no key"),
        })
    }
}

#[async_trait]
impl Remote for HttpRemote {
    fn server(&self) -> &str {
        &self.host
    }

    async fn fetch(
        &self,
        file: &RemoteFile,
        max_bytes: u64,
        if_none_match: Option<Digest>,
    ) -> Result<Fetched, FetchError> {
        let mut request = self.request(Method::GET, &file.to_string());
        let condition =
            if_none_match.and_then(|have| HeaderValue::from_str(&format!("\"{}\"", have.hex())).ok());
        if let Some(condition) = &condition {
            request = request.header(IF_NONE_MATCH, condition.clone());
        }
        let response = self.send(request, self.scope()).await?;
        if response.status() == StatusCode::NOT_MODIFIED && condition.is_some() {
            return Ok(Fetched::NotModified);
        }
        let body = self.content(response, max_bytes).await?;
        match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => Ok(Fetched::Bytes(body)),
            Some(b'<') => Err(self.bad("it is a web page, not trust data")),
            _ => Err(self.bad("it is not trust data")),
        }
    }

    async fn public_key(&self, role: TopRole) -> Result<PublicKey, FetchError> {
        self.key(Method::GET, role, self.scope()).await
    }

    async fn rotate_key(&self, role: TopRole) -> Result<PublicKey, FetchError> {
        self.key(Method::POST, role, self.owners_scope()).await
    }

    async fn publish(&self, files: &BTreeMap<RoleName, Bytes>) -> Result<(), PublishError> {
        let form = multipart::form(files);
        let mut request = self.request(Method::POST, "").body(RequestBody::Bytes(form.body));
        if let Ok(value) = HeaderValue::from_str(&form.content_type) {
            request = request.header(CONTENT_TYPE, value);
        }
        let response = self.send(request, self.scope()).await?;
        let status = response.status();
        let body = response.read_prefix(ERROR_BYTES).await;
        // Notary's client, too, takes no other status for success.
        if status != StatusCode::OK {
            return Err(refusal(&self.host, status, &body));
        }
        match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'<') => Err(self.bad("it is a web page, and took nothing").into()),
            _ => Ok(()),
        }
    }

    async fn delete(&self) -> Result<(), FetchError> {
        let response = self.send(self.request(Method::DELETE, ""), self.owners_scope()).await?;
        self.content(response, ERROR_BYTES as u64).await.map(drop)
    }

    async fn proposal(&self, max_bytes: u64) -> Result<Option<Bytes>, FetchError> {
        self.get_proposal(max_bytes).await
    }

    async fn propose(&self, proposal: Bytes, replace: bool) -> Result<Option<Bytes>, PublishError> {
        self.put_proposal(proposal, replace).await
    }

    async fn withdraw_proposal(&self) -> Result<(), FetchError> {
        self.delete_proposal().await
    }
}

impl HttpRemote {
    fn bad(&self, reason: &str) -> FetchError {
        FetchError::BadAnswer { server: self.host.clone(), reason: reason.to_owned() }
    }
}
