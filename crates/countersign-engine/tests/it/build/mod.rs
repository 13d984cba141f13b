//! The input of image builds.

mod archive;
mod context;
mod corpus;
mod podman;
mod prepare;

mod properties;
mod uses;

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use countersign_core::digest::Digest;
use countersign_engine::build::{Build, BuildError, BuildFlags, BuildPlan, Builder, Prepared};
use countersign_registry::reference::ImageReference;

/// A digest for each reference that needs one: that of its full text.
fn pins(plan: &BuildPlan) -> BTreeMap<ImageReference, Digest> {
    plan.unresolved().into_iter().map(|reference| (reference.clone(), digest(&reference))).collect()
}

/// The flags of a build of `context` from `cwd`.
fn flags(builder: Builder, context: &str, cwd: &Path) -> BuildFlags {
    BuildFlags::new(builder, context, cwd.to_owned())
}

/// Reads a build, and writes it again with a made-up digest for everything.
fn prepare(flags: BuildFlags, stdin: &[u8]) -> Result<Prepared, BuildError> {
    let build = Build::read(flags, Box::new(Cursor::new(stdin.to_vec())))?;
    let pins = build.unresolved().into_iter().map(|image| (image.clone(), digest(&image))).collect();
    build.write(&pins)
}

fn digest(image: &ImageReference) -> Digest {
    Digest::sha256(image.to_string().as_bytes())
}

/// The value that a prepared build gives for `flag`.
fn value<'prepared>(prepared: &'prepared Prepared, flag: &str) -> Option<&'prepared Path> {
    let place = prepared.args.iter().position(|arg| arg == flag)?;
    prepared.args.get(place + 1).map(Path::new)
}

/// What the engine's command reads from standard input.
fn stdin_of(prepared: &Prepared) -> Vec<u8> {
    let mut bytes = Vec::new();
    prepared.stdin.as_ref().expect("standard input").read_to_end(&mut bytes).expect("it can be read");
    bytes
}

/// `FROM alpine`, as it is handed over.
fn pinned_alpine() -> String {
    format!("FROM alpine@{}\n", Digest::sha256(b"docker.io/library/alpine:latest"))
}
