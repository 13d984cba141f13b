#![doc = include_str!("../README.md")]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use countersign_client::tuf::{TufRepository, TufStore, TufUpdater, TufView};
use countersign_core::limits::Limits;
use countersign_core::name::TargetName;
use countersign_core::time::{DateTime, UpdateStart};
use countersign_registry::http::{HttpClient, HttpConfig};

/// The client under test of the TUF conformance suite.
///
/// Source: tuf-conformance `CLIENT-CLI.md`.
#[derive(Debug, Parser)]
struct Cli {
    /// Where trusted metadata is kept
    #[arg(long, value_name = "DIR")]
    metadata_dir: PathBuf,
    /// The address of the repository's metadata
    #[arg(long, value_name = "URL", default_value = "")]
    metadata_url: String,
    /// A target to download; may be repeated
    #[arg(long, value_name = "NAME")]
    target_name: Vec<String>,
    /// The address of the repository's targets
    #[arg(long, value_name = "URL")]
    target_base_url: Option<String>,
    /// Where targets go
    #[arg(long, value_name = "DIR", default_value = ".")]
    target_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Begin with a root that is trusted
    Init {
        /// The root file
        root: PathBuf,
    },
    /// Bring the top-level roles up to date
    Refresh,
    /// Download targets
    Download,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let store = TufStore::new(&cli.metadata_dir);
    match &cli.command {
        Command::Init { root } => {
            let root = fs::read(root).with_context(|| format!("cannot read `{}`", root.display()))?;
            store.begin(root.into()).await?;
        }
        Command::Refresh => drop(refresh(&cli, store).await?),
        Command::Download => {
            let mut view = refresh(&cli, store).await?;
            for name in &cli.target_name {
                let target = view.find(&TargetName::from(name.clone())).await?;
                view.download(&target, &cli.target_dir).await?;
            }
        }
    }
    Ok(())
}

async fn refresh(cli: &Cli, store: TufStore) -> anyhow::Result<TufView> {
    let http = HttpClient::new(HttpConfig::from_lookup(|name| std::env::var_os(name))?);
    let repository = TufRepository::new(http, &cli.metadata_url, cli.target_base_url.as_deref())?;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let now = DateTime::from_unix_ns(since.as_nanos().try_into()?).context("the clock is out of range")?;
    Ok(TufUpdater::new(repository, store, Limits::default()).refresh(UpdateStart(now)).await?)
}

#[expect(clippy::print_stderr, reason = "the suite shows it")]
fn report(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
