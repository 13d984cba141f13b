//! Which scheme a registry speaks.

use url::Url;

use super::error::RegistryError;
use crate::auth::AuthError;
use crate::http::{HttpClient, HttpError, Request, TlsFault, is_loopback};

/// The root URL of a host.
pub(super) fn base(scheme: &str, host: &str) -> Result<Url, RegistryError> {
    let wrong = || RegistryError::Domain { domain: host.to_owned() };
    let url = Url::parse(&format!("{scheme}://{host}/")).map_err(|_| wrong())?;
    let bare =
        url.path() == "/" && url.query().is_none() && url.username().is_empty() && url.password().is_none();
    if bare { Ok(url) } else { Err(wrong()) }
}

/// The root URL of a registry, which is asked if it may speak plain HTTP.
///
/// Everybody else speaks TLS. On this machine plain HTTP is tried first; a host that is merely named insecure gets its
/// chance to speak TLS. Nothing but `GET /v2/` is sent.
pub(super) async fn find(http: &HttpClient, host: &str) -> Result<Url, RegistryError> {
    let (secure, plain) = (base("https", host)?, base("http", host)?);
    if !http.config().allows_plain(&plain) {
        return Ok(secure);
    }
    if is_loopback(&plain) {
        return match ping(http, &plain).await {
            Ok(status) if speaks_plain(status) => Ok(plain),
            Err(error @ HttpError::Timeout { .. }) => Err(AuthError::from(error).into()),
            _ => match ping(http, &secure).await {
                Ok(_) => Ok(secure),
                Err(error) => Err(AuthError::from(error).into()),
            },
        };
    }
    match ping(http, &secure).await {
        Ok(_) => Ok(secure),
        Err(
            HttpError::Tls { fault: TlsFault::NotTls, .. }
            | HttpError::Reset { .. }
            | HttpError::Refused { .. },
        ) => Ok(plain),
        Err(error) => Err(AuthError::from(error).into()),
    }
}

async fn ping(http: &HttpClient, base: &Url) -> Result<u16, HttpError> {
    let mut url = base.clone();
    url.set_path("/v2/");
    let response = http.send(Request::get(url)).await?;
    let status = response.status().as_u16();
    response.read_prefix(64 << 10).await;
    Ok(status)
}

/// A TLS server answers plain HTTP with 400, and some send elsewhere.
fn speaks_plain(status: u16) -> bool {
    !matches!(status, 300..=400 | 421 | 426 | 497)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_with_more_than_host_and_port_are_refused() {
        for good in ["r.example", "localhost:5000", "[::1]:5000", "127.0.0.1:1"] {
            assert!(base("https", good).is_ok(), "{good}");
        }
        for bad in ["", "a/b", "a?b", "u@a", "u:p@a", "a:99999", "[::1", "a b"] {
            assert!(base("https", bad).is_err(), "{bad}");
        }
    }
}
