//! What an edition changes, in lines that a person can check before signing: two editions that differ in anything that is signed have
//! different lines.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use countersign_client::publisher::{
    DelegationChange, KeysChange, ListedKey, Preview, TagChange, Terms, UnusedKeysChange, is_rearranged,
};
use countersign_core::digest::Digest;
use countersign_core::key::KeyId;
use countersign_core::metadata::FileMeta;
use countersign_core::name::RoleName;

use crate::commands::repo::shown;

/// Lines for each tag, delegation, role and key that would change, and for each file that is written already.
pub(crate) fn lines(preview: &Preview) -> String {
    let mut text = String::new();
    preview.tags.iter().for_each(|change| tag(&mut text, change));
    preview.delegations.iter().for_each(|change| delegation(&mut text, change));
    for change in &preview.orders {
        let names: Vec<_> = change.after.iter().map(RoleName::as_str).collect();
        let _ = writeln!(text, "  ~ {} asks, in this order, {}", change.role, names.join(", "));
    }
    preview.keys.iter().for_each(|change| role_keys(&mut text, change));
    preview.unused.iter().for_each(|change| unused(&mut text, change));
    if let Some(consistent) = preview.consistent_snapshot {
        let _ = writeln!(text, "  ~ root consistent_snapshot = {consistent}");
    }
    for file in &preview.files {
        let _ = writeln!(text, "  {} version {}, until {}", file.role, file.version, file.expires);
    }
    text
}

fn tag(text: &mut String, change: &TagChange) {
    let (tag, role) = (quoted(change.tag.as_str()), &change.role);
    let line = match (&change.entry_before, &change.entry_after) {
        (Some(before), None) => format!("- {tag} = {}", entry(before)),
        (Some(before), Some(after)) => {
            let mut line = match (change.before, change.after) {
                (was, is) if was == is => format!("~ {tag} = {}, as before", digest(is)),
                (was, is) => format!("~ {tag} = {} (was {})", digest(is), digest(was)),
            };
            for (after, before) in details(after).into_iter().zip(details(before)) {
                if after != before {
                    let _ = write!(line, ", {after} (was {before})");
                }
            }
            line
        }
        (None, after) => format!("+ {tag} = {}", after.as_ref().map(entry).unwrap_or_default()),
    };
    let _ = writeln!(text, "  {line}  in {role}");
}

fn entry(entry: &FileMeta) -> String {
    let [length, others, note] = details(entry);
    let mut text = format!("{}, {length}", digest(entry.hashes.sha256()));
    for (detail, none) in [(others, NO_OTHERS), (note, NO_NOTE)] {
        if detail != none {
            let _ = write!(text, ", {detail}");
        }
    }
    text
}

const NO_OTHERS: &str = "no other digest";
const NO_NOTE: &str = "no note";

/// What is said of a tag besides its SHA-256: its length, its other digests, its note.
fn details(entry: &FileMeta) -> [String; 3] {
    let mut hashes = serde_json::to_value(&entry.hashes).unwrap_or_default();
    if let Some(hashes) = hashes.as_object_mut() {
        hashes.remove("sha256");
    }
    let has_others = hashes.as_object().is_some_and(|hashes| !hashes.is_empty());
    let others = if has_others {
        format!("other digests {}", shown(&hashes.to_string()))
    } else {
        NO_OTHERS.to_owned()
    };
    let note = entry.custom.as_ref().filter(|note| !note.is_null());
    let note = note.map_or_else(|| NO_NOTE.to_owned(), |note| format!("note {}", shown(&note.to_string())));
    [format!("{} bytes", entry.length), others, note]
}

fn delegation(text: &mut String, change: &DelegationChange) {
    let role = &change.role;
    let line = match (&change.before, &change.after) {
        (None, after) => format!("+ {role} by {}", after.as_ref().map(terms).unwrap_or_default()),
        (Some(before), None) => format!("- {role} by {}", terms(before)),
        (Some(before), Some(after)) => format!("~ {role} by {} (was {})", terms(after), terms(before)),
    };
    let _ = writeln!(text, "  {line}");
    let listed = |terms: &Option<Terms>| terms.as_ref().map_or(Vec::new(), |terms| terms.listed.clone());
    key_lines(text, &listed(&change.before), &listed(&change.after));
}

fn role_keys(text: &mut String, change: &KeysChange) {
    let (after, before) = (&change.after, &change.before);
    let (of, was) = (change.threshold_after, change.threshold_before);
    let line = match (after == before, of == was) {
        (true, true) => format!("the same keys, listed otherwise: {of} of {}", keys(after)),
        (false, true) if of == 1 => format!("keys {} (were {})", keys(after), keys(before)),
        (true, false) => format!("needs {of} of {} (needed {was})", keys(after)),
        _ => format!("keys {of} of {} (were {was} of {})", keys(after), keys(before)),
    };
    let _ = writeln!(text, "  ~ {} {line}", quoted(&change.role));
    key_lines(text, &change.listed_before, &change.listed_after);
}

fn unused(text: &mut String, change: &UnusedKeysChange) {
    let _ = writeln!(text, "  ~ {} lists for no role", change.role);
    key_lines(text, &change.before, &change.after);
}

/// A line for each key that comes or goes, in full, and one for the order if that is another.
fn key_lines(text: &mut String, before: &[ListedKey], after: &[ListedKey]) {
    for (sign, these, those) in [('-', before, after), ('+', after, before)] {
        for key in these.iter().filter(|key| !those.contains(key)) {
            let _ = writeln!(text, "      {sign} {}", listed(key));
        }
    }
    if is_rearranged(before, after) {
        let ids: Vec<_> = after.iter().map(|key| key.listed.to_string()).collect();
        let _ = writeln!(text, "      in this order: {}", ids.join(", "));
    }
}

fn listed(key: &ListedKey) -> String {
    let mut text = format!("{} ({})", key.id, quoted(&key.keytype));
    if let Some(certificate) = &key.certificate {
        let (name, from, until) = (quoted(&certificate.name), certificate.not_before, certificate.not_after);
        let _ = write!(text, " for {name}, {from} to {until}");
    }
    if key.listed != key.id {
        let _ = write!(text, ", listed as {}", key.listed);
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
        .map(|path| if path.is_empty() { "every tag".to_owned() } else { format!("{}*", quoted(path)) })
        .collect();
    let paths = if paths.is_empty() { "no tag".to_owned() } else { paths.join(", ") };
    format!("{} of {} for {paths}", terms.threshold, keys(&terms.keys))
}

/// A signed text, in quotation marks and spelled out unless it is so plain that it cannot be taken for anything else.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:+@".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("\"{}\"", text.escape_default())
    }
}

/// Keys by the beginnings of their ids.
pub(super) fn keys(keys: &BTreeSet<KeyId>) -> String {
    let keys: Vec<_> = keys.iter().map(|key| key.short()).collect();
    if keys.is_empty() { "no key".to_owned() } else { keys.join(", ") }
}
