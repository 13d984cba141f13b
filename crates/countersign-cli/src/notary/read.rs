//! `list`, `lookup`, `verify`: what a collection says.
//!
//! Source: notary `cmd/notary/tuf.go`.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};

use countersign_core::digest::Digest;
use countersign_core::name::{TargetName, TopRole};
use countersign_core::trust::TrustedTarget;

use super::face::Face;
use super::fatal::{Fatal, Outcome};
use super::publish::gun;
use super::say;
use crate::commands::repo;

/// Prints every signed name.
pub(super) async fn list(face: &Face) -> Outcome {
    let gun = gun(face)?;
    let named = face.line().texts("roles");
    let order = if named.is_empty() {
        vec![TopRole::Targets.into()]
    } else {
        // What is no role says nothing.
        named.iter().filter_map(|name| name.parse().ok()).collect()
    };
    let refreshed = face.refresh(&gun).await?;
    let table = repo::target_table(&refreshed.collection.list(&order));
    say(table.strip_suffix('\n').unwrap_or(&table))
}

/// Prints what one name means.
pub(super) async fn lookup(face: &Face) -> Outcome {
    let target = signed(face).await?.map_err(|name| Fatal::new(no_trust_data(&name)))?;
    say(format_args!("{} {} {}", target.name, target.digest, target.length))
}

/// Passes data on if it is what a name means.
pub(super) async fn verify(face: &Face) -> Outcome {
    let target = signed(face).await?.map_err(|name| {
        Fatal::new(format!("error retrieving target by name:{name}, error:{}", no_trust_data(&name)))
    })?;
    let line = face.line();
    let data = match line.text("input") {
        Some(path) => {
            let file = File::open(path).map_err(|error| Fatal::file("open", path, &error))?;
            read(file, &target).map_err(|error| Fatal::file("read", path, &error))?
        }
        None => {
            read(io::stdin().lock(), &target).map_err(|error| Fatal::file("read", "/dev/stdin", &error))?
        }
    };
    let is_other = |digest: &Digest| Digest::of(digest.algorithm(), &data) != *digest;
    if let Some(signed) = target.hashes.known().find(is_other) {
        return Err(Fatal::new(format!(
            "data not present in the trusted collection, {} checksum for {} did not match: expected {}",
            signed.algorithm().name(),
            target.name,
            signed.hex()
        )));
    }
    if line.is_on("quiet") {
        return Ok(());
    }
    match line.text("output") {
        Some(path) => fs::write(path, &data).map_err(|error| Fatal::file("open", path, &error)),
        None => Ok(io::stdout().lock().write_all(&data)?),
    }
}

/// What the second word means; its name again if it means nothing.
async fn signed(face: &Face) -> Outcome<Result<TrustedTarget, TargetName>> {
    if face.line().words.len() < 2 {
        return Err(Fatal::usage("Must specify a GUN and target"));
    }
    let gun = face.gun()?;
    let name = TargetName::from(face.word(1).to_owned());
    let refreshed = face.refresh(&gun).await?;
    Ok(refreshed.collection.search(&[TopRole::Targets.into()], &name).ok_or(name))
}

fn no_trust_data(name: &TargetName) -> String {
    format!("No valid trust data for {name}")
}

/// Reads as much as was signed, and one byte more if there is more.
fn read(from: impl Read, target: &TrustedTarget) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    from.take(target.length.saturating_add(1)).read_to_end(&mut data)?;
    Ok(data)
}
