//! `trust signer remove`: lets somebody's keys sign no more.

use anyhow::Context as _;
use countersign_client::publisher::{Publisher, PublisherError, Unpullable};
use countersign_core::name::RoleName;

use super::super::error::of_publisher;
use super::super::{Face, SigningError, confirmed, tell_published, without_digest};
use crate::app::App;
use crate::exit::ExitStatus;

/// Remove a signer from repositories
///
/// What only the signer had signed is signed again, if another key that may is here; otherwise you are asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The signer's name
    name: String,
    /// The repositories
    #[arg(value_name = "REPOSITORY", required = true)]
    repositories: Vec<String>,
    /// Do not prompt for confirmation before removing the most recent signer
    #[arg(long, short)]
    force: bool,
}

/// Removes, repository by repository.
///
/// Deviation: Docker 26 to 29 remove nobody unless they have asked; test `signer_is_really_removed`.
///
/// Source: docker/cli `cli/command/trust/signer_remove.go`.
pub(crate) async fn run(args: Args, app: &App, face: Face) -> anyhow::Result<ExitStatus> {
    let name = &args.name;
    let (mut failed, mut worst, mut cancelled) = (Vec::new(), ExitStatus::Success, false);
    for repository in &args.repositories {
        app.printer().status(format_args!("Removing signer \"{name}\" from {repository}..."))?;
        match remove(&args, repository, app).await {
            Ok(true) => {
                app.printer().status(format_args!("Successfully removed {name} from {repository}\n"))?;
            }
            Ok(false) => cancelled = true,
            Err(error) => {
                let status = face.tell(&error, app);
                worst = if status.code() > worst.code() { status } else { worst };
                failed.push(repository.clone());
            }
        }
    }
    if !failed.is_empty() {
        let what = "error removing signer from";
        return Err(SigningError::Some { what, repositories: failed, worst }.into());
    }
    Ok(if cancelled { face.cancelled() } else { ExitStatus::Success })
}

/// Removes the signer from one repository; `false` if that was not wanted in the end.
async fn remove(args: &Args, repository: &str, app: &App) -> anyhow::Result<bool> {
    if args.name == "releases" {
        return Err(SigningError::Releases.into());
    }
    let nobody = || anyhow::anyhow!("no signer {} for repository {repository}", args.name.escape_default());
    let role: RoleName = format!("targets/{}", args.name).parse().map_err(|_| nobody())?;
    let publisher = app.publisher(&without_digest(repository)?.gun(), None)?;
    let unpullable = if args.force { Unpullable::Accepted } else { Unpullable::Refused };
    if attempt(&publisher, &role, unpullable, args, repository, app).await?.is_some() {
        return Ok(true);
    }
    let question = format!(
        "The signer \"{}\" signed the last released version of {repository}. Removing this signer will make {repository} \
         unpullable. Are you sure you want to continue?",
        args.name
    );
    if !confirmed(app, &question) {
        return Ok(false);
    }
    attempt(&publisher, &role, Unpullable::Accepted, args, repository, app).await?;
    Ok(true)
}

/// Tries to remove the signer; `None` if that needs consent.
async fn attempt(
    publisher: &Publisher,
    role: &RoleName,
    unpullable: Unpullable,
    args: &Args,
    repository: &str,
    app: &App,
) -> anyhow::Result<Option<()>> {
    match publisher.remove_signer(role, unpullable, app.context().now()).await {
        Ok(removed) => {
            tell_published(&removed, app);
            Ok(Some(()))
        }
        Err(PublisherError::LastSigner(_)) if unpullable == Unpullable::Refused => Ok(None),
        Err(PublisherError::NoSuchSigner(_)) => {
            Err(anyhow::anyhow!("no signer {} for repository {repository}", args.name))
        }
        Err(error @ PublisherError::Update(_)) => {
            Err(of_publisher(error)).with_context(|| format!("error retrieving signers for {repository}"))
        }
        Err(error) => Err(of_publisher(error)),
    }
}
