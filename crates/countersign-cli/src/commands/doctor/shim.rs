//! Whether what is said to `docker` and `podman` is held to what their user expects of it.

use super::finding::Finding;
use crate::commands::shim::RETIRED;
use crate::context::Context;
use crate::docker::Kind;
use crate::docker::real::{self, Real, SWITCH, is_ours};
use crate::docker::switch;

pub(super) fn check(context: &Context) -> Vec<Finding> {
    let wants_trust = switch::is_on(context.variable(SWITCH).as_deref());
    let findings = [Kind::Docker, Kind::Podman].map(|kind| check_one(kind, wants_trust));
    findings.into_iter().flatten().collect()
}

fn check_one(kind: Kind, wants_trust: bool) -> Option<Finding> {
    let name = kind.name();
    let all = real::all(name);
    let first = all.first()?;
    let has_shim = all.iter().any(|file| is_ours(file));
    if is_ours(first) {
        return Some(Finding::ok("shim", format!("`{name}` is countersign's: `{}`", first.display())));
    }
    let install = format!("`countersign shim install --for {name}` puts one before it");
    if has_shim {
        let text =
            format!("`{}` comes before the shim in PATH, so that nothing is enforced", first.display());
        return Some(Finding::warn("shim", text).hint("put the shim's directory first in PATH"));
    }
    let retired = kind == Kind::Docker
        && Real::find(name).ok().and_then(|real| real.major_version()).is_some_and(|major| major >= 29);
    match (wants_trust, retired || kind == Kind::Podman) {
        (true, true) if retired => Some(Finding::warn("shim", RETIRED).hint(install)),
        (true, true) => {
            let text = format!("{SWITCH} is set, and {name} does not know it: nothing is verified");
            Some(Finding::warn("shim", text).hint(install))
        }
        _ if retired => Some(Finding::ok("shim", RETIRED)),
        _ => None,
    }
}
