//! `trust sign`: says what a tag means.
//!
//! A tag that is signed already is signed again by whoever has keys here, as it is. Any other is pushed by the engine and
//! signed as a push does, or, if asked to, taken as the registry has it.
//!
//! Source: docker/cli `cli/command/trust/sign.go`.

use std::slice::from_ref;

use anyhow::Context as _;
use countersign_client::inspect::signer_name;
use countersign_client::publisher::{Publisher, RootKey, SignedOutcome, TagStanding, TagToSign};
use countersign_core::key::KeyId;
use countersign_core::name::{RoleName, TargetName};
use countersign_core::trust::TrustedTarget;
use countersign_engine::EngineError;
use countersign_registry::credentials::server_key;
use countersign_registry::reference::ImageReference;

use super::error::of_publisher;
use super::{Face, SigningError, confirmed, is_signer_name, offered, tell_published, without_digest};
use crate::app::App;
use crate::commands::push;
use crate::engine::EngineArgs;
use crate::exit::ExitStatus;
use crate::policy::SnapshotKey;

/// Sign what a tag means, with every key that is here
///
/// A tag that is signed already is signed again as it is; another one is pushed first. A repository that nobody has signed yet is
/// initialised, with you as its first signer.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image: NAME:TAG
    #[arg(value_name = "REF")]
    image: String,
    /// Push and sign the local image, whatever the tag means so far
    #[arg(long)]
    local: bool,
    /// Sign what the tag means in the registry, once you have looked at it; nothing is pulled or pushed
    #[arg(long, conflicts_with = "local")]
    from_registry: bool,
    /// Do not prompt for confirmation
    #[arg(long, short)]
    yes: bool,
    /// The name of the first signer; without it, your name at the registry
    #[arg(long, value_name = "NAME")]
    signer: Option<String>,
    /// The root key of a repository that is initialised; without it, the first one there is, else a new one
    #[arg(long, value_name = "KEY ID")]
    root_key: Option<KeyId>,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Signs.
pub(crate) async fn run(args: Args, app: &App, face: Face) -> anyhow::Result<ExitStatus> {
    let image = without_digest(&args.image)?;
    let Some(tag) = image.tag() else { return Err(SigningError::NoTag(args.image).into()) };
    let tag = TargetName::from(tag.to_owned());
    let publisher = app.publisher(&image.gun(), None)?;
    let standing = publisher.standing(&tag, app.context().now()).await.map_err(of_publisher)?;
    if args.from_registry {
        return from_registry(&args, &image, &tag, &standing, &publisher, app, face).await;
    }
    match standing {
        TagStanding::Signed { target, signers } if !args.local => {
            again(&args.image, &target, &signers, &publisher, app).await?;
        }
        standing => {
            let engine = app.engine(&args.engine).await?;
            if engine.resolve(&image).await?.is_none() {
                return Err(EngineError::NoSuchImage(image).into());
            }
            if standing == TagStanding::NoCollection {
                initialise(&args, &image, app).await?;
            }
            app.printer().say(format_args!(
                "Signing and pushing trust data for local image {}, may overwrite remote trust data",
                args.image
            ));
            push::push_and_sign(from_ref(&image), None, engine, app).await?;
        }
    }
    Ok(ExitStatus::Success)
}

/// Signs again what the tag means already.
async fn again(
    typed: &str,
    target: &TrustedTarget,
    signers: &[RoleName],
    publisher: &Publisher,
    app: &App,
) -> anyhow::Result<()> {
    let printer = app.printer();
    printer.status(format_args!("Signing and pushing trust metadata for {typed}"))?;
    let names: Vec<_> = signers.iter().filter(|role| role.is_delegation()).map(signer_name).collect();
    printer.status(format_args!(
        "Existing signatures for tag {} digest {} from:\n{}",
        target.name.as_str(),
        target.digest.hex(),
        names.join(", ")
    ))?;
    publish(
        &TagToSign { tag: target.name.clone(), digest: target.digest, size: target.length },
        typed,
        publisher,
        app,
    )
    .await
}

/// Signs what the registry has under the tag, if somebody who has seen it agrees.
async fn from_registry(
    args: &Args,
    image: &ImageReference,
    tag: &TargetName,
    standing: &TagStanding,
    publisher: &Publisher,
    app: &App,
    face: Face,
) -> anyhow::Result<ExitStatus> {
    let found = offered::resolve(image, app).await?;
    let before = match standing {
        TagStanding::Signed { target, .. } => Some(target.digest),
        _ => None,
    };
    app.printer().tell(offered::description(&args.image, &found, before));
    if !args.yes && !confirmed(app, &format!("Sign this as {}?", args.image)) {
        return Ok(face.cancelled());
    }
    if *standing == TagStanding::NoCollection {
        initialise(args, image, app).await?;
    }
    let descriptor = found.manifest.descriptor();
    let tag = TagToSign { tag: tag.clone(), digest: found.manifest.digest(), size: descriptor.size };
    app.printer().status(format_args!("Signing and pushing trust metadata for {}", args.image))?;
    publish(&tag, &args.image, publisher, app).await?;
    Ok(ExitStatus::Success)
}

/// Publishes a signature, and says so.
pub(super) async fn publish(
    tag: &TagToSign,
    typed: &str,
    publisher: &Publisher,
    app: &App,
) -> anyhow::Result<()> {
    let image = without_digest(typed)?;
    let failed = || format!("failed to sign {}:{}", image.name(), tag.tag.as_str());
    let published = publisher.countersign(tag, app.context().now()).await.map_err(of_publisher);
    let published = published.with_context(failed)?;
    match &published.outcome {
        SignedOutcome::AlreadySigned { signers } => {
            let signers: Vec<_> = signers.iter().map(RoleName::as_str).collect();
            app.printer().status(format_args!("Already signed {image} by {}", signers.join(", ")))?;
        }
        _ => app.printer().status(format_args!("Successfully signed {image}"))?,
    }
    tell_published(&published, app);
    if app.printer().is_quiet() {
        app.printer().data(image)?;
    }
    Ok(())
}

/// Makes a collection with its first signer: whoever is logged in at the registry.
async fn initialise(args: &Args, image: &ImageReference, app: &App) -> anyhow::Result<()> {
    let name = if let Some(name) = &args.signer {
        name.clone()
    } else {
        let credentials = app.credentials().lookup(server_key(image.domain())).await?;
        let domain = image.domain().to_owned();
        credentials.username().map(str::to_owned).ok_or(SigningError::Nobody { domain })?
    };
    if !is_signer_name(&name) {
        return Err(SigningError::Name { what: "signer", name }.into());
    }
    if name == "releases" {
        return Err(SigningError::Reserved(name).into());
    }
    let root_key = args.root_key.map_or(RootKey::FirstOrNew, RootKey::Existing);
    let publisher = app.publisher_with(&image.gun(), root_key, Some(SnapshotKey::Server))?;
    let role = format!("targets/{name}").parse()?;
    let made = publisher.add_own_signer(&role, app.context().now()).await.map_err(of_publisher)?;
    app.printer().status(format_args!("Created signer: {name}"))?;
    app.printer().status(format_args!("Finished initializing signed repository for {}", args.image))?;
    tell_published(&made, app);
    Ok(())
}
