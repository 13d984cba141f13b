//! Which proxy leads to a host.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::sync::Arc;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use thiserror::Error;

use super::origin::is_localhost;

/// The proxies for `http` and `https`, and the hosts that are reached without.
///
/// This machine is always reached without a proxy. `ALL_PROXY` and SOCKS proxies are not supported.
///
/// Source: Go `golang.org/x/net/http/httpproxy`, which Docker uses.
#[derive(Clone, Default)]
pub struct Proxies {
    matcher: Option<Arc<Matcher>>,
    /// Entries of `NO_PROXY` with a port, which the matcher does not know.
    direct: Vec<String>,
}

impl Proxies {
    /// Reads `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, each in upper case or else in lower case.
    ///
    /// In a CGI program (`REQUEST_METHOD` is set) `HTTP_PROXY` comes from the network and is not read.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, ProxyError> {
        let read = |name: &'static str| -> Result<String, ProxyError> {
            let lower = name.to_ascii_lowercase();
            let named = [name, &lower].into_iter().filter_map(&lookup).find(|value| !value.is_empty());
            let value = named.unwrap_or_default().into_string().map_err(|_| ProxyError { variable: name })?;
            Ok(value.trim().to_owned())
        };
        let cgi = lookup("REQUEST_METHOD").is_some();
        let plain = if cgi { String::new() } else { read("HTTP_PROXY")? };
        let secure = read("HTTPS_PROXY")?;
        verify(&plain, "HTTP_PROXY")?;
        verify(&secure, "HTTPS_PROXY")?;
        if plain.is_empty() && secure.is_empty() {
            return Ok(Self::default());
        }
        let exceptions = read("NO_PROXY")?;
        let has_port = |entry: &&str| {
            entry.rsplit_once(':').is_some_and(|(host, port)| {
                (host.ends_with(']') || !host.contains(':')) && port.parse::<u16>().is_ok()
            })
        };
        let direct =
            exceptions.split(',').map(str::trim).filter(has_port).map(str::to_ascii_lowercase).collect();
        let matcher = Matcher::builder().http(plain).https(secure).no(exceptions).build();
        Ok(Self { matcher: Some(Arc::new(matcher)), direct })
    }

    /// The proxy that leads to `uri`, or `None` for the direct way.
    pub(super) fn route(&self, uri: &Uri) -> Option<Intercept> {
        let matcher = self.matcher.as_ref()?;
        let host = uri.host()?;
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        if is_localhost(host) || address.is_ok_and(|address| address.is_loopback()) {
            return None;
        }
        let default_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let origin = format!("{}:{}", host.to_ascii_lowercase(), uri.port_u16().unwrap_or(default_port));
        let exempt =
            |entry: &String| *entry == origin || (entry.starts_with('.') && origin.ends_with(entry.as_str()));
        if self.direct.iter().any(exempt) { None } else { matcher.intercept(uri) }
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.matcher.is_some() { "Proxies(..)" } else { "Proxies(none)" })
    }
}

/// A proxy variable whose value names no proxy. The value may hold a password and is left out.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("`{variable}` does not name a proxy such as `http://proxy.example:3128`")]
pub struct ProxyError {
    /// The variable, in upper case.
    pub variable: &'static str,
}

/// Why a proxy did not lead anywhere.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProxyFault {
    /// The proxy itself can't be reached.
    #[error("it cannot be reached")]
    Unreachable(#[source] io::Error),
    /// The proxy wants to know who we are.
    #[error("it requires a user name and a password")]
    Unauthorized,
    /// The proxy refused, or did not answer in HTTP.
    #[error("it refused")]
    Refused,
}

fn verify(value: &str, variable: &'static str) -> Result<(), ProxyError> {
    if value.is_empty() {
        return Ok(());
    }
    // The matcher drops what it can't use, and with it the user's wish.
    let uri: Uri = value.parse().map_err(|_| ProxyError { variable })?;
    let known = matches!(uri.scheme_str(), None | Some("http" | "https"));
    if known && uri.authority().is_some() { Ok(()) } else { Err(ProxyError { variable }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &'static [(&'static str, &'static str)]) -> Result<Proxies, ProxyError> {
        Proxies::from_lookup(|name| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| OsString::from(value))
        })
    }

    fn route(proxies: &Proxies, uri: &'static str) -> Option<String> {
        proxies.route(&Uri::from_static(uri)).map(|proxy| proxy.uri().to_string())
    }

    #[test]
    fn proxy_is_chosen_by_scheme_and_case() {
        let both =
            proxies(&[("HTTP_PROXY", "plain.example:1"), ("https_proxy", "http://u:p@secure.example:2")])
                .expect("legal proxies");
        assert_eq!(route(&both, "http://r.example/").as_deref(), Some("http://plain.example:1/"));
        assert_eq!(route(&both, "https://r.example/").as_deref(), Some("http://secure.example:2/"));
        let upper = proxies(&[("HTTPS_PROXY", "upper.example:1"), ("https_proxy", "lower.example:1")])
            .expect("legal");
        assert_eq!(route(&upper, "https://r.example/").as_deref(), Some("http://upper.example:1/"));
    }

    #[test]
    fn this_machine_and_exceptions_are_reached_directly() {
        let some = proxies(&[
            ("HTTPS_PROXY", "http://proxy.example:1"),
            ("NO_PROXY", "direct.example, 10.0.0.0/8, port.example:5000"),
        ])
        .expect("legal proxies");
        for direct in [
            "https://localhost:5000/",
            "https://127.0.0.1/",
            "https://[::1]:4443/",
            "https://direct.example/",
            "https://a.direct.example/",
            "https://10.1.2.3/",
            "https://port.example:5000/",
        ] {
            assert_eq!(route(&some, direct), None, "{direct}");
        }
        for proxied in ["https://notdirect.example/", "https://11.1.2.3/", "https://port.example/"] {
            assert!(route(&some, proxied).is_some(), "{proxied}");
        }
        assert!(route(&some, "http://r.example/").is_none());
        let none =
            proxies(&[("HTTPS_PROXY", "http://proxy.example:1"), ("no_proxy", "*")]).expect("legal proxies");
        assert_eq!(route(&none, "https://r.example/"), None);
    }

    #[test]
    fn unusable_proxy_is_an_error_without_its_value() {
        for value in ["socks5://user:secret@p.example:1", "::", "http://", "ftp://p.example"] {
            let error = Proxies::from_lookup(|name| (name == "HTTPS_PROXY").then(|| OsString::from(value)));
            let error = error.map(|_| ()).expect_err(value);
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn cgi_programs_ignore_http_proxy() {
        let cgi =
            proxies(&[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://evil.example")]).expect("legal");
        assert_eq!(route(&cgi, "http://r.example/"), None);
    }
}
