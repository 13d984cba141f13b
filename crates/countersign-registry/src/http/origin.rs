//! What a URL's host is: its name with the port, and whether it is this machine.

use url::{Host, Url};

/// The host of `url` and its port, the port only if it isn't the scheme's own: `registry.example`, `[::1]:5000`.
///
/// This is the name of a host in messages, in `<config>/tls/` and among insecure hosts.
pub fn origin(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Whether `url` names this machine: `localhost`, names below it, 127.0.0.0/8 and `::1`.
///
/// `localhost` is never looked up, so no name service can move it.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_localhost(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether a host name is `localhost` or below it (RFC 6761 §6.3).
pub(super) fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn loopback_is_this_machine_only() {
        for text in [
            "http://localhost:1/",
            "http://127.0.0.1/",
            "http://127.9.9.9/",
            "http://[::1]:5000/",
            "http://a.localhost/",
        ] {
            assert!(is_loopback(&url(text)), "{text}");
        }
        for text in
            ["http://localhost.example/", "http://128.0.0.1/", "http://[::2]/", "http://notlocalhost/"]
        {
            assert!(!is_loopback(&url(text)), "{text}");
        }
    }

    #[test]
    fn origin_names_a_port_that_is_not_the_schemes() {
        assert_eq!(origin(&url("https://r.example:443/v2/")), "r.example");
        assert_eq!(origin(&url("https://[::1]:5000/v2/")), "[::1]:5000");
    }
}
