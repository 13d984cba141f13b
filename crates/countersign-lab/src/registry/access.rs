//! Who may use a registry.

use std::fmt::Write as _;

use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method, header};

use crate::lock;
use crate::registry::error::RegistryError;
use crate::registry::route::Route;
use crate::registry::{Inner, text};

/// Somebody whom a registry knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// The user name.
    pub user: String,
    /// The password. These accounts exist in one process and protect nothing.
    pub password: String,
}

impl Account {
    /// An account.
    pub fn new(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned() }
    }
}

/// Who may use a registry.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Access {
    /// Anybody, for anything.
    #[default]
    Open,
    /// Those with this account, which they show with every request.
    ///
    /// Source: RFC 7617.
    Basic(Account),
    /// Those with a token, which the service at `/token` gives.
    ///
    /// Source: Docker Registry v2 authentication, "Token Authentication Specification".
    Token {
        /// Who gets tokens for anything.
        account: Account,
        /// Whether anybody gets tokens for pulling.
        anonymous_pull: bool,
    },
}

/// Refuses requests of those who may not make them.
pub(super) fn authorise(inner: &Inner, route: &Route, request: &Request) -> Result<(), RegistryError> {
    match &inner.access {
        Access::Open => Ok(()),
        Access::Basic(account) => {
            if shown_account(request.headers()).as_ref() == Some(account) {
                return Ok(());
            }
            Err(RegistryError::Unauthorized("Basic realm=\"lab\"".to_owned()))
        }
        Access::Token { .. } if *route == Route::Token => Ok(()),
        Access::Token { .. } => {
            let scope = needed_scope(route, request.method());
            let shown = text(request.headers(), &header::AUTHORIZATION)
                .and_then(|value| value.strip_prefix("Bearer "));
            if shown.is_some_and(|token| lock(&inner.tokens).allows(token, scope.as_ref())) {
                return Ok(());
            }
            let mut challenge = format!("Bearer realm=\"{}/token\",service=\"lab\"", inner.url);
            if let Some(scope) = scope {
                let _ = write!(challenge, ",scope=\"{scope}\"");
            }
            Err(RegistryError::Unauthorized(challenge))
        }
    }
}

/// The account that a request shows.
pub(super) fn shown_account(headers: &HeaderMap) -> Option<Account> {
    let encoded = text(headers, &header::AUTHORIZATION)?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(Account::new(user, password))
}

fn needed_scope(route: &Route, method: &Method) -> Option<String> {
    let actions = match *method {
        Method::GET | Method::HEAD => "pull",
        Method::DELETE => "delete",
        _ => "pull,push",
    };
    match route {
        Route::Catalog => Some("registry:catalog:*".to_owned()),
        _ => Some(format!("repository:{}:{actions}", route.name()?)),
    }
}
