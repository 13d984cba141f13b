//! `trust inspect`: who signed which tags, byte for byte as Docker prints it.
//!
//! Source: docker/cli `cli/command/trust/{common,inspect,inspect_pretty}.go`.

mod pretty;

use std::collections::{BTreeMap, BTreeSet};

use countersign_client::remote_http::Access;
use countersign_client::updater::Roles;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::time::UpdateStart;
use countersign_core::trust::TrustedCollection;
use countersign_registry::reference::ImageReference;
use futures_util::future::join_all;
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::app::App;
use crate::exit::ExitStatus;
use crate::report::one_line;
use crate::{refusal, verdict};

/// Who signed what `targets` or `targets/releases` alone says.
const REPOSITORY_ADMIN: &str = "Repo Admin";

/// Show who signed the tags of repositories, and with which keys
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The images: NAME[:TAG]
    #[arg(value_name = "IMAGE[:TAG]", required = true)]
    images: Vec<String>,
    /// Print the information in a human friendly format
    #[arg(long)]
    pretty: bool,
}

/// What is known of one repository.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    name: String,
    signed_tags: Vec<SignedTag>,
    signers: Vec<Signer>,
    administrative_keys: Vec<Signer>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SignedTag {
    #[serde(rename = "SignedTag")]
    tag: String,
    digest: String,
    signers: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Signer {
    name: String,
    keys: Vec<KeyEntry>,
}

#[derive(Debug, Serialize)]
struct KeyEntry {
    #[serde(rename = "ID")]
    id: String,
}

/// Prints. What cannot be had is said on stderr, and ends with 1.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let asked = args.images.iter().map(|name| inspect(name, app));
    let mut inspected = Vec::new();
    let mut failed = None;
    for (index, (name, outcome)) in args.images.iter().zip(join_all(asked).await).enumerate() {
        match outcome {
            Ok(one) if args.pretty => app.printer().data_text(&pretty::text(&one, index == 0))?,
            Ok(one) => inspected.push(one),
            Err(error) => {
                // Docker says this alone, of whatever it was.
                app.printer().tell(format_args!("no signatures or cannot access {}", name.escape_default()));
                app.printer().tell(format_args!("  caused by: {}", one_line(error.as_ref())));
                failed = Some(error);
                if args.pretty {
                    break;
                }
            }
        }
    }
    if !args.pretty {
        let mut json = Vec::new();
        let formatter = PrettyFormatter::with_indent(b"    ");
        inspected.serialize(&mut Serializer::with_formatter(&mut json, formatter))?;
        app.printer().data(String::from_utf8_lossy(&json))?;
    }
    Ok(match failed {
        None => ExitStatus::Success,
        Some(error) => error.chain().find_map(crate::status::of).unwrap_or(ExitStatus::Failure),
    })
}

async fn inspect(name: &str, app: &App) -> anyhow::Result<Inspected> {
    let image = ImageReference::parse(name)?;
    let updater = app.updater(&image.gun(), Access::Pull)?;
    let refreshed = updater.refresh(UpdateStart(app.context().now()), Roles::All).await;
    let refreshed = refreshed.map_err(|error| refusal::of_update(error, &image))?;
    verdict::tell(&refreshed, updater.remote().server(), app);
    let collection = &refreshed.collection;
    let mut signed_tags = signed_tags(collection);
    if let Some(tag) = image.tag() {
        signed_tags.retain(|row| row.tag == tag);
    }
    Ok(Inspected {
        name: name.to_owned(),
        signed_tags,
        signers: signers(collection),
        administrative_keys: vec![
            administrator("Root", collection, TopRole::Root),
            administrator("Repository", collection, TopRole::Targets),
        ],
    })
}

/// Every pair of tag and digest that `targets` or `targets/releases` has, with the other delegations that have the same.
fn signed_tags(collection: &TrustedCollection) -> Vec<SignedTag> {
    let (releases, targets) = (RoleName::releases(), RoleName::from(TopRole::Targets));
    let is_released = |role: &RoleName| *role == releases || *role == targets;
    let pairs = |role: &RoleName| -> Vec<(String, String)> {
        let entries = collection.targets(role).into_iter().flat_map(|targets| targets.targets.entries());
        let names: Vec<_> = entries.map(|(name, _)| name).collect();
        let found = names.into_iter().filter_map(|name| collection.find(role, &name));
        found.map(|target| (target.name.as_str().to_owned(), target.digest.hex())).collect()
    };
    let mut rows: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for role in collection.roles().keys().filter(|role| is_released(role)) {
        rows.extend(pairs(role).into_iter().map(|pair| (pair, BTreeSet::new())));
    }
    for role in collection.roles().keys().filter(|role| !is_released(role)) {
        for pair in pairs(role) {
            if let Some(signers) = rows.get_mut(&pair) {
                signers.insert(signer_name(role));
            }
        }
    }
    let mut tags: Vec<_> = rows
        .into_iter()
        .map(|((tag, digest), signers)| {
            let mut signers: Vec<_> = signers.into_iter().collect();
            if signers.is_empty() {
                signers.push(REPOSITORY_ADMIN.to_owned());
            }
            SignedTag { tag, digest, signers }
        })
        .collect();
    tags.sort_by_cached_key(|row| natural(&row.tag));
    tags
}

/// The delegations but `targets/releases`, by name, the last first.
fn signers(collection: &TrustedCollection) -> Vec<Signer> {
    let delegations = collection.roles().values().flat_map(|targets| &targets.delegations.roles);
    let mut signers: Vec<_> = delegations
        .filter(|delegation| delegation.name != RoleName::releases())
        .map(|delegation| Signer {
            name: signer_name(&delegation.name),
            keys: delegation.keyids.iter().map(|id| KeyEntry { id: id.to_string() }).collect(),
        })
        .collect();
    signers.sort_by(|one, other| other.name.cmp(&one.name));
    signers
}

fn administrator(name: &str, collection: &TrustedCollection, role: TopRole) -> Signer {
    let keys = collection.root().keys_of(role).map(|(id, _)| KeyEntry { id: id.to_string() }).collect();
    Signer { name: name.to_owned(), keys }
}

fn signer_name(role: &RoleName) -> String {
    role.as_str().strip_prefix("targets/").unwrap_or(role.as_str()).to_owned()
}

/// Pieces of a text in natural order: `v2` before `v10`.
fn natural(text: &str) -> Vec<(bool, u128, String)> {
    let mut pieces: Vec<(bool, String)> = Vec::new();
    for letter in text.chars() {
        let is_digit = letter.is_ascii_digit();
        match pieces.last_mut() {
            Some((digits, piece)) if *digits == is_digit => piece.push(letter),
            _ => pieces.push((is_digit, letter.to_string())),
        }
    }
    let keyed = pieces.into_iter().map(|(is_digit, piece)| {
        let number = if is_digit { piece.parse().unwrap_or(u128::MAX) } else { 0 };
        (!is_digit, number, piece)
    });
    keyed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_in_natural_order() {
        let mut tags = ["v10", "v2", "latest", "1.10", "1.9", "v2-rc", "007", "7"];
        tags.sort_by_cached_key(|tag| natural(tag));
        assert_eq!(tags, ["1.9", "1.10", "007", "7", "latest", "v2", "v2-rc", "v10"]);
    }
}
