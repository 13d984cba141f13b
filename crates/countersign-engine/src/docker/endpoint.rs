//! Where a daemon listens, in Docker's notation.
//!
//! Source: docker/cli `opts/hosts.go`, `cli/connhelper/ssh/ssh.go`.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;
use url::{Host, Url};

/// Where the daemon is that nothing else is said about.
pub(crate) const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
/// The host that is asked where TLS is wanted and no host is named.
const DEFAULT_TLS_HOST: &str = "tcp://localhost:2376";
/// The port of `tcp://` without one.
const DEFAULT_PORT: u16 = 2375;

/// A daemon's address, and how it was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: Address,
    /// What said so.
    pub source: Source,
}

/// Where a daemon listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    /// On a socket in the file system.
    Unix(PathBuf),
    /// On a port.
    Tcp(Tcp),
    /// Behind a login: `ssh` runs `docker system dial-stdio` there.
    Ssh(Ssh),
}

/// A daemon on a port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tcp {
    /// Host and port, `[::1]:2376`.
    pub authority: String,
    /// What stands before every path, without a slash at its end.
    pub base: String,
    /// TLS, unless it speaks plain HTTP.
    pub tls: Option<Tls>,
}

/// The files of a TLS connection to a daemon.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tls {
    /// The authorities that alone vouch for the daemon; without them the system's do.
    pub authorities: Option<PathBuf>,
    /// Our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The daemon's certificate is not looked at: `--tls` without `--tlsverify`, or a context that says so.
    pub skip_verify: bool,
}

/// A daemon behind a login.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ssh {
    /// The host, or a name of the user's `ssh` configuration.
    pub host: String,
    /// The login.
    pub user: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The daemon's socket over there, unless it is the usual one.
    pub socket: Option<String>,
}

/// What named an endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// `--host`.
    Flag,
    /// This environment variable.
    Variable(&'static str),
    /// A context of this name, and what chose it.
    Context(String, &'static str),
    /// Nothing: it is where such daemons usually listen.
    Default,
}

impl Endpoint {
    /// Whether somebody named it.
    pub fn is_configured(&self) -> bool {
        self.source != Source::Default
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("`--host`"),
            Self::Variable(name) => write!(f, "`{name}`"),
            Self::Context(name, chosen_by) => {
                write!(f, "context `{}`, chosen by {chosen_by}", name.escape_default())
            }
            Self::Default => f.write_str("the default"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(tcp) => write!(f, "tcp://{}{}", tcp.authority, tcp.base),
            Self::Ssh(ssh) => {
                f.write_str("ssh://")?;
                if let Some(user) = &ssh.user {
                    write!(f, "{user}@")?;
                }
                f.write_str(&ssh.host)?;
                if let Some(port) = ssh.port {
                    write!(f, ":{port}")?;
                }
                f.write_str(ssh.socket.as_deref().unwrap_or_default())
            }
        }
    }
}

impl Address {
    /// Reads an address. An empty one is the default for `tls`, and one without a scheme is TCP.
    ///
    /// # Errors
    /// [`AddressError`]: it is of a kind that is not spoken, or misses something.
    pub fn parse(text: &str, tls: Option<Tls>) -> Result<Self, AddressError> {
        let text = match text.trim() {
            "" if tls.is_some() => DEFAULT_TLS_HOST,
            "" => return Ok(Self::Unix(PathBuf::from(DEFAULT_SOCKET))),
            text => text,
        };
        let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
        let wrong = |reason| AddressError { address: without_password(text), reason };
        match scheme {
            "unix" => {
                let path = if rest.is_empty() { DEFAULT_SOCKET } else { rest };
                Ok(Self::Unix(PathBuf::from(path)))
            }
            "tcp" => tcp(rest, tls).map(Self::Tcp).map_err(wrong),
            "ssh" => ssh(rest).map(Self::Ssh).map_err(wrong),
            _ => Err(wrong("its kind is not one of unix, tcp and ssh")),
        }
    }
}

/// An address of a daemon that can't be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{}` is no address of a daemon: {reason}", address.escape_debug())]
pub struct AddressError {
    /// The address, without a password.
    pub address: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

fn tcp(rest: &str, tls: Option<Tls>) -> Result<Tcp, &'static str> {
    let rest = if rest.is_empty() { "localhost" } else { rest };
    // The scheme is one that has no port of its own, so that a port is kept even if it is 80.
    let url = Url::parse(&format!("tcp://{rest}")).map_err(|_| "it names no host and port")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a user name");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query");
    }
    let host = url.host_str().filter(|host| !host.is_empty()).unwrap_or("localhost");
    let port = url.port().unwrap_or(DEFAULT_PORT);
    let base = url.path().trim_end_matches('/').to_owned();
    Ok(Tcp { authority: format!("{host}:{port}"), base, tls })
}

fn ssh(rest: &str) -> Result<Ssh, &'static str> {
    let url = Url::parse(&format!("ssh://{rest}")).map_err(|_| "it names no host")?;
    if url.password().is_some() {
        return Err("a password in it is not supported");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query");
    }
    let host = match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => return Err("it names no host"),
    };
    let is_word = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-:/@%+".contains(&byte))
            && !text.starts_with('-')
    };
    // Both go on to other programs, where a dash would make an option of them, and the path to a shell over there.
    if !is_word(&host) || host.is_empty() || !is_word(url.username()) || !is_word(url.path()) {
        return Err("it has characters that are not passed on");
    }
    Ok(Ssh {
        host,
        user: Some(url.username()).filter(|user| !user.is_empty()).map(str::to_owned),
        port: url.port(),
        socket: Some(url.path()).filter(|path| !matches!(*path, "" | "/")).map(str::to_owned),
    })
}

fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://****@{host}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        match Address::parse(text, None) {
            Ok(address) => address.to_string(),
            Err(error) => error.reason.to_owned(),
        }
    }

    #[test]
    fn addresses_are_read_as_docker_reads_them() {
        for (text, expected) in [
            ("", "unix:///var/run/docker.sock"),
            ("unix://", "unix:///var/run/docker.sock"),
            (" unix:///run/user/1000/docker.sock ", "unix:///run/user/1000/docker.sock"),
            ("tcp://", "tcp://localhost:2375"),
            ("tcp://d.example", "tcp://d.example:2375"),
            ("tcp://d.example:80/", "tcp://d.example:80"),
            ("tcp://[::1]:2376/base/", "tcp://[::1]:2376/base"),
            ("d.example:2376", "tcp://d.example:2376"),
            ("ssh://d.example", "ssh://d.example"),
            ("ssh://me@d.example:22/run/docker.sock", "ssh://me@d.example:22/run/docker.sock"),
            ("npipe:////./pipe/docker", "its kind is not one of unix, tcp and ssh"),
            ("http://d.example", "its kind is not one of unix, tcp and ssh"),
            ("tcp://me@d.example", "it has a user name"),
            ("ssh://", "it names no host"),
            ("ssh://me:secret@d.example", "a password in it is not supported"),
            ("ssh://-oProxyCommand=x", "it has characters that are not passed on"),
            ("ssh://d.example/$(x)", "it has characters that are not passed on"),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn tls_has_a_host_of_its_own_where_none_is_named() {
        let address = Address::parse("", Some(Tls::default())).expect("an address");
        assert_eq!(address.to_string(), "tcp://localhost:2376");
    }

    #[test]
    fn passwords_are_not_shown() {
        let error = Address::parse("ssh://me:secret@d.example", None).expect_err("a password");
        assert_eq!(
            error.to_string(),
            "`ssh://****@d.example` is no address of a daemon: a password in it is not supported"
        );
    }
}
