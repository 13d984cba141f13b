//! Proposals as people see them: what they change, who has signed and who has not; and their files.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use countersign_client::publisher::{Opened, Proposed, Shared};
use countersign_core::author::{Proposal, Signatures};
use serde_json::json;

use super::changes::{self, keys};
use crate::app::App;
use crate::commands::key::files;
use crate::report;

/// Reads the proposal in a file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Proposal> {
    let max = usize::try_from(Proposal::MAX_BYTES).unwrap_or(usize::MAX);
    let (text, _) = files::read(path, max)?;
    Proposal::parse(&text).with_context(|| format!("cannot use `{}`; nothing was signed", path.display()))
}

/// Writes a proposal to a file, for others.
pub(crate) fn write(path: &Path, proposal: &Proposal) -> anyhow::Result<()> {
    files::write(path, &proposal.to_bytes(), true)
}

/// What a proposal changes, until when it would be valid, and who has to sign it.
pub(crate) fn summary(gun: &str, opened: &Opened) -> String {
    let mut text = format!("Proposed for {gun}, and not published\n");
    text.push_str(&changes::lines(&opened.preview));
    text.push_str("Signatures:\n");
    for standing in opened.standing() {
        for (index, group) in standing.groups.iter().enumerate() {
            let whose = match (standing.groups.len(), index) {
                (1, _) => "",
                (_, 0) => " (of the keys before)",
                _ => " (of its own keys)",
            };
            let _ = writeln!(text, "  {:<17}  {}{whose}", standing.role.as_str(), signed(group, opened));
        }
    }
    text
}

fn signed(group: &Signatures, opened: &Opened) -> String {
    let mut line = format!("{} of {}", group.signed.len(), group.needed);
    if !group.signed.is_empty() {
        let _ = write!(line, ", by {}", keys(&group.signed));
    }
    if group.is_met() {
        return line;
    }
    let here = group.missing.intersection(&opened.here).copied().collect();
    let elsewhere = group.missing.difference(&opened.here).copied().collect();
    if opened.here.is_disjoint(&group.missing) {
        let _ = write!(line, "; {} can", keys(&elsewhere));
    } else {
        let _ = write!(line, "; {} can, which is here", keys(&here));
    }
    line
}

/// A proposal as JSON: what it changes, and the signatures of each role.
pub(super) fn json(opened: &Opened) -> anyhow::Result<serde_json::Value> {
    let group = |group: &Signatures| json!({ "needed": group.needed, "signed": group.signed, "missing": group.missing });
    let standing = opened.standing();
    let signatures = standing.iter().map(
        |role| json!({ "role": role.role, "groups": role.groups.iter().map(group).collect::<Vec<_>>() }),
    );
    let signatures: Vec<_> = signatures.collect();
    let mut json = serde_json::to_value(&opened.preview)?;
    json["signatures"] = signatures.into();
    json["complete"] = opened.is_complete().into();
    Ok(json)
}

/// Says how far a proposal is and where others find it.
pub(crate) fn tell(proposed: &Proposed, file: Option<&Path>, app: &App) {
    let printer = app.printer();
    printer.say(format_args!("Not published yet: {}", proposed.wanting()));
    match &proposed.shared {
        Shared::OnServer => {
            printer.say(format_args!("Others add theirs with `countersign trust approve {}`", proposed.gun));
        }
        Shared::HereAlone(reason) => {
            if let Some(reason) = reason {
                printer.warn(format_args!(
                    "the trust server did not keep the proposal: {}",
                    report::one_line(reason)
                ));
            }
            let place = || app.context().trust_dir().join(format!("tuf/{}/proposal.json", proposed.gun));
            let file = file.map_or_else(place, Path::to_owned);
            printer.say(format_args!(
                "Give {} to others: they add theirs with `countersign trust approve {} --file FILE`",
                file.display(),
                proposed.gun
            ));
        }
    }
}
