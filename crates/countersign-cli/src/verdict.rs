//! What was found, in a line that a person reads.

use countersign_client::lookup::signed_about_when;
use countersign_client::updater::{Freshness, Refreshed};
use countersign_core::key::KeyId;
use countersign_core::name::{Gun, RoleName};
use countersign_core::time::DateTime;
use countersign_core::trust::{Anchor, PinRule, TrustedCollection, TrustedTarget};
use countersign_registry::reference::ImageReference;
use countersign_registry::transfer::short_id;

use crate::app::App;
use crate::policy::{FirstUse, PIN_VARIABLE, pin_line};
use crate::report;
use crate::time::{ago, minute};

/// `app:1.4 = sha256:9c1e0a7b3f2d… signed by targets/releases 2 h ago, fresh until 2026-12-08 16:40 UTC`.
///
/// Metadata says when it expires and not when it was signed. The age is what follows from the expiry if the publisher's
/// tool gives a file the life that Docker, Notary and this program give it; an age that can't be is left out.
pub(crate) fn line(
    image: &ImageReference,
    target: &TrustedTarget,
    collection: &TrustedCollection,
    now: DateTime,
) -> String {
    let signed =
        signed_about_when(collection, target).filter(|signed| *signed <= now.plus_seconds(CLOCKS_APART));
    let signers: Vec<_> = match &collection.environment().signed_by[..] {
        [] => vec![target.role.as_str()],
        all => all.iter().map(RoleName::as_str).collect(),
    };
    let age = signed.map(|signed| format!(" {}", ago(signed.min(now), now))).unwrap_or_default();
    format!(
        "{} = {}:{}… signed by {}{age}, fresh until {}",
        image.familiar(),
        target.digest.algorithm().name(),
        short_id(&target.digest),
        signers.join(" and "),
        minute(collection.fresh_until()),
    )
}

/// How a collection is pinned, with the lines to copy.
pub(crate) fn commit_this<'a>(gun: &Gun, keys: impl IntoIterator<Item = &'a KeyId>) -> String {
    let lines: Vec<_> = keys.into_iter().map(|key| format!("\n{}", pin_line(gun, key))).collect();
    format!(
        "if that is the publisher's key, commit this to a file that `{PIN_VARIABLE}` names:{}",
        lines.concat()
    )
}

/// How far two clocks may be apart, in seconds, before a signature from the future is worth no age.
const CLOCKS_APART: i64 = 300;

/// Tells how current the trust data is, whether it was met for the first time, and what else is worth knowing.
pub(crate) fn tell(refreshed: &Refreshed, server: &str, app: &App) {
    let (collection, printer) = (&refreshed.collection, app.printer());
    if let Freshness::Offline { confirmed, reason } = &refreshed.freshness {
        let age = confirmed.map_or_else(
            || "of an unknown age".to_owned(),
            |confirmed| format!("which it confirmed {}", ago(confirmed, app.context().now())),
        );
        let reason = report::one_line(reason);
        let end = minute(collection.fresh_until());
        printer
            .warn(format_args!("{reason}; using the cached trust data of {server}, {age}, good until {end}"));
    }
    if refreshed.first_use
        && let Anchor::Certificates { gun, pinning } = &collection.environment().anchor
        && matches!(pinning.rule(gun), PinRule::FirstUse)
    {
        let keys = collection.root().signers();
        let ids: Vec<_> = keys.iter().map(ToString::to_string).collect();
        printer.say(format_args!("Trusting {gun} on first use, root key {}", ids.join(", ")));
        if app.context().policy().decide(gun).first_use.value != FirstUse::Trust {
            printer.warn(format_args!(
                "no pin names the root key of {gun}, so that whoever answered first is believed"
            ));
            printer.hint(commit_this(gun, keys));
        }
    }
    for warning in &refreshed.warnings {
        printer.warn(report::one_line(warning));
    }
    for skipped in &refreshed.skipped {
        printer.warn(report::one_line(skipped));
    }
}
