//! `trust repin`: a collection whose publisher had to begin anew, trusted again once it was looked at.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use countersign_client::remote_http::Access;
use countersign_client::repin::{Repin, RepinError, RepinOffer, RootKey};
use countersign_core::digest::Digest;
use countersign_core::key::KeyId;
use countersign_core::time::UpdateStart;
use countersign_registry::reference::ImageReference;
use thiserror::Error;

use super::confirmed;
use crate::app::App;
use crate::commands::repo::shown;
use crate::exit::ExitStatus;
use crate::report;
use crate::time::minute;

/// Trust a repository anew whose publisher lost the root key, once you have compared the new one with them
///
/// Shows the root keys that are trusted and those that are published, and what else would change: other keys, tags that mean something
/// else, versions that go back. Nothing changes before somebody says yes at a terminal. Pins and the rest of the policy hold. Where the
/// published root leads on from the trusted one, nothing has to be done, and nothing is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repository
    #[arg(value_name = "REF")]
    repository: ImageReference,
    /// The root key that its publisher named: any other one is refused
    #[arg(long, value_name = "KEY ID")]
    root_key: Option<KeyId>,
    /// Do not ask: trust it if it has the root key that `--root-key` names
    #[arg(long, short, requires = "root_key")]
    yes: bool,
}

/// Shows, asks, and trusts.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let (gun, printer) = (args.repository.gun(), app.printer());
    let updater = app.updater(&gun, Access::Pull)?;
    let offer = match updater.repin(UpdateStart(app.context().now())).await? {
        Repin::NotNeeded(_) => {
            printer.say(format_args!(
                "The published root of {gun} leads on from the trusted one: nothing has to be done"
            ));
            return Ok(ExitStatus::Success);
        }
        Repin::Offer(offer) => *offer,
    };
    printer.tell(text(gun.as_str(), &offer));
    if let Some(wanted) = args.root_key
        && let Some(other) = offer.new_root.iter().find(|key| key.id != wanted && key.certificate != wanted)
    {
        return Err(RepinRefusal::OtherKey { wanted, found: other.id }.into());
    }
    if !args.yes {
        printer.warn(
            "an attacker who wants to be believed would show you just this. Ask the publisher for their root key id by another way than \
             this server or the registry, and compare every digit",
        );
        if !io::stdin().is_terminal() {
            return Err(RepinRefusal::Unasked.into());
        }
        if !confirmed(app, "Trust the published root key from now on?") {
            return Err(RepinRefusal::Unconfirmed.into());
        }
    }
    let keys: Vec<_> = offer.new_root.iter().map(|key| key.id.to_string()).collect();
    offer.accept().await.map_err(RepinError::from)?;
    printer.status(format_args!("Trusting {gun} anew, root key {}", keys.join(", ")))?;
    Ok(ExitStatus::Success)
}

fn text(gun: &str, offer: &RepinOffer) -> String {
    let mut text = format!("{gun} is refused: {}\n", report::one_line(&offer.refusal));
    text.push_str("Root keys\n");
    for (label, keys) in [("trusted", &offer.old_root), ("published", &offer.new_root)] {
        for key in keys {
            let _ = writeln!(text, "  {label:<9}  {}{}", key.id, certificate(key));
        }
        if keys.is_empty() {
            let _ = writeln!(text, "  {label:<9}  not known: the cache lost it");
        }
    }
    if !offer.keys.is_empty() {
        text.push_str("Other keys that change\n");
    }
    for change in &offer.keys {
        let _ = writeln!(
            text,
            "  {:<9}  {}, was {}",
            shown(change.role.as_str()),
            ids(&change.after),
            ids(&change.before)
        );
    }
    let goes_back: Vec<_> = offer.versions.iter().filter(|version| version.goes_back()).collect();
    if !goes_back.is_empty() {
        text.push_str("Versions that go back\n");
    }
    for version in goes_back {
        let number = |version: Option<_>| version.map(|version| format!("{version}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "  {:<9}  {}, was {}{}",
            shown(version.role.as_str()),
            number(version.after),
            number(version.before),
            if offer.keys.iter().any(|keys| keys.role == version.role) { ", by other keys" } else { "" }
        );
    }
    text.push_str(if offer.tags.is_empty() { "Every tag means what it meant\n" } else { "Tags\n" });
    for tag in &offer.tags {
        let name = shown(tag.tag.as_str());
        let _ = match (tag.before, tag.after) {
            (None, after) => writeln!(text, "  + {name} = {}", digest(after)),
            (before, None) => writeln!(text, "  - {name} = {}", digest(before)),
            (before, after) => writeln!(text, "  ~ {name} = {} (was {})", digest(after), digest(before)),
        };
    }
    text.truncate(text.trim_end().len());
    text
}

fn certificate(key: &RootKey) -> String {
    let name = if key.subject.is_empty() { String::new() } else { format!("  for {}", shown(&key.subject)) };
    let valid = key.valid.map(|(from, to)| format!(", {} to {}", minute(from), minute(to)));
    format!("{name}{}", valid.unwrap_or_default())
}

fn ids(keys: &BTreeSet<KeyId>) -> String {
    let keys: Vec<_> = keys.iter().map(|key| key.short()).collect();
    if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
}

fn digest(digest: Option<Digest>) -> String {
    digest.map(|digest| digest.to_string()).unwrap_or_default()
}

/// A collection that was not trusted anew, although it could have been. Nothing was changed.
#[derive(Debug, Error)]
pub(crate) enum RepinRefusal {
    /// It has another root key than the publisher named.
    #[error("the published root has key {found}, not {wanted}; nothing was changed")]
    OtherKey {
        /// The key that was named.
        wanted: KeyId,
        /// The key that is there.
        found: KeyId,
    },
    /// Nobody is at a terminal.
    #[error("nobody is at a terminal to be asked; nothing was changed")]
    Unasked,
    /// Somebody was asked, and did not say yes.
    #[error("it was not confirmed; nothing was changed")]
    Unconfirmed,
}

impl RepinRefusal {
    /// What may help.
    pub(crate) fn hint(&self) -> Option<String> {
        let text = match self {
            Self::OtherKey { .. } => "ask the publisher which root key is theirs; do not trust this one",
            Self::Unasked => {
                "run it at a terminal; a script names the key that the publisher told you: `--yes --root-key KEY-ID`"
            }
            Self::Unconfirmed => return None,
        };
        Some(text.to_owned())
    }
}
