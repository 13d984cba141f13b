//! The token service of a registry.

use std::collections::{BTreeSet, HashMap};

use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use serde_json::json;

use crate::lock;
use crate::registry::Inner;
use crate::registry::access::{Access, Account, shown_account};
use crate::registry::error::RegistryError;
use crate::registry::query::Parameters;

/// Longest form that asks for a token, in bytes.
const MAX_FORM: usize = 16 * 1024;

/// The tokens that were given.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// What each allows: `repository:NAME:ACTION`, one action each.
    access: HashMap<String, BTreeSet<String>>,
    refresh: BTreeSet<String>,
    given: u64,
}

impl Tokens {
    /// Whether `token` allows all that `scope` lists, or is known at all when there is no scope.
    pub(super) fn allows(&self, token: &str, scope: Option<&String>) -> bool {
        self.access.get(token).is_some_and(|allowed| {
            scope.is_none_or(|scope| single_actions(scope).iter().all(|action| allowed.contains(action)))
        })
    }

    fn give(&mut self, allowed: BTreeSet<String>) -> String {
        self.given += 1;
        let token = format!("token-{}", self.given);
        self.access.insert(token.clone(), allowed);
        token
    }

    fn give_refresh(&mut self) -> String {
        self.given += 1;
        let token = format!("refresh-{}", self.given);
        self.refresh.insert(token.clone());
        token
    }
}

/// Gives a token: for `GET` with basic credentials or none, for `POST` with a password or a refresh token.
///
/// Source: Docker Registry v2 authentication, "Token Authentication Specification", "Token Authentication with `OAuth2`".
pub(super) async fn issue(inner: &Inner, request: Request) -> Result<Response, RegistryError> {
    let Access::Token { account, anonymous_pull } = &inner.access else {
        return Err(RegistryError::NotFound);
    };
    let refused = || RegistryError::Unauthorized("Basic realm=\"lab\"".to_owned());
    let (known, asked) = match *request.method() {
        Method::GET => {
            let shown = shown_account(request.headers());
            if shown.is_some() && shown.as_ref() != Some(account) {
                return Err(refused());
            }
            (shown.is_some(), Parameters::of(&request))
        }
        Method::POST => {
            let form = to_bytes(request.into_body(), MAX_FORM).await.map_err(|_| RegistryError::TooLarge)?;
            let form = Parameters::parse(&String::from_utf8_lossy(&form));
            if !is_known(inner, account, &form) {
                return Err(refused());
            }
            (true, form)
        }
        _ => return Err(RegistryError::MethodNotAllowed),
    };
    let allowed = asked
        .all("scope")
        .flat_map(|scopes| scopes.split(' '))
        .flat_map(single_actions)
        .filter(|action| known || (*anonymous_pull && action.ends_with(":pull")))
        .collect();
    let mut tokens = lock(&inner.tokens);
    let token = tokens.give(allowed);
    let mut body = json!({ "token": token, "access_token": token, "expires_in": 300 });
    let wants_refresh =
        asked.one("offline_token") == Some("true") || asked.one("access_type") == Some("offline");
    if known && wants_refresh {
        body["refresh_token"] = json!(tokens.give_refresh());
    }
    let mut response = Response::new(body.to_string().into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Whether a form shows the account's password, or a refresh token that was given for it.
fn is_known(inner: &Inner, account: &Account, form: &Parameters) -> bool {
    match form.one("grant_type") {
        Some("password") => {
            form.one("username") == Some(&account.user) && form.one("password") == Some(&account.password)
        }
        Some("refresh_token") => {
            form.one("refresh_token").is_some_and(|token| lock(&inner.tokens).refresh.contains(token))
        }
        _ => false,
    }
}

/// `repository:a:pull,push` as `repository:a:pull` and `repository:a:push`.
fn single_actions(scope: &str) -> Vec<String> {
    let Some((subject, actions)) = scope.rsplit_once(':') else { return Vec::new() };
    actions.split(',').map(|action| format!("{subject}:{action}")).collect()
}
