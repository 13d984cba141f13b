//! A lost tagging pair.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use countersign_client::publisher::{LostPair, PairRecovery, SignedOutcome, SnapshotKey};
use countersign_core::key::KeyId;
use countersign_core::name::{Gun, TopRole};

use super::{Args, RecoverError, tell_published};
use crate::app::App;
use crate::exit::ExitStatus;

/// Replaces what is lost of the tagging pair.
pub(super) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let (gun, printer) = (args.repository.gun(), app.printer());
    let publisher = app.publisher(&gun, args.snapshot_key)?;
    let (recovery, now) = (PairRecovery { force: args.force }, app.context().now());
    let lost = publisher.lost_pair(recovery, now).await?;
    if !lost.roles.is_empty() {
        printer.tell(described(&gun, &lost));
        if !args.yes {
            let answer = app.ask("Replace them? [y/N] ").ok_or(RecoverError::Unasked)?;
            if !answer.trim().eq_ignore_ascii_case("y") {
                return Err(RecoverError::Unconfirmed.into());
            }
        }
    }
    // Where nothing is lost any more, an earlier run may have left something to tidy up.
    let recovered = publisher.recover_pair(recovery, now).await?;
    tell_published(&recovered.published, app);
    if recovered.roles.is_empty() {
        printer.say(format_args!(
            "Nothing of the tagging pair of {gun} is lost, and nothing was changed; `--force` replaces it all the same"
        ));
        return Ok(ExitStatus::Success);
    }
    if recovered.published.outcome == SignedOutcome::NothingToPublish {
        printer.say("An earlier run had published it already");
    }
    for (role, keys) in &recovered.roles {
        printer.say(format_args!("New {role} key: {}", ids(keys)));
    }
    printer.say(format_args!(
        "Consumers and signers need nothing. Whoever else published with the old keys needs the new ones: `countersign key export --gun \
         {gun} -o FILE` here, `countersign key import FILE` there"
    ));
    printer.status(format_args!("Successfully recovered {gun}"))?;
    Ok(ExitStatus::Success)
}

fn described(gun: &Gun, lost: &LostPair) -> String {
    let mut text = format!("Keys of {gun} that are replaced:\n");
    for (role, keys) in &lost.roles {
        let by = match (role, lost.snapshot_key) {
            (TopRole::Snapshot, SnapshotKey::Server) => "a key that the trust server makes and keeps",
            _ if lost.is_begun => "the key that an earlier run has made, or a new one",
            _ => "a new key, which is kept here",
        };
        let _ = writeln!(text, "  {:<8}  {} by {by}", role.name(), ids(keys));
    }
    text.push_str(
        "The root key signs that. What is signed stays signed: tags, delegations and signers are not changed.",
    );
    text
}

fn ids(keys: &BTreeSet<KeyId>) -> String {
    keys.iter().map(KeyId::to_string).collect::<Vec<_>>().join(", ")
}
