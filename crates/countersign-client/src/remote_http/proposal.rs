//! The route of proposals, which Notary does not have.
//!
//! A server without it answers 404: Debian's `notary-server` does, to every method, whether or not the collection is there.
//! Others may say 405. Ours answers 404 to a `GET` alone, where none is open.

use bytes::Bytes;
use countersign_core::author::Proposal;
use countersign_registry::http::{Request, RequestBody, Response};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};

use super::answer::{proposal_refusal, status_error};
use super::{ERROR_BYTES, HttpRemote};
use crate::remote::{FetchError, PublishError};

impl HttpRemote {
    pub(super) async fn get_proposal(&self, max_bytes: u64) -> Result<Option<Bytes>, FetchError> {
        let response = self.send(self.proposal_request(Method::GET, false), self.scope()).await?;
        if has_none(&response) {
            response.read_prefix(ERROR_BYTES).await;
            return Ok(None);
        }
        self.proposal_in(response, max_bytes).await.map(Some)
    }

    pub(super) async fn put_proposal(
        &self,
        proposal: Bytes,
        replace: bool,
    ) -> Result<Option<Bytes>, PublishError> {
        let request = self
            .proposal_request(Method::PUT, replace)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(RequestBody::Bytes(proposal));
        let response = self.send(request, self.scope()).await?;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(Some(self.proposal_in(response, Proposal::MAX_BYTES).await?));
        }
        let has_none = has_none(&response);
        let body = response.read_prefix(ERROR_BYTES).await;
        if has_none { Ok(None) } else { Err(proposal_refusal(&self.host, status, &body)) }
    }

    pub(super) async fn delete_proposal(&self) -> Result<(), FetchError> {
        let response = self.send(self.proposal_request(Method::DELETE, false), self.scope()).await?;
        let (status, has_none) = (response.status(), has_none(&response));
        response.read_prefix(ERROR_BYTES).await;
        if status == StatusCode::OK || has_none { Ok(()) } else { Err(status_error(&self.host, status)) }
    }

    fn proposal_request(&self, method: Method, replace: bool) -> Request {
        let mut url = self.server.join(&format!("{}/_trust/proposal", self.gun));
        if replace {
            url.set_query(Some("replace=true"));
        }
        Request::new(method, url)
    }

    /// The proposal in an answer with status 200. Only that it is JSON is looked at: what it says is for the core to judge.
    async fn proposal_in(&self, response: Response, max_bytes: u64) -> Result<Bytes, FetchError> {
        let body = self.content(response, max_bytes).await?;
        match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => Ok(body),
            Some(b'<') => Err(self.bad("it is a web page, not a proposal")),
            _ => Err(self.bad("it is not a proposal")),
        }
    }
}

/// Whether the server says that there is no such thing, or no such route.
fn has_none(response: &Response) -> bool {
    matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
}
