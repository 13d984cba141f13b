//! `trust signer add`: lets somebody's key sign.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use countersign_client::publisher::RootKey;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::name::RoleName;
use countersign_core::public_key_file::{self, MAX_BYTES};
use countersign_core::time::UpdateStart;

use super::super::error::of_publisher;
use super::super::{Face, SigningError, is_signer_name, tell_published, without_digest};
use crate::app::App;
use crate::exit::ExitStatus;
use crate::policy::SnapshotKey;

/// Let somebody sign in repositories, with the key whose public half is in a file
///
/// A repository that nobody has signed yet is initialised. The first signer of a repository makes its snapshot key the trust
/// server's, because signers could not publish otherwise; that takes the root key.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The signer's name
    name: String,
    /// The repositories
    #[arg(value_name = "REPOSITORY", required = true)]
    repositories: Vec<String>,
    /// A file with a public key of the signer, or a certificate; may be given several times
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// The root key of repositories that are initialised; without it, the first one there is, else a new one
    #[arg(long, value_name = "KEY ID")]
    root_key: Option<KeyId>,
}

/// Adds, repository by repository; one that fails does not keep the others from it.
///
/// Source: docker/cli `cli/command/trust/signer_add.go`.
pub(crate) async fn run(args: Args, app: &App, face: Face) -> anyhow::Result<ExitStatus> {
    let name = &args.name;
    if !is_signer_name(name) {
        return Err(SigningError::Name { what: "signer", name: name.clone() }.into());
    }
    if name == "releases" {
        return Err(SigningError::Reserved(name.clone()).into());
    }
    if args.keys.is_empty() {
        return Err(SigningError::NoPublicKey.into());
    }
    let start = UpdateStart(app.context().now());
    let keys = args.keys.iter().map(|path| read(path, start)).collect::<anyhow::Result<Vec<_>>>()?;
    let role: RoleName = format!("targets/{name}").parse()?;
    let (mut failed, mut worst) = (Vec::new(), ExitStatus::Success);
    for repository in &args.repositories {
        app.printer().status(format_args!("Adding signer \"{name}\" to {repository}..."))?;
        match add(&role, &keys, repository, args.root_key, app).await {
            Ok(()) => {
                app.printer().status(format_args!("Successfully added signer: {name} to {repository}\n"))?;
            }
            Err(error) => {
                let status = face.tell(&error, app);
                worst = if status.code() > worst.code() { status } else { worst };
                failed.push(repository.clone());
            }
        }
    }
    if failed.is_empty() {
        return Ok(ExitStatus::Success);
    }
    Err(SigningError::Some { what: "failed to add signer to", repositories: failed, worst }.into())
}

async fn add(
    role: &RoleName,
    keys: &[PublicKey],
    repository: &str,
    root_key: Option<KeyId>,
    app: &App,
) -> anyhow::Result<()> {
    let gun = without_digest(repository)?.gun();
    let root_key = root_key.map_or(RootKey::FirstOrNew, RootKey::Existing);
    let publisher = app.publisher_with(&gun, root_key, Some(SnapshotKey::Server))?;
    let (printer, now) = (app.printer(), app.context().now());
    let is_new = !publisher.exists(now).await.map_err(of_publisher)?;
    if is_new {
        printer.status(format_args!("Initializing signed repository for {repository}..."))?;
    }
    let added = publisher.add_signer(role, keys, now).await.map_err(of_publisher)?;
    if is_new {
        printer.status(format_args!("Successfully initialized \"{repository}\""))?;
    }
    if !added.is_changed() {
        printer.say("The signer is one already, with these keys; nothing was changed");
    }
    if publisher.awaits_first_signature(now).await.unwrap_or(false) {
        printer.warn(format_args!(
            "nothing is pulled from {repository} until a signer has signed: `{}` is delegated and has no file yet",
            RoleName::releases()
        ));
    }
    tell_published(&added, app);
    Ok(())
}

fn read(path: &Path, start: UpdateStart) -> anyhow::Result<PublicKey> {
    let mut text = Vec::new();
    let unread = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => anyhow::anyhow!("open {}: no such file or directory", path.display()),
        _ => anyhow::anyhow!("open {}: {error}", path.display()),
    };
    let opened = File::open(path).and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut text));
    opened.map_err(unread).context("unable to read public key from file")?;
    public_key_file::read(&text, start)
        .with_context(|| format!("could not parse public key from file: {}", path.display()))
}
