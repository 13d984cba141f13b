//! Podman: its service, which speaks Docker's Engine API, where it answers; else its program.
//!
//! Podman completes short names by its own rules. Every name that it gets from here is whole: `docker.io/library/app`.

mod cli;
mod error;
mod images;
mod program;
mod short_names;

use std::ffi::OsString;
use std::path::PathBuf;

pub use self::cli::PodmanCli;
pub use self::error::PodmanError;
pub use self::short_names::{ShortNameError, ShortNames, has_registry};
use crate::docker::{Address, AddressError, Endpoint, Source};

/// Where podman's service may listen, in the order in which it is looked for. What `CONTAINER_HOST` names is the only one.
///
/// Source: podman-system-service(1), podman(1) `--url`.
pub fn endpoints(variable: impl Fn(&str) -> Option<OsString>) -> Result<Vec<Endpoint>, AddressError> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(host) = set("CONTAINER_HOST") {
        let address = Address::parse(&host.to_string_lossy(), None)?;
        return Ok(vec![Endpoint { address, source: Source::Variable("CONTAINER_HOST") }]);
    }
    let own = set("XDG_RUNTIME_DIR").map(|dir| PathBuf::from(dir).join("podman/podman.sock"));
    let sockets = own.into_iter().chain([PathBuf::from("/run/podman/podman.sock")]);
    Ok(sockets.map(|path| Endpoint { address: Address::Unix(path), source: Source::Default }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Vec<String> {
        let lookup = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        let endpoints = endpoints(lookup).expect("endpoints");
        endpoints.iter().map(|endpoint| format!("{} {}", endpoint.address, endpoint.source)).collect()
    }

    #[test]
    fn named_service_is_the_only_one() {
        assert_eq!(found(&[]), ["unix:///run/podman/podman.sock the default"]);
        let own = found(&[("XDG_RUNTIME_DIR", "/run/user/7"), ("CONTAINER_HOST", "")]);
        let expected = [
            "unix:///run/user/7/podman/podman.sock the default",
            "unix:///run/podman/podman.sock the default",
        ];
        assert_eq!(own, expected);
        let named = found(&[("XDG_RUNTIME_DIR", "/run/user/7"), ("CONTAINER_HOST", "unix:///p.sock")]);
        assert_eq!(named, ["unix:///p.sock `CONTAINER_HOST`"]);
    }
}
