//! What an edition changes, in lines that a person can check before signing.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use countersign_client::publisher::{Preview, Terms};
use countersign_core::digest::Digest;
use countersign_core::key::KeyId;

use crate::commands::repo::shown;

/// A line for each tag, delegation and top-level role that would change.
pub(super) fn lines(preview: &Preview) -> String {
    let mut text = String::new();
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
        let (after, before) = (&change.after, &change.before);
        let (of, was) = (change.threshold_after, change.threshold_before);
        let line = match (after == before, of == was) {
            (false, true) if of == 1 => format!("keys {} (were {})", keys(after), keys(before)),
            (true, false) => format!("needs {of} of {} (needed {was})", keys(after)),
            _ => format!("keys {of} of {} (were {was} of {})", keys(after), keys(before)),
        };
        let _ = writeln!(text, "  ~ {} {line}", change.role);
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

/// Keys by the beginnings of their ids.
pub(super) fn keys(keys: &BTreeSet<KeyId>) -> String {
    let keys: Vec<_> = keys.iter().map(|key| key.short()).collect();
    if keys.is_empty() { "no key".to_owned() } else { keys.join(", ") }
}
