//! `trust diff`: what a publication of staged changes would change, before anything is signed.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use countersign_client::changelist::ChangeList;
use countersign_client::publisher::{Preview, Signing, Terms};
use countersign_core::digest::Digest;
use countersign_core::key::KeyId;
use countersign_core::name::TopRole;
use countersign_registry::reference::ImageReference;

use super::error::of_publisher;
use crate::app::App;
use crate::commands::repo::shown;
use crate::exit::ExitStatus;

/// Show what publishing the staged changes of a repository would change, and who has to sign that
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repository
    #[arg(value_name = "REF")]
    repository: ImageReference,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows. Nothing is signed, and no passphrase is asked for.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let gun = args.repository.gun();
    let publisher = app.publisher(&gun, None)?;
    let list = ChangeList::new(app.context().trust_dir(), gun.clone());
    let preview = publisher.preview(&list, app.context().now()).await.map_err(of_publisher)?;
    if args.json {
        app.printer().data(serde_json::to_string(&preview)?)?;
    } else {
        app.printer().data_text(&text(gun.as_str(), &preview))?;
    }
    Ok(ExitStatus::Success)
}

fn text(gun: &str, preview: &Preview) -> String {
    let staged = match preview.staged {
        0 => return format!("Nothing is staged for {gun}\n"),
        1 => "1 staged change".to_owned(),
        count => format!("{count} staged changes"),
    };
    let is_empty = preview.signing.is_empty();
    let mut text =
        format!("{staged} of {gun}{}\n", if is_empty { ", which would change nothing" } else { "" });
    for change in &preview.tags {
        let (tag, role) = (shown(change.tag.as_str()), &change.role);
        let line = match (change.before, change.after) {
            (None, Some(after)) => format!("+ {tag} = {after}"),
            (Some(before), None) => format!("- {tag} = {before}"),
            (before, after) => format!("~ {tag} = {} (was {})", digest(after), digest(before)),
        };
        let _ = writeln!(text, "  {line}  in {role}");
    }
    for change in &preview.delegations {
        let line = match (&change.before, &change.after) {
            (None, Some(after)) => format!("+ {} by {}", change.role, terms(after)),
            (Some(before), None) => format!("- {} by {}", change.role, terms(before)),
            (before, after) => {
                let was = before.as_ref().map(terms).unwrap_or_default();
                format!("~ {} by {} (was {was})", change.role, after.as_ref().map(terms).unwrap_or_default())
            }
        };
        let _ = writeln!(text, "  {line}");
    }
    for change in &preview.keys {
        let _ = writeln!(
            text,
            "  ~ {} keys {} (were {})",
            change.role,
            keys(&change.after),
            keys(&change.before)
        );
    }
    if !is_empty {
        text.push_str("To be signed:\n");
    }
    for signing in &preview.signing {
        let _ = writeln!(text, "  {:<17}  {}", signing.role.as_str(), by(signing));
    }
    text
}

fn digest(digest: Option<Digest>) -> String {
    digest.map_or_else(|| "something without a SHA-256".to_owned(), |digest| digest.to_string())
}

fn terms(terms: &Terms) -> String {
    let paths: Vec<_> = terms
        .paths
        .iter()
        .map(|path| if path.is_empty() { "every tag".to_owned() } else { format!("{}*", shown(path)) })
        .collect();
    let paths = if paths.is_empty() { "no tag".to_owned() } else { paths.join(", ") };
    format!("{} of {} for {paths}", terms.threshold, keys(&terms.keys))
}

fn keys(keys: &BTreeSet<KeyId>) -> String {
    let keys: Vec<_> = keys.iter().map(|key| key.short()).collect();
    if keys.is_empty() { "no key".to_owned() } else { keys.join(", ") }
}

fn by(signing: &Signing) -> String {
    match (signing.here.is_empty(), signing.role == TopRole::Snapshot) {
        (false, _) => format!("with {}, which is here", keys(&signing.here)),
        (true, true) => "by the server, or with a key that is not here".to_owned(),
        (true, false) => format!("no key is here; one of {} can", keys(&signing.elsewhere)),
    }
}
