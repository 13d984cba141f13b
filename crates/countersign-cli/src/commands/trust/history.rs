//! `trust history`: what a tag meant over time, and who said so.

use std::collections::BTreeMap;

use countersign_client::export::{ExportError, ExportLimits};
use countersign_client::history::{TagEvent, tag_history};
use countersign_client::inspect::inspect;
use countersign_client::remote_http::Access;
use countersign_core::key::KeyId;
use countersign_core::name::TargetName;
use countersign_core::time::UpdateStart;
use countersign_registry::reference::ImageReference;

use crate::app::App;
use crate::commands::repo::shown;
use crate::exit::ExitStatus;
use crate::refusal::{self, Refusal};
use crate::table::table;
use crate::time::minute;
use crate::verdict;

/// Show what a tag meant over time and whose keys signed it, from the versions that the trust server keeps
///
/// Every version is verified with keys of its time. Times are worked out from expiries, for files carry no other.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image: NAME[:TAG]; without a tag, all tags
    #[arg(value_name = "REF")]
    image: ImageReference,
    /// Print JSON, one object for each change
    #[arg(long)]
    json: bool,
}

/// Shows. A tag of which nothing was ever said is not trusted.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let image = &args.image;
    let tag = image.tag().map(|tag| TargetName::from(tag.to_owned()));
    let updater = app.updater(&image.gun(), Access::Pull)?;
    let start = UpdateStart(app.context().now());
    let history = tag_history(&updater, start, tag.as_ref(), ExportLimits::default()).await;
    let history = history.map_err(|error| match error {
        ExportError::Update(error) => refusal::of_update(error, image),
        error => error.into(),
    })?;
    verdict::tell(&history.now, updater.remote().server(), app);
    for missing in &history.missing {
        app.printer().warn(missing);
    }
    if let (true, Some(tag)) = (history.events.is_empty(), image.tag()) {
        return Err(Refusal::Unsigned { tag: tag.to_owned() }.into());
    }
    let signers = inspect(&history.now.collection, None).signers;
    let names: BTreeMap<_, _> =
        signers.iter().flat_map(|(name, keys)| keys.iter().map(move |key| (*key, name.as_str()))).collect();
    if args.json {
        for event in &history.events {
            app.printer().data(serde_json::to_string(event)?)?;
        }
    } else {
        let rows: Vec<_> = history.events.iter().map(|event| row(event, &names)).collect();
        app.printer().data_text(&table(["SIGNED", "TAG", "DIGEST", "ROLE", "VERSION", "KEYS"], &rows))?;
    }
    Ok(ExitStatus::Success)
}

fn row(event: &TagEvent, names: &BTreeMap<KeyId, &str>) -> [String; 6] {
    let signer = |key: &KeyId| match names.get(key) {
        Some(name) => format!("{name} ({})", key.short()),
        None => key.short(),
    };
    [
        event.signed_about.map_or_else(|| "unknown".to_owned(), minute),
        shown(event.tag.as_str()),
        event.digest.map_or_else(|| "revoked".to_owned(), |digest| digest.to_string()),
        event.role.to_string(),
        event.version.to_string(),
        event.signers.iter().map(signer).collect::<Vec<_>>().join(", "),
    ]
}
