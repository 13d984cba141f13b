//! `trust diff`: what a publication of staged changes would change, and a proposal that waits for signatures, before anything is
//! signed.

use std::fmt::Write as _;
use std::path::PathBuf;

use countersign_client::changelist::ChangeList;
use countersign_client::publisher::{Opened, Preview, PublisherError, Signing};
use countersign_core::name::TopRole;
use countersign_registry::reference::ImageReference;

use super::changes::{self, keys};
use super::error::of_publisher;
use super::proposal;
use crate::app::App;
use crate::exit::ExitStatus;
use crate::report;

/// Show what publishing the staged changes of a repository would change, and who has to sign that
///
/// A proposal that waits for signatures is shown, too: the one of this machine or of the trust server, or the one in a file.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repository
    #[arg(value_name = "REF")]
    repository: ImageReference,
    /// Show the proposal in this file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows. Nothing is signed, and no passphrase is asked for.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let gun = args.repository.gun();
    let publisher = app.publisher(&gun, None)?;
    let list = ChangeList::new(app.context().trust_dir(), gun.clone());
    let now = app.context().now();
    let preview = publisher.preview(&list, now).await.map_err(of_publisher)?;
    let given = args.file.as_deref().map(proposal::read).transpose()?;
    let opened = match publisher.open_proposal(given.as_ref(), now).await {
        Ok(opened) => Some(opened),
        Err(PublisherError::NothingProposed { source: None, .. }) => None,
        Err(error @ PublisherError::NothingProposed { .. }) => {
            app.printer().warn(report::one_line(&error));
            None
        }
        Err(error) => return Err(of_publisher(error)),
    };
    if args.json {
        app.printer().data(json(&preview, opened.as_ref())?)?;
        return Ok(ExitStatus::Success);
    }
    if preview.staged > 0 || opened.is_none() {
        app.printer().data_text(&text(gun.as_str(), &preview))?;
    }
    if let Some(opened) = &opened {
        app.printer().data_text(&proposal::summary(gun.as_str(), opened))?;
    }
    Ok(ExitStatus::Success)
}

/// What is staged, and under `proposed` what waits for signatures.
fn json(preview: &Preview, opened: Option<&Opened>) -> anyhow::Result<serde_json::Value> {
    let mut json = serde_json::to_value(preview)?;
    json["proposed"] = opened.map(proposal::json).transpose()?.unwrap_or_default();
    Ok(json)
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
    text.push_str(&changes::lines(preview));
    if !is_empty {
        text.push_str("To be signed:\n");
    }
    for signing in &preview.signing {
        let _ = writeln!(text, "  {:<17}  {}", signing.role.as_str(), by(signing));
    }
    text
}

fn by(signing: &Signing) -> String {
    match (signing.here.is_empty(), signing.role == TopRole::Snapshot) {
        (false, _) => format!("with {}, which is here", keys(&signing.here)),
        (true, true) => "by the server, or with a key that is not here".to_owned(),
        (true, false) => format!("no key is here; one of {} can", keys(&signing.elsewhere)),
    }
}
