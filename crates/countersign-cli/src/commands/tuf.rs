//! `tuf`: any repository of the TUF specification, 1.0.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use countersign_client::tuf::{Downloaded, TufError, TufRepository, TufStore, TufUpdater, TufView};
use countersign_core::limits::Limits;
use countersign_core::name::TargetName;
use countersign_core::time::UpdateStart;

use crate::app::App;
use crate::exit::ExitStatus;
use crate::time;

/// Most roles that one file of a repository may delegate to: large ones have 16,384 bins.
const DELEGATIONS: usize = 1 << 15;

/// Use any repository that follows The Update Framework, 1.0
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Refresh(RefreshArgs),
    Get(GetArgs),
}

/// Bring the metadata of a repository up to date
#[derive(Debug, clap::Args)]
struct RefreshArgs {
    #[command(flatten)]
    repository: RepositoryArgs,
    /// Print JSON: the version and the expiry of each role
    #[arg(long)]
    json: bool,
}

/// Download files from a repository, and nothing but what was signed
///
/// Each file goes to its name's path below the directory, and its path is printed. One that is there already is not fetched.
#[derive(Debug, clap::Args)]
struct GetArgs {
    #[command(flatten)]
    repository: RepositoryArgs,
    /// The files, by the names that the repository gives them
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Where files are; without it, in `targets/` below the metadata
    #[arg(long, value_name = "URL")]
    targets_url: Option<String>,
    /// The directory that they go to
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

#[derive(Debug, clap::Args)]
struct RepositoryArgs {
    /// Where its metadata is
    #[arg(value_name = "URL")]
    metadata_url: String,
    /// The root file to begin with, from somebody you trust; needed the first time, and not read later
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// Where what is trusted of it is kept; without it, below `countersign/tuf` in your data directory
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// Runs the verb below `tuf`.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    match args.command {
        Command::Refresh(args) => refresh(&args, app).await,
        Command::Get(args) => get(&args, app).await,
    }
}

async fn refresh(args: &RefreshArgs, app: &App) -> anyhow::Result<ExitStatus> {
    let view = view(&args.repository, None, app).await?;
    if args.json {
        let roles = view.versions().into_iter().map(|(role, version, expires)| {
            let role_json = serde_json::json!({"version": version, "expires": expires.to_string()});
            (role.name().to_owned(), role_json)
        });
        app.printer().data(serde_json::Value::Object(roles.collect()))?;
        return Ok(ExitStatus::Success);
    }
    let versions: Vec<_> =
        view.versions().iter().map(|(role, version, _)| format!("{role} {version}")).collect();
    let expiry = view.versions().into_iter().map(|(_, _, expires)| expires).min();
    let fresh = expiry.map(|expiry| format!(", fresh until {}", time::minute(expiry))).unwrap_or_default();
    app.printer().say(format_args!("{}: {}{fresh}", args.repository.metadata_url, versions.join(", ")));
    Ok(ExitStatus::Success)
}

async fn get(args: &GetArgs, app: &App) -> anyhow::Result<ExitStatus> {
    let mut view = view(&args.repository, args.targets_url.as_deref(), app).await?;
    for name in &args.names {
        let target = view.find(&TargetName::from(name.clone())).await?;
        let downloaded = view.download(&target, &args.dir).await?;
        if let Downloaded::Present(path) = &downloaded {
            app.printer().say(format_args!("{} is what was signed already", path.display()));
        }
        app.printer().data(downloaded.path().display())?;
    }
    Ok(ExitStatus::Success)
}

async fn view(args: &RepositoryArgs, targets: Option<&str>, app: &App) -> anyhow::Result<TufView> {
    let repository = TufRepository::new(app.http()?, &args.metadata_url, targets)?;
    let state = match &args.state {
        Some(dir) => dir.clone(),
        None => app.context().data_dir()?.join("tuf").join(repository.directory_name()),
    };
    let store = TufStore::new(state);
    if let (Some(root), false) = (&args.root, store.is_begun().await.map_err(TufError::Store)?) {
        let bytes = fs::read(root).with_context(|| format!("cannot read the root `{}`", root.display()))?;
        store.begin(bytes.into()).await.map_err(TufError::Store)?;
    }
    let start = UpdateStart(app.context().now());
    let limits = Limits { delegations: DELEGATIONS, ..Limits::default() };
    Ok(TufUpdater::new(repository, store, limits).refresh(start).await?)
}
