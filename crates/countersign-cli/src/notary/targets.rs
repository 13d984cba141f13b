//! `add`, `addhash`, `remove`, `witness`: what is staged for the next publication.
//!
//! Source: notary `cmd/notary/tuf.go`.

use std::fs;
use std::num::IntErrorKind;

use countersign_core::author::Change;
use countersign_core::digest::{Algorithm, Digest, Hashes};
use countersign_core::metadata::FileMeta;
use countersign_core::name::{RoleName, TargetName, TopRole};

use super::face::Face;
use super::fatal::{Fatal, Outcome};
use super::publish::publish_if_asked;
use super::say;

/// Stages what a file means.
pub(super) async fn add(face: &Face) -> Outcome {
    if face.line().words.len() < 3 {
        return Err(Fatal::usage("Must specify a GUN, target, and path to target data"));
    }
    let gun = face.gun()?;
    let (name, path) = (face.word(1), face.word(2));
    let content = fs::read(path).map_err(|error| Fatal::file("open", path, &error))?;
    let mut meta = FileMeta::of(&content);
    meta.custom = custom(face)?;
    stage_target(face, &gun, name, &meta).await?;
    say(format_args!("Addition of target \"{name}\" to repository \"{gun}\" staged for next publish."))?;
    publish_if_asked(face, &gun).await
}

/// Stages what a size and hashes mean.
pub(super) async fn addhash(face: &Face) -> Outcome {
    let line = face.line();
    let given: Vec<_> = [("sha256", Algorithm::Sha256), ("sha512", Algorithm::Sha512)]
        .into_iter()
        .filter_map(|(name, algorithm)| Some((name, algorithm, line.text(name)?.to_owned())))
        .collect();
    if line.words.len() < 3 || given.is_empty() {
        return Err(Fatal::usage(
            "Must specify a GUN, target, byte size of target data, and at least one hash",
        ));
    }
    let gun = face.gun()?;
    let name = face.word(1);
    let length = size(face.word(2))?;
    let mut hashes: Option<Hashes> = None;
    for (name, algorithm, text) in &given {
        let bytes = hex(text).and_then(|bytes| Digest::from_bytes(*algorithm, &bytes).ok());
        let digest = bytes.ok_or_else(|| Fatal::new(format!("invalid {name} hex contents provided")))?;
        match &mut hashes {
            Some(hashes) => hashes.insert(digest),
            None => hashes = Some(digest.into()),
        }
    }
    let Some(hashes) = hashes else { return Ok(()) };
    let mut meta = FileMeta::new(hashes, length);
    meta.custom = custom(face)?;
    stage_target(face, &gun, name, &meta).await?;
    let names: Vec<_> = given.iter().map(|(name, ..)| *name).collect();
    say(format_args!(
        "Addition of target \"{name}\" by {} hash to repository \"{gun}\" staged for next publish.",
        names.join(", ")
    ))?;
    publish_if_asked(face, &gun).await
}

/// Stages that a name means nothing.
pub(super) async fn remove(face: &Face) -> Outcome {
    if face.line().words.len() < 2 {
        return Err(Fatal::new("Must specify a GUN and target"));
    }
    let gun = face.gun()?;
    let name = TargetName::from(face.word(1).to_owned());
    let roles = roles(face)?.into_iter();
    let changes: Vec<_> = roles.map(|role| Change::RemoveTarget { role, name: name.clone() }).collect();
    face.changes(&gun).add(&changes, face.now()).await?;
    say(format_args!("Removal of {name} from {gun} staged for next publish."))?;
    publish_if_asked(face, &gun).await
}

/// Stages that roles are signed again.
pub(super) async fn witness(face: &Face) -> Outcome {
    let words = &face.line().words;
    if words.len() < 2 {
        return Err(Fatal::usage("Please provide a GUN and at least one role to witness"));
    }
    let gun = face.gun()?;
    let roles = words[1..].iter().map(|word| role(word)).collect::<Outcome<Vec<_>>>()?;
    let changes: Vec<_> = roles.iter().map(|role| Change::Witness { role: role.clone() }).collect();
    face.changes(&gun).add(&changes, face.now()).await?;
    let listed = words[1..].join("\n\t- ");
    say(format_args!(
        "The following roles were successfully marked for witnessing on the next publish:\n\t- {listed}"
    ))?;
    publish_if_asked(face, &gun).await
}

async fn stage_target(
    face: &Face,
    gun: &countersign_core::name::Gun,
    name: &str,
    meta: &FileMeta,
) -> Outcome {
    let set = |role| Change::SetTarget { role, name: name.to_owned().into(), meta: meta.clone() };
    let changes: Vec<_> = roles(face)?.into_iter().map(set).collect();
    face.changes(gun).add(&changes, face.now()).await?;
    Ok(())
}

/// The roles that `--roles` names, or `targets`.
fn roles(face: &Face) -> Outcome<Vec<RoleName>> {
    let named = face.line().texts("roles");
    if named.is_empty() {
        return Ok(vec![TopRole::Targets.into()]);
    }
    let named = named.iter().map(|name| {
        let role = role(name).ok().filter(|role| role.is_delegation() || *role == TopRole::Targets);
        role.ok_or_else(|| Fatal::new(format!("tuf: invalid role {name}. cannot add targets to this role")))
    });
    named.collect()
}

/// A role by its name.
pub(super) fn role(name: &str) -> Outcome<RoleName> {
    name.parse().map_err(|_| Fatal::new(format!("tuf: invalid role {name}. invalid role name")))
}

/// The note in the file that `--custom` names.
///
/// Deviation: Notary stages a note as it was typed, and what it then signs nobody can verify (reference behaviour 13 B1).
fn custom(face: &Face) -> Outcome<Option<serde_json::Value>> {
    let Some(path) = face.line().text("custom") else { return Ok(None) };
    let text = fs::read(path).map_err(|error| Fatal::file("open", path, &error))?;
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| Fatal::new(format!("{path} is no JSON: {error}")))?;
    Ok(Some(value).filter(|value| !value.is_null()))
}

/// A number of bytes: decimal, or hexadecimal, octal and binary with a prefix.
///
/// Source: Go `strconv.ParseInt` with base 0.
fn size(text: &str) -> Outcome<u64> {
    let refused =
        |why: &str| Fatal::new(format!("strconv.ParseInt: parsing \"{}\": {why}", text.escape_debug()));
    let lower = text.to_ascii_lowercase();
    let (digits, base) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0o") => (&lower[2..], 8),
        Some("0b") => (&lower[2..], 2),
        Some(octal) if octal.starts_with('0') => (&lower[1..], 8),
        _ => (lower.as_str(), 10),
    };
    // Underscores stand between digits, or behind the prefix.
    let is_grouped = digits.contains('_');
    if is_grouped
        && (digits.ends_with('_') || digits.contains("__") || (base == 10 && digits.starts_with('_')))
    {
        return Err(refused("invalid syntax"));
    }
    match i64::from_str_radix(&digits.replace('_', ""), base) {
        Ok(size) => u64::try_from(size).map_err(|_| refused("invalid syntax")),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Err(refused("value out of range")),
        Err(_) => Err(refused("invalid syntax")),
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_forms_of_go() {
        for (text, expected) in [
            ("6", 6),
            ("0", 0),
            ("0x10", 16),
            ("0B11", 3),
            ("017", 15),
            ("0o17", 15),
            ("1_000", 1000),
            ("0_6", 6),
            ("0x_f", 15),
        ] {
            assert_eq!(size(text).ok(), Some(expected), "{text}");
        }
        for text in ["", "-1", "6k", "08", "0x", "_1", "1_", "1__0"] {
            let refused = size(text).expect_err("no number");
            assert!(refused.text.ends_with(": invalid syntax"), "{}", refused.text);
        }
        let refused = size("99999999999999999999").expect_err("too large");
        assert!(refused.text.ends_with(": value out of range"), "{}", refused.text);
    }

    #[test]
    fn hex_is_whole_bytes() {
        assert_eq!(hex("00fF"), Some(vec![0, 255]));
        assert_eq!((hex("0"), hex("0g")), (None, None));
    }
}
