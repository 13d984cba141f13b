//! Whether the image or collection in question would be trusted, as a pull would find out. Nothing is stored.

use std::sync::Arc;

use countersign_client::lookup::resolve_tag;
use countersign_client::remote_http::Access;
use countersign_client::updater::{Freshness, Refreshed, Roles, UpdateError, Updater};
use countersign_core::metadata::Document as _;
use countersign_core::name::{Gun, RoleName, TargetName, TopRole};
use countersign_core::time::{DateTime, UpdateStart};

use super::finding::Finding;
use super::subject::Subject;
use crate::app::App;
use crate::policy::{Decided, FirstUse, Pin};
use crate::refusal::{self, Refusal};
use crate::report::one_line;
use crate::time::minute;
use crate::unwritten::Unwritten;

pub(super) async fn check(subject: &Subject, app: &App) -> Vec<Finding> {
    examine(subject, app).await.unwrap_or_else(|error| vec![Finding::error("trust", &error)])
}

async fn examine(subject: &Subject, app: &App) -> anyhow::Result<Vec<Finding>> {
    let gun = &subject.gun;
    let mut findings = vec![pin(gun, app)];
    let updater = app.updater(gun, Access::Pull)?;
    let cache = Arc::new(Unwritten(Arc::clone(updater.cache())));
    let updater = Updater::new(Arc::clone(updater.remote()), cache, updater.settings().clone());
    let refreshed = match updater.refresh(UpdateStart(app.context().now()), Roles::All).await {
        Ok(refreshed) => refreshed,
        Err(error @ UpdateError::Unreachable { .. }) => {
            // What may help is said where the server itself is looked at.
            findings
                .push(Finding::fail("trust", format!("`{gun}` cannot be verified: {}", one_line(&error))));
            return Ok(findings);
        }
        Err(error) => {
            findings.push(Finding::error("trust", &of_update(error, gun)));
            return Ok(findings);
        }
    };
    findings.extend(roles(&refreshed).into_iter().map(|(role, version, expires)| {
        let text = format!("`{gun}`: {role} version {version} is trusted until {}", minute(expires));
        Finding::ok("trust", text)
    }));
    findings.extend(
        refreshed
            .warnings
            .iter()
            .map(|warning| Finding::warn("trust", format!("`{gun}`: {}", one_line(warning)))),
    );
    findings.extend(
        refreshed
            .skipped
            .iter()
            .map(|skipped| Finding::warn("trust", format!("`{gun}`: {}", one_line(skipped)))),
    );
    if let Freshness::Offline { reason, .. } = &refreshed.freshness {
        findings.push(Finding::warn(
            "trust",
            format!("`{gun}`: only what is cached is known: {}", one_line(reason)),
        ));
    }
    if let Some(tag) = &subject.tag {
        let name = TargetName::from(tag.clone());
        findings.push(match resolve_tag(&refreshed.collection, &name, updater.settings().releases) {
            Ok(target) => Finding::ok(
                "trust",
                format!(
                    "`{gun}`: `{}` is signed as {} by {}",
                    tag.escape_default(),
                    target.digest,
                    target.role
                ),
            ),
            Err(error) => Finding::error("trust", &refusal::of_lookup(error, tag)),
        });
    }
    Ok(findings)
}

fn of_update(error: UpdateError, gun: &Gun) -> anyhow::Error {
    match error {
        UpdateError::NoTrustData { server, gun, trusted_before } => {
            Refusal::NoTrustData { gun, server, trusted_before }.into()
        }
        error => anyhow::Error::new(error).context(format!("`{gun}` cannot be verified")),
    }
}

/// Whose word counts for the root of a collection.
fn pin(gun: &Gun, app: &App) -> Finding {
    let decision = app.context().policy().decide(gun);
    match (&decision.pin, decision.first_use.value) {
        (Some(Decided { value: Pin::Keys { ids, .. }, by }), _) => {
            let ids: Vec<_> = ids.iter().map(|id| id.short()).collect();
            Finding::ok("policy", format!("`{gun}` is pinned to root key {} by {by}", ids.join(", ")))
        }
        (Some(Decided { value: Pin::Authorities(_), by }), _) => {
            Finding::ok("policy", format!("`{gun}` is pinned to an authority by {by}"))
        }
        (None, FirstUse::Refuse) => {
            let by = &decision.first_use.by;
            let finding =
                Finding::warn("policy", format!("`{gun}` has no pin, and {by} refuses trust on first use"));
            finding.hint(format!("`countersign policy pin {gun}` prints the line that pins it"))
        }
        (None, _) => Finding::ok("policy", format!("`{gun}` has no pin: its root is trusted on first use")),
    }
}

/// Every role with its version and its expiry.
fn roles(refreshed: &Refreshed) -> Vec<(RoleName, u64, DateTime)> {
    let collection = &refreshed.collection;
    let (root, timestamp, snapshot) = (collection.root(), collection.timestamp(), collection.snapshot());
    let tops = [
        (RoleName::from(TopRole::Root), root.version().get(), root.expires()),
        (RoleName::from(TopRole::Timestamp), timestamp.version().get(), timestamp.expires()),
        (RoleName::from(TopRole::Snapshot), snapshot.version().get(), snapshot.expires()),
    ];
    let targets = collection.roles().iter();
    let targets = targets.map(|(role, targets)| (role.clone(), targets.version().get(), targets.expires()));
    tops.into_iter().chain(targets).collect()
}
