//! Trying an account before it is kept.

use http::StatusCode;
use http::header::AUTHORIZATION;
use url::Url;

use super::challenge::{Challenge, parse_challenges};
use super::error::AuthError;
use super::realm::is_confidential;
use super::token::{CLIENT_ID, ask, basic, bearer, token_request};
use crate::credentials::{Credentials, Secret};
use crate::http::{HttpClient, Request, origin};

/// Shows an account to the registry at `base` and returns what should be kept: an identity token, where the token service
/// gives one out, or else the account itself.
///
/// # Errors
/// [`AuthError::Incorrect`] if the registry or its token service knows no such account; otherwise as
/// [`Session::send`](super::Session::send).
///
/// Source: docker/docker `registry/auth.go`, `loginV2`.
pub async fn login(
    http: &HttpClient,
    base: &Url,
    username: &str,
    password: Secret,
) -> Result<Credentials, AuthError> {
    let mut url = base.clone();
    url.set_path("/v2/");
    let host = origin(&url);
    if !is_confidential(&url) {
        return Err(AuthError::Plain { host, to: url.to_string() });
    }
    let response = http.send(Request::get(url.clone())).await?;
    let account = Credentials::Password { username: username.to_owned(), password };
    let Credentials::Password { password, .. } = &account else { return Ok(account) };
    let challenges = match response.status() {
        StatusCode::OK => return Ok(account),
        StatusCode::UNAUTHORIZED => parse_challenges(response.headers()),
        status => return Err(AuthError::TokenStatus { realm: host, status: status.as_u16() }),
    };
    let bearer_wanted = challenges.iter().find_map(|challenge| match challenge {
        Challenge::Bearer { realm, service, .. } => Some((realm, service)),
        _ => None,
    });
    let (shown, identity) = match bearer_wanted {
        Some((realm, service)) => {
            let realm = Url::parse(realm)
                .map_err(|_| AuthError::RealmUrl { host: host.clone(), realm: realm.clone() })?;
            if !is_confidential(&realm) {
                return Err(AuthError::Plain { host, to: realm.to_string() });
            }
            let more = [("client_id", CLIENT_ID), ("offline_token", "true")];
            let answer = ask(http, token_request(&realm, service, &[], &account, &more)).await?;
            let no_token = || AuthError::NoToken { realm: origin(&realm) };
            let token = answer.token().and_then(bearer).ok_or_else(no_token)?;
            (token, Some(answer.refresh_token).filter(|token| !token.is_empty()))
        }
        None if challenges.contains(&Challenge::Basic) => (basic(username, password), None),
        None => return Err(AuthError::NoChallenge { host }),
    };
    let response = http.send(Request::get(url).header(AUTHORIZATION, shown)).await?;
    match response.status() {
        StatusCode::OK => Ok(identity.map_or(account, Credentials::IdentityToken)),
        StatusCode::UNAUTHORIZED => Err(AuthError::Incorrect { host }),
        status => Err(AuthError::TokenStatus { realm: host, status: status.as_u16() }),
    }
}
