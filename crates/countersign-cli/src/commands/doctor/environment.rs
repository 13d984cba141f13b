//! What the environment says about the way to servers: proxies, and files of authorities.

use countersign_registry::http::Proxies;
use url::Url;

use super::finding::Finding;
use crate::context::Context;

pub(super) fn check(context: &Context) -> Vec<Finding> {
    let mut findings = vec![proxies(context)];
    for (variable, is_file) in [("SSL_CERT_FILE", true), ("SSL_CERT_DIR", false)] {
        let Some(value) = context.variable(variable) else { continue };
        let missing: Vec<_> = std::env::split_paths(&value)
            .filter(|path| if is_file { !path.is_file() } else { !path.is_dir() })
            .map(|path| format!("`{}`", path.display()))
            .collect();
        findings.push(if missing.is_empty() {
            Finding::ok("network", format!("authorities are those of `{variable}`"))
        } else {
            let text = format!("`{variable}` names {}, which is not there", missing.join(" and "));
            Finding::fail("network", text).hint(format!("mend or unset `{variable}`"))
        });
    }
    findings
}

fn proxies(context: &Context) -> Finding {
    if let Err(error) = Proxies::from_lookup(|name| context.variable(name)) {
        return Finding::fail("network", error.to_string());
    }
    let named: Vec<_> = ["HTTPS_PROXY", "HTTP_PROXY"]
        .into_iter()
        .filter_map(|name| {
            Some((name, context.variable(name).or_else(|| context.variable(&name.to_lowercase()))?))
        })
        .map(|(name, value)| format!("{name} `{}`", place(&value.to_string_lossy()).escape_default()))
        .collect();
    if named.is_empty() {
        return Finding::ok("network", "no proxy is set");
    }
    let exceptions = context.variable("NO_PROXY").or_else(|| context.variable("no_proxy"));
    let but = exceptions.map_or_else(String::new, |hosts| {
        format!(", but not for `{}`", hosts.to_string_lossy().escape_default())
    });
    Finding::ok(
        "network",
        format!("requests go through {}{but}; this machine is reached without", named.join(" and ")),
    )
}

/// Host and port of a proxy: its user name and password are nobody's business.
fn place(value: &str) -> String {
    let url =
        Url::parse(value).ok().filter(Url::has_host).or_else(|| Url::parse(&format!("http://{value}")).ok());
    let Some(url) = url else { return "?".to_owned() };
    let host = url.host_str().unwrap_or("?").to_owned();
    url.port_or_known_default().map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_is_shown_without_its_password() {
        for value in ["http://me:secret@proxy.example:3128", "me:secret@proxy.example:3128"] {
            assert_eq!(place(value), "proxy.example:3128");
        }
        assert_eq!(place("proxy.example:3128"), "proxy.example:3128");
    }
}
