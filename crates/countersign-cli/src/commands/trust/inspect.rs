//! `trust inspect`: who signed what, and who may.

use std::fmt::Write as _;

use anyhow::Context as _;
use countersign_client::inspect::{Inspection, SignedTag, inspect, natural};
use countersign_client::remote_http::Access;
use countersign_client::updater::Roles;
use countersign_core::key::KeyId;
use countersign_core::name::TargetName;
use countersign_core::time::UpdateStart;
use countersign_registry::reference::ImageReference;
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::{Face, SigningError};
use crate::app::App;
use crate::exit::ExitStatus;
use crate::verdict;

/// Digits of a signer's key id in the human form.
const SHORT: usize = 12;

/// Show the signatures of images, and the keys of those who may sign
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The images: NAME[:TAG]; without a tag, all signed tags
    #[arg(value_name = "REF", required = true)]
    images: Vec<String>,
    /// Print the information in a human friendly format
    #[arg(long)]
    pretty: bool,
}

/// Prints Docker's JSON: of several images those that can be inspected, and a line for each of the others.
pub(crate) async fn run(args: Args, app: &App, face: Face) -> anyhow::Result<ExitStatus> {
    let printer = app.printer();
    if args.pretty {
        for (index, image) in args.images.iter().enumerate() {
            let separator = if index > 0 { "\n\n" } else { "" };
            printer.data_text(&format!("{separator}{}", pretty(image, &look(image, app, face).await?)))?;
        }
        return Ok(ExitStatus::Success);
    }
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    for image in &args.images {
        match look(image, app, face).await {
            Ok(inspection) => found.push(Repository::of(image, &inspection)),
            Err(error) => failed.push(error),
        }
    }
    printer.data_text(&json(&found)?)?;
    let worst = failed.iter().map(|error| face.report(error, printer)).max_by_key(|status| status.code());
    Ok(worst.unwrap_or(ExitStatus::Success))
}

async fn look(image: &str, app: &App, face: Face) -> anyhow::Result<Inspection> {
    let reference: ImageReference = image.parse()?;
    // As with Docker, a digest says nothing here.
    let tag =
        reference.tag().filter(|_| reference.digest().is_none()).map(|tag| TargetName::from(tag.to_owned()));
    let updater = app.updater(&reference.gun(), Access::Pull)?;
    let refreshed = updater.refresh(UpdateStart(app.context().now()), Roles::All).await;
    let refused = SigningError::Inspect(image.to_owned());
    let refreshed = match refreshed {
        Err(_) if face == Face::Docker => return Err(refused.into()),
        refreshed => refreshed.context(refused)?,
    };
    verdict::tell(&refreshed, updater.remote().server(), app);
    Ok(inspect(&refreshed.collection, tag.as_ref()))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Repository<'a> {
    name: &'a str,
    signed_tags: Vec<Tag>,
    signers: Vec<Keys>,
    administrative_keys: Vec<Keys>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    #[serde(rename = "SignedTag")]
    name: String,
    digest: String,
    signers: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    name: String,
    keys: Vec<Key>,
}

#[derive(Serialize)]
struct Key {
    #[serde(rename = "ID")]
    id: String,
}

impl<'a> Repository<'a> {
    fn of(name: &'a str, inspection: &Inspection) -> Self {
        let signers = inspection.signers.iter().rev();
        let administrators = [("Root", &inspection.root_keys), ("Repository", &inspection.repository_keys)];
        Self {
            name,
            signed_tags: inspection.tags.iter().map(Tag::of).collect(),
            signers: signers.map(|(name, keys)| Keys::of(name, keys)).collect(),
            administrative_keys: administrators.map(|(name, keys)| Keys::of(name, keys)).into(),
        }
    }
}

impl Tag {
    fn of(tag: &SignedTag) -> Self {
        let nobody = tag.signers.is_empty();
        Self {
            name: tag.tag.as_str().to_owned(),
            digest: tag.digest.clone(),
            signers: if nobody { vec!["Repo Admin".to_owned()] } else { tag.signers.clone() },
        }
    }
}

impl Keys {
    fn of(name: &str, keys: &[KeyId]) -> Self {
        let keys = keys.iter().map(|key| Key { id: key.to_string() }).collect();
        Self { name: name.to_owned(), keys }
    }
}

/// JSON as Go writes and indents it.
fn json(found: &[Repository<'_>]) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    found.serialize(&mut Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    ")))?;
    let mut text = String::new();
    for c in String::from_utf8(bytes)?.chars() {
        match c {
            // Go escapes what HTML could take for its own.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => write!(text, "\\u{:04x}", u32::from(c))?,
            c => text.push(c),
        }
    }
    text.push('\n');
    Ok(text)
}

/// Source: docker/cli `cli/command/trust/inspect_pretty.go`.
fn pretty(image: &str, inspection: &Inspection) -> String {
    let mut text = String::new();
    if inspection.tags.is_empty() {
        let _ = write!(text, "\nNo signatures for {image}\n\n");
    } else {
        let rows = inspection.tags.iter().map(|tag| {
            let mut signers = tag.signers.clone();
            signers.sort();
            let signers = if signers.is_empty() { "(Repo Admin)".to_owned() } else { signers.join(", ") };
            vec![crate::commands::repo::shown(tag.tag.as_str()), tag.digest.clone(), signers]
        });
        let _ = write!(text, "\nSignatures for {image}\n\n");
        text.push_str(&columns(&["SIGNED TAG", "DIGEST", "SIGNERS"], rows));
    }
    if !inspection.signers.is_empty() {
        let mut signers: Vec<_> = inspection.signers.iter().collect();
        signers.sort_by(|(left, _), (right, _)| natural(left, right));
        let rows = signers.into_iter().map(|(name, keys)| {
            let mut keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
            keys.sort();
            for key in &mut keys {
                key.truncate(SHORT);
            }
            vec![name.clone(), keys.join(", ")]
        });
        let _ = write!(text, "\nList of signers and their keys for {image}\n\n");
        text.push_str(&columns(&["SIGNER", "KEYS"], rows));
    }
    let _ = write!(text, "\nAdministrative keys for {image}\n\n");
    for (name, keys) in [("Repository", &inspection.repository_keys), ("Root", &inspection.root_keys)] {
        let mut keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
        keys.sort();
        let _ = writeln!(text, "  {name} Key:\t{}", keys.join(", "));
    }
    text
}

/// A table with the widths of Docker's: three spaces between columns, none narrower than ten.
///
/// Source: docker/cli `cli/command/formatter/formatter.go`; Go `text/tabwriter`.
fn columns(headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let head = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        let widest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        (widest + 3).max(10)
    };
    let widths: Vec<_> = (0..headings.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        for (index, cell) in row.iter().enumerate() {
            let width = if index + 1 == row.len() { 0 } else { widths[index] };
            let _ = write!(text, "{cell:<width$}");
        }
        text.push('\n');
    }
    text
}
